package wal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/coderrange/ferrous/internal/filelock"
)

// LockedError is the error of a log that another process has open. It wraps [ErrLocked].
type LockedError struct {
	// Owner is what that process wrote down. It is zero if the process is just opening
	// the log.
	Owner filelock.Owner
}

// Error names the owner.
func (e *LockedError) Error() string { return fmt.Sprintf("log is in use by %v", e.Owner) }

// Unwrap returns [ErrLocked].
func (e *LockedError) Unwrap() error { return ErrLocked }

// ownerFile is the name of the file that says who has the lock.
const ownerFile = "lock"

// lock locks a directory, and writes down who has it. A reader makes no file for that.
func lock(dir string, readOnly bool) (unlock func() error, err error) {
	f, err := openToLock(dir, readOnly)
	if f == nil {
		return func() error { return nil }, err
	}
	owner := filepath.Join(dir, ownerFile)
	if err := filelock.TryLock(f); err != nil {
		if errors.Is(err, filelock.ErrLocked) {
			text, _ := os.ReadFile(owner) // it only informs
			err = &LockedError{filelock.DecodeOwner(text)}
		}
		return nil, errors.Join(err, f.Close())
	}
	flag := os.O_WRONLY | os.O_TRUNC
	if !readOnly {
		flag |= os.O_CREATE
	}
	if to, err := os.OpenFile(owner, flag, 0o600); err == nil {
		_, _ = to.Write(filelock.Self().Encode()) // it only informs; the disk may be full
		_ = to.Close()
	}
	return func() error {
		_ = os.Truncate(owner, 0)
		return f.Close()
	}, nil
}
