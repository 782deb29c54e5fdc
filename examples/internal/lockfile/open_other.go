//go:build !unix

package lockfile

import "os"

const nonblock = 0

// removeHeld leaves the file, since Windows does not remove an open one.
func removeHeld(file *os.File) error { return file.Truncate(0) }
