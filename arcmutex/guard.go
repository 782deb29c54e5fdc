package arcmutex

import "fmt"

// A Guard is the right to read and change a value that a [Mutex] or, held by a
// writer, an [RWMutex] owns, or with [MapMut] a part of it.
//
// It is a small value that may be copied. It, and every copy of it, ends with
// the first Unlock of any: each remembers which turn of the lock it is, and
// panics with an error that is [ErrStale] when that turn is over, before it
// touches anything, also when the lock has been locked again. (Turns are
// counted modulo 2^37.) The zero Guard guards nothing, and using it is a nil
// dereference.
//
// A Guard may be used and unlocked by another goroutine than the one that
// locked, one at a time. Unlock synchronizes before whoever locks next. Unlock
// in a deferred call during a panic unlocks and does not poison: it cannot
// know of the panic without swallowing it. With knows.
type Guard[T any] struct {
	value *T
	hold
}

// A hold is an exclusive hold of a lock. It has no type parameter, so that its
// methods are small enough to inline.
type hold struct {
	lock *lock
	key  uint64 // held, and the turn
}

// Unlock ends the guard and all its copies, and lets the next one in. It is
// one compare-and-swap if nobody waits, and never blocks.
//
//ferrous:release
func (h *hold) Unlock() {
	if !h.lock.state.CompareAndSwap(h.key, (h.key+(turn-held))&(reader-1)) { // fastUnlock, which is too much to inline
		h.unlockSlow()
	}
}

func (h *hold) unlockSlow() {
	if !h.lock.leave(exclusive, h.key, losses[exclusive]) {
		stale("Guard.Unlock")
	}
}

// Ptr returns a pointer to the value, which must not be used after Unlock.
//
//ferrous:borrow mut
func (g *Guard[T]) Ptr() *T {
	if g.lock.state.Load()&(turns|held) != g.key {
		panic(errGuardPtr)
	}
	return g.value
}

// Get returns the value.
func (g *Guard[T]) Get() T {
	if g.lock.state.Load()&(turns|held) != g.key {
		panic(errGuardGet)
	}
	return *g.value
}

// Set replaces the value.
func (g *Guard[T]) Set(v T) {
	if g.lock.state.Load()&(turns|held) != g.key {
		panic(errGuardSet)
	}
	*g.value = v
}

// Unlocked runs f while the lock is free for others, and locks it again before
// it returns, also when f panics. The guard goes on; its copies end. When it
// returns the value is what others have made of it, and may be poisoned.
//
//ferrous:blocks
func (g *Guard[T]) Unlocked(f func()) {
	g.release("Guard.Unlocked")
	defer g.relock()
	f()
}

// release is Unlock in the name of another method.
func (g *Guard[T]) release(method string) {
	if !g.lock.leave(exclusive, g.key, losses[exclusive]) {
		stale(method)
	}
}

// relock makes a released guard good again, and reports whether the value is
// poisoned.
func (g *Guard[T]) relock() (isPoisoned bool) {
	g.key, isPoisoned = g.lock.lockAnyway()
	return isPoisoned
}

// Format prints the value, and with %+v and %#v that it is a Guard's.
func (g *Guard[T]) Format(s fmt.State, verb rune) {
	formatGuard(s, verb, "Guard", g.value, g.lock, exclusive, g.key)
}

// MapMut returns a guard of a part of what g guards, which f picks. The part
// has g's place: g ends, and the part's Unlock unlocks the whole. If f panics, g
// stays as it is.
//
//ferrous:takes g
func MapMut[T, U any](g *Guard[T], f func(*T) *U) Guard[U] {
	part := Guard[U]{f(g.Ptr()), g.hold}
	g.key = over
	return part
}

// FilterMapMut is [MapMut] for a part that may not be there. If it is not, g
// stays as it is.
//
//ferrous:takes g
func FilterMapMut[T, U any](g *Guard[T], f func(*T) (*U, bool)) (Guard[U], bool) {
	p, ok := f(g.Ptr())
	if !ok {
		return Guard[U]{}, false
	}
	return MapMut(g, func(*T) *U { return p }), true
}

// Downgrade turns the writer of an [RWMutex] into a reader, who sees what the
// writer has left: no other writer comes between, however many wait. The guard
// and all its copies end. It never blocks. On the guard of a [Mutex] it makes a
// reader with whom nobody shares.
//
//ferrous:takes g
func Downgrade[T any](g *Guard[T]) RGuard[T] {
	if !g.lock.leave(exclusive, g.key, losses[exclusive]+gains[sharing]) {
		stale("Downgrade")
	}
	k, _ := g.lock.opened(sharing, 2)
	return RGuard[T]{value: g.value, share: share{lock: g.lock, key: k}}
}
