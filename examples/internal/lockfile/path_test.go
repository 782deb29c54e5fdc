//go:build unix

package lockfile

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryWayToAFileResolvesToIt(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	in := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, os.Mkdir(in("real"), 0o700))
	for link, target := range map[string]string{
		"dir": "real", "relative": "real/file", "absolute": in("real/file"), "twice": "relative",
		"real/up": "../real/file", "throughdir": "dir/up", "loop": "loop", "ping": "pong", "pong": "ping",
	} {
		require.NoError(t, os.Symlink(target, in(link)))
	}
	resolveAll := func() {
		for _, name := range []string{"real/file", "dir/file", "relative", "absolute", "twice", "real/up", "dir/up", "throughdir"} {
			got, err := Resolve(in(name))
			require.NoError(t, err)
			assert.Equal(t, in("real/file"), got, name)
		}
	}
	resolveAll() // it does not exist
	require.NoError(t, os.WriteFile(in("real/file"), nil, 0o600))
	resolveAll()
	for _, name := range []string{"loop", "ping"} {
		_, err := Resolve(in(name))
		require.Error(t, err, name)
	}
	_, err = Resolve(in("real/file/below"))
	require.ErrorIs(t, err, syscall.ENOTDIR)
	got, err := Resolve(in("nowhere/file"))
	require.NoError(t, err)
	assert.Equal(t, in("nowhere/file"), got)
}

func TestOnlyRegularFilesAreOpened(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	file, err := Regular(path, os.O_RDWR|os.O_CREATE, 10)
	require.NoError(t, err)
	require.NoError(t, file.Truncate(10))
	require.NoError(t, file.Close())
	file, err = Regular(path, os.O_RDONLY, 10)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	_, err = Regular(path, os.O_RDONLY, 9)
	require.ErrorContains(t, err, "has 10 bytes, more than 9")
	fifo := filepath.Join(dir, "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	for _, flag := range []int{os.O_RDONLY, os.O_RDWR} {
		_, err = Regular(fifo, flag, 10)
		require.ErrorContains(t, err, "is not a regular file")
		_, err = Regular(dir, flag, 10)
		require.ErrorContains(t, err, "is a directory")
	}
	_, err = Regular(filepath.Join(dir, "none"), os.O_RDONLY, 10)
	require.ErrorIs(t, err, os.ErrNotExist)
}
