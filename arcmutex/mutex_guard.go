package arcmutex

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"unsafe"
)

// A Guard is the right to read and change a value that a [Mutex] or, held by a
// writer, an [RWMutex] owns, or with [MapMut] a part of it.
//
// It is a small value that may be copied. It, and every copy of it, ends with
// the first Unlock of any: each remembers which turn of the lock it is, and
// panics with an error that is [ErrReleased] when that turn is over, before it
// touches anything, also when the lock has been locked again. (Turns are
// counted modulo 2^37.) So does the zero Guard.
//
// A Guard may be used and unlocked by another goroutine than the one that
// locked, one at a time. Unlock synchronizes before whoever locks next. Unlock
// in a deferred call during a panic unlocks and does not poison: it cannot
// know of the panic without swallowing it. With knows.
type Guard[T any] struct {
	value *T
	hold
}

// Unlock ends the guard and all its copies, and lets the next one in. It is
// one compare-and-swap if nobody waits, and never blocks.
//
//ferrous:release
func (g *hold) Unlock() {
	// This is fastUnlock, written so that it can be inlined: the state is the
	// first field of a lock, and the call of a method costs more than that of a
	// function. It is a method of hold and not of Guard, which go doc shows all the
	// same: that of a generic type would cost 85 of the 80 points allowed.
	if g.lock != nil {
		if atomic.CompareAndSwapUint64((*uint64)(unsafe.Pointer(g.lock)), g.key, (g.key+(turn-held))&(reader-1)) {
			return
		}
	}
	g.unlockSlow()
}

//go:noinline
func (h *hold) unlockSlow() { h.end("Guard.Unlock", losses[exclusive]) }

// end ends the exclusive hold, or changes it by delta. It panics in the name of a
// method if the hold has ended.
func (h *hold) end(method string, delta uint64) {
	if h.lock == nil || !h.leave(exclusive, delta) {
		staleGuard(method, h.key)
	}
}

// check panics in the name of a method if the exclusive hold has ended.
func (h *hold) check(method string) {
	if h.lock == nil || h.lock.state.Load()&(turns|held) != h.key {
		staleGuard(method, h.key)
	}
}

// Ptr returns a pointer to the value, which must not be used after Unlock.
//
//ferrous:lends
func (g *Guard[T]) Ptr() *T {
	if g.lock == nil {
		panic(methodError("Guard.Ptr", endedError(0)))
	}
	if g.lock.state.Load()&(turns|held) != g.key {
		panic(methodError("Guard.Ptr", endedError(g.key)))
	}
	return g.value
}

// Get returns the value.
func (g *Guard[T]) Get() T {
	if g.lock == nil {
		panic(methodError("Guard.Get", endedError(0)))
	}
	if g.lock.state.Load()&(turns|held) != g.key {
		panic(methodError("Guard.Get", endedError(g.key)))
	}
	return *g.value
}

// Set replaces the value.
func (g *Guard[T]) Set(v T) {
	if g.lock == nil {
		panic(methodError("Guard.Set", endedError(0)))
	}
	if g.lock.state.Load()&(turns|held) != g.key {
		panic(methodError("Guard.Set", endedError(g.key)))
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
	const method = "Guard.Unlocked"
	needFunc(method, f != nil)
	g.release(method)
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
	needFunc(method, f != nil)
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
	if g == nil {
		panic(methodError(method, errNilGuard))
	}
	g.end(method, losses[exclusive])
}

// relock makes a released guard good again, and returns why the value may not
// be used, if so.
func (g *Guard[T]) relock() (refused error) {
	g.hold, refused = g.lock.real().lockAnyway()
	return refused
}

// Format prints the value, or <unlocked> after the end, and with %+v and %#v that it
// is a Guard's.
func (g Guard[T]) Format(s fmt.State, verb rune) {
	formatGuard(s, verb, "Guard", g.value, g.hold, exclusive)
}

// LogValue logs what %+v prints.
func (g Guard[T]) LogValue() slog.Value { return slog.StringValue(fmt.Sprintf("%+v", g)) }

// MapMut returns a guard of a part of what g guards, which f picks. The part
// has g's place: g ends, and the part's Unlock unlocks the whole. If f panics, g
// stays as it is.
//
//ferrous:transfers g
func MapMut[T, U any](g *Guard[T], f func(*T) *U) Guard[U] {
	const method = "MapMut"
	checkMap(g != nil, f != nil, method)
	g.check(method)
	part := f(g.value)
	return mappedMut(g, part, method)
}

// checkMap panics in the name of a function that makes a guard of a part unless it
// was given a guard and a function.
func checkMap(hasGuard, hasFunc bool, method string) {
	if !hasGuard {
		panic(methodError(method, errNilGuard))
	}
	needFunc(method, hasFunc)
}

// mappedMut returns the guard of a part, which takes g's place.
func mappedMut[T, U any](g *Guard[T], part *U, method string) Guard[U] {
	g.check(method) // f may have ended g
	h := g.hold
	g.key = moved
	return Guard[U]{part, h}
}

// FilterMapMut is [MapMut] for a part that may not be there. If it is not, g
// stays as it is.
//
//ferrous:transfers g on ok
func FilterMapMut[T, U any](g *Guard[T], f func(*T) (*U, bool)) (Guard[U], bool) {
	const method = "FilterMapMut"
	checkMap(g != nil, f != nil, method)
	g.check(method)
	part, ok := f(g.value)
	if !ok {
		return Guard[U]{}, false
	}
	return mappedMut(g, part, method), true
}

// Downgrade turns the writer of an [RWMutex] into a reader, who sees what the
// writer has left: no other writer comes between, however many wait. The guard
// and all its copies end. It never blocks. On the guard of a [Mutex] it makes a
// reader with whom nobody shares.
//
//ferrous:transfers g
func (g *Guard[T]) Downgrade() RGuard[T] {
	return RGuard[T]{&grip[T]{g.value, g.downgrade("Guard.Downgrade")}}
}

// downgrade makes the hold a share, which it returns.
func (h *hold) downgrade(method string) (share hold) {
	h.end(method, losses[exclusive]+gains[sharing])
	h.key = moved
	share, _ = h.lock.real().opened(sharing, "", 3)
	return share
}
