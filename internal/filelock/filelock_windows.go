package filelock

import (
	"errors"
	"syscall"
	"unsafe"
)

var (
	kernel32     = syscall.NewLazyDLL("kernel32.dll")
	lockFileEx   = kernel32.NewProc("LockFileEx")
	unlockFileEx = kernel32.NewProc("UnlockFileEx")
)

const (
	failImmediately = 1 // LOCKFILE_FAIL_IMMEDIATELY
	exclusive       = 2 // LOCKFILE_EXCLUSIVE_LOCK

	errLockViolation = syscall.Errno(33) // ERROR_LOCK_VIOLATION
)

// place is the byte that is locked. Windows lets nobody read what is locked, so it is
// behind what any file has.
func place() *syscall.Overlapped { return &syscall.Overlapped{OffsetHigh: 1 << 30} }

func tryLock(fd uintptr) error {
	ok, _, err := lockFileEx.Call(fd, exclusive|failImmediately, 0, 1, 0, uintptr(unsafe.Pointer(place())))
	switch {
	case ok != 0:
		return nil
	case errors.Is(err, errLockViolation), errors.Is(err, syscall.ERROR_IO_PENDING):
		return ErrLocked
	}
	return err
}

func unlock(fd uintptr) error {
	if ok, _, err := unlockFileEx.Call(fd, 0, 1, 0, uintptr(unsafe.Pointer(place()))); ok == 0 {
		return err
	}
	return nil
}
