package result

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/coderrange/ferrous/internal/held"
)

// AppendText appends "Ok(value)" or "Err(error)", with the text of the value or the
// error. If T has AppendText or MarshalText, that method gives the text of the value.
// Strings, booleans and numbers have the text of package [strconv], durations that of
// [time.Duration.String]. It returns an error if the value is nil or has no text.
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

// MarshalText returns what AppendText appends.
func (r Result[T]) MarshalText() ([]byte, error) { return r.AppendText(nil) }

// UnmarshalText decodes what AppendText appended. A decoded error has only the text of
// the original. If it fails, the error is [ErrShape] or T's own, and r is unchanged.
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
