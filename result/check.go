package result

import "errors"

// ErrHandleNil is what [Handle] panics with when it is given a nil pointer.
var ErrHandleNil = errors.New("result: Handle: nil pointer to an error")

// UnhandledError is what [Check] panics with, for [Handle] to catch. Whoever
// else sees it misses a Handle.
type UnhandledError struct {
	Err error // what Check was given
}

// Error says that a Handle is missing, and the error that it would have caught.
func (e *UnhandledError) Error() string {
	return "result: Check without `defer result.Handle(&err)` on this goroutine: " + errorText(e.Err)
}

// Unwrap returns the error that [Check] was given.
func (e *UnhandledError) Unwrap() error { return e.Err }

// Check returns v if err is nil. Otherwise it leaves the function whose
// deferred [Handle] is the nearest one up the stack, which then returns err.
// Together they are Rust's ?:
//
//	func compute(a, b string) (sum int, err error) {
//		defer result.Handle(&err)
//		return result.Check(strconv.Atoi(a)) + result.Check(strconv.Atoi(b)), nil
//	}
//
// Check is a panic underneath. On success it costs a comparison, on failure
// some hundred nanoseconds and one allocation: it is for errors that are rare.
// As with every panic, functions deferred after Handle run before it, those
// deferred before Handle run after it and see the error, and a recover of
// somebody else's in between catches it. It does not cross goroutines: a
// goroutine that calls Check needs a Handle of its own, or the program ends
// with an [UnhandledError] that says so.
//
// A failed Check that leaves a function which a lock has lent its value to, as
// arcmutex.Mutex.With does, poisons the lock, as every panic does. Return the
// error instead, with the forms whose function returns one (WithErr, RWithErr,
// WithContext, TryWith), or defer a Handle in the function itself.
func Check[T any](v T, err error) T {
	if err != nil {
		leave(err)
	}
	return v
}

// Check0 is [Check] for a function that returns only an error.
func Check0(err error) {
	if err != nil {
		leave(err)
	}
}

// Check2 is [Check] for a function that returns two values and an error.
func Check2[T, U any](v T, u U, err error) (T, U) {
	if err != nil {
		leave(err)
	}
	return v, u
}

// Handle stores the error of a failed [Check] in *err, which should be the
// named result of the function that defers it. It must be deferred itself, not
// called by a deferred function:
//
//	defer result.Handle(&err)
//
// Without a failed Check it leaves *err alone. Any other panic, and
// [runtime.Goexit], goes on its way: the value is unchanged, and a crash still
// prints the stack where it began. Handle panics with [ErrHandleNil] if err is
// nil, also when nothing failed.
func Handle(err *error) {
	if err == nil {
		panic(ErrHandleNil)
	}
	switch p := recover().(type) {
	case nil:
	case *UnhandledError:
		*err = p.Err
	default:
		panic(p)
	}
}

// leave is apart so that Check stays small enough to inline.
//
//go:noinline
func leave(err error) {
	panic(&UnhandledError{err})
}
