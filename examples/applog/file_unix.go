//go:build unix

package main

import (
	"os"
	"syscall"
)

// openOther opens a device, or a FIFO that has a reader.
func openOther(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|syscall.O_NONBLOCK, 0)
}

// isRemoved reports whether the open file has no name any more.
func isRemoved(file *os.File) bool {
	info, err := file.Stat()
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink == 0
}
