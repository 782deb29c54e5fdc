package task

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
)

// Flight lets callers that ask for the same key at the same time share one call of a function.
// It does not keep results after the call. After x/sync's singleflight, with contexts.
//
// The zero value is ready to use. A Flight must not be copied, and is safe for concurrent use.
// It needs no Close: its only goroutines are those of running calls. To end them, call
// [Flight.Abort] and then [Flight.Wait]. Methods panic if a map cannot find the key again, such
// as a NaN.
type Flight[K comparable, T any] struct {
	_ noCopy

	mu    sync.Mutex
	calls shrinkingMap[K, *call[K, T]]        // calls that callers can join
	live  shrinkingMap[*call[K, T], struct{}] // calls whose function has not returned
}

// A call is one call of a function. It owns the task that runs the function.
type call[K comparable, T any] struct {
	flight  *Flight[K, T]
	key     K
	task    *Handle[T]
	callers int // in Do; guarded by flight.mu
}

// Do starts a call of f, unless a call for the key is running, and returns the result of that
// call. All callers for the key get the same result, so none of them may change or end it: a
// handle that each caller must drop or close is no result for a Flight.
//
// f runs on a new goroutine. Its context has the values of the ctx of the caller that started
// the call, but not its deadline and cancellation. It ends when f returns.
//
// A caller whose ctx is done returns an error that matches [context.Cause]; the call continues
// for the other callers. When the last caller has returned in this way, the context of f is
// canceled with that cause, and the next Do for the key starts a new call. Do does not wait
// for f then.
//
// If f panics, Do panics in all callers with the same [*PanicError]; if all callers have given
// up, the process ends. [runtime.Goexit] in f is the error [ErrGoexit]. Do panics if f calls Do
// with its own key, which would wait for itself. A ctx that is already done is reported first.
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

// DoErr is [Flight.Do] for a function that returns only an error. A caller of Do that shares
// the call gets the zero value.
//
//ferrous:blocks
func (fl *Flight[K, T]) DoErr(ctx context.Context, key K, f func(context.Context) error) error {
	_, err := fl.do(ctx, "Flight.DoErr", key, noValue[T]("Flight.DoErr", f))
	return err
}

// join adds a caller to the call for the key, and starts a call if there is none.
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

// leave removes a caller from c. The last caller cancels c with the cause of ctx, unless c has
// ended.
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

// remove makes the next caller start a new call. The caller holds mu.
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

// Forget makes the next Do for the key start a new call, also if a call is running, and reports
// whether one is. The callers that wait for the running call still get its result.
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

// Abort cancels the contexts of all running functions with the given cause, or with
// [ErrAborted] if cause is nil, and does not wait. Callers get the results of their function.
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

// Wait waits until no function is running, including those that all callers have given up. If
// ctx is done first, the error matches [context.Cause]. Wait panics if a running function calls
// it, since it would wait for itself.
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

// running returns the task of a running function, or nil.
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

// Len returns the number of running functions.
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
