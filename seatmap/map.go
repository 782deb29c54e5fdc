package seatmap

import (
	"context"
	"crypto/hmac"
	crand "crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"
	"log/slog"
	stdatomic "sync/atomic"
	"time"

	"github.com/puzpuzpuz/xsync/v3"
	"go.uber.org/atomic"
)

// Map is a [Store] in memory. It must be made by [NewMap] and not be copied; it
// is safe for concurrent use. Events are independent of each other: calls about
// different events share nothing that is written but counters of the runtime.
//
// It has no goroutine but for the moments in which it sweeps, and two timers: one is
// pending while there is something to sweep, one, its [Clock]'s, while refusals
// need it. An idle Map costs nothing.
type Map struct {
	self    *Map // a zero Map and a copy are known by it
	events  *xsync.MapOf[string, *event]
	options MapOptions
	clock   *Clock
	sweeper *sweeper // nil if only Sweep sweeps
	closed  atomic.Bool
	key     [32]byte // of which the keys of the events' tags are made
	// No removed event gave out a higher fence or revision.
	fence, revision stdatomic.Uint64
}

var _ Store = (*Map)(nil)

// MapOptions says how a [Map] works. The zero MapOptions is a good choice.
type MapOptions struct {
	// SweepEvery is the shortest time between two sweeps. A hold is swept away at
	// its deadline, or at most so much later if there was another sweep just
	// before. Zero means 100 ms.
	SweepEvery time.Duration
	// Ring is how many changes of an event are kept for its watchers, at most
	// 1,048,576. Zero means 1,024.
	Ring int
	// Keys is how many answers to requests with a key are remembered, for each
	// event, after their hold or booking is over; beyond it, the oldest are
	// forgotten before their [KeyMemory] has passed. Those of live holds and
	// bookings do not count and are not forgotten. Zero means 4,096 and one more
	// for each seat.
	Keys int
	// Manual says that only [Map.Sweep] sweeps.
	Manual bool
}

const maxRing = 1 << 20

// NewMap makes a map without events. It panics if an option is out of range.
//
//ferrous:acquire
func NewMap(o MapOptions) *Map {
	mustBeValid(&o)
	if o.SweepEvery == 0 {
		o.SweepEvery = 100 * time.Millisecond
	}
	if o.Ring == 0 {
		o.Ring = 1024
	}
	m := &Map{events: xsync.NewMapOf[string, *event](), options: o, clock: NewClock()}
	_, _ = crand.Read(m.key[:]) // never fails
	m.self = m
	if !o.Manual {
		m.sweeper = newSweeper(m.clock, o.SweepEvery)
	}
	return m
}

// Close ends the map, waits for a sweep that has begun, and ends its watches, which first tell every
// change made before. It may be called more than once. A zero Map has nothing to
// end.
//
//ferrous:release
//ferrous:idempotent
func (m *Map) Close() error {
	if m.self == nil {
		return nil
	}
	m.mustBeMade("Close")
	m.closed.Store(true)
	if m.sweeper != nil {
		m.sweeper.close()
	}
	m.events.Range(func(_ string, e *event) bool {
		e.close(ErrClosed)
		return true
	})
	m.clock.Close()
	return nil
}

// due returns the events in which something may be over.
func (m *Map) due() (events []*event) {
	now := m.clock.now()
	m.events.Range(func(_ string, e *event) bool {
		if e.next() <= now {
			events = append(events, e)
		}
		return true
	})
	return events
}

// Sweep implements [Store]. It takes each event's lock for a bounded time, again
// and again until nothing is over. The error is [ErrClosed] or the context's; with
// it comes how many holds were ended by then.
func (m *Map) Sweep(ctx context.Context) (holds int, err error) {
	if err := m.check(ctx, "Sweep"); err != nil {
		return 0, err
	}
	for _, e := range m.due() {
		for more := true; more; {
			if err := m.check(ctx, "Sweep"); err != nil {
				return holds, err
			}
			var n int
			n, more = e.sweep(sweepStep)
			holds += n
		}
	}
	return holds, nil
}

// Create implements [Store]. The error is [ErrClosed], the context's,
// [ErrInvalidEvent], [ErrInvalidLimits], [ErrInvalidLayout] or [ErrExists].
func (m *Map) Create(ctx context.Context, r CreateRequest) error {
	if err := m.check(ctx, "Create"); err != nil {
		return err
	}
	labels, closed, err := checkCreate(&r)
	if err != nil {
		return err
	}
	exists := fmt.Errorf("%w: %q", ErrExists, truncate(r.Event))
	if e, ok := m.events.Load(r.Event); ok && e.plan.availableAt.Load() != planEnded {
		return exists
	}
	e := newEvent(&r, labels, closed, m)
	// Remove computes too, so an event of that name is there or has left its
	// fence and its revision.
	there, _ := m.events.Compute(e.plan.name, func(old *event, ok bool) (*event, bool) {
		if ok {
			return old, false
		}
		e.plan.fence, e.plan.revision = m.fence.Load(), m.revision.Load()
		return e, false
	})
	if there != e {
		return exists
	}
	if m.closed.Load() { // Close may have missed it
		e.close(ErrClosed)
		return ErrClosed
	}
	return nil
}

// Remove implements [Store]. The error is [ErrClosed], the context's,
// [ErrInvalidEvent] or [ErrUnknownEvent].
func (m *Map) Remove(ctx context.Context, r RemoveRequest) error {
	if err := m.check(ctx, "Remove"); err != nil {
		return err
	}
	if err := checkEvent(r.Event); err != nil {
		return err
	}
	err := unknownEvent(r.Event)
	m.events.Compute(r.Event, func(e *event, ok bool) (*event, bool) {
		if ok {
			fence, revision := e.close(ErrUnknownEvent)
			raise(&m.fence, fence)
			raise(&m.revision, revision+1) // that of the snapshot of what follows
			err = nil
		}
		return nil, true
	})
	return err
}

// raise makes v at least n.
func raise(v *stdatomic.Uint64, n uint64) {
	for old := v.Load(); old < n && !v.CompareAndSwap(old, n); old = v.Load() {
	}
}

// Block implements [Store]. That one of up to eight seats is taken costs no lock
// and no allocation, unless the request says ListTaken or its key may be known.
//
// The error is [ErrClosed], the context's, [ErrInvalidEvent], [ErrInvalidUser],
// [ErrInvalidKey], [ErrInvalidSeats], [ErrInvalidTTL], [ErrUnknownEvent],
// [ErrUnknownSeat], a [*KeyError], [ErrSoldOut], a [*TakenError] or [ErrLimit].
func (m *Map) Block(ctx context.Context, r BlockRequest) (Hold, error) {
	if err := m.check(ctx, "Block"); err != nil {
		return Hold{}, err
	}
	if err := checkBlock(&r); err != nil {
		return Hold{}, err
	}
	e, err := m.find(r.Event)
	if err != nil {
		return Hold{}, err
	}
	return e.block(&r)
}

// BlockAny implements [Store]. The first seats of the layout that match are
// chosen. Its cost grows with the number of seats that it has to pass over, a
// nanosecond or so each; it skips 512 at once where all are taken.
//
// The error is [ErrClosed], the context's, [ErrInvalidEvent], [ErrInvalidUser],
// [ErrInvalidKey], [ErrInvalidSeats], [ErrInvalidTTL], [ErrUnknownEvent], a
// [*KeyError], [ErrSoldOut], [ErrNotEnough] or [ErrLimit].
func (m *Map) BlockAny(ctx context.Context, r BlockAnyRequest) (Hold, error) {
	if err := m.check(ctx, "BlockAny"); err != nil {
		return Hold{}, err
	}
	if err := checkBlockAny(&r); err != nil {
		return Hold{}, err
	}
	e, err := m.find(r.Event)
	if err != nil {
		return Hold{}, err
	}
	return e.blockAny(&r)
}

// Book implements [Store]. The error is [ErrClosed], the context's,
// [ErrInvalidUser], [ErrInvalidKey], [ErrInvalidSeats], [ErrUnknownEvent],
// [ErrUnknownSeat], a [*KeyError], [ErrExpired] or [ErrToken].
func (m *Map) Book(ctx context.Context, r BookRequest) (Booking, error) {
	if err := m.check(ctx, "Book"); err != nil {
		return Booking{}, err
	}
	if err := checkBook(&r); err != nil {
		return Booking{}, err
	}
	e, err := m.findToken(&r.Token)
	if err != nil {
		return Booking{}, err
	}
	return e.book(&r)
}

// Release implements [Store]. The error is [ErrClosed], the context's,
// [ErrInvalidSeats], [ErrUnknownEvent], [ErrUnknownSeat], [ErrExpired] or
// [ErrToken].
func (m *Map) Release(ctx context.Context, r ReleaseRequest) error {
	return m.giveBack(ctx, "Release", &r.Token, SeatBlocked, ChangeReleased, r.Seats)
}

// Cancel implements [Store]. The error is as for [Map.Release].
func (m *Map) Cancel(ctx context.Context, r CancelRequest) error {
	return m.giveBack(ctx, "Cancel", &r.Token, SeatBooked, ChangeCanceled, r.Seats)
}

func (m *Map) giveBack(
	ctx context.Context, method string, t *Token, state SeatState, kind ChangeKind, seats []string,
) error {
	if err := m.check(ctx, method); err != nil {
		return err
	}
	if err := checkPart(seats); err != nil {
		return err
	}
	e, err := m.findToken(t)
	if err != nil {
		return err
	}
	return e.giveBack(t, state, kind, seats)
}

// Extend implements [Store]. The error is [ErrClosed], the context's,
// [ErrInvalidTTL], [ErrUnknownEvent], [ErrLimit], [ErrExpired] or [ErrToken].
func (m *Map) Extend(ctx context.Context, r ExtendRequest) (Hold, error) {
	if err := m.check(ctx, "Extend"); err != nil {
		return Hold{}, err
	}
	if err := checkTTL(r.TTL); err != nil {
		return Hold{}, err
	}
	e, err := m.findToken(&r.Token)
	if err != nil {
		return Hold{}, err
	}
	return e.extend(&r)
}

// Seat implements [Store]. The error is [ErrClosed], the context's,
// [ErrInvalidEvent], [ErrUnknownEvent] or [ErrUnknownSeat].
func (m *Map) Seat(ctx context.Context, r SeatRequest) (SeatInfo, error) {
	e, err := m.look(ctx, "Seat", r.Event)
	if err != nil {
		return SeatInfo{}, err
	}
	return e.seat(r.Seat)
}

// Seats implements [Store]. It does not keep others from the event for longer
// than it takes to copy 512 seats. A call that changes seats meanwhile first
// copies the 512 around each, if they were not yet. The error is [ErrClosed], the
// context's, [ErrInvalidEvent] or [ErrUnknownEvent].
func (m *Map) Seats(ctx context.Context, r SeatsRequest) (Snapshot, error) {
	e, err := m.look(ctx, "Seats", r.Event)
	if err != nil {
		return Snapshot{}, err
	}
	return e.seatInfos(false)
}

// Counts implements [Store]. The error is as for [Map.Seats].
func (m *Map) Counts(ctx context.Context, r CountsRequest) (Counts, error) {
	e, err := m.look(ctx, "Counts", r.Event)
	if err != nil {
		return Counts{}, err
	}
	return e.plan.Counts()
}

// Holds implements [Store]. The error is [ErrClosed], the context's,
// [ErrInvalidEvent], [ErrInvalidUser] or [ErrUnknownEvent].
func (m *Map) Holds(ctx context.Context, r HoldsRequest) ([]HoldInfo, error) {
	if err := m.check(ctx, "Holds"); err != nil {
		return nil, err
	}
	if err := checkHolds(&r); err != nil {
		return nil, err
	}
	e, err := m.find(r.Event)
	if err != nil {
		return nil, err
	}
	return e.holds(r.User)
}

// Watch implements [Store].
//
// The iteration ends with an error as its last element: that of the context,
// [ErrInvalidEvent], [ErrUnknownEvent] when there is no such event or it was
// removed, or [ErrClosed]. Everything that changed before a Remove or Close is
// told before the error; only a context that is done ends the iteration at once.
//
// A watcher that falls behind by more than the ring holds gets [ChangeGap] and then
// [ChangeSnapshot]; nobody waits for it. So does one whose cursor is older than the
// ring, or of another life of the event, another event or another store. An
// expiry is told when it is swept, or when something touches the seat.
//
// An event that nobody has watched yet keeps no changes. From the first Watch on
// it keeps the last [MapOptions.Ring] changes, which together name at most 16 seats
// for each place of the ring: about 80 bytes a place and 4 bytes a seat named, and
// the users' names. The newest change is always kept. [WatchMemory] after the last
// watcher left, the next change or sweep drops them all.
//
//ferrous:blocks
func (m *Map) Watch(ctx context.Context, r WatchRequest) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		e, err := m.look(ctx, "Watch", r.Event)
		if err != nil {
			yield(Change{}, err)
			return
		}
		e.watch(ctx, r.From, yield)
	}
}

// String returns the number of events.
func (m *Map) String() string {
	switch {
	case m.self != m:
		return "Map(not made by NewMap)"
	case m.closed.Load():
		return "Map(closed)"
	}
	return fmt.Sprintf("Map(%d events)", m.events.Size())
}

// Format prints [Map.String], whatever the verb.
func (m *Map) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, m.String()) }

// LogValue is [Map.String].
func (m *Map) LogValue() slog.Value { return slog.StringValue(m.String()) }

// tagKey returns the key of the tags of an event, which is the same whenever an
// event of that name is made: its tokens are known when it is made anew.
func (m *Map) tagKey(event string) (key tagKey) {
	mac := hmac.New(sha256.New, m.key[:])
	mac.Write([]byte(event))
	copy(key[:], mac.Sum(nil))
	return key
}
