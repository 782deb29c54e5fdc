package task

import (
	"context"
	"fmt"
	"log/slog"
)

// Pool runs tasks with a limited number of workers and a bounded queue, for the life of a
// service. The section Limits of the package comment says what the limit counts.
//
// A Pool is made by [NewPool], must not be copied, and is safe for concurrent use. End it
// with [Pool.Shutdown] or [Pool.Close]. The methods of a zero Pool panic, except Len, Stats
// and those that print.
type Pool struct {
	_       noCopy
	workers workers
}

// PoolOptions are the settings of a [Pool].
type PoolOptions struct {
	// Workers is how many tasks run at once at most. It must be positive.
	Workers int
	// Queue is how many accepted tasks may wait for a worker. When the queue is full,
	// [Submit] waits. Zero means that a task is accepted only when a worker is free.
	Queue int
	// Idle is how many workers are kept while there are no tasks, at most Workers. With
	// zero, a pool without tasks has no goroutine.
	Idle int
}

// PoolStats are the counts of a [Pool], all taken at the same moment.
type PoolStats struct {
	Workers    int // the limit
	Goroutines int // goroutines
	Running    int // tasks that have begun and not ended
	HandedOver int // of Running: tasks whose slot another task uses
	OverLimit  int // of HandedOver: tasks at work all the same, because their wait was given up
	Queued     int // accepted tasks that have not started
	Waiting    int // callers blocked in Submit

	Submitted uint64 // accepted tasks
	Succeeded uint64 // tasks that ended without an error
	Failed    uint64 // tasks that ended with an error
	Panicked  uint64 // tasks that ended with a panic
	Handoffs  uint64 // how often a task started in the slot of a task that waits for it
}

// NewPool returns a pool. The contexts of its tasks derive from ctx. NewPool panics if an
// option is out of range.
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

// Submit adds a task that calls f to the pool and returns its handle. The context of the
// task derives from the context of the pool, not from ctx, and ends when f returns.
//
// While the queue is full, Submit waits. Callers are served in FIFO order. If ctx is done
// first, f is not accepted and will not run, and the error matches [context.Cause]. If the pool
// is closed, the error is [ErrClosed].
//
// If a task of the pool calls Submit and the queue is full, f runs in the slot of that task,
// on a new goroutine, and Submit returns when f has ended. If ctx is done before that, Submit
// returns the handle and no error.
//
//ferrous:mustuse
//ferrous:blocks
func Submit[T any](ctx context.Context, p *Pool, f func(context.Context) (T, error)) (*Handle[T], error) {
	return submit(ctx, p, "Submit", true, f)
}

// submit is Submit, or TrySubmit unless mayWait. name is the function that was called.
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

// TrySubmit is [Submit] without waiting. If the queue is full, the error is [ErrFull].
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

// Resize sets the number of workers. A lower number takes effect as tasks end. Resize panics
// if workers is not positive.
func (p *Pool) Resize(workers int) {
	if workers <= 0 {
		panic(bug("Pool.Resize: %d is not positive", workers))
	}
	p.workers.check("Pool", "Resize")
	p.workers.mu.Lock()
	defer p.workers.mu.Unlock()
	p.workers.resize(workers)
}

// Close refuses new tasks, aborts all accepted tasks with [ErrClosed], and waits until they
// have ended. Queued tasks are not called. A blocked Submit returns [ErrClosed].
//
// The error is nil or an [*EndError] with the number of aborted tasks and with the errors and
// panics of tasks that were not joined. Close may be called more than once and concurrently.
// It panics in a task of the pool.
//
//ferrous:release
//ferrous:idempotent
//ferrous:blocks
func (p *Pool) Close() error {
	p.workers.check("Pool", "Close")
	return p.workers.close()
}

// Shutdown refuses new tasks and waits until all accepted tasks, queued or running, have
// ended. A blocked Submit returns [ErrClosed]. When ctx is done, Shutdown aborts the
// remaining tasks with the cause of ctx and returns without waiting for them; [Pool.Close]
// waits.
//
// The error is as that of [Pool.Close]. Its Cause matches both the error of ctx and
// [context.Cause].
//
//ferrous:blocks
func (p *Pool) Shutdown(ctx context.Context) error {
	p.workers.checkWait(ctx, "Pool", "Shutdown")
	return p.workers.shutdown(ctx)
}

// Abort cancels the contexts of all accepted tasks with the given cause, or with
// [ErrAborted] if cause is nil, and does not wait. Queued tasks are not called. The pool
// stays open.
func (p *Pool) Abort(cause error) {
	p.workers.check("Pool", "Abort")
	if cause == nil {
		cause = ErrAborted
	}
	p.workers.abort(cause)
}

// Wait waits until no task is queued or running. If ctx is done first, the error matches
// [context.Cause]. The pool stays open. Wait panics in a task of the pool.
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

// Stats returns the counts of the pool.
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
