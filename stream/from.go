package stream

import (
	"context"
	"errors"
	"io"
	"iter"
	"reflect"
	"time"

	"github.com/coderrange/ferrous/channel"
)

// Of returns a stream of the given elements.
func Of[T any](vs ...T) Stream[T] { return FromSlice(vs) }

// FromSlice returns a stream of the elements of vs. It does not copy vs.
func FromSlice[T any](vs []T) Stream[T] {
	return Stream[T]{func(ctx context.Context, yield func(T) bool) error {
		for _, v := range vs {
			if ctx.Err() != nil {
				return contextError(ctx)
			}
			if !yield(v) {
				return nil
			}
		}
		return nil
	}}
}

// FromSeq returns a stream of the elements of seq. It checks the context after each element and
// at the end of seq, but cannot interrupt seq while that waits for something. For sources that
// wait, use [FromReceiver], [FromChan] or [New].
func FromSeq[T any](seq iter.Seq[T]) Stream[T] {
	checkFunc("FromSeq", seq != nil)
	return Stream[T]{func(ctx context.Context, yield func(T) bool) error {
		g, left := yieldGuard{name: "FromSeq"}, false
		seq(func(v T) bool {
			g.enter()
			left = !yield(v)
			return g.leave(!left && ctx.Err() == nil) // before seq is asked for one more
		})
		g.end()
		if !left && ctx.Err() != nil {
			return contextError(ctx)
		}
		return nil
	}}
}

// FromSeq2 is [FromSeq] for a seq that also yields errors. The first error ends the stream. The
// context of the loop does not reach seq, also if seq was made with a context.
func FromSeq2[T any](seq iter.Seq2[T, error]) Stream[T] {
	checkFunc("FromSeq2", seq != nil)
	return Stream[T]{func(ctx context.Context, yield func(T) bool) error {
		g, left := yieldGuard{name: "FromSeq2"}, false
		var failure error
		seq(func(v T, err error) bool {
			g.enter()
			failure = err
			left = err == nil && !yield(v)
			return g.leave(err == nil && !left && ctx.Err() == nil)
		})
		g.end()
		if failure == nil && !left && ctx.Err() != nil {
			return contextError(ctx)
		}
		return withCause(ctx, failure)
	}}
}

// FromReceiver returns a stream of what r receives. r may be a receiver of package channel. Recv is
// called with the context of the loop. [channel.ErrClosed] and [io.EOF] end the stream without an
// error; any other error of Recv ends the stream with that error.
//
// Nothing is received before the loop asks for it. Several loops share r. They do not close it.
func FromReceiver[T any](r interface {
	Recv(ctx context.Context) (T, error)
},
) Stream[T] {
	if r == nil {
		panic(bug("FromReceiver: nil receiver"))
	}
	return newSource("FromReceiver", func(ctx context.Context, yield func(T) bool) error {
		for ctx.Err() == nil {
			v, err := r.Recv(ctx)
			switch {
			case err == nil:
				if !yield(v) {
					return nil
				}
			case ctx.Err() != nil:
			case err == io.EOF, errors.Is(err, channel.ErrClosed): //nolint:errorlint // a wrapped EOF is an error
				return nil
			default:
				return err
			}
		}
		return contextError(ctx)
	})
}

// FromChan returns a stream of what is received from c until c is closed. A nil c never sends.
// Nothing is received before the loop asks for it. Several loops share c.
func FromChan[T any](c <-chan T) Stream[T] {
	return newSource("FromChan", func(ctx context.Context, yield func(T) bool) error {
		done := ctx.Done()
		for {
			select {
			case v, ok := <-c:
				if !ok || !yield(v) {
					return nil
				}
				if ctx.Err() != nil {
					return contextError(ctx)
				}
			case <-done:
				return contextError(ctx)
			}
		}
	})
}

// Fail returns a stream without elements that ends with err. A nil err panics.
func Fail[T any](err error) Stream[T] {
	if err == nil {
		panic(bug("Fail: nil error"))
	}
	return newSource("Fail", func(context.Context, func(T) bool) error { return err })
}

// Ticker returns an endless stream of the current time, every d. As with [time.Ticker], ticks are
// dropped while the loop is busy. Ticker panics if d is not positive.
func Ticker(d time.Duration) Stream[time.Time] {
	checkDuration("Ticker", d)
	return newSource("Ticker", func(ctx context.Context, yield func(time.Time) bool) error {
		t := time.NewTicker(d)
		defer t.Stop()
		return FromChan(t.C).run(ctx, yield)
	})
}

// yieldAll yields the elements of vs. If the loop or ctx ends, it stops and returns false
// and the error with which the stream ends.
func yieldAll[T any](ctx context.Context, vs []T, yield func(T) bool) (more bool, err error) {
	for _, v := range vs {
		if !yield(v) {
			return false, nil
		}
		if ctx.Err() != nil {
			return false, contextError(ctx)
		}
	}
	return true, nil
}

// Poll returns an endless stream of the elements that fetch returns. fetch is called at the start.
// When its elements are consumed, it is called again, d after the previous call began, or at once
// if d has passed. Poll panics if d is not positive.
func Poll[T any](d time.Duration, fetch func(context.Context) ([]T, error)) Stream[T] {
	checkDuration("Poll", d)
	checkFunc("Poll", fetch != nil)
	return newSource("Poll", func(ctx context.Context, yield func(T) bool) error {
		for {
			next := time.Now().Add(d)
			vs, err := fetch(ctx)
			if more, ended := yieldAll(ctx, vs, yield); !more {
				return ended
			}
			if err != nil {
				return err
			}
			if err := sleep(ctx, time.Until(next)); err != nil {
				return err
			}
		}
	})
}

// Pages returns a stream of the elements of pages. fetch returns the page that begins at the given
// position, the position of the next page, and whether there is a next page. The position of the
// first page is first. A page is fetched when the page before it was consumed.
func Pages[T, C any](
	first C, fetch func(ctx context.Context, at C) (page []T, next C, more bool, err error),
) Stream[T] {
	checkFunc("Pages", fetch != nil)
	return newSource("Pages", func(ctx context.Context, yield func(T) bool) error {
		at, more := first, true
		for more {
			if ctx.Err() != nil {
				return contextError(ctx)
			}
			var page []T
			var err error
			page, at, more, err = fetch(ctx, at)
			if more, ended := yieldAll(ctx, page, yield); !more {
				return ended
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Cursor is the part of *sql.Rows that [Rows] uses.
type Cursor interface {
	Next() bool
	Err() error
	Close() error
}

// Rows returns a stream of the rows of a query. scan reads a row when the loop asks for it. The
// rows are closed when the loop ends.
func Rows[T any, R Cursor](
	query func(context.Context) (R, error), scan func(R) (T, error),
) Stream[T] {
	checkFunc("Rows", query != nil && scan != nil)
	return newSource("Rows", func(ctx context.Context, yield func(T) bool) (err error) {
		rows, err := query(ctx)
		if err != nil {
			return err
		}
		if isNil(rows) {
			panic(bug("Rows: the query returned neither rows nor an error"))
		}
		stopped := false
		defer func() {
			if closing := rows.Close(); err == nil && !stopped {
				err = closing
			}
		}()
		for rows.Next() {
			v, err := scan(rows)
			if err != nil && ctx.Err() != nil {
				return contextError(ctx)
			}
			if err != nil {
				return err
			}
			if !yield(v) {
				stopped = true
				return nil
			}
			if ctx.Err() != nil {
				return contextError(ctx)
			}
		}
		if ctx.Err() != nil {
			return contextError(ctx)
		}
		return rows.Err()
	})
}

// isNil reports whether v is nil or a nil pointer.
func isNil(v any) bool {
	r := reflect.ValueOf(v)
	return !r.IsValid() || r.Kind() == reflect.Pointer && r.IsNil()
}

// sleep waits until d has passed or ctx is done. If both are true, ctx wins.
func sleep(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return contextError(ctx)
	}
}
