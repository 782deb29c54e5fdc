package arcmutex

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"unsafe"
)

// A Guard gives its holder the right to read and change the value of a [Mutex] or,
// as the writer, of an [RWMutex]. With [MapMut] it is a guard of a part of the
// value.
//
// A Guard is a small value and may be copied, returned, stored and sent on a
// channel. Its methods need its address: keep it in a variable. The first Unlock of
// the guard or of any copy ends all of them. After that, all methods but those that
// print panic with an error that is [ErrReleased] and change nothing, even if the
// lock has been locked again. The zero Guard behaves like one that has ended.
//
// A Guard may be used and unlocked by a goroutine other than the one that locked,
// but by one goroutine at a time; see also [Guard.Disown]. Unlock synchronizes
// before the next Lock returns.
//
// A deferred Unlock that runs during a panic unlocks and does not poison: it
// cannot detect the panic without recovering it. [Mutex.With] can.
type Guard[T any] struct {
	value *T
	hold
}

// Unlock ends the guard and all its copies, and unlocks the lock. It never blocks,
// and is one compare-and-swap if no goroutine waits. It panics with an error that is
// [ErrReleased] if the guard has ended.
//
//ferrous:release
func (g *hold) Unlock() {
	// This is fastUnlock, written so that the compiler can inline it. The state is
	// the first field of a lock, and a call of a function has a lower inlining cost
	// than a call of a method. Unlock is a method of hold and not of Guard, because
	// as a method of a generic type its cost would be 85, and 80 is the limit.
	if g.lock != nil {
		if atomic.CompareAndSwapUint64((*uint64)(unsafe.Pointer(g.lock)), g.key, (g.key+(turn-held))&(reader-1)) {
			return
		}
	}
	g.unlockSlow()
}

//go:noinline
func (h *hold) unlockSlow() { h.end("Guard.Unlock", losses[exclusive]) }

// end adds delta, which ends the exclusive hold or changes its mode, to the state.
// It panics in the name of a method if the hold has ended.
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

// Ptr returns a pointer to the value. The pointer must not be used after Unlock. It
// panics with an error that is [ErrReleased] if the guard has ended.
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

// Get returns a copy of the value. It panics with an error that is [ErrReleased] if
// the guard has ended.
func (g *Guard[T]) Get() T {
	if g.lock == nil {
		panic(methodError("Guard.Get", endedError(0)))
	}
	if g.lock.state.Load()&(turns|held) != g.key {
		panic(methodError("Guard.Get", endedError(g.key)))
	}
	return *g.value
}

// Set replaces the value. It panics with an error that is [ErrReleased] if the guard
// has ended.
func (g *Guard[T]) Set(v T) {
	if g.lock == nil {
		panic(methodError("Guard.Set", endedError(0)))
	}
	if g.lock.state.Load()&(turns|held) != g.key {
		panic(methodError("Guard.Set", endedError(g.key)))
	}
	*g.value = v
}

// Unlocked unlocks the lock, calls f, and waits until it has locked the lock again,
// also if f panics. Then g is valid again; copies of g have ended. While f runs,
// other goroutines may change, poison or take the value. Unlocked does not report
// that the lock is poisoned or its value taken; [Guard.UnlockedErr] does.
//
//ferrous:blocks
func (g *Guard[T]) Unlocked(f func()) {
	const method = "Guard.Unlocked"
	needFunc(method, f != nil)
	g.release(method)
	defer func() { _ = g.relock() }()
	f()
}

// UnlockedErr is [Guard.Unlocked] for a function that can fail. It returns the
// error of f, joined with [ErrPoisoned] or [ErrTaken] if the lock is poisoned or
// its value was taken. In all cases g is locked when UnlockedErr returns.
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

// relock locks the lock of a released guard again. It returns an error if the lock
// is poisoned or its value was taken; the guard is valid in any case.
func (g *Guard[T]) relock() (refused error) {
	g.hold, refused = g.lock.real().lockAnyway()
	return refused
}

// Format prints the value, or <unlocked> if the guard has ended. %+v and %#v also
// print the type, Guard.
func (g Guard[T]) Format(s fmt.State, verb rune) {
	formatGuard(s, verb, "Guard", g.value, g.hold, exclusive)
}

// LogValue logs what %+v prints.
func (g Guard[T]) LogValue() slog.Value { return slog.StringValue(fmt.Sprintf("%+v", g)) }

// MapMut returns a guard of a part of the value. f receives the value and returns a
// pointer to the part. MapMut consumes g: g ends, and Unlock of the result unlocks
// the whole value. If f panics, g stays as it is. MapMut panics with an error that
// is [ErrReleased] if g has ended. It does not allocate.
//
//ferrous:transfers g
func MapMut[T, U any](g *Guard[T], f func(*T) *U) Guard[U] {
	const method = "MapMut"
	checkMap(g != nil, f != nil, method)
	g.check(method)
	part := f(g.value)
	return mappedMut(g, part, method)
}

// checkMap panics in the name of a method if the guard or the function is nil.
func checkMap(hasGuard, hasFunc bool, method string) {
	if !hasGuard {
		panic(methodError(method, errNilGuard))
	}
	needFunc(method, hasFunc)
}

// mappedMut returns the guard of a part, which replaces g.
func mappedMut[T, U any](g *Guard[T], part *U, method string) Guard[U] {
	g.check(method) // f may have ended g
	h := g.hold
	g.key = moved
	return Guard[U]{part, h}
}

// FilterMapMut is [MapMut] for a part that may not exist. If f returns false,
// FilterMapMut returns false and g stays as it is.
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

// Downgrade replaces the guard of a writer by the guard of a reader. No other writer
// gets the lock in between, so the reader sees the value as the writer left it.
// Readers that wait may get the lock too. g and all its copies end. It never blocks.
//
// For the guard of a [Mutex] the result is a read guard that no other reader can
// join.
//
//ferrous:transfers g
func (g *Guard[T]) Downgrade() RGuard[T] {
	return RGuard[T]{&grip[T]{g.value, g.downgrade("Guard.Downgrade")}}
}

// downgrade changes the exclusive hold into a share, and returns the share.
func (h *hold) downgrade(method string) (share hold) {
	h.end(method, losses[exclusive]+gains[sharing])
	h.key = moved
	share, _ = h.lock.real().opened(sharing, "", 3)
	return share
}
