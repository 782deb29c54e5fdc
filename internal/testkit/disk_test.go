package testkit_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
)

func TestAnOwnDiskIsAsLargeAsItIsMade(t *testing.T) {
	dir, inside := testkit.OwnDisk(t, 64<<10)
	if !inside {
		return
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
	path := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(path, make([]byte, 60<<10), 0o600))
	require.ErrorContains(t, os.WriteFile(path, make([]byte, 68<<10), 0o600), "no space left on device")
	testkit.ResizeDisk(t, dir, 128<<10)
	require.NoError(t, os.WriteFile(path, make([]byte, 68<<10), 0o600))
}

// ending is a test that notes how it was ended.
type ending struct {
	testing.TB
	how string
}

func (e *ending) Fatal(a ...any) { e.end("fatal: ", a) }

func (e *ending) Skip(a ...any) { e.end("skip: ", a) }

func (e *ending) end(how string, a []any) {
	if e.how == "" {
		e.how = how + fmt.Sprint(a...)
	}
}

func TestMountsThatAreMissingAreSkippedUnlessTheyAreRequired(t *testing.T) {
	for value, want := range map[string]string{
		"":  "skip: no mounts: not permitted",
		"0": "skip: no mounts: not permitted",
		"1": "fatal: no mounts, which FERROUS_REQUIRE_MOUNTS asks for: not permitted",
	} {
		t.Setenv("FERROUS_REQUIRE_MOUNTS", value)
		e := &ending{TB: t}
		testkit.NoMounts(e, errors.New("not permitted"))
		assert.Equal(t, want, e.how)
	}
}
