package task

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
)

// Pool is workers behind a bounded queue, for the life of a service. It is made
// by [NewPool], must not be copied, and is safe for concurrent use. End it with
// [Pool.Close].
//
// A task that waits with the context that it was given, in [Submit] for a full
// queue or anywhere else in this package, lends its worker's place meanwhile, so
// that tasks which wait for tasks of the same pool cannot deadlock. The same goes
// for closing a Pool or Set that was made with that context. It has one place
// to lend, however many of its goroutines wait. When it goes on, one more than
// Workers run until one of them ends.
type Pool struct {
	_      noCopy
	ctx    context.Context
	cancel context.CancelCauseFunc
	crew   crew

	// Guarded by crew.mu.
	stats  PoolStats  // of the ends; the crew knows the rest
	panics []*failure // the first keptPanics; those seen may be missing

	unkept atomic.Int64 // further panics that nobody has seen
}

// keptPanics is how many panics that nobody joined a Pool keeps until its end.
const keptPanics = 16

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
	Workers int // the limit
	Live    int // goroutines
	Running int // tasks
	Lent    int // of those, tasks that wait for others
	Queued  int // tasks that have not begun
	Waiting int // submitters before a full queue

	Submitted uint64 // tasks accepted
	Succeeded uint64 // tasks that ended without an error
	Failed    uint64 // tasks that ended with one
	Panicked  uint64 // tasks that ended by a panic
}

// NewPool returns a pool whose tasks get contexts derived from ctx. Options out
// of range panic.
func NewPool(ctx context.Context, o PoolOptions) *Pool {
	switch {
	case o.Workers <= 0:
		panic(bug("NewPool: Workers %d is not positive", o.Workers))
	case o.Queue < 0:
		panic(bug("NewPool: Queue %d is negative", o.Queue))
	case o.Idle < 0 || o.Idle > o.Workers:
		panic(bug("NewPool: Idle %d is not within 0 and Workers %d", o.Idle, o.Workers))
	}
	p := &Pool{}
	p.ctx, p.cancel = context.WithCancelCause(ctx)
	p.crew.limit, p.crew.bound, p.crew.keep = o.Workers, o.Queue, o.Idle
	p.crew.ended = p.ended
	return p
}

// Submit adds f to the pool and returns its handle. While the queue is full it
// waits, in the order of arrival, until ctx is done: f was not accepted then and
// will not run, and the error wraps [context.Cause]. In a pool that was closed
// the error is [ErrClosed].
//
// ctx bounds the waiting alone: the task's own context derives from the pool's.
//
//ferrous:blocks
func Submit[T any](ctx context.Context, p *Pool, f func(context.Context) (T, error)) (*Handle[T], error) {
	h := newHandle(p.ctx, f)
	h.ctx.crew = &p.crew
	if err := p.submit(ctx, h, true); err != nil {
		return nil, err
	}
	return h, nil
}

// TrySubmit is [Submit] if there is room at once; else it returns false.
func TrySubmit[T any](p *Pool, f func(context.Context) (T, error)) (*Handle[T], bool) {
	h := newHandle(p.ctx, f)
	h.ctx.crew = &p.crew
	if p.submit(context.Background(), h, false) != nil {
		return nil, false
	}
	return h, true
}

func (p *Pool) submit(ctx context.Context, h runner, mayWait bool) error {
	if ctx.Err() != nil {
		return over(ctx)
	}
	c := &p.crew
	c.mu.Lock()
	if c.closed() {
		c.mu.Unlock()
		return ErrClosed
	}
	if p.ctx.Err() != nil {
		c.mu.Unlock()
		return over(p.ctx)
	}
	if c.admit(h) {
		c.mu.Unlock()
		return nil
	}
	if !mayWait {
		c.mu.Unlock()
		return errFull
	}
	w := &waiter{h: h, ready: make(chan struct{})}
	c.waiters.push(w)
	c.mu.Unlock()
	err := wait(ctx, w.ready)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch w.state {
	case admitted: // also when ctx was done meanwhile
		return nil
	case refused:
		return ErrClosed
	default:
		c.forget(w)
		return err
	}
}

var errFull = bug("the queue is full")

// Resize sets the number of workers. Fewer take effect as tasks end. A number
// that is not positive panics.
func (p *Pool) Resize(workers int) {
	if workers <= 0 {
		panic(bug("Pool.Resize: %d is not positive", workers))
	}
	p.crew.mu.Lock()
	defer p.crew.mu.Unlock()
	p.crew.resize(workers)
}

// Close lets no more tasks in and waits until those inside, queued or running,
// have ended. Submitters that wait get [ErrClosed]. If tasks panicked and nobody
// joined them, Close panics with their [*PanicError]: with those of 16, and the
// number of the others. It may be called again, but not by a task of the pool,
// which would wait for itself.
//
//ferrous:release
//ferrous:blocks
func (p *Pool) Close() { _ = p.Shutdown(context.Background()) }

// Shutdown is [Pool.Close] with a time limit: when ctx is done, all tasks are
// aborted with its cause, those that have not begun are not called, and after
// waiting for the rest it returns an error that wraps the cause.
//
//ferrous:blocks
func (p *Pool) Shutdown(ctx context.Context) error {
	defer lend(p.ctx)() // Close has no other context
	p.crew.mu.Lock()
	quiet := p.crew.close()
	p.crew.mu.Unlock()
	err := wait(ctx, quiet)
	if err != nil {
		p.cancel(context.Cause(ctx))
		await(ctx, quiet)
	}
	p.cancel(ErrClosed)
	p.crew.mu.Lock()
	panics, _ := unseen(p.panics)
	p.panics = nil
	p.crew.mu.Unlock()
	if n := p.unkept.Swap(0); n > 0 {
		panics = append(panics, fmt.Errorf("task: further panics that nobody joined: %d", n))
	}
	resurface(panics)
	return err
}

// Stats returns what the pool is doing and has done, all at one moment.
func (p *Pool) Stats() PoolStats {
	c := &p.crew
	c.mu.Lock()
	defer c.mu.Unlock()
	s := p.stats
	s.Workers, s.Live, s.Running, s.Lent, s.Queued = c.limit, c.live, c.running, c.lent, c.queue.n
	s.Waiting, s.Submitted = c.waiting(), c.accepted
	return s
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

// ended is called by the crew, under its lock.
func (p *Pool) ended(r runner) {
	f := r.base().failure
	switch {
	case f == nil:
		p.stats.Succeeded++
	case f.panicked:
		p.stats.Panicked++
		if len(p.panics) == keptPanics {
			p.panics = slices.DeleteFunc(p.panics, func(f *failure) bool { return f.seen.Load() })
		}
		if len(p.panics) == keptPanics {
			f.unkept = &p.unkept
			p.unkept.Add(1)
			return
		}
		p.panics = append(p.panics, f)
	default:
		p.stats.Failed++
	}
}
