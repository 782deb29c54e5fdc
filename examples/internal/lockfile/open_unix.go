//go:build unix

package lockfile

import (
	"os"
	"syscall"
)

// nonblock keeps the open of a FIFO from waiting.
const nonblock = syscall.O_NONBLOCK

// removeHeld removes a file whose lock is held. Whoever waits for the lock then
// finds that the file is gone, and takes a new one.
func removeHeld(file *os.File) error { return os.Remove(file.Name()) }
