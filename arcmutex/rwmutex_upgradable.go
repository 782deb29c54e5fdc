package arcmutex

import (
	"context"
	"fmt"
	"log/slog"
)

// A UGuard gives its holder the right to read the value of an [RWMutex], and to
// become the writer without another write in between. Other readers may hold guards
// at the same time. There is at most one UGuard at a time.
//
// A UGuard may be copied, returned, stored and sent on a channel, and allocates when
// an [RGuard] would. Unlock, Upgrade and Downgrade end the guard and all its copies.
// After that, all methods but those that print panic with an error that is
// [ErrReleased] and change nothing. The zero UGuard behaves like one that has ended.
// A UGuard may be used by one goroutine at a time.
type UGuard[T any] struct{ *grip[T] }

// Ptr returns a pointer to the value. The value must not be changed, and the pointer
// must not be used after the guard has ended. It panics with an error that is
// [ErrReleased] if the guard has ended.
//
//ferrous:lends
func (g UGuard[T]) Ptr() *T {
	g.check("UGuard.Ptr", upgrading)
	return g.value
}

// Get returns a copy of the value. It panics with an error that is [ErrReleased] if
// the guard has ended.
func (g UGuard[T]) Get() T {
	g.check("UGuard.Get", upgrading)
	return *g.value
}

// Unlock ends the guard and all its copies, and unlocks the lock. It never blocks. It
// panics with an error that is [ErrReleased] if the guard has ended.
//
//ferrous:release
func (g UGuard[T]) Unlock() {
	if g.grip == nil {
		panic(errUGuardUnlock)
	}
	g.lock.uunlock(g.key)
	g.key = over
}

var (
	errUGuardUnlock    = methodError("UGuard.Unlock", endedError(0))
	errUGuardDowngrade = methodError("UGuard.Downgrade", endedError(0))
)

// Upgrade waits until the other readers have left, and returns a guard of the writer.
// It does not wait behind other waiters. g and its copies end. A goroutine that also
// holds an [RGuard] of the same lock deadlocks. Upgrade panics with an error that is
// [ErrReleased] if g has ended.
//
//ferrous:transfers g
//ferrous:blocks
func (g UGuard[T]) Upgrade() Guard[T] {
	w, err := g.upgrade(context.Background(), "UGuard.Upgrade")
	if err != nil {
		panic(err)
	}
	return w
}

// UpgradeContext is like [UGuard.Upgrade], but stops waiting when ctx is done. Then the
// error matches [context.Cause], and g stays valid.
//
//ferrous:transfers g on ok
//ferrous:blocks
func (g UGuard[T]) UpgradeContext(ctx context.Context) (Guard[T], error) {
	return g.upgrade(ctx, "UGuard.UpgradeContext")
}

//ferrous:transfers g on ok
func (g UGuard[T]) upgrade(ctx context.Context, method string) (Guard[T], error) {
	g.check(method, upgrading)
	if err := g.lock.real().wait(ctx, upgraded, method); err != nil {
		return Guard[T]{}, err
	}
	return g.upgraded(), nil
}

// TryUpgrade is like [UGuard.Upgrade], but does not wait, and reports whether it
// succeeded. If there is another reader, it returns false and g stays valid. A reader
// that arrives at the same moment and then has to wait can make TryUpgrade fail.
//
//ferrous:transfers g on ok
func (g UGuard[T]) TryUpgrade() (Guard[T], bool) {
	g.check("UGuard.TryUpgrade", upgrading)
	if !g.lock.real().try(upgraded) {
		return Guard[T]{}, false
	}
	return g.upgraded(), true
}

// upgraded returns the guard of the writer, which replaces g.
//
//ferrous:transfers g
func (g UGuard[T]) upgraded() Guard[T] {
	h := hold{g.lock, g.key&turns | held}
	g.key = moved
	if p := h.lock.proxy(); p != nil {
		p.begin(h.key)
	}
	return Guard[T]{g.value, h}
}

// Downgrade gives up the right to become the writer, and returns a guard of a reader.
// g and its copies end. It never blocks. It panics with an error that is
// [ErrReleased] if g has ended.
//
//ferrous:transfers g
func (g UGuard[T]) Downgrade() RGuard[T] {
	if g.grip == nil {
		panic(errUGuardDowngrade)
	}
	g.hold = g.lock.udowngrade(g.key) // with the key of a reader, no UGuard is valid
	return RGuard[T](g)
}

// Format prints the value, or <unlocked> if the guard has ended. %+v and %#v also
// print the type, UGuard.
func (g UGuard[T]) Format(s fmt.State, verb rune) { g.format(s, verb, "UGuard", upgrading) }

// LogValue logs what %+v prints.
func (g UGuard[T]) LogValue() slog.Value { return slog.StringValue(fmt.Sprintf("%+v", g)) }

// uunlock ends the upgradable hold that has key k. If there is no such hold, it
// panics and changes nothing.
func (l *lock) uunlock(k uint64) {
	if k&upgradable == 0 || !l.leave(upgrading, k, losses[upgrading]) {
		staleGuard("UGuard.Unlock", k)
	}
}

// udowngrade changes the upgradable hold that has key k into a share, and returns the
// share. It panics as uunlock does.
func (l *lock) udowngrade(k uint64) (share hold) {
	if k&upgradable == 0 || !l.leave(upgrading, k, losses[upgrading]+gains[sharing]) {
		staleGuard("UGuard.Downgrade", k)
	}
	share, _ = l.real().opened(sharing, "", 3)
	return share
}
