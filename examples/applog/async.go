package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coderrange/ferrous/task"
)

const (
	// QueueSize is how many lines may wait for the writer.
	QueueSize = 1000
	// MaxLine is how many bytes the text of a line may have.
	MaxLine = 64 << 10
	// batch is the size from which gathered lines are written. With the last line,
	// each byte of which may be escaped, it is less than the smallest file holds.
	batch = 64 << 10
)

// Policy is what becomes of a line that finds the queue full.
type Policy int

const (
	// Wait makes the caller wait for room.
	Wait Policy = iota
	// Drop refuses the line with [ErrDropped] and counts it.
	Drop
)

var (
	// ErrClosed says that the logger was closed, or that its writer panicked.
	ErrClosed = errors.New("applog: closed")
	// ErrDropped says that the queue was full.
	ErrDropped = errors.New("applog: queue full")
	// ErrTooLong says that a line has more than [MaxLine] bytes.
	ErrTooLong = errors.New("applog: line too long")
)

// AsyncLogger hands lines through a queue to a background task, which writes
// them. Close it: that writes what was accepted.
type AsyncLogger struct {
	policy  Policy
	writer  *task.Handle[struct{}]
	dropped atomic.Uint64
	written atomic.Uint64

	mu     sync.RWMutex // held by senders, so that Close cannot close under them
	closed bool
	queue  chan Line
}

// NewAsync returns a logger that writes to w. Nobody else may use w until Close
// has returned; if w can be closed, Close does that.
func NewAsync(w io.Writer, policy Policy) *AsyncLogger {
	l := &AsyncLogger{policy: policy, queue: make(chan Line, QueueSize)}
	// The writer is ended by Close alone: a context that a signal ends would cost
	// the lines in the queue.
	l.writer = task.Go(context.Background(), func(context.Context) (struct{}, error) {
		return struct{}{}, l.write(w)
	})
	return l
}

// Log implements [Logger].
func (l *AsyncLogger) Log(line Line) error {
	if len(line.Text) > MaxLine {
		return ErrTooLong
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return ErrClosed
	}
	select {
	case <-l.writer.Done(): // it panicked
		return ErrClosed
	default:
	}
	if l.policy == Wait {
		select {
		case l.queue <- line:
			return nil
		case <-l.writer.Done():
			return ErrClosed
		}
	}
	select {
	case l.queue <- line:
		return nil
	default:
		l.dropped.Add(1)
		return ErrDropped
	}
}

// Close refuses further lines, waits until all that were accepted are written,
// and returns the first error of writing. If the writer panicked, so does Close.
func (l *AsyncLogger) Close() error {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.queue)
	}
	l.mu.Unlock()
	_, err := l.writer.Join(context.Background())
	return err
}

// Dropped returns how many lines were refused because the queue was full.
func (l *AsyncLogger) Dropped() uint64 { return l.dropped.Load() }

// Written returns how many lines were written.
func (l *AsyncLogger) Written() uint64 { return l.written.Load() }

// write is the background task. It gathers lines while there are some, so that a
// burst costs few writes, and goes on after an error, for the disk may have room
// again.
func (l *AsyncLogger) write(w io.Writer) (failure error) {
	note := func(err error) {
		if err != nil && failure == nil {
			failure = fmt.Errorf("applog: %w", err)
		}
	}
	var text []byte
	lines := uint64(0)
	for line := range l.queue {
		text = append(text, format(line)...)
		lines++
		if len(l.queue) > 0 && len(text) < batch {
			continue
		}
		_, err := w.Write(text)
		if note(err); err == nil {
			l.written.Add(lines)
		}
		text, lines = text[:0], 0
	}
	if c, ok := w.(io.Closer); ok {
		note(c.Close())
	}
	return failure
}

// format returns the line as text of one line, without a time that is zero.
func format(l Line) string {
	text := strings.NewReplacer("\n", `\n`, "\r", `\r`).Replace(l.Text)
	text = l.Level.String() + " " + text + "\n"
	if l.Time.IsZero() {
		return text
	}
	return l.Time.Format(time.RFC3339Nano) + " " + text
}
