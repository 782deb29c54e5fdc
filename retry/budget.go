package retry

import (
	"fmt"
	"log/slog"
	"math"
	"sync/atomic"
)

// Budget bounds how many retries the calls that share it make, so that retries
// cannot multiply the load on what is failing.
//
// It holds tokens, Max at first and at most. A retry takes a whole one, each
// success puts a Ratio of one back; with none left there is no retry. Full and
// empty, its usual states, cost a load; what lies between costs a
// compare-and-swap. It must be made by [NewBudget] and not be copied; it is
// safe for concurrent use.
//
// After gRPC's retry throttling (gRFC A6) and Finagle's RetryBudget.
type Budget struct {
	_       noCopy
	balance atomic.Int64 // in 1/tokenUnits of a token, 0 to most
	most    int64
	deposit int64 // what a success puts in
}

const tokenUnits = 1 << 20

// BudgetOptions says what a [Budget] is like.
type BudgetOptions struct {
	// Max is how many retries in a row there can be. Zero means 10.
	Max int
	// Ratio is the share of a retry that a success earns: 0.1 allows one retry
	// for ten successes. Zero means 0.1.
	Ratio float64
}

// NewBudget returns a full budget. It panics when Max is negative or over 2^40,
// or Ratio is not between 0 and 1.
func NewBudget(o BudgetOptions) *Budget {
	if o.Max < 0 || int64(o.Max) > 1<<40 {
		misuse("NewBudget", "Max %d is not 0 to 2^40", o.Max)
	}
	if !(o.Ratio >= 0 && o.Ratio <= 1) {
		misuse("NewBudget", "Ratio %v is not 0 to 1", o.Ratio)
	}
	if o.Max == 0 {
		o.Max = 10
	}
	if o.Ratio == 0 {
		o.Ratio = 0.1
	}
	b := &Budget{
		most:    int64(o.Max) * tokenUnits,
		deposit: int64(math.Ceil(o.Ratio * tokenUnits)),
	}
	b.balance.Store(b.most)
	return b
}

// Deposit records a success.
func (b *Budget) Deposit() { b.add(b.deposit) }

// Refund gives back what a [Budget.Withdraw] took for a retry that was not
// made.
func (b *Budget) Refund() { b.add(tokenUnits) }

func (b *Budget) add(units int64) {
	for {
		old := b.balance.Load()
		if old >= b.most || b.balance.CompareAndSwap(old, min(old+units, b.most)) {
			return
		}
	}
}

// Withdraw takes a retry out of the budget and reports whether there was one.
func (b *Budget) Withdraw() bool {
	for {
		old := b.balance.Load()
		if old < tokenUnits {
			return false
		}
		if b.balance.CompareAndSwap(old, old-tokenUnits) {
			return true
		}
	}
}

// Balance returns how many retries are left.
func (b *Budget) Balance() float64 { return float64(b.balance.Load()) / tokenUnits }

// String returns the balance and its bound.
func (b *Budget) String() string {
	return fmt.Sprintf("Budget(%.1f of %d)", b.Balance(), b.most/tokenUnits)
}

// GoString returns the same as String.
func (b *Budget) GoString() string { return b.String() }

// LogValue returns the balance and its bound.
func (b *Budget) LogValue() slog.Value { return slog.StringValue(b.String()) }
