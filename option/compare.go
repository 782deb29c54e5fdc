package option

import "cmp"

// Compare compares a and b. None is less than every Some. Two Somes are compared by
// [cmp.Compare], for which NaN is less than every other number.
func Compare[T cmp.Ordered](a, b Option[T]) int {
	return CompareFunc(a, b, cmp.Compare[T])
}

// CompareFunc compares a and b. None is less than every Some. Two Somes are compared by
// compare.
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

// EqualFunc reports whether a and b are both None, or both hold a value and equal
// returns true for the two values. If T is comparable, use == instead.
func EqualFunc[T, U any](a Option[T], b Option[U], equal func(T, U) bool) bool {
	if a.some && b.some {
		needFunc("EqualFunc", equal != nil)
		return equal(a.value, b.value)
	}
	return a.some == b.some
}
