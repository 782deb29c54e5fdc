package journal_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/journal"
)

// onOwnDisk runs the test of this name in a process with mounts of its own, and skips it
// where that is not allowed. In that process it returns the empty directory of a file
// system of so many bytes.
func onOwnDisk(t *testing.T, size int) (dir string, inside bool) {
	t.Helper()
	if dir := os.Getenv(child); dir != "" {
		err := errors.Join(
			syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""),
			syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+strconv.Itoa(size)))
		if err != nil {
			t.Skip("no mounts: ", err)
		}
		return dir, true
	}
	cmd := process(t, t.Name(), t.TempDir())
	cmd.Args = append(cmd.Args, "-test.v")
	cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNS
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
	}
	out, err := cmd.Output()
	switch exit, failed := errors.AsType[interface {
		error
		ExitCode() int
	}](err); {
	case err != nil && !failed:
		t.Skip("no mount namespace: ", err)
	case err != nil:
		t.Fatalf("%v (%d)\n%s", err, exit.ExitCode(), out)
	case strings.Contains(string(out), "--- SKIP"):
		t.Skipf("%s", out)
	}
	require.Contains(t, string(out), "--- PASS: "+t.Name())
	return "", false
}

// TestARealDiskThatIsFullRefusesAndGoesOn fills a disk, makes room, and goes on without
// opening the journal again.
func TestARealDiskThatIsFullRefusesAndGoesOn(t *testing.T) {
	dir, inside := onOwnDisk(t, 4<<20)
	if !inside {
		return
	}
	path, ballast := filepath.Join(dir, "journal"), filepath.Join(dir, "ballast")
	s, err := journal.Open(path, small)
	require.NoError(t, err)
	create(t, s, 4000)
	require.NoError(t, os.WriteFile(ballast, make([]byte, 3584<<10), 0o600))
	booked := 0
	sell := func() (err error) {
		for err == nil && booked < 4000 {
			h := block(t, s, strings.Repeat("u", 200), strconv.Itoa(booked+1))
			if _, err = s.Book(ctx, seatmap.BookRequest{Token: h.Token}); err == nil {
				booked++
			} else {
				_, _ = s.Release(ctx, seatmap.ReleaseRequest{Token: h.Token})
			}
		}
		return err
	}
	for round := range 3 {
		before := booked
		err := sell()
		require.ErrorIs(t, err, seatmap.ErrUnavailable)
		require.ErrorIs(t, err, syscall.ENOSPC)
		require.Greater(t, booked, before)
		counts, err := s.Counts(ctx, seatmap.CountsRequest{Event: event})
		require.NoError(t, err)
		require.Equal(t, booked, counts.Booked)
		require.NoError(t, os.Truncate(ballast, int64(3456-128*round)<<10))
	}
	require.NoError(t, os.Remove(ballast))
	require.NoError(t, s.Compact(ctx))
	require.NoError(t, s.Close())
	s, err = journal.Open(path, small)
	require.NoError(t, err)
	counts, err := s.Counts(ctx, seatmap.CountsRequest{Event: event})
	require.NoError(t, err)
	require.Equal(t, booked, counts.Booked, "what was acknowledged, and no more")
	require.NoError(t, s.Close())
}

func TestNoJournalIsMadeOnAFullDisk(t *testing.T) {
	dir, inside := onOwnDisk(t, 32<<10)
	if !inside {
		return
	}
	path := filepath.Join(dir, "journal")
	_, err := journal.Open(path, small)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorContains(t, err, "journal: "+path+": ")
	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=1048576"))
	s, err := journal.Open(path, small)
	require.NoError(t, err)
	require.NoError(t, s.Close())
}
