// Package retry calls again what failed, and says honestly why it stopped.
//
// [Do] and [DoErr] call an operation under a [Policy]; [Policy.Attempts] is the
// same as a loop, and [Policy.Start] for callers that wait in a select of their
// own. A [Queue] takes work that failed and retries it later,
// across restarts when its [Store] is durable. [Breaker] refuses calls to what
// is down, [Budget] bounds the share of calls that are retries, [Hedge] races
// copies of a slow call, [Detach] lets go of calls that do not listen.
//
// # An attempt
//
// The operation runs on the caller's goroutine with a context that ends with
// the attempt's timeout, the caller's deadline, cancellation or shutdown,
// whichever is first; the retrier waits for the operation to return, so one
// that ignores its context is never left behind unless a [Detach] says so.
// What a returned nil means is success, whatever became of the context.
//
// What a successful operation returned stays usable: the body of an
// http.Response and the rows of a query are read after [Do] has returned. So the
// context of an attempt that succeeded lives as long as the caller's. The
// timeout ends with the attempt. A deadline that the operation copied out of its
// context, as net.Conn.SetDeadline does, stays where it was copied to. The
// context of an attempt that failed ends with the attempt.
//
// The context of an attempt with a [Options.Timeout], and of each copy of [Hedged],
// costs about 150 ns if the operation does not ask for its Done channel, and about 1.3
// µs if it does. A caller's context of a type of its own that has no AfterFunc method
// also costs a goroutine for as long as somebody sees that channel.
//
// A first attempt that succeeds costs a look at the context: no clock, timer,
// closure or allocation. The clock is read from the first failure on, when a
// delay, [Options.MaxElapsed] or [Options.OnRetry] needs it.
//
// # Shutdown
//
// A service that stops cancels its context with the cause [ErrShutdown]:
//
//	ctx, stop := context.WithCancelCause(parent)
//	stop(retry.ErrShutdown)
//
// What was interrupted then ends with the reason [ReasonShutdown], and the
// interrupted attempt is not counted.
package retry

import (
	"context"
	"fmt"
)

// Op is an operation that may be retried. It must listen to its context.
type Op[T any] = func(context.Context) (T, error)

// withValue makes an [Op] of an operation without a value.
func withValue(op func(context.Context) error) Op[struct{}] {
	return func(ctx context.Context) (struct{}, error) { return struct{}{}, op(ctx) }
}

// withoutValue undoes withValue.
func withoutValue(op Op[struct{}]) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := op(ctx)
		return err
	}
}

// noCopy makes go vet report copies of the struct it is a field of.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// misuse panics with the caller's bug.
func misuse(where, format string, args ...any) {
	panic(fmt.Errorf("retry: "+where+": "+format, args...))
}

// nameOf returns the name of a value of an enumeration.
func nameOf(enumeration string, value uint8, names ...string) string {
	if int(value) < len(names) {
		return names[value]
	}
	return fmt.Sprintf("%s(%d)", enumeration, value)
}

// nilOp panics for a function that was called without an operation.
func nilOp(where string) { misuse(where, "op is nil") }

// noContext panics for a function that was called without a context.
func noContext(where string, ctx context.Context) {
	if ctx == nil {
		misuse(where, "the context is nil")
	}
}
