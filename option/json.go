package option

import (
	"encoding/json"

	"github.com/coderrange/ferrous/internal/held"
)

// MarshalJSON encodes the value, or null for None. If the JSON of the value is itself
// null, as for Some of a nil pointer or Some of None, decoding gives None.
func (o Option[T]) MarshalJSON() ([]byte, error) {
	if !o.some {
		return []byte("null"), nil
	}
	return held.MarshalJSON(held.Pointer(&o.value))
}

// UnmarshalJSON decodes null to None and everything else to Some. On an error o is
// unchanged. The error is T's own, so [json.Unmarshal] can add the name of the field to
// a [json.UnmarshalTypeError].
//
// As for every [json.Unmarshaler], options of a [json.Decoder] such as
// DisallowUnknownFields apply to the value only if encoding/json/v2 is built in: Go
// 1.27, or GOEXPERIMENT=jsonv2.
func (o *Option[T]) UnmarshalJSON(data []byte) error {
	if held.IsNull(data) {
		*o = Option[T]{}
		return nil
	}
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	*o = Some(v)
	return nil
}
