package retry

import (
	"context"
	"fmt"
	"time"

	"github.com/coderrange/ferrous/internal/ctxerr"
)

// waitPoll is how often Wait looks at a store that others may settle jobs in.
const waitPoll = time.Second

// ShutdownError says what the end of a [Queue] interrupted or left. All these jobs are
// still in the store, and an interrupted attempt does not count.
type ShutdownError struct {
	// Interrupted is how many handlers were interrupted. If Shutdown returned
	// because its context ended, they may still be running; Run waits for them.
	Interrupted int
	// Left is how many jobs wait or are claimed in a store that is lost with the
	// process. It is 0 if the store keeps them, as one in a file does.
	Left int
	// Cause is the error of the context that ended Shutdown, or nil.
	Cause error
}

// Error returns the numbers and the cause.
func (e *ShutdownError) Error() string {
	text := fmt.Sprintf("retry: shutdown interrupted %d handlers", e.Interrupted)
	if e.Left > 0 {
		text += fmt.Sprintf(" and left %d jobs in memory", e.Left)
	}
	if e.Cause != nil {
		text += fmt.Sprintf(": %v", e.Cause)
	}
	return text
}

// Unwrap returns [ErrShutdown] and Cause.
func (e *ShutdownError) Unwrap() []error {
	if e.Cause == nil {
		return []error{ErrShutdown}
	}
	return []error{ErrShutdown, e.Cause}
}

// Shutdown refuses new jobs, claims no more, and waits for the running handlers and for
// the delivery of their events. If ctx ends first, it ends the contexts of the handlers
// and returns at once, even if a handler ignores its context; the error is a
// [*ShutdownError] that matches ctx.Err and the cause of ctx. It returns nil if no
// handler was interrupted and no job is left in a store in memory. To have all jobs
// handled first, call [Queue.Wait].
//
//ferrous:blocks
func (q *Queue[T]) Shutdown(ctx context.Context) error {
	q.storeFor(ctx, "Shutdown")
	s := q.end("Shutdown")
	if s != nil {
		s.drain(ErrShutdown)
	}
	if q.atEnd(ctx, s) {
		return q.endError(s)
	}
	e := &ShutdownError{Left: q.left(), Cause: ctxerr.Of(ctx)}
	if s != nil {
		e.Interrupted = int(s.running.Load())
		s.stop(fmt.Errorf("%w: %w", ErrShutdown, e.Cause))
	}
	return e
}

// Close refuses new jobs, ends the contexts of the running handlers, and waits for the
// handlers and for Run. It returns a [*ShutdownError] if handlers were interrupted, or
// if jobs are left in a store in memory. A handler that succeeds although its context
// has ended was not interrupted. A second Close does the same.
//
//ferrous:release
//ferrous:idempotent
//ferrous:blocks
func (q *Queue[T]) Close() error {
	s := q.end("Close")
	if s != nil {
		s.stop(ErrShutdown)
	}
	q.atEnd(context.Background(), s)
	return q.endError(s)
}

// atEnd waits until the session, if any, and all calls of Enqueue have ended. It
// reports false if ctx ended before.
func (q *Queue[T]) atEnd(ctx context.Context, s *session[T]) bool {
	for {
		changed := q.nextChange()
		if q.calls.Load() == queueClosed && (s == nil || s.over.Load()) {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return q.calls.Load() == queueClosed && (s == nil || s.over.Load()) // at the same moment
		}
	}
}

// endError returns what there is to tell of a session that has ended, or nil.
func (q *Queue[T]) endError(s *session[T]) error {
	e := &ShutdownError{Left: q.left()}
	if s != nil {
		e.Interrupted = int(s.interrupted.Load())
	}
	if e.Interrupted+e.Left == 0 {
		return nil
	}
	return e
}

// left counts the jobs that will be lost with the process.
func (q *Queue[T]) left() int {
	m, ok := q.o.Store.(interface{ volatile() QueueStats })
	if !ok {
		return 0
	}
	stats := m.volatile()
	return stats.Waiting + stats.Claimed
}

// Abort is [Queue.Close] without waiting. The contexts of the handlers end with a cause
// that matches [ErrShutdown] and cause, which may be nil.
func (q *Queue[T]) Abort(cause error) {
	s := q.end("Abort")
	if s == nil {
		return
	}
	if cause == nil {
		s.stop(ErrShutdown)
		return
	}
	s.stop(fmt.Errorf("%w: %w", ErrShutdown, cause))
}

// Wait waits until no job waits or is claimed, including jobs that are due later but not
// dead letters. It does not end the queue. The error is that of ctx, the store's, or
// one that matches [ErrClosed] if the queue has ended and so will not handle the rest.
// Jobs that another queue settles in the same store are noticed within a second.
//
//ferrous:blocks
func (q *Queue[T]) Wait(ctx context.Context) error {
	store := q.storeFor(ctx, "Wait")
	for {
		changed := q.nextChange()
		over := q.closed() && q.current() == nil
		stats, err := store.Stats(ctx)
		switch left := stats.Waiting + stats.Claimed; {
		case err != nil:
			return err
		case left == 0:
			return nil
		case over:
			return fmt.Errorf("retry: Queue.Wait: %d jobs are left in the store: %w", left, ErrClosed)
		}
		timer := time.NewTimer(waitPoll)
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctxerr.Of(ctx)
		}
		timer.Stop()
	}
}

// nextChange returns a channel that the next change closes.
func (q *Queue[T]) nextChange() <-chan struct{} {
	for {
		if c := q.changed.Load(); c != nil {
			return *c
		}
		c := make(chan struct{})
		if q.changed.CompareAndSwap(nil, &c) {
			return c
		}
	}
}

// change wakes all Waits.
func (q *Queue[T]) change() {
	if c := q.changed.Load(); c != nil && q.changed.CompareAndSwap(c, nil) {
		close(*c)
	}
}

// end refuses new jobs and Runs from now on, and returns the session, if any.
func (q *Queue[T]) end(method string) *session[T] {
	q.store(method)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.calls.Or(queueClosed)
	q.change()
	return q.session
}

// current returns the session of the Run that is going on, or nil.
func (q *Queue[T]) current() *session[T] {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.session
}
