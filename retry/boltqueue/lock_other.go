//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package boltqueue

import "os"

// openLocked opens an existing file for reading and writing. Bbolt has its own
// lock for these systems, and takes it after the file was checked.
func openLocked(path string) (*os.File, error) { return os.OpenFile(path, os.O_RDWR, 0) }

// unlock is for locks that a mapping of the file would keep.
func unlock(*os.File) error { return nil }
