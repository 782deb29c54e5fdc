package task

import (
	"context"
	"sync"
)

// A crew is the workers of a Set, a Pool or a Scope with a limit, and the tasks
// that wait for them.
//
// A worker is a goroutine. One is started for a task if a place is free and no
// worker is idle. It runs tasks from the queue and ends when the queue is empty,
// unless it is one of the idle workers to keep.
//
// Whenever mu is free, the queue is empty or all places are taken, and the queue
// is full if a submitter waits.
type crew struct {
	kind  string       // "Set" or the like
	onEnd func(runner) // is told of each end before it is published, under mu; may be nil
	scope *Scope       // whose tasks these are, or nil
	node  *node        // guarded by waits

	// onStuck is called when one more task waits in Set.Next, under mu; nil for a Pool.
	onStuck func()

	mu        sync.Mutex
	limit     int           // places
	running   int           // tasks that have begun and not ended
	passed    int           // of them, those whose place another task has
	over      int           // of the latter, those over the limit
	handed    uint64        // places passed on, ever
	accepted  uint64        // tasks, ever
	succeeded uint64        // of them, those that ended without an error
	failed    uint64        // with an error
	panicked  uint64        // by a panic
	replaced  int           // tasks of a JoinMap that were replaced and have not ended
	queue     fifo[runner]  // tasks that have not begun, and some that have begun out of turn
	begun     int           // of the queue, tasks that have begun
	bound     int           // of queued()
	waiters   fifo[*waiter] // submitters that found the queue full
	gone      int           // of them, those that no longer wait
	inNext    []*core       // tasks that wait in Set.Next
	regaining fifo[*core]   // tasks that wait for their place, and some that have it again
	live      int           // workers
	idle      []*worker     // those without a task, the last to become idle last
	keepIdle  int           // idle workers that do not end
	quiet     chan struct{} // made by close; closed when no worker is left
	empty     chan struct{} // made by Wait; closed when no task is left

	ctx    context.Context // parent of the tasks' contexts; replaced by abort
	cancel context.CancelCauseFunc
	parent context.Context // of ctx; nil in the zero value
	ends   ends
}

// runner is a *Handle of any type.
type runner interface {
	waitable
	runAlone()
	run()
	refuse(err error)
	base() *core
}

// A worker runs one task after the other.
type worker struct {
	task  runner      // nil while it is idle; its goroutine may read it, others only under crew.mu
	tasks chan runner // for an idle worker; nil ends it
}

// waiter is a submitter that waits for free capacity in the queue.
type waiter struct {
	h      runner
	loan   loan          // of h
	ready  chan struct{} // closed when it no longer waits
	state  waiterState   // guarded by crew.mu
	passed bool          // the task runs in the place of a task that waits for it
}

type waiterState int

const (
	waiting waiterState = iota
	admitted
	refused
	gone // it gave up; still in the list
)

func (c *crew) init(ctx context.Context, kind string, limit, bound int) {
	c.kind, c.limit, c.bound, c.parent = kind, limit, bound, ctx
	c.ctx, c.cancel = context.WithCancelCause(ctx)
}

// check panics if c is that of a zero Set or Pool.
func (c *crew) check(kind, method string) {
	if c.parent == nil {
		panic(bug("%s.%s: zero %s", kind, method, kind))
	}
}

// ended has nothing to do: the worker publishes the end.
func (*crew) ended(*core) {}

// crew returns the crew that runs the task, or nil.
func (c *core) crew() *crew {
	switch owner := c.owner.(type) {
	case *crew:
		return owner
	case *Scope:
		return owner.crew
	default:
		return nil
	}
}

// full reports whether so many tasks are at work that none may begin. It adds nothing
// to the limit, which may be the greatest number.
func (c *crew) full() bool { return c.running-c.passed+c.over >= c.limit }

// queued returns how many tasks in the queue have not begun. The caller holds mu.
func (c *crew) queued() int { return c.queue.n - c.begun }

// waiting returns how many submitters wait. The caller holds mu.
func (c *crew) waiting() int { return c.waiters.n - c.gone }

// left returns how many accepted tasks have not ended. The caller holds mu.
func (c *crew) left() int { return c.running + c.queued() }

// admit hands h to a worker or to the queue, if there is room. The caller holds
// mu, and the crew is open.
func (c *crew) admit(h runner) bool {
	if c.full() && c.queued() >= c.bound {
		return false
	}
	c.accept(h)
	c.queue.push(h)
	c.staff()
	return true
}

// submit admits h, waiting until ctx is done if it may wait.
func (c *crew) submit(ctx context.Context, h runner, mayWait bool) error {
	if ctx.Err() != nil {
		return over(ctx)
	}
	c.mu.Lock()
	var w *waiter
	var err error
	switch {
	case c.closed():
		err = ErrClosed
	case c.parent.Err() != nil:
		err = over(c.parent)
	case c.admit(h):
	case mayWait:
		w = c.queueUp(h)
	default:
		err = ErrFull
	}
	c.mu.Unlock()
	if w != nil {
		err = c.awaitAdmission(ctx, w)
	}
	return err
}

// queueUp makes a waiter for h. The caller holds mu.
func (c *crew) queueUp(h runner) *waiter {
	w := &waiter{h: h, ready: make(chan struct{})}
	w.loan.entry = w
	h.base().loan = &w.loan
	c.waiters.push(w)
	return w
}

// awaitAdmission waits until w is admitted or ctx is done. If a task of the crew
// waits here, the new one may run in its place, and then awaitAdmission waits for
// its end.
func (c *crew) awaitAdmission(ctx context.Context, w *waiter) error {
	if x, own := waiterOf(ctx); x != nil {
		e := &edge{ctx: ctx, own: own, must: true}
		_ = e.connect(x, w.h) // it waits for nothing: there is no ring
		defer e.end(ctx)
	}
	err := wait(ctx, w.ready)
	c.mu.Lock()
	if w.state == waiting {
		c.forget(w)
	}
	state, passed := w.state, w.passed
	c.mu.Unlock()
	switch {
	case state == gone:
		return err
	case state == refused:
		return ErrClosed
	case passed: // also when ctx was done meanwhile
		_ = wait(ctx, w.h.base().Done())
	}
	return nil
}

func (c *crew) accept(h runner) {
	c.accepted++
	h.base().parent = c.ctx
}

func (c *crew) admitWaiter(w *waiter) {
	w.state = admitted
	c.accept(w.h)
	close(w.ready)
}

// staff gives free places to tasks: first to those that wait for their own, then
// to the queue. The caller holds mu.
func (c *crew) staff() {
	for !c.full() {
		if c.regainOne() {
			continue
		}
		h := c.take()
		if h == nil {
			break
		}
		c.start(h)
	}
	for len(c.inNext) > 0 && c.passNext() {
	}
}

// take returns the next task of the queue, or nil, and lets a submitter that
// waits fill its place. The caller begins the task and holds mu.
func (c *crew) take() runner {
	h, ok := c.queue.pop()
	for c.begun > 0 && ok && h.base().begun {
		c.begun--
		h, ok = c.queue.pop()
	}
	for c.waiters.n > 0 {
		w, _ := c.waiters.pop()
		if w.state != waiting {
			c.gone--
			continue
		}
		c.admitWaiter(w)
		if ok {
			c.queue.push(w.h)
		} else {
			h, ok = w.h, true
		}
		break
	}
	if !ok {
		return nil
	}
	return h
}

// fill lets submitters that wait into the queue while that has room. The caller
// holds mu.
func (c *crew) fill() {
	for c.waiters.n > 0 && c.queued() < c.bound {
		if w, _ := c.waiters.pop(); w.state == waiting {
			c.admitWaiter(w)
			c.queue.push(w.h)
		} else {
			c.gone--
		}
	}
}

// begin notes that w runs h from now on. The caller holds mu.
func (c *crew) begin(w *worker, h runner) {
	w.task = h
	h.base().begin()
	c.running++
}

// start begins h with an idle worker or a new one. The caller holds mu.
func (c *crew) start(h runner) {
	if n := len(c.idle); n > 0 {
		w := last(c.idle)
		c.idle = drop(c.idle)
		c.begin(w, h)
		w.tasks <- h
		return
	}
	w := new(worker)
	c.live++
	c.begin(w, h)
	go c.work(w, h)
}

// forget takes w out of the list of waiters, sooner or later. The caller holds
// mu.
func (c *crew) forget(w *waiter) {
	w.state = gone
	w.h.base().begin() // it never will
	c.noteGone()
}

// noteGone counts a waiter of the list that no longer waits.
func (c *crew) noteGone() {
	c.gone++
	if c.gone <= c.waiters.n/2 {
		return
	}
	var rest fifo[*waiter]
	for i := range c.waiters.n {
		if w := c.waiters.at(i); w.state == waiting {
			rest.push(w)
		}
	}
	c.waiters, c.gone = rest, 0
}

// work runs h and whatever comes after it.
func (c *crew) work(w *worker, h runner) {
	defer func() {
		if h != nil { // the task called runtime.Goexit
			c.mu.Lock()
			ended := c.retire(h)
			w.task = nil
			c.staff()
			c.mu.Unlock()
			c.wake(ended)
		}
		c.leave()
	}()
	register(w)
	for h != nil {
		h.run()
		h = c.next(w, h)
	}
}

// next publishes the end of the last task and returns another, or nil to end the
// worker.
func (c *crew) next(w *worker, last runner) runner {
	c.mu.Lock()
	ended := c.retire(last)
	h, idle := c.another(w)
	c.mu.Unlock()
	ended.wake()
	if c.scope != nil {
		c.scope.leave()
	}
	if idle {
		h = <-w.tasks
	}
	return h
}

// another returns a task for w, or nil, and whether w is idle then. The caller
// holds mu.
func (c *crew) another(w *worker) (h runner, idle bool) {
	w.task = nil
	for c.regaining.n > 0 && !c.full() && c.regainOne() {
	}
	if !c.full() {
		h = c.take()
	}
	if h != nil {
		c.begin(w, h)
	}
	if len(c.inNext) > 0 {
		c.staff()
	}
	if h != nil || c.quiet != nil || len(c.idle) >= min(c.keepIdle, c.limit) {
		return h, false
	}
	if w.tasks == nil {
		w.tasks = make(chan runner, 1)
	}
	c.idle = append(c.idle, w)
	return nil, true
}

// dismissQueued ends a task that was aborted, if it is in the queue and has not begun.
func (c *crew) dismissQueued(r runner) {
	h := r.base()
	c.mu.Lock()
	queued := !h.begun && (h.loan == nil || h.loan.entry == nil || h.loan.entry.state == admitted)
	if queued {
		h.begin()
		c.noteBegun()
		r.refuse(ErrAborted)
		c.publish(r, h)
		c.fill()
		c.staff()
	}
	c.mu.Unlock()
	if queued {
		c.wake(h)
	}
}

// noteBegun counts a task of the queue that has begun out of turn, or never will.
func (c *crew) noteBegun() {
	c.begun++
	if c.begun <= smallestRing || c.begun <= c.queue.n/2 {
		return
	}
	var rest fifo[runner]
	for i := range c.queue.n {
		if h := c.queue.at(i); !h.base().begun {
			rest.push(h)
		}
	}
	c.queue, c.begun = rest, 0
}

// retire notes the end of a task that has begun and publishes it, but for waking
// its joiners. The caller holds mu.
func (c *crew) retire(h runner) *core {
	c.running--
	core := h.base()
	if core.loan != nil {
		c.returnPlace(core)
	}
	c.publish(h, core)
	return core
}

// publish notes the end of the task h, which is that of core. The caller holds mu.
func (c *crew) publish(h runner, core *core) {
	core.ended = true
	if core.failure == nil {
		c.succeeded++
	} else {
		c.fail(core.failure)
	}
	if c.onEnd != nil {
		c.onEnd(h)
	}
	core.over.Store(true)
	if c.empty != nil {
		c.noteEmpty()
	}
}

// wake tells joiners, and the scope, of the end of a task that was published.
func (c *crew) wake(h *core) {
	h.wake()
	if c.scope != nil {
		c.scope.leave()
	}
}

// noteEmpty wakes callers of Wait, of which there are some, if there is no task. The caller holds mu.
func (c *crew) noteEmpty() {
	if c.left() == 0 {
		close(c.empty)
		c.empty = nil
	}
}

// leave notes the end of a worker, all of whose tasks have woken their joiners.
func (c *crew) leave() {
	unregister()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live--
	if c.live == 0 && c.quiet != nil {
		close(c.quiet)
	}
}

// resize sets the limit. The caller holds mu.
func (c *crew) resize(limit int) {
	c.limit = limit
	c.dismiss(min(c.keepIdle, limit))
	c.staff()
}

// dismiss ends idle workers until no more than keep are left. The caller holds
// mu.
func (c *crew) dismiss(keep int) {
	for len(c.idle) > keep {
		last(c.idle).tasks <- nil
		c.idle = drop(c.idle)
	}
}
