package result

import "net/url"

// EncodeValues adds the text of r to v under key. github.com/google/go-querystring
// calls it. UnmarshalText decodes the text, for example in github.com/gorilla/schema.
// The errors are those of AppendText. It panics if v is nil.
func (r Result[T]) EncodeValues(key string, v *url.Values) error {
	needPointer("Result.EncodeValues", v != nil)
	text, err := r.MarshalText()
	if err != nil {
		return err
	}
	v.Add(key, string(text))
	return nil
}
