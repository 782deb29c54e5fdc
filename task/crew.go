package task

import (
	"context"
	"math"
	"sync"
)

// A crew is the workers of a Set or Pool and the tasks that wait for them.
//
// A worker is a goroutine. It is started for a task that finds fewer than the
// limit at work and none idle, runs whatever the queue holds, and ends when that
// is empty, unless it is one of those to keep. Whenever mu is free, the queue is
// empty or the limit is reached, and the queue is full if anybody waits for it.
type crew struct {
	ended func(runner) // is told of each end before others can know, under mu

	mu       sync.Mutex
	limit    int            // workers at work, but for those lent
	lent     int            // workers whose task waits for another task
	running  int            // tasks in the hands of a worker
	accepted uint64         // tasks, ever
	queue    queue[runner]  // tasks that have not begun
	bound    int            // of the queue
	waiters  queue[*waiter] // submitters that found the queue full
	gone     int            // of them, those that gave up
	live     int            // workers
	keep     int            // idle workers that do not end
	idle     []chan runner  // their bells, the last to fall asleep last; nil ends one
	quiet    chan struct{}  // made by close; closed when no worker is left
}

// runner is a *Handle of any type.
type runner interface {
	run()
	base() *core
}

// waiter is a submitter that waits for room in the queue.
type waiter struct {
	h     runner
	ready chan struct{} // closed when it is no longer waiting
	state waiterState   // guarded by crew.mu
}

type waiterState int

const (
	waiting waiterState = iota
	admitted
	refused
	gone // it gave up; still in the list
)

// crewKey asks a context for that of the task which a crew runs.
type crewKey struct{}

// lend gives the place of the worker that runs ctx's task, if one does, to
// another worker until the returned function is called, or the last one if
// several goroutines of the task wait. After that, one more than the limit may
// run until one of them ends.
func lend(ctx context.Context) (back func()) {
	l, _ := ctx.Value(crewKey{}).(*lazy)
	if l == nil {
		return func() {}
	}
	c := l.crew
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.waits++; l.waits == 1 {
		c.lent++
		c.staff()
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if l.waits--; l.waits == 0 {
			c.lent--
		}
	}
}

// admit hands h to a worker or to the queue, if there is room. The caller holds
// mu, and the crew is open.
func (c *crew) admit(h runner) bool {
	if c.full() && c.queue.n >= c.bound {
		return false
	}
	c.accepted++
	c.queue.push(h)
	c.staff()
	return true
}

// full says whether the limit is reached. It adds nothing to the limit, which may
// be the greatest number.
func (c *crew) full() bool { return c.running-c.lent >= c.limit }

// staff finds workers for the queue. The caller holds mu.
func (c *crew) staff() {
	for !c.full() {
		h := c.take()
		if h == nil {
			return
		}
		if last := len(c.idle) - 1; last >= 0 {
			c.idle[last] <- h
			c.idle = c.idle[:last]
			continue
		}
		c.live++
		go c.work(h)
	}
}

// take returns the next task for a worker, or nil, and lets a submitter that
// waits fill its place. The caller holds mu.
func (c *crew) take() runner {
	h, ok := c.queue.pop()
	for c.waiters.n > 0 {
		w, _ := c.waiters.pop()
		if w.state == gone {
			c.gone--
			continue
		}
		w.state = admitted
		c.accepted++
		close(w.ready)
		if ok {
			c.queue.push(w.h)
		} else {
			h, ok = w.h, true
		}
		break
	}
	if ok {
		c.running++
	}
	return h
}

// waiting returns how many submitters wait. The caller holds mu.
func (c *crew) waiting() int { return c.waiters.n - c.gone }

// forget takes w out of the list of waiters, sooner or later. The caller holds
// mu.
func (c *crew) forget(w *waiter) {
	w.state = gone
	c.gone++
	if c.gone <= c.waiters.n/2 {
		return
	}
	var rest queue[*waiter]
	for i := range c.waiters.n {
		if w := c.waiters.at(i); w.state == waiting {
			rest.push(w)
		}
	}
	c.waiters, c.gone = rest, 0
}

// work runs h and whatever comes after it.
func (c *crew) work(h runner) {
	defer func() {
		if h != nil { // the task called runtime.Goexit
			c.mu.Lock()
			c.retire(h)
			c.staff()
			c.mu.Unlock()
			h.base().wake()
		}
		c.leave()
	}()
	var bell chan runner
	for h != nil {
		h.run()
		h = c.next(h, &bell)
	}
}

// next publishes the end of the last task and returns another, or nil to end the
// worker.
func (c *crew) next(last runner, bell *chan runner) runner {
	c.mu.Lock()
	c.retire(last)
	h, sleep := c.another(bell)
	c.mu.Unlock()
	last.base().wake()
	if sleep {
		h = <-*bell
	}
	return h
}

// another returns a task, or nil, and whether the worker listens to its bell
// then. The caller holds mu.
func (c *crew) another(bell *chan runner) (h runner, sleep bool) {
	if !c.full() {
		h = c.take()
	}
	if h != nil || c.quiet != nil || len(c.idle) >= min(c.keep, c.limit) {
		return h, false
	}
	if *bell == nil {
		*bell = make(chan runner, 1)
	}
	c.idle = append(c.idle, *bell)
	return nil, true
}

// retire notes the end of a task and makes it known, but for waking who waits.
// The caller holds mu.
func (c *crew) retire(h runner) {
	core := h.base()
	c.running--
	if core.ctx.waits > 0 {
		c.lent--
	}
	core.ctx.waits = math.MinInt32 // who still waits has no place to lend
	c.ended(h)
	core.over.Store(true)
}

// leave notes the end of a worker, all of whose tasks have woken who waits for
// them.
func (c *crew) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live--
	if c.live == 0 && c.quiet != nil {
		close(c.quiet)
	}
}

// close lets nobody in any more, and returns a channel that is closed when what
// is inside has ended. It may be called again. The caller holds mu.
func (c *crew) close() <-chan struct{} {
	if c.quiet != nil {
		return c.quiet
	}
	c.quiet = make(chan struct{})
	for c.waiters.n > 0 {
		if w, _ := c.waiters.pop(); w.state == waiting {
			w.state = refused
			close(w.ready)
		}
	}
	c.gone = 0
	c.dismiss(0)
	if c.live == 0 {
		close(c.quiet)
	}
	return c.quiet
}

func (c *crew) closed() bool { return c.quiet != nil }

// resize sets the limit. The caller holds mu.
func (c *crew) resize(limit int) {
	c.limit = limit
	c.dismiss(min(c.keep, limit))
	c.staff()
}

// dismiss ends idle workers until no more than keep are left. The caller holds
// mu.
func (c *crew) dismiss(keep int) {
	for last := len(c.idle) - 1; last >= keep; last-- {
		c.idle[last] <- nil
		c.idle = c.idle[:last]
	}
}
