package wal

import (
	"errors"
	"os"
	"syscall"
)

// syncData syncs the file without those of its times that nobody needs.
func syncData(f *os.File) error {
	return control(f, "fdatasync", func(fd int) error { return syscall.Fdatasync(fd) })
}

func allocate(f *os.File, size int64) error {
	err := control(f, "fallocate", func(fd int) error { return syscall.Fallocate(fd, 0, 0, size) })
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		return writeZeros(f, size)
	}
	return err
}

// control calls a function of the system, again if a signal has interrupted it.
func control(f *os.File, name string, call func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	err = conn.Control(func(fd uintptr) {
		for result = call(int(fd)); errors.Is(result, syscall.EINTR); {
			result = call(int(fd))
		}
	})
	if err == nil && result != nil {
		err = &os.PathError{Op: name, Path: f.Name(), Err: result}
	}
	return err
}
