package boltqueue

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/coderrange/ferrous/internal/filelock"
)

// ErrHeld means that another process has the file open, or another Store of this
// process. It comes as a [*HeldError].
var ErrHeld = errors.New("boltqueue: file is held")

// Owner is the process that has a file open.
type Owner struct {
	PID     int
	Host    string
	Program string
	Since   time.Time
}

// HeldError says which process has the file open. It wraps [ErrHeld].
type HeldError struct {
	Path string
	// Owner is what that process wrote into the file Path + ".owner". It is zero if
	// the process is just opening the file, or does not use this package.
	Owner Owner
}

// Error names the file and its owner.
func (e *HeldError) Error() string {
	return fmt.Sprintf("boltqueue: %s is held by %v", e.Path, filelock.Owner(e.Owner))
}

// Unwrap returns [ErrHeld].
func (e *HeldError) Unwrap() error { return ErrHeld }

// ownerPath returns where the owner of a file stands, beside the file itself.
func ownerPath(path string) string { return lasting(path) + ".owner" }

// writeOwner says that this process has the file. It only informs, so a failure
// is none; the lock decides.
func writeOwner(path string) { _ = os.WriteFile(ownerPath(path), filelock.Self().Encode(), 0o600) }

// removeOwner takes that back. It must be called while the file is locked.
func removeOwner(path string) { _ = os.Remove(ownerPath(path)) }

// held returns the error for a locked file.
func held(path string) error {
	e := &HeldError{Path: path}
	if data, err := os.ReadFile(ownerPath(path)); err == nil {
		e.Owner = Owner(filelock.DecodeOwner(data))
	}
	return e
}
