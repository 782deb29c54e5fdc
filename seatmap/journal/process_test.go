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
	"github.com/coderrange/ferrous/seatmap"
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

// TestAJournalWhoseFilesAreTakenAwaySaysSo acknowledges nothing that nobody will find.
func TestAJournalWhoseFilesAreTakenAwaySaysSo(t *testing.T) {
	for name, take := range map[string]func(t *testing.T, dir string){
		"removed": func(t *testing.T, dir string) {
			t.Helper()
			require.NoError(t, os.RemoveAll(dir))
		},
		"moved": func(t *testing.T, dir string) {
			t.Helper()
			require.NoError(t, os.Rename(dir, dir+".away"))
		},
		"replaced": func(t *testing.T, dir string) {
			t.Helper()
			require.NoError(t, os.Rename(dir, dir+".away"))
			require.NoError(t, os.CopyFS(dir, os.DirFS(dir+".away")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "journal")
			s, err := journal.Open(dir, small)
			require.NoError(t, err)
			s.Prepare()
			create(t, s, 3)
			h := block(t, s, "ann", "1")
			take(t, dir)
			_, err = s.Book(ctx, seatmap.BookRequest{Token: h.Token})
			require.ErrorIs(t, err, seatmap.ErrOutcomeUnknown)
			require.ErrorContains(t, err, "the file was removed or replaced")
			_, err = s.Book(ctx, seatmap.BookRequest{Token: h.Token})
			require.ErrorIs(t, err, seatmap.ErrUnavailable)
			require.ErrorContains(t, s.Close(), "the file was removed or replaced")
		})
	}
}

// TestAPathIsThatOfTheOpen has a relative path through a link, and changes what both mean.
func TestAPathIsThatOfTheOpen(t *testing.T) {
	base := t.TempDir()
	for _, name := range []string{"one", "two"} {
		require.NoError(t, os.Mkdir(filepath.Join(base, name), 0o700))
	}
	t.Chdir(base)
	require.NoError(t, os.Symlink("one", "link"))
	path := filepath.Join("link", "journal")
	s, err := journal.Open(path, small)
	require.NoError(t, err)
	create(t, s, 3)
	require.NoError(t, os.Remove("link"))
	require.NoError(t, os.Symlink("two", "link"))
	t.Chdir(t.TempDir())
	book(t, s, block(t, s, "ann", "1"))
	require.NoError(t, s.Compact(ctx))
	book(t, s, block(t, s, "ann", "2"))
	require.NoError(t, s.Close())
	t.Chdir(base)
	entries, err := os.ReadDir("two")
	require.NoError(t, err)
	require.Empty(t, entries)
	s, err = journal.Open(filepath.Join("one", "journal"), small)
	require.NoError(t, err)
	require.Equal(t, "BB.", states(t, s))
	require.NoError(t, s.Close())
}
