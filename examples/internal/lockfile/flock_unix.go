//go:build unix && !solaris && !aix

package lockfile

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// nonblock keeps the open of a FIFO from waiting.
const nonblock = unix.O_NONBLOCK

func tryFlock(file *os.File) (held bool, err error) {
	for {
		switch err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
		case errors.Is(err, unix.EWOULDBLOCK):
			return true, nil
		case !errors.Is(err, unix.EINTR):
			return false, err
		}
	}
}

// removeHeld removes a file whose lock is held. Whoever waits for the lock then
// finds that the file is gone, and takes a new one.
func removeHeld(file *os.File) error { return os.Remove(file.Name()) }
