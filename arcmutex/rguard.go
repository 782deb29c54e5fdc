package arcmutex

import "fmt"

// An RGuard is the right to read a value that an [RWMutex] owns, or with [Map]
// a part of it, beside other readers.
//
// After Unlock it is stale, and panics with an error that is [ErrStale]. It
// must not be copied, as go vet reports, since shares are counted and not told
// apart: a copy does not learn of the end, and to unlock it too takes another
// reader's share away if there is one, for good or, when a writer has been
// there, until it panics; without one it panics too. The zero RGuard guards
// nothing, and using it is a nil dereference.
type RGuard[T any] struct {
	_     noCopy
	value *T
	share
}

// A share is a shared hold of a lock. It has no type parameter, so that its
// methods are small enough to inline.
type share struct {
	lock *lock
	key  uint64
}

// Unlock ends the guard. It is one atomic addition if nobody waits, and never
// blocks.
//
//ferrous:release
func (h *share) Unlock() {
	k := h.key
	h.key = over
	h.lock.runlock(k)
}

// Ptr returns a pointer to the value, which must not be changed, nor read
// after Unlock.
//
//ferrous:borrow shared
func (g *RGuard[T]) Ptr() *T {
	if g.key == over {
		panic(errRGuardPtr)
	}
	return g.value
}

// Get returns the value.
func (g *RGuard[T]) Get() T {
	if g.key == over {
		panic(errRGuardGet)
	}
	return *g.value
}

// Format prints the value, and with %+v and %#v that it is an RGuard's.
func (g *RGuard[T]) Format(s fmt.State, verb rune) {
	formatGuard(s, verb, "RGuard", g.value, g.lock, sharing, g.key)
}

// Map returns a guard of a part of what g guards, which f picks. The part has
// g's place: g ends, and the part's Unlock unlocks the whole. If f panics, g
// stays as it is.
//
//ferrous:takes g
func Map[T, U any](g *RGuard[T], f func(*T) *U) RGuard[U] {
	part, k := f(g.Ptr()), g.key
	g.key = over
	return RGuard[U]{value: part, share: share{lock: g.lock, key: k}}
}

// FilterMap is [Map] for a part that may not be there. If it is not, g stays as
// it is.
//
//ferrous:takes g
func FilterMap[T, U any](g *RGuard[T], f func(*T) (*U, bool)) (RGuard[U], bool) {
	p, ok := f(g.Ptr())
	if !ok {
		return RGuard[U]{}, false
	}
	return Map(g, func(*T) *U { return p }), true
}
