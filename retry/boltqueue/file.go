package boltqueue

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"

	"github.com/coderrange/ferrous/internal/filelock"
)

// ErrRemoved means that the file of an open store was removed, renamed or replaced, so
// that what is written into it would be lost.
var ErrRemoved = errors.New("boltqueue: file was removed or replaced")

// lockPoll is how often a locked file is looked at.
const lockPoll = 10 * time.Millisecond

// openFile opens a file and locks it. It creates one that does not exist.
func openFile(path string, timeout time.Duration) (*os.File, error) {
	deadline := time.Now().Add(timeout)
	for created := 0; ; {
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist) && created < 2:
			if err := create(path); err != nil {
				return nil, err
			}
			created++
			continue
		case err != nil:
			return nil, err
		case !info.Mode().IsRegular():
			return nil, fmt.Errorf("not a regular file but %v", info.Mode())
		}
		f, err := openLocked(path)
		switch {
		case errors.Is(err, filelock.ErrLocked):
			if !time.Now().Before(deadline) {
				return nil, held(path)
			}
			<-time.After(lockPoll)
			continue
		case err != nil:
			return nil, err
		}
		// Another process may have replaced the file before it was locked.
		opened, err := f.Stat()
		if err == nil && os.SameFile(info, opened) {
			return f, nil
		}
		_ = f.Close() // nothing was written
		if err != nil {
			return nil, err
		}
	}
}

// lasting returns a path that is good when the working directory or a link has
// changed.
func lasting(path string) string {
	if whole, err := filepath.Abs(path); err == nil {
		path = whole
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return path
}

// present reports whether the open file is still at its place, as far as that
// can be known.
func present(place string, open os.FileInfo) bool {
	info, err := os.Stat(place)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	return os.SameFile(info, open)
}

// create makes an empty queue. It appears under its name when it is whole, so a
// crash leaves no half of one.
func create(path string) (err error) {
	temp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new*")
	if err != nil {
		return err
	}
	name := temp.Name()
	defer func() { _ = os.Remove(name) }() // it has another name then
	if err := temp.Close(); err != nil {
		return err
	}
	db, err := bbolt.Open(name, 0o600, &bbolt.Options{
		FreelistType: bbolt.FreelistMapType, NoFreelistSync: true, InitialMmapSize: 1 << 15,
	})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{jobsBucket, eventsBucket, stateBucket} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		return tx.Bucket(stateBucket).Put(stateKey, state{}.encode())
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	err = os.Link(name, path)
	switch {
	case errors.Is(err, fs.ErrExist): // another process was faster
		return nil
	case err != nil: // a file system without links
		if err := os.Rename(name, path); err != nil {
			return err
		}
	}
	if dir, err := os.Open(filepath.Dir(path)); err == nil {
		_ = dir.Sync() // not every system can
		_ = dir.Close()
	}
	return nil
}
