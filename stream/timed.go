package stream

import (
	"context"
	"errors"
	"time"

	"github.com/coderrange/ferrous/task"
)

// Throttle lets an element pass at once, and the next one not before d has
// passed since: the source waits, nothing is dropped. It is pure but for a
// timer. A d that is not positive panics.
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

// Timeout calls stalled when the loop has waited for an element for d, once a
// stall: then not before the next element has come. An error of it ends the
// stream; a nil stalled stands for one that returns [ErrTimeout]. s runs on a
// goroutine of its own, one element ahead. A d that is not positive panics.
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

// ChunksTimeout gathers n elements, or what has come when d has passed since the
// first of them, into a slice of their own, which is never empty. At the end, and
// before an error, what was gathered is yielded. s runs on a goroutine of its
// own, one element ahead. An n or d that is not positive panics.
func ChunksTimeout[T any](s Stream[T], n int, d time.Duration) Stream[[]T] {
	checkPositive("ChunksTimeout", n)
	checkDuration("ChunksTimeout", d)
	return gather(s, BatchOptions[T]{MaxElements: n, MaxAge: d}, 0, false)
}

// Sessions gathers elements that come less than gap after each other, at most n,
// into a slice of their own: it is yielded when nothing has come for gap. For the
// rest it is like [ChunksTimeout].
func Sessions[T any](s Stream[T], n int, gap time.Duration) Stream[[]T] {
	checkPositive("Sessions", n)
	checkDuration("Sessions", gap)
	return gather(s, BatchOptions[T]{MaxElements: n, MaxAge: gap}, 0, true)
}

// Debounce yields an element when nothing has come after it for d, and at the
// end, or before an error, the last one. Others are dropped. s runs on a goroutine
// of its own. A d that is not positive panics.
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

// A timedRun is a run of a stream on a goroutine of its own beside a timer, which is
// stopped at first.
type timedRun[T any] struct {
	ctx    context.Context
	source *runner[T]
	timer  *time.Timer
	yield  func(T) bool
	tries  uint // of next
}

// stopUnless is f, with errStop for false.
func stopUnless(f func() bool) func() error {
	return func() error {
		if !f() {
			return errStop
		}
		return nil
	}
}

// errEnd is the end of a loop's stream.
var errEnd = errors.New("stream: the end")

// timed returns a stream that is run by f, whose error errEnd is no error. s is one
// element ahead, and as many more as ahead says.
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

// next waits for an element, and calls fired whenever the timer fires meanwhile.
// It returns errEnd at the end.
func (l *timedRun[T]) next(fired func() error) (v T, err error) {
	for {
		if l.ctx.Err() != nil {
			return v, contextError(l.ctx)
		}
		// Try first without waiting, which costs much less, but not always: elements that
		// are always there must not hide the timer.
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

// ended returns the error of the end, unless it is not the end.
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
