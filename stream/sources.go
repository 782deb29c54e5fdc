package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/coderrange/ferrous/task"
)

// errRemoved is the cause with which the run of a removed source is canceled.
var errRemoved = errors.New("stream: the source was removed")

// Sources is a set of streams with keys, whose elements are read as one stream. Streams can be inserted
// and removed during the loop. For a fixed set, use [SelectAll]. After tokio's StreamMap.
//
// The zero Sources is empty and ready to use. It is safe for concurrent use, also from the loop and
// from its streams. It must not be copied after first use. Methods panic if a map cannot find the key
// again, such as a NaN.
type Sources[K comparable, T any] struct {
	_ noCopy

	mu      sync.Mutex
	named   map[K]*source[K, T]
	closed  bool
	current *sourcesRun[K, T] // the one that reads, or nil
}

// A source is a stream of a Sources, whose mutex guards the fields.
type source[K comparable, T any] struct {
	key     K
	s       Stream[T]
	cancel  context.CancelCauseFunc // of its run; nil before it runs
	removed bool
}

// A sourcesRun is a loop over a Sources.
type sourcesRun[K comparable, T any] struct {
	scope   *task.Scope
	c       chan arrival[K, T]
	changed chan struct{} // gets a token when the stream may have ended
}

// arrival is an element or the end of a source.
type arrival[K comparable, T any] struct {
	from *source[K, T]
	merged[T]
}

// Insert adds the stream s with the key k. A stream that has that key is removed, as by
// [Sources.Remove]. If a loop is running, it starts s at once. Insert does not wait. After
// [Sources.Close] it returns [ErrClosed].
func (ss *Sources[K, T]) Insert(k K, s Stream[T]) error {
	checkKey("Sources.Insert", k)
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.closed {
		return ErrClosed
	}
	ss.remove(k)
	if ss.named == nil {
		ss.named = map[K]*source[K, T]{}
	}
	x := &source[K, T]{key: k, s: s}
	ss.named[k] = x
	if ss.current != nil {
		ss.begin(x)
	}
	return nil
}

// Remove removes the stream with the key k and cancels its run. It reports whether there was one. After
// Remove has returned, the loop yields no further element of that stream. Remove does not wait for the
// goroutine of the stream.
func (ss *Sources[K, T]) Remove(k K) bool {
	checkKey("Sources.Remove", k)
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if !ss.remove(k) {
		return false
	}
	ss.wakeLoop()
	return true
}

// Close refuses further streams: the loop ends when the streams in the set have ended. Close may be
// called more than once.
func (ss *Sources[K, T]) Close() {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.closed = true
	ss.wakeLoop()
}

// Contains reports whether the set has a stream with the key k that has not ended.
func (ss *Sources[K, T]) Contains(k K) bool {
	checkKey("Sources.Contains", k)
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.named[k] != nil
}

// Keys returns the keys of the streams that have not ended, in no particular order.
func (ss *Sources[K, T]) Keys() []K {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	keys := make([]K, 0, len(ss.named))
	for k := range ss.named {
		keys = append(keys, k)
	}
	return keys
}

// Len returns the number of streams that have not ended.
func (ss *Sources[K, T]) Len() int {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return len(ss.named)
}

// Stream returns a stream of the elements of all streams in the set, with their keys. Waiting elements
// are yielded in FIFO order. The stream ends when Close has been called and all streams have ended or
// were removed; until then it waits, also if the set is empty.
//
// A stream that has ended is removed from the set. The first error ends the loop, after the elements
// that arrived before it, and removes the stream with the error. The other streams stay, and a later
// loop runs them from the beginning.
//
// Each stream runs on its own goroutine, one element ahead. Only one loop can run at a time; a second
// one panics.
func (ss *Sources[K, T]) Stream() Stream[Keyed[K, T]] {
	return Stream[Keyed[K, T]]{func(ctx context.Context, yield func(Keyed[K, T]) bool) error {
		return withScope(ctx, func(scope *task.Scope) error {
			r := &sourcesRun[K, T]{scope: scope, c: make(chan arrival[K, T]), changed: make(chan struct{}, 1)}
			ss.enter(r)
			defer ss.leave()
			for {
				if ctx.Err() != nil {
					return contextError(ctx)
				}
				if ss.atEnd() {
					return nil
				}
				select {
				case a := <-r.c:
					switch {
					case !ss.arrived(a): // it was removed
					case a.err != nil:
						return a.err
					case !a.end && !yield(Keyed[K, T]{a.from.key, a.v}):
						return nil
					}
				case <-r.changed:
				case <-ctx.Done():
				}
			}
		})
	}}
}

func (ss *Sources[K, T]) enter(r *sourcesRun[K, T]) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.current != nil {
		panic(bug("Sources.Stream: another loop runs"))
	}
	ss.current = r
	for _, x := range ss.named {
		ss.begin(x)
	}
}

func (ss *Sources[K, T]) leave() {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.current = nil
	for _, x := range ss.named {
		x.cancel = nil
	}
}

func (ss *Sources[K, T]) atEnd() bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.closed && len(ss.named) == 0
}

// arrived reports whether the source of a is in the set. If a is the end of the source, arrived removes
// it.
func (ss *Sources[K, T]) arrived(a arrival[K, T]) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if a.from.removed {
		return false
	}
	if a.end {
		delete(ss.named, a.from.key)
	}
	return true
}

// remove removes the source with the key k, if there is one. The caller holds mu.
func (ss *Sources[K, T]) remove(k K) bool {
	x := ss.named[k]
	if x == nil {
		return false
	}
	delete(ss.named, k)
	x.removed = true
	if x.cancel != nil {
		x.cancel(errRemoved)
	}
	return true
}

// wakeLoop wakes the loop if there is one. The caller holds mu.
func (ss *Sources[K, T]) wakeLoop() {
	if ss.current == nil {
		return
	}
	select {
	case ss.current.changed <- struct{}{}:
	default:
	}
}

// begin starts a source in the scope of the loop. The caller holds mu.
func (ss *Sources[K, T]) begin(x *source[K, T]) {
	r := ss.current
	task.Spawn(r.scope, func(ctx context.Context) (struct{}, error) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		ss.mu.Lock()
		if x.removed {
			cancel(errRemoved)
		} else if ss.current == r {
			x.cancel = cancel
		}
		ss.mu.Unlock()
		last := arrival[K, T]{from: x, merged: merged[T]{end: true, err: task.ErrGoexit}} // unless it returns
		defer func() { send(ctx, r.c, last) }()
		last.err = x.s.start(ctx, func(v T) bool {
			return send(ctx, r.c, arrival[K, T]{from: x, merged: merged[T]{v: v}})
		})
		return struct{}{}, nil
	})
}

// String returns the number of streams and whether Close was called.
func (ss *Sources[K, T]) String() string {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return fmt.Sprintf("Sources(streams=%d closed=%t)", len(ss.named), ss.closed)
}

// GoString returns the same as String.
func (ss *Sources[K, T]) GoString() string { return ss.String() }

// LogValue returns the same as String.
func (ss *Sources[K, T]) LogValue() slog.Value { return slog.StringValue(ss.String()) }
