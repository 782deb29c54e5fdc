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
// is destroyed nevertheless, if Depth of those have failed, by other goroutines
// while this one waits.
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

// A chain belongs to one goroutine, which lends it in drainElsewhere.
type chain struct {
	depth   int
	waiting []Destructor
	first   int // waiting[:first] have been destroyed
	failed  int // destructors that have failed, and whose panic or exit goes on when nothing waits
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
		c.one(c.next())
	}
}

// next takes the first that waits.
func (c *chain) next() Destructor {
	d := c.waiting[c.first]
	c.waiting[c.first] = nil
	if c.first++; c.first == len(c.waiting) {
		c.waiting, c.first = c.waiting[:0], 0
	}
	return d
}

// one destroys d, and, if that panics or exits the goroutine, what waits behind
// it: on top of this stack while at most Depth have failed.
func (c *chain) one(d Destructor) {
	returned := false
	defer func() {
		if returned {
			return
		}
		c.failed++
		defer func() { c.failed-- }()
		if c.failed < Depth {
			c.drain()
		} else {
			c.drainElsewhere()
		}
	}()
	d.Destruct()
	returned = true
}

// drainElsewhere does what drain does on the stacks of other goroutines, one
// after another. Each of them ends when a destructor fails: nothing else frees
// the stack of a goroutine that panics or exits. As with panics in one another
// the caller sees the last one.
func (c *chain) drainElsewhere() {
	var last any
	for c.first < len(c.waiting) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() {
				if r := recover(); r != nil {
					last = r
				}
			}()
			defer c.adopt(goid.Live())()
			for c.first < len(c.waiting) {
				c.next().Destruct()
			}
		}()
		<-done
	}
	if last != nil {
		panic(last)
	}
}

// adopt makes c the chain of goroutine g too, until what it returns is called.
func (c *chain) adopt(g uintptr) (back func()) {
	deep.Lock()
	defer deep.Unlock()
	deep.chains[g] = c
	return func() {
		deep.Lock()
		defer deep.Unlock()
		delete(deep.chains, g)
	}
}
