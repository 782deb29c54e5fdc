package wal

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// ErrNotExist is the error of a file that does not exist.
var ErrNotExist = fs.ErrNotExist

// FS is the directory of a log. Tests have one that loses what was not synced.
type FS interface {
	// Lock takes the directory for this process, and returns what gives it back. The
	// error wraps [ErrLocked].
	Lock(readOnly bool) (unlock func() error, err error)
	// List returns the names of all files.
	List() ([]string, error)
	// Open opens a file that exists.
	Open(name string, readOnly bool) (File, error)
	// Create makes a file that does not exist.
	Create(name string) (File, error)
	Rename(from, to string) error
	Remove(name string) error
	// SyncDir makes what Create, Rename and Remove did permanent.
	SyncDir() error
}

// File is a file of a log.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Size() (int64, error)
	// Allocate makes the file so long, with zeros at its end, and its room sure.
	Allocate(size int64) error
	Truncate(size int64) error
	// Sync makes what was written permanent.
	Sync() error
}

// Dir returns the FS of a directory. It makes the directory if there is none.
func Dir(path string) (FS, error) {
	if err := makeDir(filepath.Clean(path), syncDir); err != nil {
		return nil, err
	}
	return lasting(path)
}

// lasting returns the FS of a path that stays the same if the working directory or a link
// changes.
func lasting(path string) (FS, error) {
	path, err := filepath.EvalSymlinks(path)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	return dir(path), err
}

// makeDir makes a directory, and those above it, and their names permanent. It makes one
// after the other and syncs it, so at most one that exists has a name that was not synced,
// which is the last. Its name is synced again, since an earlier process may have been killed
// in between.
func makeDir(path string, sync func(dir string) error) error {
	var missing []string // from below
	for ; ; path = filepath.Dir(path) {
		if _, err := os.Stat(path); err == nil || path == filepath.Dir(path) {
			break
		}
		missing = append(missing, path)
	}
	_ = sync(filepath.Dir(path)) // it may be a directory of others, which we cannot open
	for _, path := range slices.Backward(missing) {
		if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := sync(filepath.Dir(path)); err != nil {
			return err
		}
	}
	return nil
}

// OpenDir is as Dir for a directory that exists.
func OpenDir(path string) (FS, error) {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: path, Err: fs.ErrInvalid}
	}
	if err != nil {
		return nil, err
	}
	return lasting(path)
}

type dir string

func (d dir) path(name string) string { return filepath.Join(string(d), name) }

func (d dir) Lock(readOnly bool) (unlock func() error, err error) { return lock(string(d), readOnly) }

func (d dir) List() (names []string, err error) {
	entries, err := os.ReadDir(string(d))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

func (d dir) Open(name string, readOnly bool) (File, error) {
	flag := os.O_RDWR
	if readOnly {
		flag = os.O_RDONLY
	}
	return open(d.path(name), flag)
}

func (d dir) Create(name string) (File, error) {
	return open(d.path(name), os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

func open(path string, flag int) (File, error) {
	f, err := os.OpenFile(path, flag, 0o600)
	if err != nil {
		return nil, err
	}
	return file{f}, nil
}

func (d dir) Rename(from, to string) error { return os.Rename(d.path(from), d.path(to)) }

func (d dir) Remove(name string) error { return os.Remove(d.path(name)) }

func (d dir) SyncDir() error { return syncDir(string(d)) }

type file struct{ *os.File }

func (f file) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f file) Allocate(size int64) error { return allocate(f.File, size) }

// Sync fails if the file was removed or replaced: then nobody will find what was written.
func (f file) Sync() error {
	if err := syncData(f.File); err != nil {
		return err
	}
	open, err := f.Stat()
	if err != nil {
		return err
	}
	if named, err := os.Stat(f.Name()); err != nil || !os.SameFile(open, named) {
		return &fs.PathError{Op: "sync", Path: f.Name(), Err: errRemoved}
	}
	return nil
}

// errRemoved is why a log has failed of which somebody has taken a file away.
var errRemoved = errors.New("the file was removed or replaced")

// writeZeros allocates by writing.
func writeZeros(f *os.File, size int64) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	for at := info.Size(); at < size; {
		n, err := f.WriteAt(zeros[:min(int64(len(zeros)), size-at)], at)
		if err != nil {
			return err
		}
		at += int64(n)
	}
	return nil
}
