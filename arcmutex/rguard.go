package arcmutex

import "fmt"

// An RGuard is the right to read a value that an [RWMutex] owns, or with [Map]
// a part of it, beside other readers.
//
// It must not be copied, as go vet reports. After Unlock it is stale, and
// panics with an error that is [ErrStale]. A copy that is unlocked too ends
// another reader's share if there is one, since shares are counted and not
// told apart, and panics when there is none or a writer has been there. The
// zero RGuard guards nothing, and using it is a nil dereference.
type RGuard[T any] struct {
	_     noCopy
	value *T
	share
}

// A share is a shared hold of a lock. It has no type parameter, so that its
// methods are small enough to inline.
type share struct {
	lock *lock
	key  uint64 // the turn
}

// Unlock ends the guard. It is one compare-and-swap if nobody waits, and never
// blocks.
//
//ferrous:release
func (h *share) Unlock() {
	k := h.key
	h.key = over
	if !h.lock.fastRUnlock(k) && !h.lock.leave(sharing, k, losses[sharing]) {
		panic(errRGuardUnlock)
	}
}

// over is the key of a share that has ended: no lock is in such a state.
const over = ^uint64(0)

// Ptr returns a pointer to the value, which must not be changed, nor read
// after Unlock.
//
//ferrous:borrow shared
func (g *RGuard[T]) Ptr() *T {
	if s := g.lock.state.Load(); s&(turns|held) != g.key || s&readers == 0 {
		panic(errRGuardPtr)
	}
	return g.value
}

// Get returns the value.
func (g *RGuard[T]) Get() T {
	if s := g.lock.state.Load(); s&(turns|held) != g.key || s&readers == 0 {
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
