package arcmutex

import (
	"errors"
	"fmt"
)

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
		staleGuard("Guard.Unlock", h.key)
	}
}

// Ptr returns a pointer to the value, which must not be used after Unlock.
//
//ferrous:borrow mut
func (g *Guard[T]) Ptr() *T {
	if g.lock.state.Load()&(turns|held) != g.key {
		staleGuard("Guard.Ptr", g.key)
	}
	return g.value
}

// Get returns the value.
func (g *Guard[T]) Get() T {
	if g.lock.state.Load()&(turns|held) != g.key {
		staleGuard("Guard.Get", g.key)
	}
	return *g.value
}

// Set replaces the value.
func (g *Guard[T]) Set(v T) {
	if g.lock.state.Load()&(turns|held) != g.key {
		staleGuard("Guard.Set", g.key)
	}
	*g.value = v
}

// Unlocked runs f while the lock is free for others, and locks it again before
// it returns, also when f panics. The guard goes on; its copies end. When it
// returns the value is what others have made of it: it may be poisoned, or
// taken, which [Guard.UnlockedErr] tells.
//
//ferrous:blocks
func (g *Guard[T]) Unlocked(f func()) {
	g.release("Guard.Unlocked")
	defer func() { _ = g.relock() }()
	f()
}

// UnlockedErr is [Guard.Unlocked] for a function that can fail. The error is
// f's, joined with [ErrPoisoned] or [ErrTaken] if that is what others have made
// of the value. In all cases g is locked.
//
//ferrous:blocks
func (g *Guard[T]) UnlockedErr(f func() error) (err error) {
	const method = "Guard.UnlockedErr"
	g.release(method)
	defer func() {
		if refused := g.relock(); refused != nil {
			err = errors.Join(err, methodError(method, refused))
		}
	}()
	return f()
}

// release is Unlock in the name of another method.
func (g *Guard[T]) release(method string) {
	if !g.lock.leave(exclusive, g.key, losses[exclusive]) {
		staleGuard(method, g.key)
	}
}

// relock makes a released guard good again, and returns why the value may not
// be used, if so.
func (g *Guard[T]) relock() (refused error) {
	g.key, refused = g.lock.lockAnyway()
	return refused
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
	part := f(g.Ptr())
	g.Ptr() // f may have ended g
	h := g.hold
	g.key = moved
	return Guard[U]{part, h}
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
	return RGuard[T]{&grip[T]{g.value, g.lock, g.downgrade()}}
}

// downgrade makes the hold a share and returns its key.
func (h *hold) downgrade() (k uint64) {
	if !h.lock.leave(exclusive, h.key, losses[exclusive]+gains[sharing]) {
		staleGuard("Downgrade", h.key)
	}
	h.key = moved
	k, _ = h.lock.opened(sharing, "", 3)
	return k
}
