package stream

import "context"

// Filter returns a stream of the elements for which keep returns true. It is pure.
func (s Stream[T]) Filter(keep func(T) bool) Stream[T] {
	checkFunc("Stream.Filter", keep != nil)
	return Stream[T]{func(ctx context.Context, yield func(T) bool) error {
		return s.start(ctx, func(v T) bool { return !keep(v) || yield(v) })
	}}
}

// Inspect returns a stream of the same elements that calls f with each of them. It is pure.
func (s Stream[T]) Inspect(f func(T)) Stream[T] {
	checkFunc("Stream.Inspect", f != nil)
	return Stream[T]{func(ctx context.Context, yield func(T) bool) error {
		return s.start(ctx, func(v T) bool {
			f(v)
			return yield(v)
		})
	}}
}

// Take returns a stream of the first n elements. It does not read more than n. If n is not positive,
// the stream is empty, and s is not run. It is pure.
func (s Stream[T]) Take(n int) Stream[T] {
	return Stream[T]{func(ctx context.Context, yield func(T) bool) error {
		left := n
		if left <= 0 {
			return nil
		}
		return s.start(ctx, func(v T) bool {
			left--
			return yield(v) && left > 0
		})
	}}
}

// Skip returns a stream without the first n elements. It is pure.
func (s Stream[T]) Skip(n int) Stream[T] {
	return Stream[T]{func(ctx context.Context, yield func(T) bool) error {
		left := n
		return s.start(ctx, func(v T) bool {
			if left > 0 {
				left--
				return true
			}
			return yield(v)
		})
	}}
}

// TakeWhile returns a stream that ends before the first element for which keep returns false. It is
// pure.
func (s Stream[T]) TakeWhile(keep func(T) bool) Stream[T] {
	checkFunc("Stream.TakeWhile", keep != nil)
	return Stream[T]{func(ctx context.Context, yield func(T) bool) error {
		return s.start(ctx, func(v T) bool { return keep(v) && yield(v) })
	}}
}

// SkipWhile returns a stream that begins with the first element for which drop returns false. It is
// pure.
func (s Stream[T]) SkipWhile(drop func(T) bool) Stream[T] {
	checkFunc("Stream.SkipWhile", drop != nil)
	return Stream[T]{func(ctx context.Context, yield func(T) bool) error {
		dropping := true
		return s.start(ctx, func(v T) bool {
			dropping = dropping && drop(v)
			return dropping || yield(v)
		})
	}}
}

// Chain returns a stream of the elements of s, followed by those of each of the others. It is
// pure.
func (s Stream[T]) Chain(others ...Stream[T]) Stream[T] {
	return Stream[T]{func(ctx context.Context, yield func(T) bool) error {
		more := true
		err := s.start(ctx, func(v T) bool {
			more = yield(v)
			return more
		})
		for _, s := range others {
			if err != nil || !more {
				break
			}
			err = s.start(ctx, func(v T) bool {
				more = yield(v)
				return more
			})
		}
		return err
	}}
}

// FilterMap returns a stream of the values of f for the elements for which f returns true. An error
// of f ends the stream. It is pure.
func FilterMap[T, U any](s Stream[T], f func(context.Context, T) (U, bool, error)) Stream[U] {
	checkFunc("FilterMap", f != nil)
	return filterMap(s, f)
}

func filterMap[T, U any](s Stream[T], f func(context.Context, T) (U, bool, error)) Stream[U] {
	return Stream[U]{func(ctx context.Context, yield func(U) bool) error {
		var failure error
		err := s.start(ctx, func(v T) bool {
			u, keep, err := f(ctx, v)
			if err != nil {
				failure = withCause(ctx, err)
				return false
			}
			return !keep || yield(u)
		})
		if failure != nil {
			return failure
		}
		return err
	}}
}

// FlatMap returns a stream of the elements of the streams that f returns for the elements of s, one
// stream after the other. It is pure. To run several streams at once, use [FlatMapUnordered].
func FlatMap[T, U any](s Stream[T], f func(T) Stream[U]) Stream[U] {
	checkFunc("FlatMap", f != nil)
	return Stream[U]{func(ctx context.Context, yield func(U) bool) error {
		var failure error
		err := s.start(ctx, func(v T) bool {
			more := true
			failure = f(v).start(ctx, func(u U) bool {
				more = yield(u)
				return more
			})
			return more && failure == nil
		})
		if failure != nil {
			return failure
		}
		return err
	}}
}

// Scan yields each running result of f, which gets the result before, at first init, and an element.
// init is not yielded. It is pure.
func Scan[T, A any](s Stream[T], init A, f func(A, T) A) Stream[A] {
	checkFunc("Scan", f != nil)
	return Stream[A]{func(ctx context.Context, yield func(A) bool) error {
		acc := init
		return s.start(ctx, func(v T) bool {
			acc = f(acc, v)
			return yield(acc)
		})
	}}
}

// Indexed is an element with its position, counted from 0.
type Indexed[T any] struct {
	Index int
	Value T
}

// Enumerate returns a stream of the elements with their positions. It is pure.
func Enumerate[T any](s Stream[T]) Stream[Indexed[T]] {
	return Stream[Indexed[T]]{func(ctx context.Context, yield func(Indexed[T]) bool) error {
		i := -1
		return s.start(ctx, func(v T) bool {
			i++
			return yield(Indexed[T]{i, v})
		})
	}}
}

// Chunks yields slices of n elements. The last one may be shorter. If there is an error, the elements
// before it are yielded first. Each slice is new. It is pure. Chunks panics if n is not positive.
func Chunks[T any](s Stream[T], n int) Stream[[]T] {
	checkPositive("Chunks", n)
	return Stream[[]T]{func(ctx context.Context, yield func([]T) bool) error {
		var chunk []T
		more := true
		err := s.start(ctx, func(v T) bool {
			if chunk == nil {
				chunk = make([]T, 0, min(n, maxChunkHint))
			}
			chunk = append(chunk, v)
			if len(chunk) == n {
				more = yield(chunk)
				chunk = nil
			}
			return more
		})
		if more && len(chunk) > 0 && !yield(chunk) {
			return nil
		}
		return err
	}}
}

// maxChunkHint bounds the capacity that is allocated before the elements have arrived.
const maxChunkHint = 1024

// Windows yields the last size elements, first after size elements and then after every step
// elements. If step equals size, it is [Chunks] without a shorter last slice. Each slice is new. It
// is pure. Windows panics if size or step is not positive. After slice::windows and, with step,
// chunks_exact.
func Windows[T any](s Stream[T], size, step int) Stream[[]T] {
	checkPositive("Windows", size)
	checkPositive("Windows", step)
	return Stream[[]T]{func(ctx context.Context, yield func([]T) bool) error {
		var window []T
		skip := 0
		return s.start(ctx, func(v T) bool {
			if skip > 0 {
				skip--
				return true
			}
			window = append(window, v)
			if len(window) < size {
				return true
			}
			full := window
			window = append(make([]T, 0, min(size, maxChunkHint)), full[min(step, size):]...)
			skip = max(step-size, 0)
			return yield(full)
		})
	}}
}

// Retry runs s again from its beginning when it ends with an error. So elements are repeated, unless
// the source continues where it was. Before each further run, again is called with the error and
// the number of failures since the last element, counted from 1. It may wait. An error of again
// ends the stream. It is pure.
func Retry[T any](s Stream[T], again func(ctx context.Context, failures int, err error) error) Stream[T] {
	checkFunc("Retry", again != nil)
	return Stream[T]{func(ctx context.Context, yield func(T) bool) error {
		failures, more := 0, true
		for {
			err := s.start(ctx, func(v T) bool {
				failures = 0
				more = yield(v)
				return more
			})
			if err == nil || !more {
				return nil
			}
			if ctx.Err() != nil {
				return err
			}
			failures++
			if err := again(ctx, failures, err); err != nil {
				return withCause(ctx, err)
			}
		}
	}}
}
