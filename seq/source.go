package seq

import (
	"iter"
	"slices"

	"github.com/coderrange/ferrous/option"
)

// Integer is every integer type.
type Integer interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr
}

// Empty has no elements.
func Empty[T any]() iter.Seq[T] {
	return func(func(T) bool) {}
}

// Once has one element.
func Once[T any](v T) iter.Seq[T] {
	return func(yield func(T) bool) { yield(v) }
}

// OnceWith has one element, which f makes when it is asked for.
func OnceWith[T any](f func() T) iter.Seq[T] {
	needFunc("OnceWith", f != nil)
	return func(yield func(T) bool) { yield(f()) }
}

// Repeat has v as every element, without end.
func Repeat[T any](v T) iter.Seq[T] {
	return func(yield func(T) bool) {
		for yield(v) {
		}
	}
}

// RepeatN has v as each of its n elements. It panics if n is negative.
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

// RepeatWith has what f returns as each element, without end.
func RepeatWith[T any](f func() T) iter.Seq[T] {
	needFunc("RepeatWith", f != nil)
	return func(yield func(T) bool) {
		for yield(f()) {
		}
	}
}

// FromFn has what f returns as each element, until it returns None.
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

// Successors begins with first; each further element is what next makes of the
// one before it. A None ends it. next is not called before its result is asked
// for.
func Successors[T any](first option.Option[T], next func(T) option.Option[T]) iter.Seq[T] {
	needFunc("Successors", next != nil)
	return func(yield func(T) bool) {
		for v, ok := first.Get(); ok && yield(v); v, ok = next(v).Get() {
		}
	}
}

// Range counts from low up to, not including, high. It is empty if high is not
// above low.
func Range[T Integer](low, high T) iter.Seq[T] {
	return func(yield func(T) bool) {
		for i := low; i < high; i++ {
			if !yield(i) {
				return
			}
		}
	}
}

// Rev has the elements of s from the last to the first. For the other methods
// of Rust's DoubleEndedIterator put it first: the rfold of s is
// Fold(Rev(s), …).
func Rev[T any](s []T) iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, v := range slices.Backward(s) {
			if !yield(v) {
				return
			}
		}
	}
}
