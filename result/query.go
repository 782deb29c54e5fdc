package result

import "net/url"

// EncodeValues adds the text of r to a query or a form under key. It is how
// github.com/google/go-querystring asks for it; UnmarshalText reads it back, for
// github.com/gorilla/schema say. The errors are those of AppendText.
func (r Result[T]) EncodeValues(key string, v *url.Values) error {
	needPointer("Result.EncodeValues", v != nil)
	text, err := r.MarshalText()
	if err != nil {
		return err
	}
	v.Add(key, string(text))
	return nil
}
