// Package task runs functions concurrently so that no goroutine leaks, no panic
// is lost and no result is dropped. After std::thread::scope, tokio's task
// module and its join! and select! macros.
//
//   - [WithScope] and [Spawn]: tasks that cannot outlive a block of code.
//   - [Go]: one task on its own, held by its [Handle].
//   - [Join2] to [Join5], [JoinAll]: all succeed, or the first failure cancels
//     the rest. [Settle]: every result. [Race], [RaceOK]: one result.
//     [Timeout]: a time limit.
//   - [Set]: many tasks of one type, so many at once, with their results in the
//     order in which they finish or in which they were spawned.
//   - [Pool]: workers behind a bounded queue, for as long as a service lives.
//
// What they have in common:
//
// Cancellation is cooperative. A task is given a context; [Handle.Abort], the
// end of its owner or the failure of a sibling end that context with a cause,
// and the task is waited for until it returns. A task whose context is done
// before it began is never called; its result is an error that wraps
// [context.Cause].
//
// A panic ends the task alone. It panics again where the task is joined, with a
// [*PanicError] that holds the task's stack as text. When nobody joins, it
// panics where the owner ends, and for a task without an owner it ends the
// process. An owner several of whose tasks panicked panics with their errors
// joined, among which [errors.As] finds the first [*PanicError].
// [runtime.Goexit] in a task is the error [ErrGoexit].
//
// The return of a task synchronizes before the return of any call that reports
// its result. Everything that blocks is durably blocking in a synctest bubble.
//
// A task that waits takes about 2.8 KB, nearly all of it the goroutine, and about
// 3.1 KB once it has asked its context for more than Err. Many that are not to
// run at once take some 150 bytes each in a [Set] or the queue of a [Pool].
//
// Set and Pool are not made deadlocked by tasks that wait for tasks: a task that
// waits in this package, with the context it was given, lends its place to
// another one meanwhile. One that waits elsewhere lends nothing, be it for a
// channel, for a mutex or in the loop of a stream of package stream: what it
// waits for must not need its place.
package task

import (
	"context"
	"errors"
	"fmt"
)

var (
	// ErrAborted is the cause of an abort that was given none.
	ErrAborted = errors.New("task: aborted")
	// ErrClosed says that a Set or Pool takes no more tasks.
	ErrClosed = errors.New("task: closed")
	// ErrEmpty says that every result of a Set was taken.
	ErrEmpty = errors.New("task: no tasks left")
	// ErrGoexit is the result of a task that called [runtime.Goexit].
	ErrGoexit = errors.New("task: ended by runtime.Goexit")
	// ErrTimeout is the cause with which [Timeout] ends a context.
	ErrTimeout = fmt.Errorf("task: timed out: %w", context.DeadlineExceeded)
)

// bug returns the panic value for a caller's mistake.
func bug(format string, args ...any) error { return fmt.Errorf("task: "+format, args...) }

// over returns the error of a call that ctx ended.
func over(ctx context.Context) error { return fmt.Errorf("task: %w", context.Cause(ctx)) }

// wait blocks until ready is closed or ctx is done, which is noticed first.
func wait(ctx context.Context, ready <-chan struct{}) error {
	if ctx.Err() != nil {
		return over(ctx)
	}
	defer lend(ctx)()
	done := ctx.Done()
	if done == nil { // a plain receive costs less than a select
		<-ready
		return nil
	}
	select {
	case <-ready:
		return nil
	case <-done:
		return over(ctx)
	}
}

// await blocks until ready is closed, whatever becomes of ctx.
func await(ctx context.Context, ready <-chan struct{}) {
	select {
	case <-ready:
		return
	default:
	}
	defer lend(ctx)()
	<-ready
}
