package option

import (
	"bytes"
	"encoding/json"
)

// MarshalJSON encodes the value, or null for None. A value whose own JSON is
// null, such as Some of a nil pointer or of None, comes back as None.
func (o Option[T]) MarshalJSON() ([]byte, error) {
	if !o.some {
		return []byte("null"), nil
	}
	return marshalJSON(o.value)
}

// UnmarshalJSON decodes null to None and all else to Some. On an error o is
// unchanged; the error is T's own, so that [json.Unmarshal] adds the name of
// the field to a [json.UnmarshalTypeError].
//
// As for every [json.Unmarshaler], options of a [json.Decoder], such as
// DisallowUnknownFields, do not reach the value inside.
func (o *Option[T]) UnmarshalJSON(data []byte) error {
	if isNull(data) {
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

// marshalJSON is [json.Marshal] without the escaping of HTML, which the caller's
// encoder adds unless it was told not to.
func marshalJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func isNull(data []byte) bool {
	return string(bytes.TrimSpace(data)) == "null"
}
