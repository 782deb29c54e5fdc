package seq

import "iter"

// Zip has the elements of a and b in pairs, until one of them ends. It takes
// from a first, and nothing from b once a has ended; an element that a gave
// when b had ended is lost. It pulls from b, see [iter.Pull].
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

// Unzip returns the left and the right halves of the pairs of src, in two
// slices.
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

// Map2 has f applied to each pair of src. It is the way back from Enumerate,
// Zip, maps.All and slices.All to a sequence of single elements.
func Map2[A, B, U any](src iter.Seq2[A, B], f func(A, B) U) iter.Seq[U] {
	needFunc("Map2", src != nil && f != nil)
	return func(yield func(U) bool) {
		src(func(a A, b B) bool { return yield(f(a, b)) })
	}
}

// Filter2 has the pairs of src for which pred is true.
func Filter2[A, B any](src iter.Seq2[A, B], pred func(A, B) bool) iter.Seq2[A, B] {
	needFunc("Filter2", src != nil && pred != nil)
	return func(yield func(A, B) bool) {
		src(func(a A, b B) bool { return !pred(a, b) || yield(a, b) })
	}
}
