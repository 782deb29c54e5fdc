// Package retry calls again what failed, and says honestly why it stopped.
//
// [Do] and [DoErr] call an operation under a [Policy]; [Policy.Attempts] is the
// same as a loop. A [Queue] takes work that failed and retries it later,
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
// What was interrupted then ends with the reason [Shutdown], and the
// interrupted attempt is not counted.
package retry

import (
	"context"
	"fmt"

	"github.com/coderrange/ferrous/internal/lease"
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

// nilOp panics for a function that was called without an operation.
func nilOp(where string) { misuse(where, "op is nil") }

// noContext panics for a function that was called without a context.
func noContext(where string, ctx context.Context) {
	if ctx == nil {
		misuse(where, "the context is nil")
	}
}

// Do calls op until it succeeds or p forbids another attempt, and returns
// op's value, or an [*Error]. A nil p is the zero [Policy]. The context of the
// attempt that succeeded lives as long as ctx, those of the others end with their
// attempts.
//
// A context that is already done means that op is not called. While Do waits
// between attempts it listens to ctx; cancellation wins over a delay that ends
// at the same moment. A success at the first attempt does not allocate, nor
// does a retry without delay; all delays of one call share one timer. Do panics
// when op or ctx is nil.
//
//ferrous:blocks
func Do[T any](ctx context.Context, p *Policy, op Op[T]) (T, error) {
	if p == nil {
		p = &zeroPolicy
	}
	if op == nil {
		nilOp("Do")
	}
	noContext("Do", ctx)
	if ctx.Err() != nil {
		var zero T
		return zero, p.refuse(ctx)
	}
	v, err := attempt(ctx, p, op)
	if err != nil {
		return again(ctx, p, op, err)
	}
	p.succeeded()
	return v, nil
}

// again retries op, which failed with err.
func again[T any](ctx context.Context, p *Policy, op Op[T], err error) (T, error) {
	r := run{ctx: ctx, p: p}
	for {
		if e := r.next(err); e != nil {
			var zero T
			return zero, e
		}
		var v T
		if v, err = attempt(ctx, p, op); err == nil {
			p.succeeded()
			return v, nil
		}
	}
}

// attempt calls op once.
func attempt[T any](ctx context.Context, p *Policy, op Op[T]) (T, error) {
	if p.o.Timeout == 0 {
		return op(ctx)
	}
	return attemptTimeout(ctx, p, op)
}

func attemptTimeout[T any](ctx context.Context, p *Policy, op Op[T]) (T, error) {
	c := lease.WithTimeout(ctx, p.o.Timeout, ErrTimeout)
	succeeded := false
	defer func() { c.End(succeeded) }()
	v, err := op(c)
	succeeded = err == nil
	return v, err
}

// DoErr is [Do] for an operation without a value.
//
//ferrous:blocks
func DoErr(ctx context.Context, p *Policy, op func(context.Context) error) error {
	if p == nil {
		p = &zeroPolicy
	}
	if op == nil {
		nilOp("DoErr")
	}
	noContext("DoErr", ctx)
	if ctx.Err() != nil {
		return p.refuse(ctx)
	}
	err := p.attempt(ctx, op)
	if err != nil {
		return p.again(ctx, op, err)
	}
	p.succeeded()
	return nil
}

func (p *Policy) again(ctx context.Context, op func(context.Context) error, err error) error {
	r := run{ctx: ctx, p: p}
	for {
		if e := r.next(err); e != nil {
			return e
		}
		if err = p.attempt(ctx, op); err == nil {
			p.succeeded()
			return nil
		}
	}
}

func (p *Policy) attempt(ctx context.Context, op func(context.Context) error) error {
	if p.o.Timeout == 0 {
		return op(ctx)
	}
	c := lease.WithTimeout(ctx, p.o.Timeout, ErrTimeout)
	succeeded := false
	defer func() { c.End(succeeded) }()
	err := op(c)
	succeeded = err == nil
	return err
}
