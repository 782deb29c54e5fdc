package stream

import (
	"context"
	"sync/atomic"

	"github.com/coderrange/ferrous/task"
)

// FlattenUnordered is [FlatMapUnordered] for a stream of streams. After futures' flatten_unordered.
func FlattenUnordered[T any](s Stream[Stream[T]], n int) Stream[T] {
	return flattened("FlattenUnordered", s, n, func(inner Stream[T]) Stream[T] { return inner })
}

// FlatMapUnordered runs the streams that f returns for the elements of s, up to n at once, and yields
// their elements in the order of arrival. It ends when s and all streams have ended, or with the
// first error of one of them. Elements of other streams may be lost then.
//
// s and each of the streams run on their own goroutines. Together the streams run up to [ReadAhead]
// elements ahead, and each one more. An element of s is read only when its stream can start at once. f
// runs on the goroutine of s. FlatMapUnordered panics if n is not positive. After futures'
// flat_map_unordered.
func FlatMapUnordered[T, U any](s Stream[T], n int, f func(T) Stream[U]) Stream[U] {
	return flattened("FlatMapUnordered", s, n, f)
}

func flattened[T, U any](name string, s Stream[T], n int, f func(T) Stream[U]) Stream[U] {
	checkPositive(name, n)
	checkFunc(name, f != nil)
	return Stream[U]{func(ctx context.Context, yield func(U) bool) error {
		return withScope(ctx, func(scope *task.Scope) error {
			c := make(chan merged[U], ReadAhead)
			running := atomic.Int64{} // s and the streams
			running.Store(1)
			places := make(chan struct{}, n)
			task.Spawn(scope, func(ctx context.Context) (struct{}, error) {
				take := func() bool {
					select {
					case places <- struct{}{}:
						return true
					case <-ctx.Done():
						return false
					}
				}
				forwardWith(ctx, c, func() error {
					if !take() {
						return contextError(ctx)
					}
					return s.start(ctx, func(v T) bool {
						inner := f(v)
						running.Add(1)
						task.Spawn(scope, func(ctx context.Context) (struct{}, error) {
							defer func() { <-places }()
							forward(ctx, inner, c)
							return struct{}{}, nil
						})
						return take() // for the next
					})
				})
				return struct{}{}, nil
			})
			return yieldMerged(ctx, c, &running, yield)
		})
	}}
}

// yieldMerged yields what is sent to c, until running, the number of streams that have not ended, is
// zero.
func yieldMerged[T any](ctx context.Context, c <-chan merged[T], running *atomic.Int64, yield func(T) bool) error {
	for {
		if ctx.Err() != nil {
			return contextError(ctx)
		}
		m, _, done := receive(ctx, c)
		switch {
		case done:
		case m.err != nil:
			return m.err
		case m.end:
			if running.Add(-1) == 0 {
				return nil
			}
		case !yield(m.v):
			return nil
		}
	}
}
