package boltqueue

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
	for _, text := range []string{"", `{"pid":1,`, `{"pid":1,"host":2}`, "[]"} {
		path := filepath.Join(t.TempDir(), "queue")
		require.NoError(t, os.WriteFile(ownerPath(path), []byte(text), 0o600))
		e, ok := errors.AsType[*HeldError](held(path))
		require.True(t, ok)
		assert.Zero(t, e.Owner, text)
		assert.EqualError(t, e, "boltqueue: "+path+" is held by another process")
	}
}
