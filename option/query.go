package option

import "net/url"

// EncodeValues adds the text of the value to a query or a form under key, and
// nothing for None. It is how github.com/google/go-querystring asks for it;
// UnmarshalText reads it back, for github.com/gorilla/schema say. The errors are
// those of AppendText.
func (o Option[T]) EncodeValues(key string, v *url.Values) error {
	needPointer("Option.EncodeValues", v != nil)
	if !o.some {
		return nil
	}
	text, err := o.MarshalText()
	if err != nil {
		return err
	}
	v.Add(key, string(text))
	return nil
}

// EncodeValues is [Option.EncodeValues]. It adds nothing for absent; null, which
// would come back as absent, is [ErrNull].
func (n Nullable[T]) EncodeValues(key string, v *url.Values) error {
	needPointer("Nullable.EncodeValues", v != nil)
	if n.IsNull() {
		return ErrNull
	}
	return n.state.value.EncodeValues(key, v)
}

// EncodeValues is [Option.EncodeValues].
func (k Key[T]) EncodeValues(key string, v *url.Values) error {
	needPointer("Key.EncodeValues", v != nil)
	return Option[T](k).EncodeValues(key, v)
}
