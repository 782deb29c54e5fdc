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

// Open opens what a stream reads. It is called once a run. The reader is closed when
// the run ends, once.
//
// A Read that waits when ctx ends is made to return. If the reader has a
// SetReadDeadline that works, as network connections and most pipes do, that is
// used, and Close is called after the Read. (A deadline that was set on a file
// before is cleared.) If there is none, or the Read does not return within a tenth
// of a second, Close is called while Read runs; the readers of package os, net,
// io.Pipe and the bodies of HTTP allow that. Another reader should have a
// SetReadDeadline, or a Read that heeds ctx.
//
// If a Read does not return then either, within a tenth of a second, its goroutine is
// left behind, and the stream ends. So it is with a terminal, or a pipe that the
// process inherited as its standard input: what the Read still gets is lost. A panic
// of it then ends the process.
type Open func(ctx context.Context) (io.ReadCloser, error)

// Records returns a stream of the records into which split, which is called as
// by [bufio.Scanner], cuts what is read. Memory is bounded by maxBytes, the
// longest record, without what ends it, for which there are 256 bytes; a longer
// one is [ErrTooLong]. Up to 64 KiB, or maxBytes, are read ahead. What was read of a
// record before an error is not yielded. Each record is a copy. A maxBytes that is not positive panics.
func Records(open Open, split bufio.SplitFunc, maxBytes int) Stream[[]byte] {
	return scan("Records", open, split, maxBytes, 0, func(record []byte) []byte { return bytes.Clone(record) })
}

// Lines returns a stream of the lines of what is read, without their ends, "\n"
// or "\r\n", as [bufio.ScanLines] cuts them: a "\r" that nothing follows goes
// too. A line longer than maxBytes is [ErrTooLong].
func Lines(open Open, maxBytes int) Stream[string] {
	return scan("Lines", open, bufio.ScanLines, maxBytes, 0, func(line []byte) string { return string(line) })
}

// A buffer has at first as many bytes as a record may have, within these bounds.
const (
	leastBuffer = 16 << 10
	mostBuffer  = 64 << 10
)

// maxDelimiter is how many bytes, beside those of a record, may be what ends it.
const maxDelimiter = 256

// scan returns a stream of records of up to maxBytes and room, which is less than
// separatorRoom.
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
			// An error is not the end: what is left may be torn.
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
	ID    string        // of this event or the last one that had one
	Name  string        // "message" unless given
	Data  string        // lines are joined by "\n"
	Retry time.Duration // the reconnection time, if this or an earlier event set it
}

// SSE returns a stream of the server-sent events of one response body, as the
// HTML standard defines them. One with more than maxBytes of data is
// [ErrTooLong], and so is any line that would be too long for that. It ends with the
// body; package stream/sse connects again, as the standard says.
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
