package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/coderrange/ferrous/track"
)

var update = flag.Bool("update", false, "write docs/diagrams anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEverySceneHasCodeWordsAndAPicture(t *testing.T) {
	track.Check(t)
	seen := map[string]bool{}
	for _, s := range play("") {
		assert.False(t, seen[s.name], s.name)
		seen[s.name] = true
		assert.NotEmpty(t, s.page, s.name)
		assert.NotEmpty(t, s.title, s.name)
		assert.NotEmpty(t, s.says, s.name)
		assert.NotEmpty(t, s.theirs, s.name)
		assert.NotEmpty(t, s.ours, s.name)
		require.NotEmpty(t, s.steps, s.name)
		for _, step := range s.steps {
			assert.Zero(t, step.Picture.Cut, s.name)
			assert.NotContains(t, step.Picture.Text(200), "panicked", s.name)
		}
	}
	assert.GreaterOrEqual(t, len(seen), 55)
}

// TestDocsShowWhatTheProgramDraws compares docs/diagrams with the program. What is
// read-only data and what is on the heap is the compiler's choice, so it does so
// on one system only, without the race detector.
func TestDocsShowWhatTheProgramDraws(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" || raceEnabled {
		t.Skip("the pictures of docs/diagrams are of linux/amd64")
	}
	const docs = "../../docs/diagrams"
	if *update {
		require.NoError(t, os.RemoveAll(docs))
		require.NoError(t, write(docs, play("")))
	}
	dir := t.TempDir()
	require.NoError(t, write(dir, play("")))
	made, err := os.ReadDir(dir)
	require.NoError(t, err)
	kept, err := os.ReadDir(docs)
	require.NoError(t, err)
	assert.Len(t, kept, len(made), "files of scenes that are gone, or not there yet")
	for _, f := range made {
		want, err := os.ReadFile(filepath.Join(dir, f.Name()))
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(docs, f.Name()))
		require.NoError(t, err)
		if !bytes.Equal(want, got) {
			t.Errorf("%s is old: go test ./examples/memory -update", f.Name())
		}
	}
}

func TestTheProgramPrintsAScene(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{"-only", "rc"}, &out))
	assert.Contains(t, out.String(), "strong  3")
	assert.NotContains(t, out.String(), "RwLock")
	require.Error(t, run(t.Context(), []string{"-only", "none"}, &out))
	dir := filepath.Join(t.TempDir(), "new", "folder")
	require.NoError(t, run(t.Context(), []string{"-only", "rc", "-dir", dir}, &out))
	assert.FileExists(t, filepath.Join(dir, "rc.svg"))
	file := filepath.Join(dir, "index.html")
	require.NoError(t, run(t.Context(), []string{"-only", "rc", "-page", file}, &out))
	assert.FileExists(t, file)
	require.Error(t, run(t.Context(), []string{"-dir", file}, &out), "a file is no folder")
}
