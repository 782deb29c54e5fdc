package retry_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
)

// inBubble runs the test in each form, on fake time.
func inBubble(t *testing.T, f func(t *testing.T, do func(context.Context, *retry.Policy, retry.Op[int]) (int, error))) {
	t.Helper()
	inEachForm(t, func(t *testing.T, do func(context.Context, *retry.Policy, retry.Op[int]) (int, error)) {
		synctest.Test(t, func(t *testing.T) { f(t, do) })
	})
}

func TestItWaitsWhatTheBackoffSays(t *testing.T) {
	inBubble(t, func(t *testing.T, do func(context.Context, *retry.Policy, retry.Op[int]) (int, error)) {
		start := time.Now()
		var at []time.Duration
		p := retry.New(retry.Options{Attempts: 4, Backoff: retry.Exponential(time.Second, time.Minute)})
		_, err := do(t.Context(), p, func(context.Context) (int, error) {
			at = append(at, time.Since(start)/time.Second)
			return 0, errDown
		})
		assert.Equal(t, []time.Duration{0, 1, 3, 7}, at)
		assert.Equal(t, 7*time.Second, report(t, err).Elapsed)
	})
}

func TestDecorrelatedIsToldTheDelayBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []time.Duration
		p := retry.New(retry.Options{Attempts: 4, Backoff: func(n int, previous time.Duration, _ uint64) time.Duration {
			told = append(told, previous)
			return time.Duration(n) * time.Second
		}})
		op, _ := failing(9, errDown)
		_, err := retry.Do(t.Context(), p, op)
		require.Error(t, err)
		assert.Equal(t, []time.Duration{0, time.Second, 2 * time.Second}, told)
	})
}

func TestASeedReproducesTheDelays(t *testing.T) {
	delays := func(seed uint64) (all []time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			p := retry.New(retry.Options{
				Attempts: 20, Seed: seed, Backoff: retry.Exponential(time.Second, time.Hour).FullJitter(),
				OnRetry: func(_ context.Context, r retry.Retry) { all = append(all, r.Delay) },
			})
			op, _ := failing(99, errDown)
			_, err := retry.Do(t.Context(), p, op)
			require.Error(t, err)
		})
		return all
	}
	assert.Equal(t, delays(7), delays(7))
	assert.NotEqual(t, delays(7), delays(8))
	assert.NotEqual(t, delays(0), delays(0), "no seed")
}

func TestDelaysAreBoundedWhateverTheBackoffSays(t *testing.T) {
	for name, c := range map[string]struct {
		asked, want time.Duration
		err         error
	}{
		"negative":       {math.MinInt64, 0, errDown},
		"too long":       {math.MaxInt64, time.Minute, errDown},
		"after shorter":  {5 * time.Second, 5 * time.Second, retry.After(time.Second, errDown)},
		"after negative": {time.Second, time.Second, retry.After(-5*time.Second, errDown)},
		"after longest":  {time.Second, time.Second, retry.After(math.MinInt64, errDown)},
		"after none":     {time.Second, time.Second, retry.After(0, errDown)},
		"after too long": {time.Second, time.Minute, retry.After(math.MaxInt64, errDown)},
		"after at most":  {time.Second, time.Minute, retry.After(time.Minute, errDown)},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, do func(context.Context, *retry.Policy, retry.Op[int]) (int, error)) {
				start := time.Now()
				p := retry.New(retry.Options{
					MaxDelay: time.Minute,
					Backoff:  func(int, time.Duration, uint64) time.Duration { return c.asked },
					OnRetry:  func(_ context.Context, r retry.Retry) { assert.Equal(t, c.want, r.Delay) },
				})
				op, _ := failing(1, c.err)
				_, err := do(t.Context(), p, op)
				require.NoError(t, err)
				assert.Equal(t, c.want, time.Since(start))
			})
		})
	}
}

func TestAfterIsTheShortestWaitAndClientsDoNotReturnTogether(t *testing.T) {
	wait := func(t *testing.T, b retry.Backoff, err error) (d time.Duration) {
		t.Helper()
		p := retry.New(retry.Options{Attempts: 2, MaxDelay: time.Hour, Backoff: b, OnRetry: func(_ context.Context, r retry.Retry) { d = r.Delay }})
		op, _ := failing(1, err)
		_, err = retry.Do(t.Context(), p, op)
		require.NoError(t, err)
		return d
	}
	after := func(d time.Duration) error { return retry.After(d, errDown) }
	synctest.Test(t, func(t *testing.T) {
		for name, b := range map[string]retry.Backoff{
			"none": retry.Constant(0), "constant": retry.Constant(time.Second), "jitter": retry.Exponential(time.Second, time.Minute).FullJitter(),
		} {
			for told, err := range map[time.Duration]error{
				10 * time.Second: after(10 * time.Second),
				11 * time.Second: errors.Join(errDown, after(11*time.Second)),
				12 * time.Second: errors.Join(after(time.Second), after(12*time.Second), after(2*time.Second)),
				14 * time.Second: retry.After(14*time.Second, fmt.Errorf("call: %w", after(time.Second))),
				13 * time.Second: retry.After(time.Second, fmt.Errorf("call: %w", after(13*time.Second))),
			} {
				seen := map[time.Duration]bool{}
				for range 100 {
					d := wait(t, b, err)
					require.GreaterOrEqual(t, d, told, name)
					require.LessOrEqual(t, d, told+told/10, name)
					seen[d/(10*time.Millisecond)] = true
				}
				assert.Greater(t, len(seen), 30, "%s: a hundred clients share %d hundredths of a second", name, len(seen))
			}
		}
		atMost := 0
		for range 100 {
			d := wait(t, retry.Constant(0), after(59*time.Minute))
			require.True(t, 59*time.Minute <= d && d <= time.Hour, "%v", d)
			if d == time.Hour {
				atMost++
			}
			require.Equal(t, time.Hour, wait(t, retry.Constant(0), after(2*time.Hour)))
		}
		assert.Less(t, atMost, 10, "they do not meet at MaxDelay either")
	})
}

func TestCancelDuringTheWaitReturnsAtOnceWithTheLastError(t *testing.T) {
	cause := errors.New("the user left")
	inBubble(t, func(t *testing.T, do func(context.Context, *retry.Policy, retry.Op[int]) (int, error)) {
		ctx, cancel := context.WithCancelCause(t.Context())
		start := time.Now()
		time.AfterFunc(time.Second, func() { cancel(cause) })
		op, calls := failing(9, errDown)
		_, err := do(ctx, every(time.Hour, 3), op)
		assert.Equal(t, time.Second, time.Since(start))
		assert.Equal(t, 1, *calls)
		require.ErrorIs(t, err, errDown)
		require.ErrorIs(t, err, cause)
		assert.Equal(t, retry.Error{
			Reason: retry.ReasonCanceled, Last: errDown, Cause: cause, Attempts: 1, Elapsed: time.Second,
		}, *report(t, err))
	})
}

// doneContext calls a function whenever it is about to be waited for.
type doneContext struct {
	context.Context
	onDone func()
}

func (c doneContext) Done() <-chan struct{} {
	c.onDone()
	return c.Context.Done()
}

func TestCancelWinsOverADelayThatEndsAtTheSameMoment(t *testing.T) {
	inBubble(t, func(t *testing.T, do func(context.Context, *retry.Policy, retry.Op[int]) (int, error)) {
		for range 50 { // a select that finds both ready takes either
			ctx, cancel := context.WithCancel(t.Context())
			both := doneContext{ctx, func() {
				testkit.Advance(time.Minute) // the timer has fired
				cancel()
			}}
			op, calls := failing(9, errDown)
			_, err := do(both, every(time.Second, 3), op)
			assert.Equal(t, retry.ReasonCanceled, report(t, err).Reason)
			assert.Equal(t, 1, *calls)
		}
	})
}

func TestAnAttemptsTimeoutIsRetried(t *testing.T) {
	inBubble(t, func(t *testing.T, do func(context.Context, *retry.Policy, retry.Op[int]) (int, error)) {
		p := retry.New(retry.Options{Timeout: time.Second, Backoff: retry.Constant(0)})
		start := time.Now()
		calls := 0
		hang := func(ctx context.Context) (int, error) {
			if calls++; calls == 3 {
				return 42, nil
			}
			<-ctx.Done()
			assert.Equal(t, retry.ErrTimeout, context.Cause(ctx))
			return 0, ctx.Err()
		}
		v, err := do(t.Context(), p, hang)
		require.NoError(t, err)
		assert.Equal(t, 42, v)
		assert.Equal(t, 2*time.Second, time.Since(start))
	})
}

func TestTheParentsDeadlineIsNotRetried(t *testing.T) {
	inBubble(t, func(t *testing.T, do func(context.Context, *retry.Policy, retry.Op[int]) (int, error)) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second/2)
		defer cancel()
		p := retry.New(retry.Options{Timeout: time.Second, Backoff: retry.Constant(0), Attempts: 9})
		calls := 0
		_, err := do(ctx, p, func(ctx context.Context) (int, error) {
			calls++
			<-ctx.Done()
			return 0, errDown
		})
		assert.Equal(t, 2, calls, "one timed out, one met the deadline")
		e := report(t, err)
		assert.Equal(t, retry.ReasonDeadline, e.Reason)
		assert.Equal(t, 2, e.Attempts)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, errDown)
	})
}

func TestShutdownIsItsOwnReasonAndItsAttemptIsNotCounted(t *testing.T) {
	inBubble(t, func(t *testing.T, do func(context.Context, *retry.Policy, retry.Op[int]) (int, error)) {
		ctx, stop := context.WithCancelCause(t.Context())
		calls := 0
		_, err := do(ctx, atOnce(9), func(ctx context.Context) (int, error) {
			if calls++; calls == 2 {
				time.AfterFunc(time.Second, func() { stop(retry.ErrShutdown) })
				<-ctx.Done()
			}
			return 0, errDown
		})
		e := report(t, err)
		assert.Equal(t, retry.ReasonShutdown, e.Reason)
		assert.Equal(t, 1, e.Attempts, "the second was interrupted")
		require.ErrorIs(t, err, retry.ErrShutdown)
		require.ErrorIs(t, err, errDown)
	})
}

func TestShutdownDuringTheWaitKeepsTheCount(t *testing.T) {
	inBubble(t, func(t *testing.T, do func(context.Context, *retry.Policy, retry.Op[int]) (int, error)) {
		ctx, stop := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { stop(retry.ErrShutdown) })
		op, _ := failing(9, errDown)
		_, err := do(ctx, every(time.Hour, 9), op)
		e := report(t, err)
		assert.Equal(t, retry.ReasonShutdown, e.Reason)
		assert.Equal(t, 1, e.Attempts, "it was over by then")
	})
}

func TestAWaitThatWouldOverrunTheDeadlineIsNotBegun(t *testing.T) {
	inBubble(t, func(t *testing.T, do func(context.Context, *retry.Policy, retry.Op[int]) (int, error)) {
		start := time.Now()
		ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, errOverdue)
		defer cancel()
		op, calls := failing(99, errDown)
		_, err := do(ctx, every(4*time.Second, 9), op)
		assert.Equal(t, 3, *calls)
		assert.Equal(t, 8*time.Second, time.Since(start))
		assert.Equal(t, retry.ReasonDeadline, report(t, err).Reason)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, errDown)
		require.NoError(t, ctx.Err(), "it did not wait for it")
		require.EqualError(t, report(t, err).Cause, "context deadline exceeded")
		<-ctx.Done()
		require.ErrorIs(t, err, errOverdue, "the cause is known now")
	})
}

func TestMaxElapsedNeverBeginsAWaitThatWouldOverrunIt(t *testing.T) {
	inBubble(t, func(t *testing.T, do func(context.Context, *retry.Policy, retry.Op[int]) (int, error)) {
		start := time.Now()
		p := retry.New(retry.Options{Attempts: 99, MaxElapsed: 10 * time.Second, Backoff: retry.Constant(4 * time.Second)})
		op, calls := failing(99, errDown)
		_, err := do(t.Context(), p, op)
		assert.Equal(t, 3, *calls)
		assert.Equal(t, 8*time.Second, time.Since(start))
		assert.Equal(t, retry.Error{
			Reason: retry.ReasonTooLong, Last: errDown, Attempts: 3, Elapsed: 8 * time.Second,
		}, *report(t, err))
	})
}

func TestMaxElapsedBoundsRetriesWithoutDelayToo(t *testing.T) {
	inBubble(t, func(t *testing.T, do func(context.Context, *retry.Policy, retry.Op[int]) (int, error)) {
		p := retry.New(retry.Options{Attempts: 99, MaxElapsed: 10 * time.Second, Backoff: retry.Constant(0)})
		calls := 0
		_, err := do(t.Context(), p, func(context.Context) (int, error) {
			calls++
			pass(3 * time.Second)
			return 0, errDown
		})
		assert.Equal(t, 5, calls, "failures at 0, 3, 6, 9 and 12 s after the first")
		assert.Equal(t, retry.ReasonTooLong, report(t, err).Reason)
	})
}

func TestALongFirstAttemptDoesNotForbidItsRetry(t *testing.T) {
	inBubble(t, func(t *testing.T, do func(context.Context, *retry.Policy, retry.Op[int]) (int, error)) {
		p := retry.New(retry.Options{MaxElapsed: 10 * time.Second, Backoff: retry.Constant(time.Second)})
		calls := 0
		_, err := do(t.Context(), p, func(context.Context) (int, error) {
			if calls++; calls == 1 {
				pass(time.Hour)
				return 0, errDown
			}
			return 42, nil
		})
		require.NoError(t, err)
		assert.Equal(t, 2, calls)
	})
}

func TestAnOpThatIgnoresItsContextIsWaitedFor(t *testing.T) {
	inBubble(t, func(t *testing.T, do func(context.Context, *retry.Policy, retry.Op[int]) (int, error)) {
		start := time.Now()
		p := retry.New(retry.Options{Attempts: 1, Timeout: time.Second})
		v, err := do(t.Context(), p, func(context.Context) (int, error) {
			pass(time.Minute)
			return 42, nil
		})
		require.NoError(t, err, "what came late came all the same")
		assert.Equal(t, 42, v)
		assert.Equal(t, time.Minute, time.Since(start))
	})
}

func TestHooksAreTold(t *testing.T) {
	inBubble(t, func(t *testing.T, do func(context.Context, *retry.Policy, retry.Op[int]) (int, error)) {
		var told []retry.Retry
		var gaveUp *retry.Error
		p := retry.New(retry.Options{
			Backoff:  retry.Exponential(time.Second, time.Minute),
			OnRetry:  func(_ context.Context, r retry.Retry) { told = append(told, r) },
			OnGiveUp: func(_ context.Context, e *retry.Error) { gaveUp = e },
		})
		op, _ := failing(9, errDown)
		_, err := do(t.Context(), p, op)
		assert.Equal(t, []retry.Retry{
			{Attempt: 1, Err: errDown, Delay: time.Second},
			{Attempt: 2, Err: errDown, Delay: 2 * time.Second, Elapsed: time.Second},
		}, told)
		assert.Same(t, report(t, err), gaveUp)
	})
}

func TestTheWaitEndsWithTheLoopsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := retry.New(retry.Options{Timeout: time.Second})
		for attempt, err := range p.Attempts(t.Context()) {
			require.NoError(t, err)
			ctx := attempt.Context()
			t.Cleanup(func() { assert.ErrorIs(t, ctx.Err(), context.Canceled, "the turn is over") })
		}
	})
}
