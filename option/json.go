package option

import (
	"encoding/json"

	"github.com/coderrange/ferrous/internal/held"
)

// MarshalJSON encodes the value, or null for None. A value whose own JSON is
// null, such as Some of a nil pointer or of None, comes back as None.
func (o Option[T]) MarshalJSON() ([]byte, error) {
	if !o.some {
		return []byte("null"), nil
	}
	return held.MarshalJSON(held.Pointer(&o.value))
}

// UnmarshalJSON decodes null to None and all else to Some. On an error o is
// unchanged; the error is T's own, so that [json.Unmarshal] adds the name of
// the field to a [json.UnmarshalTypeError].
//
// Options of a [json.Decoder], such as DisallowUnknownFields, reach the value
// inside only where encoding/json/v2 is built in (Go 1.27, or
// GOEXPERIMENT=jsonv2), as for every [json.Unmarshaler].
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
