package outage

import (
	_ "embed"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
)

//go:embed testdata/clock.c
var clockSource []byte

// Clock is the wall clock of programs that a test starts, which it can set. That of libfaketime is
// not for Redis, whose allocator asks for the time before there is any memory.
type Clock struct {
	tb            testing.TB
	library, file string
}

// NewClock returns a clock that is right. It keeps two files in a folder that the programs can
// read. It skips the test without a C compiler, and on other systems than Linux.
func NewClock(tb testing.TB, dir string) *Clock {
	tb.Helper()
	if runtime.GOOS != "linux" {
		tb.Skip("sets the clock of a program, which it can on Linux")
	}
	c := &Clock{tb, filepath.Join(dir, "clock.so"), filepath.Join(dir, "clock")}
	source := filepath.Join(tb.TempDir(), "clock.c")
	require.NoError(tb, os.WriteFile(source, clockSource, 0o600))
	out, err := testkit.Command(tb, testkit.Program(tb, "gcc"), "-shared", "-fPIC", "-O", "-o", c.library, source).CombinedOutput()
	require.NoError(tb, err, "%s", out)
	require.NoError(tb, os.WriteFile(c.file, make([]byte, 8), 0o644)) //nolint:gosec // the programs read it
	return c
}

// Environment is what a program needs for the clock.
func (c *Clock) Environment() []string {
	return append(os.Environ(), "LD_PRELOAD="+c.library, "CLOCK_FILE="+c.file)
}

// Set sets the clock to so many seconds after the time that it is.
func (c *Clock) Set(seconds int) {
	c.tb.Helper()
	f, err := os.OpenFile(c.file, os.O_WRONLY, 0)
	require.NoError(c.tb, err)
	defer func() { require.NoError(c.tb, f.Close()) }()
	_, err = f.Write(binary.NativeEndian.AppendUint64(nil, uint64(seconds)))
	require.NoError(c.tb, err)
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
