//go:build unix

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// what stands where a file of the program belongs.
var impostors = map[string]func(path string) error{
	"a directory": func(path string) error { return os.Mkdir(path, 0o700) },
	"a FIFO":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
	"a terabyte": func(path string) error {
		return os.WriteFile(path, nil, 0o600) // see below
	},
	"a link to itself": func(path string) error { return os.Symlink(filepath.Base(path), path) },
	"a device":         func(path string) error { return os.Symlink("/dev/zero", path) },
	"a socket": func(path string) error {
		fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		defer func() { _ = syscall.Close(fd) }()
		return syscall.Bind(fd, &syscall.SockaddrUnix{Name: path})
	},
}

func TestAnImpostorIsRefusedAtOnce(t *testing.T) {
	for what, put := range impostors {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			dir, err := os.MkdirTemp("", "n") //nolint:usetesting // its name is short enough for a socket
			require.NoError(t, err)
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			args := []string{"-dir=" + dir, "-transactions=50"}
			require.NoError(t, run(t.Context(), args, io.Discard))
			for _, name := range []string{"run", "ledger", "bank", "queue", "lock", "analytics"} {
				if what == "a directory" && name == "analytics" || what == "a terabyte" && name == "lock" {
					continue // as it should be
				}
				path := filepath.Join(dir, name)
				isThere := name != "lock" // which goes away with the process
				if isThere {
					require.NoError(t, os.Rename(path, path+".true"))
				}
				require.NoError(t, put(path))
				if what == "a terabyte" && os.Truncate(path, 1<<40) != nil {
					t.Skip("this disk has no sparse files")
				}
				cmd, output := process(t, args...)
				requireFailureOf(t, cmd.Run(), output, fmt.Sprintf("%s is %s", name, what))
				require.NoError(t, os.RemoveAll(path))
				if isThere {
					require.NoError(t, os.Rename(path+".true", path))
				}
			}
			require.NoError(t, run(t.Context(), args, io.Discard), "nothing else was touched")
		})
	}
}

func requireFailureOf(t *testing.T, err error, output *screen, what string) {
	t.Helper()
	require.Error(t, err, what)
	assert.Equal(t, "exit status 1", err.Error(), "%s: %s", what, output)
	assert.NotContains(t, output.String(), "panic", what)
	assert.NotContains(t, output.String(), "the books balance\n", what)
	last := strings.Split(strings.TrimSpace(output.String()), "\n")
	assert.True(t, strings.HasPrefix(last[len(last)-1], "npci: "), "%s: %s", what, output)
}
