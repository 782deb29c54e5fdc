package task

import (
	"context"
	"sync"
)

// A workers is the workers of a Set, a Pool or a Scope with a limit, and the tasks
// that wait for them.
//
// A worker is a goroutine. One is started for a task if a place is free and no
// worker is idle. It runs tasks from the queue and ends when the queue is empty,
// unless it is one of the idle workers to keep.
//
// Whenever mu is free, the queue is empty or all places are taken, and the queue
// is full if a submitter waits.
type workers struct {
	kind  string          // "Set" or the like
	onEnd func(anyHandle) // is told of each end before it is published, under mu; may be nil
	scope *Scope          // whose tasks these are, or nil
	node  *node           // guarded by waits

	// onStuck is called when one more task waits in Set.Next, under mu; nil for a Pool.
	onNextWaiter func()

	mu          sync.Mutex
	limit       int              // slots
	running     int              // tasks that have begun and not ended
	handedOver  int              // of them, those whose slot another task has
	overLimit   int              // of the latter, those over the limit
	handoffs    uint64           // slots passed on, ever
	accepted    uint64           // tasks, ever
	succeeded   uint64           // of them, those that ended without an error
	failed      uint64           // with an error
	panicked    uint64           // by a panic
	replaced    int              // tasks of a JoinMap that were replaced and have not ended
	queue       fifo[anyHandle]  // tasks that have not begun, and some that have begun out of turn
	queuedBegun int              // of the queue, tasks that have begun
	queueLimit  int              // of queued()
	submitters  fifo[*submitter] // submitters that found the queue full
	canceled    int              // of them, those that no longer wait
	inNext      []*taskState     // tasks that wait in Set.Next
	reacquiring fifo[*taskState] // tasks that wait for their slot, and some that have it again
	goroutines  int              // workers
	idleWorkers []*worker        // those without a task, the last to become idle last
	maxIdle     int              // idle workers that do not end
	allStopped  chan struct{}    // made by close; closed when no worker is left
	allEnded    chan struct{}    // made by Wait; closed when no task is left

	ctx    context.Context // parent of the tasks' contexts; replaced by abort
	cancel context.CancelCauseFunc
	parent context.Context // of ctx; nil in the zero value
	end    endReport
}

// anyHandle is a *Handle of any type.
type anyHandle interface {
	waitable
	runAlone()
	run()
	refuse(err error)
	base() *taskState
}

// A worker runs one task after the other.
type worker struct {
	task  anyHandle      // nil while it is idle; its goroutine may read it, others only under workers.mu
	tasks chan anyHandle // for an idle worker; nil ends it
}

// submitter is a submitter that waits for free capacity in the queue.
type submitter struct {
	h             anyHandle
	handoff       handoff        // of h
	ready         chan struct{}  // closed when it no longer waits
	state         submitterState // guarded by workers.mu
	inWaitersSlot bool           // the task runs in the slot of a task that waits for it
}

type submitterState int

const (
	waiting submitterState = iota
	admitted
	refused
	canceled // it gave up; still in the list
)

func (ws *workers) init(ctx context.Context, kind string, limit, bound int) {
	ws.kind, ws.limit, ws.queueLimit, ws.parent = kind, limit, bound, ctx
	ws.ctx, ws.cancel = context.WithCancelCause(ctx)
}

// check panics if c is that of a zero Set or Pool.
func (ws *workers) check(kind, method string) {
	if ws.parent == nil {
		panic(bug("%s.%s: zero %s", kind, method, kind))
	}
}

// checkWait is check for a method that waits until ctx is done.
func (ws *workers) checkWait(ctx context.Context, kind, method string) {
	ws.check(kind, method)
	if ctx == nil {
		panic(bug("%s.%s: nil context", kind, method))
	}
}

// ended has nothing to do: the worker publishes the end.
func (*workers) ended(*taskState) {}

// workers returns the crew that runs the task, or nil.
func (t *taskState) workers() *workers {
	switch owner := t.owner.(type) {
	case *workers:
		return owner
	case *Scope:
		return owner.workers
	default:
		return nil
	}
}

// atLimit reports whether so many tasks are at work that none may begin. It adds nothing
// to the limit, which may be the greatest number.
func (ws *workers) atLimit() bool { return ws.running-ws.handedOver+ws.overLimit >= ws.limit }

// queued returns how many tasks in the queue have not begun. The caller holds mu.
func (ws *workers) queued() int { return ws.queue.n - ws.queuedBegun }

// waitingSubmitters returns how many submitters wait. The caller holds mu.
func (ws *workers) waitingSubmitters() int { return ws.submitters.n - ws.canceled }

// unended returns how many accepted tasks have not ended. The caller holds mu.
func (ws *workers) unended() int { return ws.running + ws.queued() }

// admit hands h to a worker or to the queue, if there is room. The caller holds
// mu, and the crew is open.
func (ws *workers) admit(h anyHandle) bool {
	if ws.atLimit() && ws.queued() >= ws.queueLimit {
		return false
	}
	ws.accept(h)
	ws.queue.push(h)
	ws.startQueued()
	return true
}

// submit admits h, waiting until ctx is done if it may wait.
func (ws *workers) submit(ctx context.Context, h anyHandle, mayWait bool) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	ws.mu.Lock()
	var w *submitter
	var err error
	switch {
	case ws.closed():
		err = ErrClosed
	case ws.parent.Err() != nil:
		err = contextError(ws.parent)
	case ws.admit(h):
	case mayWait:
		w = ws.enqueueSubmitter(h)
	default:
		err = ErrFull
	}
	ws.mu.Unlock()
	if w != nil {
		err = ws.awaitAdmission(ctx, w)
	}
	return err
}

// enqueueSubmitter makes a waiter for h. The caller holds mu.
func (ws *workers) enqueueSubmitter(h anyHandle) *submitter {
	w := &submitter{h: h, ready: make(chan struct{})}
	w.handoff.submitter = w
	h.base().handoff = &w.handoff
	ws.submitters.push(w)
	return w
}

// awaitAdmission waits until w is admitted or ctx is done. If a task of the crew
// waits here, the new one may run in its place, and then awaitAdmission waits for
// its end.
func (ws *workers) awaitAdmission(ctx context.Context, w *submitter) error {
	if x, own := waiterOf(ctx); x != nil {
		e := &edge{ctx: ctx, ownGoroutine: own, uninterruptible: true}
		_ = e.connect(x, w.h) // it waits for nothing: there is no ring
		defer e.end(ctx)
	}
	err := wait(ctx, w.ready)
	ws.mu.Lock()
	if w.state == waiting {
		ws.cancelSubmitter(w)
	}
	state, passed := w.state, w.inWaitersSlot
	ws.mu.Unlock()
	switch {
	case state == canceled:
		return err
	case state == refused:
		return ErrClosed
	case passed: // also when ctx was done meanwhile
		_ = wait(ctx, w.h.base().doneChan())
	}
	return nil
}

func (ws *workers) accept(h anyHandle) {
	ws.accepted++
	h.base().parent = ws.ctx
}

func (ws *workers) admitSubmitter(w *submitter) {
	w.state = admitted
	ws.accept(w.h)
	close(w.ready)
}

// startQueued gives free places to tasks: first to those that wait for their own, then
// to the queue. The caller holds mu.
func (ws *workers) startQueued() {
	for !ws.atLimit() {
		if ws.reacquireOne() {
			continue
		}
		h := ws.takeQueued()
		if h == nil {
			break
		}
		ws.start(h)
	}
	for len(ws.inNext) > 0 && ws.handFromNext() {
	}
}

// takeQueued returns the next task of the queue, or nil, and lets a submitter that
// waits fill its place. The caller begins the task and holds mu.
func (ws *workers) takeQueued() anyHandle {
	h, ok := ws.queue.pop()
	for ws.queuedBegun > 0 && ok && h.base().begun {
		ws.queuedBegun--
		h, ok = ws.queue.pop()
	}
	for ws.submitters.n > 0 {
		w, _ := ws.submitters.pop()
		if w.state != waiting {
			ws.canceled--
			continue
		}
		ws.admitSubmitter(w)
		if ok {
			ws.queue.push(w.h)
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

// admitSubmitters lets submitters that wait into the queue while that has room. The caller
// holds mu.
func (ws *workers) admitSubmitters() {
	for ws.submitters.n > 0 && ws.queued() < ws.queueLimit {
		if w, _ := ws.submitters.pop(); w.state == waiting {
			ws.admitSubmitter(w)
			ws.queue.push(w.h)
		} else {
			ws.canceled--
		}
	}
}

// begin notes that w runs h from now on. The caller holds mu.
func (ws *workers) begin(w *worker, h anyHandle) {
	w.task = h
	h.base().begin()
	ws.running++
}

// start begins h with an idle worker or a new one. The caller holds mu.
func (ws *workers) start(h anyHandle) {
	if n := len(ws.idleWorkers); n > 0 {
		w := last(ws.idleWorkers)
		ws.idleWorkers = drop(ws.idleWorkers)
		ws.begin(w, h)
		w.tasks <- h
		return
	}
	w := new(worker)
	ws.goroutines++
	ws.begin(w, h)
	go ws.work(w, h)
}

// cancelSubmitter takes w out of the list of waiters, sooner or later. The caller holds
// mu.
func (ws *workers) cancelSubmitter(w *submitter) {
	w.state = canceled
	w.h.base().begin() // it never will
	ws.countCanceled()
}

// countCanceled counts a waiter of the list that no longer waits.
func (ws *workers) countCanceled() {
	ws.canceled++
	if ws.canceled <= ws.submitters.n/2 {
		return
	}
	var rest fifo[*submitter]
	for i := range ws.submitters.n {
		if w := ws.submitters.at(i); w.state == waiting {
			rest.push(w)
		}
	}
	ws.submitters, ws.canceled = rest, 0
}

// work runs h and whatever comes after it.
func (ws *workers) work(w *worker, h anyHandle) {
	defer func() {
		if h != nil { // the task called runtime.Goexit
			ws.mu.Lock()
			ended := ws.taskEnded(h)
			w.task = nil
			ws.startQueued()
			ws.mu.Unlock()
			ws.wake(ended)
		}
		ws.workerEnded()
	}()
	register(w)
	for h != nil {
		h.run()
		h = ws.next(w, h)
	}
}

// next publishes the end of the last task and returns another, or nil to end the
// worker.
func (ws *workers) next(w *worker, last anyHandle) anyHandle {
	ws.mu.Lock()
	ended := ws.taskEnded(last)
	h, idle := ws.nextOrIdle(w)
	ws.mu.Unlock()
	ended.wake()
	if ws.scope != nil {
		ws.scope.leave()
	}
	if idle {
		h = <-w.tasks
	}
	return h
}

// nextOrIdle returns a task for w, or nil, and whether w is idle then. The caller
// holds mu.
func (ws *workers) nextOrIdle(w *worker) (h anyHandle, idle bool) {
	w.task = nil
	for ws.reacquiring.n > 0 && !ws.atLimit() && ws.reacquireOne() {
	}
	if !ws.atLimit() {
		h = ws.takeQueued()
	}
	if h != nil {
		ws.begin(w, h)
	}
	if len(ws.inNext) > 0 {
		ws.startQueued()
	}
	if h != nil || ws.allStopped != nil || len(ws.idleWorkers) >= min(ws.maxIdle, ws.limit) {
		return h, false
	}
	if w.tasks == nil {
		w.tasks = make(chan anyHandle, 1)
	}
	ws.idleWorkers = append(ws.idleWorkers, w)
	return nil, true
}

// endQueued ends a task that was aborted, if it is in the queue and has not begun.
func (ws *workers) endQueued(r anyHandle) {
	h := r.base()
	ws.mu.Lock()
	queued := !h.begun && (h.handoff == nil || h.handoff.submitter == nil || h.handoff.submitter.state == admitted)
	if queued {
		h.begin()
		ws.countBegun()
		r.refuse(ErrAborted)
		ws.publish(r, h)
		ws.admitSubmitters()
		ws.startQueued()
	}
	ws.mu.Unlock()
	if queued {
		ws.wake(h)
	}
}

// countBegun counts a task of the queue that has begun out of turn, or never will.
func (ws *workers) countBegun() {
	ws.queuedBegun++
	if ws.queuedBegun <= smallestRing || ws.queuedBegun <= ws.queue.n/2 {
		return
	}
	var rest fifo[anyHandle]
	for i := range ws.queue.n {
		if h := ws.queue.at(i); !h.base().begun {
			rest.push(h)
		}
	}
	ws.queue, ws.queuedBegun = rest, 0
}

// taskEnded notes the end of a task that has begun and publishes it, but for waking
// its joiners. The caller holds mu.
func (ws *workers) taskEnded(h anyHandle) *taskState {
	ws.running--
	core := h.base()
	if core.handoff != nil {
		ws.returnSlot(core)
	}
	ws.publish(h, core)
	return core
}

// publish notes the end of the task h, which is that of core. The caller holds mu.
func (ws *workers) publish(h anyHandle, core *taskState) {
	core.ended = true
	if core.failure == nil {
		ws.succeeded++
	} else {
		ws.recordFailure(core.failure)
	}
	if ws.onEnd != nil {
		ws.onEnd(h)
	}
	core.isDone.Store(true)
	if ws.allEnded != nil {
		ws.publishAllEnded()
	}
}

// wake tells joiners, and the scope, of the end of a task that was published.
func (ws *workers) wake(h *taskState) {
	h.wake()
	if ws.scope != nil {
		ws.scope.leave()
	}
}

// publishAllEnded wakes callers of Wait, of which there are some, if there is no task. The caller holds mu.
func (ws *workers) publishAllEnded() {
	if ws.unended() == 0 {
		close(ws.allEnded)
		ws.allEnded = nil
	}
}

// workerEnded notes the end of a worker, all of whose tasks have woken their joiners.
func (ws *workers) workerEnded() {
	unregister()
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.goroutines--
	if ws.goroutines == 0 && ws.allStopped != nil {
		close(ws.allStopped)
	}
}

// resize sets the limit. The caller holds mu.
func (ws *workers) resize(limit int) {
	ws.limit = limit
	ws.stopIdle(min(ws.maxIdle, limit))
	ws.startQueued()
}

// stopIdle ends idle workers until no more than keep are left. The caller holds
// mu.
func (ws *workers) stopIdle(keep int) {
	for len(ws.idleWorkers) > keep {
		last(ws.idleWorkers).tasks <- nil
		ws.idleWorkers = drop(ws.idleWorkers)
	}
}
