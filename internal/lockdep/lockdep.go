// Package lockdep finds deadlocks of locks: deadlocks that have happened, and orders of
// locking that can lead to one.
//
// It records three things:
//
//   - A hold is a lock that was acquired and not yet released. Its record is in the
//     record of the lock, so any goroutine can end it. The goroutine that began it has
//     it in its list of holds.
//   - An order is an edge A → B: a goroutine wanted lock B while it held lock A.
//   - A wait is a goroutine that is blocked until it gets a lock.
//
// The package that implements the locks reports events to a [Checker]:
//
//	Want(B)   before an acquire that may wait:
//	            for each hold A of this goroutine: add the edge A → B;
//	            if B → … → A is known: report Order
//	Begin(B)  after the acquire: record the hold
//	Wait(B)   before the goroutine blocks: record the wait
//	Look      after Options.After: follow  wait → hold → its goroutine → wait → …
//	            back to the start, and report Cycle
//	End(B)    before the release: end the hold
//
// For example, goroutine 1 locks A and then B, and goroutine 2 locks B and then A:
//
//	order:  A → B → A       found at the second Want, even if no goroutine waits
//	cycle:  g1 waits for B, held by g2; g2 waits for A, held by g1
//
// The orders are a directed graph without cycles. An edge that would close a cycle is
// found by a search from both of its ends; see [graph] for the algorithm and its source.
// The search for a cycle of waits is depth-first; see [Checker.search].
//
// The fast path, an acquire whose orders are known, takes no lock of the checker: only
// the goroutine itself uses its list of holds, the hold is part of the record of the
// lock, and known orders are in a hash table that is read without a lock.
//
// The name and the idea of order checking are those of Linux's lockdep. Linux groups
// locks into classes; this package follows each lock by itself.
package lockdep

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A Mode is the way in which a lock is held or wanted.
type Mode uint8

// The modes.
const (
	Exclusive  Mode = iota
	Shared          // a reader
	Upgradable      // the reader that may become exclusive; at most one at a time
	Upgrade         // wanted by the holder of Upgradable; never held: the hold stays Upgradable
)

// Modes is a set of modes.
type Modes uint8

// Of returns the set of the given modes.
func Of(modes ...Mode) (set Modes) {
	for _, m := range modes {
		set |= 1 << m
	}
	return set
}

// Has reports whether m is in the set.
func (s Modes) Has(m Mode) bool { return s&(1<<m) != 0 }

// Options are the options of a checker.
type Options struct {
	After  time.Duration // how long a goroutine waits before a cycle is searched for
	Limit  time.Duration // how long a lock may be held or waited for; zero is no limit
	Sample int           // follow one in Sample goroutines that begin to lock; less than two: all
	Orders int           // maximum number of orders; zero: a default
	Report func(*Report) // called without any lock of the checker; it may lock
}

// A Checker records which goroutines hold and wait for which locks. The zero value is
// off and ready. It must not be copied after first use. It is safe for concurrent use.
type Checker struct {
	// Ours are prefixes of function names, as "path.". Functions with such a prefix
	// are left out of stacks. It must not change after first use.
	Ours []string

	listening  atomic.Pointer[Options] // the last of audiences; nil if off
	goroutines goroutines
	orders     graph
	places     places
	clock      atomic.Uint64 // counts waits and searches, which gives them an order
	searching  sync.Mutex    // held during a search for cycles of waits

	audience  sync.Mutex // guards audiences; held while listening is set
	audiences []*Options // one for each Listen that was not stopped, oldest first
}

// Listen turns the checker on until stop is called. If there are several Listen, only
// the newest receives reports.
func (c *Checker) Listen(o Options) (stop func()) {
	own := &o
	c.audience.Lock()
	defer c.audience.Unlock()
	c.audiences = append(c.audiences, own)
	c.choose()
	return func() {
		c.audience.Lock()
		defer c.audience.Unlock()
		c.audiences = slices.DeleteFunc(c.audiences, func(other *Options) bool { return other == own })
		c.choose()
	}
}

// choose sets listening to the newest audience. c.audience is locked.
func (c *Checker) choose() {
	if n := len(c.audiences); n > 0 {
		c.listening.Store(c.audiences[n-1])
	} else {
		c.listening.Store(nil)
	}
}

// On reports whether the checker is on. It is one atomic load.
func (c *Checker) On() bool { return c.listening.Load() != nil }

// Tell calls the report function for each report that is not nil, if the checker is
// still on. The caller must hold no lock of the checker and no internal lock of its own,
// since the report function may lock.
func (c *Checker) Tell(found ...*Report) {
	for _, r := range found {
		if o := c.listening.Load(); r != nil && o != nil {
			o.Report(r)
		}
	}
}

// Counts is the number of records of a checker.
type Counts struct {
	Orders     int // including those that would close a cycle
	Goroutines int // including some that have ended
	Holds      int // holds and waits
}

// Counts returns the present number of records.
func (c *Checker) Counts() (n Counts) {
	gs := &c.goroutines
	gs.mu.Lock()
	defer gs.mu.Unlock()
	gs.known.all(func(_ uint64, g *goroutine) {
		n.Goroutines++
		n.Holds += int(max(g.live.Load(), 0))
	})
	n.Orders = int(c.orders.edges.Load())
	return n
}
