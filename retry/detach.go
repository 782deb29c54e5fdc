package retry

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/coderrange/ferrous/internal/ctxerr"
)

// Detach lets callers return without waiting for an operation that ignores its context.
// It limits and counts the operations that were left behind. It must be made by
// [NewDetach] and not be copied; it is safe for concurrent use.
type Detach struct {
	_         noCopy
	limit     int64
	abandoned atomic.Int64 // operations left behind that still run
	total     atomic.Int64 // operations ever left behind
}

// NewDetach returns a Detach that leaves at most limit operations behind at one
// time. It panics when limit is negative.
func NewDetach(limit int) *Detach {
	if limit < 0 {
		misuse("NewDetach", "negative limit %d", limit)
	}
	return &Detach{limit: int64(limit)}
}

// DetachStats is what [Detach.Stats] returns.
type DetachStats struct {
	// Abandoned is how many operations were left behind and still run.
	Abandoned int
	// Total is how many operations were ever left behind.
	Total int
}

// Stats returns how many operations were left behind.
func (d *Detach) Stats() DetachStats {
	return DetachStats{Abandoned: int(d.abandoned.Load()), Total: int(d.total.Load())}
}

// String returns the counts.
func (d *Detach) String() string {
	s := d.Stats()
	return fmt.Sprintf("Detach(abandoned=%d limit=%d total=%d)", s.Abandoned, d.limit, s.Total)
}

// GoString returns the same as String.
func (d *Detach) GoString() string { return d.String() }

// LogValue returns the counts.
func (d *Detach) LogValue() slog.Value { return slog.StringValue(d.String()) }

// abandon takes one of the places for operations that are left behind. It reports
// false if there is none.
func (d *Detach) abandon() bool {
	for {
		running := d.abandoned.Load()
		if running >= d.limit {
			return false
		}
		if d.abandoned.CompareAndSwap(running, running+1) {
			return true
		}
	}
}

// Detached returns an operation that runs op on a goroutine of its own. If the context
// ends first, it leaves op behind and returns the error of the context. If as many
// operations are left behind as d allows, it waits for op. If the context is already
// done, op is not called.
//
// If an operation that was left behind succeeds later, dispose is called with its value
// on the operation's goroutine, unless dispose is nil; an error is dropped. If op
// panics, the caller panics with a [*PanicError]. A panic of an operation that was left
// behind, or of dispose, ends the program. Each call allocates. Detached panics when d
// or op is nil.
func Detached[T any](d *Detach, op Op[T], dispose func(T)) Op[T] {
	if d == nil {
		misuse("Detached", "the Detach is nil")
	}
	if op == nil {
		nilOp("Detached")
	}
	return func(ctx context.Context) (T, error) {
		noContext("Detached", ctx)
		over := ctx.Done() // before op begins, in case it panics
		if ctx.Err() != nil {
			var zero T
			return zero, ctxerr.Of(ctx)
		}
		const running, abandoned, finished = 0, 1, 2
		var state atomic.Int32
		done := make(chan outcome[T], 1)
		go collect(ctx, op, func(o outcome[T]) {
			if state.CompareAndSwap(running, finished) {
				done <- o
				return
			}
			defer d.abandoned.Add(-1)
			if o.panic != nil {
				panic(o.panic)
			}
			if !o.exited && o.err == nil && dispose != nil {
				dispose(o.value)
			}
		})
		select {
		case o := <-done:
			return o.resume()
		case <-over:
		}
		if d.abandon() {
			if state.CompareAndSwap(running, abandoned) {
				d.total.Add(1)
				var zero T
				return zero, ctxerr.Of(ctx)
			}
			d.abandoned.Add(-1) // it has just finished
		}
		return (<-done).resume()
	}
}

// DetachedErr is [Detached] for an operation without a value.
func DetachedErr(d *Detach, op func(context.Context) error) func(context.Context) error {
	if d == nil {
		misuse("DetachedErr", "the Detach is nil")
	}
	if op == nil {
		nilOp("DetachedErr")
	}
	return withoutValue(Detached(d, withValue(op), nil))
}
