// Package retry calls an operation again when it failed, within limits, and says why it
// stopped.
//
// [Do] and [DoErr] call an operation under a [Policy]; [Policy.Attempts] is the same as
// a loop, and [Policy.Start] is for callers that wait for other things, too:
//
//	policy := retry.New(retry.Options{
//		Attempts: 5,
//		Backoff:  retry.Exponential(50*time.Millisecond, 5*time.Second).FullJitter(),
//		Timeout:  2 * time.Second, // of each attempt
//	})
//	price, err := retry.Do(ctx, policy, func(ctx context.Context) (int, error) {
//		return client.Price(ctx, "tea")
//	})
//
// These wrap an operation, and can be combined:
//
//   - [Guarded] refuses calls to a service that keeps failing, by a [Breaker].
//   - [Hedged] calls a slow service once more and takes the first answer, by a [Hedge].
//   - [Detached] returns without an operation that ignores its context, by a [Detach].
//
// A [Budget] bounds which share of all calls may be retries. A [Queue] retries a job
// later, across restarts if its [Store] is durable, as that of package
// github.com/coderrange/ferrous/retry/boltqueue is, which is a module of its own.
//
// # An attempt
//
// The operation runs on the caller's goroutine. Its context ends at the timeout of the
// attempt, or when the caller's context ends. Do always waits for the operation to
// return, unless a Detach says otherwise. An operation that returns a nil error has
// succeeded, even if its context has ended.
//
// What a successful operation returned stays usable after [Do] has returned: the body
// of an http.Response, or the rows of a query. So the context of the attempt that
// succeeded lives as long as the caller's context; the timeout no longer applies to it.
// A deadline that the operation copied out of its context, as net.Conn.SetDeadline
// does, stays where it was copied to. The context of an attempt that failed ends with
// the attempt.
//
// If the caller's context ends a call, the error matches both ctx.Err() and
// [context.Cause] with [errors.Is], also if the context has a cause of its own.
//
// # Combining
//
// A policy is outermost, then the breaker, then the hedge, then the operation:
//
//	policy := retry.New(retry.Options{
//		Attempts: 3,
//		Timeout:  2 * time.Second, // of each attempt, with all its copies
//		Budget:   retry.NewBudget(retry.BudgetOptions{}), // of the retries
//		Retryable: func(err error) bool { return !errors.Is(err, retry.ErrOpen) }, // fail fast
//	})
//	breaker := retry.NewBreaker(retry.BreakerOptions{})
//	hedge := retry.NewHedge(retry.HedgeOptions{
//		Delay:  100 * time.Millisecond,
//		Budget: retry.NewBudget(retry.BudgetOptions{}), // of the copies: not that of the policy
//	})
//	call := retry.Guarded(breaker, retry.Hedged(hedge, op, nil))
//	v, err := retry.Do(ctx, policy, call)
//
// The breaker then counts one call for each attempt, with the result of its hedge. An
// attempt that fails because of the Timeout counts as a failure. In the other order,
// Hedged(hedge, Guarded(breaker, op)), the breaker counts each copy; a copy that failed
// because another one won does not count.
//
// [Options.Timeout] bounds one attempt: all copies of its hedge together, but not the
// waits between attempts. To bound the whole call, give ctx a deadline.
//
// A Budget gets a share of a token from each success. A policy and a hedge with the same
// Budget would count each success twice, so give them one Budget each. All calls to one
// service should share the policy, the breaker and the hedge.
//
// A refusal of an open breaker is an attempt that failed with [ErrOpen]. It is retried
// like any other failure: the retry takes a token and waits until the breaker lets the
// next call through, at most [Options.MaxDelay]. With the Retryable function above, Do
// returns the refusal at once, with the reason [ReasonNotRetryable], and takes no more
// tokens.
//
// # Cost
//
// A first attempt that succeeds costs one look at the context: it reads no clock, sets
// no timer and does not allocate. The clock is read from the first failure on, if a
// delay, [Options.MaxElapsed] or [Options.OnRetry] needs it.
//
// The context of an attempt with an [Options.Timeout], and of each copy of [Hedged],
// costs about 150 ns if the operation does not ask for its Done channel, and about
// 1.3 µs if it does. If the caller's context is of a type of its own without an
// AfterFunc method, it also costs a goroutine for as long as the channel is in use.
//
// # Shutdown
//
// A service that stops cancels its context with the cause [ErrShutdown]:
//
//	ctx, stop := context.WithCancelCause(parent)
//	stop(retry.ErrShutdown)
//
// The calls that this interrupts end with the reason [ReasonShutdown], and the
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
