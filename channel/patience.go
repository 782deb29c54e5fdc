package channel

import (
	"runtime"
	"sync/atomic"
	"time"
)

const (
	restYields = 8                      // yields before a goroutine parks
	restGain   = 4                      // less is little
	restPause  = 64                     // so many waits go without a yield after some that brought little
	restSlow   = 100 * time.Microsecond // yields that take longer show a busy machine
	busyPause  = 1024                   // so many waits go without a yield after that
)

// patience is how one side of a queue waits before it parks, or goes on with
// little: it lets other goroutines run a few times, in which the other side
// often does enough for many messages to be passed without a wake-up, or a
// look at its cache line. Where that brings little or takes long, it is left
// out for a while.
type patience struct{ pause atomic.Int32 }

// impatient reports whether to do without a rest this time.
func (p *patience) impatient() bool {
	return p.pause.Load() > 0 && p.pause.Add(-1) >= 0
}

// rest yields until available is at least enough, or positive and no longer
// growing.
func (p *patience) rest(enough int, available func() int) {
	first := available()
	last := first
	start := time.Now()
	for range restYields {
		runtime.Gosched()
		if time.Since(start) > restSlow {
			p.pause.Store(busyPause)
			return
		}
		n := available()
		if n >= enough {
			return
		}
		if n > 0 && n == last {
			break
		}
		last = n
	}
	if last-first < restGain {
		p.pause.Store(restPause)
	}
}
