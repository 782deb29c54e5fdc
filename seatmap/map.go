package seatmap

import (
	"context"
	"fmt"
	"iter"
	stdatomic "sync/atomic"
	"time"

	"github.com/puzpuzpuz/xsync/v3"
	"go.uber.org/atomic"
)

// Map is a [Store] in memory. It must be made by [NewMap] and not be copied; it
// is safe for concurrent use. Events are independent of each other: calls about
// different events share nothing that is written but counters of the runtime.
//
// It has two goroutines, which live until [Map.Close]: one lets the [Clock]
// tick, one sweeps.
type Map struct {
	events  *xsync.MapOf[string, *event]
	options Options
	clock   *Clock
	closed  atomic.Bool
	fence   stdatomic.Uint64 // no removed event gave out a higher one

	stop  func() // tells the sweeper
	swept chan struct{}
}

var _ Store = (*Map)(nil)

// Options says how a [Map] works. The zero Options is a good choice.
type Options struct {
	// SweepEvery is how often holds that are over are swept away. Zero means
	// 100 ms.
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
	// Manual runs no goroutine: every reading of the clock is precise, and only
	// [Map.Sweep] sweeps.
	Manual bool
}

const (
	maxRing    = 1 << 20
	sweepBatch = 1024      // seats ended under one taking of an event's lock
	sweepTick  = 64 * 1024 // seats ended in one tick
)

// NewMap makes a map without events. The error wraps [ErrInvalidOptions].
func NewMap(o Options) (*Map, error) {
	if o.SweepEvery < 0 || o.Ring < 0 || o.Keys < 0 {
		return nil, fmt.Errorf("%w: negative", ErrInvalidOptions)
	}
	if o.Ring > maxRing {
		return nil, fmt.Errorf("%w: a ring of %d, not at most %d", ErrInvalidOptions, o.Ring, maxRing)
	}
	if o.SweepEvery == 0 {
		o.SweepEvery = 100 * time.Millisecond
	}
	if o.Ring == 0 {
		o.Ring = 1024
	}
	m := &Map{events: xsync.NewMapOf[string, *event](), options: o, swept: make(chan struct{})}
	if o.Manual {
		m.clock = NewClock(0)
		m.stop = func() {}
		close(m.swept)
		return m, nil
	}
	m.clock = NewClock(Resolution)
	ctx, cancel := context.WithCancel(context.Background())
	m.stop = cancel
	go m.sweeper(ctx)
	return m, nil
}

// Close ends the map, its goroutines and its watches. It may be called more
// than once.
func (m *Map) Close() error {
	m.closed.Store(true)
	m.stop()
	<-m.swept
	m.events.Range(func(_ string, e *event) bool {
		e.close(ErrClosed)
		return true
	})
	m.clock.Close()
	return nil
}

// sweeper does a bounded piece of sweeping at each tick.
func (m *Map) sweeper(ctx context.Context) {
	defer close(m.swept)
	ticker := time.NewTicker(m.options.SweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			due := m.due()
			for _, e := range due {
				for left := max(sweepTick/len(due), 1); left > 0; left -= sweepBatch {
					if _, more := e.sweep(min(left, sweepBatch)); !more {
						break
					}
				}
			}
		case <-ctx.Done():
			return
		}
	}
}

// due returns the events in which something may be over.
func (m *Map) due() (events []*event) {
	now := m.clock.now()
	m.events.Range(func(_ string, e *event) bool {
		if e.due(now) {
			events = append(events, e)
		}
		return true
	})
	return events
}

// Sweep implements [Store]. It takes each event's lock for a bounded time, again
// and again until nothing is over; a context that ends stops it.
func (m *Map) Sweep(ctx context.Context) (holds int, err error) {
	if err := m.check(ctx); err != nil {
		return 0, err
	}
	for _, e := range m.due() {
		for more := true; more; {
			if err := m.check(ctx); err != nil {
				return holds, err
			}
			var n int
			n, more = e.sweep(sweepBatch)
			holds += n
		}
	}
	return holds, nil
}

// check returns why nothing can be done.
func (m *Map) check(ctx context.Context) error {
	if m.closed.Load() {
		return ErrClosed
	}
	return done(ctx)
}

// find returns the event, which a request names.
func (m *Map) find(name string) (*event, error) {
	e, ok := m.events.Load(name)
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrUnknownEvent, clip(name))
	}
	return e, nil
}

// Create implements [Store].
func (m *Map) Create(ctx context.Context, r CreateRequest) error {
	if err := m.check(ctx); err != nil {
		return err
	}
	if err := checkName(r.Event, ErrInvalidEvent); err != nil {
		return err
	}
	if r.Limits.Seats < 0 || r.Limits.Holds < 0 || r.Limits.Lifetime < 0 {
		return fmt.Errorf("%w: negative", ErrInvalidLimits)
	}
	exists := fmt.Errorf("%w: %q", ErrExists, clip(r.Event))
	if e, ok := m.events.Load(r.Event); ok && e.plan.gate.Load() != gateClosed {
		return exists
	}
	e, err := newEvent(&r, m.clock, &m.options)
	if err != nil {
		return err
	}
	// Remove computes too, so an event of that name is there or has left its fence.
	there, _ := m.events.Compute(e.plan.name, func(old *event, ok bool) (*event, bool) {
		if ok {
			return old, false
		}
		e.plan.fence = m.fence.Load()
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

// Remove implements [Store].
func (m *Map) Remove(ctx context.Context, r RemoveRequest) error {
	if err := m.check(ctx); err != nil {
		return err
	}
	if err := checkName(r.Event, ErrInvalidEvent); err != nil {
		return err
	}
	err := fmt.Errorf("%w: %q", ErrUnknownEvent, clip(r.Event))
	m.events.Compute(r.Event, func(e *event, ok bool) (*event, bool) {
		if ok {
			fence := e.close(ErrUnknownEvent)
			for old := m.fence.Load(); old < fence && !m.fence.CompareAndSwap(old, fence); old = m.fence.Load() {
			}
			err = nil
		}
		return nil, true
	})
	return err
}

// Block implements [Store]. That one of up to eight seats is taken costs no lock
// and no allocation, unless the request says ListTaken or its key may be known.
//
//ferrous:acquire
func (m *Map) Block(ctx context.Context, r BlockRequest) (Hold, error) {
	if err := m.check(ctx); err != nil {
		return Hold{}, err
	}
	if err := checkRequest(r.Event, r.User, r.Key, r.TTL); err != nil {
		return Hold{}, err
	}
	if len(r.Seats) == 0 {
		return Hold{}, fmt.Errorf("%w: none named", ErrInvalidSeats)
	}
	if err := checkOnce(r.Seats); err != nil {
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
//ferrous:acquire
func (m *Map) BlockAny(ctx context.Context, r BlockAnyRequest) (Hold, error) {
	if err := m.check(ctx); err != nil {
		return Hold{}, err
	}
	if err := checkRequest(r.Event, r.User, r.Key, r.TTL); err != nil {
		return Hold{}, err
	}
	if r.N < 1 {
		return Hold{}, fmt.Errorf("%w: %d asked for", ErrInvalidSeats, r.N)
	}
	e, err := m.find(r.Event)
	if err != nil {
		return Hold{}, err
	}
	return e.blockAny(&r)
}

// Book implements [Store].
//
//ferrous:acquire
func (m *Map) Book(ctx context.Context, r BookRequest) (Booking, error) {
	if err := m.check(ctx); err != nil {
		return Booking{}, err
	}
	if err := checkKey(r.Key); err != nil {
		return Booking{}, err
	}
	if r.Key != "" || r.User != "" {
		if err := checkName(r.User, ErrInvalidUser); err != nil {
			return Booking{}, err
		}
	}
	if err := checkOnce(r.Seats); err != nil {
		return Booking{}, err
	}
	e, err := m.findToken(&r.Token)
	if err != nil {
		return Booking{}, err
	}
	return e.book(&r)
}

// Release implements [Store].
//
//ferrous:release
func (m *Map) Release(ctx context.Context, r ReleaseRequest) error {
	if err := m.check(ctx); err != nil {
		return err
	}
	if err := checkOnce(r.Seats); err != nil {
		return err
	}
	e, err := m.findToken(&r.Token)
	if err != nil {
		return err
	}
	return e.giveBack(&r.Token, Blocked, KindReleased, r.Seats)
}

// Cancel implements [Store].
//
//ferrous:release
func (m *Map) Cancel(ctx context.Context, r CancelRequest) error {
	if err := m.check(ctx); err != nil {
		return err
	}
	if err := checkOnce(r.Seats); err != nil {
		return err
	}
	e, err := m.findToken(&r.Token)
	if err != nil {
		return err
	}
	return e.giveBack(&r.Token, Booked, KindCancelled, r.Seats)
}

// Extend implements [Store].
func (m *Map) Extend(ctx context.Context, r ExtendRequest) (Hold, error) {
	if err := m.check(ctx); err != nil {
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

// Seat implements [Store].
func (m *Map) Seat(ctx context.Context, r SeatRequest) (SeatInfo, error) {
	e, err := m.look(ctx, r.Event)
	if err != nil {
		return SeatInfo{}, err
	}
	return e.seat(r.Seat)
}

// Seats implements [Store]. It does not keep others from the event for longer
// than it takes to copy 512 seats; who changes seats meanwhile first copies the
// 512 around each, if they were not yet.
func (m *Map) Seats(ctx context.Context, r SeatsRequest) (Snapshot, error) {
	e, err := m.look(ctx, r.Event)
	if err != nil {
		return Snapshot{}, err
	}
	return e.seatInfos()
}

// Counts implements [Store].
func (m *Map) Counts(ctx context.Context, r CountsRequest) (Counts, error) {
	e, err := m.look(ctx, r.Event)
	if err != nil {
		return Counts{}, err
	}
	return e.plan.Counts()
}

// Holds implements [Store].
func (m *Map) Holds(ctx context.Context, r HoldsRequest) ([]HoldInfo, error) {
	if err := m.check(ctx); err != nil {
		return nil, err
	}
	if err := checkName(r.User, ErrInvalidUser); err != nil {
		return nil, err
	}
	e, err := m.look(ctx, r.Event)
	if err != nil {
		return nil, err
	}
	return e.holds(r.User)
}

// Watch implements [Store]. The iteration ends with an error when the context
// is done ([context.Cause]), the event is removed ([ErrUnknownEvent]) or the map
// closed ([ErrClosed]). A watcher that falls behind by more than the ring holds,
// or begins before it, gets [KindGap] and then [KindSnapshot]; nobody waits for
// it. An expiry is reported when it is swept, or when something
// touches the seat.
//
//ferrous:blocks
func (m *Map) Watch(ctx context.Context, r WatchRequest) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		e, err := m.look(ctx, r.Event)
		if err != nil {
			yield(Change{}, err)
			return
		}
		e.watch(ctx, r.From, yield)
	}
}

// look finds the event of a request that asks for nothing else.
func (m *Map) look(ctx context.Context, name string) (*event, error) {
	if err := m.check(ctx); err != nil {
		return nil, err
	}
	if err := checkName(name, ErrInvalidEvent); err != nil {
		return nil, err
	}
	return m.find(name)
}

// findToken finds the event of a token.
func (m *Map) findToken(t *Token) (*event, error) {
	if *t == (Token{}) {
		return nil, fmt.Errorf("%w: it is zero", ErrToken)
	}
	return m.find(t.Event)
}

func checkRequest(event, user, key string, ttl time.Duration) error {
	if err := checkName(event, ErrInvalidEvent); err != nil {
		return err
	}
	if err := checkName(user, ErrInvalidUser); err != nil {
		return err
	}
	if err := checkKey(key); err != nil {
		return err
	}
	return checkTTL(ttl)
}

func checkName(name string, invalid error) error {
	if name == "" || len(name) > MaxName {
		return fmt.Errorf("%w: %d bytes, not 1 to %d", invalid, len(name), MaxName)
	}
	return nil
}

func checkKey(key string) error {
	if len(key) > MaxName {
		return fmt.Errorf("%w: %d bytes, more than %d", ErrInvalidKey, len(key), MaxName)
	}
	return nil
}
