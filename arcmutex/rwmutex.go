package arcmutex

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"unsafe"
)

// An RWMutex owns a value of type T and gives access to it to one writer or to
// several readers at a time. (At most 524,288 readers; further ones wait.)
//
// Lock and With are for writers and work as those of a [Mutex]. RLock and RWith
// are for readers, which never poison the lock. ULock is for an upgradable reader:
// it shares the value with readers, but not with another upgradable reader, and it
// can become the writer without letting another writer in between.
//
// The zero value is an unlocked mutex that owns the zero value of T. An
// RWMutex must not be copied after first use. All methods are safe for concurrent
// use.
//
// Waiters get the lock in the order of their arrival. Readers that follow each other
// in the queue get it together. Writers that arrive may overtake waiters as in a
// [Mutex]. Neither readers nor writers starve. A reader that arrives waits behind
// a writer that waits. Therefore a goroutine that calls RLock twice deadlocks if a
// writer arrives in between, which [Check] finds.
//
// RLock of a lock without a writer is one atomic addition, and so is Unlock. RLock
// does not allocate if the guard does not escape; see [RGuard].
//
// The n'th Unlock of a writer synchronizes before each Lock and RLock that returns
// later. Unlock of a reader synchronizes before the next Lock of a writer returns.
//
// After std::sync::RwLock and parking_lot's upgradable reads.
type RWMutex[T any] struct {
	_     noCopy
	lock  lock
	_     [64 - unsafe.Sizeof(lock{})]byte // the value is not on the cache line that readers write
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

// WithName sets the name of m in the reports of [Check] and in a [PoisonedError], and
// returns m. It may be called at any time.
func (m *RWMutex[T]) WithName(name string) *RWMutex[T] {
	m.lock.rename("RWMutex.", name)
	return m
}

// WithoutPoison turns poisoning of m off, and returns m. A panic in With then only
// unlocks m, as with the locks of parking_lot. If m is poisoned, WithoutPoison
// clears the poison. Call it before m is shared.
func (m *RWMutex[T]) WithoutPoison() *RWMutex[T] {
	m.lock.neverPoison("RWMutex.")
	return m
}

// Lock waits until m is free and locks it for writing. It panics with an error that
// is [ErrPoisoned] if m is poisoned, or [ErrTaken] if its value was taken.
//
//ferrous:acquire
//ferrous:blocks
func (m *RWMutex[T]) Lock() Guard[T] {
	return Guard[T]{&m.value, m.lock.lock("RWMutex.Lock")}
}

// LockContext waits until m is free, and locks it for writing, or until ctx is done.
// The error matches [context.Cause], or is [ErrPoisoned] or [ErrTaken]. Then the guard
// is one that has ended.
//
// Cancellation: a canceled caller loses its place in the queue and owns nothing.
// Waiters that it blocked continue.
//
//ferrous:acquire
//ferrous:fallible
//ferrous:blocks
func (m *RWMutex[T]) LockContext(ctx context.Context) (Guard[T], error) {
	h, err := m.lock.lockContext(ctx, "RWMutex.LockContext")
	return Guard[T]{&m.value, h}, err
}

// TryLock locks m for writing if m is free, and reports whether it did. It does not
// wait. A reader that arrives at the same moment and then has to wait can make
// TryLock fail. It panics with an error that is [ErrPoisoned] or [ErrTaken] if m is
// free and poisoned or its value was taken.
//
//ferrous:acquire
//ferrous:fallible
func (m *RWMutex[T]) TryLock() (Guard[T], bool) {
	h, ok, err := m.lock.tryAcquire(exclusive, "RWMutex.TryLock")
	return Guard[T]{&m.value, must(h, err)}, ok
}

// RLock waits until no writer holds m or waits before the caller, and locks m for
// reading. It panics with an error that is [ErrPoisoned] if m is poisoned, or
// [ErrTaken] if its value was taken.
//
//ferrous:acquire
//ferrous:blocks
func (m *RWMutex[T]) RLock() RGuard[T] {
	return RGuard[T]{&grip[T]{&m.value, m.lock.rlock("RWMutex.RLock")}}
}

// RLockContext is like [RWMutex.RLock], but stops waiting when ctx is done. The error
// matches [context.Cause], or is [ErrPoisoned] or [ErrTaken]. Then the guard is one
// that has ended. A canceled caller loses its place in the queue and owns nothing.
//
//ferrous:acquire
//ferrous:fallible
//ferrous:blocks
func (m *RWMutex[T]) RLockContext(ctx context.Context) (g RGuard[T], err error) {
	g.grip = &grip[T]{value: &m.value}
	g.hold, err = m.lock.rlockContext(ctx)
	return g, err
}

// TryRLock locks m for reading if no writer holds m and no goroutine waits, and
// reports whether it did. It does not wait. It panics with an error that is
// [ErrPoisoned] or [ErrTaken] if it would have locked m but m is poisoned or its
// value was taken.
//
//ferrous:acquire
//ferrous:fallible
func (m *RWMutex[T]) TryRLock() (RGuard[T], bool) {
	h, ok := m.lock.tryRLock()
	return RGuard[T]{&grip[T]{&m.value, h}}, ok
}

// ULock waits until there is neither a writer nor an upgradable reader, and locks m
// for reading as the upgradable reader. It panics with an error that is
// [ErrPoisoned] if m is poisoned, or [ErrTaken] if its value was taken.
//
//ferrous:acquire
//ferrous:blocks
func (m *RWMutex[T]) ULock() UGuard[T] {
	return UGuard[T]{&grip[T]{&m.value, m.lock.ulock()}}
}

// ULockContext is like [RWMutex.ULock], but stops waiting when ctx is done. The error
// matches [context.Cause], or is [ErrPoisoned] or [ErrTaken]. Then the guard is one
// that has ended. A canceled caller loses its place in the queue and owns nothing.
//
//ferrous:acquire
//ferrous:fallible
//ferrous:blocks
func (m *RWMutex[T]) ULockContext(ctx context.Context) (g UGuard[T], err error) {
	g.grip = &grip[T]{value: &m.value}
	g.hold, err = m.lock.ulockContext(ctx)
	return g, err
}

// TryULock is like [RWMutex.ULock], but does not wait, and reports whether it locked m.
// It fails also if a goroutine waits.
//
//ferrous:acquire
//ferrous:fallible
func (m *RWMutex[T]) TryULock() (UGuard[T], bool) {
	h, ok := m.lock.tryULock()
	return UGuard[T]{&grip[T]{&m.value, h}}, ok
}

// With waits until m is free, locks it for writing, calls f with a pointer to the
// value, and unlocks m. f must not keep the pointer. If f panics or calls
// [runtime.Goexit], With poisons m and unlocks it. If m is poisoned or its value was
// taken, With panics with an error that is [ErrPoisoned] or [ErrTaken] and does not
// call f.
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

// WithErr is [RWMutex.With] for a function that can fail. It returns the error of f.
// An error does not poison m, and the value is as f left it. If m is poisoned or
// its value was taken, WithErr returns an error that is [ErrPoisoned] or
// [ErrTaken] and does not call f.
//
//ferrous:lends
//ferrous:blocks
func (m *RWMutex[T]) WithErr(f func(*T) error) error {
	return withErr(context.Background(), &m.lock, &m.value, "RWMutex.WithErr", f)
}

// WithContext is like [RWMutex.WithErr], but stops waiting when ctx is done. The error is
// that of [RWMutex.LockContext] or of f. ctx does not interrupt f.
//
//ferrous:lends
//ferrous:blocks
func (m *RWMutex[T]) WithContext(ctx context.Context, f func(*T) error) error {
	return withErr(ctx, &m.lock, &m.value, "RWMutex.WithContext", f)
}

// TryWith is like [RWMutex.WithErr], but does not wait. If m is not free, the error is
// [ErrLocked].
//
//ferrous:lends
func (m *RWMutex[T]) TryWith(f func(*T) error) error {
	return tryWith(&m.lock, &m.value, "RWMutex.TryWith", f)
}

// RWith locks m for reading, calls f with a pointer to the value, and unlocks m. f
// must neither change the value nor keep the pointer. If f panics or calls
// [runtime.Goexit], RWith unlocks m and does not poison it. If m is poisoned or its
// value was taken, RWith panics with an error that is [ErrPoisoned] or [ErrTaken]
// and does not call f.
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

// RWithErr is [RWMutex.RWith] for a function that can fail. It returns the error of
// f, or an error that is [ErrPoisoned] or [ErrTaken].
//
//ferrous:lends
//ferrous:blocks
func (m *RWMutex[T]) RWithErr(f func(*T) error) error {
	return rwithErr(context.Background(), &m.lock, &m.value, "RWMutex.RWithErr", f)
}

// RWithContext is like [RWMutex.RWithErr], but stops waiting when ctx is done. The error
// is that of [RWMutex.RLockContext] or of f. ctx does not interrupt f.
//
//ferrous:lends
//ferrous:blocks
func (m *RWMutex[T]) RWithContext(ctx context.Context, f func(*T) error) error {
	return rwithErr(ctx, &m.lock, &m.value, "RWMutex.RWithContext", f)
}

// TryRWith is like [RWMutex.RWithErr], but does not wait. If a writer holds m or a
// goroutine waits, the error is [ErrLocked].
//
//ferrous:lends
func (m *RWMutex[T]) TryRWith(f func(*T) error) error {
	return tryRWith(&m.lock, &m.value, "RWMutex.TryRWith", f)
}

// Recover locks m for writing, poisoned or not, and calls f to repair the value.
// When f returns, m is not poisoned any more. If f panics, m is poisoned. If the
// value was taken, Recover panics with an error that is [ErrTaken] and does not
// call f.
//
//ferrous:lends
//ferrous:blocks
func (m *RWMutex[T]) Recover(f func(*T)) {
	recoverWith(&m.lock, &m.value, "RWMutex.Recover", f)
}

// RecoverErr is [RWMutex.Recover] for a function that can fail. If f returns an
// error, m stays as it was, poisoned or not. The error is that of f, or is
// [ErrTaken].
//
//ferrous:lends
//ferrous:blocks
func (m *RWMutex[T]) RecoverErr(f func(*T) error) error {
	return repair(&m.lock, &m.value, "RWMutex.RecoverErr", f)
}

// Get locks m for reading and returns a copy of the value. The error is
// [ErrPoisoned] or [ErrTaken].
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

// Set waits until m is free and replaces the value. If m is poisoned or its value
// was taken, Set changes nothing and returns an error that is [ErrPoisoned] or
// [ErrTaken].
//
//ferrous:blocks
func (m *RWMutex[T]) Set(v T) error {
	_, err := replace(&m.lock, &m.value, v, "RWMutex.Set")
	return err
}

// Replace is like [RWMutex.Set], but returns the old value.
//
//ferrous:blocks
func (m *RWMutex[T]) Replace(v T) (old T, err error) {
	return replace(&m.lock, &m.value, v, "RWMutex.Replace")
}

// IntoInner waits until m is free and takes the value out of m permanently. If m is
// poisoned, IntoInner returns the value and an error that is [ErrPoisoned]. After
// that, methods that need the value fail with [ErrTaken], in the way in which they
// fail with [ErrPoisoned] on a poisoned mutex.
//
//ferrous:blocks
func (m *RWMutex[T]) IntoInner() (T, error) {
	return intoInner(&m.lock, &m.value, "RWMutex.IntoInner")
}

// IsLocked reports whether a writer holds m at the moment. It does not wait.
func (m *RWMutex[T]) IsLocked() bool { return m.lock.state.Load()&held != 0 }

// Readers returns how many readers hold m at the moment, including the upgradable
// reader. Readers that arrive and have to wait may be counted for a short time.
func (m *RWMutex[T]) Readers() int {
	s := m.lock.state.Load()
	if s&held != 0 {
		return 0 // the count has only readers that will subtract themselves
	}
	n := int(s & readers / reader)
	if s&upgradable != 0 {
		n++
	}
	return n
}

// IsPoisoned reports whether m is poisoned at the moment.
func (m *RWMutex[T]) IsPoisoned() bool { return m.lock.state.Load()&poisoned != 0 }

// ClearPoison ends the poison of m. It does not change the value, which is as the
// function that did not return left it; see also [RWMutex.Recover].
func (m *RWMutex[T]) ClearPoison() { m.lock.clearPoison() }

// Format prints the value, or <locked> if m cannot be locked for reading. %+v and
// %#v also print the state. Format does not wait. It holds m for reading while it
// prints the value.
func (m *RWMutex[T]) Format(s fmt.State, verb rune) {
	formatLock(s, verb, "RWMutex", &m.value, &m.lock)
}

// LogValue returns what %+v prints.
func (m *RWMutex[T]) LogValue() slog.Value { return slog.StringValue(fmt.Sprintf("%+v", m)) }
