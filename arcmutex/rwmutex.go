package arcmutex

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"unsafe"
)

// An RWMutex owns a value of type T and lets either one writer at it or any
// number of readers (up to 524,288; further ones wait).
//
// It is a [Mutex] that can be shared: Lock and With are the writer's and do
// all that they do there; RLock and RWith are the readers', who poison nothing.
// An upgradable reader shares the value with readers, not with another
// upgradable reader, and may become the writer without letting another writer
// in between.
//
// The zero value is an unlocked mutex that owns the zero value of T. An
// RWMutex must not be copied after first use.
//
// Waiters are served in the order of their arrival, readers that follow each
// other all at once, so that neither readers nor writers starve; writers may
// pass waiters as in a [Mutex]. A reader waits behind a writer who waits: a
// goroutine that calls RLock twice deadlocks if a writer comes between, which
// [Check] finds. The n'th writer's Unlock synchronizes before each lock that
// follows, and a reader's before the next writer's.
//
// After std::sync::RwLock and parking_lot's upgradable reads.
type RWMutex[T any] struct {
	_     noCopy
	lock  lock
	_     [64 - unsafe.Sizeof(lock{})]byte // keeps what readers read off the cache line that they write
	value T
}

// NewRWMutex returns an RWMutex that owns v.
func NewRWMutex[T any](v T) *RWMutex[T] {
	m := &RWMutex[T]{value: v}
	if watching.Load() != 0 {
		m.lock.made(reflect.TypeFor[RWMutex[T]]().String())
	}
	return m
}

// WithName gives m the name that [Check] calls it by, and returns m.
func (m *RWMutex[T]) WithName(name string) *RWMutex[T] {
	m.lock.rename("RWMutex.", name)
	return m
}

// WithoutPoison makes m a lock that is never poisoned, as those of parking_lot are
// not, and returns m: a panic in With unlocks m and does nothing else to it. Poison
// that m has is cleared. Call it before m is shared.
func (m *RWMutex[T]) WithoutPoison() *RWMutex[T] {
	m.lock.neverPoison("RWMutex.")
	return m
}

// Lock waits until nobody holds m, and locks it for writing. It panics with an
// error that is [ErrPoisoned] if m is poisoned.
//
//ferrous:acquire
//ferrous:blocks
func (m *RWMutex[T]) Lock() Guard[T] {
	return Guard[T]{&m.value, m.lock.lock("RWMutex.Lock")}
}

// LockContext waits until nobody holds m or ctx is done. The error wraps
// [context.Cause], or is [ErrPoisoned]. A canceled caller loses its place and
// owns nothing, and those whom it kept waiting go on.
//
//ferrous:acquire
//ferrous:fallible
//ferrous:blocks
func (m *RWMutex[T]) LockContext(ctx context.Context) (Guard[T], error) {
	h, err := m.lock.lockContext(ctx, "RWMutex.LockContext")
	return Guard[T]{&m.value, h}, err
}

// TryLock locks m for writing if nobody holds it, and reports whether it did.
// A reader who comes and finds that he has to wait may make it fail. It panics
// with an error that is [ErrPoisoned] if m is free and poisoned.
//
//ferrous:acquire
//ferrous:fallible
func (m *RWMutex[T]) TryLock() (Guard[T], bool) {
	h, ok, err := m.lock.tryAcquire(exclusive, "RWMutex.TryLock")
	return Guard[T]{&m.value, must(h, err)}, ok
}

// RLock waits until there is no writer, and shares m with other readers. It
// panics with an error that is [ErrPoisoned] if m is poisoned.
//
//ferrous:acquire
//ferrous:blocks
func (m *RWMutex[T]) RLock() RGuard[T] {
	return RGuard[T]{&grip[T]{&m.value, m.lock.rlock("RWMutex.RLock")}}
}

// RLockContext is [RWMutex.RLock] that waits until ctx is done at most. The
// error wraps [context.Cause], or is [ErrPoisoned].
//
//ferrous:acquire
//ferrous:fallible
//ferrous:blocks
func (m *RWMutex[T]) RLockContext(ctx context.Context) (g RGuard[T], err error) {
	g.grip = &grip[T]{value: &m.value}
	g.hold, err = m.lock.rlockContext(ctx)
	return g, err
}

// TryRLock shares m if there is no writer and nobody waits, and reports
// whether it did. It panics with an error that is [ErrPoisoned] if m could be
// shared and is poisoned.
//
//ferrous:acquire
//ferrous:fallible
func (m *RWMutex[T]) TryRLock() (RGuard[T], bool) {
	h, ok := m.lock.tryRLock()
	return RGuard[T]{&grip[T]{&m.value, h}}, ok
}

// ULock waits until there is neither a writer nor an upgradable reader, and
// shares m with readers as its upgradable reader. It panics with an error that
// is [ErrPoisoned] if m is poisoned.
//
//ferrous:acquire
//ferrous:blocks
func (m *RWMutex[T]) ULock() UGuard[T] {
	return UGuard[T]{&grip[T]{&m.value, m.lock.ulock()}}
}

// ULockContext is [RWMutex.ULock] that waits until ctx is done at most. The
// error wraps [context.Cause], or is [ErrPoisoned].
//
//ferrous:acquire
//ferrous:fallible
//ferrous:blocks
func (m *RWMutex[T]) ULockContext(ctx context.Context) (g UGuard[T], err error) {
	g.grip = &grip[T]{value: &m.value}
	g.hold, err = m.lock.ulockContext(ctx)
	return g, err
}

// TryULock is [RWMutex.ULock] that does not wait, and reports whether it has
// the lock.
//
//ferrous:acquire
//ferrous:fallible
func (m *RWMutex[T]) TryULock() (UGuard[T], bool) {
	h, ok := m.lock.tryULock()
	return UGuard[T]{&grip[T]{&m.value, h}}, ok
}

// With calls f with the value locked for writing. It unlocks m whatever
// happens, and poisons it if f does not return. It panics with an error that is
// [ErrPoisoned], and does not call f, if m is poisoned.
//
//ferrous:lends
//ferrous:blocks
func (m *RWMutex[T]) With(f func(*T)) {
	const method = "RWMutex.With"
	needFunc(method, f != nil)
	_ = lend(m.lock.lock(method), &m.value, func(v *T) error {
		f(v)
		return nil
	})
}

// WithErr is [RWMutex.With] for a function that can fail. It returns f's error,
// which does not poison m: f has returned, and the value is as f left it. The
// error is [ErrPoisoned] or [ErrTaken], and f is not called, if m is poisoned or
// without its value.
//
//ferrous:lends
//ferrous:blocks
func (m *RWMutex[T]) WithErr(f func(*T) error) error {
	return withErr(context.Background(), &m.lock, &m.value, "RWMutex.WithErr", f)
}

// WithContext is [RWMutex.WithErr] that waits until ctx is done at most. The error
// is that of [RWMutex.LockContext], or f's.
//
//ferrous:lends
//ferrous:blocks
func (m *RWMutex[T]) WithContext(ctx context.Context, f func(*T) error) error {
	return withErr(ctx, &m.lock, &m.value, "RWMutex.WithContext", f)
}

// TryWith is [RWMutex.WithErr] that does not wait: if another holds m the error is
// [ErrLocked].
//
//ferrous:lends
func (m *RWMutex[T]) TryWith(f func(*T) error) error {
	return tryWith(&m.lock, &m.value, "RWMutex.TryWith", f)
}

// RWith calls f with the shared value, which it must not change. It unlocks m
// whatever happens and never poisons it. It panics with an error that is
// [ErrPoisoned] or [ErrTaken], and does not call f, if m is poisoned or without
// its value.
//
//ferrous:lends
//ferrous:blocks
func (m *RWMutex[T]) RWith(f func(*T)) {
	const method = "RWMutex.RWith"
	needFunc(method, f != nil)
	h := m.lock.rlock(method)
	defer h.lock.runlock(h.key)
	f(&m.value)
}

// RWithErr is [RWMutex.RWith] for a function that can fail. It returns f's
// error, or [ErrPoisoned] or [ErrTaken].
//
//ferrous:lends
//ferrous:blocks
func (m *RWMutex[T]) RWithErr(f func(*T) error) error {
	return rwithErr(context.Background(), &m.lock, &m.value, "RWMutex.RWithErr", f)
}

// RWithContext is [RWMutex.RWithErr] that waits until ctx is done at most. The
// error is that of [RWMutex.RLockContext], or f's.
//
//ferrous:lends
//ferrous:blocks
func (m *RWMutex[T]) RWithContext(ctx context.Context, f func(*T) error) error {
	return rwithErr(ctx, &m.lock, &m.value, "RWMutex.RWithContext", f)
}

// TryRWith is [RWMutex.RWithErr] that does not wait: if there is a writer or
// somebody waits the error is [ErrLocked].
//
//ferrous:lends
func (m *RWMutex[T]) TryRWith(f func(*T) error) error {
	return tryRWith(&m.lock, &m.value, "RWMutex.TryRWith", f)
}

// Recover locks m, poisoned or not, and calls f to repair the value. If f
// returns, m is not poisoned any more. It panics with an error that is
// [ErrTaken], and does not call f, if the value was taken.
//
//ferrous:lends
//ferrous:blocks
func (m *RWMutex[T]) Recover(f func(*T)) {
	recoverWith(&m.lock, &m.value, "RWMutex.Recover", f)
}

// RecoverErr is [RWMutex.Recover] for a function that can fail: m stays poisoned
// unless f returns nil. The error is f's, or [ErrTaken].
//
//ferrous:lends
//ferrous:blocks
func (m *RWMutex[T]) RecoverErr(f func(*T) error) error {
	return repair(&m.lock, &m.value, "RWMutex.RecoverErr", f)
}

// Get waits until there is no writer and returns a copy of the value, or
// [ErrPoisoned].
//
//ferrous:blocks
func (m *RWMutex[T]) Get() (v T, err error) {
	h, err := m.lock.acquire(context.Background(), sharing, "RWMutex.Get")
	if err == nil {
		v = m.value
		h.leave(sharing, losses[sharing])
	}
	return v, err
}

// Set waits until nobody holds m and replaces the value. If m is poisoned it
// keeps the old value and returns [ErrPoisoned].
//
//ferrous:blocks
func (m *RWMutex[T]) Set(v T) error {
	_, err := replace(&m.lock, &m.value, v, "RWMutex.Set")
	return err
}

// Replace is [RWMutex.Set] that returns the old value.
//
//ferrous:blocks
func (m *RWMutex[T]) Replace(v T) (old T, err error) {
	return replace(&m.lock, &m.value, v, "RWMutex.Replace")
}

// IntoInner waits until nobody holds m and takes the value out of it for good.
// It returns the value also when m is poisoned, with [ErrPoisoned]. From then
// on m is poisoned and owns the zero value.
//
//ferrous:blocks
func (m *RWMutex[T]) IntoInner() (T, error) {
	return intoInner(&m.lock, &m.value, "RWMutex.IntoInner")
}

// IsLocked reports whether a writer holds m at the moment.
func (m *RWMutex[T]) IsLocked() bool { return m.lock.state.Load()&held != 0 }

// Readers returns how many readers share m at the moment, the upgradable one
// among them.
func (m *RWMutex[T]) Readers() int {
	s := m.lock.state.Load()
	if s&held != 0 {
		return 0 // who comes and goes again is none
	}
	n := int(s & readers / reader)
	if s&upgradable != 0 {
		n++
	}
	return n
}

// IsPoisoned reports whether m is poisoned at the moment.
func (m *RWMutex[T]) IsPoisoned() bool { return m.lock.state.Load()&poisoned != 0 }

// ClearPoison takes back the poison; see also [RWMutex.Recover].
func (m *RWMutex[T]) ClearPoison() { m.lock.clearPoison() }

// Format prints the value, or <locked>, and with %+v and %#v the state too. It
// does not wait, and is a reader while it prints.
func (m *RWMutex[T]) Format(s fmt.State, verb rune) {
	formatLock(s, verb, "RWMutex", &m.value, &m.lock)
}

// LogValue returns what %+v prints.
func (m *RWMutex[T]) LogValue() slog.Value { return slog.StringValue(fmt.Sprintf("%+v", m)) }
