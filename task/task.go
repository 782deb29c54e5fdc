// Package task runs functions concurrently so that no goroutine leaks, no panic
// is lost and no result is dropped. After std::thread::scope, tokio's task
// module and its join! and select! macros.
//
//   - [WithScope] and [Spawn]: tasks that cannot outlive a block of code.
//     [WithGroup]: so many at once, and the first failure cancels the rest.
//   - [Go]: one task on its own, held by its [Handle].
//   - [Join2] to [Join5], [JoinAll]: all succeed, or the first failure cancels
//     the rest. [Settle]: every result. [Race], [RaceOK]: one result.
//     [Timeout]: a time limit.
//   - [Set]: many tasks of one type, so many at once, with their results in the
//     order in which they finish or in which they were spawned.
//     [JoinMap]: the same with a key for each task.
//   - [Pool]: workers behind a bounded queue, for as long as a service lives.
//   - [Flight]: callers that ask for the same thing at once share one call.
//   - [GoErr], [SpawnErr], [JoinAllErr] and so on: the same for functions that return
//     only an error. JoinAllErr is that of Join2 to Join5 too.
//
// What they have in common:
//
// Cancellation is cooperative. A task is given a context; [Handle.Abort], the
// end of its owner or the failure of a sibling end that context with a cause,
// and the task is waited for until it returns. The context ends too when the task
// returns: what a task returns must not need it, as the body of an http.Response
// does. A deadline that was copied from it stays, say that of a connection. A task
// whose context is done before it began is never called; its result is an error that
// wraps [context.Cause].
//
// A panic ends the task alone. It panics again where the task is joined, with a
// [*PanicError] that holds the task's stack as text. When nobody joins, a scope
// panics with it at its end, and a Set or Pool returns it from its end in an
// [*EndError]. It ends the process if the task has no owner, or if the Set or Pool
// is not closed and the garbage collector finds it unreachable. A scope several of
// whose tasks panicked panics with their errors joined, among which [errors.As] finds
// the first [*PanicError]. [runtime.Goexit] in a task is the error [ErrGoexit].
//
// The return of a task synchronizes before the return of any call that reports
// its result. Everything that blocks is durably blocking in a synctest bubble.
//
// A task that waits takes about 2.8 KB, nearly all of it the goroutine, and about
// 3.1 KB once it has asked its context for more than Err. Many that are not to
// run at once take some 200 bytes each in a [Set] or the queue of a [Pool].
//
// # Limits
//
// The limit of a Set, JoinMap, Pool or group counts its tasks that are at work. All
// that a task starts belongs to it: the goroutines of Join2, JoinAll, Race or a scope,
// and the tasks of a Set that it makes, which has a limit of its own. So the tasks of
// a Pool of 2 that call Join2(load, load) run 4 loads at once, not more.
//
// A task that waits for a task of its own owner which has not begun passes its place
// to that task, and gets it back when that task ends. A place is passed on in series,
// and is never doubled. A task that waits for anything else keeps its place. The
// following are waits for a task, if they are made with the context that the waiting
// task was given or one derived from it. On the goroutine of a task of a Set, JoinMap,
// Pool or group, they are that task's waits whatever the context is.
//
//   - [Handle.Join], [Handle.Result] and [Set.Ordered].
//   - [Submit] to a full queue: the new task runs in the caller's place, and Submit
//     waits for its end.
//   - [Set.Next] and [Set.All] in a task of the set: the first task of the queue
//     runs in the caller's place.
//   - [Spawn] to a full group, on the goroutine of a task of the group: as Submit.
//   - [Flight.Do], for what its function waits for.
//   - The end of a scope, of JoinAll, Join2 to Join5, Settle or Race, and the Close,
//     Shutdown, Wait and Next of another Set or Pool, for what their tasks wait for.
//   - A wait for a task of another owner, for what that task waits for.
//
// So tasks that wait for tasks do not deadlock, and there are never more tasks at
// work than the limit, with one exception. A wait that was given up, because its
// context ended, goes on while another task still has the place. Each end repays that
// before anything new begins. [PoolStats] and [SetStats] count such tasks as Over.
//
// Tasks that wait for each other in a ring can never go on. The wait that would
// close the ring panics and names the tasks, if all of them wait on their own
// goroutines. So does a task that joins itself, or that closes or awaits its own Set
// or Pool. The end of a scope cannot go on without its tasks: if it would close the
// ring, it ends the scope's context, another wait of the ring panics, and the scope
// panics when its tasks have ended.
//
// These forms can deadlock without a report, because this package does not see
// the wait: a task that waits for another one through a channel, a mutex, a
// WaitGroup or the loop of a stream of package stream; a wait with a context that is
// not the task's, on another goroutine than the task's or by a task of [Go] or of a
// scope without a limit; and Close, and Spawn to a full group, which have no context,
// there.
package task

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/coderrange/ferrous/internal/ctxerr"
)

var (
	// ErrAborted is the cause of an abort that was given none.
	ErrAborted = errors.New("task: aborted")
	// ErrClosed says that a Set or Pool takes no more tasks.
	ErrClosed = errors.New("task: closed")
	// ErrEmpty says that every result of a Set was taken, or that a task of the set
	// asks for the next one and all others that have not ended do so too.
	ErrEmpty = errors.New("task: no tasks left")
	// ErrFull says that the queue of a Pool is full.
	ErrFull = errors.New("task: the queue is full")
	// ErrGoexit is the result of a task that called [runtime.Goexit].
	ErrGoexit = errors.New("task: ended by runtime.Goexit")
	// ErrReplaced is the cause with which a [JoinMap] aborts a task whose key was
	// spawned again.
	ErrReplaced = errors.New("task: replaced by a task with the same key")
	// ErrTimeout is the cause with which [Timeout] ends a context.
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

// checkFunc panics if a function that was given to the named one is nil.
func checkFunc(given bool, name string) {
	if !given {
		panic(bug("%s: nil function", name))
	}
}

// contextError returns the error of a call that ctx ended.
func contextError(ctx context.Context) error { return &opError{"", ctxerr.Of(ctx)} }

// An opError says what err made of a call. Its text names the package once.
type opError struct {
	text string
	err  error
}

func (e *opError) Error() string { return "task: " + e.text + trim(e.err) }
func (e *opError) Unwrap() error { return e.err }

// trim returns the text of err without the prefix of the package.
func trim(err error) string { return strings.TrimPrefix(err.Error(), "task: ") }

// wait blocks until ready is closed or ctx is done, which is noticed first.
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
