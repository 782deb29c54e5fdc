package journal_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/cutnet"
	"github.com/coderrange/ferrous/seatmap/journal"
	"github.com/coderrange/ferrous/seatmap/journal/internal/faultfs"
	"github.com/coderrange/ferrous/seatmap/seattest"
)

const (
	event = "concert"
	ttl   = time.Hour
)

var ctx = context.Background()

// small are options with small files.
var small = journal.Options{SegmentSize: 1 << 16}

func open(t *testing.T, fs *faultfs.FS, o journal.Options) *journal.Store {
	t.Helper()
	s, err := journal.OpenFS(fs, o)
	require.NoError(t, err)
	return s
}

// reopen closes the store and opens it again, or crashes it if crash is set.
func reopen(t *testing.T, s *journal.Store, fs *faultfs.FS, o journal.Options, crash bool) (*journal.Store, *faultfs.FS) {
	t.Helper()
	if crash {
		after := fs.Crash(faultfs.LoseAll, nil)
		_ = s.Close()
		fs = after
	} else {
		require.NoError(t, s.Close())
	}
	return open(t, fs, o), fs
}

func create(t *testing.T, s seatmap.Store, seats int) {
	t.Helper()
	_, err := s.Create(ctx, seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: seats}})
	require.NoError(t, err)
}

func block(t *testing.T, s seatmap.Store, user string, seats ...string) seatmap.Hold {
	t.Helper()
	h, err := s.Block(ctx, seatmap.BlockRequest{Event: event, User: user, Seats: seats, TTL: ttl})
	require.NoError(t, err)
	return h
}

func book(t *testing.T, s seatmap.Store, h seatmap.Hold, seats ...string) seatmap.Booking {
	t.Helper()
	b, err := s.Book(ctx, seatmap.BookRequest{Token: h.Token, Seats: seats})
	require.NoError(t, err)
	return b
}

// states returns a letter for each seat.
func states(t *testing.T, s seatmap.Store) string {
	t.Helper()
	return statesOf(t, s, event)
}

func statesOf(t *testing.T, s seatmap.Store, event string) string {
	t.Helper()
	all, err := s.Seats(ctx, seatmap.SeatsRequest{Event: event})
	require.NoError(t, err)
	var b strings.Builder
	for _, seat := range all.Seats {
		b.WriteString(".hBx"[seat.State : seat.State+1])
	}
	return b.String()
}

// token reads a token as a client sends it, since a process has its own form.
func token(t *testing.T, of seatmap.Token) seatmap.Token {
	t.Helper()
	again, err := seatmap.ParseToken(of.Reveal())
	require.NoError(t, err)
	return again
}

func TestAStoreKeepsWhatTheInterfaceSays(t *testing.T) {
	for name, o := range map[string]journal.Options{
		"volatile holds": small, "durable holds": {Holds: true, SegmentSize: 1 << 16},
	} {
		t.Run(name, func(t *testing.T) {
			var disk *faultfs.FS // of the check that is running
			seattest.Run(t, seattest.Options{
				Open: func(t *testing.T) seatmap.Store {
					t.Helper()
					disk = &faultfs.FS{}
					return cutnet.New(open(t, disk, o), cutnet.Faults{})
				},
				Cut:      func(s seatmap.Store) (mend func() error, err error) { return s.(*cutnet.Client).Cut() },
				Patience: time.Minute,
				Failover: func(s seatmap.Store, late func() error) (seatmap.Store, error) {
					if err := late(); err != nil {
						return nil, err
					}
					after := disk.Crash(faultfs.LoseAll, nil) // the disk goes to another machine
					_ = s.Close()
					disk = after
					return journal.OpenFS(disk, o)
				},
				Lacks: seattest.Lacks{Holds: !o.Holds},
				Restart: func(s seatmap.Store) (seatmap.Store, error) {
					after := disk.Crash(faultfs.LoseAll, nil)
					_ = s.Close()
					disk = after
					return journal.OpenFS(disk, o)
				},
			})
		})
	}
}

func TestBookingsSurviveAndHoldsDoNot(t *testing.T) {
	for _, crash := range []bool{false, true} {
		for _, compact := range []bool{false, true} {
			fs := &faultfs.FS{}
			s := open(t, fs, small)
			create(t, s, 8)
			ann, bob := block(t, s, "ann", "1", "2", "3"), block(t, s, "bob", "4", "5")
			gone := block(t, s, "cid", "7")
			booking := book(t, s, ann, "1", "3")
			if compact {
				require.NoError(t, s.Compact(ctx))
			}
			canceled := book(t, s, block(t, s, "dan", "6"))
			_, err := s.Release(ctx, seatmap.ReleaseRequest{Token: gone.Token})
			require.NoError(t, err)
			_, err = s.Cancel(ctx, seatmap.CancelRequest{Token: canceled.Token})
			require.NoError(t, err)
			require.Equal(t, "BhBhh...", states(t, s))
			before, err := s.Seats(ctx, seatmap.SeatsRequest{Event: event})
			require.NoError(t, err)
			s, fs = reopen(t, s, fs, small, crash)
			require.Equal(t, "B.B.....", states(t, s))
			for _, h := range []seatmap.Token{ann.Token, bob.Token, gone.Token} {
				_, err := s.Book(ctx, seatmap.BookRequest{Token: token(t, h)})
				require.ErrorIs(t, err, seatmap.ErrExpired, "a token of a hold that was lost")
			}
			_, err = s.Cancel(ctx, seatmap.CancelRequest{Token: token(t, canceled.Token)})
			require.ErrorIs(t, err, seatmap.ErrExpired)
			after, err := s.Seats(ctx, seatmap.SeatsRequest{Event: event})
			require.NoError(t, err)
			require.Greater(t, after.Revision, before.Revision, "no revision is used again")
			require.NotEqual(t, after.Cursor.Life(), before.Cursor.Life())
			first := after.Seats[0]
			require.Equal(t, before.Seats[0].Fence, first.Fence)
			require.WithinDuration(t, before.Seats[0].At, first.At, time.Second)
			next := block(t, s, "eve", "8")
			require.Greater(t, next.Token.Fence, canceled.Token.Fence, "no fence is used again")
			_, err = s.Cancel(ctx, seatmap.CancelRequest{Token: token(t, booking.Token), Seats: []string{"1"}})
			require.NoError(t, err, "the token of a booking works")
			require.Equal(t, "..B....h", states(t, s))
			s, _ = reopen(t, s, fs, small, crash)
			require.Equal(t, "..B.....", states(t, s))
			_, err = s.Cancel(ctx, seatmap.CancelRequest{Token: token(t, booking.Token)})
			require.NoError(t, err)
			require.NoError(t, s.Close())
		}
	}
}

func TestDurableHoldsSurvive(t *testing.T) {
	o := journal.Options{Holds: true, SegmentSize: 1 << 16}
	for _, crash := range []bool{false, true} {
		for _, compact := range []bool{false, true} {
			fs := &faultfs.FS{}
			s := open(t, fs, o)
			create(t, s, 6)
			key := seatmap.NewKey("key")
			request := seatmap.BlockRequest{Event: event, User: "ann", Key: key, Seats: []string{"1", "2", "3"}, TTL: ttl}
			ann, err := s.Block(ctx, request)
			require.NoError(t, err)
			bob := block(t, s, "bob", "4", "5")
			if compact {
				require.NoError(t, s.Compact(ctx))
			}
			_, err = s.Release(ctx, seatmap.ReleaseRequest{Token: ann.Token, Seats: []string{"1"}})
			require.NoError(t, err)
			extended, err := s.Extend(ctx, seatmap.ExtendRequest{Token: ann.Token, TTL: 2 * ttl})
			require.NoError(t, err)
			s, fs = reopen(t, s, fs, o, crash)
			require.Equal(t, ".hhhh.", states(t, s))
			again, err := s.Block(ctx, request)
			require.NoError(t, err)
			require.True(t, again.Replayed)
			require.Equal(t, ann.Token.Reveal(), again.Token.Reveal())
			info, err := s.Seat(ctx, seatmap.SeatRequest{Event: event, Seat: "2"})
			require.NoError(t, err)
			require.WithinDuration(t, extended.Until, info.Until, time.Second)
			require.Equal(t, "ann", info.User)
			booking := book(t, s, seatmap.Hold{Token: token(t, ann.Token)})
			_, err = s.Release(ctx, seatmap.ReleaseRequest{Token: token(t, bob.Token)})
			require.NoError(t, err)
			s, _ = reopen(t, s, fs, o, crash)
			require.Equal(t, ".BB...", states(t, s))
			_, err = s.Cancel(ctx, seatmap.CancelRequest{Token: token(t, booking.Token)})
			require.NoError(t, err)
			require.NoError(t, s.Close())
		}
	}
}

// TestAnswersByKeySurvive repeats requests after a crash.
func TestAnswersByKeySurvive(t *testing.T) {
	for _, compact := range []bool{false, true} {
		fs := &faultfs.FS{}
		s := open(t, fs, small)
		key := func(text string) seatmap.Key { return seatmap.NewKey(text) }
		createEvent := seatmap.CreateRequest{
			Event: event, Key: key("create"), Layout: seatmap.Layout{Seats: []string{"A-1", "A-2", "B-1"}, Closed: []string{"B-1"}},
			Limits: seatmap.Limits{Seats: 3, Holds: 2, Lifetime: 5 * ttl},
		}
		createOther := seatmap.CreateRequest{Event: "other", Key: key("create"), Layout: seatmap.Layout{Count: 5}}
		removeOther := seatmap.RemoveRequest{Event: "other", Key: key("remove")}
		for _, r := range []seatmap.CreateRequest{createEvent, createOther} {
			_, err := s.Create(ctx, r)
			require.NoError(t, err)
		}
		_, err := s.Remove(ctx, removeOther)
		require.NoError(t, err)
		h := block(t, s, "ann", "A-1", "A-2")
		bookOne := seatmap.BookRequest{Token: h.Token, User: "ann", Key: key("book"), Seats: []string{"A-2"}}
		booking, err := s.Book(ctx, bookOne)
		require.NoError(t, err)
		if compact {
			require.NoError(t, s.Compact(ctx))
		}
		second := book(t, s, h)
		cancel := seatmap.CancelRequest{Token: second.Token, User: "ann", Key: key("cancel")}
		_, err = s.Cancel(ctx, cancel)
		require.NoError(t, err)
		for range 2 {
			s, fs = reopen(t, s, fs, small, true)
			bookOne.Token, cancel.Token = token(t, bookOne.Token), token(t, cancel.Token)
			receipt, err := s.Create(ctx, createEvent)
			require.NoError(t, err)
			require.True(t, receipt.Replayed)
			receipt, err = s.Create(ctx, createOther)
			require.NoError(t, err)
			require.True(t, receipt.Replayed, "though it was removed")
			receipt, err = s.Remove(ctx, removeOther)
			require.NoError(t, err)
			require.True(t, receipt.Replayed)
			again, err := s.Book(ctx, bookOne)
			require.NoError(t, err)
			require.True(t, again.Replayed)
			require.Equal(t, booking.Token.Reveal(), again.Token.Reveal())
			require.Equal(t, booking.Seats, again.Seats)
			require.Equal(t, "ann", again.User)
			require.WithinDuration(t, booking.At, again.At, time.Second)
			receipt, err = s.Cancel(ctx, cancel)
			require.NoError(t, err)
			require.True(t, receipt.Replayed)
			_, err = s.Cancel(ctx, seatmap.CancelRequest{Token: again.Token, User: "ann", Key: key("cancel")})
			require.ErrorIs(t, err, seatmap.ErrKeyReused)
			require.Equal(t, ".Bx", states(t, s))
			_, err = s.Block(ctx, seatmap.BlockRequest{Event: event, User: "ann", Seats: []string{"A-1"}, TTL: 6 * ttl})
			require.ErrorIs(t, err, seatmap.ErrLimit, "limits survive")
		}
		require.NoError(t, s.Close())
	}
}

// TestFencesAndRevisionsRiseOverRestartsAndRemovals goes on with an event of one name.
func TestFencesAndRevisionsRiseOverRestartsAndRemovals(t *testing.T) {
	fs := &faultfs.FS{}
	s := open(t, fs, small)
	var fence, revision uint64
	for i := range 12 {
		if i%3 == 0 {
			if i > 0 {
				_, err := s.Remove(ctx, seatmap.RemoveRequest{Event: event})
				require.NoError(t, err)
			}
			create(t, s, 2)
		}
		for range 3 {
			h := block(t, s, "ann", "1")
			require.Greater(t, h.Token.Fence, fence)
			fence = h.Token.Fence
			_, err := s.Release(ctx, seatmap.ReleaseRequest{Token: h.Token})
			require.NoError(t, err)
		}
		all, err := s.Seats(ctx, seatmap.SeatsRequest{Event: event})
		require.NoError(t, err)
		require.Greater(t, all.Revision, revision)
		revision = all.Revision
		if i%4 == 1 {
			require.NoError(t, s.Compact(ctx))
		}
		s, fs = reopen(t, s, fs, small, i%2 == 0)
	}
	require.NoError(t, s.Close())
}

// TestAFailedDiskIsUnavailableUntilItIsOpenedAgain has a sync fail under a booking.
func TestAFailedDiskIsUnavailableUntilItIsOpenedAgain(t *testing.T) {
	fs := &faultfs.FS{}
	s := open(t, fs, small)
	create(t, s, 4)
	sure, h := book(t, s, block(t, s, "ann", "1")), block(t, s, "bob", "2")
	watching := make(chan error, 1)
	started := make(chan struct{})
	go func() {
		for change, err := range s.Watch(ctx, seatmap.WatchRequest{Event: event}) {
			if err != nil {
				watching <- err
			} else if change.Kind == seatmap.ChangeSnapshot {
				close(started)
			}
		}
	}()
	<-started
	s.Prepare()
	var broken sync.Mutex
	failing := true
	fs.Break(func(_ int, name string) faultfs.Fault {
		broken.Lock()
		defer broken.Unlock()
		if failing && name == "sync" {
			return faultfs.Fault{Err: errIO}
		}
		return faultfs.Fault{}
	})
	_, err := s.Book(ctx, seatmap.BookRequest{Token: h.Token})
	require.ErrorIs(t, err, seatmap.ErrOutcomeUnknown)
	require.ErrorIs(t, err, errIO)
	require.ErrorIs(t, <-watching, seatmap.ErrUnavailable)
	for name, err := range everyCall(s) {
		require.ErrorIs(t, err, seatmap.ErrUnavailable, name)
		require.NotErrorIs(t, err, seatmap.ErrOutcomeUnknown, name)
		require.ErrorIs(t, err, errIO, name)
	}
	_, err = s.Block(ctx, seatmap.BlockRequest{})
	require.ErrorIs(t, err, seatmap.ErrInvalidEvent, "the form of a request comes first")
	require.ErrorIs(t, s.Close(), errIO)
	_, err = s.Counts(ctx, seatmap.CountsRequest{Event: event})
	require.ErrorIs(t, err, seatmap.ErrClosed)
	broken.Lock()
	failing = false
	broken.Unlock()
	s = open(t, fs, small)
	require.Contains(t, []string{"B...", "BB.."}, states(t, s))
	_, err = s.Cancel(ctx, seatmap.CancelRequest{Token: token(t, sure.Token)})
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

// everyCall makes each call with a request of the right form.
func everyCall(s *journal.Store) map[string]error {
	t := seatmap.NewToken(event, 1, [16]byte{1})
	of := func(_ any, err error) error { return err }
	calls := map[string]error{
		"Create":       of(s.Create(ctx, seatmap.CreateRequest{Event: "new", Layout: seatmap.Layout{Count: 1}})),
		"Remove":       of(s.Remove(ctx, seatmap.RemoveRequest{Event: event})),
		"Block":        of(s.Block(ctx, seatmap.BlockRequest{Event: event, User: "u", Seats: []string{"3"}, TTL: ttl})),
		"BlockAny":     of(s.BlockAny(ctx, seatmap.BlockAnyRequest{Event: event, User: "u", N: 1, TTL: ttl})),
		"Book":         of(s.Book(ctx, seatmap.BookRequest{Token: t})),
		"Release":      of(s.Release(ctx, seatmap.ReleaseRequest{Token: t})),
		"Extend":       of(s.Extend(ctx, seatmap.ExtendRequest{Token: t, TTL: ttl})),
		"Cancel":       of(s.Cancel(ctx, seatmap.CancelRequest{Token: t})),
		"Revoke":       of(s.Revoke(ctx, seatmap.RevokeRequest{Event: event, Seat: "1", Actor: "op"})),
		"Reissue":      of(s.Reissue(ctx, seatmap.ReissueRequest{Event: event, Seat: "1", Actor: "op"})),
		"Move":         of(s.Move(ctx, seatmap.MoveRequest{Event: event, Seat: "1", Actor: "op", To: []string{"3"}})),
		"Reserve":      of(s.Reserve(ctx, seatmap.ReserveRequest{Event: event, User: "u", Seats: []string{"3"}, Actor: "op"})),
		"BeginPayment": of(s.BeginPayment(ctx, seatmap.PaymentRequest{Token: t, TTL: ttl})),
		"EndPayment":   of(s.EndPayment(ctx, seatmap.EndPaymentRequest{Token: t})),
		"Export":       of(s.Export(ctx, seatmap.ExportRequest{Event: event}, io.Discard)),
		"Import":       of(s.Import(ctx, seatmap.ImportRequest{}, strings.NewReader(""))),
		"Seat":         of(s.Seat(ctx, seatmap.SeatRequest{Event: event, Seat: "1"})),
		"Seats":        of(s.Seats(ctx, seatmap.SeatsRequest{Event: event})),
		"Counts":       of(s.Counts(ctx, seatmap.CountsRequest{Event: event})),
		"Holds":        of(s.Holds(ctx, seatmap.HoldsRequest{Event: event, User: "u"})),
		"Layout":       of(s.Layout(ctx, seatmap.LayoutRequest{Event: event})),
		"Sweep":        of(s.Sweep(ctx)),
		"Erase":        of(s.Erase(ctx, "ann")),
		"Events":       of(s.Events(ctx, seatmap.EventsRequest{})),
		"Grants":       of(s.Grants(ctx, seatmap.GrantsRequest{Event: event, User: "ann"})),
		"Compact":      s.Compact(ctx),
	}
	for _, err := range s.Watch(ctx, seatmap.WatchRequest{Event: event}) {
		calls["Watch"] = err
	}
	return calls
}

// TestAFullDiskRefusesAndGoesOn has no room for another file of the log.
func TestAFullDiskRefusesAndGoesOn(t *testing.T) {
	fs := &faultfs.FS{}
	full := func(_ int, name string) faultfs.Fault {
		if name == "create" || name == "allocate" {
			return faultfs.Fault{Err: errFull}
		}
		return faultfs.Fault{}
	}
	s := open(t, fs, small)
	create(t, s, 1000)
	fs.Break(full)
	booked := 0
	var err error
	for err == nil {
		require.Less(t, booked, 1000)
		h := block(t, s, strings.Repeat("u", 200), fmt.Sprint(booked+1))
		if _, err = s.Book(ctx, seatmap.BookRequest{Token: h.Token}); err == nil {
			booked++
		}
	}
	require.ErrorIs(t, err, seatmap.ErrUnavailable)
	require.ErrorIs(t, err, errFull)
	require.NotErrorIs(t, err, seatmap.ErrOutcomeUnknown)
	counts, err := s.Counts(ctx, seatmap.CountsRequest{Event: event})
	require.NoError(t, err, "reads go on")
	require.Equal(t, booked, counts.Booked, "what was refused has not happened")
	require.ErrorIs(t, s.Compact(ctx), seatmap.ErrUnavailable)
	fs.Break(nil)
	book(t, s, block(t, s, "ann", "1000"))
	require.NoError(t, s.Compact(ctx))
	s, _ = reopen(t, s, fs, small, true)
	counts, err = s.Counts(ctx, seatmap.CountsRequest{Event: event})
	require.NoError(t, err)
	require.Equal(t, booked+1, counts.Booked)
	require.NoError(t, s.Close())
}

// TestAContextThatEndsLeavesTheOutcomeUnknown ends a context while the disk is at work.
func TestAContextThatEndsLeavesTheOutcomeUnknown(t *testing.T) {
	fs := &faultfs.FS{}
	s := open(t, fs, small)
	create(t, s, 4)
	h := block(t, s, "ann", "1")
	s.Prepare()
	syncing, release := make(chan struct{}, 9), make(chan struct{})
	fs.OnSync(func() {
		syncing <- struct{}{}
		<-release
	})
	cause := errors.New("gave up")
	waiting, cancel := context.WithCancelCause(ctx)
	result := make(chan error, 1)
	request := seatmap.BookRequest{Token: h.Token, User: "ann", Key: seatmap.NewKey("book")}
	go func() {
		_, err := s.Book(waiting, request)
		result <- err
	}()
	<-syncing
	cancel(cause)
	err := <-result
	require.ErrorIs(t, err, seatmap.ErrOutcomeUnknown)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, cause)
	close(release)
	b, err := s.Book(ctx, request)
	require.NoError(t, err)
	require.True(t, b.Replayed)
	require.NoError(t, s.Close())
}

func TestADamagedJournalIsRefused(t *testing.T) {
	fs := &faultfs.FS{}
	s := open(t, fs, small)
	create(t, s, 4)
	book(t, s, block(t, s, "ann", "1"))
	require.NoError(t, s.Close())
	name := "0000000000000001.log"
	fs.Content(name)[300] ^= 1
	_, err := journal.OpenFS(fs, small)
	damage, ok := errors.AsType[*journal.DamageError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, name, damage.File)
	require.ErrorContains(t, err, fmt.Sprintf("journal: test: %s is damaged at byte %d: ", name, damage.Offset))
	fs.Content(name)[300] ^= 1
	require.NoError(t, open(t, fs, small).Close())
}

// TestNothingAcknowledgedIsLost crashes a store in each operation of its disk, while it
// is used in all ways, and compares what comes back with what it has acknowledged.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	for _, o := range []journal.Options{small, {Holds: true, SegmentSize: 1 << 16}} {
		step := 1
		if testing.Short() || testkit.RaceEnabled {
			step = 9
		}
		op := 1
		for reached := true; reached; op += step {
			reached = false
			for loss := range faultfs.Losses {
				reached = crashAt(t, o, op, loss) >= op || reached
			}
		}
		require.Greater(t, op, 60)
	}
}

type booked struct {
	token seatmap.Token
	seat  string
}

func crashAt(t *testing.T, o journal.Options, op int, loss faultfs.Loss) int {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("operation %d, loss %d", op, loss)
		}
	}()
	r := rand.New(rand.NewPCG(uint64(op), uint64(loss)))
	fs := &faultfs.FS{Fault: func(n int, _ string) faultfs.Fault { return faultfs.Fault{Crash: n == op} }}
	sure := map[string]booked{}  // by seat
	maybe := map[string]string{} // by seat: the state that it may have instead
	var holds []seatmap.Token
	created := use(fs, o, sure, maybe, &holds)
	ops := fs.Ops()
	after := fs.Crash(loss, r)
	s := open(t, after, o)
	defer func() { require.NoError(t, s.Close()) }()
	all, err := s.Seats(ctx, seatmap.SeatsRequest{Event: event})
	if errors.Is(err, seatmap.ErrUnknownEvent) {
		require.False(t, created)
		return ops
	}
	require.NoError(t, err)
	for _, seat := range all.Seats {
		b, ok := sure[seat.Seat]
		switch {
		case maybe[seat.Seat] != "":
		case ok:
			require.Equal(t, seatmap.SeatBooked, seat.State, "seat %s was booked", seat.Seat)
			require.Equal(t, b.token.Fence, seat.Fence)
			_, err := s.Cancel(ctx, seatmap.CancelRequest{Token: token(t, b.token)})
			require.NoError(t, err)
		default:
			require.NotEqual(t, seatmap.SeatBooked, seat.State, "seat %s was not booked", seat.Seat)
		}
	}
	for _, h := range holds {
		_, err := s.Book(ctx, seatmap.BookRequest{Token: token(t, h)})
		if !o.Holds {
			require.ErrorIs(t, err, seatmap.ErrExpired)
		}
	}
	return ops
}

// use uses a store until it fails.
func use(fs *faultfs.FS, o journal.Options, sure map[string]booked, maybe map[string]string, holds *[]seatmap.Token) (created bool) {
	s, err := journal.OpenFS(fs, o)
	if err != nil {
		return false
	}
	defer func() { _ = s.Close() }()
	if _, err := s.Create(ctx, seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: 40}}); err != nil {
		return false
	}
	for i := range 12 {
		seat := fmt.Sprint(i + 1)
		h, err := s.Block(ctx, seatmap.BlockRequest{Event: event, User: strings.Repeat("u", 200), Seats: []string{seat, fmt.Sprint(i + 20)}, TTL: ttl})
		if err != nil {
			return true
		}
		*holds = append(*holds, h.Token)
		maybe[seat] = "booked"
		b, err := s.Book(ctx, seatmap.BookRequest{Token: h.Token, Seats: []string{seat}})
		if err != nil {
			return true
		}
		delete(maybe, seat)
		sure[seat] = booked{b.Token, seat}
		switch i {
		case 3, 9:
			maybe[seat] = "canceled"
			if _, err := s.Cancel(ctx, seatmap.CancelRequest{Token: b.Token}); err != nil {
				return true
			}
			delete(maybe, seat)
			delete(sure, seat)
		case 5, 8:
			if err := s.Compact(ctx); err != nil {
				return true
			}
		}
	}
	return true
}

func TestAZeroStoreAndACopyAreKnown(t *testing.T) {
	var zero journal.Store
	require.NoError(t, zero.Close())
	assert.PanicsWithError(t, "journal: Store.Block: not made by Open", func() { _, _ = zero.Block(ctx, seatmap.BlockRequest{}) })
	assert.Equal(t, "Store(not made by Open)", fmt.Sprint(&zero))
	for _, o := range []journal.Options{{CompactAfter: -1}, {SegmentSize: -1}} {
		assert.Panics(t, func() { _, _ = journal.Open(t.TempDir(), o) })
	}
}

func TestReadChangesNothing(t *testing.T) {
	dir := t.TempDir()
	s, err := journal.Open(dir, small)
	require.NoError(t, err)
	create(t, s, 3)
	book(t, s, block(t, s, "ann", "2"))
	_, _, err = journal.Read(dir)
	require.ErrorIs(t, err, journal.ErrHeld)
	require.NoError(t, s.Close())
	m, records, err := journal.Read(dir)
	require.NoError(t, err)
	require.Equal(t, 3, records, "the beginning, an event and a booking")
	require.Equal(t, ".B.", states(t, m))
	require.NoError(t, m.Close())
	_, _, err = journal.Read(t.TempDir())
	require.Error(t, err)
	s, err = journal.Open(dir, small)
	require.NoError(t, err)
	require.Equal(t, ".B.", states(t, s))
	require.NoError(t, s.Close())
}

// TestAnErasedUserIsInNoFile looks at every byte of the files.
func TestAnErasedUserIsInNoFile(t *testing.T) {
	fs := &faultfs.FS{}
	o := journal.Options{Holds: true, SegmentSize: 1 << 16}
	s := open(t, fs, o)
	create(t, s, 9)
	const user = "somebody whose name is easy to find"
	h, err := s.Block(ctx, seatmap.BlockRequest{Event: event, User: user, Key: seatmap.NewKey("key of the user"), Seats: []string{"1", "2"}, TTL: ttl, Reference: "an order of the user"})
	require.NoError(t, err)
	b, err := s.Book(ctx, seatmap.BookRequest{Token: h.Token, User: user, Key: seatmap.NewKey("another key of the user"), Seats: []string{"1"}})
	require.NoError(t, err)
	other, err := s.Block(ctx, seatmap.BlockRequest{Event: event, User: "ann", Seats: []string{"3"}, TTL: ttl, Reference: "another order"})
	require.NoError(t, err)
	require.NotZero(t, other)
	find := func(fs *faultfs.FS) (found int) {
		for _, content := range fs.Contents() {
			for _, text := range []string{user, "key of the user", "an order of the user"} {
				if strings.Contains(content, text) {
					found++
				}
			}
		}
		return found
	}
	require.NotZero(t, find(fs))
	seats, err := s.Erase(ctx, user)
	require.NoError(t, err)
	require.Equal(t, 2, seats)
	require.Zero(t, find(fs))
	s, fs = reopen(t, s, fs, o, true)
	require.Zero(t, find(fs))
	require.Equal(t, "Bhh......", states(t, s))
	info, err := s.Seat(ctx, seatmap.SeatRequest{Event: event, Seat: "1"})
	require.NoError(t, err)
	require.Contains(t, info.User, "erased-")
	require.Empty(t, info.Reference)
	kept, err := s.Seat(ctx, seatmap.SeatRequest{Event: event, Seat: "3"})
	require.NoError(t, err)
	require.Equal(t, "another order", kept.Reference)
	holds, err := s.Holds(ctx, seatmap.HoldsRequest{Event: event, User: info.User})
	require.NoError(t, err)
	require.Len(t, holds, 1)
	_, err = s.Cancel(ctx, seatmap.CancelRequest{Token: token(t, b.Token)})
	require.NoError(t, err)
	book(t, s, seatmap.Hold{Token: token(t, h.Token)})
	_, err = s.Erase(ctx, "")
	require.ErrorIs(t, err, seatmap.ErrInvalidUser)
	require.NoError(t, s.Close())
}

// TestAJournalFromBeforeThereWereReferencesOpens reads files that were written then: a
// checkpoint and records of all kinds behind it.
func TestAJournalFromBeforeThereWereReferencesOpens(t *testing.T) {
	dir, from := t.TempDir(), filepath.Join("testdata", "before-references")
	files, err := os.ReadDir(from)
	require.NoError(t, err)
	require.Len(t, files, 3)
	for _, file := range files {
		packed, err := os.Open(filepath.Join(from, file.Name()))
		require.NoError(t, err)
		unpacked, err := gzip.NewReader(packed)
		require.NoError(t, err)
		content, err := io.ReadAll(unpacked)
		require.NoError(t, err)
		require.NoError(t, packed.Close())
		require.NoError(t, os.WriteFile(filepath.Join(dir, strings.TrimSuffix(file.Name(), ".gz")), content, 0o600))
	}
	s, err := journal.Open(dir, small)
	require.NoError(t, err)
	require.Equal(t, "BB.xhBBx", statesOf(t, s, "bus"))
	c, err := s.Counts(ctx, seatmap.CountsRequest{Event: "bus", Area: "floor"})
	require.NoError(t, err)
	require.Equal(t, seatmap.Counts{Available: 2, Blocked: 1, Booked: 2}, c)
	info, err := s.Seat(ctx, seatmap.SeatRequest{Event: "bus", Seat: "7"})
	require.NoError(t, err)
	require.Equal(t, "bob", info.User)
	require.Equal(t, "op", info.Actor)
	reserve := seatmap.ReserveRequest{
		Event: "bus", User: "house", Actor: "op", Reason: "why", Seats: []string{"5", "6"}, Places: map[string]int{"floor": 1}, Key: seatmap.NewKey("reserve"),
	}
	again, err := s.Reserve(ctx, reserve)
	require.NoError(t, err)
	require.True(t, again.Replayed)
	_, err = s.Book(ctx, seatmap.BookRequest{Token: again.Token, Reference: "order 1"})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	s, err = journal.Open(dir, small)
	require.NoError(t, err)
	info, err = s.Seat(ctx, seatmap.SeatRequest{Event: "bus", Seat: "5"})
	require.NoError(t, err)
	require.Equal(t, "order 1", info.Reference)
	require.NoError(t, s.Close())
}

// What a disk says.
var (
	errIO   = errors.New("input/output error")
	errFull = errors.New("no space left on device")
)
