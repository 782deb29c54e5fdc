package arcmutex

import (
	"sync/atomic"
)

// counts counts the handles of one value. Its methods are the parts of the fast paths
// that do not depend on the type of the value. They are not inlined. What remains of
// Clone and Drop is small enough to inline, so that a handle that does not escape is
// allocated on the stack.
type counts struct {
	strong Count // number of Arcs; zero while NewArcCyclic makes the value

	// The lower half of weak is the number of Weaks. The upper half is how many
	// Weaks were ever made, modulo 2^32.
	weak atomic.Uint64

	name atomic.Pointer[string]
	self interface{ destroy() } // the control block that has these counts
}

const (
	weakMade = 1<<32 | 1         // addend for one more Weak
	weakGone = ^uint64(0)        // addend for one Weak less
	weakLive = uint64(1)<<32 - 1 // mask of the number of Weaks
)

// retain counts one more owner: the handle to, a clone of from. It panics if from is
// not live.
//
//go:noinline
func (c *counts) retain(from, to *handle) {
	on := handles.On() // before the atomic add, which would delay a later load
	if !from.live() {
		panic(from.misuse("Arc.Clone"))
	}
	if !c.strong.TryInc() { // another goroutine has ended from
		panic(from.misuse("Arc.Clone"))
	}
	to.begin()
	if on {
		c.track(to, 2)
	}
}

// track gives the new owner h a token if it is sampled. The recorded stack leaves out
// skip frames above track.
func (c *counts) track(h *handle, skip int) {
	if handles.Sampled() {
		h.token = handles.Begin("arcmutex.Arc", c.label(), skip)
	}
}

// release ends the owner h, and destroys the value if h was the last one. It panics
// if h is not live.
//
//go:noinline
func (c *counts) release(h *handle) {
	if !h.tryEnd() {
		h.end("Drop")
	}
	if h.token != nil {
		h.token.End()
	}
	if c.strong.Dec() { // as in less, which is not inlined
		c.self.destroy()
	}
}

// less counts one owner less, and destroys the value if it was the last one.
func (c *counts) less() {
	if c.strong.Dec() {
		c.self.destroy()
	}
}

// unique reports whether there was a moment during the call with one owner and no
// Weak. This stays true if only the caller uses that owner.
//
// It reads weak, strong and weak again. If weak has not changed, there was no Weak in
// between, because weak also counts the Weaks ever made. So an owner that was the
// only one in between was the only handle. Without that count, another owner could
// become a Weak and an owner again between the loads.
func (c *counts) unique() bool {
	weak := c.weak.Load()
	return weak&weakLive == 0 && c.strong.Load() == 1 && c.weak.Load() == weak
}

// weaks returns the number of Weaks.
func (c *counts) weaks() int { return int(c.weak.Load() & weakLive) }

// label returns the name from WithName, or an empty string.
func (c *counts) label() string {
	if name := c.name.Load(); name != nil {
		return *name
	}
	return ""
}
