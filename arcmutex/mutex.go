package arcmutex

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
)

// A Mutex owns a value of type T and lets one goroutine at a time at it.
//
// With is the safe way: it cannot forget to unlock. A panic or
// [runtime.Goexit] in With poisons the mutex, since nobody knows in what state
// the value was left: from then on Lock, TryLock and With panic with an error
// that is [ErrPoisoned], and methods with an error result return it, until
// [Mutex.ClearPoison] or [Mutex.Recover].
//
// The zero value is an unlocked mutex that owns the zero value of T. A Mutex
// must not be copied after first use.
//
// Waiters are served in the order of their arrival, except that a running
// goroutine may take a free mutex before a waiter that was woken has come to
// run; after it has been woken in vain four times a waiter is handed the mutex. A
// goroutine that waits is durably blocked in the sense of [testing/synctest];
// but if the holder is outside the bubble, the bubble is taken for deadlocked.
// Waiting allocates, locking a free mutex does not and costs two
// compare-and-swaps with Unlock.
//
// The n'th Unlock synchronizes before the n+1'th Lock returns. A Mutex is not
// reentrant: a goroutine that locks it twice waits for itself, which [Check]
// finds.
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

// WithName gives m the name that [Check] calls it by, and returns m.
func (m *Mutex[T]) WithName(name string) *Mutex[T] {
	m.lock.rename("Mutex.", name)
	return m
}

// WithoutPoison makes m a lock that is never poisoned, as those of parking_lot are
// not, and returns m: a panic in With unlocks m and does nothing else to it. Poison
// that m has is cleared. Call it before m is shared.
func (m *Mutex[T]) WithoutPoison() *Mutex[T] {
	m.lock.neverPoison("Mutex.")
	return m
}

// Lock waits until m is free and locks it. It panics with an error that is
// [ErrPoisoned] if m is poisoned.
//
//ferrous:acquire
//ferrous:blocks
func (m *Mutex[T]) Lock() Guard[T] {
	return Guard[T]{&m.value, m.lock.lock("Mutex.Lock")}
}

// LockContext waits until m is free or ctx is done. The error wraps
// [context.Cause], or is [ErrPoisoned].
//
// Cancellation: a canceled caller loses its place and owns nothing; if it was
// its turn, the turn goes to the next.
//
//ferrous:acquire
//ferrous:fallible
//ferrous:blocks
func (m *Mutex[T]) LockContext(ctx context.Context) (Guard[T], error) {
	h, err := m.lock.lockContext(ctx, "Mutex.LockContext")
	return Guard[T]{&m.value, h}, err
}

// TryLock locks m if nobody holds it, and reports whether it did. It panics
// with an error that is [ErrPoisoned] if m is free and poisoned.
//
//ferrous:acquire
//ferrous:fallible
func (m *Mutex[T]) TryLock() (Guard[T], bool) {
	h, ok, err := m.lock.tryAcquire(exclusive, "Mutex.TryLock")
	return Guard[T]{&m.value, must(h, err)}, ok
}

// With calls f with the locked value. It unlocks m whatever happens, and
// poisons it if f does not return. It panics with an error that is
// [ErrPoisoned], and does not call f, if m is poisoned.
//
//ferrous:lends
//ferrous:blocks
func (m *Mutex[T]) With(f func(*T)) {
	needFunc("Mutex.With", f != nil)
	// Free, this is lock and lend without a further closure and with their fast paths.
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

// WithErr is [Mutex.With] for a function that can fail. It returns f's error,
// which does not poison m: f has returned, and the value is as f left it. The
// error is [ErrPoisoned] or [ErrTaken], and f is not called, if m is poisoned or
// without its value.
//
//ferrous:lends
//ferrous:blocks
func (m *Mutex[T]) WithErr(f func(*T) error) error {
	return withErr(context.Background(), &m.lock, &m.value, "Mutex.WithErr", f)
}

// WithContext is [Mutex.WithErr] that waits until ctx is done at most. The error
// is that of [Mutex.LockContext], or f's.
//
//ferrous:lends
//ferrous:blocks
func (m *Mutex[T]) WithContext(ctx context.Context, f func(*T) error) error {
	return withErr(ctx, &m.lock, &m.value, "Mutex.WithContext", f)
}

// TryWith is [Mutex.WithErr] that does not wait: if another holds m the error is
// [ErrLocked].
//
//ferrous:lends
func (m *Mutex[T]) TryWith(f func(*T) error) error {
	return tryWith(&m.lock, &m.value, "Mutex.TryWith", f)
}

// Recover locks m, poisoned or not, and calls f to repair the value. If f
// returns, m is not poisoned any more. It panics with an error that is
// [ErrTaken], and does not call f, if the value was taken.
//
//ferrous:lends
//ferrous:blocks
func (m *Mutex[T]) Recover(f func(*T)) {
	recoverWith(&m.lock, &m.value, "Mutex.Recover", f)
}

// RecoverErr is [Mutex.Recover] for a function that can fail: m stays poisoned
// unless f returns nil. The error is f's, or [ErrTaken].
//
//ferrous:lends
//ferrous:blocks
func (m *Mutex[T]) RecoverErr(f func(*T) error) error {
	return repair(&m.lock, &m.value, "Mutex.RecoverErr", f)
}

// Get waits until m is free and returns a copy of the value, or [ErrPoisoned].
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

// Set waits until m is free and replaces the value. If m is poisoned it keeps
// the old value and returns [ErrPoisoned].
//
//ferrous:blocks
func (m *Mutex[T]) Set(v T) error {
	_, err := replace(&m.lock, &m.value, v, "Mutex.Set")
	return err
}

// Replace is [Mutex.Set] that returns the old value.
//
//ferrous:blocks
func (m *Mutex[T]) Replace(v T) (old T, err error) {
	return replace(&m.lock, &m.value, v, "Mutex.Replace")
}

// IntoInner waits until m is free and takes the value out of it for good. It
// returns the value also when m is poisoned, with [ErrPoisoned]. From then on
// m owns the zero value and lends it to nobody: whatever wants it gets
// [ErrTaken], as it would get [ErrPoisoned].
//
//ferrous:blocks
func (m *Mutex[T]) IntoInner() (T, error) { return intoInner(&m.lock, &m.value, "Mutex.IntoInner") }

// IsLocked reports whether somebody holds m at the moment.
func (m *Mutex[T]) IsLocked() bool { return m.lock.state.Load()&held != 0 }

// IsPoisoned reports whether m is poisoned at the moment.
func (m *Mutex[T]) IsPoisoned() bool { return m.lock.state.Load()&poisoned != 0 }

// ClearPoison takes back the poison. Whoever locks m next sees the value as
// the function that did not return has left it; see also [Mutex.Recover].
func (m *Mutex[T]) ClearPoison() { m.lock.clearPoison() }

// Format prints the value, or <locked>, and with %+v and %#v the state too. It
// does not wait, but others do while it prints.
func (m *Mutex[T]) Format(s fmt.State, verb rune) { formatLock(s, verb, "Mutex", &m.value, &m.lock) }

// LogValue returns what %+v prints.
func (m *Mutex[T]) LogValue() slog.Value { return slog.StringValue(fmt.Sprintf("%+v", m)) }
