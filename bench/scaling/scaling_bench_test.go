package main

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
)

// taken returns a Map with an event of 1,000 seats, of which all but the last are blocked.
func taken(b *testing.B) *seatmap.Map {
	b.Helper()
	m := seatmap.NewMap(seatmap.MapOptions{})
	b.Cleanup(func() { require.NoError(b, m.Close()) })
	_, err := m.Create(b.Context(), seatmap.CreateRequest{Event: "hot", Layout: seatmap.Layout{Count: 1000}})
	require.NoError(b, err)
	_, err = m.BlockAny(b.Context(), seatmap.BlockAnyRequest{Event: "hot", User: "ann", N: 999, TTL: time.Hour})
	require.NoError(b, err)
	return m
}

// BenchmarkHotEvent is a goroutine a processor, all at one event. A refusal writes no
// shared memory, so with -cpu 1,2 it should take half the time on two processors. A pair,
// which is a block and a release, is decided under the event's lock. A gate is a flag that
// was set when the event was sold out.
func BenchmarkHotEvent(b *testing.B) {
	ctx := context.Background() // without the cost of a context that can be canceled
	b.Run("op=refuse", func(b *testing.B) {
		m := taken(b)
		b.RunParallel(func(pb *testing.PB) {
			r := seatmap.BlockRequest{Event: "hot", User: "bob", Seats: []string{"500"}, TTL: time.Hour}
			for pb.Next() {
				if _, err := m.Block(ctx, r); err == nil {
					b.Fail()
				}
			}
		})
	})
	b.Run("op=pair", func(b *testing.B) {
		m := seatmap.NewMap(seatmap.MapOptions{})
		defer m.Close() //nolint:errcheck // only read
		_, err := m.Create(ctx, seatmap.CreateRequest{Event: "hot", Layout: seatmap.Layout{Count: 1000}})
		require.NoError(b, err)
		var next atomic.Int64
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			r := seatmap.BlockRequest{Event: "hot", User: "bob", Seats: []string{strconv.FormatInt(next.Add(1), 10)}, TTL: time.Hour}
			for pb.Next() {
				hold, err := m.Block(ctx, r)
				if err == nil {
					_, err = m.Release(ctx, seatmap.ReleaseRequest{Token: hold.Token})
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
	b.Run("op=gate", func(b *testing.B) {
		var gates sync.Map
		soldOut := new(atomic.Bool)
		soldOut.Store(true)
		gates.Store("hot", soldOut)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if gate, ok := gates.Load("hot"); !ok || !gate.(*atomic.Bool).Load() {
					b.Fail()
				}
			}
		})
	})
}

// BenchmarkWatch is a block and a release while so many watchers of the event take all
// changes, until the last one has taken the last one.
func BenchmarkWatch(b *testing.B) {
	for _, watchers := range []int{0, 1, 16, 256} {
		b.Run("watchers="+strconv.Itoa(watchers), func(b *testing.B) {
			m := seatmap.NewMap(seatmap.MapOptions{Ring: 1 << 16})
			defer m.Close() //nolint:errcheck // only read
			ctx := b.Context()
			_, err := m.Create(ctx, seatmap.CreateRequest{Event: "hot", Layout: seatmap.Layout{Count: 100}})
			require.NoError(b, err)
			var all, ready sync.WaitGroup
			for range watchers {
				ready.Add(1)
				all.Go(func() {
					seen := 0
					for change, err := range m.Watch(ctx, seatmap.WatchRequest{Event: "hot"}) {
						switch {
						case err != nil || change.Kind == seatmap.ChangeGap:
							b.Error(change.Kind, err)
							return
						case change.Kind == seatmap.ChangeSnapshot:
							ready.Done()
						default:
							seen++
						}
						if seen == 2*b.N {
							return
						}
					}
				})
			}
			ready.Wait()
			r := seatmap.BlockRequest{Event: "hot", User: "bob", Seats: []string{"7"}, TTL: time.Hour}
			b.ResetTimer()
			for range b.N {
				hold, err := m.Block(ctx, r)
				require.NoError(b, err)
				_, err = m.Release(ctx, seatmap.ReleaseRequest{Token: hold.Token})
				require.NoError(b, err)
			}
			all.Wait()
			b.ReportMetric(float64(b.Elapsed())/float64(2*b.N*max(watchers, 1)), "ns/delivery")
		})
	}
}
