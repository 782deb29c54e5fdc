package retry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
)

// forms is the same call in each of its three forms.
var forms = map[string]func(context.Context, *retry.Policy, retry.Op[int]) (int, error){
	"Do": retry.Do[int],
	"DoErr": func(ctx context.Context, p *retry.Policy, op retry.Op[int]) (v int, err error) {
		err = retry.DoErr(ctx, p, func(ctx context.Context) (err error) {
			v, err = op(ctx)
			return err
		})
		return v, err
	},
	"Attempts": func(ctx context.Context, p *retry.Policy, op retry.Op[int]) (v int, _ error) {
		for attempt, err := range p.Attempts(ctx) {
			if err != nil {
				return 0, err
			}
			v, err = op(attempt.Context())
			attempt.Fail(err)
		}
		return v, nil
	},
}

func inEachForm(t *testing.T, f func(t *testing.T, do func(context.Context, *retry.Policy, retry.Op[int]) (int, error))) {
	t.Helper()
	for name, do := range forms {
		t.Run(name, func(t *testing.T) { f(t, do) })
	}
}

// report returns the error as an [*retry.Error].
func report(tb testing.TB, err error) *retry.Error {
	tb.Helper()
	var e *retry.Error
	require.ErrorAs(tb, err, &e)
	return e
}

func TestSuccessEndsIt(t *testing.T) {
	inEachForm(t, func(t *testing.T, do func(context.Context, *retry.Policy, retry.Op[int]) (int, error)) {
		for failures := range 3 {
			op, calls := failing(failures, errDown)
			v, err := do(t.Context(), atOnce(3), op)
			require.NoError(t, err)
			assert.Equal(t, 42, v)
			assert.Equal(t, failures+1, *calls)
		}
	})
}

func TestAttemptsAreExhausted(t *testing.T) {
	inEachForm(t, func(t *testing.T, do func(context.Context, *retry.Policy, retry.Op[int]) (int, error)) {
		for _, attempts := range []int{1, 2, 7} {
			op, calls := failing(math.MaxInt, errDown)
			v, err := do(t.Context(), atOnce(attempts), op)
			assert.Zero(t, v)
			require.ErrorIs(t, err, errDown)
			e := report(t, err)
			assert.Equal(t, retry.Error{Reason: retry.ReasonExhausted, Last: errDown, Attempts: attempts}, *e)
			assert.Equal(t, attempts, *calls)
		}
	})
}

func TestUnlimitedAttemptsGoOn(t *testing.T) {
	op, calls := failing(100_000, errDown)
	_, err := retry.Do(t.Context(), atOnce(retry.Unlimited), op)
	require.NoError(t, err)
	assert.Equal(t, 100_001, *calls)
}

func TestADoneContextMeansNoCall(t *testing.T) {
	cause := errors.New("the user left")
	inEachForm(t, func(t *testing.T, do func(context.Context, *retry.Policy, retry.Op[int]) (int, error)) {
		for _, p := range []*retry.Policy{nil, atOnce(3), retry.New(retry.Options{Timeout: time.Second})} {
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(cause)
			op, calls := failing(0, nil)
			_, err := do(ctx, p, op)
			assert.Equal(t, retry.Error{Reason: retry.ReasonCanceled, Cause: cause}, *report(t, err))
			require.ErrorIs(t, err, cause)
			require.ErrorIs(t, err, context.Canceled, "the context's own error, too")
			assert.Zero(t, *calls)
		}
	})
}

func TestPermanentStopsAndUnwraps(t *testing.T) {
	inEachForm(t, func(t *testing.T, do func(context.Context, *retry.Policy, retry.Op[int]) (int, error)) {
		for name, marked := range map[string]error{
			"bare":    retry.Permanent(errDown),
			"wrapped": fmt.Errorf("call 7: %w", retry.Permanent(errDown)),
			"joined":  errors.Join(errors.New("x"), retry.Permanent(errDown)),
			"delayed": retry.After(time.Hour, retry.Permanent(errDown)),
		} {
			op, calls := failing(1, marked)
			_, err := do(t.Context(), atOnce(3), op)
			assert.Equal(t, 1, *calls, name)
			assert.Equal(t, retry.ReasonNotRetryable, report(t, err).Reason)
			assert.ErrorIs(t, err, errDown)
		}
	})
}

func TestPermanentDoesNotStopAnOuterRetry(t *testing.T) {
	inEachForm(t, func(t *testing.T, do func(context.Context, *retry.Policy, retry.Op[int]) (int, error)) {
		for name, wrap := range map[string]func(error) error{
			"bare":    func(err error) error { return err },
			"wrapped": func(err error) error { return fmt.Errorf("outer: %w", err) },
		} {
			calls := 0
			_, err := do(t.Context(), atOnce(3), func(ctx context.Context) (int, error) {
				_, err := retry.Do(ctx, atOnce(3), func(context.Context) (int, error) {
					calls++
					return 0, retry.Permanent(errDown)
				})
				return 0, wrap(err)
			})
			assert.Equal(t, 3, calls, name)
			assert.Equal(t, retry.ReasonExhausted, report(t, err).Reason)
			assert.ErrorIs(t, err, errDown)
		}
	})
}

func TestRetryableDecides(t *testing.T) {
	asked := 0
	p := retry.New(retry.Options{Backoff: retry.Constant(0), Retryable: func(err error) bool {
		asked++
		return errors.Is(err, errDown)
	}})
	other := errors.New("no such account")
	calls := 0
	_, err := retry.Do(t.Context(), p, func(context.Context) (int, error) {
		if calls++; calls == 2 {
			return 0, other
		}
		return 0, errDown
	})
	assert.Equal(t, retry.Error{Reason: retry.ReasonNotRetryable, Last: other, Attempts: 2}, *report(t, err))
	assert.Equal(t, 2, asked)
	op, _ := failing(1, retry.Permanent(errDown))
	_, err = retry.Do(t.Context(), p, op)
	require.Error(t, err)
	assert.Equal(t, 2, asked, "of a permanent error it is not asked")
}

func one(context.Context) (int, error) { return 1, nil }

// nilError is an error whose methods panic on a nil pointer.
type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }
func (e *nilError) Unwrap() error { return errors.New(e.text) }

type nilsError struct{ all []error }

func (e *nilsError) Error() string   { return e.all[0].Error() }
func (e *nilsError) Unwrap() []error { return e.all }

func TestATypedNilIsAnErrorLikeAnyOther(t *testing.T) {
	for _, typed := range []error{(*nilError)(nil), (*nilsError)(nil)} {
		for name, err := range map[string]error{
			"bare": typed, "permanent": retry.Permanent(typed), "after": retry.After(0, typed),
		} {
			op, _ := failing(10, err)
			_, got := retry.Do(t.Context(), atOnce(2), op)
			require.Error(t, got, name)
			assert.NotEmpty(t, got.Error())
			assert.Equal(t, name == "permanent", report(t, got).Reason == retry.ReasonNotRetryable)
		}
	}
	assert.NoError(t, retry.Permanent(nil))
	assert.NoError(t, retry.After(time.Second, nil))
}

func TestParseRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"0": 0, "120": 2 * time.Minute, " 7 ": 7 * time.Second, "-5": 0, "-99999999999999999999": 0,
		"9223372036": 9223372036 * time.Second, "9223372037": math.MaxInt64, "99999999999999999999": math.MaxInt64,
		now.Add(90 * time.Second).Format(http.TimeFormat): 90 * time.Second,
		now.Add(-time.Hour).Format(http.TimeFormat):       0,
		"Fri, 31 Dec 9999 23:59:59 GMT":                   math.MaxInt64,
		"Sunday, 01-Mar-26 12:00:10 GMT":                  10 * time.Second,
		"Sun Mar  1 12:00:10 2026":                        10 * time.Second,
	} {
		got, ok := retry.ParseRetryAfter(value, now)
		assert.True(t, ok, value)
		assert.Equal(t, want, got, value)
	}
	for _, value := range []string{"", "-", "soon", "1.5", "1e3", "0x10", "1_000", "+1", "--1"} {
		_, ok := retry.ParseRetryAfter(value, now)
		assert.False(t, ok, value)
	}
}

func TestNilPolicyAndZeroPolicyHaveDefaults(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	op := func(context.Context) (int, error) { cancel(); return 0, errDown } // no waiting here
	for _, p := range []*retry.Policy{nil, {}} {
		_, err := retry.Do(ctx, p, op)
		require.Error(t, err)
	}
	assert.Equal(t, "Policy(attempts=3 maxDelay=24h0m0s maxElapsed=0s timeout=0s)", new(retry.Policy).String())
}

func TestAPanicOfTheOpReachesTheCaller(t *testing.T) {
	budget := retry.NewBudget(retry.BudgetOptions{Max: 5})
	p := retry.New(retry.Options{Backoff: retry.Constant(0), Budget: budget})
	calls := 0
	got := testkit.PanicError(t, func() {
		_ = retry.DoErr(t.Context(), p, func(context.Context) error {
			if calls++; calls == 1 {
				return errDown
			}
			panic(errDown)
		})
	})
	assert.Equal(t, errDown, got)
	assert.InDelta(t, 4, budget.Stats().Balance, 0, "the retry was made")
}

func TestAPanicOfTheHookPaysForNoRetry(t *testing.T) {
	budget := retry.NewBudget(retry.BudgetOptions{Max: 5})
	p := retry.New(retry.Options{Budget: budget, OnRetry: func(context.Context, retry.Retry) { panic(errDown) }})
	op, _ := failing(1, errDown)
	require.Error(t, testkit.PanicError(t, func() { _, _ = retry.Do(t.Context(), p, op) }))
	assert.InDelta(t, 5, budget.Stats().Balance, 0)
}

func TestErrorPrintsWellAndLogs(t *testing.T) {
	e := &retry.Error{
		Reason: retry.ReasonDeadline, Last: errDown, Cause: context.DeadlineExceeded, Attempts: 3, Elapsed: time.Second,
	}
	assert.EqualError(t, e, "retry: deadline after 3 attempts in 1s: context deadline exceeded: service is down")
	assert.EqualError(t, &retry.Error{Reason: retry.ReasonExhausted, Last: errDown, Attempts: 1},
		"retry: attempts exhausted after 1 attempt: service is down")
	assert.Equal(t, "Reason(99)", retry.Reason(99).String())
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("gave up", "err", e)
	assert.Contains(t, b.String(), `err.reason=deadline err.attempts=3 err.elapsed=1s err.last="service is down"`)
}

func TestPolicyIsShared(t *testing.T) {
	p := atOnce(3)
	testkit.Parallel(100, func(int) {
		op, calls := failing(2, errDown)
		_, err := retry.Do(context.Background(), p, op)
		assert.NoError(t, err)
		assert.Equal(t, 3, *calls)
	})
}

func TestAttemptsCanBeLeft(t *testing.T) {
	var numbers []int
	for attempt, err := range atOnce(5).Attempts(t.Context()) {
		require.NoError(t, err)
		numbers = append(numbers, attempt.Number())
		attempt.Fail(errDown)
		if attempt.Number() == 3 {
			break
		}
	}
	assert.Equal(t, []int{1, 2, 3}, numbers)
	for attempt, err := range atOnce(5).Attempts(t.Context()) {
		require.NoError(t, err)
		attempt.Fail(errDown)
		attempt.Fail(nil) // it did work after all
		numbers = append(numbers, attempt.Number())
	}
	assert.Equal(t, []int{1, 2, 3, 1}, numbers)
}

func TestTheFormsWithoutAValueDoAsTheOthers(t *testing.T) {
	for _, want := range []error{nil, errDown} {
		op := func(context.Context) error { return want }
		h := retry.NewHedge(retry.HedgeOptions{Delay: time.Hour})
		assert.Equal(t, want, retry.HedgedErr(h, op)(t.Context()))
		assert.Equal(t, want, retry.DetachedErr(retry.NewDetach(1), op)(t.Context()))
		b := retry.NewBreaker(retry.BreakerOptions{Failures: 1})
		assert.Equal(t, want, retry.GuardedErr(b, op)(t.Context()))
		assert.Equal(t, want != nil, b.State() == retry.BreakerOpen)
	}
}

func TestErrorSaysItsCauseOnce(t *testing.T) {
	reason := errors.New("the user has left")
	ctx, cancel := context.WithCancelCause(t.Context())
	err := retry.DoErr(ctx, retry.New(retry.Options{}), func(ctx context.Context) error {
		cancel(reason)
		return fmt.Errorf("not sent: %w", context.Cause(ctx))
	})
	require.EqualError(t, err, "retry: canceled after 1 attempt: not sent: the user has left")
	require.ErrorIs(t, err, reason)

	ctx, cancel = context.WithCancelCause(t.Context())
	err = retry.DoErr(ctx, retry.New(retry.Options{}), func(context.Context) error {
		cancel(reason)
		return errors.New("not sent")
	})
	require.EqualError(t, err, "retry: canceled after 1 attempt: the user has left: not sent")
}
