package stream

import (
	"context"
	"errors"

	"github.com/coderrange/ferrous/task"
)

// A runner runs a stream on a goroutine of its own.
type runner[T any] struct {
	c   chan T // closed at the end
	err error  // read after the end
}

// startRunner starts s in the scope, at most ahead elements and one more ahead of
// who receives.
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

// Buffer lets s run up to n elements ahead of the loop, on a goroutine of its
// own, and one more that waits. An n that is not positive panics.
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

// TakeUntil ends the stream when stop is closed or sends, also while s waits. s
// runs on the loop's goroutine, with a context that ends then.
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
