package seatmap_test

import (
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/puzpuzpuz/xsync/v3"

	"github.com/coderrange/ferrous/seatmap"
)

func procs() int { return runtime.GOMAXPROCS(0) }

// BenchmarkRefuse is the attempt to get one of 100 taken seats, from 64
// goroutines. impl=ours is Plan, impl=store is Map through the Store interface.
func BenchmarkRefuse(b *testing.B) {
	const taken = 100
	run := func(name string, body func(pb *testing.PB, i int)) {
		b.Run("impl="+name, func(b *testing.B) {
			goroutines(b, 64, func(pb *testing.PB) { body(pb, rand.IntN(taken)) })
		})
	}

	words := make([]paddedWord, taken)
	for i := range words {
		words[i].take()
	}
	run("limit", func(pb *testing.PB, i int) {
		for pb.Next() {
			i = (i + 37) % taken
			if words[i].take() {
				b.Fail()
			}
		}
	})

	// A seat more than are taken: else the event is sold out, which is known faster.
	for _, c := range []struct {
		name  string
		seats int
	}{{"ours", taken + 1}, {"ours-soldout", taken}} {
		plan := newPlan(b, c.seats, newClock(b))
		for i := range taken {
			_, err := plan.Block(1, ttl, i)
			must(b, err)
		}
		run(c.name, func(pb *testing.PB, i int) {
			for pb.Next() {
				i = (i + 37) % taken
				if _, err := plan.Block(2, ttl, i); err == nil {
					b.Fail()
				}
			}
		})
	}

	store := newStore(b, taken+1, concert)
	for i := range taken {
		_, err := store.Block(ctx, seatmap.BlockRequest{Event: concert, User: "user1", Key: keys[i], Seats: labels[i : i+1], TTL: ttl})
		must(b, err)
	}
	refused := func(key seatmap.Key) func(pb *testing.PB, i int) {
		return func(pb *testing.PB, i int) {
			for pb.Next() {
				i = (i + 37) % taken
				if _, err := store.Block(ctx, seatmap.BlockRequest{Event: concert, User: "user2", Key: key, Seats: labels[i : i+1], TTL: ttl}); err == nil {
					b.Fail()
				}
			}
		}
	}
	run("store", refused(seatmap.Key{}))
	run("store-key", refused(seatmap.NewKey("some key")))

	mutexed := mutexMap{seats: map[int]claim{}}
	var std sync.Map
	computed := xsync.NewMapOf[int, claim]()
	for i := range taken {
		mutexed.take(1, i)
		std.Store(i, &claim{user: 1})
		takeComputed(computed, 1, i)
	}
	run("mutexmap", func(pb *testing.PB, i int) {
		for pb.Next() {
			i = (i + 37) % taken
			if mutexed.take(2, i) {
				b.Fail()
			}
		}
	})
	run("syncmap", func(pb *testing.PB, i int) {
		mine := &claim{user: 2}
		for pb.Next() {
			i = (i + 37) % taken
			if _, loaded := std.LoadOrStore(i, mine); !loaded {
				b.Fail()
			}
		}
	})
	run("xsync", func(pb *testing.PB, i int) {
		for pb.Next() {
			i = (i + 37) % taken
			if takeComputed(computed, 2, i) {
				b.Fail()
			}
		}
	})
}

// BenchmarkPair blocks seats and releases them, from one goroutine.
func BenchmarkPair(b *testing.B) {
	for _, n := range []int{1, 4} {
		seats := []int{10, 20, 30, 40}[:n]
		b.Run("seats="+strconv.Itoa(n), func(b *testing.B) {
			b.Run("impl=ours", func(b *testing.B) {
				plan := newPlan(b, 100, newClock(b))
				b.ReportAllocs()
				for b.Loop() {
					if err := pair(plan, seats...); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("impl=store", func(b *testing.B) {
				store := newStore(b, 100, concert)
				b.ReportAllocs()
				for b.Loop() {
					if err := storePair(store, concert, seatmap.Key{}, labels[10:10+n]); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("impl=store-key", func(b *testing.B) {
				store := newStore(b, 100, concert)
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if err := storePair(store, concert, keys[i%len(keys)], labels[10:10+n]); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("impl=mutexmap", func(b *testing.B) {
				mutexed := mutexMap{seats: map[int]claim{}}
				b.ReportAllocs()
				for b.Loop() {
					if !mutexed.take(1, seats...) {
						b.Fatal("taken")
					}
					mutexed.giveBack(seats...)
				}
			})
		})
	}
}

func pair(plan *seatmap.Plan, seats ...int) error {
	token, err := plan.Block(1, ttl, seats...)
	if err != nil {
		return err
	}
	return plan.Release(token)
}

func storePair(store seatmap.Store, event string, key seatmap.Key, seats []string) error {
	hold, err := store.Block(ctx, seatmap.BlockRequest{Event: event, User: "user1", Key: key, Seats: seats, TTL: ttl})
	if err != nil {
		return err
	}
	_, err = store.Release(ctx, seatmap.ReleaseRequest{Token: hold.Token})
	return err
}

// BenchmarkIndependent is refusals and pairs on all processors, each goroutine
// at an event of its own.
func BenchmarkIndependent(b *testing.B) {
	var next atomic.Int64
	mine := func(list int) int { return int(next.Add(1)) % list }
	clock := newClock(b)
	plans := make([]*seatmap.Plan, 2*procs())
	mutexed := make([]mutexMap, len(plans))
	for i := range plans {
		plans[i] = newPlan(b, 101, clock)
		mutexed[i].seats = map[int]claim{}
		for seat := range 100 {
			_, err := plans[i].Block(1, ttl, seat)
			must(b, err)
			mutexed[i].take(1, seat)
		}
	}
	names := events(len(plans))
	store := newStore(b, 101, names...)
	for _, event := range names {
		for seat := range 100 {
			_, err := store.Block(ctx, seatmap.BlockRequest{Event: event, User: "user1", Seats: labels[seat : seat+1], TTL: ttl})
			must(b, err)
		}
	}

	run := func(name string, body func(pb *testing.PB, event int)) {
		b.Run(name, func(b *testing.B) {
			goroutines(b, procs(), func(pb *testing.PB) { body(pb, mine(len(plans))) })
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "M/s")
		})
	}
	run("op=refuse/impl=ours", func(pb *testing.PB, event int) {
		plan, i := plans[event], 0
		for pb.Next() {
			i = (i + 37) % 100
			if _, err := plan.Block(2, ttl, i); err == nil {
				b.Fail()
			}
		}
	})
	run("op=refuse/impl=store", func(pb *testing.PB, event int) {
		for i := 0; pb.Next(); {
			i = (i + 37) % 100
			if _, err := store.Block(ctx, seatmap.BlockRequest{Event: names[event], User: "user2", Seats: labels[i : i+1], TTL: ttl}); err == nil {
				b.Fail()
			}
		}
	})
	run("op=refuse/impl=mutexmap", func(pb *testing.PB, event int) {
		for i := 0; pb.Next(); {
			i = (i + 37) % 100
			if mutexed[event].take(2, i) {
				b.Fail()
			}
		}
	})
	run("op=pair/impl=ours", func(pb *testing.PB, event int) {
		for pb.Next() {
			if err := pair(plans[event], 100); err != nil {
				b.Error(err)
			}
		}
	})
	run("op=pair/impl=store", func(pb *testing.PB, event int) {
		for pb.Next() {
			if err := storePair(store, names[event], seatmap.Key{}, labels[100:101]); err != nil {
				b.Error(err)
			}
		}
	})
	run("op=pair/impl=mutexmap", func(pb *testing.PB, event int) {
		for pb.Next() {
			mutexed[event].take(2, 100)
			mutexed[event].giveBack(100)
		}
	})
}

// BenchmarkYardstick is what a grant cannot do without.
func BenchmarkYardstick(b *testing.B) {
	b.Run("clock", func(b *testing.B) {
		for start := time.Now(); b.Loop(); {
			_ = time.Since(start)
		}
	})
	b.Run("mutex-pair", func(b *testing.B) {
		var mu sync.Mutex
		for b.Loop() {
			mu.Lock()
			mu.Unlock() //nolint:staticcheck // the pair is what is measured
		}
	})
	b.Run("chacha8-secret", func(b *testing.B) {
		source := rand.NewChaCha8([32]byte{1})
		for b.Loop() {
			_, _ = source.Uint64(), source.Uint64()
		}
	})
}
