package retry_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
)

func TestAnExhaustedBudgetReportsTheLastError(t *testing.T) {
	inEachForm(t, func(t *testing.T, do func(context.Context, *retry.Policy, retry.Op[int]) (int, error)) {
		budget := retry.NewBudget(retry.BudgetOptions{Max: 3, Ratio: 0.5})
		p := retry.New(retry.Options{Attempts: 9, Backoff: retry.Constant(0), Budget: budget})
		op, calls := failing(99, errDown)
		_, err := do(t.Context(), p, op)
		assert.Equal(t, retry.Error{Reason: retry.OverBudget, Last: errDown, Attempts: 4}, *report(t, err))
		require.ErrorIs(t, err, errDown)
		assert.Equal(t, 4, *calls)
		assert.Equal(t, "Budget(0.0 of 3)", budget.String())

		fine, _ := failing(0, nil)
		for range 2 { // two successes earn one retry
			_, err = do(t.Context(), p, fine)
			require.NoError(t, err)
		}
		op, calls = failing(1, errDown)
		_, err = do(t.Context(), p, op)
		require.NoError(t, err)
		assert.Equal(t, 2, *calls)
		assert.InDelta(t, 0.5, budget.Balance(), 1e-6, "the retry paid, its success earned")
	})
}

func TestACancelledWaitRefundsTheBudget(t *testing.T) {
	inBubble(t, func(t *testing.T, do func(context.Context, *retry.Policy, retry.Op[int]) (int, error)) {
		budget := retry.NewBudget(retry.BudgetOptions{Max: 3})
		p := retry.New(retry.Options{Backoff: retry.Constant(time.Hour), Budget: budget})
		ctx, cancel := context.WithCancel(t.Context())
		var meanwhile float64
		time.AfterFunc(time.Second, func() { meanwhile = budget.Balance(); cancel() })
		op, _ := failing(9, errDown)
		_, err := do(ctx, p, op)
		require.Error(t, err)
		assert.InDelta(t, 2, meanwhile, 0, "it was withdrawn before the wait")
		assert.InDelta(t, 3, budget.Balance(), 0)
	})
}

func TestTenSuccessesEarnOneRetry(t *testing.T) {
	budget := retry.NewBudget(retry.BudgetOptions{})
	for range 10 {
		require.True(t, budget.Withdraw())
	}
	require.False(t, budget.Withdraw())
	for range 9 {
		budget.Deposit()
	}
	require.False(t, budget.Withdraw())
	budget.Deposit()
	require.True(t, budget.Withdraw())
}

func TestBudgetAgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 5).Draw(t, "max")
		eighths := rapid.IntRange(1, 8).Draw(t, "ratio") // exact in binary
		budget := retry.NewBudget(retry.BudgetOptions{Max: most, Ratio: float64(eighths) / 8})
		balance := 8 * most
		t.Repeat(map[string]func(*rapid.T){
			"deposit": func(*rapid.T) { budget.Deposit(); balance = min(balance+eighths, 8*most) },
			"refund":  func(*rapid.T) { budget.Refund(); balance = min(balance+8, 8*most) },
			"withdraw": func(t *rapid.T) {
				want := balance >= 8
				if want {
					balance -= 8
				}
				if got := budget.Withdraw(); got != want {
					t.Fatalf("Withdraw: %v", got)
				}
			},
			"": func(t *rapid.T) {
				if got := budget.Balance(); got != float64(balance)/8 {
					t.Fatalf("balance is %v, not %v", got, float64(balance)/8)
				}
			},
		})
	})
}

// TestABudgetIsNeverOverdrawn lets 1,000 goroutines retry at once: with c
// cancelled waits refunded, no more retries are made than the budget had.
func TestABudgetIsNeverOverdrawn(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, _ int) {
		const most = 37
		budget := retry.NewBudget(retry.BudgetOptions{Max: most})
		p := retry.New(retry.Options{Attempts: retry.Unlimited, Backoff: retry.Constant(0), Budget: budget})
		waiting := retry.New(retry.Options{Attempts: retry.Unlimited, Backoff: retry.Constant(time.Hour), Budget: budget})
		cancelled, cancel := context.WithCancel(context.Background())
		var retries atomic.Int64
		testkit.Parallel(1000, func(i int) {
			if i%10 == 0 { // it takes a retry and gives it back
				err := retry.Run(cancelled, waiting, func(context.Context) error { cancel(); return errDown })
				assert.Error(t, err)
				return
			}
			calls := 0
			err := retry.Run(context.Background(), p, func(context.Context) error { calls++; return errDown })
			assert.ErrorIs(t, err, errDown)
			retries.Add(int64(calls - 1))
			if b := budget.Balance(); b < 0 || b > most {
				t.Errorf("balance is %v", b)
			}
		})
		left := int64(budget.Balance())
		require.Equal(t, int64(most), retries.Load()+left, "retries and what is left")
	})
}

func TestHedgesPayFromTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		budget := retry.NewBudget(retry.BudgetOptions{Max: 1})
		h := retry.NewHedge(retry.HedgeOptions{Delay: time.Second, Copies: 5, Budget: budget})
		var calls atomic.Int64
		op := retry.Hedged(h, func(context.Context) (int, error) {
			calls.Add(1)
			pass(time.Minute)
			return 1, nil
		}, nil)
		_, err := op(t.Context())
		require.NoError(t, err)
		assert.EqualValues(t, 2, calls.Load())
		assert.Zero(t, budget.Balance())
	})
}

func TestOneTokenHasOneHolder(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, _ int) {
		budget := retry.NewBudget(retry.BudgetOptions{Max: 1})
		var holders atomic.Int64
		testkit.Parallel(4, func(int) {
			for range 20_000 {
				if !budget.Withdraw() {
					continue
				}
				if n := holders.Add(1); n > 1 {
					t.Errorf("%d holders", n)
				}
				holders.Add(-1)
				budget.Refund()
			}
		})
		require.InDelta(t, 1, budget.Balance(), 0)
	})
}
