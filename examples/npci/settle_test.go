package main

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/retry"
)

// TestSettleGoesOnWithWhatComesFirst lets each of result, timeout, retry and shutdown
// come first.
func TestSettleGoesOnWithWhatComesFirst(t *testing.T) {
	const timeout, delay = 20 * time.Millisecond, time.Second
	for name, c := range map[string]struct {
		faults  faults
		open    bool          // the breaker
		cancel  time.Duration // after which the program is shut down
		err     error         // nil for a success
		calls   uint8
		took    time.Duration
		balance float64 // of the budget, of 10
		late    int     // answers that the bank tells confirm
	}{
		"result":                         {calls: 1, balance: 10},
		"a failure, and a retry":         {faults: faults{fail: 1}, err: errUnavailable, calls: 2, took: delay, balance: 9},
		"a failure that stays":           {faults: faults{decline: 1}, err: errDeclined, calls: 1, balance: 10},
		"timeout, and a retry":           {faults: faults{hang: 1}, err: retry.ErrTimeout, calls: 2, took: 2*timeout + delay, balance: 9},
		"a late result before the retry": {faults: faults{late: 1}, calls: 1, balance: 10, took: -1},
		"the breaker refuses at first":   {open: true, calls: 1, took: time.Minute, balance: 9.2},
		"shutdown before the result":     {faults: faults{hang: 1}, cancel: timeout / 2, err: retry.ErrShutdown, calls: 1, took: timeout / 2, balance: 10},
		"shutdown before the retry":      {faults: faults{fail: 1}, cancel: delay / 2, err: retry.ErrShutdown, calls: 1, took: delay / 2, balance: 10},
		"shutdown, then a late result":   {faults: faults{late: 1}, cancel: timeout / 2, err: retry.ErrShutdown, calls: 1, took: timeout / 2, balance: 10, late: 1},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "bank")
			synctest.Test(t, func(t *testing.T) {
				late := 0
				bank, err := openBank(path, config{transactions: 24, timeout: timeout, faults: c.faults},
					func(payment) { late++ }, func(err error) { t.Error(err) })
				require.NoError(t, err)
				budget := retry.NewBudget(retry.BudgetOptions{Max: 10, Ratio: 0.2})
				p := &pipeline{c: config{timeout: timeout}, bank: bank, first: retry.New(retry.Options{
					Attempts: 2, Budget: budget, Backoff: retry.Constant(delay), MaxDelay: time.Hour,
				})}
				for g := range p.breakers {
					p.breakers[g] = retry.NewBreaker(retry.BreakerOptions{Failures: 20, OpenFor: time.Minute})
					if c.open {
						p.breakers[g].Open()
					}
				}
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				if c.cancel > 0 {
					time.AfterFunc(c.cancel, func() { cancel(retry.ErrShutdown) })
				}
				begun := time.Now()
				err = p.settle(ctx, payment{Number: 0})
				took := time.Since(begun)
				if c.err == nil {
					require.NoError(t, err)
					assert.Equal(t, applied, bank.state(0))
				} else {
					require.ErrorIs(t, err, c.err)
				}
				if c.took >= 0 {
					assert.Equal(t, c.took, took)
				} else {
					assert.Greater(t, took, timeout)
					assert.Less(t, took, delay)
				}
				assert.InDelta(t, c.balance, budget.Stats().Balance, 0.001)
				require.NoError(t, errors.Join(bank.settle(), bank.close()))
				assert.Equal(t, c.late, late)
				a, err := bank.accounts.Get()
				require.NoError(t, err)
				assert.Equal(t, c.calls, a.calls[0])
			})
		})
	}
}
