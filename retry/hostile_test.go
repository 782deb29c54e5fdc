package retry_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
)

// TestADoneContextBeginsNothing is over contexts that were canceled and whose
// deadline has passed: a breaker must not open since its callers come too late.
func TestADoneContextBeginsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		canceled, cancel := context.WithCancelCause(t.Context())
		cancel(errNeutral)
		late, stop := context.WithDeadlineCause(t.Context(), time.Now().Add(-time.Hour), errNeutral)
		defer stop()
		for _, state := range []retry.BreakerState{retry.BreakerClosed, retry.BreakerHalfOpen} {
			b := retry.NewBreaker(retry.BreakerOptions{Failures: 1, OpenFor: time.Minute})
			inTheState(t, b, state)
			for _, ctx := range []context.Context{canceled, late} {
				for _, op := range []retry.Op[int]{
					retry.Guarded(b, notReached(t)),
					retry.Hedged(retry.NewHedge(retry.HedgeOptions{}), notReached(t), nil),
					retry.Detached(retry.NewDetach(1), notReached(t), nil),
				} {
					_, err := op(ctx)
					require.ErrorIs(t, err, errNeutral)
					require.ErrorIs(t, err, ctx.Err())
				}
			}
			assert.Equal(t, state, b.State())
			acquire(t, b).Release()
		}
	})
}

func notReached(t *testing.T) retry.Op[int] {
	t.Helper()
	return func(context.Context) (int, error) { t.Error("op was called"); return 0, nil }
}

// The errors of a hostile operation.
type (
	selfError    struct{}
	selvesError  struct{}
	hostileError struct{ fault func() }
)

func (selfError) Error() string       { return "itself" }
func (e selfError) Unwrap() error     { return e }
func (selvesError) Error() string     { return "itself, twice" }
func (e selvesError) Unwrap() []error { return []error{e, e} }
func (hostileError) Error() string    { panic("Error") }
func (hostileError) Is(error) bool    { panic("Is") }
func (hostileError) As(any) bool      { panic("As") }
func (e hostileError) Unwrap() error  { e.fault(); return nil }

func TestAnErrorThatWrapsItselfEndsTheCall(t *testing.T) {
	for name, do := range wrapped() {
		for _, hostile := range []error{selfError{}, selvesError{}, errors.Join(errDown, selfError{})} {
			_, err := do(t.Context(), atOnce(3), func(context.Context) (int, error) { return 0, hostile })
			e := report(t, err)
			assert.Equal(t, retry.ReasonExhausted, e.Reason, name)
			assert.Equal(t, hostile, e.Last, name)
		}
	}
}

func TestAnErrorOfWhichTheMethodsPanicTakesNothing(t *testing.T) {
	for how, fault := range noReturns {
		for name, do := range wrapped() {
			budget := retry.NewBudget(retry.BudgetOptions{Max: 3})
			p := retry.New(retry.Options{Backoff: retry.Constant(0), Budget: budget})
			assert.False(t, apart(func() {
				_, _ = do(context.Background(), p, func(context.Context) (int, error) { return 0, hostileError{fault} })
			}), "%s %s", name, how)
			assert.InDelta(t, 3, budget.Stats().Balance, 0, "%s %s", name, how)
		}
		synctest.Test(t, func(t *testing.T) { // the other copies are ended and waited for
			var copies, disposed, ended atomic.Int64
			apart(func() {
				_, _ = retry.Hedged(retry.NewHedge(retry.HedgeOptions{Copies: 3}), func(ctx context.Context) (int, error) {
					if copies.Add(1) == 2 {
						pass(time.Second)
						return 0, hostileError{fault}
					}
					<-ctx.Done()
					ended.Add(1)
					return 1, nil
				}, func(int) { disposed.Add(1) })(context.Background())
				t.Error("it returned")
			})
			assert.EqualValues(t, 2, ended.Load())
			assert.EqualValues(t, 2, disposed.Load())
		})
	}
}

// TestAHostilePanicValueReachesTheCaller asks no method of the value.
func TestAHostilePanicValueReachesTheCaller(t *testing.T) {
	hostile := hostileError{func() { panic("Unwrap") }}
	bomb := func(context.Context) (int, error) { panic(hostile) }
	for _, op := range []retry.Op[int]{
		retry.Hedged(retry.NewHedge(retry.HedgeOptions{}), bomb, nil),
		retry.Detached(retry.NewDetach(1), bomb, nil),
	} {
		e, is := testkit.PanicError(t, func() { _, _ = op(t.Context()) }).(*retry.PanicError) //nolint:errorlint // itself, not what it wraps
		require.True(t, is)
		_, is = e.Value.(hostileError)
		assert.True(t, is)
		assert.Contains(t, e.Error(), "retry: panic: ")
	}
}

// badDone is a context of which Done does not return.
type badDone struct {
	context.Context
	fault func()
}

func (c badDone) Done() <-chan struct{} { c.fault(); return nil }

func TestADetachedOpIsNotBegunIfTheContextPanics(t *testing.T) {
	for _, fault := range noReturns {
		d := retry.NewDetach(1)
		assert.False(t, apart(func() { _, _ = retry.Detached(d, notReached(t), nil)(badDone{context.Background(), fault}) }))
		assert.Zero(t, d.Stats().Abandoned)
	}
}

func TestAHedgeAsksABudgetAgain(t *testing.T) {
	for name, c := range map[string]struct {
		delay, refill time.Duration
		copies        int
	}{
		"refilled before the second delay": {time.Second, 3 * time.Second / 2, 2},
		"never refilled":                   {time.Second, time.Hour, 1},
		"without a delay":                  {0, time.Second, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			budget := retry.NewBudget(retry.BudgetOptions{Max: 1, Ratio: 1, PerSecond: -1})
			require.True(t, budget.Withdraw())
			defer time.AfterFunc(c.refill, budget.Deposit).Stop()
			op, started := script(copyOf{takes: 10 * time.Second}, copyOf{takes: 10 * time.Second})
			_, err := retry.Hedged(retry.NewHedge(retry.HedgeOptions{Delay: c.delay, Copies: 3, Budget: budget}), op, nil)(t.Context())
			require.NoError(t, err)
			assert.EqualValues(t, c.copies, started.Load(), name)
		})
	}
}

func TestAHedgesDelayMayBeTheLongest(t *testing.T) {
	v, err := retry.Hedged(retry.NewHedge(retry.HedgeOptions{Delay: 1<<63 - 1, Copies: 1000}), one, nil)(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, v)
}

func TestABreakerOpensAndEndsAtItsInstants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := retry.NewBreaker(retry.BreakerOptions{Failures: 1, OpenFor: time.Minute, ProbeTimeout: time.Second})
		b.Open()
		testkit.Advance(time.Minute - 1)
		_, err := b.Acquire()
		require.ErrorIs(t, err, retry.ErrOpen)
		testkit.Advance(1)
		probe := acquire(t, b)
		testkit.Advance(time.Second - 1)
		_, err = b.Acquire()
		require.ErrorIs(t, err, retry.ErrOpen)
		assert.Equal(t, retry.BreakerHalfOpen, b.State())
		testkit.Advance(1)
		_, err = b.Acquire()
		require.ErrorIs(t, err, retry.ErrOpen)
		assert.Equal(t, retry.BreakerOpen, b.State())
		probe.Done(nil)
		assert.Equal(t, retry.BreakerOpen, b.State())
	})
}

// TestASeedIsThatOfSplitMix64 has the outputs of its reference implementation.
func TestASeedIsThatOfSplitMix64(t *testing.T) {
	var got []uint64
	p := retry.New(retry.Options{
		Attempts: 6, Seed: 1234567,
		Backoff: func(_ int, _ time.Duration, random uint64) time.Duration { got = append(got, random); return 0 },
	})
	op, _ := failing(9, errDown)
	_, err := retry.Do(t.Context(), p, op)
	require.Error(t, err)
	assert.Equal(t, []uint64{
		6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821,
	}, got)
}

func TestJitterIsExactAtItsBounds(t *testing.T) {
	const last = math.MaxUint64
	decorrelated := retry.Decorrelated(time.Second, 30*time.Second)
	for previous, most := range map[time.Duration]time.Duration{
		0: 3 * time.Second, time.Second: 3 * time.Second, 9 * time.Second: 27 * time.Second,
		10 * time.Second: 30 * time.Second, 11 * time.Second: 30 * time.Second, time.Hour: 30 * time.Second,
	} {
		assert.Equal(t, time.Second, decorrelated(2, previous, 0))
		assert.Equal(t, most, decorrelated(2, previous, last), "after %v", previous)
	}
	constant := retry.Constant(11)
	assert.Equal(t, time.Duration(0), constant.FullJitter()(1, 0, 0))
	assert.Equal(t, time.Duration(10), constant.FullJitter()(1, 0, last), "below what it says")
	assert.Equal(t, time.Duration(5), constant.EqualJitter()(1, 0, 0))
	assert.Equal(t, time.Duration(10), constant.EqualJitter()(1, 0, last))
}

// TestAfterAddsUpToATenth draws so often that a smaller part would be seen.
func TestAfterAddsUpToATenth(t *testing.T) {
	var longest time.Duration
	p := retry.New(retry.Options{
		Attempts: 2000, Backoff: retry.Constant(0),
		OnRetry: func(_ context.Context, r retry.Retry) { longest = max(longest, r.Delay) },
	})
	synctest.Test(t, func(t *testing.T) {
		op, _ := failing(1999, retry.After(time.Second, errDown))
		_, err := retry.Do(t.Context(), p, op)
		require.NoError(t, err)
	})
	assert.InDelta(t, 1.1, longest.Seconds(), 0.005)
}

func TestMarksAreFoundAmongTheFirstThousandErrors(t *testing.T) {
	for wraps, want := range map[int]retry.Reason{999: retry.ReasonNotRetryable, 1000: retry.ReasonExhausted} {
		err := retry.Permanent(errDown)
		for range wraps {
			err = fmt.Errorf("%w", err)
		}
		op, _ := failing(9, err)
		_, err = retry.Do(t.Context(), atOnce(2), op)
		assert.Equal(t, want, report(t, err).Reason, "%d errors around it", wraps)
	}
}

func TestAWaitThatEndsAtMaxElapsedIsBegun(t *testing.T) {
	for most, calls := range map[time.Duration]int{8 * time.Second: 3, 8*time.Second - 1: 2, 8*time.Second + 1: 3} {
		synctest.Test(t, func(t *testing.T) {
			p := retry.New(retry.Options{Attempts: 9, MaxElapsed: most, Backoff: retry.Constant(4 * time.Second)})
			op, made := failing(99, errDown)
			_, err := retry.Do(t.Context(), p, op)
			assert.Equal(t, retry.ReasonTooLong, report(t, err).Reason)
			assert.Equal(t, calls, *made, "at most %v", most)
		})
	}
}

func TestAShutdownCountsNoAttemptBelowNone(t *testing.T) {
	ctx, stop := context.WithCancelCause(t.Context())
	_, err := retry.Do(ctx, nil, func(context.Context) (int, error) {
		stop(retry.ErrShutdown)
		return 0, errDown
	})
	assert.Zero(t, report(t, err).Attempts, "it interrupted the first")
	_, err = retry.Do(ctx, nil, one)
	assert.Zero(t, report(t, err).Attempts, "none was begun")
}

// TestWhatWasLeftBehindIsDisposedOfIfItSucceeds has operations end in each way after
// their caller has gone on.
func TestWhatWasLeftBehindIsDisposedOfIfItSucceeds(t *testing.T) {
	for how, c := range map[string]struct {
		end      func() (int, error)
		disposed bool
	}{
		"success": {func() (int, error) { return 1, nil }, true},
		"error":   {func() (int, error) { return 1, errDown }, false},
		"Goexit":  {func() (int, error) { runtime.Goexit(); return 1, nil }, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			d, disposed := retry.NewDetach(1), false
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			_, err := retry.Detached(d, func(context.Context) (int, error) {
				pass(time.Minute)
				return c.end()
			}, func(int) { disposed = true })(ctx)
			require.ErrorIs(t, err, context.Canceled)
			assert.Equal(t, retry.DetachStats{Abandoned: 1, Total: 1}, d.Stats())
			testkit.Advance(time.Hour)
			assert.Equal(t, c.disposed, disposed, how)
			assert.Equal(t, retry.DetachStats{Total: 1}, d.Stats(), how)
		})
	}
}

// TestAPanicOfWhatWasLeftBehindEndsTheProgram needs a process of its own.
func TestAPanicOfWhatWasLeftBehindEndsTheProgram(t *testing.T) {
	const child = "FERROUS_LEFT_BEHIND"
	if os.Getenv(child) != "" {
		ctx, cancel := context.WithCancel(context.Background())
		goOn := make(chan struct{})
		_, _ = retry.Detached(retry.NewDetach(1), func(context.Context) (int, error) {
			cancel()
			<-goOn
			panic(errors.New("nobody is here"))
		}, nil)(ctx)
		close(goOn)
		select {} // until the panic
	}
	cmd := testkit.Self(t, "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), child+"=1")
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(out), "retry: panic: nobody is here")
	assert.Contains(t, string(out), "hostile_test.go", "with the stack of the operation")
}
