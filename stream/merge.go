package stream

import (
	"context"
	"sync/atomic"

	"github.com/coderrange/ferrous/task"
)

// Merge runs all streams at once and yields their elements as they arrive. Waiting elements are
// yielded in FIFO order; but one stream may yield several elements in a row before the goroutine of
// another stream runs. The merged stream ends when all streams have ended, or with the first error,
// which comes after all elements that arrived before it. Each stream runs on its own goroutine, one
// element ahead. After futures' select_all.
func Merge[T any](ss ...Stream[T]) Stream[T] {
	if len(ss) == 0 {
		return Stream[T]{}
	}
	return Stream[T]{func(ctx context.Context, yield func(T) bool) error {
		return withScope(ctx, func(scope *task.Scope) error {
			c := make(chan merged[T]) // senders that wait are served in order
			for _, s := range ss {
				task.Spawn(scope, func(ctx context.Context) (struct{}, error) {
					forward(ctx, s, c)
					return struct{}{}, nil
				})
			}
			running := atomic.Int64{}
			running.Store(int64(len(ss)))
			return yieldMerged(ctx, c, &running, yield)
		})
	}}
}

// merged is an element or the end of a stream.
type merged[T any] struct {
	v   T
	end bool
	err error
}

// forward runs s and sends its elements, and then its end, until ctx is done.
func forward[T any](ctx context.Context, s Stream[T], c chan<- merged[T]) {
	forwardWith(ctx, c, func() error {
		return s.start(ctx, func(v T) bool { return send(ctx, c, merged[T]{v: v}) })
	})
}

// forwardWith runs f, which sends elements, and then sends the end with the error of f.
func forwardWith[T any](ctx context.Context, c chan<- merged[T], f func() error) {
	last := merged[T]{end: true, err: task.ErrGoexit} // unless it returns
	defer func() { send(ctx, c, last) }()
	last.err = f()
}

// send sends m, or returns false if ctx is done first. It first tries without waiting, which costs
// much less than a select.
func send[M any](ctx context.Context, c chan<- M, m M) bool {
	select {
	case c <- m:
		return true
	default:
	}
	select {
	case c <- m:
		return true
	case <-ctx.Done():
		return false
	}
}

// receive receives from c; done is true if ctx was done first. Like send, it first tries without
// waiting.
func receive[M any](ctx context.Context, c <-chan M) (m M, ok, done bool) {
	select {
	case m, ok = <-c:
		return m, ok, false
	default:
	}
	select {
	case m, ok = <-c:
		return m, ok, false
	case <-ctx.Done():
		return m, false, true
	}
}

// Keyed is an element with the key of its stream.
type Keyed[K comparable, T any] struct {
	Key   K
	Value T
}

// SelectAll is [Merge] for streams with keys. For streams that come and go, use [Sources]. After
// tokio's StreamMap.
func SelectAll[K comparable, T any](ss map[K]Stream[T]) Stream[Keyed[K, T]] {
	named := make([]Stream[Keyed[K, T]], 0, len(ss))
	for k, s := range ss {
		named = append(named, Map(s, 1, func(_ context.Context, v T) (Keyed[K, T], error) {
			return Keyed[K, T]{k, v}, nil
		}))
	}
	return Merge(named...)
}

// Pair is an element of each of two streams.
type Pair[A, B any] struct {
	First  A
	Second B
}

// Zip returns a stream of pairs: the first elements of both streams, the second elements, and so on.
// The streams run at once on their own goroutines, each one element ahead. Zip ends when one of them
// ends, also while the other waits.
func Zip[A, B any](sa Stream[A], sb Stream[B]) Stream[Pair[A, B]] {
	return Stream[Pair[A, B]]{func(ctx context.Context, yield func(Pair[A, B]) bool) error {
		return withScope(ctx, func(scope *task.Scope) error {
			a, b := startRunner(scope, sa, 0), startRunner(scope, sb, 0)
			for {
				var pair Pair[A, B]
				fromA, fromB := a.c, b.c
				for fromA != nil || fromB != nil {
					if ctx.Err() != nil {
						return contextError(ctx)
					}
					var ok bool
					select {
					case pair.First, ok = <-fromA:
						if !ok {
							return a.err
						}
						fromA = nil
					case pair.Second, ok = <-fromB:
						if !ok {
							return b.err
						}
						fromB = nil
					case <-ctx.Done():
					}
				}
				if !yield(pair) {
					return nil
				}
			}
		})
	}}
}

// CombineLatest returns a stream of pairs of the latest elements of two streams. When both streams
// have had an element, it yields a pair for each new element of one of them. The streams run at once
// on their own goroutines, each one element ahead. CombineLatest ends when both have ended. After
// ReactiveX.
func CombineLatest[A, B any](sa Stream[A], sb Stream[B]) Stream[Pair[A, B]] {
	return Stream[Pair[A, B]]{func(ctx context.Context, yield func(Pair[A, B]) bool) error {
		return withScope(ctx, func(scope *task.Scope) error {
			a, b := startRunner(scope, sa, 0), startRunner(scope, sb, 0)
			fromA, fromB := a.c, b.c
			var last Pair[A, B]
			var hasA, hasB bool
			for fromA != nil || fromB != nil {
				if ctx.Err() != nil {
					return contextError(ctx)
				}
				select {
				case v, ok := <-fromA:
					switch {
					case ok:
						last.First, hasA = v, true
					case a.err != nil:
						return a.err
					default:
						fromA = nil
						continue
					}
				case v, ok := <-fromB:
					switch {
					case ok:
						last.Second, hasB = v, true
					case b.err != nil:
						return b.err
					default:
						fromB = nil
						continue
					}
				case <-ctx.Done():
					continue
				}
				if hasA && hasB && !yield(last) {
					return nil
				}
			}
			return nil
		})
	}}
}
