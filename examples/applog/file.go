package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/coderrange/ferrous/examples/internal/lockfile"
)

// logFile is a file of lines that is rotated by size. It is not safe for
// concurrent use. One process has it at a time.
type logFile struct {
	path    string
	limit   int64 // bytes of a file
	sync    bool  // whether Write brings lines to the disk
	regular bool  // a file, not a device or a FIFO
	lock    *lockfile.Lock
	file    *os.File
	size    int64
	torn    bool  // the file ends with half a line
	failure error // the first of rotating
}

// openLog opens or creates a log file, and its directory.
func openLog(path string, limit int64, sync bool) (*logFile, error) {
	path, err := lockfile.Resolve(path)
	if err != nil {
		return nil, err
	}
	f := &logFile{path: path, limit: limit, sync: sync}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.regular = true
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, fmt.Errorf("%s is a directory", path)
	default:
		f.regular = info.Mode().IsRegular()
	}
	if !f.regular {
		if sync {
			return nil, fmt.Errorf("%s is no regular file and cannot be synced", path)
		}
		f.file, err = openOther(f.path)
		return f, err
	}
	return f, f.open()
}

// open opens the file under its lock.
func (f *logFile) open() (err error) {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return err
	}
	if f.lock == nil || !f.lock.Present() { // the directory may be a new one
		lock, err := lockfile.TryLock(f.path + ".lock")
		if err != nil {
			return fmt.Errorf("%s: %w", f.path, err)
		}
		if f.lock != nil {
			_ = f.lock.Unlock() // which was removed
		}
		f.lock = lock
	}
	file, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return f.giveUp(err)
	}
	info, err := file.Stat()
	if err == nil && f.sync {
		err = syncDirectory(filepath.Dir(f.path))
	}
	if err != nil {
		return f.giveUp(errors.Join(err, file.Close()))
	}
	f.file, f.size, f.torn = file, info.Size(), false
	if f.size > 0 { // a killed process may have left half a line
		var last [1]byte
		_, err := file.ReadAt(last[:], f.size-1)
		f.torn = err == nil && last[0] != '\n'
	}
	return nil
}

// giveUp ends the lock of a file that could not be opened.
func (f *logFile) giveUp(err error) error {
	err = errors.Join(err, f.lock.Unlock())
	f.lock = nil
	return err
}

// Write writes whole lines. After an error, n is the size of the lines that are
// in the file: half a line is taken back.
func (f *logFile) Write(lines []byte) (n int, err error) {
	if !f.regular {
		return f.append(lines)
	}
	// A file that is removed under the write takes the lines with it: so they are
	// written again. A file that is renamed keeps them.
	for range 3 {
		if err := f.follow(); err != nil {
			return 0, err
		}
		if f.size > 0 && f.size+int64(len(lines)) > f.limit {
			if f.rotate(); f.file == nil {
				return 0, f.failure
			}
		}
		n, err = f.append(lines)
		if err == nil && f.sync {
			if err = f.file.Sync(); err != nil {
				return 0, err // nobody knows what is on disk
			}
		}
		if err != nil || !isRemoved(f.file) {
			return n, err
		}
	}
	return 0, fmt.Errorf("%s is removed again and again", f.path)
}

func (f *logFile) append(lines []byte) (n int, err error) {
	if f.torn {
		if _, err := f.file.Write([]byte("\n")); err != nil {
			return 0, err
		}
		f.torn = false
		f.size++
	}
	n, err = f.file.Write(lines)
	f.size += int64(n)
	if whole := bytes.LastIndexByte(lines[:n], '\n') + 1; whole < n {
		if f.regular && f.file.Truncate(f.size-int64(n-whole)) == nil {
			f.size -= int64(n - whole)
		} else {
			f.torn = true
		}
		n = whole
	}
	return n, err
}

// follow opens the file anew if somebody has renamed or removed it, or its lock:
// another process may have the file then.
func (f *logFile) follow() error {
	if f.file != nil && lockfile.Same(f.file, f.path) && f.lock.Present() {
		return nil
	}
	if f.file != nil {
		_ = f.file.Close() // it has what was written to it
		f.file = nil
	}
	return f.open()
}

// rotate renames the file, and begins a new one. If that fails, the old one
// grows on, and the next write tries again.
func (f *logFile) rotate() {
	err := f.rename()
	if err == nil {
		err = f.follow()
	}
	if err != nil && f.failure == nil {
		f.failure = fmt.Errorf("cannot rotate %s: %w", f.path, err)
	}
}

// rename gives the file a name of its own, after the moment.
func (f *logFile) rename() error {
	extension := filepath.Ext(f.path)
	base := strings.TrimSuffix(f.path, extension) + time.Now().UTC().Format("-2006-01-02T15-04-05.000")
	for i := 0; ; i++ {
		name := base + extension
		if i > 0 {
			name = fmt.Sprintf("%s-%03d%s", base, i, extension)
		}
		// The name is taken before the rename, which would replace another file.
		taken, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := errors.Join(taken.Close(), os.Rename(f.path, name)); err != nil {
			return errors.Join(err, os.Remove(name))
		}
		return nil
	}
}

// Close closes the file and reports the first failure of rotating.
func (f *logFile) Close() error {
	err := f.failure
	if f.file != nil {
		err = errors.Join(err, f.file.Close())
	}
	if f.lock != nil {
		err = errors.Join(err, f.lock.Unlock())
	}
	return err
}

// syncDirectory brings the names in a directory to the disk.
func syncDirectory(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
