package wal

import (
	"errors"
	"os"
	"path/filepath"
)

// openToLock opens the file with the owner: Windows opens no directory as a file. Nobody
// can remove it while it is open. If there is none, a reader gets nil: nobody has the log
// open.
func openToLock(dir string, readOnly bool) (*os.File, error) {
	flag := os.O_RDWR
	if !readOnly {
		flag |= os.O_CREATE
	}
	f, err := os.OpenFile(filepath.Join(dir, ownerFile), flag, 0o600)
	if readOnly && errors.Is(err, os.ErrNotExist) {
		return nil, nil //nolint:nilnil // nothing to lock
	}
	return f, err
}
