package option

import "github.com/coderrange/ferrous/internal/held"

// MarshalYAML gives the YAML libraries the value, or a pointer to it if that has
// more methods, or null for None and a nil pointer.
func (o Option[T]) MarshalYAML() (any, error) {
	if !o.some {
		return nil, nil
	}
	if held.IsNil(&o.value) {
		return nil, nil
	}
	return held.Value(&o.value), nil
}

// UnmarshalYAML decodes a value to Some. On an error o is unchanged.
//
// The YAML libraries do not call it for null, which thus leaves o as it is:
// decode into a new variable to get None. Of a list of options
// go.yaml.in/yaml/v3 drops the nulls; github.com/goccy/go-yaml keeps them.
func (o *Option[T]) UnmarshalYAML(decode func(any) error) error {
	var v T
	if err := decode(&v); err != nil {
		return err
	}
	*o = Some(v)
	return nil
}
