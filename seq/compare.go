package seq

import (
	"cmp"
	"iter"

	"github.com/coderrange/ferrous/option"
)

// Cmp compares a and b element by element with [cmp.Compare] and returns -1, 0 or +1.
// It stops at the first difference. If one sequence is a prefix of the other, the
// shorter one is less. Cmp uses [iter.Pull] for b.
func Cmp[T cmp.Ordered](a, b iter.Seq[T]) int {
	needFunc("Cmp", a != nil && b != nil)
	return CmpBy(a, b, cmp.Compare[T])
}

// CmpBy is [Cmp] with the function compare. Only the sign of its result is used.
func CmpBy[A, B any](a iter.Seq[A], b iter.Seq[B], compare func(A, B) int) int {
	needFunc("CmpBy", a != nil && b != nil && compare != nil)
	next, stop := iter.Pull(b)
	defer stop()
	order := 0
	a(func(va A) bool {
		if vb, ok := next(); !ok {
			order = 1
		} else {
			order = sign(compare(va, vb))
		}
		return order == 0
	})
	if order == 0 {
		if _, more := next(); more {
			return -1
		}
	}
	return order
}

// PartialCmp is [Cmp] with <, == and >. It returns None if the first elements that
// differ have no order, as a NaN has none.
func PartialCmp[T cmp.Ordered](a, b iter.Seq[T]) option.Option[int] {
	needFunc("PartialCmp", a != nil && b != nil)
	return PartialCmpBy(a, b, func(va, vb T) option.Option[int] {
		switch {
		case va == vb:
			return option.Some(0)
		case va < vb:
			return option.Some(-1)
		case va > vb:
			return option.Some(1)
		}
		return option.None[int]()
	})
}

// PartialCmpBy is [PartialCmp] with the function compare.
func PartialCmpBy[A, B any](a iter.Seq[A], b iter.Seq[B], compare func(A, B) option.Option[int]) option.Option[int] {
	needFunc("PartialCmpBy", a != nil && b != nil && compare != nil)
	ordered := true
	order := CmpBy(a, b, func(va A, vb B) int {
		var c int
		c, ordered = compare(va, vb).Get()
		if !ordered {
			return 1 // anything that stops
		}
		return c
	})
	return option.From(order, ordered)
}

// Eq reports whether a and b have the same length and equal elements in the same order.
// It stops at the first difference. Eq uses [iter.Pull] for b.
func Eq[T comparable](a, b iter.Seq[T]) bool {
	needFunc("Eq", a != nil && b != nil)
	return EqBy(a, b, func(va, vb T) bool { return va == vb })
}

// EqBy is [Eq] with the function equal.
func EqBy[A, B any](a iter.Seq[A], b iter.Seq[B], equal func(A, B) bool) bool {
	needFunc("EqBy", a != nil && b != nil && equal != nil)
	return CmpBy(a, b, func(va A, vb B) int {
		if equal(va, vb) {
			return 0
		}
		return 1
	}) == 0
}

// IsSorted reports whether each element of src is at least as great as the one before
// it. A NaN is in order only if it is the only element.
func IsSorted[T cmp.Ordered](src iter.Seq[T]) bool {
	needFunc("IsSorted", src != nil)
	return IsSortedBy(src, func(a, b T) bool { return a <= b })
}

// IsSortedBy reports whether inOrder returns true for each element of src and the next
// one. It stops at the first pair for which inOrder returns false.
func IsSortedBy[T any](src iter.Seq[T], inOrder func(T, T) bool) bool {
	needFunc("IsSortedBy", src != nil && inOrder != nil)
	var before option.Option[T]
	return All(src, func(v T) bool {
		b, some := before.Get()
		before = option.Some(v)
		return !some || inOrder(b, v)
	})
}

// IsSortedByKey reports whether the keys of the elements of src are sorted, as
// [IsSorted] does. It calls key once for each element.
func IsSortedByKey[T any, K cmp.Ordered](src iter.Seq[T], key func(T) K) bool {
	needFunc("IsSortedByKey", src != nil && key != nil)
	return IsSorted(Map(src, key))
}

func sign(order int) int { return cmp.Compare(order, 0) }
