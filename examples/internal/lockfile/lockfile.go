// Package lockfile lets one process at a time use a file or a directory.
//
// The lock is a file beside what it guards. The operating system holds the
// lock, so it ends with the process, also by SIGKILL; the file itself tells
// others who the holder is.
package lockfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/coderrange/ferrous/internal/filelock"
)

// ErrHeld says that another process has the lock. A [HeldError] matches it.
var ErrHeld = errors.New("lockfile: held by another process")

// HeldError says who has a lock.
type HeldError struct {
	Path   string // of the lock
	Holder string // as in "process 1234 since 2026-01-02T03:04:05Z"; empty for a moment after it began
}

// Error names the lock and its holder.
func (e *HeldError) Error() string {
	holder := e.Holder
	if holder == "" {
		holder = "another process"
	}
	return fmt.Sprintf("in use by %s, which holds %s", holder, e.Path)
}

// Is reports whether target is [ErrHeld].
func (e *HeldError) Is(target error) bool { return target == ErrHeld }

// Lock is a lock that is held. Its owner ends it with [Lock.Unlock].
type Lock struct{ file *os.File }

// TryLock takes the lock at path. If another process, or another part of this
// one, has it, the error is a [HeldError].
func TryLock(path string) (*Lock, error) {
	for {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|nonblock, 0o600)
		if err != nil {
			return nil, err
		}
		l := &Lock{file}
		switch err := l.take(); {
		case err == nil:
			return l, nil
		case !errors.Is(err, errGone):
			return nil, errors.Join(err, file.Close())
		}
		if err := file.Close(); err != nil {
			return nil, err
		}
	}
}

// errGone says that the last holder removed the file between open and lock.
var errGone = errors.New("lockfile: removed meanwhile")

func (l *Lock) take() error {
	info, err := l.file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("lockfile: %s is not a regular file", l.file.Name())
	}
	err = filelock.TryLock(l.file)
	if errors.Is(err, filelock.ErrLocked) {
		text, err := io.ReadAll(io.LimitReader(l.file, 200))
		if err != nil {
			text = nil
		}
		return &HeldError{Path: l.file.Name(), Holder: strings.TrimSpace(string(text))}
	}
	if err != nil {
		return err
	}
	if !l.Present() {
		return errGone
	}
	// Who holds it is a comfort for people: a full disk does not cost the lock.
	if err := l.file.Truncate(0); err == nil {
		_, _ = fmt.Fprintf(l.file, "process %d since %s\n", os.Getpid(), time.Now().UTC().Format(time.RFC3339))
	}
	return nil
}

// WaitLock is like [TryLock], but waits until the lock is free or ctx is done.
// It looks every few milliseconds; those who wait are served in no order.
func WaitLock(ctx context.Context, path string) (*Lock, error) {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		l, err := TryLock(path)
		if !errors.Is(err, ErrHeld) {
			return l, err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

// Present reports whether the lock's file is still where it was. When somebody
// has removed it, another process can take a lock of the same name.
func (l *Lock) Present() bool { return Same(l.file, l.file.Name()) }

// Same reports whether the open file is the one that path names.
func Same(file *os.File, path string) bool {
	open, err := file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(open, named)
}

// Unlock removes the file and ends the lock.
func (l *Lock) Unlock() error {
	var err error
	if l.Present() {
		err = removeHeld(l.file)
	}
	return errors.Join(err, l.file.Close())
}
