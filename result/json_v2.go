//go:build goexperiment.jsonv2

package result

import (
	"encoding/json"
	"fmt"

	"github.com/coderrange/ferrous/internal/held"
)

// MarshalJSONTo is MarshalJSON with the options of enc.
func (r Result[T]) MarshalJSONTo(enc *held.Encoder) error {
	return held.MarshalEncode(enc, r.object())
}

// UnmarshalJSONFrom is UnmarshalJSON with the options of dec. The position in an error
// is that in the whole input.
func (r *Result[T]) UnmarshalJSONFrom(dec *held.Decoder) error {
	if dec.PeekKind() != '{' {
		if err := dec.SkipValue(); err != nil {
			return err
		}
		return fmt.Errorf("%w: JSON is no object", ErrShape)
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	read := *r
	name, err := dec.ReadToken()
	if err != nil {
		return err
	}
	switch name := name.String(); name {
	case "Ok":
		var v T
		null := dec.PeekKind() == 'n'
		if err := held.UnmarshalDecode(dec, &v); err != nil {
			return err
		}
		err = read.setOk(v, null)
	case "Err":
		member, err2 := dec.ReadValue()
		if err2 != nil {
			return err2
		}
		err = read.unmarshalErr(json.RawMessage(member))
	default:
		err = fmt.Errorf("%w: JSON begins with %.20q", ErrShape, name)
	}
	if err != nil {
		return err
	}
	if dec.PeekKind() != '}' {
		if _, err := dec.ReadToken(); err != nil {
			return err
		}
		return fmt.Errorf("%w: JSON has a second member", ErrShape)
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	*r = read
	return nil
}
