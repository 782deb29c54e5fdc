package result

import (
	"encoding/json"
	"errors"
)

// ErrShape says that JSON is not an object with exactly one of the members Ok
// and Err.
var ErrShape = errors.New(`result: JSON is neither {"Ok": value} nor {"Err": "text"}`)

// MarshalJSON encodes r as {"Ok": value} or {"Err": "text of the error"}, as
// Rust's serde does.
func (r Result[T]) MarshalJSON() ([]byte, error) {
	if r.err != nil {
		return json.Marshal(struct{ Err string }{r.err.Error()})
	}
	return json.Marshal(struct{ Ok T }{r.value})
}

// UnmarshalJSON decodes what MarshalJSON wrote; of an error only the text comes
// back. Anything else is [ErrShape], or T's own error. On an error r is
// unchanged.
func (r *Result[T]) UnmarshalJSON(data []byte) error {
	var shape struct {
		Ok  json.RawMessage
		Err *string
	}
	if err := json.Unmarshal(data, &shape); err != nil {
		return err
	}
	if (shape.Ok == nil) == (shape.Err == nil) {
		return ErrShape
	}
	if shape.Err != nil {
		*r = Err[T](errors.New(*shape.Err))
		return nil
	}
	var v T
	if err := json.Unmarshal(shape.Ok, &v); err != nil {
		return err
	}
	*r = Ok(v)
	return nil
}
