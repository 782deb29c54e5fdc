package result

import (
	"errors"
	"fmt"

	"github.com/coderrange/ferrous/internal/held"
	"github.com/coderrange/ferrous/internal/show"
)

// MarshalYAML returns a mapping for the YAML library to encode: Ok with the value, or
// Err with the text of the error.
func (r Result[T]) MarshalYAML() (any, error) {
	if r.IsErr() {
		return map[string]string{"Err": errorText(r.err)}, nil
	}
	if held.IsNil(&r.value) {
		return map[string]any{"Ok": nil}, nil
	}
	return map[string]any{"Ok": show.Methods(&r.value)}, nil
}

// UnmarshalYAML decodes what MarshalYAML returned. A decoded error has only the text of
// the original. If it fails, the error is [ErrShape] or T's own, and r is unchanged.
//
// The YAML libraries do not call it for null, so null leaves r unchanged.
func (r *Result[T]) UnmarshalYAML(decode func(any) error) error {
	needFunc("Result.UnmarshalYAML", decode != nil)
	var members map[string]later
	if err := decode(&members); err != nil {
		return fmt.Errorf("%w: %w", ErrShape, err)
	}
	if len(members) != 1 {
		return fmt.Errorf("%w: YAML has %d members", ErrShape, len(members))
	}
	if failure, ok := members["Err"]; ok {
		var member any // the libraries decode a number to a string, if asked for one
		if failure.decode != nil {
			if err := failure.decode(&member); err != nil {
				return fmt.Errorf("%w: %w", ErrShape, err)
			}
		}
		text, ok := member.(string)
		if !ok {
			return fmt.Errorf("%w: the member Err is no string", ErrShape)
		}
		*r = Result[T]{err: errors.New(text)}
		return nil
	}
	value, ok := members["Ok"]
	if !ok {
		return fmt.Errorf("%w: YAML has other members", ErrShape)
	}
	var v T
	null := value.decode == nil
	if !null {
		var err error
		if null, err = held.ParseYAML(value.decode, &v); err != nil {
			return err
		}
	}
	return r.setOk(v, null)
}

// later stores the decode function of a value until the type of the value is known. The
// YAML libraries do not change it for null.
type later struct{ decode func(any) error }

// UnmarshalYAML stores decode.
func (l *later) UnmarshalYAML(decode func(any) error) error {
	l.decode = decode
	return nil
}
