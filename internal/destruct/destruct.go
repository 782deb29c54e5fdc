// Package destruct runs destructors that drop further handles, however long
// the chain of them is.
//
// The last handle of a list's head runs a destructor that drops the next node,
// which runs a destructor that drops the next. In Rust a million of those
// overflow the stack. Here destructors nest as they do there, so that what a
// destructor drops is gone when Drop returns, but only [Depth] deep; deeper
// ones wait until the innermost of these has returned.
package destruct

import (
	"sync"
	"sync/atomic"

	"github.com/coderrange/ferrous/internal/goid"
)

// A Destructor is something that is to be destroyed.
type Destructor interface{ Destruct() }

// Depth is how deep destructors nest at least before one has to wait.
const Depth = 100

// running counts the destructors that run now in all goroutines. While it is
// at most Depth no goroutine can be deeper, and nothing else is looked at.
var running atomic.Int64

// Run destroys d before it returns, or, if the calling goroutine is inside
// Depth destructors already, before the innermost of these returns to its
// caller. A panic in d goes to the caller of the Run that called d; what waits
// is destroyed nevertheless.
func Run(d Destructor) {
	defer running.Add(-1)
	if running.Add(1) <= Depth {
		d.Destruct()
		return
	}
	runDeep(d)
}

// deep holds the goroutines that are in runDeep.
var deep struct {
	sync.Mutex
	chains map[uintptr]*chain
}

// A chain belongs to one goroutine.
type chain struct {
	depth   int
	waiting []Destructor
	first   int // waiting[:first] have been destroyed
}

func runDeep(d Destructor) {
	g := goid.Live()
	c := enter(g)
	if c.depth == Depth {
		c.waiting = append(c.waiting, d)
		return
	}
	c.depth++
	defer c.leave(g)
	d.Destruct()
}

// enter returns the chain of goroutine g.
func enter(g uintptr) *chain {
	deep.Lock()
	defer deep.Unlock()
	c := deep.chains[g]
	if c == nil {
		if deep.chains == nil {
			deep.chains = map[uintptr]*chain{}
		}
		c = &chain{}
		deep.chains[g] = c
	}
	return c
}

// leave ends the innermost destructor of c. What waits is destroyed first,
// while new ones still wait.
func (c *chain) leave(g uintptr) {
	defer func() {
		if c.depth--; c.depth == 0 {
			deep.Lock()
			delete(deep.chains, g)
			deep.Unlock()
		}
	}()
	c.drain()
}

// drain destroys what waits, in order, also after a panic.
func (c *chain) drain() {
	for c.first < len(c.waiting) {
		d := c.waiting[c.first]
		c.waiting[c.first] = nil
		if c.first++; c.first == len(c.waiting) {
			c.waiting, c.first = c.waiting[:0], 0
		}
		c.one(d)
	}
}

// one destroys d, and, if that panics, what waits behind it.
func (c *chain) one(d Destructor) {
	returned := false
	defer func() {
		if !returned {
			c.drain()
		}
	}()
	d.Destruct()
	returned = true
}
