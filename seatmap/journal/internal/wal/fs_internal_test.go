package wal

import (
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
