package stream

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/coderrange/ferrous/task"
)

// Tee runs s once and passes all of its elements to each branch, in a stream of its own. s runs on
// the goroutine of the caller, each branch on a goroutine of its own.
//
// A branch may be up to n elements behind. If it is n behind, s waits for it: the slowest branch sets
// the pace, and a branch that does not read stops all. s does not wait for a branch that has returned.
// When all branches have returned, s is canceled, and its error is dropped.
//
// An error of s ends the streams of the branches, after the elements before it. If a branch then
// returns an error, the other branches continue. Any other error of a branch cancels everything. Tee
// waits for all branches. It returns the first error of a branch, or else the error of s. It panics
// if n is not positive, or if memory cannot hold n elements.
//
//ferrous:blocks
func Tee[T any](ctx context.Context, s Stream[T], n int, branches ...func(context.Context, Stream[T]) error) error {
	checkContext(ctx, "Tee")
	checkBuffer[T]("Tee", n)
	checkFuncs("Tee", branches)
	return tee(ctx, s, n, branches, func(done <-chan struct{}, bs []*branch[T], v T) {
		for _, b := range bs {
			b.send(done, v)
		}
	})
}

// Split is [Tee] for two branches: yes gets the elements for which pred returns true, no gets the
// others. Elements for a branch that has returned are dropped.
//
//ferrous:blocks
func Split[T any](
	ctx context.Context, s Stream[T], n int, pred func(T) bool, yes, no func(context.Context, Stream[T]) error,
) error {
	checkContext(ctx, "Split")
	checkBuffer[T]("Split", n)
	branches := []func(context.Context, Stream[T]) error{yes, no}
	checkFuncs("Split", branches)
	checkFunc("Split", pred != nil)
	return tee(ctx, s, n, branches, func(done <-chan struct{}, bs []*branch[T], v T) {
		if pred(v) {
			bs[0].send(done, v)
		} else {
			bs[1].send(done, v)
		}
	})
}

// Received is an element of a [Broadcast].
type Received[T any] struct {
	Value  T
	Missed uint64 // how many elements the branch lost right before this one
}

// Broadcast is [Tee] for a source that does not wait for its branches. A branch that is more than n
// elements behind loses the oldest of them; the next element that it gets says how many it missed.
//
//ferrous:blocks
func Broadcast[T any](
	ctx context.Context, s Stream[T], n int, branches ...func(context.Context, Stream[Received[T]]) error,
) error {
	checkContext(ctx, "Broadcast")
	checkBuffer[Indexed[T]]("Broadcast", n)
	checkFuncs("Broadcast", branches)
	tellMissed := make([]func(context.Context, Stream[Indexed[T]]) error, len(branches))
	for i, f := range branches {
		next := 0
		tellMissed[i] = func(ctx context.Context, s Stream[Indexed[T]]) error {
			return f(ctx, Map(s, 1, func(_ context.Context, v Indexed[T]) (Received[T], error) {
				missed := v.Index - next
				next = v.Index + 1
				return Received[T]{v.Value, uint64(missed)}, nil
			}))
		}
	}
	return tee(ctx, Enumerate(s), n, tellMissed, func(_ <-chan struct{}, bs []*branch[Indexed[T]], v Indexed[T]) {
		for _, b := range bs {
			b.replace(v)
		}
	})
}

// A branch is the channel to a consumer.
type branch[T any] struct {
	c        chan T
	returned chan struct{} // closed when the consumer has returned
}

func (b *branch[T]) hasReturned() bool {
	select {
	case <-b.returned:
		return true
	default:
		return false
	}
}

// send sends v, unless the branch returns or done is closed first.
func (b *branch[T]) send(done <-chan struct{}, v T) {
	if b.hasReturned() { // a select would choose at random
		return
	}
	select {
	case b.c <- v:
	case <-b.returned:
	case <-done:
	}
}

// replace sends v and drops the oldest element if there is no room, unless the branch has returned.
func (b *branch[T]) replace(v T) {
	for !b.hasReturned() {
		select {
		case b.c <- v:
			return
		default:
		}
		select {
		case <-b.c:
		default:
		}
	}
}

// tee runs s and the branches. deliver passes an element to branches, and gives up when done is
// closed, since s is to stop then.
func tee[T any](
	ctx context.Context, s Stream[T], n int, consumers []func(context.Context, Stream[T]) error,
	deliver func(done <-chan struct{}, bs []*branch[T], v T),
) error {
	if err := begin(ctx); err != nil {
		return err
	}
	var once sync.Once
	var first error         // of a branch
	ended := task.ErrGoexit // of s, written before the channels are closed, unless it returns
	scopeErr := task.WithScope(ctx, func(scope *task.Scope) error {
		errLeft := errors.New("stream: all branches have returned")
		source, stop := context.WithCancelCause(scope.Context())
		defer stop(nil)
		var open atomic.Int64
		open.Store(int64(len(consumers)))
		if len(consumers) == 0 {
			stop(errLeft)
		}
		bs := make([]*branch[T], len(consumers))
		for i, consume := range consumers {
			b := &branch[T]{make(chan T, n), make(chan struct{})}
			bs[i] = b
			task.Spawn(scope, func(ctx context.Context) (struct{}, error) {
				failure := task.ErrGoexit // unless it returns
				var told atomic.Bool      // of an error of s
				defer func() {
					if open.Add(-1) == 0 {
						stop(errLeft)
					}
					close(b.returned)
					if failure != nil {
						once.Do(func() { first = failure })
						if !told.Load() { // else the others are about to end, too
							scope.Abort(failure)
						}
					}
				}()
				failure = withCause(ctx, consume(ctx, newSource("fork", func(ctx context.Context, yield func(T) bool) error {
					more := true
					err := FromChan(b.c).run(ctx, func(v T) bool {
						more = yield(v)
						return more
					})
					if err == nil && more {
						err = ended
						told.Store(err != nil)
					}
					return err
				})))
				return struct{}{}, nil
			})
		}
		defer func() {
			for _, b := range bs {
				close(b.c)
			}
		}()
		done := source.Done()
		err := s.start(source, func(v T) bool {
			deliver(done, bs, v)
			return source.Err() == nil
		})
		switch {
		case context.Cause(source) == errLeft: //nolint:errorlint // our own
			err = nil
		case err == nil && source.Err() != nil:
			err = contextError(source)
		}
		ended = err
		return nil
	})
	switch {
	case first != nil:
		return first
	case ended != nil:
		return ended
	default:
		return scopeErr
	}
}
