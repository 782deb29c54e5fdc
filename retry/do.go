package retry

import (
	"context"
	"time"

	"github.com/coderrange/ferrous/internal/ctxerr"
	"github.com/coderrange/ferrous/internal/lease"
)

// Do calls op until it succeeds or p forbids another attempt, and returns
// op's value, or an [*Error]. A nil p is the zero [Policy]. The context of the
// attempt that succeeded lives as long as ctx; the contexts of the others end with
// their attempts.
//
// If ctx is already done, op is not called. If ctx ends while Do waits between
// attempts, Do returns at once; if the delay ends at the same moment, op is not called
// again. If the next attempt would begin after the deadline of ctx, Do does not wait
// for it. A success at the first attempt does not allocate, nor does a retry without
// delay; all delays of one call share one timer. Do panics when op or ctx is nil.
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
	r := loop{ctx: ctx, p: p}
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
	r := loop{ctx: ctx, p: p}
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

// loop is the state of one call after its first failure. It lives on the
// caller's stack.
type loop struct {
	ctx      context.Context // the call's own
	p        *Policy
	attempts int           // that ended
	earlier  error         // the last one that is not a refusal of a breaker
	refused  bool          // by a breaker, the last attempt
	previous time.Duration // the delay before the last attempt
	first    time.Time     // when the clock was first asked
	timer    *time.Timer   // made for the first delay, then reused
}

// next takes the error of an attempt, and waits until the next one is due or
// returns why there is none.
func (r *loop) next(err error) *Error {
	retry, e := r.plan(err)
	if e != nil {
		return e
	}
	if retry.Delay > 0 || r.p.o.OnRetry != nil {
		r.wait(retry)
	}
	if r.ctx.Err() != nil {
		r.refund()
		return r.stopped(err)
	}
	return nil
}

// plan takes the error of an attempt, and returns the next attempt, for which the
// budget has paid, or why there is none.
func (r *loop) plan(err error) (Retry, *Error) {
	r.attempts++
	var m marks
	m.read(err)
	if r.refused = m.refused; !r.refused {
		r.earlier = err
	}
	if r.ctx.Err() != nil {
		return Retry{}, r.interrupted(err)
	}
	switch {
	case r.p.refused(err, m):
		return Retry{}, r.giveUp(ReasonNotRetryable, err, nil)
	case r.attempts >= r.p.attempts():
		return Retry{}, r.giveUp(ReasonExhausted, err, nil)
	}
	delay := r.p.delay(r.attempts, r.previous, m)
	r.previous = delay
	var elapsed time.Duration
	if delay > 0 || r.p.o.MaxElapsed > 0 || r.p.o.OnRetry != nil {
		now := time.Now()
		if r.first.IsZero() {
			r.first = now
		}
		elapsed = now.Sub(r.first)
		if most := r.p.o.MaxElapsed; most > 0 && elapsed > most-delay {
			return Retry{}, r.giveUp(ReasonTooLong, err, nil)
		}
		if end, has := r.ctx.Deadline(); has && !now.Add(delay).Before(end) {
			return Retry{}, r.giveUp(ReasonDeadline, err, ctxerr.Early(r.ctx))
		}
	}
	if budget := r.p.o.Budget; budget != nil && !budget.Withdraw() {
		return Retry{}, r.giveUp(ReasonOverBudget, err, nil)
	}
	return Retry{Attempt: r.attempts, Err: err, Delay: delay, Elapsed: elapsed}, nil
}

// wait calls the hook and waits for the delay. If the hook or the context
// panics or exits the goroutine there is no retry, and none is paid for.
func (r *loop) wait(retry Retry) {
	over := false
	defer func() {
		if !over {
			r.refund()
		}
	}()
	if r.p.o.OnRetry != nil {
		r.p.o.OnRetry(r.ctx, retry)
	}
	if retry.Delay > 0 {
		r.sleep(retry.Delay)
	}
	over = true
}

// sleep waits for the delay or the end of the context.
func (r *loop) sleep(delay time.Duration) {
	if r.timer == nil {
		r.timer = time.NewTimer(delay)
	} else {
		r.timer.Reset(delay)
	}
	select {
	case <-r.timer.C:
	case <-r.ctx.Done():
		r.timer.Stop()
	}
}

// succeeded is told of a success.
func (p *Policy) succeeded() {
	if p.o.Budget != nil {
		p.o.Budget.Deposit()
	}
}

func (r *loop) refund() {
	if r.p.o.Budget != nil {
		r.p.o.Budget.Refund()
	}
}

// interrupted is for a context that ended before or while an attempt was made.
func (r *loop) interrupted(err error) *Error {
	reason, cause := endOf(r.ctx)
	if reason == ReasonShutdown && r.attempts > 0 {
		r.attempts--
	}
	return r.giveUp(reason, err, cause)
}

// stopped is for a context that ended between attempts.
func (r *loop) stopped(err error) *Error {
	reason, cause := endOf(r.ctx)
	return r.giveUp(reason, err, cause)
}

func (r *loop) giveUp(reason Reason, err, cause error) *Error {
	e := &Error{Reason: reason, Last: err, Cause: cause, Attempts: r.attempts}
	if r.refused {
		e.Earlier = r.earlier
	}
	if !r.first.IsZero() {
		e.Elapsed = time.Since(r.first)
	}
	if r.p.o.OnGiveUp != nil {
		r.p.o.OnGiveUp(r.ctx, e)
	}
	return e
}
