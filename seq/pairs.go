package seq

import "iter"

// Zip yields pairs of an element of a and an element of b, until one of them ends. It
// takes the element of a first. If a has ended, nothing is taken from b. If b has
// ended, the element that was taken from a is lost. Zip uses [iter.Pull] for b.
func Zip[A, B any](a iter.Seq[A], b iter.Seq[B]) iter.Seq2[A, B] {
	needFunc("Zip", a != nil && b != nil)
	return func(yield func(A, B) bool) {
		next, stop := iter.Pull(b)
		defer stop()
		a(func(va A) bool {
			vb, ok := next()
			return ok && yield(va, vb)
		})
	}
}

// Unzip returns two slices: the first values of the pairs of src, and the second
// values.
func Unzip[A, B any](src iter.Seq2[A, B]) ([]A, []B) {
	needFunc("Unzip", src != nil)
	var (
		as []A
		bs []B
	)
	src(func(a A, b B) bool {
		as, bs = append(as, a), append(bs, b)
		return true
	})
	return as, bs
}

// Map2 yields f(a, b) for each pair of src. It turns the pairs of Enumerate, Zip,
// maps.All or slices.All into a sequence of single elements.
func Map2[A, B, U any](src iter.Seq2[A, B], f func(A, B) U) iter.Seq[U] {
	needFunc("Map2", src != nil && f != nil)
	return func(yield func(U) bool) {
		src(func(a A, b B) bool { return yield(f(a, b)) })
	}
}

// Filter2 yields the pairs of src for which pred returns true.
func Filter2[A, B any](src iter.Seq2[A, B], pred func(A, B) bool) iter.Seq2[A, B] {
	needFunc("Filter2", src != nil && pred != nil)
	return func(yield func(A, B) bool) {
		src(func(a A, b B) bool { return !pred(a, b) || yield(a, b) })
	}
}
