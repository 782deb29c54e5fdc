package wal_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap/journal/internal/wal"
)

func TestALogOnRealFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "log")
	_, err := wal.OpenDir(path)
	require.ErrorIs(t, err, wal.ErrNotExist)
	dir, err := wal.Dir(path)
	require.NoError(t, err)
	var want []uint64
	for round := range uint64(4) {
		log, got, err := read(t, dir, false)
		require.NoError(t, err)
		require.Equal(t, want, got)
		_, _, err = read(t, dir, false)
		require.ErrorIs(t, err, wal.ErrLocked)
		for i := range uint64(20) {
			r := number{round<<32 | i, 3000}
			want = append(want, r.n)
			require.NoError(t, log.Reserve(t.Context(), r.bytes()))
			require.NoError(t, log.Wait(t.Context(), log.Append(r)))
			log.Release(r.bytes())
		}
		if round == 2 {
			require.NoError(t, log.Checkpoint(func(part func([]byte) error) error {
				for _, n := range want {
					if err := part(number{n, 0}.AppendTo(nil)); err != nil {
						return err
					}
				}
				return nil
			}))
		}
		require.NoError(t, log.Close())
	}
	dir, err = wal.OpenDir(path)
	require.NoError(t, err)
	log, got, err := read(t, dir, true)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.NoError(t, log.Close())
	entries, err := os.ReadDir(path)
	require.NoError(t, err)
	for _, entry := range entries {
		info, err := entry.Info()
		require.NoError(t, err)
		require.Zero(t, uint32(info.Mode().Perm())&0o077&^writable, "%s is for its owner only", entry.Name())
	}
	_, err = wal.OpenDir(filepath.Join(path, "lock"))
	require.Error(t, err, "it is a file")
}

// writable is the bits of a mode that mean nothing: Windows knows no others.
var writable = map[bool]uint32{true: 0o777}[runtime.GOOS == "windows"]
