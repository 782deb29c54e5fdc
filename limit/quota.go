package limit

import (
	"fmt"
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// MaxBurst is the largest [RateOptions].Burst where an int has 64 bits.
const MaxBurst = 1 << 40

// RateOptions says how many events are allowed: Events in each Per in the long run, and
// Burst at once. Both numbers are whole, so that there is no rate that is not a number;
// for 2.5 a second, write 5 in two seconds.
type RateOptions struct {
	// Events is how many events are allowed in each Per. It must be at least 1. There
	// can be one event a nanosecond at most.
	Events int
	// Per is the time in which Events are allowed. Zero means a second.
	Per time.Duration
	// Burst is how many events are allowed at once after a pause, at most [MaxBurst].
	// Zero means Events.
	Burst int
}

// A quota is RateOptions in the units of a word.
//
// The generic cell rate algorithm keeps one time: when the bucket would be full again,
// the theoretical arrival time of ITU-T I.371. An event moves it on by the interval
// between two events. The event conforms if that time is then at most depth after now.
//
// The time is counted in units of 2^shift/mul ns. With mul, an interval such as a third
// of a second is a whole number of units. With shift, the largest burst of the slowest
// rate fits. An interval that is no whole number of units is rounded up, so that a rate
// is never higher than asked for. It is lower by 1/16 ns an event, or by a millionth,
// at most.
type quota struct {
	options  RateOptions // with defaults filled in
	interval int64       // units between two events
	depth    int64       // units that a burst takes, at most 2^60
	mul      int64       // 1 to 16
	shift    uint8
	maxTime  int64 // the last nanosecond whose units fit: after nine years at least
}

const (
	maxDepth = 1 << 60
	maxAhead = 1<<60 - 1            // how far beyond depth reservations can reach, in units
	frozen   = int64(1<<62 | 1<<61) // instead of a time: the word is not used any more
	maxMul   = 16
)

// quotaOf returns the quota of the options. It panics in the name of the method if they
// are out of range.
func quotaOf(o RateOptions, method string) quota {
	if o.Per == 0 {
		o.Per = time.Second
	}
	if o.Burst == 0 {
		o.Burst = o.Events
	}
	switch {
	case o.Events < 1:
		panic(methodError(method, fmt.Errorf("%d events, want at least 1", o.Events)))
	case o.Per < 0:
		panic(methodError(method, fmt.Errorf("per %v, want a positive duration", o.Per)))
	case int64(o.Events) > int64(o.Per):
		panic(methodError(method, fmt.Errorf("%d events per %v, want one a nanosecond at most", o.Events, o.Per)))
	case o.Burst < 0 || int64(o.Burst) > MaxBurst:
		panic(methodError(method, fmt.Errorf("burst %d, want 1 to MaxBurst", o.Burst)))
	}
	events, per := uint64(o.Events), uint64(o.Per)
	common := gcd(events, per)
	events, per = events/common, per/common
	mul := min(events, maxMul)
	interval := mulDiv(per, mul, events, true) // exact if mul is events
	q := quota{options: o, mul: int64(mul), maxTime: 1 << 62 / int64(mul)}
	scaled := interval
	for {
		if high, depth := bits.Mul64(uint64(o.Burst), scaled); high == 0 && depth <= maxDepth {
			q.interval, q.depth = int64(scaled), int64(depth)
			return q
		}
		q.shift++
		scaled = (interval-1)>>q.shift + 1
	}
}

// units returns the time in units. It must be at least 0 and at most maxTime.
func (q *quota) units(t time.Duration) int64 { return int64(t) * q.mul >> q.shift }

// duration returns how long the units last, rounded up. It is zero if they are negative
// and the longest duration if there is none that is long enough.
func (q *quota) duration(units int64) time.Duration {
	if units <= 0 {
		return 0
	}
	if units > math.MaxInt64>>q.shift {
		units = math.MaxInt64
	} else {
		units <<= q.shift
	}
	return time.Duration((units-1)/q.mul + 1)
}

// ahead returns the units that surely are over after d, and maxAhead at most.
func (q *quota) ahead(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return min(q.units(min(d, time.Duration(q.maxTime))), maxAhead)
}

// cost returns the units of n events, which are at most a burst.
func (q *quota) cost(n int) int64 { return int64(n) * q.interval }

// take takes cost units from the bucket if it then is full again at most most units
// after now. It returns the time when the bucket will be full, or the reason against it:
// when the bucket would be full, or frozen. Goroutines may come with older readings of
// the clock than others: an older one allows less, never more.
func take(word *atomic.Int64, now, cost, most int64) (full int64, ok bool) {
	for {
		old := word.Load()
		full = max(old, now) + cost
		if full-now > most {
			return old, false
		}
		if word.CompareAndSwap(old, full) {
			return full, true
		}
	}
}

// available returns how many events the bucket allows now.
func (q *quota) available(word, now int64) int {
	return int(max(q.depth-max(word-now, 0), 0) / q.interval)
}

// until returns how long it takes until n events are allowed.
func (q *quota) until(word, now int64, n int) time.Duration {
	return q.duration(max(word-now, 0) + q.cost(n) - q.depth)
}

// String returns the rate as "10 per 1s, burst 20".
func (q *quota) String() string {
	return fmt.Sprintf("%d per %v, burst %d", q.options.Events, q.options.Per, q.options.Burst)
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// mulDiv returns a*b/c, rounded up or down, and at most the largest int64.
func mulDiv(a, b, c uint64, up bool) uint64 {
	high, low := bits.Mul64(a, b)
	if up {
		var carry uint64
		low, carry = bits.Add64(low, c-1, 0)
		high += carry
	}
	if high >= c {
		return math.MaxInt64
	}
	quotient, _ := bits.Div64(high, low, c)
	return min(quotient, math.MaxInt64)
}
