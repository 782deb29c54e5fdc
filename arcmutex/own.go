package arcmutex

import "context"

// What Mutex and RWMutex do alike with a value they own.

// lend calls f while the lock is held exclusively with key k, unlocks it
// whatever happens, and poisons it if f does not return. There is no recover,
// so that a panic keeps its stack.
func (l *lock) lend(k uint64, f func()) {
	returned := false
	defer func() { l.finish(k, returned) }()
	f()
	returned = true
}

// finish ends the exclusive hold with key k of a function that was lent the
// value, and poisons the lock if it has not returned.
func (l *lock) finish(k uint64, returned bool) {
	if !returned {
		l.state.Or(poisoned)
	}
	l.leave(exclusive, k, losses[exclusive])
}

// lockAnyway waits for a lock that may be poisoned, and reports whether it is.
func (l *lock) lockAnyway() (k uint64, isPoisoned bool) {
	_ = l.wait(context.Background(), exclusive, "") // the context has no end to report
	return l.opened(exclusive, 3)
}

// repair lends the value to f, poisoned or not, and clears the poison if f
// returns.
func (l *lock) repair(f func()) {
	k, _ := l.lockAnyway()
	l.lend(k, func() {
		f()
		l.clearPoison()
	})
}

func (l *lock) clearPoison() { l.state.And(^uint64(poisoned)) }

// tryOrErr is tryAcquire that says ErrLocked.
func (l *lock) tryOrErr(m mode, method string) (k uint64, err error) {
	k, ok, err := l.tryAcquire(m, method)
	if err == nil && !ok {
		err = methodError(method, ErrLocked)
	}
	return k, err
}

// replace puts v in the place of the value that l guards.
func replace[T any](l *lock, value *T, v T, method string) (old T, err error) {
	k, err := l.acquire(context.Background(), exclusive, method)
	if err == nil {
		old, *value = *value, v
		l.leave(exclusive, k, losses[exclusive])
	}
	return old, err
}

// intoInner takes the value that l guards for good.
func intoInner[T any](l *lock, value *T, method string) (v T, err error) {
	k, isPoisoned := l.lockAnyway()
	if isPoisoned {
		err = methodError(method, ErrPoisoned)
	}
	var zero T
	v, *value = *value, zero
	l.finish(k, false)
	return v, err
}
