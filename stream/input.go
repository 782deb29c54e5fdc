package stream

import (
	"context"
	"io"
	"os"
	"sync"
	"time"

	"github.com/coderrange/ferrous/task"
)

// readGrace is how long a Read may take to return after a deadline or Close.
const readGrace = 100 * time.Millisecond

// An input is a reader whose Read returns when a context ends. Close is called while a Read runs only if
// there is no other way to end that Read.
//
// There are three kinds of readers. A Read of a regular file does not wait long and is not interrupted.
// For a reader with a deadline, the end of the context sets a deadline, and Read runs on the goroutine of
// the loop. Any other reader is read on a goroutine of its own, which is left behind if neither a deadline
// nor Close ends the Read.
type input struct {
	ctx context.Context
	r   io.ReadCloser

	idle    chan struct{} // has a token while no Read of r runs
	closing sync.Once

	stop  func() bool   // unregisters the interruption; nil if there is none
	ended chan struct{} // closed after the interruption

	requests chan []byte // to the goroutine that reads; nil if there is none
	results  chan readResult
	reader   *task.Handle[struct{}]
}

// readResult is what a Read returned.
type readResult struct {
	n   int
	err error
}

// readDeadliner is a reader with a deadline, as os.File and net.Conn are.
type readDeadliner interface{ SetReadDeadline(time.Time) error }

func newInput(ctx context.Context, r io.ReadCloser) *input {
	in := &input{ctx: ctx, r: r, idle: make(chan struct{}, 1)}
	in.idle <- struct{}{}
	switch {
	case ctx.Done() == nil || isRegular(r):
	case hasReadDeadline(r):
		in.ended = make(chan struct{})
		in.stop = context.AfterFunc(ctx, func() {
			defer close(in.ended)
			in.interrupt()
		})
	default:
		in.requests, in.results = make(chan []byte), make(chan readResult, 1)
		in.reader = task.Go(context.WithoutCancel(ctx), func(context.Context) (struct{}, error) {
			for p := range in.requests {
				n, err := in.read(p)
				in.results <- readResult{n, err}
			}
			return struct{}{}, nil
		})
	}
	return in
}

// isRegular reports whether r is a regular file, which has no deadline and needs none.
func isRegular(r io.Reader) bool {
	f, ok := r.(interface{ Stat() (os.FileInfo, error) })
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode().IsRegular()
}

// hasReadDeadline reports whether r supports deadlines. A file has the method but may not support them.
func hasReadDeadline(r io.Reader) bool {
	d, ok := r.(readDeadliner)
	if _, isFile := r.(interface{ Fd() uintptr }); ok && isFile {
		return d.SetReadDeadline(time.Time{}) == nil
	}
	return ok
}

// Read reads from r. It returns an error if the context is done or ends first.
func (in *input) Read(p []byte) (int, error) {
	if in.ctx.Err() != nil {
		return 0, contextError(in.ctx)
	}
	select {
	case <-in.idle:
	case <-in.ctx.Done(): // the interruption waits for idle
		return 0, contextError(in.ctx)
	}
	if in.requests == nil {
		return in.read(p)
	}
	in.requests <- p
	select {
	case a := <-in.results:
		return a.n, a.err
	case <-in.reader.Done(): // it panicked or exited
		_, err := in.reader.Join(context.WithoutCancel(in.ctx))
		return 0, err
	case <-in.ctx.Done():
		return 0, contextError(in.ctx)
	}
}

// read calls Read of r. The caller has the token of idle.
func (in *input) read(p []byte) (int, error) {
	defer func() { in.idle <- struct{}{} }()
	return in.r.Read(p)
}

// interrupt makes a running Read return, and reports whether it did.
func (in *input) interrupt() bool {
	if d, ok := in.r.(readDeadliner); ok && d.SetReadDeadline(time.Unix(1, 0)) == nil && in.becomesIdle() {
		return true
	}
	go in.close() // Close may wait for the Read
	return in.becomesIdle()
}

func (in *input) becomesIdle() bool {
	t := time.NewTimer(readGrace)
	defer t.Stop()
	select {
	case token := <-in.idle:
		in.idle <- token
		return true
	case <-t.C:
		return false
	}
}

func (in *input) close() {
	in.closing.Do(func() { _ = in.r.Close() }) // an error of Close does not change what was read
}

// end closes the reader.
func (in *input) end() {
	if in.stop != nil && !in.stop() {
		<-in.ended
	}
	if in.requests != nil {
		close(in.requests)
		select {
		case token := <-in.idle:
			in.idle <- token
		default:
			if !in.interrupt() {
				return
			}
		}
		<-in.reader.Done()
	}
	in.close()
}
