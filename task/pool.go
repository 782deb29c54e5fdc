package task

import (
	"context"
	"fmt"
	"log/slog"
)

// Pool is workers behind a bounded queue, for the life of a service. It is made
// by [NewPool], must not be copied, and is safe for concurrent use. End it with
// [Pool.Shutdown] or [Pool.Close]. The methods of the zero value panic.
//
// At most Workers tasks are at work. The package comment says what that counts.
type Pool struct {
	_       noCopy
	workers workers
}

// PoolOptions says how a [Pool] works.
type PoolOptions struct {
	// Workers is how many tasks run at once. It must be positive.
	Workers int
	// Queue is how many more are accepted before [Submit] waits. Zero means that
	// a task is accepted when a worker is free.
	Queue int
	// Idle is how many workers stay when there is nothing to do, at most Workers.
	// Zero makes a pool that is elastic: without tasks it has no goroutine.
	Idle int
}

// PoolStats is what a [Pool] is doing and has done.
type PoolStats struct {
	Workers    int // the limit
	Goroutines int // goroutines
	Running    int // tasks that have begun and not ended
	HandedOver int // of those, tasks whose slot another task has
	OverLimit  int // of the latter, tasks at work all the same: their wait was given up
	Queued     int // tasks that have not begun
	Waiting    int // submitters before a full queue

	Submitted uint64 // tasks accepted
	Succeeded uint64 // tasks that ended without an error
	Failed    uint64 // tasks that ended with one
	Panicked  uint64 // tasks that ended by a panic
	Handoffs  uint64 // times that a task began in the slot of a task that waits for it
}

// NewPool returns a pool whose tasks get contexts derived from ctx. Options out
// of range panic.
//
//ferrous:acquire
func NewPool(ctx context.Context, o PoolOptions) *Pool {
	checkContext(ctx, "NewPool")
	switch {
	case o.Workers <= 0:
		panic(bug("NewPool: Workers %d is not positive", o.Workers))
	case o.Queue < 0:
		panic(bug("NewPool: Queue %d is negative", o.Queue))
	case o.Idle < 0 || o.Idle > o.Workers:
		panic(bug("NewPool: Idle %d is not within 0 and Workers %d", o.Idle, o.Workers))
	}
	p := &Pool{}
	p.workers.init(ctx, "Pool", o.Workers, o.Queue)
	p.workers.maxIdle = o.Idle
	return p
}

// Submit adds f to the pool and returns its handle. The context of f ends when f
// returns. While the queue is full it waits, in the order of arrival, until ctx is
// done: f was not accepted then and will not run, and the error wraps [context.Cause].
// In a pool that was closed the error is [ErrClosed].
//
// If a task of the pool finds the queue full, f runs in that task's place, on a
// goroutine of its own, and Submit returns when f has ended. If ctx is done
// before, Submit returns the handle without an error, as a Join that gave up.
//
// ctx bounds the waiting alone: the task's own context derives from the pool's.
//
//ferrous:mustuse
//ferrous:blocks
func Submit[T any](ctx context.Context, p *Pool, f func(context.Context) (T, error)) (*Handle[T], error) {
	return submit(ctx, p, "Submit", true, f)
}

// submit is the function of the given name.
//
//ferrous:mustuse
func submit[T any](
	ctx context.Context, p *Pool, name string, mayWait bool, f func(context.Context) (T, error),
) (*Handle[T], error) {
	switch {
	case p == nil:
		panic(bug("%s: nil Pool", name))
	case p.workers.parent == nil:
		panic(bug("%s: zero Pool", name))
	}
	checkContext(ctx, name)
	checkFunc(f != nil, name)
	h := newHandle(p.workers.parent, &p.workers, f)
	if err := p.workers.submit(ctx, h, mayWait); err != nil {
		return nil, err
	}
	return h, nil
}

// TrySubmit is [Submit] if there is room at once. Else the error is [ErrFull], or
// what Submit returns for a pool that was closed.
//
//ferrous:mustuse
func TrySubmit[T any](p *Pool, f func(context.Context) (T, error)) (*Handle[T], error) {
	return submit(context.Background(), p, "TrySubmit", false, f)
}

// SubmitErr is [Submit] for a function that returns only an error.
//
//ferrous:mustuse
//ferrous:blocks
func (p *Pool) SubmitErr(ctx context.Context, f func(context.Context) error) (*Handle[struct{}], error) {
	return submit(ctx, p, "Pool.SubmitErr", true, noValue[struct{}]("Pool.SubmitErr", f))
}

// TrySubmitErr is [TrySubmit] for a function that returns only an error.
//
//ferrous:mustuse
func (p *Pool) TrySubmitErr(f func(context.Context) error) (*Handle[struct{}], error) {
	return submit(context.Background(), p, "Pool.TrySubmitErr", false, noValue[struct{}]("Pool.TrySubmitErr", f))
}

// Resize sets the number of workers. Fewer take effect as tasks end. A number
// that is not positive panics.
func (p *Pool) Resize(workers int) {
	if workers <= 0 {
		panic(bug("Pool.Resize: %d is not positive", workers))
	}
	p.workers.check("Pool", "Resize")
	p.workers.mu.Lock()
	defer p.workers.mu.Unlock()
	p.workers.resize(workers)
}

// Close lets no more tasks in, aborts those inside with [ErrClosed], and waits
// until they have ended. Tasks that have not begun are not called. Submitters
// that wait get [ErrClosed].
//
// The error is nil or an [*EndError]: how many tasks were aborted, and the errors
// and panics of tasks that nobody joined. Close may be called again and
// concurrently. It panics on a goroutine that runs a task of the pool.
//
//ferrous:release
//ferrous:idempotent
//ferrous:blocks
func (p *Pool) Close() error {
	p.workers.check("Pool", "Close")
	return p.workers.close()
}

// Shutdown lets no more tasks in and waits until those inside, queued or running,
// have ended. Submitters that wait get [ErrClosed]. When ctx is done, Shutdown
// aborts all tasks with the cause and returns at once, also beside a task that
// does not heed its context; [Pool.Close] waits for that.
//
// The error is that of [Pool.Close]. Its Cause matches both the error of ctx and
// [context.Cause].
//
//ferrous:blocks
func (p *Pool) Shutdown(ctx context.Context) error {
	p.workers.checkWait(ctx, "Pool", "Shutdown")
	return p.workers.shutdown(ctx)
}

// Abort ends the context of all tasks inside with the given cause, or with
// [ErrAborted] if it is nil, and does not wait. Tasks that have not begun are not
// called. The pool stays open.
func (p *Pool) Abort(cause error) {
	p.workers.check("Pool", "Abort")
	if cause == nil {
		cause = ErrAborted
	}
	p.workers.abort(cause)
}

// Wait waits until no task is queued or running, or ctx is done, and then returns
// an error that wraps [context.Cause]. The pool stays open. It panics in a task
// of the pool.
//
//ferrous:blocks
func (p *Pool) Wait(ctx context.Context) error {
	p.workers.checkWait(ctx, "Pool", "Wait")
	return p.workers.wait(ctx)
}

// Len returns how many accepted tasks have not ended, queued or running.
func (p *Pool) Len() int {
	p.workers.mu.Lock()
	defer p.workers.mu.Unlock()
	return p.workers.unended()
}

// Stats returns what the pool is doing and has done, all at one moment.
func (p *Pool) Stats() PoolStats {
	ws := &p.workers
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return PoolStats{
		Workers: ws.limit, Goroutines: ws.goroutines, Running: ws.running, HandedOver: ws.handedOver, OverLimit: ws.overLimit,
		Queued: ws.queued(), Waiting: ws.waitingSubmitters(), Submitted: ws.accepted,
		Succeeded: ws.succeeded, Failed: ws.failed, Panicked: ws.panicked, Handoffs: ws.handoffs,
	}
}

// String returns the state.
func (p *Pool) String() string {
	s := p.Stats()
	return fmt.Sprintf("Pool(workers=%d running=%d queued=%d)", s.Workers, s.Running, s.Queued)
}

// GoString returns the state.
func (p *Pool) GoString() string { return p.String() }

// LogValue returns the state.
func (p *Pool) LogValue() slog.Value { return slog.StringValue(p.String()) }
