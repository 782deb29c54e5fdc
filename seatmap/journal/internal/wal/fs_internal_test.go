package wal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryNewNameOfADirectoryIsSynced ends a process after each step of making a
// directory, and begins again.
func TestEveryNewNameOfADirectoryIsSynced(t *testing.T) {
	killed := errors.New("killed")
	for steps := 0; ; steps++ {
		base := t.TempDir()
		path := filepath.Join(base, "a", "b", "c")
		synced := map[string]bool{} // the names that are permanent
		left := steps
		sync := func(dir string) error {
			if left--; left < 0 {
				return killed
			}
			entries, err := os.ReadDir(dir)
			for _, e := range entries {
				synced[filepath.Join(dir, e.Name())] = true
			}
			return err
		}
		first := makeDir(path, sync)
		left = 100
		require.NoError(t, makeDir(path, sync))
		for p := path; p != base; p = filepath.Dir(p) {
			require.True(t, synced[p], "%s after %d steps", p, steps)
		}
		if first == nil {
			require.Greater(t, steps, 3)
			return
		}
	}
}

// TestRoomIsWrittenWhereItCannotBeAllocated is for systems without fallocate.
func TestRoomIsWrittenWhereItCannotBeAllocated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	f, err := os.Create(path)
	require.NoError(t, err)
	want := []byte("content")
	_, err = f.Write(want)
	require.NoError(t, err)
	for _, size := range []int{3, 1000, len(zeros), len(zeros) + 999, 3*len(zeros) + 5, 100} {
		require.NoError(t, writeZeros(f, int64(size)))
		want = append(want, make([]byte, max(0, size-len(want)))...)
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got), size)
	}
	require.NoError(t, f.Close())
	require.Error(t, writeZeros(f, 1<<20))
	f, err = os.Open(path)
	require.NoError(t, err)
	require.Error(t, writeZeros(f, 1<<20), "it is open to be read")
	require.NoError(t, f.Close())
}
