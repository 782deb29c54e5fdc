package arcmutex

import (
	"context"
	"errors"
)

// The functions in this file implement the methods that Mutex and RWMutex have in
// common.

// lend calls f with the value and then ends the exclusive hold h. If f does not return,
// lend poisons the lock.
func lend[T any](h hold, value *T, f func(*T) error) (err error) {
	returned := false
	defer func() {
		if !returned {
			h.fail(recover())
		}
	}()
	err = f(value)
	returned = true
	h.finish()
	return err
}

// rlend calls f with the value and then ends the share h, also if f does not return.
func rlend[T any](h hold, value *T, f func(*T) error) error {
	defer h.lock.runlock(h.key)
	return f(value)
}

// withErr locks l and calls f with the value.
func withErr[T any](ctx context.Context, l *lock, value *T, method string, f func(*T) error) error {
	needFunc(method, f != nil)
	h, err := l.lockContext(ctx, method)
	if err != nil {
		return err
	}
	return lend(h, value, f)
}

// tryWith is [withErr] without waiting.
func tryWith[T any](l *lock, value *T, method string, f func(*T) error) error {
	needFunc(method, f != nil)
	h, err := l.tryOrErr(exclusive, method)
	if err != nil {
		return err
	}
	return lend(h, value, f)
}

// rwithErr is like [withErr], but locks l for reading.
func rwithErr[T any](ctx context.Context, l *lock, value *T, method string, f func(*T) error) error {
	needFunc(method, f != nil)
	h, err := l.acquire(ctx, sharing, method)
	if err != nil {
		return err
	}
	return rlend(h, value, f)
}

// tryRWith is [rwithErr] without waiting.
func tryRWith[T any](l *lock, value *T, method string, f func(*T) error) error {
	needFunc(method, f != nil)
	h, err := l.tryOrErr(sharing, method)
	if err != nil {
		return err
	}
	return rlend(h, value, f)
}

// finish ends an exclusive hold.
func (h *hold) finish() { h.leave(exclusive, losses[exclusive]) }

// lockAnyway locks l exclusively, even if it is poisoned or its value was taken, and
// returns that as an error.
func (l *lock) lockAnyway() (h hold, refused error) {
	_ = l.wait(context.Background(), exclusive, "") // fails only if the context is done
	return l.opened(exclusive, "", 3)
}

// recoverWith is [repair] for a function that cannot fail.
func recoverWith[T any](l *lock, value *T, method string, f func(*T)) {
	needFunc(method, f != nil)
	must(0, repair(l, value, method, func(v *T) error {
		f(v)
		return nil
	}))
}

// repair locks l, poisoned or not, calls f with the value, and clears the poison if f
// returns nil. The error is that of f, or is [ErrTaken].
func repair[T any](l *lock, value *T, method string, f func(*T) error) error {
	needFunc(method, f != nil)
	h, refused := l.lockAnyway()
	if errors.Is(refused, ErrTaken) {
		h.finish()
		return methodError(method, refused)
	}
	return lend(h, value, func(v *T) error {
		err := f(v)
		if err == nil {
			l.clearPoison()
		}
		return err
	})
}

// tryOrErr is like [lock.tryAcquire], but returns [ErrLocked] if the lock is not available.
func (l *lock) tryOrErr(m mode, method string) (hold, error) {
	h, ok, err := l.tryAcquire(m, method)
	if err == nil && !ok {
		err = methodError(method, ErrLocked)
	}
	return h, err
}

// replace locks l and replaces the value by v.
func replace[T any](l *lock, value *T, v T, method string) (old T, err error) {
	h, err := l.acquire(context.Background(), exclusive, method)
	if err == nil {
		old, *value = *value, v
		h.leave(exclusive, losses[exclusive])
	}
	return old, err
}

// intoInner locks l and takes the value out permanently.
func intoInner[T any](l *lock, value *T, method string) (v T, err error) {
	h, refused := l.lockAnyway()
	defer h.finish()
	var zero T
	v, *value = *value, zero
	l.state.Or(taken)
	l.clearPoison()
	if refused != nil {
		err = methodError(method, refused)
	}
	return v, err
}
