package seq

import (
	"cmp"
	"iter"

	"github.com/coderrange/ferrous/option"
)

// Max returns the greatest element of src, or None if src is empty. It uses
// [cmp.Compare], for which NaN is less than every other number. Of equal elements it
// returns the last.
func Max[T cmp.Ordered](src iter.Seq[T]) option.Option[T] {
	needFunc("Max", src != nil)
	return MaxBy(src, cmp.Compare[T])
}

// MaxBy returns the greatest element of src as ordered by compare, or None if src is
// empty. Of equal elements it returns the last.
func MaxBy[T any](src iter.Seq[T], compare func(T, T) int) option.Option[T] {
	needFunc("MaxBy", src != nil && compare != nil)
	return Reduce(src, func(best, v T) T {
		if compare(best, v) > 0 {
			return best
		}
		return v
	})
}

// MaxByKey returns the element of src with the greatest key, or None if src is empty.
// Of elements with equal keys it returns the last. It calls key once for each element.
func MaxByKey[T any, K cmp.Ordered](src iter.Seq[T], key func(T) K) option.Option[T] {
	needFunc("MaxByKey", src != nil && key != nil)
	return byKey(src, key, func(best, k K) bool { return cmp.Compare(best, k) <= 0 })
}

// Min returns the least element of src, or None if src is empty. It uses [cmp.Compare],
// for which NaN is less than every other number. Of equal elements it returns the
// first.
func Min[T cmp.Ordered](src iter.Seq[T]) option.Option[T] {
	needFunc("Min", src != nil)
	return MinBy(src, cmp.Compare[T])
}

// MinBy returns the least element of src as ordered by compare, or None if src is
// empty. Of equal elements it returns the first.
func MinBy[T any](src iter.Seq[T], compare func(T, T) int) option.Option[T] {
	needFunc("MinBy", src != nil && compare != nil)
	return Reduce(src, func(best, v T) T {
		if compare(best, v) > 0 {
			return v
		}
		return best
	})
}

// MinByKey returns the element of src with the least key, or None if src is empty. Of
// elements with equal keys it returns the first. It calls key once for each element.
func MinByKey[T any, K cmp.Ordered](src iter.Seq[T], key func(T) K) option.Option[T] {
	needFunc("MinByKey", src != nil && key != nil)
	return byKey(src, key, func(best, k K) bool { return cmp.Compare(best, k) > 0 })
}

// byKey returns the element whose key no later key replaces.
func byKey[T, K any](src iter.Seq[T], key func(T) K, replaces func(best, k K) bool) option.Option[T] {
	var (
		best    option.Option[T]
		bestKey K
	)
	src(func(v T) bool {
		if k := key(v); best.IsNone() || replaces(bestKey, k) {
			best, bestKey = option.Some(v), k
		}
		return true
	})
	return best
}
