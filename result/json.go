package result

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/coderrange/ferrous/internal/held"
)

// ErrShape means that the data is not the form of a Result. In JSON and YAML the form
// is an object with exactly one member: Ok, or Err with a string. As text it is
// "Ok(value)" or "Err(text)". In binary it is what AppendBinary appends.
var ErrShape = errors.New("result: neither Ok with a value nor Err with a text")

// MarshalJSON encodes r as {"Ok": value} or {"Err": "text of the error"}. After Rust's
// serde.
func (r Result[T]) MarshalJSON() ([]byte, error) {
	return held.MarshalJSON(r.object())
}

// UnmarshalJSON decodes what MarshalJSON wrote. A decoded error has only the text of
// the original. On an error r is unchanged.
//
// The error is [ErrShape] or T's own. Other members, a repeated member and null for a T
// that is never encoded as null are errors.
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

// object returns what encoders encode for r in one piece.
func (r *Result[T]) object() any {
	if r.err != nil {
		return struct{ Err string }{errorText(r.err)}
	}
	return struct{ Ok any }{held.Pointer(&r.value)}
}

// onlyMember returns the name and the value of the only member of an object. Package
// json cannot do this: it ignores the case of names and accepts a member twice.
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

// setOk sets r to Ok(v). If v was decoded from null, it is an error unless T can be
// encoded as null: a missing number is not 0.
func (r *Result[T]) setOk(v T, null bool) error {
	if null && !held.HasNull(&v) {
		return fmt.Errorf("%w: the value is null", ErrShape)
	}
	*r = Result[T]{value: v}
	return nil
}

// errorText returns err.Error(). It returns "<nil>" if err is nil, or if Error panics
// on a nil pointer, as package fmt does.
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
