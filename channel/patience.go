package channel

import (
	"runtime"
	"sync/atomic"
	"time"
)

const (
	restYields = 4                      // yields before a goroutine parks
	restGain   = 8                      // less is little
	restTries  = 4                      // rests in a row that brought little, then none for a while
	restPause  = 32                     // so many waits go without a rest then
	restSlow   = 100 * time.Microsecond // a rest that takes longer shows a busy machine
	busyPause  = 1024                   // so many waits go without a rest then
	restTrust  = 16                     // after a quick rest so many are not timed
)

// patience is how one side of a queue waits before it parks, or goes on with
// little: it lets other goroutines run a few times, in which the other side
// often does enough for many messages to be passed without a wake-up, or a
// look at its cache line. Where that brings little several times in a row, or
// takes long, it is left out for a while, and then tried once.
type patience struct {
	pause  atomic.Int32 // waits to go without a rest
	failed atomic.Int32 // rests in a row that brought little
	trust  atomic.Int32 // rests to go untimed: the clock costs as much as a yield
}

// impatient reports whether to do without a rest this time.
func (p *patience) impatient() bool {
	return p.pause.Load() > 0 && p.pause.Add(-1) >= 0
}

// rest yields until available is at least enough, or positive and no longer
// growing.
func (p *patience) rest(enough int, available func() int) {
	timed := p.trust.Add(-1) < 0
	first := available()
	n, slow := yield(first, enough, timed, available)
	if slow {
		p.pause.Store(busyPause)
		return
	}
	if timed {
		p.trust.Store(restTrust)
	}
	switch {
	case n-first >= min(restGain, enough):
		if p.failed.Load() != 0 {
			p.failed.Store(0)
		}
	case p.failed.Add(1) >= restTries:
		p.failed.Store(restTries - 1) // one try after the pause
		p.pause.Store(restPause)
		fallthrough
	default:
		p.trust.Store(0)
	}
}

// yield yields and returns what is available then. If timed, it stops when that
// takes long.
func yield(last, enough int, timed bool, available func() int) (n int, slow bool) {
	var start time.Time
	if timed {
		start = time.Now()
	}
	for range restYields {
		runtime.Gosched()
		if timed && time.Since(start) > restSlow {
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
