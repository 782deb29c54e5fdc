package stream

import (
	"context"
	"math"
	"slices"
	"time"
)

// Window holds the elements that arrived in a span of time.
type Window[T any] struct {
	From, To time.Time // the span, without To
	Values   []T       // at least one, in the order of arrival
}

// TimeWindows yields the elements that arrive in each span of length size. A span starts when the loop
// starts, and then after every step. If step equals size, the windows are fixed (tumbling). If step is
// less, they overlap (sliding) and share elements. If step is more, elements between them are dropped.
// A window is yielded at its end, with a new slice. A window without elements is not yielded. At the end
// of the stream, and before an error, the windows that have started are yielded in order.
//
// An element arrives when the goroutine of the loop receives it. While the body of the loop runs,
// elements wait, and their time is later. s runs on its own goroutine, one element ahead. The elements of
// the last size are kept in memory. TimeWindows panics if size or step is not positive.
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

// A windowState is a run of TimeWindows. Times are measured from its start.
type windowState[T any] struct {
	size, step time.Duration
	start      time.Time
	yield      func(Window[T]) bool
	open       bool // yield has not returned false

	from time.Duration // of the next window to yield
	kept []stamped[T]  // in the order of arrival; each is in a window that was not yielded yet
}

type stamped[T any] struct {
	at time.Duration
	v  T
}

// add keeps an element if it is in a window.
func (w *windowState[T]) add(now time.Duration, v T) {
	if now%w.step >= w.size {
		return // between two
	}
	if len(w.kept) == 0 { // skip to the first window with the element
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

// yieldUntil yields the windows that end at or before now. It is called before an element is added, so
// all kept elements are before the end of the next window.
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
