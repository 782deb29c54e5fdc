package pgseat_test

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

// BenchmarkBookings blocks and books one seat by each pair of calls, with 256 callers in one
// event. Server and callers share the machine, and each commit is on disk. Alone is one
// caller: nothing is collected.
func BenchmarkBookings(b *testing.B) {
	for _, c := range []struct {
		name    string
		callers int
	}{{"callers=256", 256}, {"callers=1", 1}} {
		b.Run(c.name, func(b *testing.B) {
			s := startServer(b, "-c", "fsync=on")
			store := open(b, quiet(s.options()))
			defer func() { require.NoError(b, store.Close()) }()
			_, err := store.Create(b.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: b.N}})
			require.NoError(b, err)
			var next atomic.Int64
			var all sync.WaitGroup
			b.ResetTimer()
			for range c.callers {
				all.Go(func() {
					for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
						if err := bookSeat(b.Context(), store, strconv.FormatInt(i, 10)); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "bookings/s")
		})
	}
}

func bookSeat(ctx context.Context, store seatmap.Store, seat string) error {
	user := "user" + seat
	h, err := store.Block(ctx, seatmap.BlockRequest{
		Event: "e", User: user, Key: seatmap.NewKey("hold" + seat), Seats: []string{seat}, TTL: time.Hour,
	})
	if err == nil {
		_, err = store.Book(ctx, seatmap.BookRequest{Token: h.Token, User: user, Key: seatmap.NewKey("book" + seat)})
	}
	return err
}
