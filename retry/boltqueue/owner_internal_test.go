package boltqueue

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	berrors "go.etcd.io/bbolt/errors"
)

func TestTheOwnerIsToldToItsUserOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queue")
	writeOwner(path)
	info, err := os.Stat(ownerPath(path))
	require.NoError(t, err)
	if runtime.GOOS != "windows" { // which knows no such permissions
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
}

func TestAnOwnerThatIsBeingWrittenIsUnknown(t *testing.T) {
	for _, text := range []string{"", `{"pid":1,`, "[]"} {
		path := filepath.Join(t.TempDir(), "queue")
		require.NoError(t, os.WriteFile(ownerPath(path), []byte(text), 0o600))
		e, ok := errors.AsType[*HeldError](held(path))
		require.True(t, ok)
		assert.Zero(t, e.Owner, text)
		assert.EqualError(t, e, "boltqueue: "+path+" is held by another process")
	}
}

// TestAFileThatAProgramLocksAsBboltDoesIsHeld stands for systems where bbolt has a lock of
// its own.
func TestAFileThatAProgramLocksAsBboltDoesIsHeld(t *testing.T) {
	if testing.Short() {
		t.Skip("bbolt waits for a second")
	}
	path := filepath.Join(t.TempDir(), "queue")
	require.NoError(t, create(path))
	other, err := openLocked(path)
	require.NoError(t, err)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = openBolt(f)
	require.ErrorIs(t, err, berrors.ErrTimeout)
	require.NoError(t, other.Close())
}
