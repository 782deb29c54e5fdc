package retry

import (
	"context"
	"time"
)

// run is one call on its way, from its first failure on. It lives on the
// caller's stack.
type run struct {
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
func (r *run) next(err error) *Error {
	r.attempts++
	var m marks
	m.read(err)
	if r.refused = m.refused; !r.refused {
		r.earlier = err
	}
	if r.ctx.Err() != nil {
		return r.interrupted(err)
	}
	switch {
	case r.p.refused(err, m):
		return r.giveUp(Refused, err, nil)
	case r.attempts >= r.p.attempts():
		return r.giveUp(Exhausted, err, nil)
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
			return r.giveUp(TooLong, err, nil)
		}
		if end, has := r.ctx.Deadline(); has && !now.Add(delay).Before(end) {
			return r.giveUp(Deadline, err, context.DeadlineExceeded)
		}
	}
	if budget := r.p.o.Budget; budget != nil && !budget.Withdraw() {
		return r.giveUp(OverBudget, err, nil)
	}
	if delay > 0 || r.p.o.OnRetry != nil {
		r.wait(Retry{Attempt: r.attempts, Err: err, Delay: delay, Elapsed: elapsed})
	}
	if r.ctx.Err() != nil {
		r.refund()
		return r.stopped(err)
	}
	return nil
}

// wait calls the hook and waits for the delay. If the hook or the context
// panics or exits the goroutine there is no retry, and none is paid for.
func (r *run) wait(retry Retry) {
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
func (r *run) sleep(delay time.Duration) {
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

func (r *run) refund() {
	if r.p.o.Budget != nil {
		r.p.o.Budget.Refund()
	}
}

// interrupted is for a context that ended before or while an attempt was made.
func (r *run) interrupted(err error) *Error {
	reason, cause := endOf(r.ctx)
	if reason == Shutdown && r.attempts > 0 {
		r.attempts--
	}
	return r.giveUp(reason, err, cause)
}

// stopped is for a context that ended between attempts.
func (r *run) stopped(err error) *Error {
	reason, cause := endOf(r.ctx)
	return r.giveUp(reason, err, cause)
}

func (r *run) giveUp(reason Reason, err, cause error) *Error {
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
