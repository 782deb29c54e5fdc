package arcmutex

import (
	"fmt"
	"log/slog"

	"github.com/coderrange/ferrous/internal/operr"
)

// An RGuard gives its holder the right to read the value of an [RWMutex], or with
// [Map] a part of the value. Other readers may hold guards at the same time.
//
// An RGuard is a small value and may be copied, returned, stored and sent on a
// channel. The first Unlock of the guard or of any copy ends all of them. After
// that, all methods but those that print panic with an error that is [ErrReleased]
// and change nothing. The zero RGuard behaves like one that has ended.
//
// An RGuard may be used and unlocked by a goroutine other than the one that locked,
// but by one goroutine at a time; see also [RGuard.Disown].
//
// An RGuard does not allocate if it stays in the function that locked, or is passed
// to functions that only use it. An RGuard that is returned or stored allocates 24
// bytes. The lock only counts its readers, so the copies of a guard need memory of
// their own that records the end.
type RGuard[T any] struct{ *grip[T] }

// A grip is shared by all copies of an RGuard or a UGuard.
//
// It is on the stack of the function that locked, unless something stores the
// guard. For this to work, RLock and the like are small enough to inline, and the
// methods of the guards have value receivers.
type grip[T any] struct {
	value *T
	hold  // a share or an upgradable hold
}

// Unlock ends the guard and all its copies, and unlocks the lock. It never blocks,
// and is one atomic addition if no goroutine waits. It panics with an error that is
// [ErrReleased] if the guard has ended.
//
//ferrous:release
func (g RGuard[T]) Unlock() {
	if g.grip == nil {
		panic(errRGuardUnlock)
	}
	g.lock.runlock(g.key)
	g.key = over
}

// Ptr returns a pointer to the value. The value must not be changed, and the pointer
// must not be used after Unlock. It panics with an error that is [ErrReleased] if
// the guard has ended.
//
//ferrous:lends
func (g RGuard[T]) Ptr() *T {
	if g.grip == nil || g.key&readers == 0 {
		panic(errRGuardPtr)
	}
	return g.value
}

// Get returns a copy of the value. It panics with an error that is [ErrReleased] if
// the guard has ended.
func (g RGuard[T]) Get() T {
	if g.grip == nil || g.key&readers == 0 {
		panic(errRGuardGet)
	}
	return *g.value
}

// The errors that the inlined methods panic with. They are made in advance, which
// keeps the methods small.
var (
	errRGuardUnlock = methodError("RGuard.Unlock", endedError(0))
	errRGuardPtr    = methodError("RGuard.Ptr", errRGuardEnded)
	errRGuardGet    = methodError("RGuard.Get", errRGuardEnded)

	errRGuardEnded = operr.As(ErrReleased, "guard was unlocked or mapped, or is zero")
)

// Format prints the value, or <unlocked> if the guard has ended. %+v and %#v also
// print the type, RGuard.
func (g RGuard[T]) Format(s fmt.State, verb rune) { g.format(s, verb, "RGuard", sharing) }

// LogValue logs what %+v prints.
func (g RGuard[T]) LogValue() slog.Value { return slog.StringValue(fmt.Sprintf("%+v", g)) }

// Map returns a guard of a part of the value. f receives the value and returns a
// pointer to the part. Map consumes g: g and its copies end, and Unlock of the result
// unlocks the whole value. If f panics, g stays as it is. Map panics with an error
// that is [ErrReleased] if g has ended. It allocates 24 bytes.
//
//ferrous:transfers g
func Map[T, U any](g *RGuard[T], f func(*T) *U) RGuard[U] {
	const method = "Map"
	checkMap(g != nil, f != nil, method)
	g.check(method, sharing)
	part := f(g.value)
	return mapped(g, part, method)
}

// FilterMap is [Map] for a part that may not exist. If f returns false, FilterMap
// returns false and g stays as it is.
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

// mapped returns the guard of a part, which replaces g.
func mapped[T, U any](g *RGuard[T], part *U, method string) RGuard[U] {
	g.check(method, sharing) // f may have ended g
	h := g.hold
	g.key = moved
	return RGuard[U]{&grip[U]{part, h}}
}

// check panics in the name of a method if the guard, of mode m, has ended.
func (g *grip[T]) check(method string, m mode) {
	switch {
	case g == nil:
		staleGuard(method, 0)
	case g.key&own[m] == 0:
		staleGuard(method, g.key)
	}
}

// own are bits of the key that a guard has only if it has that mode and is valid.
var own = [modes]uint64{sharing: readers, upgrading: upgradable}

func (g *grip[T]) format(s fmt.State, verb rune, name string, m mode) {
	if g == nil {
		g = new(grip[T])
	}
	formatGuard(s, verb, name, g.value, g.hold, m)
}
