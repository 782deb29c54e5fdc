package arcmutex

import (
	"context"
	"errors"

	"github.com/coderrange/ferrous/internal/operr"
)

var (
	// ErrPoisoned says that a function that was given the value to change did
	// not return: it panicked, or its goroutine exited, and the value may be
	// half changed. The error is a *[PoisonedError].
	ErrPoisoned = errors.New("arcmutex: " + poisonedText)

	// ErrTaken says that IntoInner has taken the value out of its lock.
	ErrTaken = errors.New("arcmutex: value was taken")

	// ErrNoInit is what a zero [LazyLock] panics with: it was not made by
	// [NewLazyLock].
	ErrNoInit = errors.New("arcmutex: no initializer")

	// ErrLocked is what TryWith and TryRWith return if they would have to wait.
	ErrLocked = errors.New("arcmutex: locked")

	// ErrReleased is what a guard panics with if it has ended or is zero.
	ErrReleased = errors.New("arcmutex: used after its end")

	errNilFunc = errors.New("arcmutex: nil function")
)

// refusal returns why the value of a lock in state s may not be used, or nil.
func (l *lock) refusal(s uint64) error {
	switch {
	case s&taken != 0:
		return ErrTaken
	case s&poisoned != 0:
		return l.poison()
	default:
		return nil
	}
}

const poisonedText = "poisoned by a function that did not return"

// methodError returns the error of a method.
func methodError(method string, err error) error { return operr.New("arcmutex", method, err) }

// needFunc panics unless a method was given its function.
func needFunc(method string, given bool) {
	if !given {
		panic(methodError(method, errNilFunc))
	}
}

// interrupted returns the error of a method whose context is done.
func interrupted(ctx context.Context, method string) error {
	return operr.Interrupted(ctx, "arcmutex", method)
}

// isDone reports whether ctx is done. It panics in the name of the method if ctx is
// nil.
func isDone(ctx context.Context, method string) bool { return operr.IsDone(ctx, "arcmutex", method) }

func nilContext(method string) { operr.PanicNilContext("arcmutex", method) }

// What is wrong with other arguments.
var (
	errNilGuard   = errors.New("nil guard")
	errNilLock    = errors.New("nil lock")
	errZeroLocker = errors.New("zero Locker")
	errSameLock   = errors.New("the same lock twice")
)

// An endedError is an [ErrReleased]: the key of a guard that holds nothing.
type endedError uint64

func (k endedError) Error() string {
	switch {
	case k == 0:
		return "zero guard"
	case k == moved || k&readers != 0: // the key of a UGuard that was downgraded is a reader's
		return "guard was mapped, downgraded or upgraded"
	case k == none:
		return "guard was not acquired"
	default:
		return "guard was unlocked"
	}
}

func (k endedError) Is(target error) bool { return target == ErrReleased }

// staleGuard panics in the name of a method of a guard with key k.
func staleGuard(method string, k uint64) { panic(methodError(method, endedError(k))) }

// must returns v unless there is an error, which it panics with.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
