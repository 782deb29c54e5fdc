package stream

import (
	"context"
	"errors"
	"time"

	"github.com/coderrange/ferrous/task"
)

// Throttle yields an element at once, and the next one at the earliest d later. The source waits;
// nothing is dropped. It is pure, but for a timer. Throttle panics if d is not positive.
func Throttle[T any](s Stream[T], d time.Duration) Stream[T] {
	checkDuration("Throttle", d)
	return Stream[T]{func(ctx context.Context, yield func(T) bool) error {
		var next time.Time
		var failure error
		err := s.start(ctx, func(v T) bool {
			if failure = sleep(ctx, time.Until(next)); failure != nil {
				return false
			}
			next = time.Now().Add(d)
			return yield(v)
		})
		if failure != nil {
			return failure
		}
		return err
	}}
}

// Timeout calls stalled when the loop has waited for an element for d. It is called once for each such
// stall. An error of stalled ends the stream. If stalled is nil, the stream ends with [ErrTimeout]. s
// runs on its own goroutine, one element ahead. Timeout panics if d is not positive. After
// tokio-stream's timeout.
func Timeout[T any](s Stream[T], d time.Duration, stalled func(context.Context) error) Stream[T] {
	checkDuration("Timeout", d)
	if stalled == nil {
		stalled = func(context.Context) error { return ErrTimeout }
	}
	return timed(s, 0, func(l *timedRun[T]) error {
		fired := func() error { return withCause(l.ctx, stalled(l.ctx)) } // and the timer rests
		for {
			l.timer.Reset(d)
			v, err := l.next(fired)
			if err != nil || !l.yieldOne(v) {
				return err
			}
		}
	})
}

// ChunksTimeout yields slices of n elements, or of those that have arrived when d has passed since the
// first of them. The rest is yielded at the end, and before an error. Each slice is new and not empty.
// s runs on its own goroutine, one element ahead. ChunksTimeout panics if n or d is not positive. After
// tokio-stream's chunks_timeout.
func ChunksTimeout[T any](s Stream[T], n int, d time.Duration) Stream[[]T] {
	checkPositive("ChunksTimeout", n)
	checkDuration("ChunksTimeout", d)
	return gather(s, BatchOptions[T]{MaxElements: n, MaxAge: d}, 0, false)
}

// Sessions yields slices of elements of which each arrived less than gap after the one before, at most n
// of them. A slice is yielded when no element has arrived for gap. Otherwise it is like
// [ChunksTimeout].
func Sessions[T any](s Stream[T], n int, gap time.Duration) Stream[[]T] {
	checkPositive("Sessions", n)
	checkDuration("Sessions", gap)
	return gather(s, BatchOptions[T]{MaxElements: n, MaxAge: gap}, 0, true)
}

// Debounce yields an element when no other element has arrived for d, and the last element at the end
// or before an error. Other elements are dropped. s runs on its own goroutine. Debounce panics if d is
// not positive.
func Debounce[T any](s Stream[T], d time.Duration) Stream[T] {
	checkDuration("Debounce", d)
	return Stream[T]{func(ctx context.Context, yield func(T) bool) error {
		var last T
		has, more := false, true
		flush := func() bool {
			if has && more {
				more = yield(last)
			}
			has = false
			return more
		}
		fired := stopUnless(flush)
		err := timed(s, 0, func(l *timedRun[T]) error {
			for {
				v, err := l.next(fired)
				if err != nil {
					return err
				}
				last, has = v, true
				l.timer.Reset(d)
			}
		}).run(ctx, func(T) bool { return true })
		if flush() {
			return err
		}
		return nil
	}}
}

// A timedRun is a run of a stream on its own goroutine with a timer, which is stopped at first.
type timedRun[T any] struct {
	ctx    context.Context
	source *runner[T]
	timer  *time.Timer
	yield  func(T) bool
	tries  uint // of next
}

// stopUnless returns f as a function that returns errStop for false.
func stopUnless(f func() bool) func() error {
	return func() error {
		if !f() {
			return errStop
		}
		return nil
	}
}

// errEnd is the end of the stream of a timedRun.
var errEnd = errors.New("stream: the end")

// timed returns a stream that is run by f, whose error errEnd is no error. s is up to ahead+1 elements
// ahead.
func timed[T any](s Stream[T], ahead int, f func(*timedRun[T]) error) Stream[T] {
	return Stream[T]{func(ctx context.Context, yield func(T) bool) error {
		err := withScope(ctx, func(scope *task.Scope) error {
			l := &timedRun[T]{ctx: ctx, source: startRunner(scope, s, ahead), timer: time.NewTimer(time.Hour), yield: yield}
			l.timer.Stop()
			defer l.timer.Stop()
			return f(l)
		})
		if err == errEnd { //nolint:errorlint // our own
			return nil
		}
		return err
	}}
}

// next waits for an element, and calls fired whenever the timer fires during the wait. At the end it
// returns errEnd.
func (l *timedRun[T]) next(fired func() error) (v T, err error) {
	for {
		if l.ctx.Err() != nil {
			return v, contextError(l.ctx)
		}
		// Try first without waiting, which costs much less. But not always: a source that is
		// always ready must not hide the timer.
		if l.tries++; l.tries%16 != 0 {
			select {
			case v, ok := <-l.source.c:
				return v, l.ended(ok)
			default:
			}
		}
		select {
		case v, ok := <-l.source.c:
			return v, l.ended(ok)
		case <-l.timer.C:
			if err := fired(); err != nil {
				return v, err
			}
		case <-l.ctx.Done():
		}
	}
}

// ended returns nil if ok, else the error of the end.
func (l *timedRun[T]) ended(ok bool) error {
	switch {
	case ok:
		return nil
	case l.source.err != nil:
		return l.source.err
	default:
		return errEnd
	}
}

func (l *timedRun[T]) yieldOne(v T) bool {
	l.timer.Stop()
	return l.yield(v)
}
