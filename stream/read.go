package stream

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"
)

// Open opens what a stream reads. It is called once a run; the reader is closed
// when the run ends, and also when ctx is done, so that a Read that waits for a
// network or pipe returns.
type Open func(ctx context.Context) (io.ReadCloser, error)

// File returns an Open of the named file.
func File(name string) Open {
	return func(context.Context) (io.ReadCloser, error) { return os.Open(name) }
}

// Records returns a stream of the records into which split, which is called as
// by [bufio.Scanner], cuts what is read. Memory is bounded by maxBytes, the
// longest record, without what ends it, for which there are 256 bytes; a longer
// one is [ErrTooLong]. What was read of a record before an error is not yielded.
// Each record is a copy. A maxBytes that is not positive panics.
func Records(open Open, split bufio.SplitFunc, maxBytes int) Stream[[]byte] {
	return scan(open, split, maxBytes, 0, func(record []byte) []byte { return bytes.Clone(record) })
}

// Lines returns a stream of the lines of what is read, without their ends, "\n"
// or "\r\n", as [bufio.ScanLines] cuts them: a "\r" that nothing follows goes
// too. A line longer than maxBytes is [ErrTooLong].
func Lines(open Open, maxBytes int) Stream[string] {
	return scan(open, bufio.ScanLines, maxBytes, 0, func(line []byte) string { return string(line) })
}

// separatorRoom is how many bytes, beside those of a record, may be what ends it.
const separatorRoom = 256

// scan returns a stream of records of up to maxBytes and room, which is less than
// separatorRoom.
func scan[T any](open Open, split bufio.SplitFunc, maxBytes, room int, clone func([]byte) T) Stream[T] {
	if maxBytes <= 0 {
		panic(bug("maxBytes %d is not positive", maxBytes))
	}
	if open == nil || split == nil {
		panic(bug("nil function"))
	}
	return New(func(ctx context.Context, yield func(T) bool) error {
		r, err := open(ctx)
		if err != nil {
			return err
		}
		closed := make(chan struct{})
		stop := context.AfterFunc(ctx, func() {
			defer close(closed)
			_ = r.Close()
		})
		defer func() {
			if stop() {
				_ = r.Close() // what was read is read
			} else {
				<-closed
			}
		}()
		s := bufio.NewScanner(r)
		limit := min(maxBytes, math.MaxInt-separatorRoom) + separatorRoom
		s.Buffer(make([]byte, 0, min(limit, 64<<10)), limit)
		s.Split(func(data []byte, atEOF bool) (int, []byte, error) {
			return split(data, atEOF && s.Err() == nil) // an error is not the end: what is left may be torn
		})
		for s.Scan() {
			if ctx.Err() != nil {
				return over(ctx)
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
			return over(ctx)
		case errors.Is(err, bufio.ErrTooLong):
			return tooLong(maxBytes)
		default:
			return err
		}
	})
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
// [ErrTooLong], and so is any line that would be too long for that. Connect
// again, with the last ID, with [Retry].
func SSE(open Open, maxBytes int) Stream[Event] {
	lines := scan(open, scanEventLines, maxBytes, eventRoom, func(line []byte) string { return string(line) })
	return Stream[Event]{func(ctx context.Context, yield func(Event) bool) error {
		var id string
		var retry time.Duration
		var name string
		var data strings.Builder
		first, cr, failure := true, false, error(nil)
		err := lines.run(ctx, func(line string) bool {
			if first {
				line, first = strings.TrimPrefix(line, "\ufeff"), false
			}
			afterCR := cr
			cr = strings.HasSuffix(line, "\r")
			if afterCR && line == "\n" {
				return true // the second half
			}
			line = line[:len(line)-1]
			if line == "" {
				text := data.String()
				event := Event{ID: id, Name: name, Retry: retry}
				data.Reset()
				name = ""
				if text == "" {
					return true
				}
				event.Data = strings.TrimSuffix(text, "\n")
				if event.Name == "" {
					event.Name = "message"
				}
				return yield(event)
			}
			field, value, _ := strings.Cut(line, ":")
			value = strings.TrimPrefix(value, " ")
			switch field {
			case "data":
				if data.Len()+len(value) > maxBytes {
					failure = tooLong(maxBytes)
					return false
				}
				data.WriteString(value + "\n")
			case "event":
				name = value
			case "id":
				if !strings.Contains(value, "\x00") {
					id = value
				}
			case "retry":
				if ms, err := strconv.ParseUint(value, 10, 32); err == nil && value[0] != '+' {
					retry = time.Duration(ms) * time.Millisecond
				}
			}
			return true
		})
		if failure != nil {
			return failure
		}
		return err
	}}
}

// eventRoom is how many bytes a line of data has beside the data.
const eventRoom = len("\ufeffdata: \n")

// scanEventLines cuts after "\n" and "\r", so that none waits for what follows:
// of "\r\n", the second half is a line too.
func scanEventLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	switch i := bytes.IndexAny(data, "\r\n"); {
	case i >= 0:
		return i + 1, data[:i+1], nil
	case atEOF:
		return len(data), nil, nil // an event that is not ended is dropped
	default:
		return 0, nil, nil
	}
}
