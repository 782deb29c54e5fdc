// Package option provides Option, a value that may be absent, after std::option.
//
// An Option is a plain value. It is copied by assignment. If T is comparable, options
// can be compared with == and used as map keys. The zero value is None, so a struct
// field of type Option needs no constructor. [Option.Get] returns Go's own "comma ok"
// form, and [From] takes it:
//
//	port := option.From(os.LookupEnv("PORT")).UnwrapOr("8080")
//
// Methods have Rust's names in Go's spelling. An operation that needs a second type
// parameter is a function: [Map], [AndThen], [Zip]. One that also needs an error, such
// as OkOr, is in package result.
//
// An Option can be encoded as JSON (None is null), text, binary, gob, YAML, SQL and
// query parameters. The tag omitzero leaves out None but not Some of a zero value.
// [Nullable] distinguishes null from absent. docs/encodings.md lists how other
// libraries encode both.
//
// If a function argument is nil, the method panics when it would call the function; the
// panic value is an error that names the method. A method allocates only if it encodes
// or formats. An Option has no lock: if goroutines share one, they need the same
// synchronization as for a T.
package option

import "iter"

// Option is either Some value or None.
//
// The zero value is None. An Option may be copied. The copy is as independent of the
// original as a copy of a T is.
type Option[T any] struct {
	value T // the zero T when some is false, so that == works
	some  bool
}

// UnwrapError is the panic value of [Option.Unwrap] and [Option.Expect]. Its text is
// Rust's.
type UnwrapError struct {
	Message string
}

// Error returns the message.
func (e *UnwrapError) Error() string { return e.Message }

// Some returns an Option that holds v, even if v is the zero T or nil.
func Some[T any](v T) Option[T] {
	return Option[T]{value: v, some: true}
}

// None returns an Option that holds no value. It is the zero Option.
func None[T any]() Option[T] {
	return Option[T]{}
}

// From converts Go's "comma ok" form to an Option: Some(v) if ok is true, otherwise
// None.
func From[T any](v T, ok bool) Option[T] {
	if !ok {
		var zero T
		v = zero
	}
	return Option[T]{value: v, some: ok}
}

// FromPtr returns Some of a copy of *p, or None if p is nil.
func FromPtr[T any](p *T) Option[T] {
	if p == nil {
		return Option[T]{}
	}
	return Option[T]{value: *p, some: true}
}

// NonZero returns Some(v), or None if v is the zero T.
func NonZero[T comparable](v T) Option[T] {
	var zero T
	return From(v, v != zero)
}

// IsSome reports whether o holds a value.
func (o Option[T]) IsSome() bool { return o.some }

// IsNone reports whether o is None.
func (o Option[T]) IsNone() bool { return !o.some }

// IsZero is IsNone. The tag omitzero, and omitempty in YAML, use it to leave out None.
// Some of a zero T is not zero.
func (o Option[T]) IsZero() bool { return !o.some }

// IsSomeAnd reports whether o holds a value for which pred returns true.
func (o Option[T]) IsSomeAnd(pred func(T) bool) bool {
	needFunc("Option.IsSomeAnd", !o.some || pred != nil)
	return o.some && pred(o.value)
}

// IsNoneOr reports whether o is None or holds a value for which pred returns true.
func (o Option[T]) IsNoneOr(pred func(T) bool) bool {
	needFunc("Option.IsNoneOr", !o.some || pred != nil)
	return !o.some || pred(o.value)
}

// Get returns the value and true, or the zero T and false if o is None.
func (o Option[T]) Get() (T, bool) { return o.value, o.some }

// Unwrap returns the value. It panics with an [*UnwrapError] if o is None.
func (o Option[T]) Unwrap() T {
	if !o.some {
		panic(&UnwrapError{"called `Option::unwrap()` on a `None` value"})
	}
	return o.value
}

// Expect returns the value. If o is None, it panics with an [*UnwrapError] that has the
// message.
func (o Option[T]) Expect(message string) T {
	if !o.some {
		panic(&UnwrapError{message})
	}
	return o.value
}

// UnwrapOr returns the value, or fallback if o is None.
func (o Option[T]) UnwrapOr(fallback T) T {
	if !o.some {
		return fallback
	}
	return o.value
}

// UnwrapOrElse returns the value, or f() if o is None.
func (o Option[T]) UnwrapOrElse(f func() T) T {
	if !o.some {
		needFunc("Option.UnwrapOrElse", f != nil)
		return f()
	}
	return o.value
}

// UnwrapOrDefault returns the value, or the zero T if o is None.
func (o Option[T]) UnwrapOrDefault() T { return o.value }

// Inspect calls f with the value if there is one. It returns o.
func (o Option[T]) Inspect(f func(T)) Option[T] {
	if o.some {
		needFunc("Option.Inspect", f != nil)
		f(o.value)
	}
	return o
}

// Filter returns o if it holds a value for which pred returns true, otherwise None.
func (o Option[T]) Filter(pred func(T) bool) Option[T] {
	needFunc("Option.Filter", !o.some || pred != nil)
	if o.some && pred(o.value) {
		return o
	}
	return Option[T]{}
}

// Or returns o if it holds a value, otherwise other.
func (o Option[T]) Or(other Option[T]) Option[T] {
	if o.some {
		return o
	}
	return other
}

// OrElse returns o if it holds a value, otherwise f().
func (o Option[T]) OrElse(f func() Option[T]) Option[T] {
	if !o.some {
		needFunc("Option.OrElse", f != nil)
		o = f()
	}
	return o
}

// Xor returns o or other, whichever holds a value, or None if both or neither do.
func (o Option[T]) Xor(other Option[T]) Option[T] {
	if o.some == other.some {
		return Option[T]{}
	}
	return o.Or(other)
}

// All yields the value if there is one.
func (o Option[T]) All() iter.Seq[T] {
	return func(yield func(T) bool) {
		if o.some {
			yield(o.value)
		}
	}
}

// nilError names the function that got a nil argument, and what was nil.
type nilError struct{ function, what string }

func (e *nilError) Error() string { return "option: " + e.function + ": nil " + e.what }

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
