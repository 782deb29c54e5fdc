package result

import "fmt"

// An UnwrapError is the value with which [Result.Unwrap], [Result.Expect],
// [Result.UnwrapErr] and [Result.ExpectErr] panic. Its text is that of Rust.
type UnwrapError struct {
	Message string
	Err     error // the error that Unwrap or Expect found, else nil
}

// Error returns the message and what was found in place of what was expected.
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

// Expect returns the value. It panics with an [*UnwrapError] of message and the
// error if r holds an error.
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

// ExpectErr returns the error. It panics with an [*UnwrapError] of message and
// the value if r holds a value.
func (r Result[T]) ExpectErr(message string) error {
	if r.err == nil {
		foundOk(message, r.value)
	}
	return r.err
}

func foundErr(message string, err error) {
	panic(&UnwrapError{Message: message + ": " + errorText(err), Err: err})
}

// foundOk prints v as Format does, which finds every method of T.
func foundOk[T any](message string, v T) {
	text := fmt.Sprintf("%#v", Ok(v))
	panic(&UnwrapError{Message: message + ": " + text[len("Ok("):len(text)-len(")")]})
}
