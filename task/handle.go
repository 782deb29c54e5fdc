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

// Handle is a task that may still run. It is made by [Go], [Spawn], [Set.Spawn]
// and [Submit], must not be copied, and is safe for concurrent use; each of
// several joiners gets the result. After tokio's JoinHandle, except that
// cancellation is cooperative.
type Handle[T any] struct {
	_ noCopy
	taskState
	f     func(context.Context) (T, error) // nil once it has been called
	value T                                // written before isDone
}

// taskState is what a handle knows of its task whatever the type of its result.
type taskState struct {
	parent context.Context // of the task's context
	owner  owner           // publishes the end; nil if that is published already

	mu   sync.Mutex                 // guards done and the making of full
	done chan struct{}              // made by the first joiner that waits
	std  atomic.Pointer[stdContext] // of the task's context

	failure   *failure       // nil on success; written before over
	function  uintptr        // where the function begins
	goroutine atomic.Uintptr // goid.Live of the task's own goroutine; 0 in a task of a crew
	isDone    atomic.Bool    // the result is there, and the owner knows
	returned  atomic.Bool    // the function has returned: the context is over
	detached  atomic.Bool

	// Guarded by workers.mu.
	begun   bool     // or it never will
	ended   bool     // it is retired from the crew
	taken   bool     // a Set gave it out
	handoff *handoff // made by the first slot passed on
	node    *node    // made by the first wait edge, under waits too; either lock guards it
}

// owner is what a task belongs to. It notes the end of the task, stores
// core.over and calls core.wake.
type owner interface{ ended(t *taskState) }

// noCopy makes go vet refuse copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// Go runs f on a goroutine of its own, with a context that derives from ctx and ends
// when f returns: what f returns must not need it. Prefer [WithScope], which cannot be
// left with the task still running.
//
// A panic in f that nobody has joined ends the process as soon as nobody can
// join any more, because the handle is unreachable or was given up with
// [Handle.Detach]. A panic value that holds the handle keeps it reachable, and
// is never reported. A nil f panics.
//
//ferrous:mustuse
func Go[T any](ctx context.Context, f func(context.Context) (T, error)) *Handle[T] {
	return start(ctx, "Go", f)
}

// start is the function of the given name.
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

// noOwner owns the tasks of [Go].
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

// Join waits until the task has ended or ctx is done, and returns what the task
// returned. If the task panicked, Join panics with a [*PanicError].
//
// A context that is already done is noticed first. A cancelled Join takes
// nothing: the task goes on and can be joined again. It allocates only to wait.
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

// Result is [Handle.Join], with a panic of the task returned as a
// [*PanicError].
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

// Poll returns the result, as [Handle.Result] does, if the task has ended. It
// never blocks.
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

// Abort ends the task's context with the given cause, or with [ErrAborted] if
// it is nil, and does not wait. It does nothing when the task has ended or was
// aborted before. A task in the queue of a Set, JoinMap or Pool ends at once.
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

// runAlone is run on a goroutine of the task's own.
func (h *Handle[T]) runAlone() {
	h.goroutine.Store(goid.Live())
	h.run()
}

// run calls the function and keeps its result. It is called once.
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
		if h.detached.Load() { // a panic goes on, to end the process with its own stack
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

// refuse ends a task that will not be called.
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

// finish ends the task's context and has the owner publish the end. A crew does
// that when run has returned, under its lock.
func (t *taskState) finish(f *failure) {
	t.failure = f
	t.context().end()
	if t.owner != nil {
		t.owner.ended(t)
	}
}

// wake wakes who waits for the end. It is called once, after over is stored.
func (t *taskState) wake() {
	t.mu.Lock()
	done := t.done
	t.mu.Unlock()
	if done != nil {
		close(done)
	}
}

// panicked says whether the task has ended by a panic.
func (t *taskState) panicked() bool { return t.isDone.Load() && t.failure != nil && t.failure.panicked }

// see returns the error of a task that has ended, and notes that it was seen.
func (t *taskState) see() error {
	if t.failure == nil {
		return nil
	}
	t.failure.see()
	return t.failure.err
}
