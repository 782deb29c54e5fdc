package seq

import (
	"iter"
	"slices"

	"github.com/coderrange/ferrous/option"
)

// The adapters call their source with a function literal instead of ranging
// over it: the compiler inlines such a pipeline into one loop, whereas a range
// over a function inside a literal brings a state check for each element.

// Map has f applied to each element of src.
func Map[T, U any](src iter.Seq[T], f func(T) U) iter.Seq[U] {
	needFunc("Map", src != nil && f != nil)
	return func(yield func(U) bool) {
		src(func(v T) bool { return yield(f(v)) })
	}
}

// Filter has the elements of src for which pred is true.
func Filter[T any](src iter.Seq[T], pred func(T) bool) iter.Seq[T] {
	needFunc("Filter", src != nil && pred != nil)
	return func(yield func(T) bool) {
		src(func(v T) bool { return !pred(v) || yield(v) })
	}
}

// FilterMap has f applied to each element of src, without the Nones.
func FilterMap[T, U any](src iter.Seq[T], f func(T) option.Option[U]) iter.Seq[U] {
	needFunc("FilterMap", src != nil && f != nil)
	return func(yield func(U) bool) {
		src(func(v T) bool {
			u, ok := f(v).Get()
			return !ok || yield(u)
		})
	}
}

// Inspect has the elements of src, and calls f with each before it is passed
// on.
func Inspect[T any](src iter.Seq[T], f func(T)) iter.Seq[T] {
	needFunc("Inspect", src != nil && f != nil)
	return func(yield func(T) bool) {
		src(func(v T) bool {
			f(v)
			return yield(v)
		})
	}
}

// Enumerate has the elements of src with their number, from 0.
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

// Scan has what f makes of a state and each element of src, until f returns
// None. The state is a copy of initial for each range, which f may change.
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

// Flatten has the elements of each sequence of src, one after the other.
func Flatten[T any](src iter.Seq[iter.Seq[T]]) iter.Seq[T] {
	needFunc("Flatten", src != nil)
	return FlatMap(src, func(inner iter.Seq[T]) iter.Seq[T] { return inner })
}

// FlatMap has the elements of what f makes of each element of src. It allocates
// nothing for each, but f may.
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

// Chain has the elements of each source, one after the other.
func Chain[T any](srcs ...iter.Seq[T]) iter.Seq[T] {
	for _, src := range srcs {
		needFunc("Chain", src != nil)
	}
	return Flatten(slices.Values(srcs))
}

// Cycle has the elements of src over and over, without end; it ranges over src
// anew each time. It ends when src turns out empty.
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

// Intersperse has the elements of src with separator between them.
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
