package arcmutex

import (
	"context"
	"log/slog"
)

// A Locker is an argument of [LockAll]: a lock, and the guard that LockAll sets. It is
// made by [Mutex.To], [RWMutex.To] or [RWMutex.RTo]. The zero Locker is not valid.
type Locker struct {
	lock   *lock
	mode   mode
	fill   func(h hold)
	unlock func()
}

// String returns how the lock will be locked, and the name from WithName.
func (l Locker) String() string {
	if l.lock == nil {
		return "Locker(zero)"
	}
	what := "write"
	if l.mode == sharing {
		what = "read"
	}
	if i := l.lock.info.Load(); i != nil && i.ref.Given() != "" {
		what += " " + i.ref.Given()
	}
	return "Locker(" + what + ")"
}

// GoString returns the same as String.
func (l Locker) GoString() string { return l.String() }

// LogValue logs what String returns.
func (l Locker) LogValue() slog.Value { return slog.StringValue(l.String()) }

// To returns a Locker with which [LockAll] locks m and sets *g. It panics if g is nil.
func (m *Mutex[T]) To(g *Guard[T]) Locker {
	return lockerTo(&m.lock, &m.value, g, "Mutex.To")
}

// To returns a Locker with which [LockAll] locks m for writing and sets *g. It panics
// if g is nil.
func (m *RWMutex[T]) To(g *Guard[T]) Locker {
	return lockerTo(&m.lock, &m.value, g, "RWMutex.To")
}

func lockerTo[T any](l *lock, value *T, g *Guard[T], method string) Locker {
	if g == nil {
		panic(methodError(method, errNilGuard))
	}
	return Locker{l, exclusive, func(h hold) { *g = Guard[T]{value, h} }, g.Unlock}
}

// RTo returns a Locker with which [LockAll] locks m for reading and sets *g. It panics
// if g is nil.
func (m *RWMutex[T]) RTo(g *RGuard[T]) Locker {
	if g == nil {
		panic(methodError("RWMutex.RTo", errNilGuard))
	}
	return Locker{&m.lock, sharing, func(h hold) { *g = RGuard[T]{&grip[T]{&m.value, h}} }, func() { g.Unlock() }}
}

// LockAll waits until it has locked all of ls, and sets their guards. Here a and b are of
// type *Mutex[Account]:
//
//	var from, to arcmutex.Guard[Account]
//	unlock := arcmutex.LockAll(a.To(&from), b.To(&to))
//	defer unlock()
//
// It does not deadlock, whatever the order of ls and the order in which the locks are
// locked elsewhere, because it never waits for a lock while it holds another one of ls.
// It can still deadlock if the caller already holds a lock.
//
// unlock unlocks all the guards. If a guard has ended before, unlock unlocks the others
// and then panics with an error that is [ErrReleased].
//
// LockAll panics, and holds nothing, if a lock is poisoned, if the value of a lock was
// taken, if a lock is in ls twice, or if a Locker is zero. In the first two cases the
// error is [ErrPoisoned] or [ErrTaken].
//
// LockAll waits in the queue of one lock at a time, so other goroutines may overtake
// it.
//
//ferrous:acquire
//ferrous:blocks
func LockAll(ls ...Locker) (unlock func()) {
	unlock, err := lockAll(context.Background(), ls, "LockAll")
	if err != nil {
		panic(err)
	}
	return unlock
}

// LockAllContext is like [LockAll], but stops waiting when ctx is done. The error matches
// [context.Cause], or is [ErrPoisoned] or [ErrTaken]. Then no lock is held.
//
//ferrous:acquire
//ferrous:fallible
//ferrous:blocks
func LockAllContext(ctx context.Context, ls ...Locker) (unlock func(), err error) {
	return lockAll(ctx, ls, "LockAllContext")
}

// lockAll waits for one lock while it holds none, and then tries the others. If one
// of them is not available, lockAll unlocks all and waits for that one next. This is
// the algorithm of std::lock of C++ and of folly::acquireLocked.
func lockAll(ctx context.Context, ls []Locker, method string) (unlock func(), err error) {
	seen := make(map[*lock]bool, len(ls))
	for _, l := range ls {
		switch {
		case l.lock == nil:
			panic(methodError(method, errZeroLocker))
		case seen[l.lock]:
			panic(methodError(method, errSameLock))
		}
		seen[l.lock] = true
	}
	if isDone(ctx, method) {
		return nil, interrupted(ctx, method)
	}
	holds := make([]hold, len(ls))
	for first := 0; first >= 0; {
		if first, err = lockFrom(ctx, ls, holds, first, method); err != nil {
			return nil, err
		}
	}
	for i, l := range ls {
		l.fill(holds[i])
	}
	return func() { unlockAll(ls) }, nil
}

// lockFrom waits for ls[first] and tries the others. It returns -1 if it holds all of
// them. Otherwise it holds none of them and returns the index of one that was not
// available.
func lockFrom(ctx context.Context, ls []Locker, holds []hold, first int, method string) (busy int, err error) {
	for n := range ls {
		i := (first + n) % len(ls)
		ok := true
		if n == 0 {
			holds[i], err = ls[i].lock.acquire(ctx, ls[i].mode, method)
		} else {
			holds[i], ok, err = ls[i].lock.tryAcquire(ls[i].mode, method)
		}
		if err == nil && ok {
			continue
		}
		for n--; n >= 0; n-- {
			m := ls[(first+n)%len(ls)].mode
			holds[(first+n)%len(ls)].leave(m, losses[m])
		}
		return i, err
	}
	return -1, nil
}

// unlockAll unlocks all of ls, the last one first, even if some of them panic.
func unlockAll(ls []Locker) {
	for _, l := range ls {
		defer l.unlock()
	}
}
