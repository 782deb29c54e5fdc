package retry

import (
	"fmt"
	"log/slog"
	"math"
	"sync/atomic"
	"time"
)

// Budget bounds how many retries the calls that share it make, so that retries
// cannot multiply the load on what is failing.
//
// A Budget holds tokens, Max at first and at most. A retry takes one token. A
// call that succeeds puts a Ratio of a token back. A retry that finds no token
// is still allowed if fewer than PerSecond such retries were made in the last
// second: so a service with few calls, or one that always needs two attempts,
// keeps some retries whatever its rate of success.
//
// A deposit in a full budget costs one load. A retry costs a compare-and-swap,
// and a look at the clock if there is no token. A Budget must be made by
// [NewBudget] and not be copied; it is safe for concurrent use.
//
// After gRPC's retry throttling (gRFC A6) and Finagle's RetryBudget, whose
// percentCanRetry is Ratio and whose minRetriesPerSec is PerSecond. Finagle's
// tokens expire after a ttl; here Max bounds them instead.
type Budget struct {
	_       noCopy
	balance atomic.Int64 // in 1/tokenUnits of a token, 0 to most
	most    int64
	deposit int64 // what a success puts in

	// The floor is a generic cell rate algorithm (GCRA, ITU-T I.371).
	start    time.Time
	next     atomic.Int64 // when the floor allows the next retry, in ns since start
	interval int64        // ns between two retries of the floor; noFloor if there is none
	burst    int64        // how far next may lie in the past, in ns
}

const (
	tokenUnits = 1 << 20
	noFloor    = -1 // so that a zero Budget has no interval at all
)

// BudgetOptions are the options of a [Budget].
type BudgetOptions struct {
	// Max is how many tokens there are at most, and at first: how many retries in a row
	// there can be without a success. Zero means 10.
	Max int
	// Ratio is the share of a retry that a success earns: 0.1 allows one retry
	// for ten successes. Zero means 0.1.
	Ratio float64
	// PerSecond is how many retries a second are allowed when Max and Ratio
	// allow none, at most 1e9. Zero means 10. A negative number means none.
	PerSecond float64
}

// NewBudget returns a full budget. It panics when Max is negative or over 2^40,
// when Ratio is not between 0 and 1, or when PerSecond is over 1e9 or not a
// number.
func NewBudget(o BudgetOptions) *Budget {
	if o.Max < 0 || int64(o.Max) > 1<<40 {
		misuse("NewBudget", "Max %d is not 0 to 2^40", o.Max)
	}
	if !(o.Ratio >= 0 && o.Ratio <= 1) {
		misuse("NewBudget", "Ratio %v is not 0 to 1", o.Ratio)
	}
	if !(o.PerSecond <= 1e9) {
		misuse("NewBudget", "PerSecond %v is over 1e9", o.PerSecond)
	}
	if o.Max == 0 {
		o.Max = 10
	}
	if o.Ratio == 0 {
		o.Ratio = 0.1
	}
	if o.PerSecond == 0 {
		o.PerSecond = 10
	}
	b := &Budget{
		most:    int64(o.Max) * tokenUnits,
		deposit: int64(math.Ceil(o.Ratio * tokenUnits)),
		start:   time.Now(),
	}
	b.balance.Store(b.most)
	b.interval = noFloor
	if o.PerSecond > 0 {
		// One retry in a hundred years is the slowest floor that fits.
		b.interval = int64(min(float64(time.Second)/o.PerSecond, 100*365*24*float64(time.Hour)))
		b.burst = max(int64(time.Second)-b.interval, 0)
		b.next.Store(b.interval)
	}
	return b
}

// Deposit records the success of a call: it adds [BudgetOptions.Ratio] tokens. Policies
// and hedges call Deposit, Withdraw and Refund themselves.
func (b *Budget) Deposit() {
	b.made("Budget.Deposit")
	b.add(b.deposit)
}

// Refund gives back the token of a [Budget.Withdraw] whose retry was not made.
func (b *Budget) Refund() {
	b.made("Budget.Refund")
	b.add(tokenUnits)
}

// made panics if the budget is a zero one.
func (b *Budget) made(where string) {
	if b.most == 0 {
		misuse(where, "the Budget was not made by NewBudget")
	}
}

func (b *Budget) add(units int64) {
	for {
		old := b.balance.Load()
		if old >= b.most || b.balance.CompareAndSwap(old, min(old+units, b.most)) {
			return
		}
	}
}

// Withdraw takes the token of one retry and reports whether the retry is allowed.
func (b *Budget) Withdraw() bool {
	if b.interval == noFloor && b.balance.Load() < tokenUnits {
		return false // inlined
	}
	return b.withdraw()
}

func (b *Budget) withdraw() bool {
	for {
		old := b.balance.Load()
		if old < tokenUnits {
			return b.interval != noFloor && b.withdrawFloor()
		}
		if b.balance.CompareAndSwap(old, old-tokenUnits) {
			return true
		}
	}
}

// withdrawFloor takes one of the retries that PerSecond allows.
func (b *Budget) withdrawFloor() bool {
	b.made("Budget.Withdraw")
	now := int64(time.Since(b.start))
	for {
		next := b.next.Load()
		if next > now {
			if next-now <= b.interval {
				return false
			}
			// The clock went back, as it does between the bubbles of
			// testing/synctest. Begin again.
			if b.next.CompareAndSwap(next, now+b.interval) {
				return false
			}
			continue
		}
		if b.next.CompareAndSwap(next, max(next, now-b.burst)+b.interval) {
			return true
		}
	}
}

// BudgetStats is what [Budget.Stats] returns.
type BudgetStats struct {
	// Balance is how many retries the budget has left, without those that
	// [BudgetOptions.PerSecond] allows beside them.
	Balance float64
	// Max is how many retries a full budget has.
	Max int
}

// Stats returns the balance and its bound.
func (b *Budget) Stats() BudgetStats {
	return BudgetStats{Balance: float64(b.balance.Load()) / tokenUnits, Max: int(b.most / tokenUnits)}
}

// String returns the balance and its bound.
func (b *Budget) String() string {
	s := b.Stats()
	return fmt.Sprintf("Budget(%.1f of %d)", s.Balance, s.Max)
}

// GoString returns the same as String.
func (b *Budget) GoString() string { return b.String() }

// LogValue returns the balance and its bound.
func (b *Budget) LogValue() slog.Value { return slog.StringValue(b.String()) }
