package retry

import (
	"context"
	"iter"

	"github.com/coderrange/ferrous/internal/lease"
)

// Attempt is one turn of a loop over [Policy.Attempts].
type Attempt struct {
	ctx    context.Context // the attempt's own
	number int
	err    error
}

// Context returns the context of the attempt. It ends with the attempt's timeout,
// and when its turn of the loop ends with a failure or a panic. The context of a
// turn that succeeds lives as long as the caller's.
func (a *Attempt) Context() context.Context { return a.ctx }

// Number returns which attempt it is, from 1.
func (a *Attempt) Number() int { return a.number }

// Fail says that the attempt failed with err, so that the loop goes on if the
// policy allows it. Fail(nil) takes that back.
func (a *Attempt) Fail(err error) { a.err = err }

// Attempts is [Do] as a loop. A turn that ends without [Attempt.Fail] is a
// success and ends the loop, whether it ends with the body, by break or by
// return. A turn that ends by a panic is neither a success nor a failure. When
// there is no further attempt the last turn has the [*Error], and no attempt:
//
//	for attempt, err := range policy.Attempts(ctx) {
//		if err != nil {
//			return err
//		}
//		attempt.Fail(call(attempt.Context()))
//	}
//
//ferrous:blocks
func (p *Policy) Attempts(ctx context.Context) iter.Seq2[*Attempt, error] {
	if p == nil {
		p = &zeroPolicy
	}
	noContext("Policy.Attempts", ctx)
	return func(yield func(*Attempt, error) bool) {
		if ctx.Err() != nil {
			yield(nil, p.refuse(ctx))
			return
		}
		r := loop{ctx: ctx, p: p}
		for {
			a := Attempt{number: r.attempts + 1}
			goOn := p.turn(ctx, &a, yield)
			if a.err == nil {
				p.succeeded()
				return
			}
			if !goOn {
				return
			}
			if e := r.next(a.err); e != nil {
				yield(nil, e)
				return
			}
		}
	}
}

// turn hands one attempt to the body of the loop and reports whether the loop
// was left standing.
func (p *Policy) turn(ctx context.Context, a *Attempt, yield func(*Attempt, error) bool) bool {
	a.ctx = ctx
	if p.o.Timeout > 0 {
		c := lease.WithTimeout(ctx, p.o.Timeout, ErrTimeout)
		succeeded := false
		defer func() { c.End(succeeded) }()
		a.ctx = c
		goOn := yield(a, nil)
		succeeded = a.err == nil
		return goOn
	}
	return yield(a, nil)
}
