package retry

import (
	"context"
	"fmt"
	"time"
)

// waitPoll is how often Wait looks at a store that others may settle jobs in.
const waitPoll = time.Second

// ShutdownError says that the end of a [Queue] interrupted handlers. Nothing is
// lost: their jobs wait in the store, and the attempt does not count.
type ShutdownError struct {
	// Interrupted is how many handlers were interrupted. If Shutdown returned
	// because its context ended, they may still be running; Run waits for them.
	Interrupted int
	// Cause is the error of the context that ended Shutdown; nil after Close.
	Cause error
}

// Error returns the number and the cause.
func (e *ShutdownError) Error() string {
	text := fmt.Sprintf("retry: shutdown interrupted %d handlers", e.Interrupted)
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

// Shutdown refuses new jobs, claims no more, and waits for the running handlers
// and for the delivery of their events. If ctx ends first, it ends the contexts
// of the handlers and returns at once, with a [*ShutdownError] that matches
// ctx.Err and the cause of ctx: a handler that listens to nobody cannot delay
// it. It returns nil if no handler was interrupted.
//
//ferrous:blocks
func (q *Queue[T]) Shutdown(ctx context.Context) error {
	s := q.end("Shutdown")
	if s == nil {
		return nil
	}
	s.drain(ErrShutdown)
	select {
	case <-s.done:
		return s.interruption(nil)
	case <-ctx.Done():
	}
	select {
	case <-s.done: // at the same moment
		return s.interruption(nil)
	default:
	}
	running := int(s.running.Load())
	s.stop(fmt.Errorf("%w: %w", ErrShutdown, ended(ctx)))
	return &ShutdownError{Interrupted: running, Cause: ended(ctx)}
}

// Close refuses new jobs, ends the contexts of the running handlers, and waits
// for the handlers and for Run. A handler must not call it. It returns a
// [*ShutdownError] if handlers were interrupted; one that succeeded all the same
// was not. A second Close returns nil.
//
//ferrous:blocks
func (q *Queue[T]) Close() error {
	s := q.end("Close")
	if s == nil {
		return nil
	}
	s.stop(ErrShutdown)
	<-s.done
	return s.interruption(nil)
}

// Abort is [Queue.Close] without waiting. The cause of the handlers' contexts
// matches [ErrShutdown] and cause, which may be nil.
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

// Wait waits until no job waits or is claimed, jobs included that are due later;
// dead letters are none of them. It ends nothing. The error is that of ctx, the
// store's, or one that matches [ErrClosed] if the queue has ended and so will
// not handle the rest. A job that another queue settles in the same store is
// noticed within a second.
//
//ferrous:blocks
func (q *Queue[T]) Wait(ctx context.Context) error {
	store := q.store("Wait")
	for {
		changed := q.nextChange()
		over := q.closed.Load() && q.current() == nil
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
			return ended(ctx)
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
	q.closed.Store(true)
	q.change()
	return q.session
}

// current returns the session of the Run that is going on, or nil.
func (q *Queue[T]) current() *session[T] {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.session
}
