package retry_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coderrange/ferrous/retry"
)

func BenchmarkBudget(b *testing.B) {
	perSecond := -1.0
	check := func(name string, setup func(*retry.Budget), f func(*retry.Budget)) {
		b.Run("state="+name+"/goroutines=64", func(b *testing.B) {
			budget := retry.NewBudget(retry.BudgetOptions{Max: 100, PerSecond: perSecond})
			setup(budget)
			b.SetParallelism(64 / 2)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					f(budget)
				}
			})
		})
	}
	full := func(*retry.Budget) {}
	check("full/op=deposit", full, (*retry.Budget).Deposit)
	empty := func(b *retry.Budget) {
		for b.Withdraw() {
		}
	}
	check("empty/op=withdraw", empty, func(b *retry.Budget) { b.Withdraw() })
	perSecond = 10
	check("empty/floor/op=withdraw", empty, func(b *retry.Budget) { b.Withdraw() })
	check("between/op=withdraw+refund", full, func(b *retry.Budget) {
		if b.Withdraw() {
			b.Refund()
		}
	})
}

func BenchmarkBreaker(b *testing.B) {
	b.Run("state=closed", func(b *testing.B) {
		breaker := retry.NewBreaker(retry.BreakerOptions{})
		for b.Loop() {
			permit, _ := breaker.Acquire()
			permit.Done(nil)
		}
	})
	b.Run("state=closed/guarded", func(b *testing.B) {
		op := retry.Guarded(retry.NewBreaker(retry.BreakerOptions{}), func(context.Context) (int, error) { return 1, nil })
		ctx := b.Context()
		for b.Loop() {
			_, _ = op(ctx)
		}
	})
	b.Run("state=closed/goroutines=64", func(b *testing.B) {
		breaker := retry.NewBreaker(retry.BreakerOptions{})
		b.SetParallelism(64 / 2)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				permit, _ := breaker.Acquire()
				permit.Done(nil)
			}
		})
	})
	b.Run("state=open", func(b *testing.B) {
		breaker := retry.NewBreaker(retry.BreakerOptions{Failures: 1})
		permit, _ := breaker.Acquire()
		permit.Done(errDown)
		for b.Loop() {
			_, _ = breaker.Acquire()
		}
	})
	b.Run("state=closed/ratio", func(b *testing.B) {
		breaker := retry.NewBreaker(retry.BreakerOptions{Ratio: 0.5})
		for b.Loop() {
			permit, _ := breaker.Acquire()
			permit.Done(nil)
		}
	})
}

// BenchmarkQueueMemory measures enqueue, claim and settle of each job.
func BenchmarkQueueMemory(b *testing.B) {
	ctx, stop := context.WithCancel(b.Context())
	var handled atomic.Int64
	done := make(chan struct{})
	n := int64(b.N)
	q := retry.NewQueue(retry.QueueOptions[int64]{
		Store:   retry.NewMemory[int64](),
		Workers: 64,
		Handle: func(context.Context, retry.Job[int64]) error {
			if handled.Add(1) == n {
				close(done)
			}
			return nil
		},
	})
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx) }()
	keys := make([]string, 1<<16)
	for i := range keys {
		keys[i] = string(rune('a'+i%26)) + string(rune(i+1000))
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range n {
		for { // a key may still be in work
			if added, _ := q.Enqueue(ctx, keys[i%int64(len(keys))], i, 0); added {
				break
			}
		}
	}
	<-done
	b.StopTimer()
	stop()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}

func BenchmarkDo(b *testing.B) {
	one := func(context.Context) (int, error) { return 1, nil }
	loop := func(name string, p *retry.Policy, op retry.Op[int]) {
		b.Run("case="+name, func(b *testing.B) {
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			b.ReportAllocs()
			for b.Loop() {
				_, _ = retry.Do(ctx, p, op)
			}
		})
	}
	loop("success", atOnce(3), one)
	loop("success/budget", retry.New(retry.Options{Budget: retry.NewBudget(retry.BudgetOptions{})}), one)
	loop("success/timeout", retry.New(retry.Options{Timeout: time.Second}), one)
	calls := 0
	loop("one retry", atOnce(3), func(context.Context) (int, error) {
		if calls++; calls&1 == 1 {
			return 0, errDown
		}
		return 1, nil
	})
}
