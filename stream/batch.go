package stream

import (
	"context"
	"time"

	"github.com/coderrange/ferrous/task"
)

// ReadyChunks yields slices of the elements that are ready, at most n. It waits only for the first
// element of a slice. So slices are small while the loop is fast, and grow when it is slow. Each slice
// is new and not empty.
//
// s runs on its own goroutine, up to min(n, 1024)+1 elements ahead. ReadyChunks panics if n is not
// positive. After futures' ready_chunks.
func ReadyChunks[T any](s Stream[T], n int) Stream[[]T] {
	checkPositive("ReadyChunks", n)
	return Stream[[]T]{func(ctx context.Context, yield func([]T) bool) error {
		return withScope(ctx, func(scope *task.Scope) error {
			r := startRunner(scope, s, min(n, maxChunkHint))
			for {
				if ctx.Err() != nil {
					return contextError(ctx)
				}
				var chunk []T
				open := true
				select {
				case v, ok := <-r.c:
					if open = ok; ok {
						chunk = append(chunk, v)
					}
				case <-ctx.Done():
					continue
				}
				for isReady := true; open && isReady && len(chunk) < n; {
					select {
					case v, ok := <-r.c:
						if open = ok; ok {
							chunk = append(chunk, v)
						}
					default:
						isReady = false
					}
				}
				if len(chunk) > 0 && !yield(chunk) {
					return nil
				}
				if !open {
					return r.err
				}
			}
		})
	}}
}

// BatchOptions are the bounds of a batch of [Batches]. A bound of zero does not count.
type BatchOptions[T any] struct {
	// MaxElements is the maximum number of elements of a batch.
	MaxElements int
	// MaxBytes is the maximum sum of the sizes of the elements, as Size returns them. An element
	// that is larger is a batch of its own.
	MaxBytes int
	// Size returns the size of an element in bytes. It is only needed for MaxBytes.
	Size func(T) int
	// MaxAge is the maximum time between the first element of a batch and its yield.
	MaxAge time.Duration
}

// Batches yields slices of elements. A slice is yielded when one of the bounds of o is reached, as log
// shippers do. The rest is yielded at the end, and before an error. Each slice is new and not empty.
//
// With a MaxAge, s runs on its own goroutine, up to [ReadAhead]+1 elements ahead. Otherwise it is pure.
// Batches panics if o has no bound or a negative one, or MaxBytes without Size. The loop panics if Size
// returns a negative number. For a single bound, use [Chunks] or [ChunksTimeout].
func Batches[T any](s Stream[T], o BatchOptions[T]) Stream[[]T] {
	switch {
	case o.MaxElements < 0 || o.MaxBytes < 0 || o.MaxAge < 0:
		panic(bug("Batches: negative bound (MaxElements %d, MaxBytes %d, MaxAge %v)", o.MaxElements, o.MaxBytes, o.MaxAge))
	case o.MaxElements == 0 && o.MaxBytes == 0 && o.MaxAge == 0:
		panic(bug("Batches: no bound"))
	}
	checkFunc("Batches", o.MaxBytes == 0 || o.Size != nil)
	if o.MaxAge > 0 {
		return gather(s, o, ReadAhead, false)
	}
	return Stream[[]T]{func(ctx context.Context, yield func([]T) bool) error {
		g := batchState[T]{o: o, yield: yield, open: true}
		err := s.start(ctx, g.add)
		if g.flush() {
			return err
		}
		return nil
	}}
}

// gather is Batches with a timer, which each element resets if eachResets.
func gather[T any](s Stream[T], o BatchOptions[T], ahead int, eachResets bool) Stream[[]T] {
	return Stream[[]T]{func(ctx context.Context, yield func([]T) bool) error {
		g := batchState[T]{o: o, yield: yield, open: true}
		fired := stopUnless(g.flush)
		err := timed(s, ahead, func(l *timedRun[T]) error {
			for {
				v, err := l.next(fired)
				if err != nil {
					return err
				}
				if !g.add(v) {
					return errStop
				}
				switch {
				case len(g.batch) == 0:
					l.timer.Stop()
				case len(g.batch) == 1 || eachResets:
					l.timer.Reset(o.MaxAge)
				}
			}
		}).run(ctx, func(T) bool { return true })
		if g.flush() {
			return err
		}
		return nil
	}}
}

// A batchState is a run of Batches.
type batchState[T any] struct {
	o     BatchOptions[T]
	yield func([]T) bool
	open  bool // yield has not returned false
	batch []T
	bytes int // of batch
}

// add adds an element, and reports whether the loop continues.
func (g *batchState[T]) add(v T) bool {
	size := 0
	if g.o.MaxBytes > 0 {
		if size = g.o.Size(v); size < 0 {
			panic(bug("Batches: Size returned %d", size))
		}
		if size > g.o.MaxBytes-g.bytes && !g.flush() {
			return false
		}
	}
	g.batch = append(g.batch, v)
	g.bytes += size
	if len(g.batch) == g.o.MaxElements || g.o.MaxBytes > 0 && g.bytes >= g.o.MaxBytes {
		return g.flush()
	}
	return true
}

// flush yields the batch if it is not empty, and reports whether the loop continues.
func (g *batchState[T]) flush() bool {
	full := g.batch
	g.batch, g.bytes = nil, 0
	if len(full) > 0 && g.open {
		g.open = g.yield(full)
	}
	return g.open
}
