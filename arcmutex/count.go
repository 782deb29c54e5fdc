package arcmutex

import (
	"errors"
	"log/slog"
	"strconv"
	"sync/atomic"
)

// ErrUnderflow is what Inc and Dec of a [Count] panic with when the count is zero.
var ErrUnderflow = errors.New("arcmutex: count was already zero")

// A Count is a reference count of 8 bytes, for code that counts holders by hand. Dec
// reports which holder is the last. [Arc] is a counted handle that also detects use
// after its end.
//
// The zero value counts one holder, the goroutine that made it. A count that has
// reached zero stays zero: every later [Count.TryInc] fails. Exactly one [Count.Dec]
// returns true.
//
// All methods are safe for concurrent use. Inc, TryInc and Dec are wait-free: one
// atomic addition each, and a second operation for the Dec that reaches zero. Every
// Dec synchronizes before the Dec that returns true. A Count must not be copied
// after first use.
//
// It is the sticky counter of Anderson, Blelloch and Wei, "Turning Manual Concurrent
// Memory Reclamation into Automatic Reference Counting", PLDI 2022.
type Count struct {
	_ noCopy

	// n is the number of holders minus one, so that the zero Count has one holder.
	//
	// -1 is a short intermediate state: a Dec has removed the last holder and has
	// not marked the word yet. A TryInc may still succeed then.
	//
	// At zero, n is dead or helped, plus one for each failed TryInc, minus one for
	// each Dec that panics. It takes 2^59 such calls to come near another state.
	n atomic.Int64
}

const (
	// dead marks a count at zero. The Dec that returns true has set it.
	dead = -1 << 62
	// helped marks a count at zero that a Load has set, for a Dec that is between
	// its two operations. One such Dec changes it to dead and returns true.
	helped = -1 << 61
)

// isHelped reports whether n is helped plus or minus the calls since then.
func isHelped(n int64) bool { return n < -1<<60 && n > -3<<60 }

// Inc adds a holder. The caller must know that the count is not zero, for example
// because it is a holder. Inc panics with an error that is [ErrUnderflow] if the
// count is zero. It is one atomic addition.
func (c *Count) Inc() {
	if c.n.Add(1) < 0 {
		misused("Count.Inc")
	}
}

// TryInc adds a holder unless the count is zero, and reports whether it did.
// It is one atomic addition and never retries.
func (c *Count) TryInc() bool { return c.n.Add(1) >= 0 }

// Dec removes a holder and reports whether it was the last one. Exactly one call
// returns true; its caller may then destroy the counted object. Dec panics with an
// error that is [ErrUnderflow] if the count is zero.
func (c *Count) Dec() bool {
	n := c.n.Add(-1)
	return n < 0 && c.settle(n)
}

// settle completes a Dec whose addition resulted in n, which is below zero.
func (c *Count) settle(n int64) bool {
	if n < -1 {
		misused("Count.Dec")
	}
	for !c.n.CompareAndSwap(n, dead) {
		switch n = c.n.Load(); {
		case isHelped(n):
			// A Load has marked the word for all Decs that are at this line. The
			// first of them to remove the mark is the last holder.
			return isHelped(c.n.Swap(dead))
		case n >= 0, n < -1<<60:
			// A TryInc came first, and its Dec will settle later, or another Dec
			// was the last.
			return false
		}
		// A surplus Dec, which panics, has changed n. Try again.
	}
	return true
}

// tryEnd changes a count of exactly one to zero, as Dec does, and reports whether it
// did. Otherwise it changes nothing.
func (c *Count) tryEnd() bool { return c.n.CompareAndSwap(0, dead) }

// Load returns the number of holders. Zero is permanent. Any other number may be out
// of date when Load returns.
func (c *Count) Load() int64 {
	for {
		n := c.n.Load()
		switch {
		case n >= 0:
			return n + 1
		case n < -1<<60 || c.n.CompareAndSwap(n, helped):
			return 0
		}
	}
}

// String returns the number of holders.
func (c *Count) String() string { return strconv.FormatInt(c.Load(), 10) }

// GoString returns the number of holders in the form Count(3).
func (c *Count) GoString() string { return "Count(" + c.String() + ")" }

// LogValue logs the number of holders.
func (c *Count) LogValue() slog.Value { return slog.Int64Value(c.Load()) }

func misused(method string) { panic(methodError(method, ErrUnderflow)) }
