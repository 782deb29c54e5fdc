package result

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/coderrange/ferrous/internal/held"
)

// ErrShape says that data is not the form of a Result: in JSON and YAML an
// object with exactly one of the members Ok and Err, where Err is a string; as
// text "Ok(value)" or "Err(text)"; in binary what AppendBinary writes.
var ErrShape = errors.New("result: neither Ok with a value nor Err with a text")

// MarshalJSON encodes r as {"Ok": value} or {"Err": "text of the error"}, as
// Rust's serde does.
func (r Result[T]) MarshalJSON() ([]byte, error) {
	return held.MarshalJSON(r.object())
}

// UnmarshalJSON decodes what MarshalJSON wrote; of an error only the text comes
// back. Anything else is [ErrShape], or T's own error about the value: so are
// other members, a second one of the same name, and null for a T that is never
// written as null. On an error r is unchanged.
func (r *Result[T]) UnmarshalJSON(data []byte) error {
	name, member, err := onlyMember(data)
	if err != nil {
		return err
	}
	if name == "Err" {
		return r.unmarshalErr(member)
	}
	var v T
	if err := json.Unmarshal(member, &v); err != nil {
		return err
	}
	return r.setOk(v, held.IsNull(member))
}

// object is what encoders write for r in one piece.
func (r *Result[T]) object() any {
	if r.err != nil {
		return struct{ Err string }{errorText(r.err)}
	}
	return struct{ Ok any }{held.Pointer(&r.value)}
}

// onlyMember takes an object with a single member apart. Package json is no
// help: it takes any case of the names, and the last of two.
func onlyMember(data []byte) (name string, member json.RawMessage, err error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	token, err := dec.Token()
	if err == nil && token != json.Delim('{') {
		return "", nil, fmt.Errorf("%w: JSON is no object", ErrShape)
	}
	if err == nil {
		token, err = dec.Token()
	}
	if err == nil {
		if name, _ = token.(string); name != "Ok" && name != "Err" {
			return "", nil, fmt.Errorf("%w: JSON begins with %.20q", ErrShape, name)
		}
		err = dec.Decode(&member)
	}
	if err == nil {
		if token, err = dec.Token(); err == nil && token != json.Delim('}') {
			return "", nil, fmt.Errorf("%w: JSON has a second member", ErrShape)
		}
	}
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrShape, err)
	}
	if len(bytes.TrimSpace(data[dec.InputOffset():])) != 0 {
		return "", nil, fmt.Errorf("%w: JSON goes on after the object", ErrShape)
	}
	return name, member, nil
}

func (r *Result[T]) unmarshalErr(member json.RawMessage) error {
	var text *string
	if err := json.Unmarshal(member, &text); err != nil || text == nil {
		return fmt.Errorf("%w: the member Err is no string", ErrShape)
	}
	*r = Result[T]{err: errors.New(*text)}
	return nil
}

// setOk makes r Ok(v). If v was read from a null, T must have a null: a number
// that is missing is no 0.
func (r *Result[T]) setOk(v T, null bool) error {
	if null && !held.HasNull(&v) {
		return fmt.Errorf("%w: the value is null", ErrShape)
	}
	*r = Result[T]{value: v}
	return nil
}

// errorText is err.Error(), or "<nil>" if err is nil, or holds a nil pointer for
// which Error panics, as package fmt has it.
func errorText(err error) (text string) {
	if held.IsNil(&err) {
		defer func() {
			if recover() != nil {
				text = "<nil>"
			}
		}()
	}
	return err.Error()
}
