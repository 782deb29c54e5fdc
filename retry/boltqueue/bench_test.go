package boltqueue_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coderrange/ferrous/retry"
)

// BenchmarkQueue measures a durable enqueue, claim and settle of each job, with
// as many producers and workers.
func BenchmarkQueue(b *testing.B) {
	for _, callers := range []int{1, 16, 128, 512} {
		b.Run("callers="+strconv.Itoa(callers), func(b *testing.B) {
			s := open(b, newPath(b))
			defer func() { _ = s.Close() }()
			var handled, next atomic.Int64
			n := int64(b.N)
			done := make(chan struct{})
			q := retry.NewQueue(retry.QueueOptions[string]{
				Store: s, Workers: callers,
				Handle: func(_ context.Context, _ retry.Job[string]) error {
					if handled.Add(1) == n {
						close(done)
					}
					return nil
				},
			})
			ctx, stop := context.WithCancel(b.Context())
			ended := make(chan error, 1)
			go func() { ended <- q.Run(ctx) }()
			b.ResetTimer()
			begin := time.Now()
			for range callers {
				go func() {
					for i := next.Add(1); i <= n; i = next.Add(1) {
						_, _ = q.Enqueue(ctx, strconv.FormatInt(i, 10), "a hundred bytes or so of a failed payment from one account to another, with its amount in paise", 0)
					}
				}()
			}
			<-done
			b.ReportMetric(float64(n)/time.Since(begin).Seconds(), "jobs/s")
			b.StopTimer()
			stop()
			if err := <-ended; err != nil {
				b.Fatal(err)
			}
		})
	}
}
