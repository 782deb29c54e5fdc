package option

import (
	"github.com/coderrange/ferrous/internal/held"
	"github.com/coderrange/ferrous/internal/show"
)

// MarshalYAML returns the value for the YAML library to encode, or a pointer to the
// value if the pointer has more methods. It returns nil for None and for a nil pointer.
func (o Option[T]) MarshalYAML() (any, error) {
	if !o.some {
		return nil, nil
	}
	if held.IsNil(&o.value) {
		return nil, nil
	}
	return show.Methods(&o.value), nil
}

// UnmarshalYAML decodes null to None and everything else to Some. On an error o is
// unchanged.
//
// The YAML libraries call it for null only at the top of a document. So a null in a
// field leaves o unchanged: decode into a new variable to get None. In a list of
// options, go.yaml.in/yaml/v3 drops the nulls and github.com/goccy/go-yaml keeps them.
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
