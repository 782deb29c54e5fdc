package option

import "cmp"

// Compare orders options: None before every Some, two Somes by [cmp.Compare],
// for which a NaN is less than any other number.
func Compare[T cmp.Ordered](a, b Option[T]) int {
	return CompareFunc(a, b, cmp.Compare[T])
}

// CompareFunc orders options: None before every Some, two Somes by compare.
func CompareFunc[T any](a, b Option[T], compare func(T, T) int) int {
	switch {
	case a.some && b.some:
		needFunc("CompareFunc", compare != nil)
		return compare(a.value, b.value)
	case a.some:
		return 1
	case b.some:
		return -1
	}
	return 0
}

// EqualFunc says whether both are None, or both hold values that are equal by
// equal. For a comparable T use ==.
func EqualFunc[T, U any](a Option[T], b Option[U], equal func(T, U) bool) bool {
	if a.some && b.some {
		needFunc("EqualFunc", equal != nil)
		return equal(a.value, b.value)
	}
	return a.some == b.some
}
