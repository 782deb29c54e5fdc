package stream

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/coderrange/ferrous/stream/internal/eventstream"
)

// Open opens the reader of a stream. It is called once for each loop. The reader is closed once, when
// the loop ends.
//
// When the context ends while a Read waits, the Read is made to return:
//
//   - If the reader has a SetReadDeadline that works, as network connections and most pipes have, a
//     deadline in the past is set. Close is called after the Read. (A deadline that was set on a file
//     before is cleared.)
//   - If there is no such method, or the Read does not return within 100 ms, Close is called while the
//     Read runs. The readers of packages os and net, io.Pipe and HTTP bodies allow that. Any other
//     reader should have SetReadDeadline, or a Read that returns when ctx is done.
//   - If the Read does not return within another 100 ms, its goroutine is left behind, and the stream
//     ends. That is so with a terminal, and with a pipe that the process inherited as its standard
//     input. What such a Read still gets is lost, and a panic of it ends the process.
//
// A reader whose Read does not wait needs nothing special. For example, a text in memory is
// io.NopCloser(strings.NewReader(text)).
type Open func(ctx context.Context) (io.ReadCloser, error)

// Records splits the input with split, as [bufio.Scanner] does, and returns a stream of the records.
// Each record is a copy. A record may have up to maxBytes, not counting a delimiter of up to 256 bytes;
// a longer one ends the stream with an error that is [ErrTooLong] for [errors.Is]. That bounds memory. Up to 64 KiB, or maxBytes if that is more, are read
// ahead. If Read fails, a record that was read in part is dropped. Records panics if maxBytes is not
// positive.
func Records(open Open, split bufio.SplitFunc, maxBytes int) Stream[[]byte] {
	return scan("Records", open, split, maxBytes, 0, func(record []byte) []byte { return bytes.Clone(record) })
}

// Lines returns a stream of the lines of the input, without the "\n" or "\r\n" at their ends. A line may
// have up to maxBytes; a longer one ends the stream with an error that is [ErrTooLong] for [errors.Is].
// open may return any io.ReadCloser; see [Open]. It splits as [bufio.ScanLines], which also removes
// a "\r" at the end of the input. Lines panics if maxBytes is not positive.
func Lines(open Open, maxBytes int) Stream[string] {
	return scan("Lines", open, bufio.ScanLines, maxBytes, 0, func(line []byte) string { return string(line) })
}

// A buffer starts with as many bytes as a record may have, within these bounds.
const (
	leastBuffer = 16 << 10
	mostBuffer  = 64 << 10
)

// maxDelimiter is the maximum length of the delimiter after a record, in bytes.
const maxDelimiter = 256

// scan returns a stream of records of up to maxBytes+room bytes. room is less than maxDelimiter. name
// is the function that was called.
func scan[T any](name string, open Open, split bufio.SplitFunc, maxBytes, room int, clone func([]byte) T) Stream[T] {
	if maxBytes <= 0 {
		panic(bug("%s: maxBytes %d is not positive", name, maxBytes))
	}
	checkFunc(name, open != nil && split != nil)
	return Stream[T]{func(ctx context.Context, yield func(T) bool) error {
		r, err := open(ctx)
		if err != nil {
			return withCause(ctx, err)
		}
		if r == nil {
			panic(bug("%s: Open returned neither a reader nor an error", name))
		}
		in := newInput(ctx, r)
		defer in.end()
		s := bufio.NewScanner(in)
		limit := min(maxBytes, math.MaxInt-maxDelimiter) + maxDelimiter
		size := min(max(limit, leastBuffer), mostBuffer)
		if in.requests != nil {
			size = mostBuffer // each Read costs two switches of goroutines
		}
		s.Buffer(make([]byte, 0, size), max(limit, size))
		s.Split(func(data []byte, atEOF bool) (int, []byte, error) {
			// After an error, the rest may be a part of a record.
			advance, record, err := split(data, atEOF && s.Err() == nil)
			if advance == 0 && record == nil && err == nil && len(data) >= limit {
				err = bufio.ErrTooLong
			}
			return advance, record, err
		})
		for s.Scan() {
			if ctx.Err() != nil {
				return contextError(ctx)
			}
			if len(s.Bytes())-room > maxBytes {
				return tooLong(maxBytes)
			}
			if !yield(clone(s.Bytes())) {
				return nil
			}
		}
		switch err := s.Err(); {
		case ctx.Err() != nil:
			return contextError(ctx)
		case errors.Is(err, bufio.ErrTooLong):
			return tooLong(maxBytes)
		default:
			return err
		}
	}}
}

func tooLong(maxBytes int) error { return fmt.Errorf("%w: over %d bytes", ErrTooLong, maxBytes) }

// Event is a server-sent event.
type Event struct {
	ID    string        // of this event, or of the last event before it that had one
	Name  string        // "message" unless given
	Data  string        // lines are joined by "\n"
	Retry time.Duration // the reconnection time, if this event or one before has set it
}

// SSE returns a stream of the server-sent events of one response body, as the HTML standard defines
// them. An event with more than maxBytes of data, or a line too long for that, is [ErrTooLong]. The
// stream ends with the body. Package stream/sse connects again, as the standard says. SSE panics if
// maxBytes is not positive.
func SSE(open Open, maxBytes int) Stream[Event] {
	lines := scan("SSE", open, eventstream.Split, maxBytes, eventstream.Room, func(line []byte) string { return string(line) })
	return Stream[Event]{func(ctx context.Context, yield func(Event) bool) error {
		var p eventstream.Parser
		var failure error
		err := lines.run(ctx, func(line string) bool {
			e, isEvent, fits := p.Line(line, maxBytes)
			if !fits {
				failure = tooLong(maxBytes)
				return false
			}
			return !isEvent || yield(Event(e))
		})
		if failure != nil {
			return failure
		}
		return err
	}}
}
