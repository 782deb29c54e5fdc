// Package track records the handles that exist and the stacks that made them.
//
// Each public package that makes handles or guards has a [Class] for each kind of
// them. A class is off at first; then it costs one atomic load for each handle. When
// it is on, one in n handles is tracked:
//
//	handle ──▶ Token ──▶ record ◀── table        all records, by serial number
//	           (small,   │      ◀── pprof        one profile for each kind
//	            has a    │      ◀── Holders      the borrows of one value
//	            cleanup) ▼
//	                     origin                  type and stack: one for each place
//
// The table holds program counters, and neither values nor tokens, so it keeps
// nothing alive. A stack becomes text only in a report.
//
// A token is an object of its own and not a number in the handle. So the garbage
// collector finds a lost handle also if the handle was on a stack or in a larger
// object, and the fast paths, which have their handles in the caller's frame, are the
// same with tracking on. Only the handle may refer to its token: any other reference
// would hide the loss of the handle. Therefore [Holders] refers to records.
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

// A Class tracks one kind of handles. It is off at first, and safe for concurrent
// use. It should be a package variable, not a pointer in one, so that On is a single
// load. [Start] and [Check] apply to it after [Register].
type Class struct {
	Path    string         // import path of the package, whose frames reports leave out
	Profile *pprof.Profile // where its handles appear

	// chance is the probability, in units of 2^-32, that a handle is tracked. The
	// largest number means all handles, zero means none. It is the maximum of own
	// and of all trackers in switches.
	chance atomic.Uint32

	own     uint32 // the chance that Track has set; guarded by switches
	changed func() // called after chance has changed, or nil; guarded by switches

	// salt changes with each tracked handle, and at other times; see sampledAt.
	salt atomic.Uint32
}

// On reports whether the class is on. It is one atomic load.
func (c *Class) On() bool { return c.chance.Load() != 0 }

// Track tracks one in n of the handles that are made from now on: all for 1, none
// for 0. Handles that are tracked stay tracked. If [Start] or [Check] asks for a
// larger share, that share applies. Track panics if n is negative.
func (c *Class) Track(n int) {
	if n < 0 {
		panic(fmt.Errorf("%s: Track: negative rate %d", path.Base(c.Path), n))
	}
	switches.Lock()
	defer switches.Unlock()
	c.own = chance(n)
	c.update()
}

// chance returns the probability of one in n in units of 2^-32, and 0 for 0.
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

// SampledAt is Sampled for a value that was just allocated, with its address and
// size.
func (c *Class) SampledAt(address, size uintptr) bool {
	return c.chance.Load() != 0 && c.sampledAt(address, size)
}

// sampledAt hashes the address of a small value, which is cheaper than to draw a
// random number. The allocator returns thousands of addresses of small values before
// it returns one of them again, and the salt has changed by then. The address of a
// large value may be returned again at once, and a hash would choose all of these
// values or none. So for a large value it draws a random number, which costs little
// beside the allocation.
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

// mix is a hash of which each bit depends on all bits of x, so the hashes of
// neighbouring addresses are independent. It is the last step of MurmurHash3 (Austin
// Appleby).
func mix(x uint32) uint32 {
	x ^= x >> 16
	x *= 0x85ebca6b
	x ^= x >> 13
	x *= 0xc2b2ae35
	x ^= x >> 16
	return x
}
