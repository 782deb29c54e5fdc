package channel

import "reflect"

// dropper is a message that owns something.
type dropper interface{ Drop() }

// dropAll ends the messages that take returns, until it returns false: those
// that have a Drop method are dropped. If one panics, the rest are dropped
// before the panic goes on.
func dropAll[T any](take func() (T, bool)) {
	t := reflect.TypeFor[T]()
	owns := t.Implements(reflect.TypeFor[dropper]()) || t.Kind() == reflect.Interface
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

func drop[T any](v T) {
	if d, owns := any(v).(dropper); owns {
		d.Drop()
	}
}
