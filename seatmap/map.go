package seatmap

import (
	"cmp"
	"context"
	"crypto/hmac"
	crand "crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/puzpuzpuz/xsync/v3"
)

// Map is a [Store] in memory. It must be made by [NewMap] and not be copied; it
// is safe for concurrent use. Events are independent of each other: calls about
// different events write no common memory.
//
// A Map has a goroutine only while it sweeps, and two timers: one is pending while
// there is something to sweep, the other, of its [Clock], while refusals need it. An
// idle Map costs nothing.
//
// A Map and everything in it end with its process: the tokens and cursors of one Map
// are not valid in another. Fences rise nevertheless: those of a new event begin with
// the microseconds of the wall clock, so that they are above those of an earlier Map,
// if the wall clock was not set back and the earlier event granted at most one
// million holds a second on average.
type Map struct {
	self    *Map // a zero Map and a copy are known by it
	events  *xsync.MapOf[string, *event]
	options MapOptions
	clock   *Clock
	sweeper *sweeper // nil if only Sweep sweeps
	closed  atomic.Bool
	key     [32]byte // the keys of the events' tags are derived from it
	keys    eventKeys
	former  formerKeys
	// No removed event gave out a higher fence or revision.
	fence, revision atomic.Uint64
	durable         *durableMap // nil unless a journal keeps the map
}

var (
	_ Store   = (*Map)(nil)
	_ Sweeper = (*Map)(nil)
	_ Porter  = (*Map)(nil)

	_ Operator = (*Map)(nil)
	_ Payer    = (*Map)(nil)

	_ SeatCloser = (*Map)(nil)
	_ Lister     = (*Map)(nil)
	_ SeatAdder  = (*Map)(nil)
)

// MapOptions configures a [Map]. The zero MapOptions is a good choice.
type MapOptions struct {
	// SweepEvery is the shortest time between the beginnings of two sweeps. A hold is
	// removed at its deadline, or at the next sweep if one began less than SweepEvery
	// before. Zero means 100 ms.
	SweepEvery time.Duration
	// Ring is how many changes of an event are kept for its watchers, at most
	// 1,048,576. Zero means 1,024.
	Ring int
	// Keys is how many answers to requests with a key are remembered, for each
	// event, after they have ended; beyond it, the oldest are forgotten before
	// [KeyMemory] has passed. The answers of live holds and bookings are not counted
	// and not forgotten. Zero means 4,096 and one more for each seat and place. The same number,
	// or 4,096, applies to all requests to create or remove events together.
	Keys int
	// Manual disables automatic sweeps: only [Map.Sweep] sweeps.
	Manual bool
}

const maxRing = 1 << 20

// NewMap returns a map without events. It panics if an option is out of range.
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
	m.keys.most = cmp.Or(o.Keys, 4096)
	m.self = m
	if !o.Manual {
		m.sweeper = newSweeper(m.clock, o.SweepEvery)
	}
	return m
}

// Close ends the map. It waits for a sweep that has begun. Watches first yield every
// change made before, and then end with [ErrClosed]. Close may be called more than
// once, and on a zero Map. Its error is always nil.
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

// due returns the events in which something may have to be swept.
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

// Sweep implements [Sweeper]. It takes each event's lock for a bounded time,
// repeatedly until no hold of the event is left to end. The error is [ErrClosed] or
// the context's; holds is valid with an error, too.
func (m *Map) Sweep(ctx context.Context) (holds int, err error) {
	if err := m.check(ctx, "Sweep"); err != nil {
		return 0, err
	}
	m.keys.forget(m.clock.now())
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
// [ErrInvalidEvent], [ErrInvalidKey], [ErrInvalidLimits], [ErrInvalidLayout], a
// [*KeyError] or [ErrExists].
func (m *Map) Create(ctx context.Context, r CreateRequest) (Receipt, error) {
	if err := m.check(ctx, "Create"); err != nil {
		return Receipt{}, err
	}
	labels, closed, err := checkCreate(&r)
	if err != nil {
		return Receipt{}, err
	}
	r.Event = strings.Clone(r.Event) // it may be part of something large
	created := m.keys.created(&r)
	old, _ := m.events.Load(r.Event)
	repeated, err := m.keys.repeats(m.clock.now(), old, created)
	if repeated || err != nil {
		return Receipt{Replayed: repeated}, err
	}
	exists := fmt.Errorf("%w: %q", ErrExists, truncate(r.Event))
	if old != nil && old.plan.availableAt.Load() != planEnded {
		return Receipt{}, exists
	}
	e := newEvent(&r, labels, closed, m)
	e.created = created
	// Remove calls Compute, too. So either an event of that name exists, or Remove has
	// recorded its last fence and revision.
	there, _ := m.events.Compute(r.Event, func(old *event, ok bool) (*event, bool) {
		repeated, err = m.keys.repeats(m.clock.now(), old, created)
		if ok || repeated || err != nil {
			return old, !ok
		}
		e.plan.fence = m.firstFence(0)
		e.plan.revision = m.revision.Load()
		if m.durable != nil {
			m.durable.created(e, &r)
		}
		return e, false
	})
	switch {
	case repeated || err != nil:
		return Receipt{Replayed: repeated}, err
	case there != e:
		return Receipt{}, exists
	case m.closed.Load(): // Close may have missed the event
		e.close(ErrClosed)
		return Receipt{}, ErrClosed
	}
	return Receipt{}, nil
}

// Remove implements [Store]. The error is [ErrClosed], the context's,
// [ErrInvalidEvent], [ErrInvalidKey], a [*KeyError] or [ErrUnknownEvent].
func (m *Map) Remove(ctx context.Context, r RemoveRequest) (Receipt, error) {
	if err := m.check(ctx, "Remove"); err != nil {
		return Receipt{}, err
	}
	if err := checkRemove(&r); err != nil {
		return Receipt{}, err
	}
	r.Event = strings.Clone(r.Event) // it may be part of something large
	removed := m.keys.removed(&r)
	var repeated bool
	var err error
	m.events.Compute(r.Event, func(e *event, ok bool) (*event, bool) {
		now := m.clock.now()
		if err = e.whileMoved(); err != nil {
			return e, false
		}
		repeated, err = m.keys.repeats(now, e, removed)
		switch {
		case repeated || err != nil:
			return e, !ok
		case !ok:
			err = unknownEvent(r.Event)
			return nil, true
		}
		m.end(now, e, removed)
		return nil, true
	})
	return Receipt{Replayed: repeated}, err
}

// firstFence returns what the fences of a new event rise from, if its last one was that.
func (m *Map) firstFence(last uint64) uint64 {
	return max(last, m.fence.Load(), uint64(max(time.Now().UnixMicro(), 0)))
}

// end ends an event that is removed. The result of Remove is nil if it has no key.
func (m *Map) end(now int64, e *event, removed *eventResult) {
	fence, revision := e.close(ErrUnknownEvent)
	raise(&m.fence, fence)
	raise(&m.revision, revision+1) // that of the snapshot of what follows
	m.keys.remember(now, e.created)
	m.keys.remember(now, removed)
	if m.durable != nil {
		m.durable.removed(e, revision+1, removed)
	}
}

// raise makes v at least n.
func raise(v *atomic.Uint64, n uint64) {
	for old := v.Load(); old < n && !v.CompareAndSwap(old, n); old = v.Load() {
	}
}

// Block implements [Store]. A refusal of up to eight seats takes no lock and does not
// allocate, unless the request names quotas or says ListTaken, or its key may be known.
//
// The error is [ErrClosed], the context's, [ErrInvalidEvent], [ErrInvalidUser],
// [ErrInvalidKey], [ErrInvalidSeats], [ErrInvalidTTL], [ErrInvalidReference], [ErrInvalidQuota],
// [ErrUnknownEvent], [ErrUnknownSeat], a [*KeyError], [ErrSoldOut], a [*TakenError], a [*AreaError] or
// [ErrLimit].
func (m *Map) Block(ctx context.Context, r BlockRequest) (h Hold, err error) {
	err = m.block(ctx, &r, &h)
	return h, err
}

// block is Block without the copies of its arguments, so that Block itself is so small that
// the compiler puts it into its callers. A store that stands on a Map pays one copy less.
func (m *Map) block(ctx context.Context, r *BlockRequest, h *Hold) error {
	if err := m.check(ctx, "Block"); err != nil {
		return err
	}
	e := m.event(r.Event)
	if err := checkBlock(e, r); err != nil {
		return err
	}
	return e.block(r, h)
}

// BlockAny implements [Store]. Its cost grows with the number of seats that it looks
// at, about a nanosecond each in a layout without rows; it skips a block of 512 seats
// at once if all are taken. If the layout has ranks, it looks at all seats that Where
// allows.
//
// The error is [ErrClosed], the context's, [ErrInvalidEvent], [ErrInvalidUser],
// [ErrInvalidKey], [ErrInvalidSeats], [ErrInvalidTTL], [ErrInvalidReference], [ErrInvalidQuota],
// [ErrUnknownEvent], a
// [*KeyError], [ErrSoldOut], [ErrNotEnough] or [ErrLimit].
func (m *Map) BlockAny(ctx context.Context, r BlockAnyRequest) (h Hold, err error) {
	if err := m.check(ctx, "BlockAny"); err != nil {
		return h, err
	}
	e := m.event(r.Event)
	if err := checkBlockAny(e, &r); err != nil {
		return h, err
	}
	err = e.blockAny(&r, &h)
	return h, err
}

// Book implements [Store]. The error is [ErrClosed], the context's,
// [ErrInvalidUser], [ErrInvalidKey], [ErrInvalidSeats], [ErrInvalidReference], [ErrUnknownEvent],
// [ErrUnknownSeat], a [*KeyError], [ErrExpired] or [ErrToken].
func (m *Map) Book(ctx context.Context, r BookRequest) (Booking, error) {
	if err := m.check(ctx, "Book"); err != nil {
		return Booking{}, err
	}
	if err := checkOwner(r.User, r.Key); err != nil {
		return Booking{}, err
	}
	if err := checkPart(r.Seats, r.Places); err != nil {
		return Booking{}, err
	}
	if err := checkReference(r.Reference); err != nil {
		return Booking{}, err
	}
	e, err := m.findToken(&r.Token)
	if err != nil {
		return Booking{}, err
	}
	return e.book(&r)
}

// Release implements [Store]. The error is as for [Map.Book], and never
// [ErrInvalidReference].
func (m *Map) Release(ctx context.Context, r ReleaseRequest) (Receipt, error) {
	return m.giveBack(ctx, "Release", &r, methodRelease, SeatBlocked, ChangeReleased)
}

// Cancel implements [Store]. The error is as for [Map.Release].
func (m *Map) Cancel(ctx context.Context, r CancelRequest) (Receipt, error) {
	same := ReleaseRequest(r)
	return m.giveBack(ctx, "Cancel", &same, methodCancel, SeatBooked, ChangeCanceled)
}

func (m *Map) giveBack(
	ctx context.Context, name string, r *ReleaseRequest, method method, state SeatState, kind ChangeKind,
) (Receipt, error) {
	if err := m.check(ctx, name); err != nil {
		return Receipt{}, err
	}
	if err := checkOwner(r.User, r.Key); err != nil {
		return Receipt{}, err
	}
	if err := checkPart(r.Seats, r.Places); err != nil {
		return Receipt{}, err
	}
	e, err := m.findToken(&r.Token)
	if err != nil {
		return Receipt{}, err
	}
	return e.giveBack(r, method, state, kind)
}

// Extend implements [Store]. The error is [ErrClosed], the context's,
// [ErrInvalidUser], [ErrInvalidKey], [ErrInvalidTTL], [ErrUnknownEvent], a
// [*KeyError], [ErrLimit], [ErrExpired] or [ErrToken].
func (m *Map) Extend(ctx context.Context, r ExtendRequest) (Hold, error) {
	if err := m.check(ctx, "Extend"); err != nil {
		return Hold{}, err
	}
	if err := checkOwner(r.User, r.Key); err != nil {
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

// Seats implements [Store]. It holds the event's lock for at most 512 seats at a
// time. A call that changes a seat while Seats runs first copies the block of 512
// seats around it, if Seats has not copied it yet. The error is [ErrClosed], the
// context's, [ErrInvalidEvent], [ErrInvalidSeats] for a negative Limit,
// [ErrUnknownEvent] or [ErrUnknownSeat].
func (m *Map) Seats(ctx context.Context, r SeatsRequest) (Snapshot, error) {
	if err := m.check(ctx, "Seats"); err != nil {
		return Snapshot{}, err
	}
	e := m.event(r.Event)
	if err := checkSeats(e, &r); err != nil {
		return Snapshot{}, err
	}
	return e.page(&r)
}

// Layout implements [Store]. Its cost grows with the number of seats. The error is
// [ErrClosed], the context's, [ErrInvalidEvent] or [ErrUnknownEvent].
func (m *Map) Layout(ctx context.Context, r LayoutRequest) (Layout, error) {
	e, err := m.look(ctx, "Layout", r.Event)
	if err != nil {
		return Layout{}, err
	}
	return e.layout()
}

// Counts implements [Store]. The error is [ErrClosed], the context's,
// [ErrInvalidEvent], [ErrUnknownEvent] or [ErrUnknownSeat].
func (m *Map) Counts(ctx context.Context, r CountsRequest) (Counts, error) {
	e, err := m.look(ctx, "Counts", r.Event)
	if err != nil {
		return Counts{}, err
	}
	return e.counts(&r)
}

// Holds implements [Store]. The error is [ErrClosed], the context's,
// [ErrInvalidEvent], [ErrInvalidUser] or [ErrUnknownEvent].
func (m *Map) Holds(ctx context.Context, r HoldsRequest) ([]HoldInfo, error) {
	if err := m.check(ctx, "Holds"); err != nil {
		return nil, err
	}
	e := m.event(r.Event)
	if err := checkHolds(e, &r); err != nil {
		return nil, err
	}
	return e.holds(r.User)
}

// Watch implements [Store].
//
// A watch begins when its loop begins, not when Watch is called. From then on no change
// is missed. With the zero cursor, the first element is a [ChangeSnapshot], and all
// changes after it follow. So to see every change of a request, send the request when
// the loop has yielded the snapshot.
//
// The iteration ends with an error as its last element: that of the context,
// [ErrInvalidEvent], [ErrUnknownEvent] if there is no such event or it was
// removed, or [ErrClosed]. Every change before a Remove or Close is yielded before
// that error. If the context is done, the iteration ends at once.
//
// A watcher that falls behind by more than the ring holds gets [ChangeGap] and then
// [ChangeSnapshot]; writers do not wait for it. A watcher gets them, too, if its
// cursor is older than the ring, or of another life of the event, another event or
// another store. An expiry is yielded when it is swept, or when a call changes
// the seat.
//
// An event that has never been watched keeps no changes. From the first Watch on it
// keeps the last [MapOptions.Ring] changes, which together name at most 16 seats
// for each entry of the ring: about 90 bytes an entry, 4 bytes a seat and the users'
// names. The newest change is always kept. [WatchMemory] after the last watcher
// left, the next change or sweep drops all changes.
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

// tagKey returns the key of the tags of an event. It is the same for all events of
// that name, so that the tokens of a removed event are known to be its own.
func (m *Map) tagKey(event string) (key tagKey) {
	mac := hmac.New(sha256.New, m.key[:])
	mac.Write([]byte(event))
	copy(key[:], mac.Sum(nil))
	return key
}
