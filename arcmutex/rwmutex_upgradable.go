package arcmutex

import (
	"context"
	"fmt"
	"log/slog"
)

// A UGuard is the right to read a value that an [RWMutex] owns beside other
// readers, and to become its writer without anybody writing in between. There
// is one at a time.
//
// It is a small value that may be copied, as an [RGuard] is, and allocates when
// an RGuard does. After Unlock, Upgrade or Downgrade it and all its copies are
// stale, and panic with an error that is [ErrReleased]; so does the zero UGuard.
type UGuard[T any] struct{ *grip[T] }

// Ptr returns a pointer to the value, which must not be changed, nor read
// after the guard has ended.
//
//ferrous:lends
func (g UGuard[T]) Ptr() *T {
	g.check("UGuard.Ptr", upgrading)
	return g.value
}

// Get returns the value.
func (g UGuard[T]) Get() T {
	g.check("UGuard.Get", upgrading)
	return *g.value
}

// Unlock ends the guard and lets the next one in. It never blocks.
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

// Upgrade waits until the other readers have left, and makes the guard a
// writer's. It comes before everybody who waits. g ends.
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

// UpgradeContext is [UGuard.Upgrade] that waits until ctx is done at most. The
// error wraps [context.Cause]; then g stays as it is.
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

// TryUpgrade makes the guard a writer's if there is no other reader, not even
// one who comes and has to wait, and reports whether it did; if not, g stays as
// it is.
//
//ferrous:transfers g on ok
func (g UGuard[T]) TryUpgrade() (Guard[T], bool) {
	g.check("UGuard.TryUpgrade", upgrading)
	if !g.lock.real().try(upgraded) {
		return Guard[T]{}, false
	}
	return g.upgraded(), true
}

// upgraded returns the writer's guard in exchange for g.
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

// Downgrade gives up the right to become a writer. g and its copies end. It
// never blocks.
//
//ferrous:transfers g
func (g UGuard[T]) Downgrade() RGuard[T] {
	if g.grip == nil {
		panic(errUGuardDowngrade)
	}
	g.hold = g.lock.udowngrade(g.key) // a reader's, with which no UGuard is good
	return RGuard[T](g)
}

// Format prints the value, or <unlocked> after the end, and with %+v and %#v that it
// is a UGuard's.
func (g UGuard[T]) Format(s fmt.State, verb rune) { g.format(s, verb, "UGuard", upgrading) }

// LogValue logs what %+v prints.
func (g UGuard[T]) LogValue() slog.Value { return slog.StringValue(fmt.Sprintf("%+v", g)) }

// uunlock ends the upgradable hold that has key k. It panics, and changes
// nothing, if there is none.
func (l *lock) uunlock(k uint64) {
	if k&upgradable == 0 || !l.leave(upgrading, k, losses[upgrading]) {
		staleGuard("UGuard.Unlock", k)
	}
}

// udowngrade makes a share of the upgradable hold that has key k, and returns it.
// It panics as uunlock does.
func (l *lock) udowngrade(k uint64) (share hold) {
	if k&upgradable == 0 || !l.leave(upgrading, k, losses[upgrading]+gains[sharing]) {
		staleGuard("UGuard.Downgrade", k)
	}
	share, _ = l.real().opened(sharing, "", 3)
	return share
}
