package arcmutex

import (
	"context"
	"errors"
)

// What Mutex and RWMutex do alike with a value they own.

// lend calls f with the value while h holds its lock exclusively, unlocks it
// whatever happens, and poisons it if f does not return.
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

// rlend calls f with the value while h is a share of its lock, and gives the
// share back whatever happens.
func rlend[T any](h hold, value *T, f func(*T) error) error {
	defer h.lock.runlock(h.key)
	return f(value)
}

// withErr lends the value to f, once it has locked l.
func withErr[T any](ctx context.Context, l *lock, value *T, method string, f func(*T) error) error {
	needFunc(method, f != nil)
	h, err := l.lockContext(ctx, method)
	if err != nil {
		return err
	}
	return lend(h, value, f)
}

// tryWith is withErr without waiting.
func tryWith[T any](l *lock, value *T, method string, f func(*T) error) error {
	needFunc(method, f != nil)
	h, err := l.tryOrErr(exclusive, method)
	if err != nil {
		return err
	}
	return lend(h, value, f)
}

// rwithErr is withErr for a share of l.
func rwithErr[T any](ctx context.Context, l *lock, value *T, method string, f func(*T) error) error {
	needFunc(method, f != nil)
	h, err := l.acquire(ctx, sharing, method)
	if err != nil {
		return err
	}
	return rlend(h, value, f)
}

// tryRWith is rwithErr without waiting.
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

// lockAnyway waits for a lock that may be poisoned or without its value, and
// reports which.
func (l *lock) lockAnyway() (h hold, refused error) {
	_ = l.wait(context.Background(), exclusive, "") // the context has no end to report
	return l.opened(exclusive, "", 3)
}

// recoverWith is repair for a function that cannot fail.
func recoverWith[T any](l *lock, value *T, method string, f func(*T)) {
	needFunc(method, f != nil)
	must(0, repair(l, value, method, func(v *T) error {
		f(v)
		return nil
	}))
}

// repair lends the value to f, poisoned or not, and clears the poison if f
// returns nil. The error is f's, or [ErrTaken].
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

// tryOrErr is tryAcquire that says ErrLocked.
func (l *lock) tryOrErr(m mode, method string) (hold, error) {
	h, ok, err := l.tryAcquire(m, method)
	if err == nil && !ok {
		err = methodError(method, ErrLocked)
	}
	return h, err
}

// replace puts v in the place of the value that l guards.
func replace[T any](l *lock, value *T, v T, method string) (old T, err error) {
	h, err := l.acquire(context.Background(), exclusive, method)
	if err == nil {
		old, *value = *value, v
		h.leave(exclusive, losses[exclusive])
	}
	return old, err
}

// intoInner takes the value that l guards for good.
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
