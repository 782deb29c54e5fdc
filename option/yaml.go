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

// UnmarshalYAML decodes null to None and all else to Some. On an error o is
// unchanged.
//
// The YAML libraries call it for null at most at the top of a document. A null
// in a field thus leaves o as it is: decode into a new variable to get None. Of
// a list of options go.yaml.in/yaml/v3 drops the nulls; github.com/goccy/go-yaml
// keeps them.
func (o *Option[T]) UnmarshalYAML(decode func(any) error) error {
	needFunc("Option.UnmarshalYAML", decode != nil)
	var v T
	null, err := held.ParseYAML(decode, &v)
	if err != nil {
		return err
	}
	*o = From(v, !null)
	return nil
}
