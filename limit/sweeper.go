package limit

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// A sweeper calls a function every so often while there is something to sweep. It has a
// timer, which is pending while there is, and a goroutine only while it sweeps.
type sweeper struct {
	every time.Duration
	sweep func()
	some  func() bool // reports whether there is something to sweep

	// awake is set while the timer is pending or a sweep runs. An owner that adds
	// something first counts it, then calls wake. A sweep that ends first clears awake,
	// then asks some. So one of both sees the other.
	awake   atomic.Bool
	hurried atomic.Bool // the timer is set for as early as can be
	closed  atomic.Bool

	mu       sync.Mutex
	timer    *time.Timer
	sweeping bool
	rested   time.Time     // no sweep begins before
	ended    chan struct{} // closed when closed and not sweeping
}

// rest is how many times as long as it took a sweeper does nothing after a sweep.
const rest = 10

func (s *sweeper) init(every time.Duration, sweep func(), some func() bool) {
	s.every, s.sweep, s.some = every, sweep, some
	s.ended = make(chan struct{})
	s.timer = time.AfterFunc(math.MaxInt64, s.run)
	s.timer.Stop()
}

func (s *sweeper) isClosed() bool { return s.closed.Load() }

// wake says that there is something to sweep.
func (s *sweeper) wake() {
	if s.awake.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plan()
}

// plan sets the timer for the next sweep if there is none to come. The lock is held.
func (s *sweeper) plan() {
	if s.closed.Load() || s.awake.Load() {
		return
	}
	s.awake.Store(true)
	s.timer.Reset(max(s.every, time.Until(s.rested)))
}

// hurry makes the next sweep come as early as can be.
func (s *sweeper) hurry() {
	if s.hurried.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Load() || s.sweeping || s.hurried.Load() {
		return
	}
	s.hurried.Store(true)
	s.awake.Store(true)
	s.timer.Reset(max(0, time.Until(s.rested)))
}

// run is the timer's function.
func (s *sweeper) run() {
	s.mu.Lock()
	if s.closed.Load() || s.sweeping { // the timer was set again after run had begun
		s.mu.Unlock()
		return
	}
	s.sweeping = true
	s.mu.Unlock()

	begin := time.Now()
	s.sweep()
	now := time.Now()

	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweeping = false
	s.rested = now.Add(rest * now.Sub(begin))
	s.hurried.Store(false)
	s.awake.Store(false)
	if s.closed.Load() {
		close(s.ended)
		return
	}
	if s.some() {
		s.plan()
	}
}

// close ends the sweeper and waits for a sweep that has begun.
func (s *sweeper) close() {
	s.mu.Lock()
	if !s.closed.Swap(true) {
		s.timer.Stop()
		if !s.sweeping {
			close(s.ended)
		}
	}
	s.mu.Unlock()
	<-s.ended
}
