package option

import "iter"

// Pair is two values, as [Zip] returns them.
type Pair[T, U any] struct {
	First  T
	Second U
}

// Map returns Some(f(v)) if o holds v, otherwise None.
func Map[T, U any](o Option[T], f func(T) U) Option[U] {
	var u U
	if o.some {
		needFunc("Map", f != nil)
		u = f(o.value)
	}
	return Option[U]{value: u, some: o.some}
}

// MapOr returns f(v) if o holds v, otherwise fallback.
func MapOr[T, U any](o Option[T], fallback U, f func(T) U) U {
	if !o.some {
		return fallback
	}
	needFunc("MapOr", f != nil)
	return f(o.value)
}

// MapOrElse returns f(v) if o holds v, otherwise fallback().
func MapOrElse[T, U any](o Option[T], fallback func() U, f func(T) U) U {
	if !o.some {
		needFunc("MapOrElse", fallback != nil)
		return fallback()
	}
	needFunc("MapOrElse", f != nil)
	return f(o.value)
}

// And returns other if o holds a value, otherwise None.
func And[T, U any](o Option[T], other Option[U]) Option[U] {
	if !o.some {
		return Option[U]{}
	}
	return other
}

// AndThen returns f(v) if o holds v, otherwise None.
func AndThen[T, U any](o Option[T], f func(T) Option[U]) Option[U] {
	if !o.some {
		return Option[U]{}
	}
	needFunc("AndThen", f != nil)
	return f(o.value)
}

// Flatten removes one level of Option. The result is Some only if both levels are Some.
func Flatten[T any](o Option[Option[T]]) Option[T] { return o.value }

// Zip returns Some of both values, or None if a or b is None.
func Zip[T, U any](a Option[T], b Option[U]) Option[Pair[T, U]] {
	if !a.some || !b.some {
		return Option[Pair[T, U]]{}
	}
	return Some(Pair[T, U]{a.value, b.value})
}

// Unzip is the reverse of [Zip].
func Unzip[T, U any](o Option[Pair[T, U]]) (Option[T], Option[U]) {
	if !o.some {
		return Option[T]{}, Option[U]{}
	}
	return Some(o.value.First), Some(o.value.Second)
}

// Collect returns Some of all values of src in a slice. If an element is None, Collect
// returns None and takes no further element from src. The slice of an empty src is
// empty, not nil.
func Collect[T any](src iter.Seq[Option[T]]) Option[[]T] {
	needFunc("Collect", src != nil)
	values := []T{}
	for o := range src {
		if !o.some {
			return Option[[]T]{}
		}
		values = append(values, o.value)
	}
	return Some(values)
}
