package held

import (
	"bytes"
	"encoding/json"
)

// MarshalJSON is [json.Marshal] without the escaping of HTML, which the
// caller's encoder adds unless it was told not to.
func MarshalJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// IsNull says whether data is JSON's null.
func IsNull(data []byte) bool {
	return string(bytes.TrimSpace(data)) == "null"
}
