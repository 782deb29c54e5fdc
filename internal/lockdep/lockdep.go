// Package lockdep finds deadlocks of locks: those that have happened, and
// orders of locking that can lead to one.
//
// It follows three things. A hold is a lock that was taken and not yet given
// back; it is found by its lock, so that whoever ends it need not be the
// goroutine that began it, and it is listed with the goroutine that began it. An
// order is an edge from a lock that was held to one that was wanted meanwhile. A
// wait is a goroutine that is parked for a lock.
//
// The owner of the locks calls [Checker.Want] before a lock is taken in a way
// that may wait, [Checker.Begin] after it was taken, [Checker.End] before it is given
// back, and [Checker.Wait] around parking.
//
// What is done for each lock taken touches no lock of the checker: a goroutine's
// list of holds is its own, a hold lies within its lock, known orders are found in
// a hash table that is read without a lock. After Linux's lockdep in name, which
// follows classes of locks; this one follows each lock by itself.
package lockdep

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A Mode is the way in which a lock is held or wanted.
type Mode uint8

// The modes. Upgrade is wanted by who holds Upgradable, and only wanted: what it
// leads to is still the hold that was upgradable.
const (
	Exclusive Mode = iota
	Shared
	Upgradable // shared, and the only one that may become exclusive
	Upgrade
)

// Modes is a set of modes that are held.
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

// Options is what a checker is to do. The zero value reports nothing.
type Options struct {
	After  time.Duration // how long a goroutine waits before a cycle is looked for
	Limit  time.Duration // how long a lock may be held or waited for; zero is for ever
	Sample int           // follow one in so many goroutines that begin to lock; all for less than two
	Orders int           // how many orders are kept at most
	Report func(*Report) // is called without any lock of the checker, and may lock
}

// A Checker knows who holds and who waits for which locks. The zero value is off
// and ready. It must not be copied after first use. It is safe for concurrent use.
type Checker struct {
	// Ours are the beginnings of the functions that are left out of stacks, as
	// "path.". It must not change after first use.
	Ours []string

	listening  atomic.Pointer[Options] // the newest of audiences; nil if off
	goroutines goroutines
	orders     graph
	places     places
	clock      atomic.Uint64 // of waits and searches, so that they have an order
	searching  sync.Mutex    // one search for cycles at a time

	audience  sync.Mutex // guards audiences, and who sets listening
	audiences []*Options // in the order of their coming
}

// Listen turns the checker on until stop is called. If several listen, the
// newest is told.
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

// choose sets who listens. The audience is locked.
func (c *Checker) choose() {
	if n := len(c.audiences); n > 0 {
		c.listening.Store(c.audiences[n-1])
	} else {
		c.listening.Store(nil)
	}
}

// On reports whether anybody listens. It is one atomic load.
func (c *Checker) On() bool { return c.listening.Load() != nil }

// Tell reports what was found, if anybody still listens. No lock of the checker,
// and none that its calls hold, may be held.
func (c *Checker) Tell(found ...*Report) {
	for _, r := range found {
		if o := c.listening.Load(); r != nil && o != nil {
			o.Report(r)
		}
	}
}

// Counts is how much a checker knows.
type Counts struct {
	Orders     int // those that would close a cycle included
	Goroutines int // some of which may have ended
	Holds      int // and waits
}

// Counts returns how much is known now.
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
