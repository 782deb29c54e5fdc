package retry

import (
	"math"
	"math/bits"
	"time"
)

// Backoff says how long to wait after the n'th failure, n ≥ 1.
//
// It is a pure function, and so is shared by all calls: what it needs to
// remember, the delay before this one (0 at first), and its chance, 64 random
// bits, are handed to it. A negative delay means none; [Options.MaxDelay]
// bounds what any Backoff asks for.
type Backoff func(n int, previous time.Duration, random uint64) time.Duration

// Constant waits d each time. It panics when d is negative.
func Constant(d time.Duration) Backoff {
	if d < 0 {
		misuse("Constant", "negative delay %v", d)
	}
	return func(int, time.Duration, uint64) time.Duration { return d }
}

// Exponential waits base after the first failure and twice as long after each
// further one, limit at most. It panics when one of them is negative.
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

// Decorrelated waits a random time between base and three times the previous
// delay, limit at most. It panics when one of them is negative.
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
		return least + below(most-least+1, random)
	}
}

// FullJitter waits a random time below what b says, down to 0.
func (b Backoff) FullJitter() Backoff {
	return func(n int, previous time.Duration, random uint64) time.Duration {
		return below(b(n, previous, random), random)
	}
}

// EqualJitter waits at least half of what b says, and for the other half a
// random time below it.
func (b Backoff) EqualJitter() Backoff {
	return func(n int, previous time.Duration, random uint64) time.Duration {
		d := max(b(n, previous, random), 0)
		return d/2 + below(d-d/2, random)
	}
}

// below maps random bits to 0 ≤ x < d, or to 0 when d is not positive.
func below(d time.Duration, random uint64) time.Duration {
	switch {
	case d == math.MinInt64: // math.MaxInt64+1: Decorrelated over the whole range
		return time.Duration(random >> 1)
	case d <= 0:
		return 0
	}
	x, _ := bits.Mul64(random, uint64(d))
	return time.Duration(x)
}

// seeded is the n'th output of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
func seeded(seed uint64, n int) uint64 {
	x := seed + uint64(n)*0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
