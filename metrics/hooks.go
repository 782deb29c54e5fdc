package metrics

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/retry"
)

// Retry is a collector that counts what the calls of a [retry.Policy] do. It must be made
// by [NewRetry].
type Retry struct {
	*Collector
	retries atomic.Uint64
	wait    atomic.Int64 // nanoseconds
	gaveUp  [len(reasons)]atomic.Uint64
}

// reasons are the values of a label. Zero is a reason that is new.
var reasons = [...]string{
	0:                        "other",
	retry.ReasonCanceled:     "canceled",
	retry.ReasonDeadline:     "deadline",
	retry.ReasonShutdown:     "shutdown",
	retry.ReasonNotRetryable: "not_retryable",
	retry.ReasonExhausted:    "exhausted",
	retry.ReasonTooLong:      "too_long",
	retry.ReasonOverBudget:   "over_budget",
}

// NewRetry returns a Retry that has counted nothing.
func NewRetry(name string) *Retry {
	r := &Retry{}
	r.Collector = newCollector("retry", name, r)
	retries := r.counter("ferrous_retry_retries_total", "How many attempts were to be made again after a failure.")
	wait := r.counter("ferrous_retry_wait_seconds_total", "How long calls were told to wait between attempts.")
	gaveUp := r.counter("ferrous_retry_give_ups_total", "How many calls failed for good, by reason.", "reason")
	r.read = func(emit func(*desc, float64, ...string)) {
		emit(retries, float64(r.retries.Load()))
		emit(wait, time.Duration(r.wait.Load()).Seconds())
		for i, reason := range reasons {
			emit(gaveUp, float64(r.gaveUp[i].Load()), reason)
		}
	}
	return r
}

// Options returns the options with hooks that count, and then call the hooks that the
// options had.
func (r *Retry) Options(o retry.Options) retry.Options {
	onRetry, onGiveUp := o.OnRetry, o.OnGiveUp
	o.OnRetry = func(ctx context.Context, turn retry.Retry) {
		r.retries.Add(1)
		r.wait.Add(int64(turn.Delay))
		if onRetry != nil {
			onRetry(ctx, turn)
		}
	}
	o.OnGiveUp = func(ctx context.Context, err *retry.Error) {
		reason := int(err.Reason)
		if reason >= len(reasons) {
			reason = 0
		}
		r.gaveUp[reason].Add(1)
		if onGiveUp != nil {
			onGiveUp(ctx, err)
		}
	}
	return o
}

// states are the values of a label.
var states = [...]retry.BreakerState{retry.BreakerClosed, retry.BreakerHalfOpen, retry.BreakerOpen}

// Breaker collects the state of a breaker.
func Breaker(name string, of *retry.Breaker) *Collector {
	c := newCollector("breaker", name, of)
	state := c.gauge("ferrous_retry_breaker_state", "1 for the state in which the breaker is, and 0 for the others.", "state")
	c.read = func(emit func(*desc, float64, ...string)) {
		now := of.State()
		for _, s := range states {
			emit(state, oneIf(s == now), stateNames[s])
		}
	}
	return c
}

var stateNames = map[retry.BreakerState]string{
	retry.BreakerClosed: "closed", retry.BreakerHalfOpen: "half_open", retry.BreakerOpen: "open",
}

// Limit is a collector that counts what a limit allows and refuses. It must be made by
// [NewLimit].
type Limit struct {
	*Collector
	allowed, refused atomic.Uint64
}

// NewLimit returns a Limit that has counted nothing.
func NewLimit(name string) *Limit {
	l := &Limit{}
	l.Collector = newCollector("limit", name, l)
	decisions := l.counter("ferrous_limit_decisions_total", "How often a limit decided, by decision: allowed or refused.", "decision")
	l.read = func(emit func(*desc, float64, ...string)) {
		emit(decisions, float64(l.allowed.Load()), "allowed")
		emit(decisions, float64(l.refused.Load()), "refused")
	}
	return l
}

// Count counts a decision and returns it: if l.Count(rate.Allow()) { … }. It is one atomic
// addition.
func (l *Limit) Count(allowed bool) bool {
	if allowed {
		l.allowed.Add(1)
	} else {
		l.refused.Add(1)
	}
	return allowed
}

// Locks is a collector that counts the reports of the checker of package arcmutex. It must
// be made by [NewLocks].
type Locks struct {
	*Collector
	reports [len(kinds)]atomic.Uint64
}

// kinds are the values of a label. The first is a kind that is new.
var kinds = [...]struct {
	kind  arcmutex.DeadlockKind
	label string
}{
	{"", "other"},
	{arcmutex.DeadlockCycle, "cycle"},
	{arcmutex.DeadlockRecursion, "recursion"},
	{arcmutex.DeadlockOrder, "order"},
	{arcmutex.DeadlockLongHold, "long_hold"},
	{arcmutex.DeadlockLongWait, "long_wait"},
}

// NewLocks returns a Locks that has counted nothing.
func NewLocks(name string) *Locks {
	l := &Locks{}
	l.Collector = newCollector("locks", name, l)
	reports := l.counter("ferrous_arcmutex_reports_total", "How many deadlocks, contradicting orders, long holds and long waits of locks were reported, by kind.", "kind")
	l.read = func(emit func(*desc, float64, ...string)) {
		for i := range kinds {
			emit(reports, float64(l.reports[i].Load()), kinds[i].label)
		}
	}
	return l
}

// Options returns the options with a Report that counts, and then calls the Report that
// the options had, if any. A Limit in the options makes it count long waits and holds.
func (l *Locks) Options(o arcmutex.CheckOptions) arcmutex.CheckOptions {
	report := o.Report
	o.Report = func(d *arcmutex.Deadlock) {
		known := 0
		for i := range kinds {
			if kinds[i].kind == d.Kind {
				known = i
			}
		}
		l.reports[known].Add(1)
		if report != nil {
			report(d)
		}
	}
	return o
}
