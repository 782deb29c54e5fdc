// Package result provides Result, a value or an error, after std::result. Its functions
// Check and Handle do what Rust's ? does.
//
// A Result is a plain value. It is copied by assignment. Its error has the type error,
// so errors.Is, errors.As and wrapping work as usual. The zero value is Ok of the zero
// T. [Result.Get] returns Go's own (T, error), and [From] takes it:
//
//	n := result.From(strconv.Atoi(text)).UnwrapOr(80)
//
// Functions in Go return (T, error), not a Result. Use a Result to store an outcome, to
// send it through a channel or to chain operations on it. To return from a function at
// the first error, see [Check].
//
// A Result can be encoded as JSON, text, binary, gob, YAML and SQL. Of an error, only
// the text is kept.
//
// If a function argument is nil, the method panics when it would call the function; the
// panic value is an error that names the method. A method allocates only if it encodes,
// formats or panics. A Result has no lock: if goroutines share one, they need the same
// synchronization as for a T.
package result

import (
	"errors"
	"iter"

	"github.com/coderrange/ferrous/option"
)

// ErrNil is the panic value of [Err] if its argument is nil.
var ErrNil = errors.New("result: Err: nil error")

// Result is either Ok with a value, or Err with an error.
//
// The zero value is Ok(zero T). A Result may be copied. The copy is as independent of
// the original as copies of the T and of the error are.
type Result[T any] struct {
	value T     // the zero T when err is not nil
	err   error // nil for Ok
}

// Ok returns a Result that holds v.
func Ok[T any](v T) Result[T] {
	return Result[T]{value: v}
}

// Err returns a Result that holds err. It panics with [ErrNil] if err is nil.
func Err[T any](err error) Result[T] {
	if err == nil {
		panic(ErrNil)
	}
	return Result[T]{err: err}
}

// From converts (T, error) to a Result: Ok(v) if err is nil, otherwise Err(err). If err
// is not nil, v is ignored.
func From[T any](v T, err error) Result[T] {
	if err != nil {
		var zero T
		v = zero
	}
	return Result[T]{value: v, err: err}
}

// IsOk reports whether r holds a value.
func (r Result[T]) IsOk() bool { return r.err == nil }

// IsErr reports whether r holds an error.
func (r Result[T]) IsErr() bool { return r.err != nil }

// IsOkAnd reports whether r holds a value for which pred returns true.
func (r Result[T]) IsOkAnd(pred func(T) bool) bool {
	needFunc("Result.IsOkAnd", r.err != nil || pred != nil)
	return r.err == nil && pred(r.value)
}

// IsErrAnd reports whether r holds an error for which pred returns true.
func (r Result[T]) IsErrAnd(pred func(error) bool) bool {
	needFunc("Result.IsErrAnd", r.err == nil || pred != nil)
	return r.err != nil && pred(r.err)
}

// Get returns the value and nil, or the zero T and the error.
func (r Result[T]) Get() (T, error) { return r.value, r.err }

// Ok returns Some of the value, or None if r holds an error.
func (r Result[T]) Ok() option.Option[T] { return option.From(r.value, r.err == nil) }

// Err returns the error, or nil if r holds a value.
func (r Result[T]) Err() error { return r.err }

// AsMut returns a pointer to the value inside r, or nil if r holds an error. Use the
// pointer only until r is assigned to.
func (r *Result[T]) AsMut() *T {
	if r.err != nil {
		return nil
	}
	return &r.value
}

// Inspect calls f with the value if there is one. It returns r.
func (r Result[T]) Inspect(f func(T)) Result[T] {
	if r.err == nil {
		needFunc("Result.Inspect", f != nil)
		f(r.value)
	}
	return r
}

// InspectErr calls f with the error if there is one. It returns r.
func (r Result[T]) InspectErr(f func(error)) Result[T] {
	if r.err != nil {
		needFunc("Result.InspectErr", f != nil)
		f(r.err)
	}
	return r
}

// MapErr returns Err(f(err)) if r holds the error err, otherwise r. It panics with
// [ErrNil] if f returns nil; to replace an error by a value, use [Result.OrElse].
func (r Result[T]) MapErr(f func(error) error) Result[T] {
	if r.err != nil {
		needFunc("Result.MapErr", f != nil)
		return Err[T](f(r.err))
	}
	return r
}

// Or returns r if it holds a value, otherwise other.
func (r Result[T]) Or(other Result[T]) Result[T] {
	if r.err != nil {
		return other
	}
	return r
}

// OrElse returns r if it holds a value, otherwise f of its error.
func (r Result[T]) OrElse(f func(error) Result[T]) Result[T] {
	if r.err != nil {
		needFunc("Result.OrElse", f != nil)
		r = f(r.err)
	}
	return r
}

// UnwrapOr returns the value, or fallback if r holds an error.
func (r Result[T]) UnwrapOr(fallback T) T {
	if r.err != nil {
		return fallback
	}
	return r.value
}

// UnwrapOrElse returns the value, or f(err) if r holds the error err.
func (r Result[T]) UnwrapOrElse(f func(error) T) T {
	if r.err != nil {
		needFunc("Result.UnwrapOrElse", f != nil)
		return f(r.err)
	}
	return r.value
}

// UnwrapOrDefault returns the value, or the zero T if r holds an error.
func (r Result[T]) UnwrapOrDefault() T { return r.value }

// All yields the value if there is one.
func (r Result[T]) All() iter.Seq[T] {
	return func(yield func(T) bool) {
		if r.err == nil {
			yield(r.value)
		}
	}
}

// nilError names the function that got a nil argument, and what was nil.
type nilError struct{ function, what string }

func (e *nilError) Error() string { return "result: " + e.function + ": nil " + e.what }

// needFunc panics with the name of the function, unless the argument is there.
func needFunc(function string, there bool) {
	if !there {
		panic(&nilError{function, "function"})
	}
}

// needPointer is needFunc for a pointer.
func needPointer(function string, there bool) {
	if !there {
		panic(&nilError{function, "pointer"})
	}
}
