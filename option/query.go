package option

import "net/url"

// EncodeValues adds the text of the value to v under key, and nothing for None.
// github.com/google/go-querystring calls it. UnmarshalText decodes the text, for
// example in github.com/gorilla/schema. The errors are those of AppendText. It panics
// if v is nil.
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

// EncodeValues is [Option.EncodeValues]. It adds nothing if n is absent. The error is
// [ErrNull] if n is null, because null would be decoded as absent.
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
