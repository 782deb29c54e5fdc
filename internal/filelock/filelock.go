// Package filelock locks an open file, for one process at a time. The operating system
// holds the lock, so it ends with the process, however that ends.
//
// It is the low level only: which file is locked, whether anybody waits for it, and what
// becomes of the file belongs to the packages that use it.
package filelock

import (
	"errors"
	"io/fs"
	"os"
)

// ErrLocked is the error of a file that is locked by another process, or through another
// open file of this process.
var ErrLocked = errors.New("filelock: file is locked")

// TryLock locks an open file, or on Unix an open directory. It does not wait. Others can
// still read, write and remove what is locked, unless they lock it, too.
//
// The error wraps [ErrLocked], or [errors.ErrUnsupported] where the system has no lock that
// belongs to an open file.
func TryLock(f *os.File) error { return call(f, "lock", tryLock) }

// Unlock gives the lock of an open file back. So does closing the file, unless a mapping
// of its content or a child process keeps it open.
func Unlock(f *os.File) error { return call(f, "unlock", unlock) }

// call calls a function of the system, and adds the name of the file to its error.
func call(f *os.File, op string, do func(fd uintptr) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return &fs.PathError{Op: op, Path: f.Name(), Err: err}
	}
	var result error
	if err := conn.Control(func(fd uintptr) { result = do(fd) }); err != nil {
		result = err
	}
	if result != nil {
		return &fs.PathError{Op: op, Path: f.Name(), Err: result}
	}
	return nil
}
