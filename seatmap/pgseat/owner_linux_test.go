package pgseat_test

import (
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// owner returns whom the server runs as: PostgreSQL refuses root. It is nil for the user of the
// test.
func owner(tb testing.TB) *syscall.Credential {
	tb.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	require.NoError(tb, err)
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	require.NoError(tb, err)
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	require.NoError(tb, err)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func own(tb testing.TB, dir string) {
	tb.Helper()
	if who := owner(tb); who != nil {
		require.NoError(tb, os.Chown(dir, int(who.Uid), int(who.Gid)))
	}
}

func runAsOwner(tb testing.TB, c *exec.Cmd) {
	tb.Helper()
	c.SysProcAttr.Credential = owner(tb)
}
