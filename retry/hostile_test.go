package retry_test

import (
	"context"
	"errors"
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
