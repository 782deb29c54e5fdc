//go:build unix

package journal_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap/journal"
)

func TestASecondProcessIsKeptOut(t *testing.T) {
	if dir, inside := testkit.InChild(); inside {
		_, err := journal.Open(dir, small)
		fmt.Println("open", err)
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	dir := filepath.Join(t.TempDir(), "journal")
	c := testkit.StartChild(t, dir)
	require.Equal(t, "open <nil>", c.Line())
	require.NoError(t, os.Rename(filepath.Join(dir, "lock"), filepath.Join(dir, "away")))
	_, err := journal.Open(dir, small)
	require.EqualError(t, err, "journal: "+dir+" is held by another process", "whatever becomes of the file that says by whom")
	require.NoError(t, os.Rename(filepath.Join(dir, "away"), filepath.Join(dir, "lock")))
	_, err = journal.Open(dir, small)
	require.ErrorIs(t, err, journal.ErrHeld)
	held, ok := errors.AsType[*journal.HeldError](err)
	require.True(t, ok)
	host, err := os.Hostname()
	require.NoError(t, err)
	assert.Equal(t, dir, held.Path)
	assert.Equal(t, c.Process.Pid, held.Owner.PID)
	assert.Equal(t, host, held.Owner.Host)
	assert.Equal(t, filepath.Base(os.Args[0]), held.Owner.Program)
	assert.ErrorContains(t, held, fmt.Sprintf("journal: %s is held by process %d (", dir, c.Process.Pid))
	_, _, err = journal.Read(dir)
	assert.EqualError(t, err, held.Error())
	c.Kill(nil)
	s, err := journal.Open(dir, small)
	require.NoError(t, err)
	_, err = journal.Open(dir, small)
	require.ErrorContains(t, err, fmt.Sprintf("is held by process %d (", os.Getpid()))
	require.NoError(t, s.Close())
	text, err := os.ReadFile(filepath.Join(dir, "lock"))
	require.NoError(t, err)
	require.Empty(t, text)
}
