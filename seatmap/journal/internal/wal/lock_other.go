//go:build !windows

package wal

import "os"

// openToLock opens the directory itself. A file in it could be removed and made again,
// and would then be locked twice.
func openToLock(dir string, _ bool) (*os.File, error) { return os.Open(dir) }
