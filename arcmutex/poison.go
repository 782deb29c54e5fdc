package arcmutex

import (
	"errors"
	"fmt"
)

var (
	// ErrPoisoned says that a function that was given the value to change did
	// not return: it panicked, or its goroutine exited, and the value may be
	// half changed.
	ErrPoisoned = errors.New("poisoned by a function that did not return")

	// ErrLocked is the refusal of a Try method: someone else holds the lock.
	ErrLocked = errors.New("locked")

	// ErrStale is what a guard panics with when it is used after its end.
	ErrStale = errors.New("guard was unlocked")
)

// methodError says where err came from.
func methodError(method string, err error) error {
	return fmt.Errorf("arcmutex: %s: %w", method, err)
}

// stale panics in the name of a guard's method.
func stale(method string) { panic(methodError(method, ErrStale)) }

// must returns k unless there is an error, which it panics with.
func must(k uint64, err error) uint64 {
	if err != nil {
		panic(err)
	}
	return k
}

// What inlined methods panic with is made beforehand, which keeps them small.
var (
	errGuardPtr     = methodError("Guard.Ptr", ErrStale)
	errGuardGet     = methodError("Guard.Get", ErrStale)
	errGuardSet     = methodError("Guard.Set", ErrStale)
	errRGuardPtr    = methodError("RGuard.Ptr", ErrStale)
	errRGuardGet    = methodError("RGuard.Get", ErrStale)
	errRGuardUnlock = methodError("RGuard.Unlock", ErrStale)
)
