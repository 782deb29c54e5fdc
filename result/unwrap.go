package result

import "fmt"

// UnwrapError is the panic value of [Result.Unwrap], [Result.Expect],
// [Result.UnwrapErr] and [Result.ExpectErr]. Its text is Rust's.
type UnwrapError struct {
	Message string
	Err     error // the error that Unwrap or Expect found, otherwise nil
}

// Error returns the message, and the value or error that was found instead.
func (e *UnwrapError) Error() string { return e.Message }

// Unwrap returns the error that [Result.Unwrap] or [Result.Expect] found.
func (e *UnwrapError) Unwrap() error { return e.Err }

// Unwrap returns the value. It panics with an [*UnwrapError] if r holds an
// error.
func (r Result[T]) Unwrap() T {
	if r.err != nil {
		foundErr("called `Result::unwrap()` on an `Err` value", r.err)
	}
	return r.value
}

// Expect returns the value. If r holds an error, it panics with an [*UnwrapError] that
// has the message and the error.
func (r Result[T]) Expect(message string) T {
	if r.err != nil {
		foundErr(message, r.err)
	}
	return r.value
}

// UnwrapErr returns the error. It panics with an [*UnwrapError] if r holds a
// value.
func (r Result[T]) UnwrapErr() error {
	if r.err == nil {
		foundOk("called `Result::unwrap_err()` on an `Ok` value", r.value)
	}
	return r.err
}

// ExpectErr returns the error. If r holds a value, it panics with an [*UnwrapError]
// that has the message and the value.
func (r Result[T]) ExpectErr(message string) error {
	if r.err == nil {
		foundOk(message, r.value)
	}
	return r.err
}

func foundErr(message string, err error) {
	panic(&UnwrapError{Message: message + ": " + errorText(err), Err: err})
}

// foundOk prints v as Format does, which uses every method of T.
func foundOk[T any](message string, v T) {
	text := fmt.Sprintf("%#v", Ok(v))
	panic(&UnwrapError{Message: message + ": " + text[len("Ok("):len(text)-len(")")]})
}
