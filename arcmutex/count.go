package arcmutex

import (
	"errors"
	"log/slog"
	"strconv"
	"sync/atomic"
)

// ErrUnderflow is what a [Count] panics with when it is used after it has reached
// zero.
var ErrUnderflow = errors.New("arcmutex: count was already zero")

// A Count counts the holders of something and tells the last one that it is
// the last. It is 8 bytes to embed in a struct of one's own, for code that
// counts by hand; [Arc] is the same with handles that know when they are dead.
//
// The zero value counts one holder: the one who made it. A count that has
// reached zero stays there: no [Count.TryInc] succeeds any more, and exactly
// one [Count.Dec] has returned true.
//
// All methods are safe for concurrent use. Inc, TryInc and Dec are wait-free,
// one atomic add each (a Dec to zero needs a second operation). Every Dec
// synchronizes before the Dec that returns true. A Count must not be copied
// after first use.
//
// Sticky counter after Anderson, Blelloch and Wei, "Turning Manual Concurrent
// Memory Reclamation into Automatic Reference Counting", PLDI 2022. A count of
// real and speculative references in one word, as gVisor keeps it, needs two
// adds for a TryInc, and there is a schedule of three goroutines under which
// none of them sees the count reach zero.
type Count struct {
	_ noCopy

	// n is the number of holders less one, so that the zero Count counts its
	// maker. -1 is a moment only: a Dec has taken the last reference and not
	// yet marked the word, and a TryInc may still come first. A count at
	// zero is dead or helped, plus one for every TryInc that failed, less one
	// for every Dec too many: neither comes near another state in 2^59 calls.
	n atomic.Int64
}

const (
	// dead marks a count at zero whose last Dec knows that it was the last.
	dead = -1 << 62
	// helped marks a count at zero that Load has settled; one of the Decs on
	// its way will make it dead and return true.
	helped = -1 << 61
)

// isHelped reports whether n is helped, give or take what was added since.
func isHelped(n int64) bool { return n < -1<<60 && n > -3<<60 }

// Inc adds a holder. The caller must hold a reference already, or know that
// somebody does; it panics with an error that is [ErrUnderflow] if the count is
// zero. It is one atomic add.
func (c *Count) Inc() {
	if c.n.Add(1) < 0 {
		misused("Count.Inc")
	}
}

// TryInc adds a holder unless the count is zero, and reports whether it did.
// It is one atomic add and never retries.
func (c *Count) TryInc() bool { return c.n.Add(1) >= 0 }

// Dec removes a holder and reports whether it was the last one. Of all calls
// exactly one returns true; its caller is alone and may destroy what is
// counted. It panics with an error that is [ErrUnderflow] when nobody was left to
// remove.
func (c *Count) Dec() bool {
	n := c.n.Add(-1)
	return n < 0 && c.settle(n)
}

// settle ends a Dec that found n after it, which is below zero.
func (c *Count) settle(n int64) bool {
	if n < -1 {
		misused("Count.Dec")
	}
	for !c.n.CompareAndSwap(n, dead) {
		switch n = c.n.Load(); {
		case isHelped(n):
			// A Load marked the word on behalf of everybody who is at this line:
			// the first of them to take the mark away is the last holder.
			return isHelped(c.n.Swap(dead))
		case n >= 0, n < -1<<60:
			// A TryInc came first, and its Dec will be here again, or another Dec
			// was the last.
			return false
		}
		// A Dec too many, which panics, must not keep this one from being the last.
	}
	return true
}

// tryEnd ends a count of exactly one, as the only holder's Dec would do, and
// reports whether it did. Nothing has changed otherwise.
func (c *Count) tryEnd() bool { return c.n.CompareAndSwap(0, dead) }

// Load returns the number of holders. Zero is for ever, other numbers may be
// out of date when they arrive.
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

// GoString returns what String does, as Count(3).
func (c *Count) GoString() string { return "Count(" + c.String() + ")" }

// LogValue logs the number of holders.
func (c *Count) LogValue() slog.Value { return slog.Int64Value(c.Load()) }

func misused(method string) { panic(methodError(method, ErrUnderflow)) }
