// Package stream has asynchronous iterators: what arrives over time, such as the
// lines of a file, the messages of a channel, the rows of a query or the pages
// of an API. After futures::Stream and tokio-stream.
//
// A [Stream] is a recipe. Nothing happens until it is ranged over, and each time
// it is, it starts anew:
//
//	for v, err := range s.All(ctx) {
//		if err != nil { … } // the last round
//	}
//
// What all streams have in common:
//
// An error ends a stream, after all elements before it. So does the end of ctx,
// with an error that matches both ctx.Err() and [context.Cause] with [errors.Is]; a
// ctx that is already done is noticed first. If a source or function returns the
// error or the cause of the context that it was given, the stream's error matches
// both, too.
//
// Nothing outlives the loop. When it ends, by the end of the stream, an error, a
// break, a panic or a return, the stream's goroutines are cancelled and waited
// for before the loop is left. A panic in one of them panics in the loop, as a
// [task.PanicError]. So a source or function that may block must heed its
// context. The one exception is a Read that neither a deadline nor Close can end;
// see [Open].
//
// Nothing is read that nobody asks for: a slow loop slows its source. How far a
// combinator may read ahead is said with it; those that do not say so are pure:
// they spawn nothing, read nothing ahead and run on the loop's goroutine.
//
// A task of a [task.Pool] or [task.Set] passes its place to a task that it joins,
// but not while it waits in the loop of a stream. So in a pool with few workers, a
// stage that submits to the pool in which its loop runs may wait forever for a
// place.
//
// What keeps the element type is a method; what changes it is a function.
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
	// ErrTimeout says that a stream stalled. See [Timeout].
	ErrTimeout = fmt.Errorf("stream: stalled: %w", context.DeadlineExceeded)
	// ErrClosed says that a [Sources] takes no more streams.
	ErrClosed = errors.New("stream: closed")
	// ErrTooLong says that a record or line exceeds its limit.
	ErrTooLong = errors.New("stream: record too long")

	// errStop is the cause with which a combinator ends what it no longer needs.
	errStop = errors.New("stream: stopped")
)

// contextError returns the error of a stream that ctx ended.
func contextError(ctx context.Context) error { return &opError{ctxerr.Of(ctx)} }

// An opError is an error that ended a stream. Its text names the package once.
type opError struct{ err error }

func (e *opError) Error() string { return "stream: " + strings.TrimPrefix(e.err.Error(), "stream: ") }
func (e *opError) Unwrap() error { return e.err }

// withCause returns err, which was returned by a function that was given ctx. If it is
// the error of ctx or its cause, the result matches both.
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

// A causeError is an error with the cause of a context that also matches its Err.
type causeError struct{ err, end error }

func (e *causeError) Error() string   { return e.err.Error() }
func (e *causeError) Unwrap() []error { return []error{e.err, e.end} }

// noCopy makes go vet refuse copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// Stream is a recipe for a sequence of elements. The zero Stream is empty. It is
// a value, and safe for concurrent use as far as its sources and functions are:
// each loop is a run of its own.
type Stream[T any] struct {
	// run hands the elements to yield, on the goroutine of its caller, until that
	// returns false. It returns nil then, or at the end, and has ended what it
	// started when it returns.
	run func(ctx context.Context, yield func(T) bool) error
}

// New returns a stream from a function that hands elements to yield, on its own
// goroutine, until they end or yield returns false, and returns nil then. An
// error of it ends the stream.
//
// As with the functions of package iter, a call of yield after yield has returned
// false, or after the function has returned, panics: nobody gets such an element.
// A nil function panics.
func New[T any](run func(ctx context.Context, yield func(T) bool) error) Stream[T] {
	checkFunc("New", run != nil)
	return newSource("New", run)
}

// newSource is New. Its panics name the source.
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

// A yieldGuard panics for a source that calls yield when it must not.
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

// All runs the stream. An error comes last, with the zero T.
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

// start is run for a stream that may be the zero one. It notices the end of ctx
// first.
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

// String returns the type.
func (s Stream[T]) String() string {
	var zero *T
	return fmt.Sprintf("Stream[%s]", fmt.Sprintf("%T", zero)[1:])
}

// GoString returns the type.
func (s Stream[T]) GoString() string { return s.String() }

// LogValue returns the type.
func (s Stream[T]) LogValue() slog.Value { return slog.StringValue(s.String()) }
