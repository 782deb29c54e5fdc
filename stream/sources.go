package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/coderrange/ferrous/task"
)

// errRemoved is the cause with which the run of a source ends that was removed.
var errRemoved = errors.New("stream: the source was removed")

// Sources is a set of named streams that come and go while their elements are read
// as one stream. For a set that does not change, see [SelectAll]. After tokio's
// StreamMap.
//
// The zero Sources is empty and ready. It is safe for concurrent use, also from within
// the loop and the sources, and must not be copied after first use.
type Sources[K comparable, T any] struct {
	_ noCopy

	mu      sync.Mutex
	named   map[K]*source[K, T]
	closed  bool
	current *sourcesRun[K, T] // the one that reads, or nil
}

// A source is a stream of a Sources. Its fields are guarded by the mutex of that.
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
	changed chan struct{} // gets a token when the set may have come to its end
}

// arrival is an element or the end of a source.
type arrival[K comparable, T any] struct {
	from *source[K, T]
	merged[T]
}

// Insert adds the stream s with the name k, in the place of an earlier one with that
// name, whose run is ended. A loop that runs begins with s at once. It returns
// [ErrClosed] after [Sources.Close]. It does not wait.
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

// Remove takes the stream with the name k out and ends its run, and reports whether
// there was one. No element of it begins to be yielded after Remove has returned. It
// does not wait for the stream's goroutine.
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

// Close says that no more streams are inserted: the loop ends when those that are in
// have ended. It can be called again.
func (ss *Sources[K, T]) Close() {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.closed = true
	ss.wakeLoop()
}

// Contains reports whether there is a stream with the name k that has not ended.
func (ss *Sources[K, T]) Contains(k K) bool {
	checkKey("Sources.Contains", k)
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.named[k] != nil
}

// Keys returns the names of the streams that have not ended, in no order.
func (ss *Sources[K, T]) Keys() []K {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	keys := make([]K, 0, len(ss.named))
	for k := range ss.named {
		keys = append(keys, k)
	}
	return keys
}

// Len returns how many streams have not ended.
func (ss *Sources[K, T]) Len() int {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return len(ss.named)
}

// Stream returns a stream of the elements of all streams that are in, with their
// names, as they come: no element passes one that waits. It ends when Close was called
// and all streams have ended or were removed, so it can wait while none is in. A
// stream that has ended is taken out. The first error ends the loop, after all elements
// that were yielded before, and takes out the stream whose error it is; the others stay
// in, and a later loop begins them anew.
//
// Each stream runs on a goroutine of its own, one element ahead. One loop runs at a
// time; a second one panics.
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

// arrived reports whether the source of a is still in. If a is its end, it is not any
// more then.
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

// remove takes a source out. The caller holds mu.
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

// wakeLoop wakes the loop. The caller holds mu.
func (ss *Sources[K, T]) wakeLoop() {
	if ss.current == nil {
		return
	}
	select {
	case ss.current.changed <- struct{}{}:
	default:
	}
}

// begin runs a source in the loop's scope. The caller holds mu.
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

// String returns how many streams are in.
func (ss *Sources[K, T]) String() string {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return fmt.Sprintf("Sources(streams=%d closed=%t)", len(ss.named), ss.closed)
}

// GoString returns the same as String.
func (ss *Sources[K, T]) GoString() string { return ss.String() }

// LogValue returns the same as String.
func (ss *Sources[K, T]) LogValue() slog.Value { return slog.StringValue(ss.String()) }
