// Package held encodes, decodes and formats the value inside an Option or a
// Result.
//
// The value always counts as addressable: methods of *T are used like methods
// of T, however the value around it is held. A nil pointer is a nil, never a
// receiver that a method has to survive.
package held

import "reflect"

// Pointer returns a pointer through which an encoder finds every method of the
// value: p itself or, if T is an interface type, a pointer to a copy of what is
// inside. It returns nil for a nil interface.
func Pointer[T any](p *T) any {
	v := reflect.ValueOf(p).Elem()
	if v.Kind() != reflect.Interface {
		return p
	}
	if v.IsNil() {
		return nil
	}
	return pointer(v.Elem())
}

// IsNil says whether *p is nil, or leads to a nil through pointers and
// interfaces alone.
func IsNil[T any](p *T) bool {
	v := reflect.ValueOf(p).Elem()
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return true
		}
		v = v.Elem()
	}
	return false
}

// pointer returns v if it is a pointer, else a pointer to a copy of v.
func pointer(v reflect.Value) any {
	if v.Kind() == reflect.Pointer {
		return v.Interface()
	}
	c := reflect.New(v.Type())
	c.Elem().Set(v)
	return c.Interface()
}

// find returns what has the wanted methods: p, or what is behind the pointers
// and interfaces that p points to. It returns nil if nothing has them; then
// isNil says whether the search ended at a nil.
func find(p any, wanted func(any) bool) (found any, isNil bool) {
	for v := reflect.ValueOf(p); ; v = v.Elem() {
		switch v.Kind() {
		case reflect.Pointer:
			if v.IsNil() {
				return nil, true
			}
			if wanted(v.Interface()) {
				return v.Interface(), false
			}
		case reflect.Interface:
			if v.IsNil() {
				return nil, true
			}
			if e := v.Elem(); e.Kind() != reflect.Pointer {
				found = pointer(e)
				if !wanted(found) {
					found = nil
				}
				return found, false
			}
		default:
			return nil, false
		}
	}
}

// target returns what has the wanted methods for decoding: p or, if T is a
// pointer type, a new value behind *p. It returns nil if nothing has them.
func target(p any, wanted func(any) bool) any {
	for v := reflect.ValueOf(p); v.Kind() == reflect.Pointer; v = v.Elem() {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		if wanted(v.Interface()) {
			return v.Interface()
		}
	}
	return nil
}

// is is find's and target's wanted for one interface.
func is[I any](v any) bool {
	_, ok := v.(I)
	return ok
}
