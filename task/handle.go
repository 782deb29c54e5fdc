package task

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/coderrange/ferrous/internal/ctxerr"
	"github.com/coderrange/ferrous/internal/goid"
)

// Handle refers to a task, which may still run. It is made by the functions that start a
// task. A Handle must not be copied, and is safe for concurrent use: every caller of Join gets
// the result. After tokio's JoinHandle, but cancellation is cooperative.
type Handle[T any] struct {
	_ noCopy
	taskState
	f     func(context.Context) (T, error) // nil once the task has started
	value T                                // written before isDone
}

// taskState is the part of a Handle that does not depend on the type of the result.
type taskState struct {
	parent context.Context // of the task's context
	owner  owner           // publishes the end

	mu   sync.Mutex                 // guards done and the creation of std
	done chan struct{}              // made by the first caller that waits
	std  atomic.Pointer[stdContext] // of the task's context

	failure   *failure       // nil on success; written before over
	function  uintptr        // where the function begins
	goroutine atomic.Uintptr // goid.Live of the task's own goroutine; 0 if a worker runs it
	isDone    atomic.Bool    // the result is final, and the owner has recorded it
	returned  atomic.Bool    // the function has returned, and the context is done
	detached  atomic.Bool

	// Guarded by workers.mu.
	begun   bool     // it has started, or never will
	ended   bool     // workers have recorded the end
	taken   bool     // the result was taken from a Set
	handoff *handoff // made by the first slot passed on
	node    *node    // made by the first wait edge, under waits too; either lock guards it
}

// An owner records the end of a task, then stores isDone and calls wake.
type owner interface{ ended(t *taskState) }

// noCopy makes go vet refuse copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// Go starts a task that calls f on a new goroutine and returns its handle. The context of the
// task derives from ctx and ends when f returns, so the result must not need it. Prefer
// [WithScope], which cannot return while its tasks run.
//
// If f panics and no caller has joined the task, the process ends when the handle becomes
// unreachable or is given up with [Handle.Detach]. A panic value that refers to the handle
// keeps it reachable; that panic is never reported.
//
//ferrous:mustuse
func Go[T any](ctx context.Context, f func(context.Context) (T, error)) *Handle[T] {
	return start(ctx, "Go", f)
}

// start is Go. name is the function that was called.
//
//ferrous:mustuse
func start[T any](ctx context.Context, name string, f func(context.Context) (T, error)) *Handle[T] {
	checkContext(ctx, name)
	checkFunc(f != nil, name)
	h := newHandle(ctx, noOwner{}, f)
	go h.runAlone()
	return h
}

// GoErr is [Go] for a function that returns only an error.
//
//ferrous:mustuse
func GoErr(ctx context.Context, f func(context.Context) error) *Handle[struct{}] {
	return start(ctx, "GoErr", noValue[struct{}]("GoErr", f))
}

// noOwner is the owner of the tasks of [Go] and [Flight].
type noOwner struct{}

func (noOwner) ended(t *taskState) {
	t.isDone.Store(true)
	t.wake()
	if t.detached.Load() && t.panicked() { // Detach may not have seen it
		t.failure.crash()
	}
	t.crashUnjoined()
}

//ferrous:mustuse
func newHandle[T any](ctx context.Context, o owner, f func(context.Context) (T, error)) *Handle[T] {
	return &Handle[T]{taskState: taskState{parent: ctx, owner: o, function: functionOf(f)}, f: f}
}

// Join waits until the task has ended and returns the results of its function. If the task
// panicked, Join panics with a [*PanicError].
//
// If ctx is done first, the error matches [context.Cause]; the task continues and can be joined
// again. A ctx that is already done is reported even if the task has ended. Join allocates
// only if it waits.
//
//ferrous:blocks
func (h *Handle[T]) Join(ctx context.Context) (v T, err error) {
	h.check("Join")
	checkContext(ctx, "Handle.Join")
	if err := h.await(ctx); err != nil {
		return v, err
	}
	return h.outcome()
}

// Result is [Handle.Join], but returns a panic of the task as an error, a [*PanicError].
//
//ferrous:blocks
func (h *Handle[T]) Result(ctx context.Context) (v T, err error) {
	h.check("Result")
	checkContext(ctx, "Handle.Result")
	if err := h.await(ctx); err != nil {
		return v, err
	}
	return h.value, h.see()
}

// Poll returns the result as [Handle.Result] does if the task has ended. Otherwise ready is
// false. Poll does not block.
func (h *Handle[T]) Poll() (v T, ready bool, err error) {
	h.check("Poll")
	if !h.isDone.Load() {
		return v, false, nil
	}
	return h.value, true, h.see()
}

// Done returns a channel that is closed when the task has ended.
func (h *Handle[T]) Done() <-chan struct{} {
	h.check("Done")
	return h.doneChan()
}

// Abort cancels the context of the task with the given cause, or with [ErrAborted] if cause is
// nil, and does not wait. It has no effect if the task has ended or was aborted before. A
// queued task of a Set, JoinMap or Pool ends at once and is not called.
func (h *Handle[T]) Abort(cause error) {
	h.check("Abort")
	if h.isDone.Load() {
		return
	}
	if cause == nil {
		cause = ErrAborted
	}
	h.context().withCancel().cancel(cause)
	if ws := h.workers(); ws != nil {
		ws.endQueued(h)
	}
}

// Detach declares that no caller will join the task. If the task has no owner, that is,
// if [Go] made it, a panic of the task then ends the process at once. A task that has an
// owner is still reported by its owner.
func (h *Handle[T]) Detach() {
	h.check("Detach")
	if _, free := h.owner.(noOwner); free {
		h.abandon()
	}
}

// String returns the state: running, done, or the error.
func (h *Handle[T]) String() string { return h.describe() }

// GoString returns the same as String.
func (h *Handle[T]) GoString() string { return h.describe() }

// LogValue returns the same as String.
func (h *Handle[T]) LogValue() slog.Value { return slog.StringValue(h.describe()) }

// check panics if h is a zero Handle.
func (t *taskState) check(method string) {
	if t.parent == nil {
		panic(bug("Handle.%s: zero Handle", method))
	}
}

// doneChan returns a channel that is closed when the task has ended.
func (t *taskState) doneChan() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.isDone.Load() {
		done := make(chan struct{}) // a new one: wake may be about to close t.done
		close(done)
		return done
	}
	if t.done == nil {
		t.done = make(chan struct{})
	}
	return t.done
}

// abandon makes a panic of the task end the process at once.
func (t *taskState) abandon() {
	t.detached.Store(true)
	if t.panicked() {
		t.failure.crash()
	}
}

// describe returns the state as text.
func (t *taskState) describe() string {
	switch {
	case t.parent == nil:
		return "Handle(zero)"
	case !t.isDone.Load():
		return "Handle(running)"
	case t.failure == nil:
		return "Handle(done)"
	case t.failure.panicked:
		return fmt.Sprintf("Handle(panic: %v)", t.failure.err.(*PanicError).Value) //nolint:errorlint // it is one
	default:
		return fmt.Sprintf("Handle(error: %v)", t.failure.err)
	}
}

// runAlone is run for a task that has its own goroutine.
func (h *Handle[T]) runAlone() {
	h.goroutine.Store(goid.Live())
	h.run()
}

// run calls the function and stores its result. It is called once.
func (h *Handle[T]) run() {
	f, ctx := h.f, h.context()
	h.f = nil
	if ctx.Err() != nil {
		h.finish(notStarted(ctxerr.Of(ctx)))
		return
	}
	returned := false
	defer func() {
		if returned {
			return
		}
		if h.detached.Load() { // do not recover: the panic ends the process with its own stack
			h.finish(failureOf(nil))
			return
		}
		h.finish(failureOf(recover()))
	}()
	v, err := f(ctx)
	returned = true
	h.value = v
	if err != nil {
		h.finish(&failure{err: err})
		return
	}
	h.finish(nil)
}

// refuse ends a task that will not be called, with the given cause unless the task was
// aborted before.
func (h *Handle[T]) refuse(cause error) {
	h.f = nil
	if ctx := h.context(); ctx.Err() != nil { // it was aborted before
		cause = ctxerr.Of(ctx)
	}
	h.finish(notStarted(cause))
}

func notStarted(cause error) *failure {
	return &failure{err: &opError{"not started: ", cause}}
}

// outcome is what Join returns once the task has ended.
func (h *Handle[T]) outcome() (T, error) {
	err := h.see()
	if h.panicked() {
		panic(err)
	}
	return h.value, err
}

func (h *Handle[T]) base() *taskState { return &h.taskState }

func (t *taskState) context() *taskContext { return (*taskContext)(t) }

// await waits for the end of the task.
func (h *Handle[T]) await(ctx context.Context) error { return h.taskState.await(ctx, h) }

// await waits for the end of the task, whose handle is h.
func (t *taskState) await(ctx context.Context, h anyHandle) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	if t.isDone.Load() {
		return nil
	}
	done := t.doneChan()
	if t.goroutine.Load() == goid.Live() {
		panic(bug("deadlock: %s waits for itself", t.name()))
	}
	x, own := waiterOf(ctx)
	if x == nil {
		return wait(ctx, done)
	}
	if x == t && own {
		panic(bug("deadlock: %s waits for itself", t.name()))
	}
	e := &edge{ctx: ctx, ownGoroutine: own}
	err := e.connect(x, h)
	defer e.end(ctx)
	if err != nil {
		panic(err)
	}
	return e.wait(done)
}

// finish ends the context of the task and calls its owner, which publishes the end. Workers
// publish it after run has returned, under their lock.
func (t *taskState) finish(f *failure) {
	t.failure = f
	t.context().end()
	if t.owner != nil {
		t.owner.ended(t)
	}
}

// wake wakes the callers that wait for the end. It is called once, after isDone is stored.
func (t *taskState) wake() {
	t.mu.Lock()
	done := t.done
	t.mu.Unlock()
	if done != nil {
		close(done)
	}
}

// panicked reports whether the task has ended with a panic.
func (t *taskState) panicked() bool { return t.isDone.Load() && t.failure != nil && t.failure.panicked }

// see returns the error of a task that has ended, and marks it as seen, so that the owner does
// not report it.
func (t *taskState) see() error {
	if t.failure == nil {
		return nil
	}
	t.failure.see()
	return t.failure.err
}
