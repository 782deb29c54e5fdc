package arcmutex

import (
	"sync/atomic"
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

// retain counts one more owner, the handle to, which is a clone of from.
//
//go:noinline
func (c *counts) retain(from, to *handle) {
	on := handles.On() // before the add, behind which a load would have to wait
	if !from.live() {
		panic(from.misuse("Arc.Clone"))
	}
	if !c.strong.TryInc() { // from has ended meanwhile
		panic(from.misuse("Arc.Clone"))
	}
	to.begin()
	if on {
		c.track(to, 2)
	}
}

// track gives the new owner h a token, if it is one that is sampled. Its stack begins
// skip frames above track.
func (c *counts) track(h *handle, skip int) {
	if handles.Sampled() {
		h.token = handles.Begin("arcmutex.Arc", c.label(), skip)
	}
}

// release ends the owner h and destroys the value with the last.
//
//go:noinline
func (c *counts) release(h *handle) {
	if !h.tryEnd() {
		h.end("Drop")
	}
	if h.token != nil {
		h.token.End()
	}
	if c.strong.Dec() { // less, which does not inline
		c.self.destroy()
	}
}

// less counts one owner less and destroys the value with the last.
func (c *counts) less() {
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
