package journal_test

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/journal"
	"github.com/coderrange/ferrous/seatmap/journal/internal/wal"
)

// payload is a record of the size that a booking has.
type payload [64]byte

func (p *payload) AppendTo(b []byte) []byte { return append(b, p[:]...) }

// callers runs f n times on so many goroutines.
func callers(b *testing.B, goroutines int, f func(i int)) {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range goroutines {
		wg.Go(func() {
			for i := int(next.Add(1)); i <= b.N; i = int(next.Add(1)) {
				f(i)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "bookings/s")
}

// BenchmarkBook books a seat for each of so many callers at a time. impl=append is the log
// alone, with records as large.
func BenchmarkBook(b *testing.B) {
	for _, n := range []int{1, 16, 128, 512} {
		b.Run(fmt.Sprintf("callers=%d/impl=ours", n), func(b *testing.B) { benchBook(b, n) })
		b.Run(fmt.Sprintf("callers=%d/impl=append", n), func(b *testing.B) { benchAppend(b, n) })
	}
}

func benchBook(b *testing.B, n int) {
	b.Helper()
	s, err := journal.Open(b.TempDir(), journal.Options{})
	require.NoError(b, err)
	_, err = s.Create(ctx, seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: b.N}})
	require.NoError(b, err)
	tokens := make([]seatmap.Token, b.N+1)
	for i := range b.N {
		h, err := s.Block(ctx, seatmap.BlockRequest{Event: event, User: "user" + strconv.Itoa(i), Seats: []string{strconv.Itoa(i + 1)}, TTL: ttl})
		require.NoError(b, err)
		tokens[i+1] = h.Token
	}
	callers(b, n, func(i int) {
		if _, err := s.Book(ctx, seatmap.BookRequest{Token: tokens[i]}); err != nil {
			panic(err)
		}
	})
	require.NoError(b, s.Close())
}

func benchAppend(b *testing.B, n int) {
	b.Helper()
	fs, err := wal.Dir(b.TempDir())
	require.NoError(b, err)
	log, err := wal.Open(fs, wal.Options{})
	require.NoError(b, err)
	callers(b, n, func(int) {
		if log.Wait(ctx, log.Append(&payload{})) != nil {
			panic("failed")
		}
	})
	require.NoError(b, log.Close())
}

// BenchmarkRefuse asks for a seat that is booked. impl=map is a Map in memory.
func BenchmarkRefuse(b *testing.B) {
	m := seatmap.NewMap(seatmap.MapOptions{})
	s, err := journal.Open(b.TempDir(), journal.Options{})
	require.NoError(b, err)
	for _, side := range []struct {
		name  string
		store seatmap.Store
	}{{"ours", s}, {"map", m}} {
		_, err := side.store.Create(ctx, seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: 10}})
		require.NoError(b, err)
		h, err := side.store.Block(ctx, seatmap.BlockRequest{Event: event, User: "ann", Seats: []string{"1"}, TTL: ttl})
		require.NoError(b, err)
		_, err = side.store.Book(ctx, seatmap.BookRequest{Token: h.Token})
		require.NoError(b, err)
		r := seatmap.BlockRequest{Event: event, User: "bob", Seats: []string{"1"}, TTL: ttl}
		b.Run("impl="+side.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := side.store.Block(ctx, r); err == nil {
					panic("granted")
				}
			}
		})
	}
	require.NoError(b, s.Close())
	require.NoError(b, m.Close())
}

// BenchmarkRecovery opens a journal with 100,000 bookings, or a million if the environment
// variable FERROUS_BENCH_FULL is set.
func BenchmarkRecovery(b *testing.B) {
	seats := 100_000
	if os.Getenv("FERROUS_BENCH_FULL") != "" {
		seats = 1_000_000
	}
	for _, compact := range []bool{false, true} {
		b.Run(fmt.Sprintf("bookings=%d/compacted=%v", seats, compact), func(b *testing.B) {
			dir := b.TempDir()
			s, err := journal.Open(dir, journal.Options{})
			require.NoError(b, err)
			_, err = s.Create(ctx, seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: seats}})
			require.NoError(b, err)
			var next atomic.Int64
			var wg sync.WaitGroup
			for range 512 {
				wg.Go(func() {
					for i := next.Add(1); i <= int64(seats); i = next.Add(1) {
						h, err := s.Block(ctx, seatmap.BlockRequest{Event: event, User: "user" + strconv.Itoa(int(i)), Seats: []string{strconv.Itoa(int(i))}, TTL: ttl})
						if err != nil {
							panic(err)
						}
						if _, err := s.Book(ctx, seatmap.BookRequest{Token: h.Token}); err != nil {
							panic(err)
						}
					}
				})
			}
			wg.Wait()
			if compact {
				require.NoError(b, s.Compact(ctx))
			}
			require.NoError(b, s.Close())
			for b.Loop() {
				s, err := journal.Open(dir, journal.Options{})
				require.NoError(b, err)
				counts, err := s.Counts(ctx, seatmap.CountsRequest{Event: event})
				require.NoError(b, err)
				require.Equal(b, seats, counts.Booked)
				require.NoError(b, s.Close())
			}
		})
	}
}
