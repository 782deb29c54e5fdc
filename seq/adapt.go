package seq

import (
	"iter"
	"slices"

	"github.com/coderrange/ferrous/option"
)

// The adapters call their source with a function literal instead of ranging over it. The
// compiler inlines such a pipeline into one loop. A range over a function inside a
// literal would check its state for each element.

// Map yields f(v) for each v in src.
func Map[T, U any](src iter.Seq[T], f func(T) U) iter.Seq[U] {
	needFunc("Map", src != nil && f != nil)
	return func(yield func(U) bool) {
		src(func(v T) bool { return yield(f(v)) })
	}
}

// Filter yields the elements of src for which pred returns true.
func Filter[T any](src iter.Seq[T], pred func(T) bool) iter.Seq[T] {
	needFunc("Filter", src != nil && pred != nil)
	return func(yield func(T) bool) {
		src(func(v T) bool { return !pred(v) || yield(v) })
	}
}

// FilterMap calls f with each element of src. It yields the values of the results that
// are Some.
func FilterMap[T, U any](src iter.Seq[T], f func(T) option.Option[U]) iter.Seq[U] {
	needFunc("FilterMap", src != nil && f != nil)
	return func(yield func(U) bool) {
		src(func(v T) bool {
			u, ok := f(v).Get()
			return !ok || yield(u)
		})
	}
}

// Inspect yields the elements of src. It calls f with each element before it yields it.
func Inspect[T any](src iter.Seq[T], f func(T)) iter.Seq[T] {
	needFunc("Inspect", src != nil && f != nil)
	return func(yield func(T) bool) {
		src(func(v T) bool {
			f(v)
			return yield(v)
		})
	}
}

// Enumerate yields the elements of src with their index, which starts at 0.
func Enumerate[T any](src iter.Seq[T]) iter.Seq2[int, T] {
	needFunc("Enumerate", src != nil)
	return func(yield func(int, T) bool) {
		i := 0
		src(func(v T) bool {
			i++
			return yield(i-1, v)
		})
	}
}

// Scan calls f with a pointer to a state and each element of src, and yields the values
// of the results. It ends when f returns None. f may change the state, which is a copy
// of initial each time the sequence is ranged over.
func Scan[T, S, U any](src iter.Seq[T], initial S, f func(*S, T) option.Option[U]) iter.Seq[U] {
	needFunc("Scan", src != nil && f != nil)
	return func(yield func(U) bool) {
		state := initial
		src(func(v T) bool {
			u, ok := f(&state, v).Get()
			return ok && yield(u)
		})
	}
}

// Flatten yields the elements of each sequence in src, one sequence after the other.
func Flatten[T any](src iter.Seq[iter.Seq[T]]) iter.Seq[T] {
	needFunc("Flatten", src != nil)
	return FlatMap(src, func(inner iter.Seq[T]) iter.Seq[T] { return inner })
}

// FlatMap yields the elements of f(v) for each v in src, one sequence after the other.
// FlatMap itself allocates nothing for an element.
func FlatMap[T, U any](src iter.Seq[T], f func(T) iter.Seq[U]) iter.Seq[U] {
	needFunc("FlatMap", src != nil && f != nil)
	return func(yield func(U) bool) {
		more := true
		inner := func(u U) bool {
			more = yield(u)
			return more
		}
		src(func(v T) bool {
			src := f(v)
			needFunc("FlatMap", src != nil)
			src(inner)
			return more
		})
	}
}

// Chain yields the elements of each source, one source after the other.
func Chain[T any](srcs ...iter.Seq[T]) iter.Seq[T] {
	for _, src := range srcs {
		needFunc("Chain", src != nil)
	}
	return Flatten(slices.Values(srcs))
}

// Cycle yields the elements of src repeatedly, without end. It ranges over src again
// each time. It ends if src yields nothing.
func Cycle[T any](src iter.Seq[T]) iter.Seq[T] {
	needFunc("Cycle", src != nil)
	return func(yield func(T) bool) {
		more := true
		inner := func(v T) bool {
			more = yield(v)
			return more
		}
		for more {
			more = false
			src(inner)
		}
	}
}

// Intersperse yields the elements of src, with separator between each two of them.
func Intersperse[T any](src iter.Seq[T], separator T) iter.Seq[T] {
	needFunc("Intersperse", src != nil)
	return func(yield func(T) bool) {
		first := true
		src(func(v T) bool {
			if !first && !yield(separator) {
				return false
			}
			first = false
			return yield(v)
		})
	}
}
