package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
)

// EndError is what Close and Shutdown of a [Set] or [Pool] report because nobody
// else did. Each error, panic and aborted task is reported once.
//
// It unwraps to Errs and Cause.
type EndError struct {
	// Errs holds the errors of tasks that nobody joined, a [*PanicError] for a
	// panic, in the order in which the tasks ended; at most 16 errors and 16 panics.
	// An error with which a task obeyed the end of its context is not among them.
	Errs []error
	// More is how many such errors and panics there were beyond Errs.
	More int
	// Aborted is how many accepted tasks had not ended when Close or Shutdown
	// ended their contexts.
	Aborted int
	// Cause is why they were aborted: [ErrClosed], or for Shutdown an error that
	// wraps those of its context. It is nil if Aborted is 0.
	Cause error
}

// Error returns all that the end reports.
func (e *EndError) Error() string {
	var parts []string
	if e.Aborted > 0 {
		parts = append(parts, fmt.Sprintf("%d aborted (%s)", e.Aborted, trim(e.Cause)))
	}
	for _, err := range e.Errs {
		parts = append(parts, trim(err))
	}
	if e.More > 0 {
		parts = append(parts, fmt.Sprintf("%d more errors", e.More))
	}
	return "task: tasks that nobody joined: " + strings.Join(parts, "; ")
}

// trim returns the text of err without the prefix of the package.
func trim(err error) string { return strings.TrimPrefix(err.Error(), "task: ") }

// Unwrap returns the errors and the cause.
func (e *EndError) Unwrap() []error {
	if e.Cause == nil {
		return e.Errs
	}
	return append(slices.Clip(e.Errs), e.Cause)
}

// LogValue shows the parts apart.
func (e *EndError) LogValue() slog.Value {
	return slog.GroupValue(
		slog.Int("aborted", e.Aborted), slog.Any("cause", e.Cause),
		slog.Any("errs", e.Errs), slog.Int("more", e.More),
	)
}

// keptFailures is how many errors that nobody joined a crew keeps, and how many
// panics.
const keptFailures = 16

// ends is what the end of a crew has to report. Guarded by crew.mu.
type ends struct {
	lost    *lost // nil for none
	aborted int   // tasks that had not ended when Close or Shutdown aborted them
	cause   error // of that abort
	err     error // by which it is reported
}

// lost is the failures that nobody has seen.
type lost struct {
	failures []*failure   // the first keptFailures of each kind; those seen may be missing
	unkept   atomic.Int64 // of the others, those that nobody has seen
}

// fail notes the failure of a task.
func (c *crew) fail(f *failure) {
	if f.panicked {
		c.panicked++
	} else {
		c.failed++
	}
	if c.scope != nil || f.seen.Load() || c.ends.obeyed(f) {
		return
	}
	if c.ends.lost == nil {
		c.ends.lost = new(lost)
		runtime.AddCleanup(c, (*lost).crash, c.ends.lost)
	}
	c.ends.lost.note(f)
}

// obeyed reports whether f is the error of a task that obeyed the abort.
func (e *ends) obeyed(f *failure) bool {
	return e.cause != nil && !f.panicked && (errors.Is(f.err, e.cause) || errors.Is(f.err, context.Canceled))
}

// note keeps a failure, or counts it.
func (l *lost) note(f *failure) {
	if l.full(f) {
		l.failures = slices.DeleteFunc(l.failures, func(f *failure) bool { return f.seen.Load() })
	}
	if l.full(f) {
		f.unkept = &l.unkept
		l.unkept.Add(1)
		return
	}
	l.failures = append(l.failures, f)
}

// full reports whether no more failures of f's kind are kept.
func (l *lost) full(f *failure) bool {
	n := 0
	for _, g := range l.failures {
		if g.panicked == f.panicked {
			n++
		}
	}
	return n >= keptFailures
}

// crash ends the process if there is a panic that nobody has seen. It is called if
// the Set or Pool was never closed and nobody holds it or one of its handles.
func (l *lost) crash() {
	for _, f := range l.failures {
		if f.panicked {
			f.crash()
		}
	}
}

// report returns an [*EndError], or nil, and forgets what is in it.
func (c *crew) report() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := &EndError{Aborted: c.ends.aborted}
	if l := c.ends.lost; l != nil {
		for _, f := range l.failures {
			if !f.seen.Swap(true) {
				e.Errs = append(e.Errs, f.err)
			}
		}
		e.More = int(l.unkept.Load())
		l.failures = nil // for the cleanup
	}
	if e.Aborted > 0 {
		e.Cause = c.ends.err
	}
	c.ends.lost, c.ends.aborted = nil, 0
	if e.Aborted == 0 && len(e.Errs) == 0 && e.More == 0 {
		return nil
	}
	return e
}

// shut lets no more tasks in, and returns a channel that is closed when those
// inside have ended. It may be called again.
func (c *crew) shut() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.quiet != nil {
		return c.quiet
	}
	c.quiet = make(chan struct{})
	for c.waiters.n > 0 {
		if w, _ := c.waiters.pop(); w.state == waiting {
			w.state = refused
			w.h.base().begin() // it never will
			close(w.ready)
		}
	}
	c.gone = 0
	c.dismiss(0)
	if c.live == 0 {
		close(c.quiet)
	}
	return c.quiet
}

// closed reports whether the crew takes no more tasks. The caller holds mu.
func (c *crew) closed() bool { return c.quiet != nil }

// close is Close.
func (c *crew) close() error {
	c.refuseInside(context.Background(), "Close")
	quiet := c.shut()
	c.abortAtEnd(ErrClosed, ErrClosed)
	_ = c.await(c.parent, nil, quiet) // there is no limit
	return c.report()
}

// shutdown is Shutdown.
func (c *crew) shutdown(ctx context.Context) error {
	c.refuseInside(ctx, "Shutdown")
	quiet := c.shut()
	if err := c.await(ctx, ctx, quiet); err != nil {
		c.abortAtEnd(context.Cause(ctx), err)
	} else {
		c.abort(ErrClosed) // nothing is left: it releases the context
	}
	return c.report()
}

// wait is Wait.
func (c *crew) wait(ctx context.Context) error {
	c.refuseInside(ctx, "Wait")
	if ctx.Err() != nil {
		return over(ctx)
	}
	c.mu.Lock()
	if c.left() == 0 {
		c.mu.Unlock()
		return nil
	}
	if c.empty == nil {
		c.empty = make(chan struct{})
	}
	empty := c.empty
	c.mu.Unlock()
	return c.await(ctx, ctx, empty)
}

// await waits for ready, the end of all tasks of the crew, on behalf of the task
// of ctx, or until limit is done, unless it is nil.
func (c *crew) await(ctx, limit context.Context, ready <-chan struct{}) error {
	select {
	case <-ready:
		return nil
	default:
	}
	if limit == nil {
		limit = context.Background()
	}
	x, own := waiterOf(ctx)
	if x == nil {
		return wait(limit, ready)
	}
	e := &edge{ctx: limit, own: own}
	err := e.connect(x, c)
	defer e.end(ctx)
	if err != nil {
		panic(err)
	}
	return e.wait(ready)
}

// abortAtEnd is abort for Close and Shutdown, which report it as err.
func (c *crew) abortAtEnd(cause, err error) {
	c.mu.Lock()
	if c.ends.cause == nil {
		c.ends.aborted, c.ends.cause, c.ends.err = c.left()-c.replaced, cause, err
	}
	c.mu.Unlock()
	c.abort(cause)
}

// abort ends the context of all accepted tasks and does not wait. Tasks that have
// not begun end at once. Tasks accepted later get a new context.
func (c *crew) abort(cause error) {
	c.mu.Lock()
	cancel := c.cancel
	if !c.closed() {
		c.ctx, c.cancel = context.WithCancelCause(c.parent)
	}
	var refused []runner
	for c.queue.n > 0 {
		h, _ := c.queue.pop()
		if h.base().begun {
			c.begun--
			continue
		}
		h.base().begin()
		h.refuse(cause)
		refused = append(refused, h)
	}
	for _, h := range refused {
		c.publish(h, h.base())
	}
	c.fill()
	c.staff()
	c.mu.Unlock()
	cancel(cause)
	for _, h := range refused {
		h.base().wake()
	}
}

// refuseInside panics if a task of the crew would wait for itself.
func (c *crew) refuseInside(ctx context.Context, method string) {
	x := memberOf(ctx, c)
	if x == nil {
		x = current()
	}
	if x != nil && x.crew() == c {
		panic(bug("%s.%s: %s waits for its own end", c.kind, method, x.name()))
	}
}
