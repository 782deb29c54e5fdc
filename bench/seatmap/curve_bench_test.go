package seatmap_test

import (
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/puzpuzpuz/xsync/v3"

	"github.com/coderrange/ferrous/seatmap"
)

// sizes returns the powers of ten from 10 to most, or to a thousandth of it unless
// the benchmarks are full.
func sizes(most int) []int {
	if !full {
		most /= 1000
	}
	var list []int
	for n := 10; n <= most; n *= 10 {
		list = append(list, n)
	}
	return list
}

// BenchmarkSeats is the attempt to get any of so many seats, all of them taken but
// one, in random order, from one goroutine. Each seat has been refused once before,
// since a plan makes the errors of a stretch of seats with its first refusal.
func BenchmarkSeats(b *testing.B) {
	for _, n := range sizes(10_000_000) {
		run := func(impl string, take func(user uint64, seat int) bool) {
			b.Run("seats="+strconv.Itoa(n)+"/impl="+impl, func(b *testing.B) {
				for user := range uint64(2) {
					for seat := range n - 1 {
						take(1+user, seat)
					}
				}
				runtime.GC()
				for b.Loop() {
					if take(2, rand.IntN(n-1)) {
						b.Fatal("not taken")
					}
				}
			})
		}
		clock := newClock(b)
		var plan *seatmap.Plan
		run("ours", func(user uint64, seat int) bool {
			if plan == nil {
				plan = newPlan(b, n, clock)
			}
			_, err := plan.Block(user, ttl, seat)
			return err == nil
		})
		plan = nil
		mutexed := mutexMap{seats: map[int]claim{}}
		run("mutexmap", func(user uint64, seat int) bool { return mutexed.take(user, seat) })
		mutexed.seats = nil
		computed := xsync.NewMapOf[int, claim]()
		run("xsync", func(user uint64, seat int) bool { return takeComputed(computed, user, seat) })
	}
}

// BenchmarkEvents blocks and releases a seat of any of so many events of ten seats,
// in random order, from one goroutine. The other five seats of each event are taken.
func BenchmarkEvents(b *testing.B) {
	const taken = 5
	for _, n := range sizes(1_000_000) {
		name := "events=" + strconv.Itoa(n)
		b.Run(name+"/impl=ours", func(b *testing.B) {
			clock := newClock(b)
			plans := make([]*seatmap.Plan, n)
			for i := range plans {
				plans[i] = newPlan(b, 2*taken, clock)
				_, err := plans[i].Block(1, ttl, 0, 1, 2, 3, 4)
				must(b, err)
			}
			runtime.GC()
			for b.Loop() {
				must(b, pair(plans[rand.IntN(n)], taken+rand.IntN(taken)))
			}
		})
		b.Run(name+"/impl=store", func(b *testing.B) {
			names := events(n)
			store := newStore(b, 2*taken, names...)
			for _, name := range names {
				_, err := store.Block(ctx, seatmap.BlockRequest{Event: name, User: "user2", Seats: labels[:taken], TTL: ttl})
				must(b, err)
			}
			runtime.GC()
			for b.Loop() {
				seat := taken + rand.IntN(taken)
				must(b, storePair(store, names[rand.IntN(n)], seatmap.Key{}, labels[seat:seat+1]))
			}
		})
		b.Run(name+"/impl=mutexmap", func(b *testing.B) {
			mutexed := mutexMap{seats: map[int]claim{}}
			for i := range n {
				for seat := range taken {
					mutexed.take(1, 2*taken*i+seat)
				}
			}
			runtime.GC()
			for b.Loop() {
				seat := 2*taken*rand.IntN(n) + taken + rand.IntN(taken)
				mutexed.take(1, seat)
				mutexed.giveBack(seat)
			}
		})
	}
}

// BenchmarkProcessors is a refusal with so many processors, a goroutine each, of
// which each has an event of its own.
func BenchmarkProcessors(b *testing.B) {
	defer runtime.GOMAXPROCS(procs())
	clock := newClock(b)
	for n := 1; n <= max(8, runtime.NumCPU()); n *= 2 {
		runtime.GOMAXPROCS(n)
		plans, mutexed := make([]*seatmap.Plan, n), make([]mutexMap, n)
		for i := range plans {
			plans[i], mutexed[i].seats = newPlan(b, 101, clock), map[int]claim{}
			for seat := range 100 {
				_, err := plans[i].Block(1, ttl, seat)
				must(b, err)
				mutexed[i].take(1, seat)
			}
		}
		run := func(impl string, take func(event, seat int) bool) {
			b.Run("procs="+strconv.Itoa(n)+"/impl="+impl, func(b *testing.B) {
				var next atomic.Int64
				b.RunParallel(func(pb *testing.PB) {
					event := int(next.Add(1)-1) % n
					for i := 0; pb.Next(); i = (i + 37) % 100 {
						if take(event, i) {
							b.Error("not taken")
							return
						}
					}
				})
			})
		}
		run("ours", func(event, seat int) bool { _, err := plans[event].Block(2, ttl, seat); return err == nil })
		run("mutexmap", func(event, seat int) bool { return mutexed[event].take(2, seat) })
	}
}
