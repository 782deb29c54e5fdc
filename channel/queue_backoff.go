package channel

import (
	"runtime"
	"sync/atomic"
	"time"
)

const (
	maxYields     = 4                      // yields before a goroutine blocks
	minGain       = 8                      // a smaller gain counts as a failure
	maxFailures   = 4                      // failures in a row, after which yielding is skipped
	failedPause   = 32                     // waits that skip yielding after maxFailures failures
	slowYield     = 100 * time.Microsecond // yielding that takes longer shows a busy machine
	slowPause     = 1 << 10                // waits that skip yielding after a slow call, doubled for each more in a row
	maxSlowPause  = 1 << 20
	untimedYields = 16 // calls of yield that are not timed after a quick one
)

// backoff yields a few times before one side of a queue blocks, or goes on with few
// messages or slots. Meanwhile the other side often does enough for many messages to
// pass without a wake-up. If yielding gained little several times in a row, or was
// slow, it is skipped for a number of waits and then tried once.
//
// It is ours. Unlike crossbeam's Backoff it never spins, and it measures whether it
// helps.
type backoff struct {
	pause   atomic.Int32 // waits that are still to skip yielding
	failed  atomic.Int32 // failures in a row
	untimed atomic.Int32 // calls of yield that are still not timed: the clock costs as much as a yield
	slow    atomic.Int32 // the pause after the last call, if that was slow
}

// skip reports whether this wait skips yielding, and counts it.
func (p *backoff) skip() bool {
	return p.pause.Load() > 0 && p.pause.Add(-1) >= 0
}

// yield yields until available returns at least enough, or a positive number that has
// stopped growing.
func (p *backoff) yield(enough int, available func() int) {
	timed := p.untimed.Add(-1) < 0
	first := available()
	n, slow := yieldUntil(first, enough, timed, available)
	if slow {
		pause := min(max(slowPause, 2*p.slow.Load()), maxSlowPause)
		p.slow.Store(pause)
		p.pause.Store(pause)
		return
	}
	if timed {
		p.untimed.Store(untimedYields)
		p.slow.Store(0)
	}
	switch {
	case n-first >= min(minGain, enough):
		if p.failed.Load() != 0 {
			p.failed.Store(0)
		}
	case p.failed.Add(1) >= maxFailures:
		p.failed.Store(maxFailures - 1) // one try after the pause
		p.pause.Store(failedPause)
		fallthrough
	default:
		p.untimed.Store(0)
	}
}

// yieldUntil yields and returns what is available in the end. If timed, it stops as
// soon as yielding is slow.
func yieldUntil(last, enough int, timed bool, available func() int) (n int, slow bool) {
	var start time.Time
	if timed {
		start = time.Now()
	}
	for range maxYields {
		runtime.Gosched()
		if timed && time.Since(start) > slowYield {
			return 0, true
		}
		n = available()
		if n >= enough || n > 0 && n == last {
			break
		}
		last = n
	}
	return n, false
}
