package held

import "reflect"

// ParseYAML sets *p, which is the zero T, to what decode makes of a node, and
// says whether the node is null; then *p stays as it is. On an error *p may have
// changed.
//
// Most libraries do not call an Unmarshaler for null. Those that do would decode
// it to any T without an error.
func ParseYAML[T any](decode func(any) error, p *T) (null bool, err error) {
	var node any = reflect.Value{} // anything but nil
	if decode(&node) == nil && node == nil {
		return true, nil
	}
	return false, decode(target(p, isBehindPointers))
}

// isBehindPointers says whether v points to something that is no pointer:
// github.com/goccy/go-yaml decodes into nothing else.
func isBehindPointers(v any) bool {
	return reflect.TypeOf(v).Elem().Kind() != reflect.Pointer
}
