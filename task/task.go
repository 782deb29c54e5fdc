// Package task runs functions concurrently: no goroutine leaks, no panic is lost, and no
// result is dropped. It follows std::thread::scope and tokio's task module, join! and
// select!.
//
//	err := task.WithGroup(ctx, 8, func(g *task.Scope) error { // at most 8 at once
//		for _, url := range urls {
//			g.SpawnErr(func(ctx context.Context) error { return fetch(ctx, url) })
//		}
//		return nil
//	}) // all have ended; err is the first error, which canceled the others
//
// Which one to use:
//
//   - [WithScope] and [Spawn]: tasks that cannot outlive a block of code. [WithGroup]: a
//     scope with a limit, in which the first failure cancels the rest.
//   - [Go]: one task on its own, owned by its [Handle].
//   - [Join2] to [Join5], [JoinAll]: all results, or the first failure, which cancels the
//     rest. [Settle]: every result. [Race], [RaceOK]: one result. [Timeout]: a time limit.
//   - [Set]: many tasks with results of one type and a limit. Results come in the order in
//     which the tasks end or in which they were spawned. [JoinMap]: a Set with a key for
//     each task.
//   - [Pool]: workers behind a bounded queue, for the life of a service.
//   - [Flight]: callers that ask for the same key at the same time share one call.
//   - [GoErr], [Scope.SpawnErr], [JoinAllErr] and so on: the same for functions that return
//     only an error. JoinAllErr is also the form of Join2 to Join5.
//
// # Contexts
//
// Cancellation is cooperative. [Handle.Abort], the end of the owner and the failure of a
// sibling cancel the context of a task with a cause, and then wait until the task returns. A
// task whose context is done before it starts is not called; its error matches
// [context.Cause].
//
// If the context of a call ends its wait, the error of the call matches both ctx.Err() and
// [context.Cause] with [errors.Is], also if the context has a cause of its own. What the
// function of a task returns is passed on as it is: a function that returns
// [context.Cause] of its context returns an error that may not match ctx.Err().
//
// The context also ends when the task returns. So the result of a task must not need it, as
// the body of an http.Response does. A deadline that the task copied elsewhere, to a
// connection for example, stays in force.
//
// # Panics
//
// A panic ends only its task. It panics again in each goroutine that joins the task, as a
// [*PanicError] that holds the stack of the task. If no caller joins the task, its owner
// reports the panic: the end of a scope panics, and Close or Shutdown of a Set, JoinMap or
// Pool returns it in an [*EndError]. A panic that no owner can report ends the process: that
// of a task of [Go] whose handle is unreachable, or that of a Set or Pool that is unreachable
// and was never closed. If several tasks of a scope panicked, the scope panics with their
// errors joined. [runtime.Goexit] in a task is the error [ErrGoexit].
//
// The return of a task synchronizes before the return of any call that reports its result.
// Everything that blocks is durably blocking in a synctest bubble.
//
// # Cost
//
// A blocked task takes about 2.8 KB, nearly all of it the stack of its goroutine, and about
// 3.1 KB once it has asked its context for more than Err. A task that waits in a [Set] or in
// the queue of a [Pool] takes about 200 bytes.
//
// # Limits
//
// The limit of a Set, JoinMap, Pool or group is a number of slots. A task takes a slot when
// it starts and returns the slot when it ends. What a task starts runs in the task's own
// slot: the goroutines of Join2, JoinAll, Race or a scope. A Set that a task makes has a
// limit of its own. So the tasks of a Pool with 2 workers that call Join2(load, load) run up
// to 4 loads at once.
//
// A task that waits for a queued task of its own owner hands its slot to that task, and gets
// the slot back when that task ends. A slot is used by one task at a time. During any other
// wait, a task keeps its slot. The calls below hand the slot on if you pass them the
// context of the waiting task, or one derived from it. On the goroutine of a task of a Set,
// JoinMap, Pool or group, they do so with any context.
//
//   - [Handle.Join], [Handle.Result] and [Set.Ordered].
//   - [Submit] to a full queue: the new task runs in the slot of the caller, and Submit waits
//     for the end of that task.
//   - [Set.Next] and [Set.All] in a task of the set: the first task of the queue runs in the
//     slot of the caller.
//   - [Spawn] to a full group, on the goroutine of a task of the group: as Submit.
//   - Waits with another one in between: a task of a pool joins a task that was made with
//     [Go], and that one joins a queued task of the pool. In between may be any task, a
//     [Flight], the end of a scope, JoinAll, Join2 to Join5, Settle, Race, or Close, Shutdown,
//     Wait and Next of another Set or Pool.
//
// So tasks that wait for tasks do not deadlock, and the number of tasks at work does not
// exceed the limit, with one exception: a task whose wait was given up, because the context
// of the wait ended, continues while another task still uses its slot. [PoolStats] and
// [SetStats] count such tasks as OverLimit. No task starts before enough others have ended.
//
// # Deadlocks
//
// If tasks wait for each other in a cycle, each on its own goroutine, the wait that closes the
// cycle panics and names the tasks. A task that joins itself, or closes or awaits its own Set
// or Pool, panics too. If the end of a scope closes the cycle, the scope cancels its context,
// another wait of the cycle panics, and the scope panics when its tasks have ended.
//
// This package does not see the following waits. They can deadlock without a report:
//
//   - A task that waits for another task through a channel, a mutex, a WaitGroup or a loop over
//     a stream of package stream.
//   - A wait with a context that does not derive from the task's context, in a task of [Go] or
//     of a scope without a limit, or on a goroutine that the task has started itself. Pass the
//     context of the task.
//   - Close, and Spawn to a full group, which take no context, in the same two places.
package task

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/coderrange/ferrous/internal/ctxerr"
)

var (
	// ErrAborted is the cause of an Abort with a nil cause.
	ErrAborted = errors.New("task: aborted")
	// ErrClosed is the error of a new task of a Set, JoinMap or Pool that was closed.
	ErrClosed = errors.New("task: closed")
	// ErrEmpty says that every result of a Set was taken. In a task of the set it also says
	// that all tasks that have not ended wait for the next result.
	ErrEmpty = errors.New("task: no tasks left")
	// ErrFull says that a Pool or a group has no room for one more task.
	ErrFull = errors.New("task: full")
	// ErrGoexit is the error of a task that called [runtime.Goexit].
	ErrGoexit = errors.New("task: ended by runtime.Goexit")
	// ErrReplaced is the cause with which a [JoinMap] aborts a task when its key is spawned
	// again.
	ErrReplaced = errors.New("task: replaced by a task with the same key")
	// ErrTimeout is the cause with which [Timeout] cancels a context.
	ErrTimeout = fmt.Errorf("task: timed out: %w", context.DeadlineExceeded)
)

// bug returns the panic value for a caller's mistake.
func bug(format string, args ...any) error { return fmt.Errorf("task: "+format, args...) }

// checkContext panics if ctx, which was passed to the named function, is nil.
func checkContext(ctx context.Context, name string) {
	if ctx == nil {
		panic(bug("%s: nil context", name))
	}
}

// checkFunc panics unless the function that was passed to the named one is not nil.
func checkFunc(given bool, name string) {
	if !given {
		panic(bug("%s: nil function", name))
	}
}

// contextError returns the error of a call that ctx ended.
func contextError(ctx context.Context) error { return &opError{"", ctxerr.Of(ctx)} }

// An opError is the error of a call. Its text names the package once.
type opError struct {
	text string
	err  error
}

func (e *opError) Error() string { return "task: " + e.text + trim(e.err) }
func (e *opError) Unwrap() error { return e.err }

// trim returns the text of err without the prefix of the package.
func trim(err error) string { return strings.TrimPrefix(err.Error(), "task: ") }

// wait blocks until ready is closed or ctx is done. If both are, ctx wins.
func wait(ctx context.Context, ready <-chan struct{}) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	done := ctx.Done()
	if done == nil { // a plain receive costs less than a select
		<-ready
		return nil
	}
	select {
	case <-ready:
		return nil
	case <-done:
		return contextError(ctx)
	}
}

// noValue returns f as a function that also returns the zero T. It panics if f is nil;
// name is the function that f was passed to.
func noValue[T any](name string, f func(context.Context) error) func(context.Context) (T, error) {
	checkFunc(f != nil, name)
	return func(ctx context.Context) (v T, err error) { return v, f(ctx) }
}

// noValues is noValue for each of fs.
func noValues(name string, fs []func(context.Context) error) []func(context.Context) (struct{}, error) {
	values := make([]func(context.Context) (struct{}, error), len(fs))
	for i, f := range fs {
		values[i] = noValue[struct{}](name, f)
	}
	return values
}
