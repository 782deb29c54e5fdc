//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package filelock

import (
	"errors"
	"syscall"
)

func tryLock(fd uintptr) error {
	err := flock(fd, syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrLocked
	}
	return err
}

func unlock(fd uintptr) error { return flock(fd, syscall.LOCK_UN) }

// flock calls flock, again if a signal has interrupted it. Its locks belong to the open
// file; those of fcntl belong to the process, and end when it closes any file of that
// name.
func flock(fd uintptr, how int) error {
	for {
		if err := syscall.Flock(int(fd), how); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
