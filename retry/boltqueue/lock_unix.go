//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package boltqueue

import (
	"errors"
	"os"
	"syscall"
)

// openLocked opens an existing file for reading and writing, and locks it as
// bbolt does. The error is errLocked if another open file has the lock. Bbolt
// then locks the same open file once more, which is granted.
func openLocked(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err == nil {
		return f, nil
	}
	_ = f.Close() // nothing was written
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errLocked
	}
	return nil, &os.PathError{Op: "flock", Path: path, Err: err}
}

// unlock gives the lock back, which a mapping of the file would keep.
func unlock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }
