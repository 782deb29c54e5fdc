package seq

import (
	"iter"
	"slices"

	"github.com/coderrange/ferrous/option"
)

// All reports whether pred returns true for every element of src. It stops at the first
// element for which pred returns false.
func All[T any](src iter.Seq[T], pred func(T) bool) bool {
	needFunc("All", src != nil && pred != nil)
	all := true
	src(func(v T) bool {
		all = pred(v)
		return all
	})
	return all
}

// Any reports whether pred returns true for some element of src. It stops at the first
// such element.
func Any[T any](src iter.Seq[T], pred func(T) bool) bool {
	needFunc("Any", src != nil && pred != nil)
	found := false
	src(func(v T) bool {
		found = pred(v)
		return !found
	})
	return found
}

// Find returns the first element of src for which pred returns true, or None.
func Find[T any](src iter.Seq[T], pred func(T) bool) option.Option[T] {
	needFunc("Find", src != nil && pred != nil)
	var found option.Option[T]
	src(func(v T) bool {
		if pred(v) {
			found = option.Some(v)
		}
		return found.IsNone()
	})
	return found
}

// FindMap calls f with each element of src and returns the first result that is Some,
// or None.
func FindMap[T, U any](src iter.Seq[T], f func(T) option.Option[U]) option.Option[U] {
	needFunc("FindMap", src != nil && f != nil)
	var found option.Option[U]
	src(func(v T) bool {
		found = f(v)
		return found.IsNone()
	})
	return found
}

// Position returns the index of the first element of src for which pred returns true,
// or None. The index starts at 0.
func Position[T any](src iter.Seq[T], pred func(T) bool) option.Option[int] {
	needFunc("Position", src != nil && pred != nil)
	i, found := -1, false
	src(func(v T) bool {
		i++
		found = pred(v)
		return !found
	})
	return option.From(i, found)
}

// RPosition returns the index of the last element of s for which pred returns true, or
// None. It searches from the end.
func RPosition[T any](s []T, pred func(T) bool) option.Option[int] {
	needFunc("RPosition", pred != nil)
	for i, v := range slices.Backward(s) {
		if pred(v) {
			return option.Some(i)
		}
	}
	return option.None[int]()
}

// Nth returns the element of src with index n, or None. The index starts at 0. It
// panics if n is negative.
func Nth[T any](src iter.Seq[T], n int) option.Option[T] {
	needFunc("Nth", src != nil)
	mustNotBeNegative("Nth", n)
	var found option.Option[T]
	left := n
	src(func(v T) bool {
		if left == 0 {
			found = option.Some(v)
			return false
		}
		left--
		return true
	})
	return found
}

// Last returns the last element of src, or None if src is empty.
func Last[T any](src iter.Seq[T]) option.Option[T] {
	needFunc("Last", src != nil)
	var last option.Option[T]
	src(func(v T) bool {
		last = option.Some(v)
		return true
	})
	return last
}
