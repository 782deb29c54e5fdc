package retry_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
)

// TestRetriesDecideAsDoDoes lets the same failures go through Do, and through Retries
// whose caller waits: the delays, the end and the budget are the same.
func TestRetriesDecideAsDoDoes(t *testing.T) {
	testkit.Check(t, func(t *rapid.T) {
		failures := rapid.SliceOfN(rapid.SampledFrom([]error{
			errors.New("x"), retry.Permanent(errors.New("no")), retry.After(time.Second, errors.New("later")), nil,
		}), 0, 6).Draw(t, "failures")
		max := rapid.IntRange(1, 3).Draw(t, "budget")
		seed := rapid.Uint64Min(1).Draw(t, "seed")
		attempts := rapid.IntRange(1, 5).Draw(t, "attempts")
		elapsed := time.Duration(rapid.IntRange(0, 5).Draw(t, "most")) * time.Second
		deadline := time.Duration(rapid.IntRange(1, 10).Draw(t, "deadline")) * time.Second
		play := func(call func(ctx context.Context, p *retry.Policy, op func() error) error) (story []string) {
			ctx, cancel := context.WithTimeout(context.Background(), deadline)
			defer cancel()
			budget := retry.NewBudget(retry.BudgetOptions{Max: max, Ratio: 0.5, PerSecond: -1})
			p := retry.New(retry.Options{
				Attempts: attempts, MaxElapsed: elapsed, Seed: seed, Budget: budget,
				Backoff:  retry.Exponential(100*time.Millisecond, time.Second).EqualJitter(),
				OnRetry:  func(_ context.Context, r retry.Retry) { story = append(story, fmt.Sprintf("%+v", r)) },
				OnGiveUp: func(_ context.Context, e *retry.Error) { story = append(story, "gave up "+e.Error()) },
			})
			n := 0
			err := call(ctx, p, func() error {
				story = append(story, "call")
				if n++; n <= len(failures) {
					return failures[n-1]
				}
				return nil
			})
			return append(story, fmt.Sprint(err, budget.Stats().Balance))
		}
		one := play(func(ctx context.Context, p *retry.Policy, op func() error) error {
			return retry.DoErr(ctx, p, func(context.Context) error { return op() })
		})
		two := play(func(ctx context.Context, p *retry.Policy, op func() error) error {
			retries := p.Start(ctx)
			for {
				err := op()
				if err == nil {
					retries.Succeeded()
					return nil
				}
				delay, err := retries.Next(err)
				if err != nil {
					return err
				}
				testkit.Advance(delay)
			}
		})
		require.Equal(t, one, two)
	})
}

func TestARetryThatIsNotMadeIsGivenBackOnce(t *testing.T) {
	budget := retry.NewBudget(retry.BudgetOptions{Max: 3})
	p := retry.New(retry.Options{Attempts: 9, Budget: budget})
	retries := p.Start(t.Context())
	retries.Cancel()
	assert.InDelta(t, 3, budget.Stats().Balance, 0, "none was granted")
	for range 2 {
		_, err := retries.Next(errors.New("x"))
		require.NoError(t, err)
	}
	assert.InDelta(t, 1, budget.Stats().Balance, 0)
	for range 2 {
		retries.Cancel()
		assert.InDelta(t, 2, budget.Stats().Balance, 0)
	}
}

func TestAHookThatPanicsOrExitsGrantsNoRetry(t *testing.T) {
	budget := retry.NewBudget(retry.BudgetOptions{Max: 3})
	for _, hook := range []func(){func() { panic("bug") }, runtime.Goexit} {
		p := retry.New(retry.Options{Budget: budget, OnRetry: func(context.Context, retry.Retry) { hook() }})
		retries := p.Start(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			defer func() { _ = recover() }()
			_, _ = retries.Next(errors.New("x"))
		}()
		<-ended
		assert.InDelta(t, 3, budget.Stats().Balance, 0)
		retries.Cancel()
		assert.InDelta(t, 3, budget.Stats().Balance, 0)
	}
}

func TestNextAfterTheEndOfTheContextSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	retries := retry.New(retry.Options{}).Start(ctx)
	cancel(retry.ErrShutdown)
	_, err := retries.Next(errors.New("x"))
	var given *retry.Error
	require.ErrorAs(t, err, &given)
	assert.Equal(t, retry.ReasonShutdown, given.Reason)
	assert.Zero(t, given.Attempts, "a shutdown interrupted it")
	require.ErrorIs(t, err, retry.ErrShutdown)
}

func TestStartOfACallThatSucceedsCostsNoAllocation(t *testing.T) {
	p, ctx := retry.New(retry.Options{Budget: retry.NewBudget(retry.BudgetOptions{})}), t.Context()
	testkit.NoAllocs(t, "Start", func() {
		retries := p.Start(ctx)
		retries.Succeeded()
	})
}
