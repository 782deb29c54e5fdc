package task

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
)

// Flight lets callers that ask for the same thing at the same time share one call of
// a function: a single flight. It keeps no results. After x/sync's singleflight, with
// contexts.
//
// The zero value is ready to use. A Flight must not be copied, and is safe for
// concurrent use. It needs no end: it has no goroutines but those of the functions
// that run. [Flight.Abort] and then [Flight.Wait] end those. A key that is not equal
// to itself, as a NaN, panics.
type Flight[K comparable, T any] struct {
	_ noCopy

	mu    sync.Mutex
	calls shrinkingMap[K, *call[K, T]]        // those that callers can join
	live  shrinkingMap[*call[K, T], struct{}] // those whose function has not returned
}

// A call is one call of a function. It is the owner of the task.
type call[K comparable, T any] struct {
	flight  *Flight[K, T]
	key     K
	task    *Handle[T]
	callers int // in Do; guarded by flight.mu
}

// Do calls f, unless a call for the key runs, and waits for the result, which all
// callers for that key get. The function's context ends when f returns.
//
// f runs on a goroutine of its own, with the values of the context of the caller
// that brought it. It does not end with that context: a caller whose ctx is done
// gives up alone, and its error wraps [context.Cause]. When the last caller has
// given up, the function's context ends with the cause of that one's, Do does not
// wait for the function, and the next caller for the key starts a new call.
//
// If f panics, Do panics in all callers, with the same [*PanicError]. If all have
// given up, the panic ends the process. [runtime.Goexit] in f is the error
// [ErrGoexit]. A nil f panics, and so does Do with its own key in f, which would
// wait for itself.
//
// A context that is already done is noticed first.
//
//ferrous:blocks
func (fl *Flight[K, T]) Do(ctx context.Context, key K, f func(context.Context) (T, error)) (v T, err error) {
	return fl.do(ctx, "Flight.Do", key, f)
}

func (fl *Flight[K, T]) do(
	ctx context.Context, name string, key K, f func(context.Context) (T, error),
) (v T, err error) {
	checkContext(ctx, name)
	checkFunc(f != nil, name)
	checkKey(key, name)
	if ctx.Err() != nil {
		return v, contextError(ctx)
	}
	c := fl.join(ctx, key, f)
	defer fl.leave(ctx, c) // also when the wait panics
	return c.task.Join(ctx)
}

// DoErr is [Flight.Do] for a function that returns only an error. Callers of Do that
// join the call get the zero value.
//
//ferrous:blocks
func (fl *Flight[K, T]) DoErr(ctx context.Context, key K, f func(context.Context) error) error {
	_, err := fl.do(ctx, "Flight.DoErr", key, noValue[T]("Flight.DoErr", f))
	return err
}

// join adds a caller to the call for the key, and starts that if there is none.
func (fl *Flight[K, T]) join(ctx context.Context, key K, f func(context.Context) (T, error)) *call[K, T] {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	if c := fl.calls.m[key]; c != nil {
		c.callers++
		return c
	}
	c := &call[K, T]{flight: fl, key: key, callers: 1}
	c.task = newHandle(valuesOf{ctx}, c, f)
	fl.calls.set(key, c)
	fl.live.set(c, struct{}{})
	go c.task.runAlone()
	return c
}

// leave takes a caller away from c. If it was the last one, and c has not ended, the
// cause of ctx ends c.
func (fl *Flight[K, T]) leave(ctx context.Context, c *call[K, T]) {
	fl.mu.Lock()
	c.callers--
	last := c.callers == 0
	if last {
		fl.remove(c)
	}
	fl.mu.Unlock()
	if last {
		c.task.Abort(context.Cause(ctx))
		c.task.abandon()
	}
}

// remove makes callers to come start a new call. The caller holds mu.
func (fl *Flight[K, T]) remove(c *call[K, T]) {
	if fl.calls.m[c.key] == c {
		fl.calls.delete(c.key)
	}
}

// ended publishes the end of the task.
func (c *call[K, T]) ended(h *taskState) {
	fl := c.flight
	fl.mu.Lock()
	fl.remove(c)
	fl.live.delete(c)
	fl.mu.Unlock()
	noOwner{}.ended(h)
}

// Forget makes the next caller for the key start a new call, also while one runs, and
// reports whether one does. Those who wait for that one get its result.
func (fl *Flight[K, T]) Forget(key K) bool {
	checkKey(key, "Flight.Forget")
	fl.mu.Lock()
	defer fl.mu.Unlock()
	c := fl.calls.m[key]
	if c != nil {
		fl.remove(c)
	}
	return c != nil
}

// Abort ends the contexts of all functions that run with the given cause, or with
// [ErrAborted] if it is nil, and does not wait. Their callers get what they return.
func (fl *Flight[K, T]) Abort(cause error) {
	fl.mu.Lock()
	tasks := make([]*Handle[T], 0, len(fl.live.m))
	for c := range fl.live.m {
		tasks = append(tasks, c.task)
	}
	fl.mu.Unlock()
	for _, h := range tasks {
		h.Abort(cause)
	}
}

// Wait waits until no function runs, also none that all callers have given up, or
// ctx is done, and then returns an error that wraps [context.Cause]. In such a
// function it panics, since it would wait for itself.
//
//ferrous:blocks
func (fl *Flight[K, T]) Wait(ctx context.Context) error {
	checkContext(ctx, "Flight.Wait")
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	for h := fl.running(); h != nil; h = fl.running() {
		if err := h.await(ctx); err != nil {
			return err
		}
	}
	return nil
}

// running returns the task of a function that runs, or nil.
//
//ferrous:mustuse
func (fl *Flight[K, T]) running() *Handle[T] {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	for c := range fl.live.m {
		return c.task
	}
	return nil
}

// Len returns how many functions run.
func (fl *Flight[K, T]) Len() int {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	return len(fl.live.m)
}

// String returns the state.
func (fl *Flight[K, T]) String() string { return fmt.Sprintf("Flight(running=%d)", fl.Len()) }

// GoString returns the state.
func (fl *Flight[K, T]) GoString() string { return fl.String() }

// LogValue returns the state.
func (fl *Flight[K, T]) LogValue() slog.Value { return slog.StringValue(fl.String()) }
