package filelock_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/filelock"
	"github.com/coderrange/ferrous/internal/testkit"
)

// open opens a file, which need not exist, until the test ends.
func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() }) // a test may have closed it
	return f
}

func TestAFileIsLockedThroughOneOpenFileAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	a, b := open(t, path), open(t, path)
	require.NoError(t, filelock.TryLock(a))
	err := filelock.TryLock(b)
	require.ErrorIs(t, err, filelock.ErrLocked)
	require.EqualError(t, err, "lock "+path+": filelock: file is locked")
	require.NoError(t, filelock.Unlock(a))
	require.NoError(t, filelock.TryLock(b))
	require.ErrorIs(t, filelock.TryLock(a), filelock.ErrLocked)
	require.NoError(t, b.Close())
	require.NoError(t, filelock.TryLock(a), "the end of the open file is the end of its lock")
}

func TestALockedFileCanBeReadAndWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	f := open(t, path)
	require.NoError(t, filelock.TryLock(f))
	_, err := f.WriteString("before")
	require.NoError(t, err)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "before", string(text))
	require.NoError(t, os.WriteFile(path, []byte("after"), 0o600))
	require.NoError(t, f.Truncate(0))
	require.NoError(t, filelock.Unlock(f))
}

func TestADirectoryIsLockedAsAFileIs(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows opens no directory as a file")
	}
	dir := t.TempDir()
	a, err := os.Open(dir)
	require.NoError(t, err)
	b, err := os.Open(dir)
	require.NoError(t, err)
	require.NoError(t, filelock.TryLock(a))
	require.ErrorIs(t, filelock.TryLock(b), filelock.ErrLocked)
	require.NoError(t, a.Close())
	require.NoError(t, filelock.TryLock(b))
	require.NoError(t, b.Close())
}

func TestAClosedFileIsNotLocked(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "file"))
	require.NoError(t, f.Close())
	require.ErrorContains(t, filelock.TryLock(f), "lock "+f.Name()+": ")
	require.ErrorContains(t, filelock.Unlock(f), "unlock "+f.Name()+": ")
}

// child is where a process that the test runs finds the file.
const child = "FERROUS_FILELOCK_PATH"

func TestALockKeepsOtherProcessesOutAndEndsWithItsProcess(t *testing.T) {
	if path := os.Getenv(child); path != "" {
		f := open(t, path)
		fmt.Println("lock", filelock.TryLock(f))
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	path := filepath.Join(t.TempDir(), "file")
	f := open(t, path)
	start := func() (first string, end func(kill bool)) {
		cmd := testkit.Self(t, "-test.run=^"+t.Name()+"$")
		cmd.Env, cmd.Stderr = append(os.Environ(), child+"="+path), os.Stderr
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(out)
		require.True(t, lines.Scan())
		return lines.Text(), func(kill bool) {
			if kill {
				require.NoError(t, cmd.Process.Kill())
				require.Error(t, cmd.Wait())
			} else {
				require.NoError(t, in.Close())
				for lines.Scan() { // to its end
				}
				require.NoError(t, cmd.Wait())
			}
		}
	}
	for _, kill := range []bool{false, true} {
		said, end := start()
		require.Equal(t, "lock <nil>", said)
		require.ErrorIs(t, filelock.TryLock(f), filelock.ErrLocked)
		end(kill)
		require.NoError(t, filelock.TryLock(f))
		said, end = start()
		require.Equal(t, "lock lock "+path+": "+filelock.ErrLocked.Error(), said)
		end(true)
		require.NoError(t, filelock.Unlock(f))
	}
}

func TestAnOwnerIsToldAsItWasWritten(t *testing.T) {
	self := filelock.Self()
	assert.Equal(t, os.Getpid(), self.PID)
	assert.Equal(t, self, filelock.DecodeOwner(self.Encode()))
	o := filelock.Owner{PID: 7, Host: "box", Program: "seller", Since: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)}
	assert.Equal(t, "process 7 (seller) on host box since 2026-01-02T03:04:05Z", o.String())
	assert.Equal(t, o, filelock.DecodeOwner(o.Encode()))
	o.Since = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, text := range []string{"", `{"pid":1,`, `{"pid":1,"host":2}`, "[]", string(o.Encode())} {
		assert.Zero(t, filelock.DecodeOwner([]byte(text)), text)
	}
	assert.Equal(t, "another process", filelock.Owner{}.String())
}
