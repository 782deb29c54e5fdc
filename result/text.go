package result

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/coderrange/ferrous/internal/held"
)

// AppendText appends "Ok(" and the text of the value, or "Err(" and that of the
// error, and ")". T's own AppendText or MarshalText gives the text of the
// value; strings, booleans and numbers have the text that [strconv] gives them,
// durations that of [time.Duration.String]. It is an error if the value is nil
// or has no text.
func (r Result[T]) AppendText(b []byte) ([]byte, error) {
	if r.IsErr() {
		return append(append(append(b, "Err("...), errorText(r.err)...), ')'), nil
	}
	text, err := held.AppendText("result", append(b, "Ok("...), &r.value)
	if err != nil {
		return b, err
	}
	return append(text, ')'), nil
}

// MarshalText is AppendText to a new slice.
func (r Result[T]) MarshalText() ([]byte, error) { return r.AppendText(nil) }

// UnmarshalText decodes what AppendText wrote; of an error only the text comes
// back. Anything else is [ErrShape], or T's own error. On an error r is
// unchanged.
func (r *Result[T]) UnmarshalText(text []byte) error {
	inside, closed := bytes.CutSuffix(text, []byte(")"))
	if failure, ok := bytes.CutPrefix(inside, []byte("Err(")); ok && closed {
		*r = Result[T]{err: errors.New(string(failure))}
		return nil
	}
	inside, ok := bytes.CutPrefix(inside, []byte("Ok("))
	if !ok || !closed {
		return fmt.Errorf("%w: %.20q", ErrShape, text)
	}
	var v T
	if err := held.ParseText("result", inside, &v); err != nil {
		return err
	}
	*r = Result[T]{value: v}
	return nil
}
