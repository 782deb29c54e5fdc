package retry

import (
	"math/bits"
	"time"
)

// Backoff returns how long to wait after the n'th failure, n ≥ 1. previous is the delay
// before this one, 0 at first, and random has 64 random bits.
//
// It is a pure function that all calls share, so it must be safe for concurrent use. A
// negative result means no delay; [Options.MaxDelay] bounds the result of any Backoff.
// The backoffs of this package return a delay from 0 to their limit for any arguments.
type Backoff func(n int, previous time.Duration, random uint64) time.Duration

// Constant returns a Backoff of d each time. It panics when d is negative.
func Constant(d time.Duration) Backoff {
	if d < 0 {
		misuse("Constant", "negative delay %v", d)
	}
	return func(int, time.Duration, uint64) time.Duration { return d }
}

// Exponential returns a Backoff of base after the first failure, and twice the delay
// after each further one, at most limit. It panics when one of them is negative.
func Exponential(base, limit time.Duration) Backoff {
	if base < 0 || limit < 0 {
		misuse("Exponential", "negative base %v or limit %v", base, limit)
	}
	return func(n int, _ time.Duration, _ uint64) time.Duration {
		shift := max(n, 1) - 1
		if base > 0 && shift >= bits.LeadingZeros64(uint64(base)) { // it would lose bits or its sign
			return limit
		}
		return min(base<<shift, limit)
	}
}

// Decorrelated returns a Backoff of a random time between base and three times the
// previous delay, at most limit. It panics when one of them is negative.
//
// After "Exponential Backoff And Jitter", Brooker, AWS Architecture Blog, 2015.
func Decorrelated(base, limit time.Duration) Backoff {
	if base < 0 || limit < 0 {
		misuse("Decorrelated", "negative base %v or limit %v", base, limit)
	}
	least := min(base, limit)
	return func(_ int, previous time.Duration, random uint64) time.Duration {
		most := limit
		if previous = max(previous, least); previous <= limit/3 {
			most = 3 * previous
		}
		return least + below(uint64(most-least)+1, random)
	}
}

// FullJitter returns a Backoff of a random time from 0 to below the delay of b. It
// panics when b is nil.
func (b Backoff) FullJitter() Backoff {
	if b == nil {
		misuse("Backoff.FullJitter", "the backoff is nil")
	}
	return func(n int, previous time.Duration, random uint64) time.Duration {
		d := max(b(n, previous, random), 0)
		return below(uint64(d), random)
	}
}

// EqualJitter returns a Backoff of half the delay of b plus a random time below the
// other half. It panics when b is nil.
func (b Backoff) EqualJitter() Backoff {
	if b == nil {
		misuse("Backoff.EqualJitter", "the backoff is nil")
	}
	return func(n int, previous time.Duration, random uint64) time.Duration {
		d := max(b(n, previous, random), 0)
		return d/2 + below(uint64(d-d/2), random)
	}
}

// below maps random bits to 0 ≤ x < n, or to 0 when n is 0. n is at most 1<<63.
func below(n, random uint64) time.Duration {
	x, _ := bits.Mul64(random, n)
	return time.Duration(x)
}

// seeded is the n'th output of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
func seeded(seed uint64, n int) uint64 {
	x := seed + uint64(n)*0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
