package retry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/coderrange/ferrous/internal/ctxerr"
	"github.com/coderrange/ferrous/internal/lease"
)

// errLost is the cause with which the losers of a hedge are canceled.
var errLost = errors.New("retry: another copy of the call was first")

// HedgeOptions are the options of a [Hedge].
type HedgeOptions struct {
	// Delay is how long to wait for an answer before the next copy starts. Zero starts
	// all copies at once.
	Delay time.Duration
	// Copies is how many there are at most, the first included. At most 1,000;
	// zero means 2.
	Copies int
	// Budget bounds the copies beside the first ones, as it bounds retries. If it
	// refuses a copy, it is asked again after the next Delay. Each call that succeeds
	// adds to it, so it should not be the Budget of a [Policy] around the call: each
	// success would count twice. Nil means no bound.
	Budget *Budget
}

// maxCopies bounds the copies of one call. Each is a goroutine.
const maxCopies = 1000

// Hedge says when a slow call is made once more, beside the first. It must be made by
// [NewHedge] and not be copied; it is safe for concurrent use.
//
// After "The Tail at Scale", Dean and Barroso, CACM 2013.
type Hedge struct {
	_      noCopy
	o      HedgeOptions
	copies atomic.Int64
	wins   atomic.Int64
}

// NewHedge returns a hedge. It panics when a number of o is negative or beyond what
// its comment names, and for a Budget that was not made by [NewBudget].
func NewHedge(o HedgeOptions) *Hedge {
	switch {
	case o.Delay < 0:
		misuse("NewHedge", "negative Delay %v", o.Delay)
	case o.Copies < 0 || o.Copies > maxCopies:
		misuse("NewHedge", "Copies %d is not 0 to %d", o.Copies, maxCopies)
	case o.Budget != nil:
		o.Budget.made("NewHedge")
	}
	if o.Copies == 0 {
		o.Copies = 2
	}
	return &Hedge{o: o}
}

// HedgeStats is what [Hedge.Stats] returns.
type HedgeStats struct {
	// Copies is how many copies were started beside the first of their calls.
	Copies int
	// Wins is how many of these copies were the first to succeed.
	Wins int
}

// Stats returns how many copies were started, and how many of them won.
func (h *Hedge) Stats() HedgeStats {
	return HedgeStats{Copies: int(h.copies.Load()), Wins: int(h.wins.Load())}
}

// String returns the counts.
func (h *Hedge) String() string {
	s := h.Stats()
	return fmt.Sprintf("Hedge(copies=%d wins=%d)", s.Copies, s.Wins)
}

// GoString returns the same as String.
func (h *Hedge) GoString() string { return h.String() }

// LogValue returns the counts.
func (h *Hedge) LogValue() slog.Value { return slog.StringValue(h.String()) }

// Hedged returns an operation that calls op and returns the value of the first copy that
// succeeds. While no copy has succeeded and one is still running, it starts one more each
// time the delay of h has passed.
// Each copy has a context of its own. The winner's context lives as long as the
// caller's, so that its value stays usable; the others end with the race. op must be
// safe to run several times at once. If the caller's context is already done, op is not
// called.
//
// The losers are canceled and waited for; wrap op in [Detached] if it may ignore its
// context. If a loser succeeds too, dispose is called with its value on the caller's
// goroutine, unless dispose is nil. If all copies that were started have failed, the
// last error is returned; if a [Breaker] refused the last copy, it is joined with the
// last error that is no refusal. A [Permanent] error ends the race at once. If a copy
// panics, the race ends and the caller panics with a [*PanicError]; then the winner's
// value, if there is one, is disposed of like the others. Each call allocates. Hedged
// panics when h or op is nil, or h was not made by [NewHedge].
func Hedged[T any](h *Hedge, op Op[T], dispose func(T)) Op[T] {
	h.made("Hedged")
	if op == nil {
		nilOp("Hedged")
	}
	return func(ctx context.Context) (T, error) {
		noContext("Hedged", ctx)
		if ctx.Err() != nil {
			var zero T
			return zero, ctxerr.Of(ctx)
		}
		r := race[T]{h: h, op: op, dispose: dispose, ctx: ctx, ends: make(chan finish[T], h.o.Copies)}
		return r.run()
	}
}

// HedgedErr is [Hedged] for an operation without a value.
func HedgedErr(h *Hedge, op func(context.Context) error) func(context.Context) error {
	h.made("HedgedErr")
	if op == nil {
		nilOp("HedgedErr")
	}
	return withoutValue(Hedged(h, withValue(op), nil))
}

// made panics if the hedge cannot be used.
func (h *Hedge) made(where string) {
	if h == nil {
		misuse(where, "the Hedge is nil")
	}
	if h.o.Copies == 0 {
		misuse(where, "the Hedge was not made by NewHedge")
	}
}

// race is one call of a hedged op.
type race[T any] struct {
	h       *Hedge
	op      Op[T]
	dispose func(T)
	ctx     context.Context  // the caller's
	ends    chan finish[T]   // has room for all
	leases  []*lease.Context // of the copies that were started
	ended   int
	earlier error // the last one that is not a refusal of a breaker
}

type finish[T any] struct {
	outcome[T]
	number int
}

func (r *race[T]) start() {
	number, c := len(r.leases), lease.New(r.ctx)
	r.leases = append(r.leases, c)
	go collect(c, r.op, func(o outcome[T]) { r.ends <- finish[T]{o, number} })
}

func (r *race[T]) run() (T, error) {
	var winner *lease.Context
	defer func() { // also when an error or the caller's context panics
		r.cancel(winner)
		r.join(outcome[T]{exited: true})
	}()
	r.start()
	timer := time.NewTimer(r.h.o.Delay)
	defer timer.Stop()
	due := false
	for {
		select {
		case <-timer.C:
			due = true
		case end := <-r.ends:
			r.ended++
			if !end.succeeded() {
				r.leases[end.number].Cancel(nil)
				if !r.final(&end) && r.ended < len(r.leases) {
					break
				}
			}
			r.cancel(r.leases[end.number])
			if end.succeeded() && end.number > 0 {
				r.h.wins.Add(1)
			}
			end.outcome = r.join(end.outcome)
			if end.succeeded() {
				winner = r.leases[end.number]
				winner.Keep()
				if r.h.o.Budget != nil {
					r.h.o.Budget.Deposit()
				}
			}
			return end.resume()
		}
		if due && len(r.ends) == 0 { // what has ended at the same moment comes first
			due = false
			if r.more() {
				timer.Reset(r.h.o.Delay)
			}
		}
	}
}

// cancel ends the contexts of all copies but one.
func (r *race[T]) cancel(but *lease.Context) {
	for _, c := range r.leases {
		if c != but {
			c.Cancel(errLost)
		}
	}
}

// more starts another copy if there may be one, and reports whether it should be
// called again.
func (r *race[T]) more() bool {
	if len(r.leases) == r.h.o.Copies || r.ctx.Err() != nil {
		return false
	}
	if r.h.o.Budget != nil && !r.h.o.Budget.Withdraw() {
		return r.h.o.Delay > 0 // there may be something in it by then
	}
	r.h.copies.Add(1)
	r.start()
	return true
}

// join waits for the losers and returns how the race ended: as first says, or
// with a loser's panic. The values that the caller does not get are disposed of.
func (r *race[T]) join(first outcome[T]) outcome[T] {
	var values []T
	last := first
	for r.ended < len(r.leases) {
		end := <-r.ends
		r.ended++
		if end.panic != nil && last.panic == nil {
			last = end.outcome
		}
		if end.succeeded() {
			values = append(values, end.value)
		}
	}
	if r.dispose == nil {
		return last
	}
	handed := false
	defer func() {
		if first.succeeded() && !handed {
			r.dispose(first.value)
		}
	}()
	r.disposeAll(values)
	handed = last.panic == nil
	return last
}

// disposeAll disposes of all values, even if one panics or exits the goroutine.
func (r *race[T]) disposeAll(values []T) {
	if len(values) > 0 {
		defer r.disposeAll(values[1:])
		r.dispose(values[0])
	}
}

// final reports whether no other copy can change how the race ends. It makes
// the error that of the race if it may be the last.
func (r *race[T]) final(f *finish[T]) bool {
	var m marks
	m.read(f.err)
	switch {
	case !m.refused:
		r.earlier = f.err
	case r.earlier != nil:
		f.err = errors.Join(f.err, r.earlier)
	}
	return f.panic != nil || f.exited || m.permanent
}
