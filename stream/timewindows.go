package stream

import (
	"context"
	"math"
	"slices"
	"time"
)

// Window is what has come in a span of time.
type Window[T any] struct {
	From, To time.Time // To is not in it
	Values   []T       // at least one, in order
}

// TimeWindows yields the elements that have come in each span of the length size. A
// span begins when the run begins, and then after every step: with a step of size the
// windows are fixed (tumbling), with a smaller one they slide and share elements, with a
// greater one elements between them are dropped. A window is yielded at its end, with
// slices of its own; one without elements is not. At the end, and before an error, those
// that have begun are yielded in order.
//
// The time of an element is when the loop's goroutine gets it: while the loop is in its
// body, elements wait, one ahead on a goroutine of their own, and come later. All
// elements of the last size are kept. A size or step that is not positive panics.
func TimeWindows[T any](s Stream[T], size, step time.Duration) Stream[Window[T]] {
	checkDuration("TimeWindows", size)
	checkDuration("TimeWindows", step)
	return Stream[Window[T]]{func(ctx context.Context, yield func(Window[T]) bool) error {
		w := windowState[T]{size: size, step: step, start: time.Now(), yield: yield, open: true}
		err := timed(s, 0, func(l *timedRun[T]) error {
			fired := func() error {
				if !w.yieldUntil(time.Since(w.start)) {
					return errStop
				}
				w.set(l.timer)
				return nil
			}
			for {
				v, err := l.next(fired)
				if err != nil {
					return err
				}
				now := time.Since(w.start)
				if !w.yieldUntil(now) {
					return errStop
				}
				w.add(now, v)
				w.set(l.timer)
			}
		}).run(ctx, func(T) bool { return true })
		if w.yieldUntil(math.MaxInt64) {
			return err
		}
		return nil
	}}
}

// A windowState is a run of TimeWindows. Times are since its start.
type windowState[T any] struct {
	size, step time.Duration
	start      time.Time
	yield      func(Window[T]) bool
	open       bool // yield has not returned false

	from time.Duration // of the next window to yield
	kept []stamped[T]  // by time; all are in a window that was not yielded
}

type stamped[T any] struct {
	at time.Duration
	v  T
}

// add keeps an element, if it is in a window.
func (w *windowState[T]) add(now time.Duration, v T) {
	if now%w.step >= w.size {
		return // between two
	}
	if len(w.kept) == 0 { // go to the first window that has it
		if first := now - w.size; first >= w.from {
			w.from = first - first%w.step + w.step
		}
	}
	w.kept = append(w.kept, stamped[T]{now, v})
}

// end returns the end of the next window.
func (w *windowState[T]) end() time.Duration {
	return w.from + min(w.size, math.MaxInt64-w.from)
}

// set sets the timer to the end of the next window.
func (w *windowState[T]) set(timer *time.Timer) {
	if len(w.kept) > 0 {
		timer.Reset(w.end() - time.Since(w.start))
	}
}

// yieldUntil yields the windows that end at or before now. It is called before an
// element is added, so that all that are kept are before the end of the next window.
func (w *windowState[T]) yieldUntil(now time.Duration) bool {
	for w.open && len(w.kept) > 0 && w.end() <= now {
		values := make([]T, len(w.kept))
		for i, x := range w.kept {
			values[i] = x.v
		}
		from := w.start.Add(w.from)
		w.from += min(w.step, math.MaxInt64-w.from)
		old := 0
		for old < len(w.kept) && w.kept[old].at < w.from {
			old++
		}
		w.kept = slices.Delete(w.kept, 0, old)
		w.open = w.yield(Window[T]{from, from.Add(w.size), values})
	}
	return w.open
}
