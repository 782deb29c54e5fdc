package retry

import (
	"context"
	"fmt"
	"iter"
	"log/slog"

	"github.com/coderrange/ferrous/internal/lease"
)

// Attempt is one turn of a loop over [Policy.Attempts]. It belongs to the goroutine of
// the loop.
type Attempt struct {
	ctx    context.Context // the attempt's own
	number int             // 0 if the Attempt was not made by Policy.Attempts
	err    error           // that Fail was called with
	ended  bool            // its turn
}

// Context returns the context of the attempt. It ends with the attempt's timeout,
// and when its turn of the loop ends with a failure or a panic. The context of a
// turn that succeeds lives as long as the caller's.
func (a *Attempt) Context() context.Context {
	a.made("Context")
	return a.ctx
}

// Number returns which attempt it is, from 1.
func (a *Attempt) Number() int {
	a.made("Number")
	return a.number
}

// Fail says that the attempt failed with err, so that the loop goes on if the
// policy allows it. Fail(nil) takes that back. It panics when the turn has ended.
func (a *Attempt) Fail(err error) {
	a.made("Fail")
	if a.ended {
		misuse("Attempt.Fail", "the turn of attempt %d has ended", a.number)
	}
	a.err = err
}

// made panics if the attempt is a zero one.
func (a *Attempt) made(method string) {
	if a.number == 0 {
		misuse("Attempt."+method, "the Attempt was not made by Policy.Attempts")
	}
}

// String returns the number of the attempt, and the error if it has failed.
func (a *Attempt) String() string {
	if a.err != nil {
		return fmt.Sprintf("Attempt(%d failed: %v)", a.number, a.err)
	}
	return fmt.Sprintf("Attempt(%d)", a.number)
}

// GoString returns the same as String.
func (a *Attempt) GoString() string { return a.String() }

// LogValue returns the same as String.
func (a *Attempt) LogValue() slog.Value { return slog.StringValue(a.String()) }

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
			a.ended = true
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
