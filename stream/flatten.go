package stream

import (
	"context"
	"sync/atomic"

	"github.com/coderrange/ferrous/task"
)

// FlattenUnordered runs the streams that s yields, n at once, and yields their
// elements as they come. After futures' flatten_unordered. See [FlatMapUnordered].
func FlattenUnordered[T any](s Stream[Stream[T]], n int) Stream[T] {
	return flattened("FlattenUnordered", s, n, func(inner Stream[T]) Stream[T] { return inner })
}

// FlatMapUnordered runs the streams that f returns for the elements of s, n at once,
// and yields their elements in the order in which they come. It ends when all have ended, or with the first error, of s or of one of
// them, which may pass elements of the others.
//
// s and each of the streams run on goroutines of their own. The streams run up to
// [ReadAhead] elements ahead together, and one more each. An element of s is read only
// if its stream can begin at once. f runs on the goroutine of s. An n that is not
// positive and a nil f panic. After futures' flat_map_unordered.
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

// yieldMerged yields what is sent to c until as many streams have ended as running
// says.
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
