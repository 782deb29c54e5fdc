package arcmutex

import (
	"fmt"
	"log/slog"

	"github.com/coderrange/ferrous/internal/operr"
)

// An RGuard is the right to read a value that an [RWMutex] owns, or with [Map]
// a part of it, beside other readers.
//
// It is a small value that may be copied. It, and every copy of it, ends with
// the first Unlock of any, and then panics with an error that is [ErrReleased]
// before it touches anything; so does the zero RGuard. An RGuard may be used
// and unlocked by another goroutine than the one that locked, one at a time.
//
// An RGuard that stays in the function that has locked, or goes to functions
// that only use it, does not allocate. One that is returned or stored allocates
// 24 bytes: shares are counted and not told apart, so that the copies of a guard
// need a place of their own to know of the end.
type RGuard[T any] struct{ *grip[T] }

// A grip is what all copies of a guard that does not hold alone have in common.
// It lives on the stack of whoever has locked, if nothing stores the guard:
// RLock and its siblings are small enough to inline for that, and the guards'
// methods take the guard by value, so that the compiler knows what is in it.
type grip[T any] struct {
	value *T
	hold  // a share or an upgradable hold
}

// Unlock ends the guard and all its copies. It is one atomic addition if
// nobody waits, and never blocks.
//
//ferrous:release
func (g RGuard[T]) Unlock() {
	if g.grip == nil {
		panic(errRGuardUnlock)
	}
	g.lock.runlock(g.key)
	g.key = over
}

// Ptr returns a pointer to the value, which must not be changed, nor read
// after Unlock.
//
//ferrous:lends
func (g RGuard[T]) Ptr() *T {
	if g.grip == nil || g.key&readers == 0 {
		panic(errRGuardPtr)
	}
	return g.value
}

// Get returns the value.
func (g RGuard[T]) Get() T {
	if g.grip == nil || g.key&readers == 0 {
		panic(errRGuardGet)
	}
	return *g.value
}

// What the inlined methods panic with is made beforehand, which keeps them
// small.
var (
	errRGuardUnlock = methodError("RGuard.Unlock", endedError(0))
	errRGuardPtr    = methodError("RGuard.Ptr", errRGuardEnded)
	errRGuardGet    = methodError("RGuard.Get", errRGuardEnded)

	errRGuardEnded = operr.As(ErrReleased, "guard was unlocked or mapped, or is zero")
)

// Format prints the value, or <unlocked> after the end, and with %+v and %#v that it
// is an RGuard's.
func (g RGuard[T]) Format(s fmt.State, verb rune) { g.format(s, verb, "RGuard", sharing) }

// LogValue logs what %+v prints.
func (g RGuard[T]) LogValue() slog.Value { return slog.StringValue(fmt.Sprintf("%+v", g)) }

// Map returns a guard of a part of what g guards, which f picks. The part has
// g's place: g and its copies end, and the part's Unlock unlocks the whole. If f
// panics, g stays as it is. It allocates 24 bytes.
//
//ferrous:transfers g
func Map[T, U any](g *RGuard[T], f func(*T) *U) RGuard[U] {
	const method = "Map"
	checkMap(g != nil, f != nil, method)
	g.check(method, sharing)
	part := f(g.value)
	return mapped(g, part, method)
}

// FilterMap is [Map] for a part that may not be there. If it is not, g stays as
// it is.
//
//ferrous:transfers g on ok
func FilterMap[T, U any](g *RGuard[T], f func(*T) (*U, bool)) (RGuard[U], bool) {
	const method = "FilterMap"
	checkMap(g != nil, f != nil, method)
	g.check(method, sharing)
	part, ok := f(g.value)
	if !ok {
		return RGuard[U]{}, false
	}
	return mapped(g, part, method), true
}

// mapped returns the guard of a part, which takes g's place.
func mapped[T, U any](g *RGuard[T], part *U, method string) RGuard[U] {
	g.check(method, sharing) // f may have ended g
	h := g.hold
	g.key = moved
	return RGuard[U]{&grip[U]{part, h}}
}

// check panics in the name of a method of a guard of mode m that has ended.
func (g *grip[T]) check(method string, m mode) {
	switch {
	case g == nil:
		staleGuard(method, 0)
	case g.key&own[m] == 0:
		staleGuard(method, g.key)
	}
}

// own are bits of the key that only a guard of that mode has while it is good.
var own = [modes]uint64{sharing: readers, upgrading: upgradable}

func (g *grip[T]) format(s fmt.State, verb rune, name string, m mode) {
	if g == nil {
		g = new(grip[T])
	}
	formatGuard(s, verb, name, g.value, g.hold, m)
}
