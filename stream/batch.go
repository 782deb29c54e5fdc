package stream

import (
	"context"
	"time"

	"github.com/coderrange/ferrous/task"
)

// ReadyChunks gathers what is ready, at most n elements, into a slice of their own,
// which is never empty: it waits for the first element only. So chunks are small while
// the loop is fast and grow when it is slow. Before an error, what was gathered is
// yielded.
//
// s runs on a goroutine of its own, up to min(n, 1024) elements and one more ahead. An
// n that is not positive panics. After futures' ready_chunks.
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

// BatchOptions says when a batch of [Batches] is full. A zero bound is none.
type BatchOptions[T any] struct {
	// MaxElements is how many elements a batch has at most.
	MaxElements int
	// MaxBytes is how many bytes the elements of a batch have at most, as Size counts
	// them. An element that alone has more is a batch of its own.
	MaxBytes int
	// Size returns how many bytes an element has. It is needed for MaxBytes only.
	Size func(T) int
	// MaxAge is how long after its first element a batch is yielded at the latest.
	MaxAge time.Duration
}

// Batches gathers elements into a slice of their own, which is never empty, until one
// of the bounds of o is reached, as shippers of logs do. At the end, and before an
// error, what was gathered is yielded.
//
// With a MaxAge, s runs on a goroutine of its own, up to [ReadAhead] elements and one
// more ahead; else it is pure.
// It panics if o has no bound or a negative one, if it has MaxBytes and no Size, and
// when Size returns a negative number. For the bounds one by one there are [Chunks] and
// [ChunksTimeout].
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

// gather is Batches with a timer, which each element sets anew if eachResets.
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

// A batchState is a run that gathers elements.
type batchState[T any] struct {
	o     BatchOptions[T]
	yield func([]T) bool
	open  bool // yield has not returned false
	batch []T
	bytes int // of batch
}

// add reports whether there may be more.
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

// flush yields what was gathered.
func (g *batchState[T]) flush() bool {
	full := g.batch
	g.batch, g.bytes = nil, 0
	if len(full) > 0 && g.open {
		g.open = g.yield(full)
	}
	return g.open
}
