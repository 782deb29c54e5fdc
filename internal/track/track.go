// Package track knows who holds what, when it is asked to.
//
// Each public package that hands out handles or guards has a [Class] for each
// kind of them. Off, which is how it starts, a class costs one atomic load for
// each handle made. On, it samples one in n of them: a sampled handle gets a
// [Token], for which a side table keeps the stack that made it until the handle
// ends. The table holds program counters and never a value or a token, so that
// it keeps nothing alive. Stacks are turned into text only in reports.
//
// A token is a small object of its own, and not a number in the handle, so that
// the collector can tell that a handle was lost although the handle lived on a
// stack or inside something larger, and so that fast paths, which allocate
// their handles in the caller's frame, are the same with tracking on. Only the
// handle may refer to its token: whatever else does hides the loss of the
// handle. What lists holders has [Holders].
package track

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path"
	"runtime/pprof"
	"sync/atomic"
)

// The profiles that go tool pprof and /debug/pprof/ show.
var (
	Handles = pprof.NewProfile("ferrous.handles")
	Borrows = pprof.NewProfile("ferrous.borrows")
	Locks   = pprof.NewProfile("ferrous.locks")
)

// A Class is the tracking of one kind of handles. It is off at first, and safe
// for concurrent use. It is meant to be a package variable and not a pointer in
// one, so that On is a single load. It takes part in [Start] and [Check] after
// [Register].
type Class struct {
	Path    string         // import path of the package, whose frames are not culprits
	Profile *pprof.Profile // where its handles appear

	// chance of 2^32 that a handle is tracked; all ones is certainty, zero
	// is off. It is the largest that anyone asks for.
	chance atomic.Uint32

	own     uint32 // the chance that Track asks for; guarded by switches
	changed func() // called after chance has changed, or nil; guarded by switches

	// salt changes with every handle that is tracked, and more often; see
	// sampledAt.
	salt atomic.Uint32
}

// On reports whether any handle is tracked at present. It is one atomic load.
func (c *Class) On() bool { return c.chance.Load() != 0 }

// Track tracks one of every n handles made from now on, all for 1 and none for
// 0. Handles tracked already stay so. Where [Start] or [Check] asks for more,
// more are tracked. A negative n panics.
func (c *Class) Track(n int) {
	if n < 0 {
		panic(fmt.Errorf("%s: Track: negative rate %d", path.Base(c.Path), n))
	}
	switches.Lock()
	defer switches.Unlock()
	c.own = chance(n)
	c.update()
}

// chance returns the chance of 2^32 for one in n; none for 0.
func chance(n int) uint32 {
	if n == 0 {
		return 0
	}
	return uint32(max(1, math.MaxUint32/uint64(n)))
}

// Sampled reports whether the handle that is being made is to be tracked.
func (c *Class) Sampled() bool {
	chance := c.chance.Load()
	return chance == math.MaxUint32 || chance != 0 && rand.Uint32() < chance
}

// SampledAt is Sampled for a value of the given size that was just allocated at
// the given address.
func (c *Class) SampledAt(address, size uintptr) bool {
	return c.chance.Load() != 0 && c.sampledAt(address, size)
}

// sampledAt draws a random number for a value whose allocation costs much more
// than that. For a small one it hashes the address, which is cheaper. The
// allocator hands out small addresses by the thousand before it uses one again,
// and meanwhile the salt has changed. The large ones it may hand out over and
// over, of which a hash would pick all or none.
func (c *Class) sampledAt(address, size uintptr) bool {
	if size >= 256 {
		return c.Sampled()
	}
	hash := mix(uint32(address>>4) ^ c.salt.Load())
	if hash > math.MaxUint32-math.MaxUint32/64 {
		c.salt.Store(rand.Uint32())
	}
	return hash <= c.chance.Load()
}

// mix is a hash of 32 bits, each of which depends on all bits of x, so that
// neighbouring addresses give numbers that have nothing to do with each other:
// the last step of MurmurHash3 (Austin Appleby).
func mix(x uint32) uint32 {
	x ^= x >> 16
	x *= 0x85ebca6b
	x ^= x >> 13
	x *= 0xc2b2ae35
	x ^= x >> 16
	return x
}
