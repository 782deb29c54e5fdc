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
	previous time.Duration // the delay before the last attempt
	first    time.Time     // when the clock was first asked
	timer    *time.Timer   // made for the first delay, then reused
}

// next takes the error of an attempt, and waits until the next one is due or
// returns why there is none.
func (r *run) next(err error) *Error {
	r.attempts++
	if r.ctx.Err() != nil {
		return r.interrupted(err)
	}
	var m marks
	m.read(err)
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
	if r.p.o.OnRetry != nil {
		r.tell(Retry{Attempt: r.attempts, Err: err, Delay: delay, Elapsed: elapsed})
	}
	if delay > 0 {
		r.sleep(delay)
	}
	if r.ctx.Err() != nil {
		r.refund()
		return r.stopped(err)
	}
	return nil
}

// tell calls the hook; one that panics gets no retry, so none is paid for.
func (r *run) tell(retry Retry) {
	told := false
	defer func() {
		if !told {
			r.refund()
		}
	}()
	r.p.o.OnRetry(r.ctx, retry)
	told = true
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

// succeeded is told of a success after at least one retry.
func (r *run) succeeded() {
	if r.p.o.Budget != nil {
		r.p.o.Budget.Deposit()
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
	if !r.first.IsZero() {
		e.Elapsed = time.Since(r.first)
	}
	if r.p.o.OnGiveUp != nil {
		r.p.o.OnGiveUp(r.ctx, e)
	}
	return e
}
