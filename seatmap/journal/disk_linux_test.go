package journal_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/journal"
)

// TestARealDiskThatIsFullRefusesAndGoesOn fills a disk, makes room, and goes on without
// opening the journal again.
func TestARealDiskThatIsFullRefusesAndGoesOn(t *testing.T) {
	dir, inside := testkit.OwnDisk(t, 4<<20)
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
	dir, inside := testkit.OwnDisk(t, 32<<10)
	if !inside {
		return
	}
	path := filepath.Join(dir, "journal")
	_, err := journal.Open(path, small)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorContains(t, err, "journal: "+path+": ")
	testkit.ResizeDisk(t, dir, 1<<20)
	s, err := journal.Open(path, small)
	require.NoError(t, err)
	require.NoError(t, s.Close())
}
