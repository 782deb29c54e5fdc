package seq

import (
	"iter"

	"github.com/coderrange/ferrous/option"
)

// Take yields the first n elements of src and takes no further element from src. It
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

// Skip yields the elements of src after the first n. It panics if n is negative.
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

// TakeWhile yields the elements of src before the first element for which pred returns
// false. That element is taken from src and lost.
func TakeWhile[T any](src iter.Seq[T], pred func(T) bool) iter.Seq[T] {
	needFunc("TakeWhile", src != nil && pred != nil)
	return func(yield func(T) bool) {
		src(func(v T) bool { return pred(v) && yield(v) })
	}
}

// SkipWhile yields the elements of src from the first element for which pred returns
// false. After that element, it does not call pred.
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

// MapWhile calls f with each element of src and yields the values of the results. It
// ends at the first None.
func MapWhile[T, U any](src iter.Seq[T], f func(T) option.Option[U]) iter.Seq[U] {
	needFunc("MapWhile", src != nil && f != nil)
	return func(yield func(U) bool) {
		src(func(v T) bool {
			u, ok := f(v).Get()
			return ok && yield(u)
		})
	}
}

// StepBy yields the first element of src and every step-th element after it. It panics
// if step is not positive.
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
