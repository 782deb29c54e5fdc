package seq

import (
	"iter"

	"github.com/coderrange/ferrous/option"
)

// Number is the constraint of [Sum] and [Product]: all integer, floating-point and
// complex types.
type Number interface {
	Integer | ~float32 | ~float64 | ~complex64 | ~complex128
}

// Count returns the number of elements of src.
func Count[T any](src iter.Seq[T]) int {
	needFunc("Count", src != nil)
	n := 0
	src(func(T) bool {
		n++
		return true
	})
	return n
}

// Sum returns the sum of src, or 0 if src is empty. Integers wrap around on overflow,
// as with +.
func Sum[T Number](src iter.Seq[T]) T {
	needFunc("Sum", src != nil)
	var sum T
	src(func(v T) bool {
		sum += v
		return true
	})
	return sum
}

// Product returns the product of src, or 1 if src is empty. Integers wrap around on
// overflow, as with *.
func Product[T Number](src iter.Seq[T]) T {
	needFunc("Product", src != nil)
	var product T = 1
	src(func(v T) bool {
		product *= v
		return true
	})
	return product
}

// Fold calls acc = f(acc, v) for each v in src, starting with acc = initial, and
// returns acc.
func Fold[T, A any](src iter.Seq[T], initial A, f func(A, T) A) A {
	needFunc("Fold", src != nil && f != nil)
	acc := initial
	src(func(v T) bool {
		acc = f(acc, v)
		return true
	})
	return acc
}

// Reduce is like [Fold], but starts with the first element. It returns None if src is empty.
func Reduce[T any](src iter.Seq[T], f func(T, T) T) option.Option[T] {
	needFunc("Reduce", src != nil && f != nil)
	var (
		acc  T
		some bool
	)
	src(func(v T) bool {
		if some {
			v = f(acc, v)
		}
		acc, some = v, true
		return true
	})
	return option.From(acc, some)
}

// TryFold is [Fold] with a function that may fail. At the first error it stops, and
// returns that error with the accumulator before it.
func TryFold[T, A any](src iter.Seq[T], initial A, f func(A, T) (A, error)) (A, error) {
	needFunc("TryFold", src != nil && f != nil)
	acc := initial
	var failure error
	src(func(v T) bool {
		next, err := f(acc, v)
		if err != nil {
			failure = err
			return false
		}
		acc = next
		return true
	})
	return acc, failure
}

// TryForEach calls f with each element of src. At the first error it stops and returns
// that error.
func TryForEach[T any](src iter.Seq[T], f func(T) error) error {
	needFunc("TryForEach", src != nil && f != nil)
	var failure error
	src(func(v T) bool {
		failure = f(v)
		return failure == nil
	})
	return failure
}

// TryCollect returns the values of src in a slice. At the first error it stops, and
// returns that error with the values before it.
func TryCollect[T any](src iter.Seq2[T, error]) ([]T, error) {
	needFunc("TryCollect", src != nil)
	var (
		values  []T
		failure error
	)
	src(func(v T, err error) bool {
		if failure = err; err == nil {
			values = append(values, v)
		}
		return err == nil
	})
	return values, failure
}

// Partition returns two slices: the elements of src for which pred returns true, and
// the others.
func Partition[T any](src iter.Seq[T], pred func(T) bool) (yes, no []T) {
	needFunc("Partition", src != nil && pred != nil)
	src(func(v T) bool {
		if pred(v) {
			yes = append(yes, v)
		} else {
			no = append(no, v)
		}
		return true
	})
	return yes, no
}
