package retry

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"time"
)

// Unlimited as [Options.Attempts] means that their number is not what ends it.
const Unlimited = math.MaxInt

const (
	defaultAttempts = 3
	defaultMaxDelay = 24 * time.Hour
)

var (
	zeroPolicy     Policy
	defaultBackoff = Exponential(100*time.Millisecond, 10*time.Second).FullJitter()
)

// Options says what a [Policy] is like. Each zero field has the default that
// its comment names.
type Options struct {
	// Attempts is how many attempts there are at most, the first included.
	// Zero means 3; see [Unlimited].
	Attempts int
	// Backoff says how long to wait between attempts. Nil is [Exponential] from
	// 100 ms to 10 s with full jitter.
	Backoff Backoff
	// MaxDelay is the longest wait, whether the [Backoff] or [After] asks for
	// it. Zero means a day.
	MaxDelay time.Duration
	// MaxElapsed bounds the time from the first failure to the beginning of the
	// last attempt; a wait that would overrun it is not begun. It does not count
	// the first attempt, so a long one does not forbid its retry; to bound the
	// whole call, give the context a deadline. Zero means no bound.
	MaxElapsed time.Duration
	// Timeout ends the context of each attempt that takes longer, with the cause
	// [ErrTimeout]. What the operation then returns is retried like any other
	// error. An attempt that succeeded in time has no timeout any more; what it
	// returned may be used as long as the caller's context allows. Zero means no
	// timeout.
	Timeout time.Duration
	// Budget bounds the retries of all calls that share it. A call that succeeds
	// puts its share in. A retry is taken out before its wait, and given back
	// when it is not made after all. Nil means no bound.
	Budget *Budget
	// Retryable says which errors are worth another attempt. Nil means all but
	// [Permanent] ones, which it is never asked about.
	Retryable func(error) bool
	// OnRetry is called on the caller's goroutine before each wait.
	OnRetry func(context.Context, Retry)
	// OnGiveUp is called on the caller's goroutine with the error that is about
	// to be returned.
	OnGiveUp func(context.Context, *Error)
	// Seed makes the delays of every call the same, for tests. Zero draws them.
	Seed uint64
}

// Retry is what [Options.OnRetry] is told.
type Retry struct {
	Attempt int           // how many attempts were made
	Err     error         // what the last of them returned
	Delay   time.Duration // how long the wait before the next will be
	Elapsed time.Duration // since the first failure
}

// Policy says when to try again. It is immutable; the zero Policy has all the
// defaults of [Options]. It is safe for concurrent use, and meant to be shared.
type Policy struct {
	o Options
}

// New returns a policy. It panics when a number of o is negative, and for a
// Budget that was not made by [NewBudget].
func New(o Options) *Policy {
	switch {
	case o.Attempts < 0:
		misuse("New", "negative Attempts %d", o.Attempts)
	case o.MaxDelay < 0:
		misuse("New", "negative MaxDelay %v", o.MaxDelay)
	case o.MaxElapsed < 0:
		misuse("New", "negative MaxElapsed %v", o.MaxElapsed)
	case o.Timeout < 0:
		misuse("New", "negative Timeout %v", o.Timeout)
	case o.Budget != nil:
		o.Budget.made("New")
	}
	return &Policy{o}
}

func (p *Policy) attempts() int {
	if p.o.Attempts == 0 {
		return defaultAttempts
	}
	return p.o.Attempts
}

func (p *Policy) maxDelay() time.Duration {
	if p.o.MaxDelay == 0 {
		return defaultMaxDelay
	}
	return p.o.MaxDelay
}

// refused reports whether err, with these marks, is not to be retried.
func (p *Policy) refused(err error, m marks) bool {
	return m.permanent || p.o.Retryable != nil && !p.o.Retryable(err)
}

// delay returns how long to wait after the n'th failure.
func (p *Policy) delay(n int, previous time.Duration, m marks) time.Duration {
	random := seeded(p.o.Seed, n)
	if p.o.Seed == 0 {
		random = rand.Uint64()
	}
	backoff := p.o.Backoff
	if backoff == nil {
		backoff = defaultBackoff
	}
	most := p.maxDelay()
	delay := min(max(backoff(n, previous, random), 0), most)
	if m.after > 0 {
		delay = max(delay, spread(min(m.after, most), most, random))
	}
	return min(max(delay, m.open), most)
}

// spread returns a random time from least to a tenth above it, most at most.
func spread(least, most time.Duration, random uint64) time.Duration {
	return least + below(uint64(min(least/10, most-least))+1, random)
}

// refuse returns the error of a call whose context was done before it.
func (p *Policy) refuse(ctx context.Context) error {
	r := loop{ctx: ctx, p: p}
	return r.interrupted(nil)
}

// String returns the bounds of the policy.
func (p *Policy) String() string {
	return fmt.Sprintf("Policy(attempts=%d maxDelay=%v maxElapsed=%v timeout=%v)",
		p.attempts(), p.maxDelay(), p.o.MaxElapsed, p.o.Timeout)
}

// GoString returns the same as String.
func (p *Policy) GoString() string { return p.String() }

// LogValue returns the bounds of the policy.
func (p *Policy) LogValue() slog.Value { return slog.StringValue(p.String()) }
