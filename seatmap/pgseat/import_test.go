package pgseat_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/seatmap"
)

func newMap(tb testing.TB) *seatmap.Map {
	tb.Helper()
	m := seatmap.NewMap(seatmap.MapOptions{})
	tb.Cleanup(func() { _ = m.Close() })
	return m
}

func exported(tb testing.TB, m *seatmap.Map, event string) []byte {
	tb.Helper()
	var b bytes.Buffer
	_, err := m.Export(tb.Context(), seatmap.ExportRequest{Event: event, Remove: true}, &b)
	require.NoError(tb, err)
	return b.Bytes()
}

// TestAnImportedEventGoesOnAsIfNothingHadHappened moves an event from a Map that had imported it
// itself, so that it has tokens of two keys.
func TestAnImportedEventGoesOnAsIfNothingHadHappened(t *testing.T) {
	ctx := t.Context()
	s := startServer(t)
	from := newMap(t)
	create := seatmap.CreateRequest{
		Event: "é", Key: seatmap.NewKey("create"),
		Layout: seatmap.Layout{Seats: []string{"A \"1\"", `A\2`, "A3", "Ä4", "座5", "A6", "A7"}, Closed: []string{"A7"}},
		Limits: seatmap.Limits{Seats: 4, Holds: 5, Lifetime: time.Hour},
	}
	_, err := from.Create(ctx, create)
	require.NoError(t, err)
	first := seatmap.BlockRequest{Event: "é", User: "ann", Key: seatmap.NewKey("k"), Seats: []string{"座5", "A3", "A \"1\""}, TTL: 10 * time.Minute, Reference: "order 1"}
	hold, err := from.Block(ctx, first)
	require.NoError(t, err)
	_, err = from.Release(ctx, seatmap.ReleaseRequest{Token: hold.Token, Seats: []string{"座5"}})
	require.NoError(t, err)
	again := newMap(t)
	_, err = again.Import(ctx, seatmap.ImportRequest{}, bytes.NewReader(exported(t, from, "é")))
	require.NoError(t, err)
	from = again
	any := seatmap.BlockAnyRequest{
		Event: "é", User: "bob", Key: seatmap.NewKey("k"), N: 2, TTL: time.Minute, Where: seatmap.Where{Adjacent: true},
	}
	other, err := from.BlockAny(ctx, any)
	require.NoError(t, err)
	bookRequest := seatmap.BookRequest{Token: other.Token, User: "bob", Key: seatmap.NewKey("book"), Seats: other.Seats[:1]}
	booking, err := from.Book(ctx, bookRequest)
	require.NoError(t, err)
	last, err := from.Block(ctx, seatmap.BlockRequest{Event: "é", User: "eve", Seats: []string{"A6"}, TTL: time.Minute})
	require.NoError(t, err)
	releaseRequest := seatmap.ReleaseRequest{Token: last.Token, User: "eve", Key: seatmap.NewKey("r")}
	_, err = from.Release(ctx, releaseRequest)
	require.NoError(t, err)
	before, err := from.Seats(ctx, seatmap.SeatsRequest{Event: "é"})
	require.NoError(t, err)

	store := open(t, quiet(s.options()))
	defer func() { require.NoError(t, store.Close()) }()
	info, err := store.Import(ctx, seatmap.ImportRequest{}, bytes.NewReader(exported(t, from, "é")))
	require.NoError(t, err)
	to := open(t, quiet(s.options())) // another client
	defer func() { require.NoError(t, to.Close()) }()
	after, err := to.Seats(ctx, seatmap.SeatsRequest{Event: "é"})
	require.NoError(t, err)
	require.Equal(t, seatmap.EventInfo{Event: "é", Seats: 7, Limits: create.Limits, Revision: after.Revision, Cursor: after.Cursor}, info)
	require.GreaterOrEqual(t, after.Revision, before.Revision)
	for i, want := range before.Seats {
		got := after.Seats[i]
		require.WithinDuration(t, want.At, got.At, time.Microsecond)
		if want.State == seatmap.SeatBlocked {
			require.WithinDuration(t, want.Until, got.Until, time.Minute/2)
		}
		got.At, got.Until, got.Left = want.At, want.Until, want.Left
		require.Equal(t, want, got)
	}
	list, err := to.Grants(ctx, seatmap.GrantsRequest{Event: "é", Reference: "order 1"})
	require.NoError(t, err)
	require.Len(t, list.Grants, 1)
	require.Equal(t, hold.Token.Fence, list.Grants[0].Fence)
	layout, err := to.Layout(ctx, seatmap.LayoutRequest{Event: "é"})
	require.NoError(t, err)
	require.Equal(t, create.Layout, layout)
	counts, err := to.Counts(ctx, seatmap.CountsRequest{Event: "é"})
	require.NoError(t, err)
	require.Equal(t, seatmap.Counts{Available: 2, Blocked: 3, Booked: 1, Closed: 1}, counts)

	replayed, err := to.Block(ctx, first)
	require.NoError(t, err)
	require.True(t, replayed.Replayed)
	require.Equal(t, hold.Token, replayed.Token)
	require.Equal(t, hold.Seats, replayed.Seats)
	differing := first
	differing.TTL, differing.Seats = time.Minute, []string{"A3"}
	_, err = to.Block(ctx, differing)
	differs, _ := errors.AsType[*seatmap.KeyError](err)
	require.NotNil(t, differs)
	require.Equal(t, []string{"Seats", "TTL"}, differs.Differs())
	replayed, err = to.BlockAny(ctx, any)
	require.NoError(t, err)
	require.True(t, replayed.Replayed)
	require.Equal(t, other.Token, replayed.Token)
	rebooked, err := to.Book(ctx, bookRequest)
	require.NoError(t, err)
	require.True(t, rebooked.Replayed)
	require.Equal(t, booking.Token, rebooked.Token)
	require.Equal(t, booking.Seats, rebooked.Seats)
	receipt, err := to.Release(ctx, releaseRequest)
	require.NoError(t, err)
	require.True(t, receipt.Replayed)
	receipt, err = to.Create(ctx, create)
	require.NoError(t, err)
	require.True(t, receipt.Replayed)

	_, err = to.Release(ctx, seatmap.ReleaseRequest{Token: last.Token})
	require.ErrorIs(t, err, seatmap.ErrExpired, "it was given out")
	for _, forged := range []seatmap.Token{
		seatmap.NewToken("é", hold.Token.Fence, [16]byte{1}), seatmap.NewToken("é", last.Token.Fence, [16]byte{1}),
		seatmap.NewToken("é", hold.Token.Fence+1, [16]byte{1}),
	} {
		_, err = to.Release(ctx, seatmap.ReleaseRequest{Token: forged})
		require.ErrorIs(t, err, seatmap.ErrToken)
	}
	_, err = to.Block(ctx, seatmap.BlockRequest{Event: "é", User: "ann", Seats: []string{"A6", "座5", "A7"}, TTL: time.Minute})
	require.ErrorIs(t, err, seatmap.ErrTaken, "it is closed")
	_, err = to.Block(ctx, seatmap.BlockRequest{Event: "é", User: "ann", Seats: []string{"A6", `A\2`}, TTL: time.Minute})
	require.NoError(t, err)
	_, err = to.Block(ctx, seatmap.BlockRequest{Event: "é", User: "ann", Seats: []string{"A3"}, TTL: time.Minute})
	require.ErrorIs(t, err, seatmap.ErrSoldOut)
	_, err = to.Cancel(ctx, seatmap.CancelRequest{Token: booking.Token})
	require.NoError(t, err)
	_, err = to.Block(ctx, seatmap.BlockRequest{Event: "é", User: "ann", Seats: booking.Seats, TTL: time.Minute})
	require.ErrorIs(t, err, seatmap.ErrLimit)
	extended, err := to.Extend(ctx, seatmap.ExtendRequest{Token: hold.Token, TTL: 30 * time.Minute})
	require.NoError(t, err)
	require.Equal(t, hold.Token, extended.Token)
	require.Equal(t, []string{"A3", "A \"1\""}, extended.Seats)
	booked, err := to.Book(ctx, seatmap.BookRequest{Token: hold.Token})
	require.NoError(t, err)
	require.Greater(t, booked.Token.Fence, info.Revision)
	_, err = to.Cancel(ctx, seatmap.CancelRequest{Token: booked.Token})
	require.NoError(t, err)
	_, err = to.Book(ctx, seatmap.BookRequest{Token: hold.Token})
	require.ErrorIs(t, err, seatmap.ErrExpired)
}

func TestTimePassesBetweenExportAndImportOnlyIfItIsAskedFor(t *testing.T) {
	ctx := t.Context()
	from, s := newMap(t), startServer(t)
	store := open(t, quiet(s.options()))
	defer func() { require.NoError(t, store.Close()) }()
	_, err := from.Create(ctx, seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 2}})
	require.NoError(t, err)
	h, err := from.Block(ctx, seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"1"}, TTL: time.Minute, Key: seatmap.NewKey("k")})
	require.NoError(t, err)
	_, err = from.Block(ctx, seatmap.BlockRequest{Event: "e", User: "bob", Seats: []string{"2"}, TTL: 20 * time.Millisecond})
	require.NoError(t, err)
	export := exported(t, from, "e")
	var now time.Time
	later := func() bool {
		require.NoError(t, s.connect().QueryRow(ctx, "select clock_timestamp()").Scan(&now))
		return now.After(h.Until.Add(-time.Minute).Add(time.Second / 10))
	}
	require.Eventually(t, later, time.Minute, time.Millisecond)
	for _, lapse := range []bool{false, true} {
		_, err = store.Import(ctx, seatmap.ImportRequest{Lapse: lapse}, bytes.NewReader(export))
		require.NoError(t, err)
		seat, err := store.Seat(ctx, seatmap.SeatRequest{Event: "e", Seat: "1"})
		require.NoError(t, err)
		if lapse {
			require.WithinDuration(t, h.Until, seat.Until, time.Microsecond)
			counts, err := store.Counts(ctx, seatmap.CountsRequest{Event: "e"})
			require.NoError(t, err)
			require.Equal(t, seatmap.Counts{Available: 1, Blocked: 1}, counts, "bob's hold is over")
		} else {
			require.Greater(t, seat.Until.Sub(h.Until), 50*time.Millisecond)
		}
		replayed, err := store.Block(ctx, seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"1"}, TTL: time.Minute, Key: seatmap.NewKey("k")})
		require.NoError(t, err)
		require.Equal(t, seat.Until, replayed.Until)
		if lapse { // the answer ends some time after its hold
			_, err = store.Release(ctx, seatmap.ReleaseRequest{Token: h.Token})
			require.NoError(t, err)
			s.exec("update pgseat.due set at = at - 7200000000") // two hours
			_, err = store.Sweep(ctx)
			require.NoError(t, err)
			var left int
			require.NoError(t, s.connect().QueryRow(ctx, "select count(*) from pgseat.answer").Scan(&left))
			require.Zero(t, left)
		}
		_, err = store.Remove(ctx, seatmap.RemoveRequest{Event: "e"})
		require.NoError(t, err)
	}
}

func TestAnImportRefusesWhatTheStoreLacks(t *testing.T) {
	ctx := t.Context()
	s := startServer(t)
	store := open(t, quiet(s.options()))
	defer func() { require.NoError(t, store.Close()) }()
	for what, c := range map[string]struct {
		layout seatmap.Layout
		use    func(m *seatmap.Map) error
	}{
		"areas": {layout: seatmap.Layout{Count: 3, Areas: []seatmap.Area{{Name: "floor", Capacity: 2}}}},
	} {
		m := newMap(t)
		_, err := m.Create(ctx, seatmap.CreateRequest{Event: "e", Layout: c.layout})
		require.NoError(t, err, what)
		if c.use != nil {
			require.NoError(t, c.use(m), what)
		}
		_, err = store.Import(ctx, seatmap.ImportRequest{}, bytes.NewReader(exported(t, m, "e")))
		require.ErrorIs(t, err, errors.ErrUnsupported, what)
		require.ErrorIs(t, err, seatmap.ErrInvalidExport, what)
		require.ErrorContains(t, err, "pgseat has no ")
		require.ErrorContains(t, err, "no "+what)
	}
	_, err := store.Counts(ctx, seatmap.CountsRequest{Event: "e"})
	require.ErrorIs(t, err, seatmap.ErrUnknownEvent)
}

// Seats that were added to the event are seats like the others.
func TestAnImportTakesSeatsThatWereAdded(t *testing.T) {
	ctx := t.Context()
	s := startServer(t)
	store := open(t, quiet(s.options()))
	defer func() { require.NoError(t, store.Close()) }()
	m := newMap(t)
	_, err := m.Create(ctx, seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 2}})
	require.NoError(t, err)
	_, err = m.AddSeats(ctx, seatmap.AddSeatsRequest{Event: "e", Actor: "op", Layout: seatmap.Layout{Count: 2}})
	require.NoError(t, err)
	h, err := m.Block(ctx, seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"4"}, TTL: time.Hour})
	require.NoError(t, err)
	_, err = store.Import(ctx, seatmap.ImportRequest{}, bytes.NewReader(exported(t, m, "e")))
	require.NoError(t, err)
	_, err = store.Book(ctx, seatmap.BookRequest{Token: h.Token})
	require.NoError(t, err)
	counts, err := store.Counts(ctx, seatmap.CountsRequest{Event: "e"})
	require.NoError(t, err)
	require.Equal(t, seatmap.Counts{Available: 3, Booked: 1}, counts)
}

// TestAnImportThatEndsInTheMiddleLeavesNothing loses the client before its transaction commits.
func TestAnImportThatEndsInTheMiddleLeavesNothing(t *testing.T) {
	ctx := t.Context()
	s := startServer(t)
	p := startProxy(t, s.address())
	o := quiet(p.options(t))
	o.Timeout = 2 * time.Second
	lost, store := open(t, o), open(t, quiet(s.options()))
	defer func() { require.NoError(t, store.Close()) }()
	from := newMap(t)
	_, err := from.Create(ctx, seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 30_000}})
	require.NoError(t, err)
	for i := range 30_000 / 10 {
		_, err := from.BlockAny(ctx, seatmap.BlockAnyRequest{Event: "e", User: fmt.Sprint(i), N: 10, TTL: time.Hour, Key: seatmap.NewKey("k")})
		require.NoError(t, err)
	}
	export := exported(t, from, "e")
	p.cutAt(atCommit, swallowsCall)
	_, err = lost.Import(ctx, seatmap.ImportRequest{}, bytes.NewReader(export))
	require.ErrorIs(t, err, seatmap.ErrOutcomeUnknown)
	_, err = store.Counts(ctx, seatmap.CountsRequest{Event: "e"})
	require.ErrorIs(t, err, seatmap.ErrUnknownEvent)
	_, err = store.Import(ctx, seatmap.ImportRequest{}, bytes.NewReader(export))
	require.NoError(t, err)
	_, err = store.Import(ctx, seatmap.ImportRequest{}, bytes.NewReader(export))
	require.ErrorIs(t, err, seatmap.ErrExists)
	counts, err := store.Counts(ctx, seatmap.CountsRequest{Event: "e"})
	require.NoError(t, err)
	require.Equal(t, seatmap.Counts{Blocked: 30_000}, counts)
	p.disconnect()
	require.NoError(t, lost.Close())
}

// TestAnImportIsWrittenAgainIfItsConnectionEnds ends the first transaction at each table. What was
// read until then is not read again.
func TestAnImportIsWrittenAgainIfItsConnectionEnds(t *testing.T) {
	ctx := t.Context()
	s := startServer(t)
	p := startProxy(t, s.address())
	o := quiet(p.options(t))
	o.Retry = retry.New(retry.Options{Attempts: 2, Backoff: retry.Constant(0)})
	store := open(t, o)
	defer func() { require.NoError(t, store.Close()) }()
	const seats = 5000
	from := newMap(t)
	_, err := from.Create(ctx, seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: seats}})
	require.NoError(t, err)
	holds := make([]seatmap.Hold, seats)
	for i := range holds {
		user := fmt.Sprint("user ", i)
		holds[i], err = from.BlockAny(ctx, seatmap.BlockAnyRequest{Event: "e", User: user, N: 1, TTL: time.Hour, Key: seatmap.NewKey("k")})
		require.NoError(t, err)
	}
	var export bytes.Buffer
	_, err = from.Export(ctx, seatmap.ExportRequest{Event: "e"}, &export)
	require.NoError(t, err)
	for _, table := range []string{"record", "answer", "seat", "due", "layout"} {
		p.cutAt("copy pgseat."+table, beforeAnswer)
		_, err = store.Import(ctx, seatmap.ImportRequest{}, bytes.NewReader(export.Bytes()))
		require.NoError(t, err, table)
		<-p.reached
		counts, err := store.Counts(ctx, seatmap.CountsRequest{Event: "e"})
		require.NoError(t, err)
		require.Equal(t, seatmap.Counts{Blocked: seats}, counts)
		for i := 0; i < seats; i += 499 {
			h, err := store.BlockAny(ctx, seatmap.BlockAnyRequest{Event: "e", User: holds[i].User, N: 1, TTL: time.Hour, Key: seatmap.NewKey("k")})
			require.NoError(t, err)
			require.Equal(t, holds[i].Token, h.Token)
			_, err = store.Release(ctx, seatmap.ReleaseRequest{Token: h.Token})
			require.NoError(t, err)
		}
		_, err = store.Remove(ctx, seatmap.RemoveRequest{Event: "e"})
		require.NoError(t, err)
	}
}

// TestAnEventStaysIfItCannotBeMoved imports an export while it is written, into a store that has an
// event of that name. So the Map hears of it before it has removed its own.
func TestAnEventStaysIfItCannotBeMoved(t *testing.T) {
	ctx := t.Context()
	s := startServer(t)
	store := open(t, quiet(s.options()))
	defer func() { require.NoError(t, store.Close()) }()
	_, err := store.Create(ctx, seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 1}})
	require.NoError(t, err)
	from := newMap(t)
	const seats = 100_000
	_, err = from.Create(ctx, seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: seats}})
	require.NoError(t, err)
	for range seats {
		_, err := from.BlockAny(ctx, seatmap.BlockAnyRequest{Event: "e", User: "ann", N: 1, TTL: time.Hour})
		require.NoError(t, err)
	}
	in, out := io.Pipe()
	left := make(chan error)
	go func() {
		_, err := from.Export(ctx, seatmap.ExportRequest{Event: "e", Remove: true}, out)
		_ = out.CloseWithError(err)
		left <- err
	}()
	_, err = store.Import(ctx, seatmap.ImportRequest{}, in)
	require.ErrorIs(t, err, seatmap.ErrExists)
	require.NoError(t, in.CloseWithError(err))
	require.ErrorIs(t, <-left, seatmap.ErrExists)
	counts, err := from.Counts(ctx, seatmap.CountsRequest{Event: "e"})
	require.NoError(t, err)
	require.Equal(t, seatmap.Counts{Blocked: seats}, counts)
}

// TestAnEventMovesUnderLoad moves an event while clients hold and book by keys, and repeat what
// is refused meanwhile.
func TestAnEventMovesUnderLoad(t *testing.T) {
	ctx := t.Context()
	const clients, rounds, seats = 8, 60, 8 * 60
	s := startServer(t)
	from, to := newMap(t), open(t, quiet(s.options()))
	defer func() { require.NoError(t, to.Close()) }()
	_, err := from.Create(ctx, seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: seats}})
	require.NoError(t, err)
	var where atomic.Pointer[seatmap.Store]
	at := func(store seatmap.Store) { where.Store(&store) }
	at(from)
	var all sync.WaitGroup
	progress := make(chan struct{}, clients*rounds)
	tokens := make([]seatmap.Token, seats) // of bookings, by seat
	var mu sync.Mutex
	for c := range clients {
		all.Go(func() {
			until := func(once func(store seatmap.Store) error) bool {
				for {
					err := once(*where.Load())
					if err == nil {
						return true
					}
					if !errors.Is(err, seatmap.ErrUnavailable) && !errors.Is(err, seatmap.ErrUnknownEvent) {
						return assert.NoError(t, err)
					}
				}
			}
			for i := range rounds {
				user := fmt.Sprint("user", c)
				key := func(what string) seatmap.Key { return seatmap.NewKey(fmt.Sprint(what, i)) }
				var h seatmap.Hold
				var b seatmap.Booking
				if !until(func(store seatmap.Store) (err error) {
					h, err = store.BlockAny(ctx, seatmap.BlockAnyRequest{Event: "e", User: user, N: 1, TTL: time.Hour, Key: key("hold")})
					return err
				}) || !until(func(store seatmap.Store) (err error) {
					b, err = store.Book(ctx, seatmap.BookRequest{Token: h.Token, User: user, Key: key("book")})
					return err
				}) {
					return
				}
				seat, _ := strconv.Atoi(b.Seats[0])
				mu.Lock()
				assert.Zero(t, tokens[seat-1], "two owners")
				tokens[seat-1] = b.Token
				mu.Unlock()
				progress <- struct{}{}
			}
		})
	}
	for range seats / 10 {
		<-progress
	}
	_, err = to.Import(ctx, seatmap.ImportRequest{}, bytes.NewReader(exported(t, from, "e")))
	if assert.NoError(t, err) {
		at(to)
	}
	all.Wait()
	shot, err := to.Seats(ctx, seatmap.SeatsRequest{Event: "e"})
	require.NoError(t, err)
	fences := map[uint64]bool{}
	for i, seat := range shot.Seats {
		require.Equal(t, seatmap.SeatBooked, seat.State, seat.Seat)
		require.Equal(t, tokens[i].Fence, seat.Fence)
		require.False(t, fences[seat.Fence])
		fences[seat.Fence] = true
		_, err := to.Cancel(ctx, seatmap.CancelRequest{Token: tokens[i]})
		require.NoError(t, err)
	}
}
