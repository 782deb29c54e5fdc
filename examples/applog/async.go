package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coderrange/ferrous/channel"
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
	// burst is how many lines the writer takes from the queue at once.
	burst = 256
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

// Accept is what it means that [AsyncLogger.Log] returned nil.
type Accept int

const (
	// Queued means that the line is in memory and will be written unless the
	// process is killed or the write fails. Lines that are lost in that way are
	// counted and reported: by Close, and in the log once it can be written again.
	Queued Accept = iota
	// Written means that the line was written. Log waits for that, and returns the
	// error of a write that failed. Lines of several callers share a write.
	Written
)

// AsyncLogger hands lines through a channel to a background task, which writes
// them. Close it: that writes what was accepted.
type AsyncLogger struct {
	policy  Policy
	accept  Accept
	entries *channel.Sender[entry]
	writer  *task.Handle[struct{}]
	dropped atomic.Uint64
	written atomic.Uint64
	lost    atomic.Uint64
}

// entry is a line on its way to the writer.
type entry struct {
	line Line
	// done gets the answer, if the caller waits for one.
	done chan error
}

// NewAsync returns a logger that writes to w and accepts a line when it is
// [Queued]. Nobody else may use w until Close has returned; if w can be closed,
// Close does that.
func NewAsync(w io.Writer, policy Policy) *AsyncLogger { return newLogger(w, policy, Queued) }

// NewSync is like [NewAsync], but accepts a line when it is [Written]. That it is
// on disk then is the matter of w.
func NewSync(w io.Writer, policy Policy) *AsyncLogger { return newLogger(w, policy, Written) }

func newLogger(w io.Writer, policy Policy, accept Accept) *AsyncLogger {
	tx, rx := channel.New[entry](QueueSize)
	l := &AsyncLogger{policy: policy, accept: accept, entries: tx}
	// The writer is ended by Close alone: a context that a signal ends would cost
	// the lines in the queue.
	l.writer = task.Go(context.Background(), func(context.Context) (struct{}, error) {
		defer rx.Close() // a writer that panics refuses further lines
		return struct{}{}, l.write(rx, w)
	})
	return l
}

// Log implements [Logger]. With [Written] the error of a write is returned as it
// is: the line is then not in the log, or not whole.
func (l *AsyncLogger) Log(line Line) error {
	if len(line.Text) > MaxLine {
		return ErrTooLong
	}
	e := entry{line: line}
	if l.accept == Written {
		e.done = make(chan error, 1) // Go's own: Log also waits for the end of the writer
	}
	var err error
	if l.policy == Wait {
		err = l.entries.Send(context.Background(), e)
	} else {
		err = l.entries.TrySend(e)
	}
	switch {
	case errors.Is(err, channel.ErrFull):
		l.dropped.Add(1)
		return ErrDropped
	case err != nil:
		return ErrClosed
	case e.done == nil:
		return nil
	}
	select {
	case err := <-e.done:
		return err
	case <-l.writer.Done():
	}
	select { // the last thing that it did may have been to answer
	case err := <-e.done:
		return err
	default:
		return ErrClosed
	}
}

// Close refuses further lines, waits until all that were queued are written, and
// returns the first error of writing, with the number of lines that were
// accepted and are lost. If the writer panicked, so does Close.
func (l *AsyncLogger) Close() error {
	l.entries.Close()
	_, err := l.writer.Join(context.Background())
	return err
}

// Dropped returns how many lines were refused because the queue was full.
func (l *AsyncLogger) Dropped() uint64 { return l.dropped.Load() }

// Written returns how many lines were written.
func (l *AsyncLogger) Written() uint64 { return l.written.Load() }

// Lost returns how many lines were accepted as [Queued] and could not be written.
func (l *AsyncLogger) Lost() uint64 { return l.lost.Load() }

// write is the background task. It takes what has come at once, so that a burst
// costs few writes, and goes on after an error, for the disk may have room again.
func (l *AsyncLogger) write(rx *channel.Receiver[entry], w io.Writer) error {
	b := batches{logger: l, w: w}
	for entries := make([]entry, burst); ; clear(entries) {
		n, err := rx.RecvMany(context.Background(), entries)
		if err != nil { // the logger was closed, and all is received
			break
		}
		for _, e := range entries[:n] {
			b.add(e)
		}
		b.flush()
	}
	if c, ok := w.(io.Closer); ok {
		b.note(c.Close())
	}
	if n := l.Lost(); n > 0 {
		return fmt.Errorf("applog: %d accepted lines are lost: %w", n, b.failure)
	}
	return b.failure
}

// batches are the writer's own.
type batches struct {
	logger  *AsyncLogger
	w       io.Writer
	text    []byte
	entries []entry
	ends    []int  // of each entry, in text
	report  int    // bytes of text that report lost lines
	untold  uint64 // lines that are lost, of which the log does not know yet
	reason  error  // of the last loss
	failure error  // the first
}

func (b *batches) note(err error) {
	if err != nil && b.failure == nil {
		b.failure = fmt.Errorf("applog: %w", err)
	}
}

func (b *batches) add(e entry) {
	if len(b.text) == 0 && b.untold > 0 {
		b.text = appendLine(b.text, Line{
			time.Now(), Warn, fmt.Sprintf("applog: %d lines are lost here: %v", b.untold, b.reason),
		})
		b.report = len(b.text)
	}
	b.text = appendLine(b.text, e.line)
	b.entries, b.ends = append(b.entries, e), append(b.ends, len(b.text))
	if len(b.text) >= batch {
		b.flush()
	}
}

// flush writes the batch and answers those who wait. A line of which a part was
// written counts as not written.
func (b *batches) flush() {
	if len(b.entries) == 0 {
		return
	}
	n, err := b.w.Write(b.text)
	if b.note(err); err != nil {
		b.reason = err
	} else {
		n = len(b.text)
	}
	if b.report > 0 && n >= b.report {
		b.untold = 0
	}
	for i, e := range b.entries {
		var failed error
		if b.ends[i] > n {
			failed = err
		}
		switch {
		case failed == nil:
			b.logger.written.Add(1)
		case e.done == nil:
			b.logger.lost.Add(1)
			b.untold++
		}
		if e.done != nil {
			e.done <- failed
		}
	}
	clear(b.entries)
	b.text, b.entries, b.ends, b.report = b.text[:0], b.entries[:0], b.ends[:0], 0
}

// escaper keeps a line a line.
var escaper = strings.NewReplacer("\n", `\n`, "\r", `\r`)

// appendLine appends a line as text, without a time that is zero.
func appendLine(text []byte, l Line) []byte {
	if !l.Time.IsZero() {
		text = append(l.Time.AppendFormat(text, time.RFC3339Nano), ' ')
	}
	text = append(append(text, l.Level.String()...), ' ')
	if strings.ContainsAny(l.Text, "\n\r") {
		l.Text = escaper.Replace(l.Text)
	}
	return append(append(text, l.Text...), '\n')
}
