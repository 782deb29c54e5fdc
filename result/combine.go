package result

import (
	"iter"

	"github.com/coderrange/ferrous/option"
)

// Map returns Ok(f(v)) if r holds v, otherwise Err of r's error.
func Map[T, U any](r Result[T], f func(T) U) Result[U] {
	var u U
	if r.err == nil {
		needFunc("Map", f != nil)
		u = f(r.value)
	}
	return Result[U]{value: u, err: r.err}
}

// MapOr returns f(v) if r holds v, otherwise fallback.
func MapOr[T, U any](r Result[T], fallback U, f func(T) U) U {
	if r.err != nil {
		return fallback
	}
	needFunc("MapOr", f != nil)
	return f(r.value)
}

// MapOrElse returns f(v) if r holds v, otherwise fallback(err).
func MapOrElse[T, U any](r Result[T], fallback func(error) U, f func(T) U) U {
	if r.err != nil {
		needFunc("MapOrElse", fallback != nil)
		return fallback(r.err)
	}
	needFunc("MapOrElse", f != nil)
	return f(r.value)
}

// And returns other if r holds a value, otherwise Err of r's error.
func And[T, U any](r Result[T], other Result[U]) Result[U] {
	if r.err != nil {
		return Result[U]{err: r.err}
	}
	return other
}

// AndThen returns f(v) if r holds v, otherwise Err of r's error.
func AndThen[T, U any](r Result[T], f func(T) Result[U]) Result[U] {
	if r.err != nil {
		return Result[U]{err: r.err}
	}
	needFunc("AndThen", f != nil)
	return f(r.value)
}

// Flatten removes one level of Result. The result is Ok only if both levels are Ok.
func Flatten[T any](r Result[Result[T]]) Result[T] {
	if r.err != nil {
		return Result[T]{err: r.err}
	}
	return r.value
}

// OkOr returns Ok(v) if o holds v, otherwise Err(err). It panics with [ErrNil] if o is
// None and err is nil.
func OkOr[T any](o option.Option[T], err error) Result[T] {
	if v, ok := o.Get(); ok {
		return Result[T]{value: v}
	}
	return Err[T](err)
}

// OkOrElse returns Ok(v) if o holds v, otherwise Err(f()). It panics with [ErrNil] if o
// is None and f returns nil.
func OkOrElse[T any](o option.Option[T], f func() error) Result[T] {
	if v, ok := o.Get(); ok {
		return Result[T]{value: v}
	}
	needFunc("OkOrElse", f != nil)
	return Err[T](f())
}

// Transpose exchanges the levels of Result and Option: Ok(None) becomes None,
// Ok(Some(v)) becomes Some(Ok(v)), and Err(err) becomes Some(Err(err)).
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

// Collect returns Ok of all values of src in a slice. If an element is an error,
// Collect returns that error and takes no further element from src. The slice of an
// empty src is empty, not nil.
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
