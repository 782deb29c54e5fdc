package outage

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
)

// Clock is the wall clock of programs that a test starts, which it can set.
type Clock struct {
	tb            testing.TB
	library, file string
}

// NewClock returns a clock that is right. It keeps a file in a folder that the programs can
// read. It skips the test if libfaketime is not installed.
func NewClock(tb testing.TB, dir string) *Clock {
	tb.Helper()
	testkit.Program(tb, "faketime")
	found, err := filepath.Glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
	require.NoError(tb, err)
	require.NotEmpty(tb, found, "libfaketimeMT.so.1")
	c := &Clock{tb, found[0], filepath.Join(dir, "clock")}
	c.Set(0)
	return c
}

// Environment is what a program needs for the clock.
func (c *Clock) Environment() []string {
	return append(os.Environ(), "LD_PRELOAD="+c.library, "FAKETIME_TIMESTAMP_FILE="+c.file, "FAKETIME_NO_CACHE=1",
		"FAKETIME_DONT_FAKE_MONOTONIC=1", "FAKETIME_DONT_RESET=1")
}

// Set sets the clock to so many seconds after the time that it is.
func (c *Clock) Set(seconds int) {
	c.tb.Helper()
	require.NoError(c.tb, os.WriteFile(c.file+".new", fmt.Appendf(nil, "%+d\n", seconds), 0o644)) //nolint:gosec // the program's user reads it
	require.NoError(c.tb, os.Rename(c.file+".new", c.file))
}

// ClockSteps checks what a store on a server promises when the server's clock is set back by
// an hour, and forward by three.
func ClockSteps(t *testing.T, store seatmap.Store, c *Clock) {
	t.Helper()
	const hour = 3600
	ctx := t.Context()
	_, err := store.Create(ctx, seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 5}})
	require.NoError(t, err)
	var fence, revision uint64
	block := func(seat string) (seatmap.Hold, error) {
		h, err := store.Block(ctx, seatmap.BlockRequest{
			Event: "e", User: "ann", Seats: []string{seat}, TTL: 2 * hour * time.Second, Key: seatmap.NewKey(fmt.Sprint(seat, fence)),
		})
		if err != nil {
			return h, err
		}
		require.Greater(t, h.Token.Fence, fence, "a fence is above all before")
		fence = h.Token.Fence
		all, err := store.Seats(ctx, seatmap.SeatsRequest{Event: "e"})
		require.NoError(t, err)
		require.Greater(t, all.Revision, revision, "and so is a revision")
		revision = all.Revision
		return h, nil
	}
	first, err := block("1")
	require.NoError(t, err)
	_, err = store.Book(ctx, seatmap.BookRequest{Token: first.Token})
	require.NoError(t, err)
	held, err := block("2")
	require.NoError(t, err)

	c.Set(-hour)
	_, err = block("2")
	require.ErrorIs(t, err, seatmap.ErrTaken, "no hold ends early")
	back, err := block("3")
	require.NoError(t, err)
	require.InDelta(t, -hour, back.At.Sub(held.At).Seconds(), 100, "the server has another clock")
	holds, err := store.Holds(ctx, seatmap.HoldsRequest{Event: "e", User: "ann"})
	require.NoError(t, err)
	require.Len(t, holds, 2)
	require.InDelta(t, 3*hour, holds[0].Left.Seconds(), 100, "its deadline is where it was, later by the clock")

	c.Set(2 * hour)
	ahead, err := block("2")
	require.NoError(t, err, "its deadline has passed by the clock")
	require.Greater(t, ahead.Token.Fence, held.Token.Fence)
	_, err = store.Book(ctx, seatmap.BookRequest{Token: held.Token})
	require.ErrorIs(t, err, seatmap.ErrExpired)
	_, err = block("1")
	require.ErrorIs(t, err, seatmap.ErrTaken, "a booking has no deadline")

	c.Set(0)
	_, err = store.Book(ctx, seatmap.BookRequest{Token: ahead.Token})
	require.NoError(t, err)
	_, err = block("4")
	require.NoError(t, err)
}
