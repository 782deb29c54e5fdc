package stream_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/stream"
	"github.com/coderrange/ferrous/task"
)

// opens returns an Open of r.
func opens(r io.ReadCloser) stream.Open {
	return func(context.Context) (io.ReadCloser, error) { return r, nil }
}

// linesUntilCanceled reads lines of o, ends the context when it has the first one
// and o waits for more, and returns the error of the stream.
func linesUntilCanceled(o stream.Open) (first string, last error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	for line, err := range stream.Lines(o, 100).All(ctx) {
		if last = err; err == nil {
			first = line
			time.AfterFunc(time.Millisecond, func() { cancel(errBoom) }) // most likely while it reads
		}
	}
	return first, last
}

func endsWithItsContext(t *testing.T, o stream.Open) {
	t.Helper()
	first, err := linesUntilCanceled(o)
	assert.Equal(t, "first", first)
	require.ErrorIs(t, err, errBoom)
	require.ErrorIs(t, err, context.Canceled)
}

func TestTheContextEndsAReadOfAPipe(t *testing.T) {
	noLeak(t)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer func() { _ = w.Close() }()
	_, err = io.WriteString(w, "first\nsec")
	require.NoError(t, err)
	endsWithItsContext(t, opens(r))
	_, err = io.WriteString(w, "x")
	require.Error(t, err, "the pipe is closed")
}

func TestTheContextEndsAReadOfAConnection(t *testing.T) {
	noLeak(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	client, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	server, err := l.Accept()
	require.NoError(t, err)
	defer func() { _ = server.Close() }()
	_, err = io.WriteString(server, "first\n")
	require.NoError(t, err)
	endsWithItsContext(t, opens(client))
	_, err = server.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
}

// inputKind is the variable of the environment that makes the test program read its
// standard input; see TestMain.
const inputKind = "FERROUS_STREAM_INPUT"

// readInput reads the standard input as a child of the next test.
func readInput(how string) {
	o := opens(os.Stdin)
	switch how {
	case "no close":
		o = opens(io.NopCloser(os.Stdin))
	case "buffered":
		o = opens(io.NopCloser(bufio.NewReader(os.Stdin)))
	case "device":
		o = stream.File("/dev/stdin")
	}
	fmt.Println(linesUntilCanceled(o))
}

func TestTheContextEndsAReadOfAnInheritedPipe(t *testing.T) {
	for _, how := range []string{"plain", "no close", "buffered", "device"} {
		if how == "device" && runtime.GOOS != "linux" {
			continue
		}
		c := testkit.Self(t)
		c.Env = append(os.Environ(), inputKind+"="+how)
		r, w, err := os.Pipe()
		require.NoError(t, err)
		c.Stdin = r
		var out strings.Builder
		c.Stdout = &out
		require.NoError(t, c.Start())
		_ = r.Close()
		_, err = io.WriteString(w, "first\n")
		require.NoError(t, err)
		require.NoError(t, c.Wait(), how) // w is still open
		assert.Equal(t, "first stream: boom\n", out.String(), how)
		_ = w.Close()
	}
}

// A strange reader waits in Read until it is released.
type strangeReader struct {
	reading  atomic.Bool
	beside   atomic.Bool // Close was called while Read ran
	cleared  atomic.Bool // a deadline was
	closed   atomic.Int64
	release  chan struct{}
	released sync.Once
}

func newStrangeReader() *strangeReader { return &strangeReader{release: make(chan struct{})} }

func (r *strangeReader) Read([]byte) (int, error) {
	r.reading.Store(true)
	defer r.reading.Store(false)
	<-r.release
	return 0, errors.New("released")
}

func (r *strangeReader) Close() error {
	r.closed.Add(1)
	if r.reading.Load() {
		r.beside.Store(true)
	}
	return nil
}

func (r *strangeReader) free() { r.released.Do(func() { close(r.release) }) }

type closes struct{ *strangeReader }

func (r closes) Close() error {
	defer r.free()
	return r.strangeReader.Close()
}

type deadlined struct{ *strangeReader }

func (r deadlined) SetReadDeadline(at time.Time) error {
	if at.IsZero() {
		r.cleared.Store(true)
	} else if at.Before(time.Now()) {
		r.free()
	}
	return nil
}

type badlyDeadlined struct{ closes }

func (badlyDeadlined) SetReadDeadline(time.Time) error { return errors.New("not supported") }

type forgetfulDeadline struct{ closes }

func (forgetfulDeadline) SetReadDeadline(time.Time) error { return nil }

// A lockedReader's Close waits for its Read, which it does not end.
type lockedReader struct{ *strangeReader }

func (r lockedReader) Close() error {
	<-r.release
	return r.strangeReader.Close()
}

func TestAReadIsEndedByADeadlineOrByCloseOrLeftBehind(t *testing.T) {
	for name, c := range map[string]struct {
		wrap   func(*strangeReader) io.ReadCloser
		beside bool          // Close is called beside Read
		after  time.Duration // the end of the context
	}{
		"a deadline":                 {func(r *strangeReader) io.ReadCloser { return deadlined{r} }, false, 0},
		"close":                      {func(r *strangeReader) io.ReadCloser { return closes{r} }, true, 0},
		"a deadline that fails":      {func(r *strangeReader) io.ReadCloser { return badlyDeadlined{closes{r}} }, true, 0},
		"a deadline without effect":  {func(r *strangeReader) io.ReadCloser { return forgetfulDeadline{closes{r}} }, true, 100 * time.Millisecond},
		"nothing":                    {func(r *strangeReader) io.ReadCloser { return r }, true, 100 * time.Millisecond},
		"nothing, and close waits":   {func(r *strangeReader) io.ReadCloser { return lockedReader{r} }, false, 100 * time.Millisecond},
		"nothing, and it cannot end": {func(r *strangeReader) io.ReadCloser { return io.NopCloser(r) }, false, 100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newStrangeReader()
				defer r.free()
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errBoom)
				defer cancel()
				start := time.Now()
				_, err := stream.Collect(ctx, stream.Lines(opens(c.wrap(r)), 100))
				require.ErrorIs(t, err, errBoom)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				assert.Equal(t, time.Second+c.after, time.Since(start))
				assert.Equal(t, c.beside, r.beside.Load(), "beside")
				assert.False(t, r.cleared.Load(), "a deadline of the caller's")
				r.free()
				synctest.Wait()
				if name != "nothing, and it cannot end" {
					assert.EqualValues(t, 1, r.closed.Load())
				}
			})
		})
	}
}

func TestABreakClosesAReaderAfterItsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r := newStrangeReader()
		both := struct {
			io.Reader
			io.Closer
		}{io.MultiReader(strings.NewReader("a\nb\n"), r), r}
		for _, err := range stream.Lines(opens(both), 100).All(ctx) {
			require.NoError(t, err)
			break
		}
		assert.EqualValues(t, 1, r.closed.Load())
		assert.False(t, r.beside.Load())
	})
}

// funcReader is a Read.
type funcReader func([]byte) (int, error)

func (f funcReader) Read(p []byte) (int, error) { return f(p) }

func TestAPanicInAReadPanicsInTheLoop(t *testing.T) {
	noLeak(t)
	for name, ctx := range map[string]context.Context{"cancellable": t.Context(), "background": context.Background()} {
		b := &body{Reader: funcReader(func([]byte) (int, error) { panic(errBoom) })}
		err := testkit.PanicError(t, func() { _ = drain(ctx, stream.Lines(opens(b), 100)) })
		require.ErrorIs(t, err, errBoom, name)
		assert.Equal(t, 1, b.closed, name)
	}
	b := &body{Reader: funcReader(func([]byte) (int, error) {
		runtime.Goexit()
		return 0, nil
	})}
	require.ErrorIs(t, drain(t.Context(), stream.Lines(opens(b), 100)), task.ErrGoexit)
	assert.Equal(t, 1, b.closed)
}

func TestAnOpenThatReturnsNothingPanics(t *testing.T) {
	err := testkit.PanicError(t, func() { _ = drain(t.Context(), stream.Lines(opens(nil), 100)) })
	require.EqualError(t, err, "stream: Lines: Open returned neither a reader nor an error")
}
