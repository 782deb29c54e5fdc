package boltqueue_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/retry/boltqueue"
)

// TestARealDiskThatIsFullIsAnError fills a disk, makes room, and goes on.
func TestARealDiskThatIsFullIsAnError(t *testing.T) {
	dir, inside := testkit.OwnDisk(t, 2<<20)
	if !inside {
		return
	}
	path, ballast := filepath.Join(dir, "queue.db"), filepath.Join(dir, "ballast")
	s := open(t, path)
	require.NoError(t, os.WriteFile(ballast, make([]byte, 1<<20), 0o600))
	accepted := map[string]bool{}
	for round := range 3 {
		var err error
		for i := 0; err == nil; i++ {
			key := fmt.Sprint(round, "-", i)
			if err = add(t, s, key, strings.Repeat("v", 3000)); err == nil {
				accepted[key] = true
			}
		}
		require.ErrorIs(t, err, syscall.ENOSPC)
		require.ErrorContains(t, err, "boltqueue: "+path+": write: ")
		require.ErrorIs(t, add(t, s, "more", ""), syscall.ENOSPC, "it is said again")
		require.NoError(t, s.Close())
		require.NoError(t, os.Truncate(ballast, int64(960-64*round)<<10))
		s = open(t, path) // it needs no room, but what follows does
		stats, err := s.Stats(t.Context())
		require.NoError(t, err)
		require.Equal(t, retry.QueueStats{Waiting: len(accepted)}, stats, "what was answered, and no more")
	}
	assert.NotEmpty(t, accepted)
	require.NoError(t, os.Remove(ballast))
	for len(accepted) > 0 {
		for key, job := range claimAll(t, s) {
			require.True(t, accepted[key])
			delete(accepted, key)
			settle(t, s, job, retry.VerdictDone)
		}
	}
	require.NoError(t, s.Close())
}

func TestNoQueueIsMadeOnAFullDisk(t *testing.T) {
	dir, inside := testkit.OwnDisk(t, 64<<10)
	if !inside {
		return
	}
	ballast, err := os.Create(filepath.Join(dir, "ballast"))
	require.NoError(t, err)
	for ; err == nil; _, err = ballast.Write(make([]byte, 1024)) {
	}
	require.NoError(t, ballast.Close())
	path := filepath.Join(dir, "queue.db")
	_, err = boltqueue.Open(path, boltqueue.Options[string]{})
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorContains(t, err, "boltqueue: "+path+": ")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 1, "nothing is left of what was being made")
	require.NoError(t, os.Remove(ballast.Name()))
	require.NoError(t, open(t, path).Close())
}

func TestAReadOnlyFileSystemIsAnError(t *testing.T) {
	dir, inside := testkit.OwnDisk(t, 1<<20)
	if !inside {
		return
	}
	path, other := filepath.Join(dir, "queue.db"), filepath.Join(dir, "other.db")
	s := open(t, path)
	require.NoError(t, add(t, s, "a", "value"))
	require.NoError(t, s.Close())
	remount := func(flags uintptr) {
		require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|flags, ""))
	}
	remount(syscall.MS_RDONLY)
	for _, path := range []string{path, other} {
		_, err := boltqueue.Open(path, boltqueue.Options[string]{})
		require.ErrorIs(t, err, syscall.EROFS)
		require.ErrorContains(t, err, "boltqueue: "+path+": ")
	}
	remount(0)
	s = open(t, path)
	assert.Contains(t, claimAll(t, s), "a")
	require.NoError(t, s.Close())
}

// TestAReadOnlyDirectoryTakesAnOpenFile has a directory into which nothing can be
// put, not even the name of the owner.
func TestAReadOnlyDirectoryTakesAnOpenFile(t *testing.T) {
	dir, inside := testkit.OwnDisk(t, 1<<20)
	if !inside {
		return
	}
	path := filepath.Join(dir, "queue.db")
	require.NoError(t, open(t, path).Close())
	require.NoError(t, syscall.Mount(path, path, "", syscall.MS_BIND, "")) // the file stays writable
	require.NoError(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY|syscall.MS_BIND, ""))
	s := open(t, path)
	_, err := boltqueue.Open(path, boltqueue.Options[string]{})
	require.EqualError(t, err, "boltqueue: "+path+" is held by another process")
	require.NoError(t, add(t, s, "a", "value"))
	require.NoError(t, s.Close())
}
