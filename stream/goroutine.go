package stream

import (
	"context"
	"errors"

	"github.com/coderrange/ferrous/task"
)

// A runner runs a stream on its own goroutine.
type runner[T any] struct {
	c   chan T // closed at the end
	err error  // read after the end
}

// startRunner starts s in the scope. s runs at most ahead+1 elements ahead of the receiver.
func startRunner[T any](scope *task.Scope, s Stream[T], ahead int) *runner[T] {
	r := &runner[T]{c: make(chan T, ahead), err: task.ErrGoexit} // unless it returns
	task.Spawn(scope, func(ctx context.Context) (struct{}, error) {
		defer close(r.c)
		cut := false
		err := s.start(ctx, func(v T) bool {
			cut = !send(ctx, r.c, v)
			return !cut
		})
		if cut {
			err = contextError(ctx)
		}
		r.err = err
		return struct{}{}, nil
	})
	return r
}

// Buffer runs s on its own goroutine, up to n+1 elements ahead of the loop. It panics if n is not
// positive, or if memory cannot hold n elements.
func Buffer[T any](s Stream[T], n int) Stream[T] {
	checkBuffer[T]("Buffer", n)
	return Stream[T]{func(ctx context.Context, yield func(T) bool) error {
		return withScope(ctx, func(scope *task.Scope) error {
			r := startRunner(scope, s, n)
			for {
				if ctx.Err() != nil {
					return contextError(ctx)
				}
				v, ok, done := receive(ctx, r.c)
				switch {
				case done:
				case !ok:
					return r.err
				case !yield(v):
					return nil
				}
			}
		})
	}}
}

// TakeUntil returns a stream that ends when stop is closed or sends. The context of s ends then, so
// it also ends while s waits. A nil stop never sends. s runs on the goroutine of the loop.
func TakeUntil[T, S any](s Stream[T], stop <-chan S) Stream[T] {
	return Stream[T]{func(ctx context.Context, yield func(T) bool) error {
		return withScope(ctx, func(scope *task.Scope) error {
			errStopped := errors.New("stream: stopped") // this run, not one around it
			limited, cancel := context.WithCancelCause(ctx)
			defer cancel(nil)
			task.Spawn(scope, func(ctx context.Context) (struct{}, error) {
				select {
				case <-stop:
					cancel(errStopped)
				case <-ctx.Done():
				}
				return struct{}{}, nil
			})
			select {
			case <-stop:
				return nil
			default:
			}
			stopped := func() bool { return context.Cause(limited) == errStopped } //nolint:errorlint // our own
			err := s.start(limited, func(v T) bool { return !stopped() && yield(v) })
			if stopped() {
				return nil
			}
			return err
		})
	}}
}
