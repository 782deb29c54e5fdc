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
	core
	f     func(context.Context) (T, error) // nil once it has been called
	value T                                // written before core.over
}

// core is what a handle knows of its task whatever the type of its result.
type core struct {
	parent context.Context // of the task's context
	owner  owner           // publishes the end; nil if that is published already

	mu   sync.Mutex           // guards done and the making of full
	done chan struct{}        // made by the first joiner that waits
	full atomic.Pointer[full] // of the task's context

	failure   *failure       // nil on success; written before over
	function  uintptr        // where the function begins
	goroutine atomic.Uintptr // goid.Live of the task's own goroutine; 0 in a task of a crew
	over      atomic.Bool    // the result is there, and the owner knows
	returned  atomic.Bool    // the function has returned: the context is over
	detached  atomic.Bool

	// Guarded by crew.mu.
	begun bool  // or it never will
	ended bool  // it is retired from the crew
	taken bool  // a Set gave it out
	loan  *loan // made by the first place passed on
	node  *node // made by the first wait edge, under waits too; either lock guards it
}

// owner is what a task belongs to. It notes the end of the task, stores
// core.over and calls core.wake.
type owner interface{ ended(c *core) }

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
	mustCall(f != nil, "Go")
	h := newHandle(ctx, nobody{}, f)
	go h.runAlone()
	return h
}

// nobody owns the tasks of [Go].
type nobody struct{}

func (nobody) ended(c *core) {
	c.over.Store(true)
	c.wake()
	if c.detached.Load() && c.panicked() { // Detach may not have seen it
		c.failure.crash()
	}
	c.crashUnjoined()
}

//ferrous:mustuse
func newHandle[T any](ctx context.Context, o owner, f func(context.Context) (T, error)) *Handle[T] {
	return &Handle[T]{core: core{parent: ctx, owner: o, function: functionOf(f)}, f: f}
}

// Join waits until the task has ended or ctx is done, and returns what the task
// returned. If the task panicked, Join panics with a [*PanicError].
//
// A context that is already done is noticed first. A cancelled Join takes
// nothing: the task goes on and can be joined again. It allocates only to wait.
//
//ferrous:blocks
func (h *Handle[T]) Join(ctx context.Context) (v T, err error) {
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
	if err := h.await(ctx); err != nil {
		return v, err
	}
	return h.value, h.see()
}

// Poll returns the result, as [Handle.Result] does, if the task has ended. It
// never blocks.
func (h *Handle[T]) Poll() (v T, ready bool, err error) {
	if !h.over.Load() {
		return v, false, nil
	}
	return h.value, true, h.see()
}

// Done returns a channel that is closed when the task has ended.
func (c *core) Done() <-chan struct{} {
	if c.parent == nil {
		panic(bug("Handle.Done: zero Handle"))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over.Load() {
		done := make(chan struct{}) // of its own: wake may be about to close the other
		close(done)
		return done
	}
	if c.done == nil {
		c.done = make(chan struct{})
	}
	return c.done
}

// Abort ends the task's context with the given cause, or with [ErrAborted] if
// it is nil, and does not wait. It does nothing when the task has ended or was
// aborted before. A task in the queue of a Set, JoinMap or Pool ends at once.
func (h *Handle[T]) Abort(cause error) {
	if h.parent == nil {
		panic(bug("Handle.Abort: zero Handle"))
	}
	if h.over.Load() {
		return
	}
	if cause == nil {
		cause = ErrAborted
	}
	h.context().whole().cancel(cause)
	if crew := h.crew(); crew != nil {
		crew.dismissQueued(h)
	}
}

// Detach says that nobody will join. A panic of a task without an owner then
// ends the process at once; what has an owner goes on resurfacing there.
func (c *core) Detach() {
	if _, free := c.owner.(nobody); !free {
		return
	}
	c.abandon()
}

// abandon makes a panic of the task end the process at once.
func (c *core) abandon() {
	c.detached.Store(true)
	if c.panicked() {
		c.failure.crash()
	}
}

// String returns the state.
func (c *core) String() string {
	switch {
	case !c.over.Load():
		return "Handle(running)"
	case c.failure == nil:
		return "Handle(done)"
	case c.failure.panicked:
		return fmt.Sprintf("Handle(panic: %v)", c.failure.err.(*PanicError).Value) //nolint:errorlint // it is one
	default:
		return fmt.Sprintf("Handle(error: %v)", c.failure.err)
	}
}

// GoString returns the state.
func (c *core) GoString() string { return c.String() }

// LogValue returns the state.
func (c *core) LogValue() slog.Value { return slog.StringValue(c.String()) }

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
			h.finish(died(nil))
			return
		}
		h.finish(died(recover()))
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
	return &failure{err: fmt.Errorf("task: not started: %w", cause)}
}

// outcome is what Join returns once the task has ended.
func (h *Handle[T]) outcome() (T, error) {
	err := h.see()
	if h.panicked() {
		panic(err)
	}
	return h.value, err
}

func (h *Handle[T]) base() *core { return &h.core }

func (c *core) context() *lazy { return (*lazy)(c) }

// await waits for the end of the task.
func (h *Handle[T]) await(ctx context.Context) error { return h.core.await(ctx, h) }

// await waits for the end of the task, whose handle is h.
func (c *core) await(ctx context.Context, h runner) error {
	if ctx.Err() != nil {
		return over(ctx)
	}
	if c.over.Load() {
		return nil
	}
	done := c.Done()
	if c.goroutine.Load() == goid.Live() {
		panic(bug("deadlock: %s waits for itself", c.name()))
	}
	x, own := waiterOf(ctx)
	if x == nil {
		return wait(ctx, done)
	}
	if x == c && own {
		panic(bug("deadlock: %s waits for itself", c.name()))
	}
	e := &edge{ctx: ctx, own: own}
	err := e.connect(x, h)
	defer e.end(ctx)
	if err != nil {
		panic(err)
	}
	return e.wait(done)
}

// finish ends the task's context and has the owner publish the end. A crew does
// that when run has returned, under its lock.
func (c *core) finish(f *failure) {
	c.failure = f
	c.context().end()
	if c.owner != nil {
		c.owner.ended(c)
	}
}

// wake wakes who waits for the end. It is called once, after over is stored.
func (c *core) wake() {
	c.mu.Lock()
	done := c.done
	c.mu.Unlock()
	if done != nil {
		close(done)
	}
}

// panicked says whether the task has ended by a panic.
func (c *core) panicked() bool { return c.over.Load() && c.failure != nil && c.failure.panicked }

// see returns the error of a task that has ended, and notes that it was seen.
func (c *core) see() error {
	if c.failure == nil {
		return nil
	}
	c.failure.see()
	return c.failure.err
}
