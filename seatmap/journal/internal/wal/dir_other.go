//go:build !windows

package wal

import (
	"errors"
	"os"
)

// syncDir makes the names of a directory permanent.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
