package limit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coderrange/ferrous/internal/park"
)

// A Concurrency bounds how much runs at once. What is too much waits in a queue, and
// what the queue has no room for is refused with [ErrOverloaded]. To refuse early is what
// keeps a service that is asked for too much at its best throughput: a long queue makes
// every caller wait, and mostly for answers that nobody wants any more.
//
// The bound is fixed, or adapts to the time that the work takes: as long as that does not
// grow, more may run at once; when it does, work queues up somewhere behind, and less may
// run. Then nobody needs to know how much the service can do.
//
// Callers are served strictly in arrival order; a canceled one loses its place and owns
// nothing. A goroutine that waits is durably blocked in the sense of [testing/synctest].
//
// A Concurrency must be made by [NewConcurrency] and not be copied. All methods are safe
// for concurrent use. Releasing a permit synchronizes before the return of the Acquire
// that it made possible.
//
// It adapts after Gradient2 of Netflix's concurrency-limits, with one difference: the
// long average of durations does not learn while work queues up. So it does not take
// long overload for the normal state.
type Concurrency struct {
	_      noCopy
	isMade bool // false at the zero value
	most   int  // goroutines that may wait; does not change

	// queue has the goroutines that wait. Its lock guards what follows. Invariant: if
	// one waits, limit or more run, once the lock is free.
	queue   park.Queue[answer]
	adapt   *gradient // nil if the limit is fixed
	limit   int
	running int
	closed  bool
}

// ConcurrencyOptions are the options of a [Concurrency].
type ConcurrencyOptions struct {
	// Limit is how much runs at once, at first if it adapts. Zero means 20.
	Limit int
	// Queue is how many callers may wait. Zero means none: what is too much is refused
	// at once.
	Queue int
	// Max makes the limit adapt, between Min and Max. Zero means that the limit is
	// fixed.
	Max int
	// Min is the smallest limit, if it adapts. Zero means 1.
	Min int
	// Tolerance is how much longer than usual the work may take before the limit falls:
	// twice as long for 2. Zero means 1.5.
	Tolerance float64
	// Window is how often the limit changes, if at least ten permits were released
	// meanwhile. Zero means a second.
	Window time.Duration
}

// NewConcurrency returns a Concurrency in which nothing runs. It panics if the options are
// out of range.
func NewConcurrency(o ConcurrencyOptions) *Concurrency {
	const method = "NewConcurrency"
	refuse := func(format string, args ...any) { panic(methodError(method, fmt.Errorf(format, args...))) }
	if o.Limit == 0 {
		o.Limit = 20
	}
	if o.Limit < 0 {
		refuse("limit %d", o.Limit)
	}
	if o.Queue < 0 {
		refuse("queue %d", o.Queue)
	}
	c := &Concurrency{isMade: true, limit: o.Limit, most: o.Queue}
	if o.Max != 0 {
		if o.Min == 0 {
			o.Min = 1
		}
		if o.Tolerance == 0 {
			o.Tolerance = 1.5
		}
		if o.Window == 0 {
			o.Window = time.Second
		}
		if o.Min < 0 || o.Min > o.Limit || o.Limit > o.Max {
			refuse("limit %d, want %d to %d", o.Limit, o.Min, o.Max)
		}
		if !(o.Tolerance >= 1 && o.Tolerance <= 1000) {
			refuse("tolerance %v, want 1 to 1000", o.Tolerance)
		}
		if o.Window < 0 {
			refuse("window %v", o.Window)
		}
		c.adapt = newGradient(o)
	} else if o.Min != 0 || o.Tolerance != 0 || o.Window != 0 {
		refuse("Min, Tolerance or Window without Max")
	}
	return c
}

// Acquire takes a permit for one piece of work. It waits until less than the limit runs
// and no earlier caller waits, or until ctx is done. If the queue is full, the error is
// [ErrOverloaded]; after Close, it is [ErrClosed]; otherwise it matches [context.Cause].
//
// Cancellation: a canceled caller loses its place and owns nothing.
//
// It does not allocate unless it waits or the permit leaves the function.
//
//ferrous:acquire
//ferrous:fallible
//ferrous:blocks
func (c *Concurrency) Acquire(ctx context.Context) (Permit, error) {
	p, err := c.acquire(ctx)
	return Permit{&p}, err
}

func (c *Concurrency) acquire(ctx context.Context) (permit, error) {
	const method = "Concurrency.Acquire"
	if err := c.enter(ctx, method); err != nil {
		return permit{}, err
	}
	return c.permit(), nil
}

// enter waits until one more may run and counts it.
func (c *Concurrency) enter(ctx context.Context, method string) error {
	if isDone(ctx, method) {
		return interrupted(ctx, method)
	}
	c.made(method)
	c.queue.Lock()
	switch {
	case c.closed:
		c.queue.Unlock()
		return methodError(method, ErrClosed)
	case c.running < c.limit:
		c.running++
		c.queue.Unlock()
		return nil
	case c.queue.Len() >= c.most:
		c.queue.Unlock()
		return methodError(method, ErrOverloaded)
	}
	w := park.NewWaiter(granted)
	c.queue.PushBack(w)
	c.queue.Unlock()
	switch {
	case !w.Wait(ctx.Done()) && c.queue.Leave(w):
		return interrupted(ctx, method)
	case w.Want == refused:
		return methodError(method, ErrClosed)
	default:
		return nil
	}
}

// An answer is what the waiter of a goroutine wants: a grant, unless Close refuses it.
type answer bool

const (
	granted answer = true
	refused answer = false
)

// TryAcquire takes a permit if less than the limit runs. Otherwise the error is
// [ErrOverloaded], or [ErrClosed]. It does not wait, and does not allocate unless the
// permit leaves the function.
//
//ferrous:acquire
//ferrous:fallible
func (c *Concurrency) TryAcquire() (Permit, error) {
	p, err := c.tryAcquire()
	return Permit{&p}, err
}

func (c *Concurrency) tryAcquire() (permit, error) {
	c.made("Concurrency.TryAcquire")
	c.queue.Lock()
	defer c.queue.Unlock()
	switch {
	case c.closed:
		return permit{}, errTryClosed
	case c.running >= c.limit: // and only then does anyone wait
		return permit{}, errTryOverloaded
	}
	c.running++
	return c.permit(), nil
}

// What TryAcquire returns is made beforehand: a program that refuses does not allocate.
var (
	errTryClosed     = methodError("Concurrency.TryAcquire", ErrClosed)
	errTryOverloaded = methodError("Concurrency.TryAcquire", ErrOverloaded)
)

// What Do and DoErr panic with.
var (
	errNilConcurrency = errors.New("nil concurrency")
	errNilFunction    = errors.New("nil function")
)

// Do calls f with a permit of c and returns its results. If there is no permit, it
// returns the error of [Concurrency.Acquire] without calling f. The permit ends with f,
// also if f panics or calls [runtime.Goexit]. An adapting limit does not learn from a
// call that fails faster than usual.
//
//ferrous:blocks
func Do[T any](ctx context.Context, c *Concurrency, f func(context.Context) (T, error)) (v T, err error) {
	switch {
	case c == nil:
		panic(methodError("Do", errNilConcurrency))
	case f == nil:
		panic(methodError("Do", errNilFunction))
	}
	err = c.do(ctx, "Do", func(ctx context.Context) error {
		v, err = f(ctx)
		return err
	})
	return v, err
}

// DoErr calls f with a permit and returns its error, as [Do].
//
//ferrous:blocks
func (c *Concurrency) DoErr(ctx context.Context, f func(context.Context) error) error {
	if f == nil {
		panic(methodError("Concurrency.DoErr", errNilFunction))
	}
	return c.do(ctx, "Concurrency.DoErr", f)
}

func (c *Concurrency) do(ctx context.Context, method string, f func(context.Context) error) error {
	if err := c.enter(ctx, method); err != nil {
		return err
	}
	begin, failed := c.time(), true
	defer func() { c.leave(begin, failed) }()
	err := f(ctx)
	failed = err != nil
	return err
}

// leave ends a piece of work that began then.
func (c *Concurrency) leave(begin time.Duration, failed bool) {
	now := c.time()
	c.queue.Lock()
	defer c.queue.Unlock()
	if c.adapt != nil {
		c.limit = c.adapt.after(now, now-begin, c.running, failed)
	}
	c.running--
	for w := c.queue.Front(); w != nil && c.running < c.limit; w = c.queue.Front() {
		c.running++
		c.queue.Grant(w)
	}
}

// time returns the time for the gradient, or zero if there is none.
func (c *Concurrency) time() time.Duration {
	if c.adapt == nil {
		return 0
	}
	return time.Since(c.adapt.base)
}

// Close makes all callers that wait, and all later ones, fail with [ErrClosed]. Permits
// that are held stay valid and must still be released. Further calls have no effect.
func (c *Concurrency) Close() {
	c.made("Concurrency.Close")
	c.queue.Lock()
	defer c.queue.Unlock()
	c.closed = true
	for w := c.queue.Front(); w != nil; w = c.queue.Front() {
		w.Want = refused
		c.queue.Grant(w)
	}
}

// ConcurrencyStats is what [Concurrency.Stats] returns.
type ConcurrencyStats struct {
	Limit   int // how much may run at once
	Running int // how much runs; more than Limit if that has fallen
	Waiting int // how many callers wait
}

// Stats returns the limit, and how much runs and waits at the moment.
func (c *Concurrency) Stats() ConcurrencyStats {
	s, _ := c.look()
	return s
}

func (c *Concurrency) look() (s ConcurrencyStats, closed bool) {
	c.queue.Lock()
	defer c.queue.Unlock()
	return ConcurrencyStats{Limit: c.limit, Running: c.running, Waiting: c.queue.Len()}, c.closed
}

func (c *Concurrency) made(method string) {
	if !c.isMade {
		panic(methodError(method, errNotMade))
	}
}
