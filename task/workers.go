package task

import (
	"context"
	"sync"
)

// workers are the goroutines that run the tasks of a Set, a Pool or a group, with the queue of
// tasks that have not started and the Submit calls that wait for the queue.
//
// A worker starts when a task arrives, a slot is free and no worker is idle. It runs tasks from
// the queue, and stops when the queue is empty unless fewer than maxIdle workers are idle. An
// idle worker gets its next task directly, through a channel of its own; the worker that became
// idle last is used first, as in fasthttp's workerpool, because its data is the most likely to be
// in the cache. The rest is after java.util.concurrent's ThreadPoolExecutor.
//
// Invariants whenever mu is free: the queue is empty or all slots are used; if a Submit waits,
// the queue is full. Slots are explained in slots.go.
type workers struct {
	kind  string          // the type of the owner, for texts
	onEnd func(anyHandle) // called at each end before it is published, under mu; may be nil
	scope *Scope          // the owner if it is a scope, else nil
	node  *node           // guarded by waitGraph

	// onNextWaiter is called when one more task waits in Set.Next, under mu; nil for a Pool
	onNextWaiter func()

	mu          sync.Mutex
	limit       int              // how many slots there are
	running     int              // tasks that have started and not ended
	handedOver  int              // of running: tasks whose slot another task uses
	overLimit   int              // of handedOver: tasks at work all the same
	handoffs    uint64           // how often a slot was handed over
	accepted    uint64           // tasks, in total
	succeeded   uint64           // of accepted: tasks that ended without an error
	failed      uint64           // of accepted: with an error
	panicked    uint64           // of accepted: with a panic
	replaced    int              // tasks of a JoinMap that were replaced and have not ended
	queue       fifo[anyHandle]  // tasks that have not started, and some that started out of order
	queuedBegun int              // how many in queue have started
	queueLimit  int              // the maximum of queued()
	submitters  fifo[*submitter] // calls of Submit that found the queue full
	canceled    int              // how many in submitters no longer wait
	inNext      []*taskState     // tasks that wait in Set.Next
	reacquiring fifo[*taskState] // tasks that wait for their slot, and some that have it again
	goroutines  int              // how many workers there are
	idleWorkers []*worker        // without a task; the last one became idle last
	maxIdle     int              // how many workers may stay idle
	allStopped  chan struct{}    // made by Close or Shutdown; closed when no worker is left
	allEnded    chan struct{}    // made by Wait; closed when no task is left

	ctx    context.Context // parent of the tasks' contexts; replaced by abort
	cancel context.CancelCauseFunc
	parent context.Context // of ctx; nil in a zero Set or Pool
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
	task  anyHandle      // nil while idle; read by its goroutine, and by others under workers.mu
	tasks chan anyHandle // for an idle worker; nil ends it
}

// A submitter is a call of Submit that waits until the queue has room.
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

// check panics if ws belongs to a zero Set, JoinMap or Pool.
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

// ended does nothing: the worker publishes the end when run has returned.
func (*workers) ended(*taskState) {}

// workers returns the workers that run the task, or nil.
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

// atLimit reports whether all slots are used. It adds nothing to the limit, which may be
// MaxInt.
func (ws *workers) atLimit() bool { return ws.running-ws.handedOver+ws.overLimit >= ws.limit }

// queued returns how many tasks of the queue have not started. The caller holds mu.
func (ws *workers) queued() int { return ws.queue.n - ws.queuedBegun }

// waitingSubmitters returns how many submitters still wait. The caller holds mu.
func (ws *workers) waitingSubmitters() int { return ws.submitters.n - ws.canceled }

// unended returns how many accepted tasks have not ended. The caller holds mu.
func (ws *workers) unended() int { return ws.running + ws.queued() }

// admit starts or queues h and reports true, unless the queue is full. The caller holds mu and
// has checked that ws is open.
func (ws *workers) admit(h anyHandle) bool {
	if ws.atLimit() && ws.queued() >= ws.queueLimit {
		return false
	}
	ws.accept(h)
	ws.queue.push(h)
	ws.startQueued()
	return true
}

// submit admits h. If the queue is full and mayWait, it waits until ctx is done.
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

// enqueueSubmitter adds a submitter for h. The caller holds mu.
func (ws *workers) enqueueSubmitter(h anyHandle) *submitter {
	w := &submitter{h: h, ready: make(chan struct{})}
	w.handoff.submitter = w
	h.base().handoff = &w.handoff
	ws.submitters.push(w)
	return w
}

// awaitAdmission waits until w is admitted or ctx is done. If a task of ws waits here, the new
// task may run in its slot, and awaitAdmission then waits for the end of the new task.
func (ws *workers) awaitAdmission(ctx context.Context, w *submitter) error {
	if x, own := waiterOf(ctx); x != nil {
		e := &edge{ctx: ctx, ownGoroutine: own, uninterruptible: true}
		_ = e.connect(x, w.h) // the new task waits for nothing: there is no cycle
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
	case passed: // also if ctx is done now
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

// startQueued gives free slots first to tasks that wait for their slot, then to queued tasks.
// The caller holds mu.
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

// takeQueued removes and returns the next task of the queue, or nil, and admits the first
// submitter to the queue. The caller starts the task and holds mu.
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

// admitSubmitters admits submitters while the queue has room. The caller holds mu.
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

// begin records that w runs h from now on. The caller holds mu.
func (ws *workers) begin(w *worker, h anyHandle) {
	w.task = h
	h.base().begin()
	ws.running++
}

// start runs h on an idle worker or a new one. The caller holds mu.
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

// cancelSubmitter marks w as canceled. It is removed from the list later. The caller holds mu.
func (ws *workers) cancelSubmitter(w *submitter) {
	w.state = canceled
	w.h.base().begin() // it will not start
	ws.countCanceled()
}

// countCanceled counts a submitter that no longer waits, and compacts the list when more than
// half of it does not.
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

// work runs h, and then further tasks until there is nothing to do.
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

// next publishes the end of the last task and returns the next one, or nil to stop the worker.
// It may wait idle in between.
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

// nextOrIdle returns the next task for w, or nil and whether w is idle now. The caller holds
// mu.
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

// endQueued ends a task that was aborted, if it is queued.
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

// countBegun counts a task of the queue that has started out of order, or never will, and
// compacts the queue when these are more than half of it.
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

// taskEnded records and publishes the end of a task that had started. It does not wake the
// callers that wait for the task; the caller of taskEnded does, after releasing mu, which it
// holds.
func (ws *workers) taskEnded(h anyHandle) *taskState {
	ws.running--
	core := h.base()
	if core.handoff != nil {
		ws.returnSlot(core)
	}
	ws.publish(h, core)
	return core
}

// publish counts the end of the task h, whose state is t, and makes it visible. The caller holds
// mu.
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

// wake wakes the callers that wait for a task whose end was published, and informs the scope.
func (ws *workers) wake(h *taskState) {
	h.wake()
	if ws.scope != nil {
		ws.scope.leave()
	}
}

// publishAllEnded wakes the callers of Wait if no task is left. There is such a caller. The
// caller holds mu.
func (ws *workers) publishAllEnded() {
	if ws.unended() == 0 {
		close(ws.allEnded)
		ws.allEnded = nil
	}
}

// workerEnded records the end of a worker. Its tasks have all been published.
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

// stopIdle stops idle workers until at most keep are left. The caller holds mu.
func (ws *workers) stopIdle(keep int) {
	for len(ws.idleWorkers) > keep {
		last(ws.idleWorkers).tasks <- nil
		ws.idleWorkers = drop(ws.idleWorkers)
	}
}
