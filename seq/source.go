package seq

import (
	"iter"
	"slices"

	"github.com/coderrange/ferrous/option"
)

// Integer is the constraint of [Range]: all integer types.
type Integer interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr
}

// Empty yields nothing.
func Empty[T any]() iter.Seq[T] {
	return func(func(T) bool) {}
}

// Once yields v.
func Once[T any](v T) iter.Seq[T] {
	return func(yield func(T) bool) { yield(v) }
}

// OnceWith yields f(), and calls f only when the element is needed.
func OnceWith[T any](f func() T) iter.Seq[T] {
	needFunc("OnceWith", f != nil)
	return func(yield func(T) bool) { yield(f()) }
}

// Repeat yields v repeatedly, without end.
func Repeat[T any](v T) iter.Seq[T] {
	return func(yield func(T) bool) {
		for yield(v) {
		}
	}
}

// RepeatN yields v n times. It panics if n is negative.
func RepeatN[T any](v T, n int) iter.Seq[T] {
	mustNotBeNegative("RepeatN", n)
	return func(yield func(T) bool) {
		for range n {
			if !yield(v) {
				return
			}
		}
	}
}

// RepeatWith yields f() repeatedly, without end.
func RepeatWith[T any](f func() T) iter.Seq[T] {
	needFunc("RepeatWith", f != nil)
	return func(yield func(T) bool) {
		for yield(f()) {
		}
	}
}

// FromFn calls f repeatedly and yields the values of the results. It ends when f
// returns None.
func FromFn[T any](f func() option.Option[T]) iter.Seq[T] {
	needFunc("FromFn", f != nil)
	return func(yield func(T) bool) {
		for {
			if v, ok := f().Get(); !ok || !yield(v) {
				return
			}
		}
	}
}

// Successors yields the value of first, and then next(v) for the previous element v. It
// ends when first or a result of next is None. next is called only when its result is
// needed.
func Successors[T any](first option.Option[T], next func(T) option.Option[T]) iter.Seq[T] {
	needFunc("Successors", next != nil)
	return func(yield func(T) bool) {
		for v, ok := first.Get(); ok && yield(v); v, ok = next(v).Get() {
		}
	}
}

// Range yields the integers from low to high-1. It yields nothing if high is not
// greater than low.
func Range[T Integer](low, high T) iter.Seq[T] {
	return func(yield func(T) bool) {
		for i := low; i < high; i++ {
			if !yield(i) {
				return
			}
		}
	}
}

// Rev yields the elements of s from the last to the first. It also replaces the other
// methods of Rust's DoubleEndedIterator: for example, rfold is Fold(Rev(s), …).
func Rev[T any](s []T) iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, v := range slices.Backward(s) {
			if !yield(v) {
				return
			}
		}
	}
}
