package arcmutex

import (
	"sync/atomic"

	"github.com/coderrange/ferrous/internal/track"
)

// counts counts the handles of one value. Its methods are the parts of the
// fast paths that do not depend on the type of the value: what is left of
// Clone and Drop is small enough to inline, so that a handle that does not
// escape lives on its owner's stack, where they are not inlined themselves.
type counts struct {
	strong Count // Arcs; at zero while NewArcCyclic makes the value

	// weak has the number of Weaks in its lower half, and in its upper half
	// how many there have ever been, modulo 2^32.
	weak atomic.Uint64

	name atomic.Pointer[string]
	self interface{ destroy() } // the shared value that these are part of
}

const (
	weakMade = 1<<32 | 1  // one more Weak
	weakGone = ^uint64(0) // one less, as an addend
	weakLive = uint64(1)<<32 - 1
)

// retain counts one more owner and returns its token. It panics if the handle
// that is cloned is dead.
//
//go:noinline
func (c *counts) retain(dead uint32) *track.Token {
	on := handles.On() // before the add, behind which a load would have to wait
	if dead != 0 || !c.strong.TryInc() {
		dropped("Arc", "Clone")
	}
	if on && handles.Sampled() {
		return handles.Begin("arcmutex.Arc", c.label(), 1)
	}
	return nil
}

// release counts one owner less and destroys the value with the last. It
// panics if the handle was dead before.
//
//go:noinline
func (c *counts) release(t *track.Token, dead uint32) {
	if dead != 0 {
		dropped("Arc", "Drop")
	}
	if t != nil {
		t.End()
	}
	if c.strong.Dec() {
		c.self.destroy()
	}
}

// unique reports whether there was a moment, between call and return, with one
// owner and no Weak. It stays so, if the caller has that owner for itself.
//
// No Weak at two moments and no new one in between is no Weak in between, and
// then a single owner in between was alone. Without the number of Weaks ever
// made, another owner could become a Weak and an owner again unseen.
func (c *counts) unique() bool {
	weak := c.weak.Load()
	return weak&weakLive == 0 && c.strong.Load() == 1 && c.weak.Load() == weak
}

// weaks returns the number of Weaks.
func (c *counts) weaks() int { return int(c.weak.Load() & weakLive) }

// label returns the name that the value was given.
func (c *counts) label() string {
	if name := c.name.Load(); name != nil {
		return *name
	}
	return ""
}
