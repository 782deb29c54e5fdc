package retry

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"time"
)

// Unlimited is [Options.Attempts] without a limit.
const Unlimited = math.MaxInt

const (
	defaultAttempts = 3
	defaultMaxDelay = 24 * time.Hour
)

var (
	zeroPolicy     Policy
	defaultBackoff = Exponential(100*time.Millisecond, 10*time.Second).FullJitter()
)

// Options are the options of a [Policy]. Each zero field has the default that its
// comment names.
type Options struct {
	// Attempts is how many attempts there are at most, the first included.
	// Zero means 3; see [Unlimited].
	Attempts int
	// Backoff returns how long to wait between attempts. Nil is [Exponential] from
	// 100 ms to 10 s with full jitter.
	Backoff Backoff
	// MaxDelay is the longest wait, also if the [Backoff] or [After] asks for
	// more. Zero means a day.
	MaxDelay time.Duration
	// MaxElapsed bounds the time from the first failure to the beginning of the
	// last attempt. A wait that would exceed it is not begun. The time of the first
	// attempt does not count, so a slow first attempt can be retried. To bound the
	// whole call, give the context a deadline. Zero means no bound.
	MaxElapsed time.Duration
	// Timeout is how long an attempt may take. Then its context ends with the cause
	// [ErrTimeout]; the error that the operation returns is retried like any other.
	// The timeout no longer applies after the attempt has succeeded. Zero means no
	// timeout.
	Timeout time.Duration
	// Budget bounds the retries of all calls that share it. Each call that succeeds
	// adds to it. A retry takes a token before its wait, and gives the token back if
	// the retry is not made. Nil means no bound.
	Budget *Budget
	// Retryable reports whether an error is to be retried. It is not called for
	// [Permanent] errors. Nil means that all other errors are retried.
	Retryable func(error) bool
	// OnRetry is called on the caller's goroutine before each wait.
	OnRetry func(context.Context, Retry)
	// OnGiveUp is called on the caller's goroutine with the error that is about
	// to be returned.
	OnGiveUp func(context.Context, *Error)
	// Seed makes the random bits of every call the same, for tests. They are the
	// outputs of SplitMix64. Zero means that they are random.
	Seed uint64
}

// Retry describes a retry for [Options.OnRetry].
type Retry struct {
	Attempt int           // how many attempts were made
	Err     error         // what the last of them returned
	Delay   time.Duration // how long the wait before the next will be
	Elapsed time.Duration // since the first failure
}

// Policy says when to try again. It is immutable, safe for concurrent use, and meant to
// be shared. The zero Policy has all the defaults of [Options].
type Policy struct {
	o Options
}

// New returns a policy. It panics when a number of o is negative, or when its Budget was
// not made by [NewBudget].
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
