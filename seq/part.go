package seq

import (
	"iter"

	"github.com/coderrange/ferrous/option"
)

// Take has the first n elements of src, and does not ask src for another. It
// panics if n is negative.
func Take[T any](src iter.Seq[T], n int) iter.Seq[T] {
	needFunc("Take", src != nil)
	mustNotBeNegative("Take", n)
	return func(yield func(T) bool) {
		if n == 0 {
			return
		}
		left := n
		src(func(v T) bool {
			left--
			return yield(v) && left > 0
		})
	}
}

// Skip has the elements of src after the first n. It panics if n is negative.
func Skip[T any](src iter.Seq[T], n int) iter.Seq[T] {
	needFunc("Skip", src != nil)
	mustNotBeNegative("Skip", n)
	return func(yield func(T) bool) {
		left := n
		src(func(v T) bool {
			if left > 0 {
				left--
				return true
			}
			return yield(v)
		})
	}
}

// TakeWhile has the elements of src before the first for which pred is false.
// That one is taken from src, and lost.
func TakeWhile[T any](src iter.Seq[T], pred func(T) bool) iter.Seq[T] {
	needFunc("TakeWhile", src != nil && pred != nil)
	return func(yield func(T) bool) {
		src(func(v T) bool { return pred(v) && yield(v) })
	}
}

// SkipWhile has the elements of src from the first for which pred is false.
// pred is not called again after that.
func SkipWhile[T any](src iter.Seq[T], pred func(T) bool) iter.Seq[T] {
	needFunc("SkipWhile", src != nil && pred != nil)
	return func(yield func(T) bool) {
		skipping := true
		src(func(v T) bool {
			skipping = skipping && pred(v)
			return skipping || yield(v)
		})
	}
}

// MapWhile has f applied to each element of src, up to the first None.
func MapWhile[T, U any](src iter.Seq[T], f func(T) option.Option[U]) iter.Seq[U] {
	needFunc("MapWhile", src != nil && f != nil)
	return func(yield func(U) bool) {
		src(func(v T) bool {
			u, ok := f(v).Get()
			return ok && yield(u)
		})
	}
}

// StepBy has the first element of src and each step-th after it. It panics if
// step is not positive.
func StepBy[T any](src iter.Seq[T], step int) iter.Seq[T] {
	needFunc("StepBy", src != nil)
	if step <= 0 {
		panic(&ArgumentError{"StepBy", step, "positive"})
	}
	return func(yield func(T) bool) {
		wait := 0
		src(func(v T) bool {
			if wait > 0 {
				wait--
				return true
			}
			wait = step - 1
			return yield(v)
		})
	}
}
