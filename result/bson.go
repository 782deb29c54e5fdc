package result

import "errors"

// ErrBSON means that a Result has no BSON form. MongoDB's driver uses none of the other
// forms and would lose the value or the error silently.
var ErrBSON = errors.New("result: no BSON form; use a field each for value and error")

// MarshalBSON always returns [ErrBSON].
func (r Result[T]) MarshalBSON() ([]byte, error) { return nil, ErrBSON }

// UnmarshalBSON always returns [ErrBSON].
func (r *Result[T]) UnmarshalBSON([]byte) error { return ErrBSON }
