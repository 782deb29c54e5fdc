// Package track knows who holds what, when it is asked to.
//
// Each public package that hands out handles or guards has one [Class]. Off,
// which is how it starts, a class costs one atomic load for each handle made.
// On, it samples one in n of them: a sampled handle gets a [Token], for which a
// side table keeps the stack that made it until the handle ends. The table
// holds program counters and never a value or a token, so that it keeps
// nothing alive; stacks are turned into text only in reports.
//
// A token is a small object of its own, and not a number in the handle, so that
// the collector can tell that a handle was lost although the handle lived on a
// stack or inside something larger, and so that fast paths, which allocate
// their handles in the caller's frame, are the same with tracking on.
package track

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path"
	"runtime"
	"runtime/pprof"
	"sync/atomic"
)

// The profiles that go tool pprof and /debug/pprof/ show.
var (
	Handles = pprof.NewProfile("ferrous.handles")
	Borrows = pprof.NewProfile("ferrous.borrows")
	Locks   = pprof.NewProfile("ferrous.locks")
)

// A Class is the tracking of one package. It is off at first, and safe for
// concurrent use. It is meant to be a package variable and not a pointer in
// one, so that On is a single load.
type Class struct {
	Path    string         // import path of the package, whose frames are not culprits
	Profile *pprof.Profile // where its handles appear

	// chance of 2^32 that a handle is tracked; all ones is certainty, zero
	// is off.
	chance atomic.Uint32

	// salt changes with every handle that is tracked, see SampledAt.
	salt atomic.Uint32
}

// On reports whether any handle is tracked at present. It is one atomic load.
func (c *Class) On() bool { return c.chance.Load() != 0 }

// Track tracks one of every n handles made from now on, all for 1 and none for
// 0. Handles tracked already stay so. A negative n panics.
func (c *Class) Track(n int) {
	switch {
	case n < 0:
		panic(fmt.Errorf("%s: Track: negative rate %d", path.Base(c.Path), n))
	case n == 0:
		c.chance.Store(0)
	default:
		c.chance.Store(uint32(max(1, math.MaxUint32/uint64(n))))
	}
}

// A Token stands for a tracked handle, which must be all that refers to it. It
// is nil for a handle that is not tracked.
type Token struct{ record *record }

// Sampled reports whether the handle that is being made is to be tracked.
func (c *Class) Sampled() bool {
	chance := c.chance.Load()
	return chance == math.MaxUint32 || chance != 0 && rand.Uint32() < chance
}

// SampledAt is Sampled for a value that was just allocated at the given
// address. It draws no random number, which takes several nanoseconds, but
// hashes the address. The allocator hands out addresses by the ten thousand
// before the collector lets it use one again, and the salt sees to it that
// these are not the same ones every time.
func (c *Class) SampledAt(address uintptr) bool {
	chance := c.chance.Load()
	return chance != 0 && (uint32(address>>4)^c.salt.Load())*2654435769 <= chance
}

// Begin tracks a new handle of the given type and name. The stack begins skip frames above the caller of Begin. Should the garbage
// collector find the token before [Token.End], the handle is one of the
// class's leaks.
func (c *Class) Begin(what, name string, skip int) *Token {
	c.salt.Store(rand.Uint32())
	r := &record{origin: origin{class: c, what: what, name: name}}
	runtime.Callers(skip+2, r.pcs[:])
	table.insert(r)
	c.Profile.Add(r, skip+2)
	t := &Token{r}
	r.cleanup = runtime.AddCleanup(t, lose, r)
	return t
}

// Rename names the handle.
func (t *Token) Rename(name string) {
	if t != nil {
		table.rename(t.record, name)
	}
}

// End forgets the handle, and reports whether it was there.
func (t *Token) End() bool {
	if t == nil || !table.remove(t.record) {
		return false
	}
	t.record.class.Profile.Remove(t.record)
	t.record.cleanup.Stop()
	return true
}

// Site returns the place that made the handle, as file.go:42, or nothing if
// that is not known.
func (t *Token) Site() string {
	if t == nil {
		return ""
	}
	return t.record.site()
}
