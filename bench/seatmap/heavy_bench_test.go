package seatmap_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/puzpuzpuz/xsync/v3"

	"github.com/coderrange/ferrous/seatmap"
)

// BenchmarkMillion starts and joins a million goroutines, each of which makes
// one attempt at one of 100 seats. impl=bare is goroutines that do nothing.
func BenchmarkMillion(b *testing.B) {
	const seats = 100
	n := scaled(1_000_000)
	run := func(name string, open func(b *testing.B) (attempt func(user, seat int))) {
		b.Run("goroutines="+strconv.Itoa(n)+"/impl="+name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				attempt := open(b)
				runtime.GC()
				b.StartTimer()
				var wg sync.WaitGroup
				wg.Add(n)
				for user := range n {
					go func() {
						defer wg.Done()
						attempt(user, user*37%seats)
					}()
				}
				wg.Wait()
			}
			b.ReportMetric(float64(b.Elapsed())/float64(n*b.N), "ns/goroutine")
		})
	}
	run("bare", func(*testing.B) func(int, int) { return func(int, int) {} })
	run("ours", func(b *testing.B) func(int, int) {
		b.Helper()
		plan := newPlan(b, seats, newClock(b))
		return func(user, seat int) { _, _ = plan.Block(uint64(user), ttl, seat) }
	})
	run("store", func(b *testing.B) func(int, int) {
		b.Helper()
		store := newStore(b, seats, concert)
		return func(_, seat int) {
			_, _ = store.Block(ctx, seatmap.BlockRequest{Event: concert, User: "user", Seats: labels[seat : seat+1], TTL: ttl})
		}
	})
	run("mutexmap", func(*testing.B) func(int, int) {
		mutexed := mutexMap{seats: map[int]claim{}}
		return func(user, seat int) { mutexed.take(uint64(user), seat) }
	})
	run("xsync", func(*testing.B) func(int, int) {
		computed := xsync.NewMapOf[int, claim]()
		return func(user, seat int) { takeComputed(computed, uint64(user), seat) }
	})
}

// BenchmarkFill claims every seat of 1,000 events of 10,000 seats once, each
// processor its share of them, and reports the time of a claim, the making of
// the events included, and the memory of a seat when all are claimed.
func BenchmarkFill(b *testing.B) {
	const perEvent = 10_000 // too many to be padded
	n := scaled(1_000)
	total := n * perEvent
	clock := newClock(b)
	names := events(n)
	users := events(1_000)

	run := func(order, name string, open func(b *testing.B) (claim func(event, seat int) bool)) {
		b.Run("seats="+strconv.Itoa(total)+"/order="+order+"/impl="+name, func(b *testing.B) {
			var bytes float64
			for b.Loop() {
				b.StopTimer()
				before := heap()
				b.StartTimer()
				claim := open(b)
				var wg sync.WaitGroup
				workers := procs()
				for w := range workers {
					wg.Go(func() {
						for i := w * total / workers; i < (w+1)*total/workers; i++ {
							at := i
							if order == "scattered" {
								at = int(uint64(i) * 7_368_787 % uint64(total)) // a prime: each seat once
							}
							if !claim(at/perEvent, at%perEvent) {
								b.Fail()
							}
						}
					})
				}
				wg.Wait()
				b.StopTimer()
				bytes = heap() - before
				runtime.KeepAlive(claim)
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed())/float64(total*b.N), "ns/claim")
			b.ReportMetric(bytes/float64(total), "B/seat")
		})
	}
	for _, order := range []string{"sequential", "scattered"} {
		run(order, "ours", func(b *testing.B) func(int, int) bool {
			b.Helper()
			plans := make([]*seatmap.Plan, n)
			for i := range plans {
				plans[i] = newPlan(b, perEvent, clock)
			}
			return func(event, seat int) bool {
				_, err := plans[event].Block(uint64(seat), ttl, seat)
				return err == nil
			}
		})
		run(order, "store", func(b *testing.B) func(int, int) bool {
			b.Helper()
			store := newStore(b, perEvent, names...)
			return func(event, seat int) bool {
				_, err := store.Block(ctx, seatmap.BlockRequest{Event: names[event], User: users[seat%len(users)], Seats: labels[seat : seat+1], TTL: ttl})
				return err == nil
			}
		})
		run(order, "xsync", func(*testing.B) func(int, int) bool {
			computed := xsync.NewMapOf[int, claim]()
			return func(event, seat int) bool { return takeComputed(computed, uint64(seat), event*perEvent+seat) }
		})
		run(order, "xsync-presized", func(*testing.B) func(int, int) bool {
			computed := xsync.NewMapOf[int, claim](xsync.WithPresize(total))
			return func(event, seat int) bool { return takeComputed(computed, uint64(seat), event*perEvent+seat) }
		})
		run(order, "mutexmap", func(*testing.B) func(int, int) bool {
			mutexed := mutexMap{seats: map[int]claim{}}
			return func(event, seat int) bool { return mutexed.take(uint64(seat), event*perEvent+seat) }
		})
	}
}

// heap returns how many bytes are in use after all garbage was collected.
func heap() float64 {
	runtime.GC()
	runtime.GC() // what the first one freed is counted by the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// BenchmarkSweep sweeps an event of a million seats, all of them blocked and
// none over. Usually the plan knows so; in bounds=stale there has been an earlier
// deadline in each part of the event, so that the sweep has to look at every seat.
func BenchmarkSweep(b *testing.B) {
	const seats, apart = 1_000_000, 500 // no part is smaller
	plan := newPlan(b, seats, newClock(b))
	tokens := make([]seatmap.Token, seats/apart)
	for seat := range seats {
		token, err := plan.Block(rand.Uint64(), ttl, seat)
		must(b, err)
		if seat%apart == 0 {
			tokens[seat/apart] = token
		}
	}
	sweep := func() {
		if holds, more := plan.Sweep(math.MaxInt); holds > 0 || more {
			b.Fatal(holds, more)
		}
	}
	b.Run("seats="+strconv.Itoa(seats)+"/bounds=known", func(b *testing.B) {
		for b.Loop() {
			sweep()
		}
	})
	b.Run("seats="+strconv.Itoa(seats)+"/bounds=stale", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			const soon = 20 * time.Millisecond
			for i := range tokens {
				must(b, plan.Release(tokens[i]))
				token, err := plan.Block(1, soon, i*apart)
				must(b, err)
				_ = plan.Release(token) // it may be over already
				tokens[i], err = plan.Block(1, ttl, i*apart)
				must(b, err)
			}
			<-time.After(soon)
			b.StartTimer()
			sweep()
		}
	})
}
