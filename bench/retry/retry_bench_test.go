// Package retry_test measures retry beside its peers.
package retry_test

import (
	"context"
	"errors"
	"testing"
	"time"

	avast "github.com/avast/retry-go/v4"
	cenkalti "github.com/cenkalti/backoff/v5"
	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/failsafe-go/failsafe-go/timeout"
	sethvargo "github.com/sethvargo/go-retry"

	"github.com/coderrange/ferrous/retry"
)

var errDown = errors.New("service is down")

// flaky fails every call but the last of each round.
type flaky struct{ failures, calls int }

func (f *flaky) call(context.Context) (int, error) {
	if f.calls++; f.calls <= f.failures {
		return 0, errDown
	}
	f.calls = 0
	return 42, nil
}

func benchmark(b *testing.B, failures int) {
	b.Helper()
	loop := func(name string, f func(ctx context.Context, op *flaky) (int, error)) {
		b.Run("impl="+name, func(b *testing.B) {
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			op := &flaky{failures: failures}
			b.ReportAllocs()
			for b.Loop() {
				if v, err := f(ctx, op); v != 42 || err != nil {
					b.Fatal(v, err)
				}
			}
		})
	}
	policy := retry.New(retry.Options{Backoff: retry.Constant(0)})
	op := &flaky{failures: failures}
	do := op.call // one method value, as a caller with a closure of its own has
	loop("ours", func(ctx context.Context, _ *flaky) (int, error) { return retry.Do(ctx, policy, do) })
	loop("hand", func(ctx context.Context, op *flaky) (v int, err error) {
		for range 3 {
			if ctx.Err() != nil {
				return 0, ctx.Err()
			}
			if v, err = op.call(ctx); err == nil {
				return v, nil
			}
		}
		return 0, err
	})
	loop("sethvargo", func(ctx context.Context, op *flaky) (v int, err error) {
		// Its back-offs count, so each call needs one of its own.
		b := sethvargo.WithMaxRetries(2, sethvargo.BackoffFunc(func() (time.Duration, bool) { return 0, false }))
		err = sethvargo.Do(ctx, b, func(ctx context.Context) error {
			if v, err = op.call(ctx); err != nil {
				return sethvargo.RetryableError(err)
			}
			return nil
		})
		return v, err
	})
	loop("cenkalti", func(ctx context.Context, op *flaky) (int, error) {
		return cenkalti.Retry(ctx, func() (int, error) { return op.call(ctx) },
			cenkalti.WithBackOff(&cenkalti.ZeroBackOff{}), cenkalti.WithMaxTries(3))
	})
	loop("avast", func(ctx context.Context, op *flaky) (int, error) {
		return avast.DoWithData(func() (int, error) { return op.call(ctx) },
			avast.Context(ctx), avast.Attempts(3), avast.Delay(0), avast.MaxJitter(0),
			avast.DelayType(avast.FixedDelay), avast.LastErrorOnly(true))
	})
	executor := failsafe.With(retrypolicy.NewBuilder[int]().WithMaxRetries(2).Build())
	loop("failsafe", func(ctx context.Context, op *flaky) (int, error) {
		return executor.WithContext(ctx).GetWithExecution(func(e failsafe.Execution[int]) (int, error) {
			return op.call(e.Context())
		})
	})
}

func BenchmarkFirstAttemptSucceeds(b *testing.B) { benchmark(b, 0) }

func BenchmarkOneRetryWithoutDelay(b *testing.B) { benchmark(b, 1) }

// BenchmarkAttemptTimeout measures a success under a timeout for each attempt.
func BenchmarkAttemptTimeout(b *testing.B) {
	one := func(context.Context) (int, error) { return 1, nil }
	b.Run("impl=ours", func(b *testing.B) {
		policy := retry.New(retry.Options{Timeout: time.Second})
		for b.Loop() {
			_, _ = retry.Do(b.Context(), policy, one)
		}
	})
	b.Run("impl=hand", func(b *testing.B) {
		for b.Loop() {
			ctx, cancel := context.WithTimeout(b.Context(), time.Second)
			_, _ = one(ctx)
			cancel()
		}
	})
	b.Run("impl=failsafe", func(b *testing.B) {
		executor := failsafe.With(retrypolicy.NewBuilder[int]().Build(), timeout.New[int](time.Second))
		for b.Loop() {
			_, _ = executor.WithContext(b.Context()).Get(func() (int, error) { return 1, nil })
		}
	})
}

// BenchmarkBreakerClosed measures a success through a closed breaker.
func BenchmarkBreakerClosed(b *testing.B) {
	b.Run("impl=ours", func(b *testing.B) {
		op := retry.Guarded(retry.NewBreaker(retry.BreakerOptions{}), func(context.Context) (int, error) { return 1, nil })
		for b.Loop() {
			_, _ = op(b.Context())
		}
	})
	b.Run("impl=ours/form=permit", func(b *testing.B) {
		breaker := retry.NewBreaker(retry.BreakerOptions{})
		for b.Loop() {
			permit, _ := breaker.Acquire()
			permit.Done(nil)
		}
	})
	b.Run("impl=failsafe", func(b *testing.B) {
		executor := failsafe.With(circuitbreaker.NewWithDefaults[int]())
		for b.Loop() {
			_, _ = executor.Get(func() (int, error) { return 1, nil })
		}
	})
	b.Run("impl=failsafe/form=permit", func(b *testing.B) {
		breaker := circuitbreaker.NewWithDefaults[int]()
		for b.Loop() {
			if breaker.TryAcquirePermit() {
				breaker.RecordSuccess()
			}
		}
	})
}
