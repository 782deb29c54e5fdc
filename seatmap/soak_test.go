package seatmap_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
)

const (
	soakEvents   = 64
	soakStable   = 48 // the events after these are removed and made anew
	soakSeats    = 100
	soakUsers    = 200
	soakWorkers  = 8
	soakWatchers = 12 // of every fifth event; every third watcher is slow
	soakKept     = 64 // holds, and bookings, that a worker has at once
)

// soakCalls is how many calls [TestSoak] makes: 100 million when the environment
// variable FERROUS_SOAK is 1.
func soakCalls() int {
	switch {
	case os.Getenv("FERROUS_SOAK") == "1":
		return 100_000_000
	case testkit.RaceEnabled:
		return 60_000
	}
	return 500_000
}

// soak is many users at many events, with watchers, who leave traces of all that
// must not happen.
type soak struct {
	t      *testing.T
	m      *seatmap.Map
	labels []string
	// owners is the fence of the booking that has a seat of a stable event.
	owners [soakStable][soakSeats]atomic.Uint64
	slow   chan struct{} // lets a slow watcher go on

	granted, refused, booked, over, made, seen, gaps atomic.Int64
}

// TestSoak makes calls in ten equal parts, after each of which the heap and the
// number of goroutines are what they were after the second: by then the memory
// of keys, which is bounded, is full.
func TestSoak(t *testing.T) {
	m := newMap(t, seatmap.MapOptions{SweepEvery: 5 * time.Millisecond, Ring: 16, Keys: 8})
	s := &soak{t: t, m: m, slow: make(chan struct{})}
	for i := range soakSeats {
		s.labels = append(s.labels, strconv.Itoa(i+1))
	}
	for i := range soakEvents {
		s.create(i)
	}
	watching, stop := context.WithCancel(t.Context())
	var watchers sync.WaitGroup
	for i := range soakWatchers {
		watchers.Go(func() { s.watch(watching, i*5, i%3 == 0) })
	}
	workers := make([]soakWorker, soakWorkers)
	for i := range workers {
		workers[i] = soakWorker{soak: s, id: i, rng: rand.New(rand.NewPCG(1, uint64(i)))}
	}

	const parts = 10
	start := time.Now()
	var heap, goroutines int64
	for part := 1; part <= parts && !t.Failed(); part++ {
		testkit.Parallel(soakWorkers, func(i int) { workers[i].work(soakCalls() / parts / soakWorkers) })
		s.check()
		h, g := settled()
		t.Logf("%3d %%, %6.1f s: heap %d KiB, %d goroutines; %d granted, %d refused, %d booked, %d too late, %d events made, %d changes and %d gaps seen",
			part*100/parts, time.Since(start).Seconds(), h>>10, g,
			s.granted.Load(), s.refused.Load(), s.booked.Load(), s.over.Load(), s.made.Load(), s.seen.Load(), s.gaps.Load())
		switch {
		case part == 2:
			heap, goroutines = h, g
		case part > 2:
			assert.LessOrEqual(t, h, heap+heap/10+1<<20, "bytes in the heap")
			assert.LessOrEqual(t, g, goroutines+soakWorkers, "goroutines, some workers not quite gone")
		}
	}
	stop()
	watchers.Wait()
	for _, n := range []*atomic.Int64{&s.granted, &s.refused, &s.booked, &s.over, &s.made, &s.seen, &s.gaps} {
		assert.Positive(t, n.Load(), "all that can happen did")
	}
}

// settled returns the bytes that live in the heap, and the goroutines.
func settled() (heap, goroutines int64) {
	runtime.GC()
	runtime.GC() // for what waits in pools
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc), int64(runtime.NumGoroutine())
}

func soakEvent(i int) string { return "event" + strconv.Itoa(i) }

func (s *soak) create(event int) {
	assert.NoError(s.t, errOf(s.m.Create(ctx, seatmap.CreateRequest{
		Event: soakEvent(event), Layout: seatmap.Layout{Count: soakSeats, Closed: []string{"7"}}, Limits: seatmap.Limits{Holds: 40},
	})))
	s.made.Add(1)
}

// may says whether an error of a call about an event is one that the world
// may cause.
func (s *soak) may(event int, err error, world ...error) {
	if event >= soakStable { // who was away does not know the event of today
		world = append(world, seatmap.ErrUnknownEvent, seatmap.ErrExpired, seatmap.ErrToken)
	}
	for _, target := range world {
		if errors.Is(err, target) {
			return
		}
	}
	assert.NoError(s.t, err)
}

// check looks at every event while nobody does anything.
func (s *soak) check() {
	for event := range soakEvents {
		c, err := s.m.Counts(ctx, seatmap.CountsRequest{Event: soakEvent(event)})
		assert.NoError(s.t, err)
		assert.Equal(s.t, soakSeats, c.Available+c.Blocked+c.Booked+c.Closed)
		assert.Equal(s.t, 1, c.Closed)
		all, err := s.m.Seats(ctx, seatmap.SeatsRequest{Event: soakEvent(event)})
		assert.NoError(s.t, err)
		booked := 0
		for seat, info := range all.Seats {
			if info.State == seatmap.SeatBooked {
				booked++
			} else {
				info.Fence = 0
			}
			if event < soakStable && info.Fence != s.owners[event][seat].Load() {
				s.t.Errorf("%s is not what its owner says", info)
			}
		}
		assert.Equal(s.t, booked, c.Booked)
	}
}

// watch follows an event and all of the same name that come after it. What it
// is told must explain itself: no seat is blocked which is not free, and none
// booked which is not blocked.
func (s *soak) watch(ctx context.Context, event int, slow bool) {
	for ctx.Err() == nil {
		var revision uint64
		var held [soakSeats + 1]bool
		for c, err := range s.m.Watch(ctx, seatmap.WatchRequest{Event: soakEvent(event)}) {
			switch {
			case err != nil:
				s.may(event, err, context.Canceled)
				runtime.Gosched() // it is being made anew
				continue
			case c.Kind == seatmap.ChangeGap:
				s.gaps.Add(1)
				continue
			case c.Kind == seatmap.ChangeSnapshot:
				for i := range c.Snapshot {
					held[i+1] = c.Snapshot[i].Fence != 0
				}
			case c.Revision != revision+1:
				s.t.Errorf("revision %d follows %d", c.Revision, revision)
			}
			revision = c.Revision
			for _, label := range c.Seats {
				seat, _ := strconv.Atoi(label)
				switch c.Kind {
				case seatmap.ChangeBlocked:
					if held[seat] {
						s.t.Errorf("seat %d was blocked twice", seat)
					}
					held[seat] = true
				case seatmap.ChangeBooked, seatmap.ChangeExtended:
					if !held[seat] {
						s.t.Errorf("seat %d was %s, but not blocked", seat, c.Kind)
					}
				default:
					held[seat] = false
				}
			}
			s.seen.Add(1)
			if slow {
				select {
				case <-s.slow:
				case <-ctx.Done():
				}
			}
		}
	}
}

// soakWorker makes calls in many users' names, with the tokens that it keeps.
type soakWorker struct {
	*soak
	id       int
	rng      *rand.Rand
	keys     int
	holds    []soakHold
	bookings []soakHold
}

type soakHold struct {
	event int
	token seatmap.Token
	seats []string
}

func (w *soakWorker) work(calls int) {
	for n := 0; n < calls && !w.t.Failed(); n++ {
		if n%1000 == 0 {
			select {
			case w.slow <- struct{}{}:
			default:
			}
		}
		switch draw := w.rng.IntN(10_000); {
		case draw < 7500:
			n += w.block()
		case draw < 8000:
			w.blockAny()
		case draw < 8600:
			w.book()
		case draw < 9200:
			w.release()
		case draw < 9600:
			w.extend()
		case draw < 9990:
			w.look()
		case draw < 9998:
			w.snapshot()
		default:
			n += w.renew()
		}
	}
}

func (w *soakWorker) event() int   { return w.rng.IntN(soakEvents) }
func (w *soakWorker) user() string { return "user" + strconv.Itoa(w.rng.IntN(soakUsers)) }

// ttl is sometimes so short that the hold ends by itself.
func (w *soakWorker) ttl() time.Duration {
	if w.rng.IntN(2) == 0 {
		return time.Duration(1+w.rng.IntN(5000)) * time.Microsecond
	}
	return time.Minute
}

// block returns the number of calls beyond one.
func (w *soakWorker) block() int {
	event := w.event()
	first := w.rng.IntN(soakSeats - 8)
	seats := w.labels[first : first+1+w.rng.IntN(4)]
	r := seatmap.BlockRequest{Event: soakEvent(event), User: w.user(), Seats: seats, TTL: w.ttl()}
	if w.rng.IntN(4) == 0 {
		w.keys++
		r.Key = seatmap.NewKey("worker" + strconv.Itoa(w.id) + "-" + strconv.Itoa(w.keys))
	}
	h, err := w.m.Block(ctx, r)
	if err != nil {
		w.refused.Add(1)
		w.may(event, err, seatmap.ErrTaken, seatmap.ErrLimit)
		return 0
	}
	w.keep(event, h)
	if r.Key.IsZero() {
		return 0
	}
	again, err := w.m.Block(ctx, r)
	switch {
	case err != nil: // it was forgotten: others with keys were quicker
		w.may(event, err, seatmap.ErrTaken, seatmap.ErrLimit)
	case again.Token != h.Token:
		w.keep(event, again)
	}
	return 1
}

func (w *soakWorker) blockAny() {
	event := w.event()
	h, err := w.m.BlockAny(ctx, seatmap.BlockAnyRequest{
		Event: soakEvent(event), User: w.user(), N: 1 + w.rng.IntN(4), Where: seatmap.Where{Adjacent: w.rng.IntN(2) == 0}, TTL: w.ttl(),
	})
	if err != nil {
		w.refused.Add(1)
		w.may(event, err, seatmap.ErrTaken, seatmap.ErrLimit)
		return
	}
	w.keep(event, h)
}

// keep keeps a hold, and forgets another when there are too many.
func (w *soakWorker) keep(event int, h seatmap.Hold) {
	w.granted.Add(1)
	hold := soakHold{event, h.Token, h.Seats}
	if len(w.holds) < soakKept {
		w.holds = append(w.holds, hold)
		return
	}
	old := &w.holds[w.rng.IntN(soakKept)]
	w.may(old.event, errOf(w.m.Release(ctx, seatmap.ReleaseRequest{Token: old.token})), seatmap.ErrExpired)
	*old = hold
}

// some returns a hold, out of the list when all of it is asked for, and the
// seats to ask for.
func (w *soakWorker) some() (h soakHold, seats []string, ok bool) {
	if len(w.holds) == 0 {
		return h, nil, false
	}
	i := w.rng.IntN(len(w.holds))
	h = w.holds[i]
	if n := 1 + w.rng.IntN(len(h.seats)); n < len(h.seats) {
		w.holds[i].seats = h.seats[n:]
		return h, h.seats[:n], true
	}
	w.holds[i] = w.holds[len(w.holds)-1]
	w.holds = w.holds[:len(w.holds)-1]
	return h, nil, true
}

func (w *soakWorker) book() {
	h, seats, ok := w.some()
	if !ok {
		return
	}
	b, err := w.m.Book(ctx, seatmap.BookRequest{Token: h.token, Seats: seats})
	if err != nil {
		w.over.Add(1)
		w.may(h.event, err, seatmap.ErrExpired)
		return
	}
	w.booked.Add(1)
	w.own(h.event, b.Seats, 0, b.Token.Fence)
	w.bookings = append(w.bookings, soakHold{h.event, b.Token, b.Seats})
	if len(w.bookings) == soakKept {
		i := w.rng.IntN(soakKept)
		old := w.bookings[i]
		w.own(old.event, old.seats, old.token.Fence, 0)
		w.may(old.event, errOf(w.m.Cancel(ctx, seatmap.CancelRequest{Token: old.token})))
		w.bookings[i] = w.bookings[soakKept-1]
		w.bookings = w.bookings[:soakKept-1]
	}
}

// own writes down who has seats of a stable event, if they are whose they should
// be.
func (w *soakWorker) own(event int, seats []string, from, to uint64) {
	if event >= soakStable {
		return
	}
	for _, label := range seats {
		seat, _ := strconv.Atoi(label)
		if !w.owners[event][seat-1].CompareAndSwap(from, to) {
			w.t.Errorf("seat %s of event %d has two owners", label, event)
		}
	}
}

func (w *soakWorker) release() {
	if h, seats, ok := w.some(); ok {
		w.may(h.event, errOf(w.m.Release(ctx, seatmap.ReleaseRequest{Token: h.token, Seats: seats})), seatmap.ErrExpired)
	}
}

func (w *soakWorker) extend() {
	if len(w.holds) > 0 {
		h := w.holds[w.rng.IntN(len(w.holds))]
		_, err := w.m.Extend(ctx, seatmap.ExtendRequest{Token: h.token, TTL: w.ttl()})
		w.may(h.event, err, seatmap.ErrExpired)
	}
}

func (w *soakWorker) look() {
	event := w.event()
	var err error
	switch w.rng.IntN(3) {
	case 0:
		_, err = w.m.Seat(ctx, seatmap.SeatRequest{Event: soakEvent(event), Seat: w.labels[w.rng.IntN(soakSeats)]})
	case 1:
		_, err = w.m.Holds(ctx, seatmap.HoldsRequest{Event: soakEvent(event), User: w.user()})
	default:
		var c seatmap.Counts
		c, err = w.m.Counts(ctx, seatmap.CountsRequest{Event: soakEvent(event)})
		if err == nil && c.Available+c.Blocked+c.Booked+c.Closed != soakSeats {
			w.t.Errorf("%+v do not add up", c)
		}
	}
	w.may(event, err)
}

func (w *soakWorker) snapshot() {
	event := w.event()
	s, err := w.m.Seats(ctx, seatmap.SeatsRequest{Event: soakEvent(event)})
	w.may(event, err)
	if err == nil {
		assert.Len(w.t, s.Seats, soakSeats)
	}
}

// renew removes an event that no other worker removes, and makes it anew.
func (w *soakWorker) renew() int {
	event := soakStable + w.id + soakWorkers*w.rng.IntN((soakEvents-soakStable)/soakWorkers)
	assert.NoError(w.t, errOf(w.m.Remove(ctx, seatmap.RemoveRequest{Event: soakEvent(event)})))
	w.create(event)
	return 1
}
