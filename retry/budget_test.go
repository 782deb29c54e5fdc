package retry_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
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
		budget := retry.NewBudget(retry.BudgetOptions{Max: 3, Ratio: 0.5, PerSecond: -1})
		p := retry.New(retry.Options{Attempts: 9, Backoff: retry.Constant(0), Budget: budget})
		op, calls := failing(99, errDown)
		_, err := do(t.Context(), p, op)
		assert.Equal(t, retry.Error{Reason: retry.ReasonOverBudget, Last: errDown, Attempts: 4}, *report(t, err))
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
		assert.InDelta(t, 0.5, budget.Stats().Balance, 1e-6, "the retry paid, its success earned")
	})
}

func TestACanceledWaitRefundsTheBudget(t *testing.T) {
	inBubble(t, func(t *testing.T, do func(context.Context, *retry.Policy, retry.Op[int]) (int, error)) {
		budget := retry.NewBudget(retry.BudgetOptions{Max: 3})
		p := retry.New(retry.Options{Backoff: retry.Constant(time.Hour), Budget: budget})
		ctx, cancel := context.WithCancel(t.Context())
		var meanwhile float64
		time.AfterFunc(time.Second, func() { meanwhile = budget.Stats().Balance; cancel() })
		op, _ := failing(9, errDown)
		_, err := do(ctx, p, op)
		require.Error(t, err)
		assert.InDelta(t, 2, meanwhile, 0, "it was withdrawn before the wait")
		assert.InDelta(t, 3, budget.Stats().Balance, 0)
	})
}

func TestTenSuccessesEarnOneRetry(t *testing.T) {
	budget := retry.NewBudget(retry.BudgetOptions{PerSecond: -1})
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
		budget := retry.NewBudget(retry.BudgetOptions{Max: most, Ratio: float64(eighths) / 8, PerSecond: -1})
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
				if got := budget.Stats().Balance; got != float64(balance)/8 {
					t.Fatalf("balance is %v, not %v", got, float64(balance)/8)
				}
			},
		})
	})
}

// TestABudgetIsNeverOverdrawn lets 1,000 goroutines retry at once: with c
// canceled waits refunded, no more retries are made than the budget had.
func TestABudgetIsNeverOverdrawn(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, _ int) {
		const most = 37
		budget := retry.NewBudget(retry.BudgetOptions{Max: most, PerSecond: -1})
		p := retry.New(retry.Options{Attempts: retry.Unlimited, Backoff: retry.Constant(0), Budget: budget})
		waiting := retry.New(retry.Options{Attempts: retry.Unlimited, Backoff: retry.Constant(time.Hour), Budget: budget})
		canceled, cancel := context.WithCancel(context.Background())
		var retries atomic.Int64
		testkit.Parallel(1000, func(i int) {
			if i%10 == 0 { // it takes a retry and gives it back
				err := retry.DoErr(canceled, waiting, func(context.Context) error { cancel(); return errDown })
				assert.Error(t, err)
				return
			}
			calls := 0
			err := retry.DoErr(context.Background(), p, func(context.Context) error { calls++; return errDown })
			assert.ErrorIs(t, err, errDown)
			retries.Add(int64(calls - 1))
			if b := budget.Stats().Balance; b < 0 || b > most {
				t.Errorf("balance is %v", b)
			}
		})
		left := int64(budget.Stats().Balance)
		require.Equal(t, int64(most), retries.Load()+left, "retries and what is left")
	})
}

func TestHedgesPayFromTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		budget := retry.NewBudget(retry.BudgetOptions{Max: 1, PerSecond: -1})
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
		assert.InDelta(t, 0.1, budget.Stats().Balance, 1e-6, "one copy was paid for, one success earned")
	})
}

func TestOneTokenHasOneHolder(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, _ int) {
		budget := retry.NewBudget(retry.BudgetOptions{Max: 1, PerSecond: -1})
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
		require.InDelta(t, 1, budget.Stats().Balance, 0)
	})
}

// TestTheFloorAllowsAFewRetriesASecond is over many rates, down to one retry in
// years and up to a billion a second.
func TestTheFloorAllowsAFewRetriesASecond(t *testing.T) {
	for _, perSecond := range []float64{0, 1e-12, 0.1, 1, 3, 10, 1000, 1e9} {
		synctest.Test(t, func(t *testing.T) {
			budget := retry.NewBudget(retry.BudgetOptions{Max: 1, PerSecond: perSecond})
			if perSecond == 0 {
				perSecond = 10 // Finagle's
			}
			require.True(t, budget.Withdraw())
			require.False(t, budget.Withdraw(), "%v: no time has passed", perSecond)
			took := 0
			for range 100 {
				testkit.Advance(100 * time.Millisecond)
				for range 5 {
					if budget.Withdraw() {
						took++
					}
				}
			}
			want := int(min(10*perSecond, 500))
			assert.LessOrEqual(t, took, want)
			assert.GreaterOrEqual(t, took, want-1)
			testkit.Advance(time.Hour)
			for took = 0; took < 10_000 && budget.Withdraw(); {
				took++
			}
			if perSecond >= 0.1 {
				assert.Equal(t, min(max(int(perSecond), 1), 10_000), took, "a second's worth at once, however long nobody asked")
			}
			assert.InDelta(t, 0, budget.Stats().Balance, 0)
		})
	}
}

func TestAServiceThatNeedsTwoAttemptsDoesNotStarve(t *testing.T) {
	inBubble(t, func(t *testing.T, do func(context.Context, *retry.Policy, retry.Op[int]) (int, error)) {
		p := retry.New(retry.Options{Budget: retry.NewBudget(retry.BudgetOptions{})})
		for range 1000 {
			op, _ := failing(1, errDown)
			_, err := do(t.Context(), p, op)
			require.NoError(t, err)
			testkit.Advance(100 * time.Millisecond)
		}
	})
}

func TestANegativeFloorIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		budget := retry.NewBudget(retry.BudgetOptions{Max: 1, PerSecond: -1})
		require.True(t, budget.Withdraw())
		testkit.Advance(1000 * time.Hour)
		require.False(t, budget.Withdraw())
	})
}

func TestAFloorOutlivesAClockThatGoesBack(t *testing.T) {
	var budget *retry.Budget
	for _, later := range []time.Duration{time.Hour, 0} { // each bubble begins at the same time
		synctest.Test(t, func(t *testing.T) {
			testkit.Advance(later)
			if budget == nil {
				budget = retry.NewBudget(retry.BudgetOptions{Max: 1})
				budget.Withdraw()
				testkit.Advance(time.Hour)
				require.True(t, budget.Withdraw())
			}
			require.Eventually(t, func() bool {
				testkit.Advance(100 * time.Millisecond)
				return budget.Withdraw()
			}, time.Second, time.Millisecond)
		})
	}
}

func TestTheFloorIsSharedUnderStress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		budget := retry.NewBudget(retry.BudgetOptions{Max: 1, PerSecond: 100})
		for second := range 20 {
			var took atomic.Int64
			var all sync.WaitGroup
			for range 64 {
				all.Go(func() {
					for range 20 {
						if budget.Withdraw() {
							took.Add(1)
						}
					}
				})
			}
			all.Wait()
			want := int64(100)
			if second == 0 {
				want = 1 // Max
			}
			require.Equal(t, want, took.Load())
			testkit.Advance(time.Second)
		}
	})
}

// TestEveryFormCountsAlike is over the forms of a call and the ways in which its
// last attempt ends.
func TestEveryFormCountsAlike(t *testing.T) {
	type end struct {
		op   func() (int, error)
		loop func(a *retry.Attempt) (leave bool) // what the body of a loop does in its place
		want float64                             // the share that comes back
	}
	ends := map[string]end{
		"success":          {func() (int, error) { return 1, nil }, func(*retry.Attempt) bool { return false }, 0.5},
		"break":            {nil, func(*retry.Attempt) bool { return true }, 0.5},
		"break, took back": {nil, func(a *retry.Attempt) bool { a.Fail(errDown); a.Fail(nil); return true }, 0.5},
		"failure":          {func() (int, error) { return 0, retry.Permanent(errDown) }, func(a *retry.Attempt) bool { a.Fail(retry.Permanent(errDown)); return false }, 0},
		"break, failed":    {nil, func(a *retry.Attempt) bool { a.Fail(errDown); return true }, 0},
		"panic":            {func() (int, error) { panic(errDown) }, func(*retry.Attempt) bool { panic(errDown) }, 0},
		"exit":             {func() (int, error) { runtime.Goexit(); return 0, nil }, func(*retry.Attempt) bool { runtime.Goexit(); return false }, 0},
	}
	forms := map[string]func(*retry.Budget, int, end){
		"Do": func(b *retry.Budget, failures int, e end) {
			p, n := retry.New(retry.Options{Backoff: retry.Constant(0), Budget: b}), 0
			_, _ = retry.Do(context.Background(), p, func(context.Context) (int, error) {
				if n++; n <= failures {
					return 0, errDown
				}
				return e.op()
			})
		},
		"DoErr": func(b *retry.Budget, failures int, e end) {
			p, n := retry.New(retry.Options{Backoff: retry.Constant(0), Budget: b, Timeout: time.Hour}), 0
			_ = retry.DoErr(context.Background(), p, func(context.Context) error {
				if n++; n <= failures {
					return errDown
				}
				_, err := e.op()
				return err
			})
		},
		"Hedged": func(b *retry.Budget, failures int, e end) {
			h := retry.NewHedge(retry.HedgeOptions{Delay: time.Second, Copies: 3, Budget: b})
			var n atomic.Int64
			_, _ = retry.Hedged(h, func(ctx context.Context) (int, error) {
				if n.Add(1) <= int64(failures) {
					<-ctx.Done()
					return 0, errDown
				}
				return e.op()
			}, func(int) {})(context.Background())
		},
		"Attempts": func(b *retry.Budget, failures int, e end) {
			p := retry.New(retry.Options{Backoff: retry.Constant(0), Budget: b})
			for a, err := range p.Attempts(context.Background()) {
				if err != nil {
					return
				}
				if a.Number() <= failures {
					a.Fail(errDown)
					continue
				}
				if e.loop(a) {
					break
				}
			}
		},
		"Attempts, return": func(b *retry.Budget, failures int, e end) {
			p := retry.New(retry.Options{Backoff: retry.Constant(0), Budget: b, Timeout: time.Hour})
			for a, err := range p.Attempts(context.Background()) {
				if err != nil {
					return
				}
				if a.Number() <= failures {
					a.Fail(errDown)
					continue
				}
				if e.loop(a) {
					return
				}
			}
		},
	}
	for form, do := range forms {
		for name, e := range ends {
			if loop := strings.HasPrefix(form, "Attempts"); e.op == nil && !loop {
				continue
			}
			for failures := range 3 {
				t.Run(fmt.Sprintf("%s/%s/after %d", form, name, failures), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						budget := retry.NewBudget(retry.BudgetOptions{Max: 9, Ratio: 0.5, PerSecond: -1})
						require.True(t, budget.Withdraw())
						apart(func() { do(budget, failures, e) })
						assert.InDelta(t, 8-float64(failures)+e.want, budget.Stats().Balance, 0)
					})
				})
			}
		}
	}
}

// TestARetryThatIsNotMadeIsGivenBack is over all that can go wrong between the
// decision to retry and the retry.
func TestARetryThatIsNotMadeIsGivenBack(t *testing.T) {
	inBubble(t, func(t *testing.T, do func(context.Context, *retry.Policy, retry.Op[int]) (int, error)) {
		for name, fault := range noReturns {
			for callback, o := range map[string]retry.Options{
				"Retryable": {Retryable: func(error) bool { fault(); return true }},
				"Backoff":   {Backoff: func(int, time.Duration, uint64) time.Duration { fault(); return 0 }},
				"jitter":    {Backoff: retry.Backoff(func(int, time.Duration, uint64) time.Duration { fault(); return 0 }).FullJitter()},
				"OnRetry":   {OnRetry: func(context.Context, retry.Retry) { fault() }},
				"OnGiveUp":  {Attempts: 1, OnGiveUp: func(context.Context, *retry.Error) { fault() }},
				"Done":      {Backoff: retry.Constant(time.Second)},
			} {
				o.Budget = retry.NewBudget(retry.BudgetOptions{Max: 3, PerSecond: -1})
				ctx := t.Context()
				if callback == "Done" { // a context of the caller's own
					ctx = doneContext{ctx, fault}
				}
				op, calls := failing(9, errDown)
				assert.False(t, apart(func() { _, _ = do(ctx, retry.New(o), op) }), "%s %s", callback, name)
				assert.Equal(t, 1, *calls, "%s %s", callback, name)
				assert.InDelta(t, 3, o.Budget.Stats().Balance, 0, "%s %s", callback, name)
			}
		}
	})
}

func TestAFloorBeginsAgainWhenTheClockGoesBack(t *testing.T) {
	var b *retry.Budget
	synctest.Test(t, func(t *testing.T) {
		b = retry.NewBudget(retry.BudgetOptions{Max: 1, PerSecond: 1})
		testkit.Advance(time.Hour)
		for b.Withdraw() {
		}
	})
	synctest.Test(t, func(t *testing.T) {
		assert.False(t, b.Withdraw())
		assert.False(t, b.Withdraw())
		testkit.Advance(time.Second - 1)
		assert.False(t, b.Withdraw())
		testkit.Advance(1)
		assert.True(t, b.Withdraw())
		assert.False(t, b.Withdraw())
	})
}
