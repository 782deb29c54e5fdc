package held

import "reflect"

// HasNull says whether *p, which was read from a null, is written as one: a nil
// pointer, map, slice or interface, or a T whose JSON is null.
func HasNull[T any](p *T) bool {
	if v := reflect.ValueOf(p).Elem(); nilable(v.Kind()) {
		return v.IsNil()
	}
	data, err := MarshalJSON(p)
	return err == nil && IsNull(data)
}
