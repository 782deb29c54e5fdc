package arcmutex

import (
	"context"
	"errors"

	"github.com/coderrange/ferrous/internal/operr"
)

var (
	// ErrPoisoned means that a function that may have changed the value did not
	// return: it panicked or called [runtime.Goexit]. The value may be half changed.
	// The error is a *[PoisonedError].
	ErrPoisoned = errors.New("arcmutex: " + poisonedText)

	// ErrTaken means that IntoInner has taken the value out of the lock.
	ErrTaken = errors.New("arcmutex: value was taken")

	// ErrNoInit is what methods of a zero [LazyLock] panic with: it was not made by
	// [NewLazyLock].
	ErrNoInit = errors.New("arcmutex: no initializer")

	// ErrLocked is the error of TryWith and TryRWith if they would have to wait.
	ErrLocked = errors.New("arcmutex: locked")

	// ErrReleased is what methods of a guard panic with if it has ended or is zero.
	ErrReleased = errors.New("arcmutex: used after its end")

	errNilFunc = errors.New("arcmutex: nil function")
)

// refusal returns an error if the lock, in state s, is poisoned or its value was taken.
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

// methodError returns err with the name of the method.
func methodError(method string, err error) error { return operr.New("arcmutex", method, err) }

// needFunc panics in the name of a method if its function is nil.
func needFunc(method string, given bool) {
	if !given {
		panic(methodError(method, errNilFunc))
	}
}

// interrupted returns the error of a method whose ctx is done.
func interrupted(ctx context.Context, method string) error {
	return operr.Interrupted(ctx, "arcmutex", method)
}

// isDone reports whether ctx is done. It panics in the name of the method if ctx is
// nil.
func isDone(ctx context.Context, method string) bool { return operr.IsDone(ctx, "arcmutex", method) }

func nilContext(method string) { operr.PanicNilContext("arcmutex", method) }

// The errors of other invalid arguments.
var (
	errNilGuard   = errors.New("nil guard")
	errNilLock    = errors.New("nil lock")
	errZeroLocker = errors.New("zero Locker")
	errSameLock   = errors.New("the same lock twice")
)

// An endedError is the key of a guard that holds nothing. It is [ErrReleased], and its
// text says how the guard ended.
type endedError uint64

func (k endedError) Error() string {
	switch {
	case k == 0:
		return "zero guard"
	case k == moved || k&readers != 0: // a UGuard that was downgraded has the key of a reader
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

// must returns v, or panics with err if it is not nil.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
