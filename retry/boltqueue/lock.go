package boltqueue

import (
	"errors"
	"os"

	"github.com/coderrange/ferrous/internal/filelock"
)

// openLocked opens an existing file for reading and writing, and locks it. The error wraps
// [filelock.ErrLocked] if another open file has the lock.
//
// Bbolt then locks the same open file in its own way, which is granted: on Unix that is
// the same lock once more, on Windows that of another byte. Where there is no such lock,
// bbolt's is the only one. Bbolt takes it after the file was checked.
func openLocked(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	if err := filelock.TryLock(f); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		_ = f.Close() // nothing was written
		return nil, err
	}
	return f, nil
}

// unlock gives the lock back, which a mapping of the file would keep.
func unlock(f *os.File) error {
	err := filelock.Unlock(f)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}
