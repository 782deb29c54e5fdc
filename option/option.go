// Package option provides Option, a value that may be absent, after
// std::option.
//
// An Option is a plain value: it is copied by assignment, compared with == when
// its T is comparable, and used as a map key. Its zero value is None, so a
// struct field of type Option needs no constructor. [Option.Get] leads back to
// Go's own "comma ok", and [From] from there:
//
//	port := option.From(os.LookupEnv("PORT")).UnwrapOr("8080")
//
// Methods keep the names of Rust's, in Go's casing. What needs a second type
// parameter is a function: [Map], [AndThen], [Zip]. What needs an error as
// well, such as OkOr, lives in the package result.
//
// An Option travels as JSON (null is None), as text, in binary, as gob, YAML, SQL
// and in queries, and omitzero leaves out None alone. [Nullable] tells null from
// absent. What other libraries make of them is in docs/encodings.md.
//
// A nil function panics where it would be called, with an error that names the
// method. No method allocates except the encoders and what formats. An Option has
// no lock: sharing one between goroutines needs the care that a T would need.
package option

import "iter"

// Option is either Some value or None.
//
// The zero value is None. An Option may be copied; the copy is independent, as
// far as a copy of T is.
type Option[T any] struct {
	value T // the zero T when some is false, so that == works
	some  bool
}

// An UnwrapError is the value with which [Option.Unwrap] and [Option.Expect]
// panic. Its text is that of Rust.
type UnwrapError struct {
	Message string
}

// Error returns the message.
func (e *UnwrapError) Error() string { return e.Message }

// Some returns an Option that holds v, also when v is the zero T or nil.
func Some[T any](v T) Option[T] {
	return Option[T]{value: v, some: true}
}

// None returns an Option that holds nothing: the zero value.
func None[T any]() Option[T] {
	return Option[T]{}
}

// From turns Go's "comma ok" into an Option: Some(v) if ok, else None.
func From[T any](v T, ok bool) Option[T] {
	if !ok {
		var zero T
		v = zero
	}
	return Option[T]{value: v, some: ok}
}

// FromPtr returns None if p is nil, else Some of a copy of *p.
func FromPtr[T any](p *T) Option[T] {
	if p == nil {
		return Option[T]{}
	}
	return Option[T]{value: *p, some: true}
}

// NonZero returns None if v is the zero T, else Some(v).
func NonZero[T comparable](v T) Option[T] {
	var zero T
	return From(v, v != zero)
}

// IsSome says whether o holds a value.
func (o Option[T]) IsSome() bool { return o.some }

// IsNone says whether o holds nothing.
func (o Option[T]) IsNone() bool { return !o.some }

// IsZero is IsNone: it is how omitzero and YAML's omitempty tell what to leave
// out. Some of a zero T is not zero.
func (o Option[T]) IsZero() bool { return !o.some }

// IsSomeAnd says whether o holds a value for which pred is true.
func (o Option[T]) IsSomeAnd(pred func(T) bool) bool {
	needFunc("Option.IsSomeAnd", !o.some || pred != nil)
	return o.some && pred(o.value)
}

// IsNoneOr says whether o holds nothing, or a value for which pred is true.
func (o Option[T]) IsNoneOr(pred func(T) bool) bool {
	needFunc("Option.IsNoneOr", !o.some || pred != nil)
	return !o.some || pred(o.value)
}

// Get returns the value and true, or the zero T and false.
func (o Option[T]) Get() (T, bool) { return o.value, o.some }

// Unwrap returns the value. It panics with an [*UnwrapError] if o is None.
func (o Option[T]) Unwrap() T {
	if !o.some {
		panic(&UnwrapError{"called `Option::unwrap()` on a `None` value"})
	}
	return o.value
}

// Expect returns the value. It panics with an [*UnwrapError] of message if o is
// None.
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

// UnwrapOrElse returns the value, or what f returns if o is None.
func (o Option[T]) UnwrapOrElse(f func() T) T {
	if !o.some {
		needFunc("Option.UnwrapOrElse", f != nil)
		return f()
	}
	return o.value
}

// UnwrapOrDefault returns the value, or the zero T if o is None.
func (o Option[T]) UnwrapOrDefault() T { return o.value }

// Inspect calls f with the value, if there is one, and returns o.
func (o Option[T]) Inspect(f func(T)) Option[T] {
	if o.some {
		needFunc("Option.Inspect", f != nil)
		f(o.value)
	}
	return o
}

// Filter returns o if it holds a value for which pred is true, else None.
func (o Option[T]) Filter(pred func(T) bool) Option[T] {
	needFunc("Option.Filter", !o.some || pred != nil)
	if o.some && pred(o.value) {
		return o
	}
	return Option[T]{}
}

// Or returns o if it holds a value, else other.
func (o Option[T]) Or(other Option[T]) Option[T] {
	if o.some {
		return o
	}
	return other
}

// OrElse returns o if it holds a value, else what f returns.
func (o Option[T]) OrElse(f func() Option[T]) Option[T] {
	if !o.some {
		needFunc("Option.OrElse", f != nil)
		o = f()
	}
	return o
}

// Xor returns the one of o and other that holds a value, or None if both or
// neither do.
func (o Option[T]) Xor(other Option[T]) Option[T] {
	if o.some == other.some {
		return Option[T]{}
	}
	return o.Or(other)
}

// All ranges over the value, if there is one.
func (o Option[T]) All() iter.Seq[T] {
	return func(yield func(T) bool) {
		if o.some {
			yield(o.value)
		}
	}
}

// A nilError names the function that was given nil, and what is nil.
type nilError struct{ function, what string }

func (e *nilError) Error() string { return "option: " + e.function + ": nil " + e.what }

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
