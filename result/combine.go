package result

import (
	"iter"

	"github.com/coderrange/ferrous/option"
)

// Map returns Ok of f applied to the value of r, or r's error.
func Map[T, U any](r Result[T], f func(T) U) Result[U] {
	var u U
	if r.err == nil {
		needFunc("Map", f != nil)
		u = f(r.value)
	}
	return Result[U]{value: u, err: r.err}
}

// MapOr returns f applied to the value of r, or fallback if r holds an error.
func MapOr[T, U any](r Result[T], fallback U, f func(T) U) U {
	if r.err != nil {
		return fallback
	}
	needFunc("MapOr", f != nil)
	return f(r.value)
}

// MapOrElse returns f applied to the value of r, or what fallback makes of r's
// error.
func MapOrElse[T, U any](r Result[T], fallback func(error) U, f func(T) U) U {
	if r.err != nil {
		needFunc("MapOrElse", fallback != nil)
		return fallback(r.err)
	}
	needFunc("MapOrElse", f != nil)
	return f(r.value)
}

// And returns other if r holds a value, else r's error.
func And[T, U any](r Result[T], other Result[U]) Result[U] {
	if r.err != nil {
		return Result[U]{err: r.err}
	}
	return other
}

// AndThen returns what f makes of the value of r, or r's error.
func AndThen[T, U any](r Result[T], f func(T) Result[U]) Result[U] {
	if r.err != nil {
		return Result[U]{err: r.err}
	}
	needFunc("AndThen", f != nil)
	return f(r.value)
}

// Flatten removes one level of Result: it is Ok only if both levels are.
func Flatten[T any](r Result[Result[T]]) Result[T] {
	if r.err != nil {
		return Result[T]{err: r.err}
	}
	return r.value
}

// OkOr returns Ok of the value of o, or Err(err) if o is None; then it panics
// with [ErrNil] if err is nil.
func OkOr[T any](o option.Option[T], err error) Result[T] {
	if v, ok := o.Get(); ok {
		return Result[T]{value: v}
	}
	return Err[T](err)
}

// OkOrElse returns Ok of the value of o, or Err of what f returns if o is None;
// then it panics with [ErrNil] if that is nil.
func OkOrElse[T any](o option.Option[T], f func() error) Result[T] {
	if v, ok := o.Get(); ok {
		return Result[T]{value: v}
	}
	needFunc("OkOrElse", f != nil)
	return Err[T](f())
}

// Transpose turns a Result of an Option inside out: Ok(None) is None, Ok(Some(v))
// is Some(Ok(v)), Err(err) is Some(Err(err)).
func Transpose[T any](r Result[option.Option[T]]) option.Option[Result[T]] {
	if r.err != nil {
		return option.Some(Result[T]{err: r.err})
	}
	return option.Map(r.value, Ok[T])
}

// TransposeOption is the reverse of [Transpose].
func TransposeOption[T any](o option.Option[Result[T]]) Result[option.Option[T]] {
	r, ok := o.Get()
	if !ok {
		return Result[option.Option[T]]{}
	}
	return Map(r, option.Some[T])
}

// Collect returns Ok of all values of src, or the first error: there it stops,
// and asks src for no more. The slice of an empty src is empty.
func Collect[T any](src iter.Seq[Result[T]]) Result[[]T] {
	needFunc("Collect", src != nil)
	values := []T{}
	for r := range src {
		if r.err != nil {
			return Result[[]T]{err: r.err}
		}
		values = append(values, r.value)
	}
	return Ok(values)
}
