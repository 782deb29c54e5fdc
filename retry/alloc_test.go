package retry_test

import (
	"context"
	"testing"
	"time"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
)

func TestSuccessAndRetryWithoutDelayDoNotAllocate(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	policies := map[string]*retry.Policy{
		"nil": nil, "plain": atOnce(3),
		"budget": retry.New(retry.Options{Backoff: retry.Constant(0), Budget: retry.NewBudget(retry.BudgetOptions{Max: 1 << 30})}),
		"bounds": retry.New(retry.Options{Backoff: retry.Constant(0), MaxElapsed: time.Hour}),
	}
	for name, p := range policies {
		failures, calls := 0, 0
		op := func(context.Context) (int, error) {
			if calls++; calls <= failures {
				return 0, errDown
			}
			calls = 0
			return 42, nil
		}
		run := func(ctx context.Context) error { _, err := op(ctx); return err }
		testkit.NoAllocs(t, name+": Do", func() { _, _ = retry.Do(ctx, p, op) })
		testkit.NoAllocs(t, name+": DoErr", func() { _ = retry.DoErr(ctx, p, run) })
		if failures = 2; p != nil {
			testkit.NoAllocs(t, name+": Do with two retries", func() { _, _ = retry.Do(ctx, p, op) })
			testkit.NoAllocs(t, name+": DoErr with two retries", func() { _ = retry.DoErr(ctx, p, run) })
		}
	}
}

func TestAllDelaysShareOneTimer(t *testing.T) {
	few, many := 0.0, 0.0
	for retries, allocs := range map[int]*float64{1: &few, 8: &many} {
		p := every(1, retries+1)
		calls := 0
		*allocs = testing.AllocsPerRun(50, func() {
			_ = retry.DoErr(context.Background(), p, func(context.Context) error {
				if calls++; calls%(retries+1) != 0 {
					return errDown
				}
				return nil
			})
		})
	}
	if few != many {
		t.Errorf("%v allocations for one retry, %v for eight", few, many)
	}
}

func TestBudgetAndBreakerDoNotAllocate(t *testing.T) {
	budget := retry.NewBudget(retry.BudgetOptions{})
	testkit.NoAllocs(t, "Withdraw and Deposit", func() { budget.Withdraw(); budget.Deposit() })
	closed := retry.NewBreaker(retry.BreakerOptions{})
	testkit.NoAllocs(t, "closed", func() {
		permit, _ := closed.Acquire()
		permit.Done(nil)
	})
	open := retry.NewBreaker(retry.BreakerOptions{Failures: 1})
	permit, _ := open.Acquire()
	permit.Done(errDown)
	testkit.NoAllocs(t, "open", func() { _, _ = open.Acquire() })
}
