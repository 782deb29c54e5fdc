// Package result provides Result, a value or the error that stands in its
// place, after std::result, and Check and Handle, which do what Rust's ? does.
//
// A Result is a plain value that is copied by assignment. Its error type is
// error, so errors.Is, errors.As and wrapping work as everywhere in Go; its
// zero value is Ok of the zero T. [Result.Get] leads back to Go's own
// (T, error), and [From] from there:
//
//	n := result.From(strconv.Atoi(text)).UnwrapOr(80)
//
// Functions in Go return (T, error), not a Result: use a Result to keep an
// outcome, to send it through a channel or to chain it. To leave a function at
// the first error, see [Check].
//
// A Result travels as JSON, as text, gob, YAML and SQL; of an error the text comes
// back.
//
// A nil function panics where it would be called, with an error that names the
// method. No method allocates except the encoders, what formats, and what panics. A
// Result has no lock: sharing one between goroutines needs the care that a T
// would need.
package result

import (
	"errors"
	"iter"

	"github.com/coderrange/ferrous/option"
)

// ErrNil is what [Err] panics with when it is given a nil error.
var ErrNil = errors.New("result: Err: nil error")

// Result is either Ok, with a value, or Err, with an error.
//
// The zero value is Ok(zero T). A Result may be copied; the copy is
// independent, as far as copies of T and of the error are.
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

// From turns Go's (T, error) into a Result: Ok(v) if err is nil, else Err(err),
// whatever v is.
func From[T any](v T, err error) Result[T] {
	if err != nil {
		var zero T
		v = zero
	}
	return Result[T]{value: v, err: err}
}

// IsOk says whether r holds a value.
func (r Result[T]) IsOk() bool { return r.err == nil }

// IsErr says whether r holds an error.
func (r Result[T]) IsErr() bool { return r.err != nil }

// IsOkAnd says whether r holds a value for which pred is true.
func (r Result[T]) IsOkAnd(pred func(T) bool) bool {
	needFunc("Result.IsOkAnd", r.err != nil || pred != nil)
	return r.err == nil && pred(r.value)
}

// IsErrAnd says whether r holds an error for which pred is true.
func (r Result[T]) IsErrAnd(pred func(error) bool) bool {
	needFunc("Result.IsErrAnd", r.err == nil || pred != nil)
	return r.err != nil && pred(r.err)
}

// Get returns the value and nil, or the zero T and the error.
func (r Result[T]) Get() (T, error) { return r.value, r.err }

// Ok returns the value as an Option: None if r holds an error.
func (r Result[T]) Ok() option.Option[T] { return option.From(r.value, r.err == nil) }

// Err returns the error, or nil if r holds a value.
func (r Result[T]) Err() error { return r.err }

// AsMut returns a pointer to the value inside r, or nil if r holds an error. It
// is valid as long as r lives and describes its value until r is assigned to.
func (r *Result[T]) AsMut() *T {
	if r.err != nil {
		return nil
	}
	return &r.value
}

// Inspect calls f with the value, if there is one, and returns r.
func (r Result[T]) Inspect(f func(T)) Result[T] {
	if r.err == nil {
		needFunc("Result.Inspect", f != nil)
		f(r.value)
	}
	return r
}

// InspectErr calls f with the error, if there is one, and returns r.
func (r Result[T]) InspectErr(f func(error)) Result[T] {
	if r.err != nil {
		needFunc("Result.InspectErr", f != nil)
		f(r.err)
	}
	return r
}

// MapErr returns r with f applied to its error, if there is one. It panics with
// [ErrNil] if f returns nil: to recover from an error use [Result.OrElse].
func (r Result[T]) MapErr(f func(error) error) Result[T] {
	if r.err != nil {
		needFunc("Result.MapErr", f != nil)
		return Err[T](f(r.err))
	}
	return r
}

// Or returns r if it holds a value, else other.
func (r Result[T]) Or(other Result[T]) Result[T] {
	if r.err != nil {
		return other
	}
	return r
}

// OrElse returns r if it holds a value, else what f makes of the error.
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

// UnwrapOrElse returns the value, or what f makes of the error.
func (r Result[T]) UnwrapOrElse(f func(error) T) T {
	if r.err != nil {
		needFunc("Result.UnwrapOrElse", f != nil)
		return f(r.err)
	}
	return r.value
}

// UnwrapOrDefault returns the value, or the zero T if r holds an error.
func (r Result[T]) UnwrapOrDefault() T { return r.value }

// All ranges over the value, if there is one.
func (r Result[T]) All() iter.Seq[T] {
	return func(yield func(T) bool) {
		if r.err == nil {
			yield(r.value)
		}
	}
}

// A nilError names the function that was given nil, and what is nil.
type nilError struct{ function, what string }

func (e *nilError) Error() string { return "result: " + e.function + ": nil " + e.what }

// needFunc panics with the name of the function unless what it was given is there.
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
