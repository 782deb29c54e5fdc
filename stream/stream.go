// Package stream has asynchronous iterators: sequences of elements that arrive over time, such
// as the lines of a file, the messages of a channel, the rows of a query or the pages of an API.
// After futures::Stream and tokio-stream.
//
// A [Stream] describes what to do. A loop runs it; each loop runs it from the beginning:
//
//	lines := stream.Lines(stream.File("app.log"), 64<<10)
//	parsed := stream.Map(lines, 4, parse) // four at once, in order
//	for v, err := range parsed.All(ctx) {
//		if err != nil {
//			return err // the last round
//		}
//		use(v)
//	}
//
// [ForEach] is the end of a pipeline that calls a function with each element.
//
// Filter, Inspect, Chain, Take, Skip, TakeWhile and SkipWhile, which keep no elements back, are
// methods. All others are functions, which take a stream, or ctx and a stream if they run it.
//
// # Errors and contexts
//
// An error ends a stream, after all elements before it. So does the end of ctx; its error matches
// both ctx.Err() and [context.Cause] with [errors.Is]. A ctx that is already done is reported
// first. If a source or function returns the error or the cause of the context that it was passed,
// the error of the stream matches both, too.
//
// An error of a function of [Map] also ends the stream. To skip a bad element, return the error as a
// value: a Result of package result, or an Option of package option if the text of the error does not
// matter. Then drop the element with [FilterMap]:
//
//	results := stream.Map(lines, 4, func(_ context.Context, s string) (result.Result[int], error) {
//		return result.From(strconv.Atoi(s)), nil
//	})
//	good := stream.FilterMap(results, func(_ context.Context, r result.Result[int]) (int, bool, error) {
//		return r.UnwrapOrDefault(), r.IsOk(), nil
//	})
//
// # Goroutines
//
// No goroutine of a stream outlives its loop. When the loop ends, by the end of the stream, an
// error, a break, a return or a panic, the goroutines of the stream are canceled and waited for. A
// panic in one of them panics in the loop, as a [task.PanicError]. So a source or function that may
// block must return when its context is done. The only exception is a Read that neither a deadline
// nor Close can end; see [Open].
//
// # Back pressure
//
// A slow loop slows its source. The comment of each function says how far it may read ahead. If it
// says that the stream is pure, the stream starts no goroutine, reads nothing ahead and runs on the
// goroutine of the loop.
//
// # Pools
//
// A task of a [task.Pool] or [task.Set] hands its slot to a task that it joins, but not while it
// waits in a loop over a stream. In a pool with few workers, a function of a stream that submits
// to the pool in which the loop runs may wait forever.
package stream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"

	"github.com/coderrange/ferrous/internal/ctxerr"
)

var (
	// ErrTimeout is the error of a stream that stalled. See [Timeout].
	ErrTimeout = fmt.Errorf("stream: stalled: %w", context.DeadlineExceeded)
	// ErrClosed is the error of [Sources.Insert] after [Sources.Close].
	ErrClosed = errors.New("stream: closed")
	// ErrTooLong is the error of a record or line that exceeds its limit. It comes wrapped, with the
	// limit in its text: match it with [errors.Is].
	ErrTooLong = errors.New("stream: record too long")

	// errStop is the cause with which a combinator cancels its goroutines at its end.
	errStop = errors.New("stream: stopped")
)

// contextError returns the error of a stream that ctx ended.
func contextError(ctx context.Context) error { return &opError{ctxerr.Of(ctx)} }

// An opError is an error that ended a stream. Its text names the package once.
type opError struct{ err error }

func (e *opError) Error() string { return "stream: " + strings.TrimPrefix(e.err.Error(), "stream: ") }
func (e *opError) Unwrap() error { return e.err }

// withCause returns err, the error of a function that was passed ctx. If err is the error of ctx
// or its cause, the result matches both.
func withCause(ctx context.Context, err error) error {
	end := ctx.Err()
	if err == nil || end == nil {
		return err
	}
	cause := context.Cause(ctx)
	switch isEnd, isCause := errors.Is(err, end), errors.Is(err, cause); {
	case isEnd == isCause:
		return err
	case isCause:
		return &causeError{err, end}
	default:
		return fmt.Errorf("%w: %w", err, cause)
	}
}

// A causeError is an error that matches the cause of a context, and also matches its Err.
type causeError struct{ err, end error }

func (e *causeError) Error() string   { return e.err.Error() }
func (e *causeError) Unwrap() []error { return []error{e.err, e.end} }

// noCopy makes go vet refuse copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// Stream describes a sequence of elements that may arrive over time. The zero Stream is empty. A
// Stream is a value that can be copied and used again. It is safe for concurrent use if its
// sources and functions are: each loop is a separate run.
type Stream[T any] struct {
	// run calls yield with each element, on the goroutine of its caller, until yield returns
	// false or there are no more elements; it returns nil then. All that it has started has
	// ended when it returns.
	run func(ctx context.Context, yield func(T) bool) error
}

// New returns a stream whose elements come from run. run calls yield with each element, on the
// goroutine on which it was called, and returns nil at the end or when yield has returned false.
// An error of run ends the stream.
//
// As in package iter, a call of yield panics after yield has returned false and after run has
// returned. So does run if it recovers a panic of yield.
func New[T any](run func(ctx context.Context, yield func(T) bool) error) Stream[T] {
	checkFunc("New", run != nil)
	return newSource("New", run)
}

// newSource is New. name is the function that was called.
func newSource[T any](name string, run func(ctx context.Context, yield func(T) bool) error) Stream[T] {
	return Stream[T]{func(ctx context.Context, yield func(T) bool) error {
		if ctx.Err() != nil {
			return contextError(ctx)
		}
		g := yieldGuard{name: name}
		err := run(ctx, func(v T) bool {
			g.enter()
			return g.leave(yield(v))
		})
		if g.end() {
			return nil
		}
		return withCause(ctx, err)
	}}
}

// A yieldGuard panics when a source calls yield although it must not.
type yieldGuard struct {
	state gateState
	name  string // of the source
}

type gateState uint8

const (
	ready gateState = iota
	inYield
	stopped
	returned
)

func (g *yieldGuard) enter() {
	if g.state != ready {
		g.refuse()
	}
	g.state = inYield
}

func (g *yieldGuard) leave(more bool) bool {
	g.state = stopped
	if more {
		g.state = ready
	}
	return more
}

// end is called when the source has returned, and reports whether yield has
// returned false.
func (g *yieldGuard) end() bool {
	before := g.state
	g.state = returned
	if before == inYield {
		panic(bug("%s: the source recovered from a panic in yield", g.name))
	}
	return before == stopped
}

func (g *yieldGuard) refuse() {
	why := [...]string{inYield: "yield had panicked", stopped: "yield had returned false", returned: "it had returned"}
	panic(bug("%s: the source called yield after %s", g.name, why[g.state]))
}

// All returns an iterator that runs the stream. If the stream ends with an error, the iterator
// yields the error last, with the zero T.
//
//ferrous:blocks
func (s Stream[T]) All(ctx context.Context) iter.Seq2[T, error] {
	checkContext(ctx, "Stream.All")
	return func(yield func(T, error) bool) {
		more := true
		err := s.start(ctx, func(v T) bool {
			more = yield(v, nil)
			return more
		})
		if err != nil && more {
			var zero T
			yield(zero, err)
		}
	}
}

// start is run for a stream that may be zero. It returns an error at once if ctx is done.
func (s Stream[T]) start(ctx context.Context, yield func(T) bool) error {
	if err := begin(ctx); err != nil || s.run == nil {
		return err
	}
	return s.run(ctx, yield)
}

// begin returns an error if ctx is done.
func begin(ctx context.Context) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	return nil
}

// String returns the type of the stream.
func (s Stream[T]) String() string {
	var zero *T
	return fmt.Sprintf("Stream[%s]", fmt.Sprintf("%T", zero)[1:])
}

// GoString returns the same as String.
func (s Stream[T]) GoString() string { return s.String() }

// LogValue returns the same as String.
func (s Stream[T]) LogValue() slog.Value { return slog.StringValue(s.String()) }
