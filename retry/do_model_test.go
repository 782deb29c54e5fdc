package retry_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
)

// TestAllPartsTogetherCountRight makes calls through a policy, a budget, a
// hedge, a detach and a breaker at once, with operations and callbacks that
// fail, hang, panic and exit, and with contexts that end. What each part counts
// must be what happened, all values must reach somebody, and no goroutine stays.
func TestAllPartsTogetherCountRight(t *testing.T) {
	testkit.Check(t, func(t *rapid.T) {
		const most, start = 1000, 500
		begin := time.Now()
		floor := rapid.Bool().Draw(t, "the policy's budget is empty and has a floor")
		budgets := [2]*retry.Budget{} // of the policy and of the hedge
		for i := range budgets {
			o, taken := retry.BudgetOptions{Max: most, Ratio: 0.5, PerSecond: -1}, most-start
			if i == 0 && floor {
				o.PerSecond, taken = 10, most
			}
			budgets[i] = retry.NewBudget(o)
			for range taken {
				budgets[i].Withdraw()
			}
		}
		h := retry.NewHedge(retry.HedgeOptions{Delay: 40 * time.Millisecond, Copies: 3, Budget: budgets[1]})
		d := retry.NewDetach(rapid.IntRange(0, 2).Draw(t, "left behind"))
		var faulty string
		var fault func()
		fail := func(callback string) {
			if faulty == callback {
				fault()
			}
		}
		b := retry.NewBreaker(retry.BreakerOptions{
			Failures: rapid.IntRange(1, 4).Draw(t, "failures"), OpenFor: 200 * time.Millisecond,
			IsFailure: func(error) bool { fail("IsFailure"); return true },
			Ignore:    func(error) bool { fail("Ignore"); return false },
			OnChange:  func(_, _ retry.BreakerState) { fail("OnChange") },
		})
		retries, successes, hedged := 0, 0, 0
		var made, got atomic.Int64
		dispose := func(int) { got.Add(1); fail("dispose") }
		call := func(t *rapid.T) {
			detached := rapid.Bool().Draw(t, "detached")
			kinds := []string{"ok", "ok late", "fail", "fail late", "permanent", "after", "deaf", "hang", "panic", "goexit"}
			callbacks := []string{"", "Retryable", "Backoff", "OnRetry", "OnGiveUp", "IsFailure", "Ignore", "OnChange", "dispose"}
			if detached { // the panic of an operation left behind ends the program
				kinds, callbacks = kinds[:8], callbacks[:5]
			}
			script := rapid.SliceOfN(rapid.SampledFrom(kinds), 12, 12).Draw(t, "script")
			faulty = rapid.SampledFrom(callbacks).Draw(t, "faulty")
			fault = noReturns[rapid.SampledFrom([]string{"panic", "goexit"}).Draw(t, "fault")]
			ctx, cancel := context.WithCancelCause(context.Background())
			defer cancel(nil)
			switch rapid.IntRange(0, 3).Draw(t, "end") {
			case 0:
				cancel(retry.ErrShutdown)
			case 1:
				defer time.AfterFunc(time.Duration(rapid.IntRange(1, 300).Draw(t, "cancel"))*time.Millisecond, func() { cancel(errNeutral) }).Stop()
			}
			var next atomic.Int64
			guarded := func(ctx context.Context) (int, error) {
				wait := func(d time.Duration) error {
					timer := time.NewTimer(d)
					defer timer.Stop()
					select {
					case <-timer.C:
						return nil
					case <-ctx.Done():
						return context.Cause(ctx)
					}
				}
				kind := "ok"
				if n := next.Add(1); int(n) <= len(script) {
					kind = script[n-1]
				}
				switch kind {
				case "ok late":
					if err := wait(60 * time.Millisecond); err != nil {
						return 0, err
					}
				case "deaf":
					pass(150 * time.Millisecond)
				case "hang":
					return 0, wait(time.Hour)
				case "fail late":
					return 0, errors.Join(wait(60*time.Millisecond), errDown)
				case "fail":
					return 0, errDown
				case "permanent":
					return 0, retry.Permanent(errDown)
				case "after":
					return 0, retry.After(30*time.Millisecond, errDown)
				case "panic", "goexit":
					noReturns[kind]()
				}
				made.Add(1)
				return 1, nil
			}
			op := func(ctx context.Context) (int, error) {
				succeeded, returned := false, false
				defer func() {
					if succeeded && !returned {
						got.Add(1) // the panic of OnChange took the place of the value
					}
				}()
				v, err := retry.Guarded(b, func(ctx context.Context) (int, error) {
					v, err := guarded(ctx)
					succeeded = err == nil
					return v, err
				})(ctx)
				returned = true
				return v, err
			}
			if detached {
				op = retry.Detached(d, op, dispose)
			}
			if rapid.Bool().Draw(t, "hedged") {
				inner := retry.Hedged(h, op, dispose)
				op = func(ctx context.Context) (int, error) {
					v, err := inner(ctx)
					if err == nil {
						hedged++
					}
					return v, err
				}
			}
			p := retry.New(retry.Options{
				Attempts: 4, Budget: budgets[0], Timeout: 100 * time.Millisecond,
				Backoff:   func(int, time.Duration, uint64) time.Duration { fail("Backoff"); return 10 * time.Millisecond },
				Retryable: func(error) bool { fail("Retryable"); return true },
				OnRetry:   func(context.Context, retry.Retry) { fail("OnRetry") },
				OnGiveUp:  func(context.Context, *retry.Error) { fail("OnGiveUp") },
			})
			do := forms[rapid.SampledFrom([]string{"Do", "DoErr", "Attempts"}).Draw(t, "form")]
			attempts := 0
			apart(func() {
				_, err := do(ctx, p, func(ctx context.Context) (int, error) {
					attempts++
					return op(ctx)
				})
				if err == nil {
					successes++
					got.Add(1)
				}
			})
			retries += max(attempts-1, 0)
		}
		t.Repeat(map[string]func(*rapid.T){
			"call":       call,
			"call again": call,
			"wait":       func(*rapid.T) { testkit.Advance(100 * time.Millisecond) },
			"force open": func(*rapid.T) { b.ForceOpen() },
			"reset":      func(*rapid.T) { b.Reset() },
			"": func(t *rapid.T) {
				testkit.Advance(200 * time.Millisecond) // what was left behind has ended
				faulty = ""
				earned := 0.5 * float64(successes)
				if floor {
					if most := 10*time.Since(begin).Seconds() + 10 + earned; float64(retries) > most || budgets[0].Stats().Balance < 0 {
						t.Fatalf("%d retries are more than %v, or %v", retries, most, budgets[0])
					}
				} else if want := start - float64(retries) + earned; budgets[0].Stats().Balance != want {
					t.Fatalf("the policy's budget has %v, not %v", budgets[0].Stats().Balance, want)
				}
				if want := start - float64(h.Stats().Copies) + 0.5*float64(hedged); budgets[1].Stats().Balance != want {
					t.Fatalf("the hedge's budget has %v, not %v", budgets[1].Stats().Balance, want)
				}
				if d.Stats().Abandoned != 0 || made.Load() != got.Load() {
					t.Fatalf("%d left behind; %d values made, %d got", d.Stats().Abandoned, made.Load(), got.Load())
				}
			},
		})
		b.Open()
		testkit.Advance(time.Hour)
		acquire(t, b).Done(nil)
		if b.State() != retry.BreakerClosed {
			t.Fatalf("the breaker is %v", b.State())
		}
	})
}
