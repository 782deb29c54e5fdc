package stream

import "context"

// Filter keeps the elements for which keep returns true. It is pure.
func (s Stream[T]) Filter(keep func(T) bool) Stream[T] {
	checkFunc("Stream.Filter", keep != nil)
	return Stream[T]{func(ctx context.Context, yield func(T) bool) error {
		return s.start(ctx, func(v T) bool { return !keep(v) || yield(v) })
	}}
}

// Inspect calls f with each element on its way. It is pure.
func (s Stream[T]) Inspect(f func(T)) Stream[T] {
	checkFunc("Stream.Inspect", f != nil)
	return Stream[T]{func(ctx context.Context, yield func(T) bool) error {
		return s.start(ctx, func(v T) bool {
			f(v)
			return yield(v)
		})
	}}
}

// Take keeps the first n elements, and does not ask for more. It is pure; with
// an n that is not positive, the stream is empty and s is not run.
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

// Skip drops the first n elements. It is pure.
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

// TakeWhile ends the stream before the first element for which keep returns
// false. It is pure.
func (s Stream[T]) TakeWhile(keep func(T) bool) Stream[T] {
	checkFunc("Stream.TakeWhile", keep != nil)
	return Stream[T]{func(ctx context.Context, yield func(T) bool) error {
		return s.start(ctx, func(v T) bool { return keep(v) && yield(v) })
	}}
}

// SkipWhile drops the elements before the first for which drop returns false. It
// is pure.
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

// Chain runs s and then each of the others. It is pure.
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

// FilterMap maps the elements for which f returns true, and drops the others. An
// error of f ends the stream. It is pure.
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

// FlatMap runs the stream that f returns for each element, one after the other.
// It is pure. To run several at once, see [MapUnordered] and [Merge].
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

// Scan yields what f makes of each element and its own result before, first of
// all init. It is pure.
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

// Indexed is an element with its place, counted from 0.
type Indexed[T any] struct {
	Index int
	Value T
}

// Enumerate numbers the elements. It is pure.
func Enumerate[T any](s Stream[T]) Stream[Indexed[T]] {
	return Stream[Indexed[T]]{func(ctx context.Context, yield func(Indexed[T]) bool) error {
		i := -1
		return s.start(ctx, func(v T) bool {
			i++
			return yield(Indexed[T]{i, v})
		})
	}}
}

// Chunks gathers n elements into a slice of their own, the last one may be
// shorter. Before an error, what was gathered is yielded. It is pure. An n that
// is not positive panics.
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

// maxChunkHint bounds what is allocated before the elements are there.
const maxChunkHint = 1024

// Windows yields the last size elements after the first size ones and then after
// every step, each time as a slice of its own: with a step of size it is
// [Chunks] without a shorter last one. It is pure. A size or step that is not
// positive panics.
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

// Retry runs s again when it fails, from its beginning: elements come again
// unless the source knows how far it was. again is told the error and how often
// s failed without an element since the last one, from 1 on; it may wait. If it
// returns an error, that ends the stream. It is pure.
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
