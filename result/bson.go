package result

import "errors"

// ErrBSON says that a Result has no BSON form: MongoDB's driver uses none of the
// other forms, and would lose what is inside without a word.
var ErrBSON = errors.New("result: no BSON form; use a field each for value and error")

// MarshalBSON is [ErrBSON].
func (r Result[T]) MarshalBSON() ([]byte, error) { return nil, ErrBSON }

// UnmarshalBSON is [ErrBSON].
func (r *Result[T]) UnmarshalBSON([]byte) error { return ErrBSON }
