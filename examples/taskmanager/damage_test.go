//go:build unix

package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/examples/internal/lockfile"
	"github.com/coderrange/ferrous/internal/testkit"
)

func TestProcessesAtOnceKeepAllTasks(t *testing.T) {
	p := build(t)
	const adds = 20
	var wg sync.WaitGroup
	for i := range adds {
		wg.Go(func() {
			out, err := p.command(t, "add", fmt.Sprint("task ", i)).CombinedOutput()
			assert.NoError(t, err, string(out))
		})
	}
	wg.Wait()
	m, err := Load(filepath.Join(p.dir, "tasks.json"))
	require.NoError(t, err)
	assert.Equal(t, adds, m.LastID)
	titles := map[string]bool{}
	for _, task := range m.Tasks {
		titles[task.Title] = true
	}
	assert.Len(t, titles, adds)
	assert.Equal(t, []string{"tasks.json"}, p.files(t), "no lock is left")
}

func TestAKilledProcessLosesNothingAndLeavesNoLock(t *testing.T) {
	p := build(t)
	printed := 0
	for i := range 30 {
		cmd := p.command(t, "add", "x")
		var out strings.Builder
		cmd.Stdout = &out
		require.NoError(t, cmd.Start())
		moment := time.AfterFunc(time.Duration(i)*200*time.Microsecond, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		moment.Stop()
		if out.Len() > 0 {
			printed++
		}
	}
	_, stderr, status := p.run(t, "add", "last")
	require.Zero(t, status, stderr)
	m, err := Load(filepath.Join(p.dir, "tasks.json"))
	require.NoError(t, err)
	assert.GreaterOrEqual(t, len(m.Tasks), printed+1, "what was printed is kept")
	assert.Equal(t, []string{"tasks.json"}, p.files(t), "what was left is gone")
}

func TestAWaitForAnotherProcessEndsWithASignal(t *testing.T) {
	p := build(t)
	path := filepath.Join(p.dir, "tasks.json")
	lock, err := lockfile.TryLock(path + ".lock")
	require.NoError(t, err)
	defer func() { assert.NoError(t, lock.Unlock()) }()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, run(ctx, []string{"-file", path, "add", "x"}, new(strings.Builder), time.Now()), context.Canceled)
	stdout, stderr, status := p.run(t, "list")
	assert.Zero(t, status, stderr)
	assert.Empty(t, stdout, "who only reads does not wait")
}

func TestAFullDiskLeavesTheOldFile(t *testing.T) {
	p := build(t)
	_, _, status := p.run(t, "add", "first")
	require.Zero(t, status)
	before, err := os.ReadFile(filepath.Join(p.dir, "tasks.json"))
	require.NoError(t, err)
	// The shell sets the limit, of one block, for what it starts.
	cmd := testkit.Command(t, "sh", "-c", `ulimit -f 1; exec "$0" add "$1"`, p.path, strings.Repeat("x", 4000))
	cmd.Dir = p.dir
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, string(out))
	assert.Equal(t, 1, exit.ExitCode())
	assert.Contains(t, string(out), "taskmanager: cannot save tasks.json: ")
	assert.Equal(t, 1, strings.Count(string(out), "\n"), string(out))
	after, err := os.ReadFile(filepath.Join(p.dir, "tasks.json"))
	require.NoError(t, err)
	assert.Equal(t, string(before), string(after))
	assert.Equal(t, []string{"tasks.json"}, p.files(t))
}

func TestOtherKindsOfFilesAreRefused(t *testing.T) {
	p := build(t)
	fifo := filepath.Join(p.dir, "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	for _, path := range []string{fifo, "/dev/null", "/dev/full"} {
		for _, command := range []string{"list", "add x"} {
			_, stderr, status := p.run(t, append([]string{"-file", path}, strings.Fields(command)...)...)
			assert.Equal(t, 1, status, path)
			assert.Contains(t, stderr, "is not a regular file", path)
		}
	}
}

func TestAFileKeepsItsModeAndALinkStaysALink(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "tasks.json"), filepath.Join(dir, "link")
	require.NoError(t, os.WriteFile(path, []byte(`{"tasks":[]}`), 0o600))
	require.NoError(t, os.Chmod(path, 0o664))
	require.NoError(t, os.Symlink(path, link))
	require.NoError(t, run(t.Context(), []string{"-file", link, "add", "x"}, new(strings.Builder), time.Now()))
	info, err := os.Lstat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o664), info.Mode())
	info, err = os.Lstat(link)
	require.NoError(t, err)
	assert.NotZero(t, info.Mode()&os.ModeSymlink)
}

func TestALinkToAFileThatIsYetToBeMadeStaysALink(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "tasks.json"), filepath.Join(dir, "link")
	require.NoError(t, os.Symlink("tasks.json", link))
	require.NoError(t, run(t.Context(), []string{"-file", link, "add", "x"}, new(strings.Builder), time.Now()))
	info, err := os.Lstat(path)
	require.NoError(t, err)
	assert.True(t, info.Mode().IsRegular())
	info, err = os.Lstat(link)
	require.NoError(t, err)
	assert.NotZero(t, info.Mode()&os.ModeSymlink)
}

func TestAHugeFileIsRefusedUnread(t *testing.T) {
	p := build(t)
	path := filepath.Join(p.dir, "tasks.json")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	if err := os.Truncate(path, 1<<40); err != nil {
		t.Skip(err)
	}
	for _, command := range []string{"list", "add x"} {
		_, stderr, status := p.run(t, append([]string{"-file", path}, strings.Fields(command)...)...)
		assert.Equal(t, 1, status)
		assert.Contains(t, stderr, "has 1099511627776 bytes, more than 67108864")
	}
}

func TestNoMoreIsSavedThanCanBeLoaded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tasks.json")
	m := TaskManager{Tasks: []Task{{ID: 1, Title: strings.Repeat("x", maxFile)}}, LastID: 1}
	require.ErrorContains(t, m.Save(path), "there are too many tasks")
	assert.NoFileExists(t, path)
}

func TestIDsDoNotOverflow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.json")
	text := fmt.Sprintf(`{"tasks":[{"id":%d,"title":"a"}],"last_id":%d}`, math.MaxInt, math.MaxInt)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	require.ErrorIs(t, run(t.Context(), []string{"-file", path, "add", "x"}, new(strings.Builder), time.Now()), ErrNoMoreIDs)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, text, string(after))
	require.NoError(t, run(t.Context(), []string{"-file", path, "done", fmt.Sprint(math.MaxInt)}, new(strings.Builder), time.Now()))
}

// TestTwoAtOnceInOneProcess shows that the lock is of the file, not of the process.
func TestTwoAtOnceInOneProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.json")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			assert.NoError(t, run(t.Context(), []string{"-file", path, "add", "x"}, new(strings.Builder), time.Now()))
		})
	}
	wg.Wait()
	m, err := Load(path)
	require.NoError(t, err)
	assert.Len(t, m.Tasks, 8)
}
