package boltqueue

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

var (
	// ErrHeld means that another process has the file open, or another Store of this
	// process. It comes as a [*HeldError].
	ErrHeld = errors.New("boltqueue: file is held")
	// errLocked is what openLocked says then.
	errLocked = errors.New("file is locked")
)

// Owner is the process that has a file open.
type Owner struct {
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	Program string    `json:"program"`
	Since   time.Time `json:"since"`
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
	if e.Owner.PID == 0 {
		return fmt.Sprintf("boltqueue: %s is held by another process", e.Path)
	}
	return fmt.Sprintf("boltqueue: %s is held by process %d (%s) on host %s since %s",
		e.Path, e.Owner.PID, e.Owner.Program, e.Owner.Host, e.Owner.Since.Format(time.RFC3339))
}

// Unwrap returns [ErrHeld].
func (e *HeldError) Unwrap() error { return ErrHeld }

// ownerPath returns where the owner of a file stands, beside the file itself.
func ownerPath(path string) string { return lasting(path) + ".owner" }

// writeOwner says that this process has the file. It only informs, so a failure
// is none; the lock decides.
func writeOwner(path string) {
	host, _ := os.Hostname()
	data, err := json.Marshal(Owner{
		PID: os.Getpid(), Host: host, Program: filepath.Base(os.Args[0]), Since: time.Now().Round(0),
	})
	if err == nil {
		_ = os.WriteFile(ownerPath(path), data, 0o600)
	}
}

// removeOwner takes that back. It must be called while the file is locked.
func removeOwner(path string) { _ = os.Remove(ownerPath(path)) }

// held returns the error for a locked file.
func held(path string) error {
	e := &HeldError{Path: path}
	if data, err := os.ReadFile(ownerPath(path)); err == nil && json.Unmarshal(data, &e.Owner) != nil {
		e.Owner = Owner{} // it is just being written
	}
	return e
}
