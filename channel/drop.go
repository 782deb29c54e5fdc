package channel

import "reflect"

// dropper is a message that owns a resource.
type dropper interface{ Drop() }

// dropAll receives messages from take until take returns false. It drops those that
// have a Drop method. If a Drop panics, the others are dropped before the panic goes
// on.
func dropAll[T any](take func() (T, bool)) {
	owns := mayOwn(reflect.TypeFor[T]())
	finished := false
	defer func() {
		if !finished {
			dropAll(take)
		}
	}()
	for v, ok := take(); ok; v, ok = take() {
		if owns {
			drop(v)
		}
	}
	finished = true
}

// mayOwn reports whether a value of type t may have a Drop method.
func mayOwn(t reflect.Type) bool {
	d := reflect.TypeFor[dropper]()
	return t.Kind() == reflect.Interface || t.Implements(d) || reflect.PointerTo(t).Implements(d)
}

// drop calls the Drop method of v, or of a pointer to v. So a message that was sent by
// value is dropped like one that was sent by pointer.
func drop[T any](v T) {
	if d, owns := any(v).(dropper); owns {
		d.Drop()
	} else if d, owns := any(&v).(dropper); owns {
		d.Drop()
	} else if r := reflect.ValueOf(v); r.IsValid() && reflect.TypeFor[T]().Kind() == reflect.Interface {
		p := reflect.New(r.Type())
		p.Elem().Set(r)
		if d, owns := reflect.TypeAssert[dropper](p); owns {
			d.Drop()
		}
	}
}
