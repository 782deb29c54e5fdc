package stream

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/coderrange/ferrous/task"
)

// Tee runs s once and gives each branch all of its elements, in a stream of its
// own. Each branch runs on a goroutine of its own, s on the caller's. A branch
// may be n elements behind; then s waits for it, so the slowest sets the pace,
// and one that does not read stops all. A branch that has returned is not waited
// for; when all have, s is stopped, also while it waits, and what it returns then
// does not count.
//
// An error of s ends the branches' streams, after the elements before it. A branch
// that then returns an error does not disturb the others. Any other error of a
// branch ends everything. Tee waits for all branches, and returns the first error
// of a branch, or else that of s. An n that is not positive panics.
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

// Split is [Tee] for two branches, of which yes gets the elements for which pred
// returns true, and no the others. s also waits for a branch that is n elements
// behind; elements for a branch that has returned are dropped.
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
	Missed uint64 // how many elements the branch lost just before this one
}

// Broadcast is [Tee] without waiting: a branch that is more than n elements
// behind loses the oldest of them, and is told how many by the next one that it
// gets. So s runs at its own pace.
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

// A branch is a channel to a consumer.
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

// send waits for room, until the branch has returned or done is closed.
func (b *branch[T]) send(done <-chan struct{}, v T) {
	if b.hasReturned() { // which a select would see only sometimes
		return
	}
	select {
	case b.c <- v:
	case <-b.returned:
	case <-done:
	}
}

// replace makes room, unless the branch has returned.
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

// tee runs s and the branches. deliver gives up when done is closed: s is to
// stop then.
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
