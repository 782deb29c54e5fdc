package arcmutex

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
)

// A Mutex owns a value of type T and gives one goroutine at a time access to it.
//
// [Mutex.With] is the safest way to use the value, because it always unlocks. If
// the function panics or calls [runtime.Goexit], With poisons the mutex, because
// the value may be half changed. Lock, TryLock and With of a poisoned mutex panic
// with an error that is [ErrPoisoned]; methods with an error result return it.
// [Mutex.Recover] and [Mutex.ClearPoison] end the poison.
//
// The zero value is an unlocked mutex that owns the zero value of T. A Mutex
// must not be copied after first use. All methods are safe for concurrent use.
//
// Waiters get the mutex in the order of their arrival, with one exception: a
// goroutine that calls Lock may take a free mutex before a woken waiter runs. A
// waiter that was woken four times without success is handed the mutex directly.
// A goroutine that waits is durably blocked in the sense of [testing/synctest].
// If it waits in a bubble for a holder outside the bubble, the bubble may be
// reported as deadlocked.
//
// Locking a free mutex and unlocking it are one compare-and-swap each and do not
// allocate. Waiting allocates.
//
// The n'th Unlock synchronizes before the n+1'th Lock returns. A Mutex is not
// reentrant: a goroutine that locks it twice deadlocks, which [Check] finds.
//
// After std::sync::Mutex, with the cancellation of tokio's.
type Mutex[T any] struct {
	_     noCopy
	lock  lock
	value T
}

// NewMutex returns a mutex that owns v.
func NewMutex[T any](v T) *Mutex[T] {
	m := &Mutex[T]{value: v}
	if watching.Load() != 0 {
		m.lock.made(reflect.TypeFor[Mutex[T]]().String())
	}
	return m
}

// WithName sets the name of m in the reports of [Check] and in a [PoisonedError], and
// returns m. It may be called at any time.
func (m *Mutex[T]) WithName(name string) *Mutex[T] {
	m.lock.rename("Mutex.", name)
	return m
}

// WithoutPoison turns poisoning of m off, and returns m. A panic in With then only
// unlocks m, as with the locks of parking_lot. If m is poisoned, WithoutPoison
// clears the poison. Call it before m is shared.
func (m *Mutex[T]) WithoutPoison() *Mutex[T] {
	m.lock.neverPoison("Mutex.")
	return m
}

// Lock waits until m is free and locks it. It panics with an error that is
// [ErrPoisoned] if m is poisoned, or [ErrTaken] if its value was taken.
//
//ferrous:acquire
//ferrous:blocks
func (m *Mutex[T]) Lock() Guard[T] {
	return Guard[T]{&m.value, m.lock.lock("Mutex.Lock")}
}

// LockContext waits until m is free, and locks it, or until ctx is done. The error
// matches [context.Cause], or is [ErrPoisoned] or [ErrTaken]; then the guard is not to be
// used, since it has ended.
//
// Cancellation: a canceled caller loses its place in the queue and owns nothing.
// If it had just been woken, the next waiter is woken.
//
//ferrous:acquire
//ferrous:fallible
//ferrous:blocks
func (m *Mutex[T]) LockContext(ctx context.Context) (Guard[T], error) {
	h, err := m.lock.lockContext(ctx, "Mutex.LockContext")
	return Guard[T]{&m.value, h}, err
}

// TryLock locks m if m is free, and reports whether it did. It does not wait. It
// panics with an error that is [ErrPoisoned] or [ErrTaken] if m is free and poisoned
// or its value was taken.
//
//ferrous:acquire
//ferrous:fallible
func (m *Mutex[T]) TryLock() (Guard[T], bool) {
	h, ok, err := m.lock.tryAcquire(exclusive, "Mutex.TryLock")
	return Guard[T]{&m.value, must(h, err)}, ok
}

// With waits until m is free, locks it, calls f with a pointer to the value, and
// unlocks m. f must not keep the pointer. If f panics or calls [runtime.Goexit],
// With poisons m and unlocks it. If m is poisoned or its value was taken, With
// panics with an error that is [ErrPoisoned] or [ErrTaken] and does not call f.
//
//ferrous:lends
//ferrous:blocks
func (m *Mutex[T]) With(f func(*T)) {
	needFunc("Mutex.With", f != nil)
	// This is lock and lend for a free mutex, with their fast paths and without
	// another closure.
	k, ok := m.lock.fastLock()
	if !ok {
		_ = lend(m.lock.lockSlow("Mutex.With"), &m.value, func(v *T) error {
			f(v)
			return nil
		})
		return
	}
	h := hold{&m.lock, k}
	returned := false
	defer func() {
		if !returned {
			h.fail(recover())
		}
	}()
	f(&m.value)
	returned = true
	if !m.lock.fastUnlock(k) {
		h.finish()
	}
}

// WithErr is [Mutex.With] for a function that can fail. It returns the error of f.
// An error does not poison m, and the value is as f left it. If m is poisoned or
// its value was taken, WithErr returns an error that is [ErrPoisoned] or
// [ErrTaken] and does not call f.
//
//ferrous:lends
//ferrous:blocks
func (m *Mutex[T]) WithErr(f func(*T) error) error {
	return withErr(context.Background(), &m.lock, &m.value, "Mutex.WithErr", f)
}

// WithContext is like [Mutex.WithErr], but stops waiting when ctx is done. The error is
// that of [Mutex.LockContext] or of f. ctx does not interrupt f.
//
//ferrous:lends
//ferrous:blocks
func (m *Mutex[T]) WithContext(ctx context.Context, f func(*T) error) error {
	return withErr(ctx, &m.lock, &m.value, "Mutex.WithContext", f)
}

// TryWith is like [Mutex.WithErr], but does not wait. If m is locked, the error is
// [ErrLocked].
//
//ferrous:lends
func (m *Mutex[T]) TryWith(f func(*T) error) error {
	return tryWith(&m.lock, &m.value, "Mutex.TryWith", f)
}

// Recover locks m, poisoned or not, and calls f to repair the value. When f
// returns, m is not poisoned any more. If f panics, m is poisoned. If the value was
// taken, Recover panics with an error that is [ErrTaken] and does not call f.
//
//ferrous:lends
//ferrous:blocks
func (m *Mutex[T]) Recover(f func(*T)) {
	recoverWith(&m.lock, &m.value, "Mutex.Recover", f)
}

// RecoverErr is [Mutex.Recover] for a function that can fail. If f returns an
// error, m stays as it was, poisoned or not. The error is that of f, or is
// [ErrTaken].
//
//ferrous:lends
//ferrous:blocks
func (m *Mutex[T]) RecoverErr(f func(*T) error) error {
	return repair(&m.lock, &m.value, "Mutex.RecoverErr", f)
}

// Get waits until m is free and returns a copy of the value. The error is
// [ErrPoisoned] or [ErrTaken].
//
//ferrous:blocks
func (m *Mutex[T]) Get() (v T, err error) {
	h, err := m.lock.acquire(context.Background(), exclusive, "Mutex.Get")
	if err == nil {
		v = m.value
		h.leave(exclusive, losses[exclusive])
	}
	return v, err
}

// Set waits until m is free and replaces the value. If m is poisoned or its value
// was taken, Set changes nothing and returns an error that is [ErrPoisoned] or
// [ErrTaken].
//
//ferrous:blocks
func (m *Mutex[T]) Set(v T) error {
	_, err := replace(&m.lock, &m.value, v, "Mutex.Set")
	return err
}

// Replace is like [Mutex.Set], but returns the old value.
//
//ferrous:blocks
func (m *Mutex[T]) Replace(v T) (old T, err error) {
	return replace(&m.lock, &m.value, v, "Mutex.Replace")
}

// IntoInner waits until m is free and takes the value out of m permanently. If m is
// poisoned, IntoInner returns the value and an error that is [ErrPoisoned]. After
// that, methods that need the value fail with [ErrTaken], in the way in which they
// fail with [ErrPoisoned] on a poisoned mutex.
//
//ferrous:blocks
func (m *Mutex[T]) IntoInner() (T, error) { return intoInner(&m.lock, &m.value, "Mutex.IntoInner") }

// IsLocked reports whether m is locked at the moment. It does not wait.
func (m *Mutex[T]) IsLocked() bool { return m.lock.state.Load()&held != 0 }

// IsPoisoned reports whether m is poisoned at the moment.
func (m *Mutex[T]) IsPoisoned() bool { return m.lock.state.Load()&poisoned != 0 }

// ClearPoison ends the poison of m. It does not change the value, which is as the
// function that did not return left it; see also [Mutex.Recover].
func (m *Mutex[T]) ClearPoison() { m.lock.clearPoison() }

// Format prints the value, or <locked> if m is locked. %+v and %#v also print the
// state. Format does not wait. It holds m while it prints the value.
func (m *Mutex[T]) Format(s fmt.State, verb rune) { formatLock(s, verb, "Mutex", &m.value, &m.lock) }

// LogValue returns what %+v prints.
func (m *Mutex[T]) LogValue() slog.Value { return slog.StringValue(fmt.Sprintf("%+v", m)) }
