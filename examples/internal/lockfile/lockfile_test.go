package lockfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheSecondIsToldWhoHoldsIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	l, err := TryLock(path)
	require.NoError(t, err)
	_, err = TryLock(path)
	require.ErrorIs(t, err, ErrHeld)
	require.ErrorContains(t, err, fmt.Sprintf("in use by process %d since ", os.Getpid()))
	require.ErrorContains(t, err, path)
	require.NoError(t, l.Unlock())
	l, err = TryLock(path)
	require.NoError(t, err)
	require.NoError(t, l.Unlock())
}

func TestUnlockLeavesNoFile(t *testing.T) {
	dir := t.TempDir()
	l, err := TryLock(filepath.Join(dir, "lock"))
	require.NoError(t, err)
	require.NoError(t, l.Unlock())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestOneHolderAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	var holders, total atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				l, err := WaitLock(t.Context(), path)
				if !assert.NoError(t, err) {
					return
				}
				assert.EqualValues(t, 1, holders.Add(1))
				total.Add(1)
				holders.Add(-1)
				assert.NoError(t, l.Unlock())
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, 8*20, total.Load())
}

func TestAWaitEndsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	l, err := TryLock(path)
	require.NoError(t, err)
	boom := errors.New("boom")
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error)
	go func() {
		_, err := WaitLock(ctx, path)
		done <- err
	}()
	cancel(boom)
	require.ErrorIs(t, <-done, boom)
	require.NoError(t, l.Unlock())
}

func TestARemovedLockIsNoticed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	l, err := TryLock(path)
	require.NoError(t, err)
	assert.True(t, l.Present())
	require.NoError(t, os.Remove(path))
	assert.False(t, l.Present())
	other, err := TryLock(path)
	require.NoError(t, err)
	require.NoError(t, l.Unlock())
	assert.True(t, other.Present(), "the first removes no file of another")
	require.NoError(t, other.Unlock())
}

func TestWhatIsNoFileIsRefused(t *testing.T) {
	_, err := TryLock(t.TempDir())
	require.Error(t, err)
	_, err = TryLock(filepath.Join(t.TempDir(), "no", "lock"))
	require.ErrorIs(t, err, os.ErrNotExist)
}
