package lockfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Resolve returns the file that path leads to through symbolic links, also when
// that file is yet to be made. Who locks and replaces that file is safe from
// whoever comes by another link, and replaces no link.
func Resolve(path string) (string, error) {
	const most = 40 // links, as the system has it
	for range most {
		if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
			path = filepath.Join(dir, filepath.Base(path))
		}
		info, err := os.Lstat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return path, nil
		case err != nil:
			return "", err
		case info.Mode()&fs.ModeSymlink == 0:
			return path, nil
		}
		target, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	return "", fmt.Errorf("%s: more than %d symbolic links", path, most)
}

// Regular opens a file and refuses what is no regular file, which may
// keep its reader waiting, and what has more bytes than most.
func Regular(path string, flag int, most int64) (*os.File, error) {
	file, err := os.OpenFile(path, flag|nonblock, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = fmt.Errorf("%s is a directory", path)
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%s is not a regular file", path)
	case info.Size() > most:
		err = fmt.Errorf("%s has %d bytes, more than %d", path, info.Size(), most)
	default:
		return file, nil
	}
	return nil, errors.Join(err, file.Close())
}
