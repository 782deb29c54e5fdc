package seatmap_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/puzpuzpuz/xsync/v3"

	"github.com/coderrange/ferrous/seatmap"
)

// The peers keep claims by number of seat. They know nothing of deadlines,
// tokens, names or several seats at once, and so do less than half the work.

// claim is what a peer knows of a seat.
type claim struct {
	user  uint64
	until int64
}

// paddedWord is the limit: a word with a cache line of its own.
type paddedWord struct {
	atomic.Uint64
	_ [56]byte
}

func (w *paddedWord) take() bool { return w.Load() == 0 && w.CompareAndSwap(0, 1) }

// mutexMap is one mutex and a map.
type mutexMap struct {
	mu    sync.Mutex
	seats map[int]claim
}

// take claims the seats, all or none.
func (m *mutexMap) take(user uint64, seats ...int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, seat := range seats {
		if _, taken := m.seats[seat]; taken {
			return false
		}
	}
	for _, seat := range seats {
		m.seats[seat] = claim{user: user, until: 1}
	}
	return true
}

func (m *mutexMap) giveBack(seats ...int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, seat := range seats {
		delete(m.seats, seat)
	}
}

// takeComputed claims a seat in an xsync map, in one step.
func takeComputed(m *xsync.MapOf[int, claim], user uint64, seat int) (won bool) {
	m.Compute(seat, func(old claim, taken bool) (claim, bool) {
		if taken {
			return old, false
		}
		won = true
		return claim{user: user, until: 1}, false
	})
	return won
}

const (
	concert = "concert"
	ttl     = time.Hour
)

var (
	ctx    = context.Background()
	labels = numbers(10_000) // "1" to "10000"
	// keys is more than a Map remembers, so that a key is new when its turn
	// comes again.
	keys = newKeys(1 << 16)
)

func numbers(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = strconv.Itoa(i + 1)
	}
	return list
}

func newKeys(n int) []seatmap.Key {
	list := make([]seatmap.Key, n)
	for i, text := range numbers(n) {
		list[i] = seatmap.NewKey(text)
	}
	return list
}

// full says whether the environment asks for the sizes of which the results
// speak; without it, the heavy benchmarks only show that they run.
var full = os.Getenv("FERROUS_BENCH_FULL") != ""

// scaled returns n, or a hundredth of it unless the benchmarks are full.
func scaled(n int) int {
	if full {
		return n
	}
	return n / 100
}

func newClock(b *testing.B) *seatmap.Clock {
	b.Helper()
	clock := seatmap.NewClock()
	b.Cleanup(clock.Close)
	return clock
}

func newPlan(b *testing.B, seats int, clock *seatmap.Clock) *seatmap.Plan {
	b.Helper()
	p, err := seatmap.NewPlan(seatmap.PlanOptions{Name: concert, Seats: seats, Clock: clock})
	must(b, err)
	return p
}

func newStore(b *testing.B, seats int, events ...string) seatmap.Store {
	b.Helper()
	m := seatmap.NewMap(seatmap.MapOptions{})
	b.Cleanup(func() { must(b, m.Close()) })
	for _, event := range events {
		_, err := m.Create(ctx, seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: seats}})
		must(b, err)
	}
	return m
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// events returns the names of n events.
func events(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("event%d", i)
	}
	return list
}

// goroutines runs body on about n goroutines.
func goroutines(b *testing.B, n int, body func(pb *testing.PB)) {
	b.Helper()
	b.ReportAllocs()
	b.SetParallelism(max(n/procs(), 1))
	b.RunParallel(body)
}
