package result

import "errors"

// ErrHandleNil is the panic value of [Handle] if its argument is nil.
var ErrHandleNil = errors.New("result: Handle: nil pointer to an error")

// UnhandledError is the panic value of [Check], which [Handle] recovers. If a program
// crashes with it, a Handle is missing.
type UnhandledError struct {
	Err error // the argument of Check
}

// Error returns the text of the error and says that a Handle is missing.
func (e *UnhandledError) Error() string {
	return "result: Check without `defer result.Handle(&err)` on this goroutine: " + errorText(e.Err)
}

// Unwrap returns the error that [Check] was given.
func (e *UnhandledError) Unwrap() error { return e.Err }

// Check returns v if err is nil. Otherwise it panics, and the nearest deferred [Handle]
// up the stack recovers: the function that deferred Handle returns err. Together they
// do what Rust's ? does:
//
//	func compute(a, b string) (sum int, err error) {
//		defer result.Handle(&err)
//		return result.Check(strconv.Atoi(a)) + result.Check(strconv.Atoi(b)), nil
//	}
//
// If err is nil, Check costs a comparison. Otherwise it costs hundreds of nanoseconds
// and one allocation, so use it for rare errors.
//
// Check has the rules of every panic. Functions that were deferred after Handle run
// before it. Functions that were deferred before Handle run after it and see the error.
// Another recover in between catches the panic instead. The panic does not leave its
// goroutine: a goroutine that calls Check needs its own Handle, otherwise the program
// crashes with an [UnhandledError].
//
// A failed Check poisons a lock if it leaves a function that runs under the lock, as in
// arcmutex.Mutex.With. To avoid that, use a form whose function returns an error
// (WithErr, RWithErr, WithContext, TryWith) and return the error. Or defer a Handle
// inside that function.
func Check[T any](v T, err error) T {
	if err != nil {
		leave(err)
	}
	return v
}

// Check0 is [Check] for functions that return only an error.
func Check0(err error) {
	if err != nil {
		leave(err)
	}
}

// Check2 is [Check] for functions that return two values and an error.
func Check2[T, U any](v T, u U, err error) (T, U) {
	if err != nil {
		leave(err)
	}
	return v, u
}

// Handle recovers the panic of a failed [Check] and stores the error in *err. err
// should point to the named result of the function that defers Handle. Defer Handle
// directly; do not call it from a deferred function:
//
//	defer result.Handle(&err)
//
// If no Check failed, Handle does not change *err. Other panics and [runtime.Goexit]
// continue: the panic value stays the same, and a crash still prints the stack of the
// original panic. Handle panics with [ErrHandleNil] if err is nil, even if no Check
// failed.
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

// leave panics. It is a separate function so that Check is small enough to inline.
//
//go:noinline
func leave(err error) {
	panic(&UnhandledError{err})
}
