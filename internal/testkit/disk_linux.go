package testkit

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// OwnDisk runs the test in a process with mounts of its own. There it returns the empty
// directory of a file system of so many bytes, which ends with that process. Here it
// returns false when that process has passed the test. Where no mounts can be had, it calls
// [NoMounts].
func OwnDisk(t *testing.T, size int) (dir string, inside bool) {
	t.Helper()
	if dir, inside := InChild(); inside {
		err := errors.Join(
			syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""),
			syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+strconv.Itoa(size)))
		if err != nil {
			NoMounts(t, err)
		}
		return dir, true
	}
	out, err := unshared(t, t.TempDir())
	_, failed := errors.AsType[*exec.ExitError](err)
	switch {
	case failed:
		t.Fatalf("%v\n%s", err, out)
	case err != nil:
		NoMounts(t, err)
	case strings.Contains(out, "--- SKIP: "+t.Name()):
		NoMounts(t, out)
	}
	require.Contains(t, out, "--- PASS: "+t.Name())
	return "", false
}

// unshared runs the test in a mount namespace of its own, and in a user namespace if that
// is needed. An error that is no [*exec.ExitError] says that it did not run.
func unshared(t *testing.T, dir string) (out string, err error) {
	t.Helper()
	for _, flags := range []uintptr{syscall.CLONE_NEWNS, syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER} {
		c := NewChild(t, dir)
		c.Args = append(c.Args, "-test.v")
		c.SysProcAttr.Cloneflags = flags
		if flags&syscall.CLONE_NEWUSER != 0 {
			c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		}
		text, runErr := c.Output()
		if _, failed := errors.AsType[*exec.ExitError](runErr); runErr == nil || failed {
			return string(text), runErr
		}
		err = errors.Join(err, runErr)
	}
	return "", err
}

// ResizeDisk makes a disk of [OwnDisk] as large as that.
func ResizeDisk(t *testing.T, dir string, size int) {
	t.Helper()
	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size="+strconv.Itoa(size)))
}
