package lockfile

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

const nonblock = 0

// offset is a byte far behind the text, so that others can read who holds the
// lock: a lock of Windows forbids to read what is locked.
const offset = 1 << 20

func tryFlock(file *os.File) (held bool, err error) {
	err = windows.LockFileEx(windows.Handle(file.Fd()),
		windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &windows.Overlapped{Offset: offset})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return true, nil
	}
	return false, err
}

// removeHeld leaves the file, since Windows does not remove an open one.
func removeHeld(file *os.File) error { return file.Truncate(0) }
