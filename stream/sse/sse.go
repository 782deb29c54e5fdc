// Package sse reads server-sent events from HTTP servers. It connects again when a connection ends, as
// the HTML standard says for EventSource.
//
//	req, err := http.NewRequest(http.MethodGet, "https://example.com/events", nil)
//	…
//	for event, err := range sse.Connect(req, sse.Options{}).All(ctx) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(event.Name, event.Data)
//	}
//
// It is a package of its own because it needs net/http, which package stream does not import.
package sse

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"time"

	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/stream"
	"github.com/coderrange/ferrous/stream/internal/eventstream"
)

const (
	defaultReconnect = 3 * time.Second
	defaultMaxBytes  = 1 << 20
	contentType      = "text/event-stream"
)

var (
	// ErrResponse is matched by a [ResponseError].
	ErrResponse = errors.New("sse: not a stream of events")

	// errStop says that the server refuses further connections.
	errStop = errors.New("sse: no content")
)

// ResponseError is a response that is not a stream of events. It matches [ErrResponse].
type ResponseError struct {
	StatusCode  int
	ContentType string
}

// Error names the status or the content type.
func (e *ResponseError) Error() string {
	if e.StatusCode != http.StatusOK {
		return fmt.Sprintf("%v: status %d", ErrResponse, e.StatusCode)
	}
	return fmt.Sprintf("%v: content type %q", ErrResponse, e.ContentType)
}

// Unwrap returns [ErrResponse].
func (e *ResponseError) Unwrap() error { return ErrResponse }

// Options are the settings of [Connect]. The zero Options has the defaults.
type Options struct {
	// Client sends the requests. Nil means [http.DefaultClient]. Its Timeout should be zero, since
	// it limits the time of a whole connection.
	Client *http.Client
	// Policy limits the attempts to connect, and says how long to wait between them beyond the
	// reconnection time. Nil means the zero Policy, with 3 attempts. A connection that delivers at
	// least one byte of the body is a success, and the count of attempts starts again. The Timeout
	// of the policy limits the time until that byte. For a stream that survives every failure of
	// the server, set Attempts to [retry.Unlimited].
	Policy *retry.Policy
	// Reconnect is the reconnection time until the server sets one. Zero means 3 s.
	Reconnect time.Duration
	// MaxBytes is the maximum size of the data of an event; see [stream.SSE]. Zero means 1 MiB.
	MaxBytes int
	// LastID is the ID of the last event that the caller has, for the first connection.
	LastID string
	// Retryable reports whether to try again after a response that is not a stream of events, for
	// example one with status 503. It must not read the body. Nil means never, as the standard
	// says.
	Retryable func(*http.Response) bool
}

// Connect returns a stream of the events that a server sends in response to req. Each loop sends its own
// requests, copies of req with the context of the loop.
//
// When a connection ends, with or without an error, Connect connects again after the reconnection time,
// which a "retry" field sets. It sends the ID of the last event as Last-Event-ID. An event that was not
// complete is dropped; the server should send it again.
//
// The stream ends
//
//   - without an error when a response has the status 204,
//   - with a [*ResponseError] when a response has a status other than 200 or a content type other than
//     text/event-stream, unless Retryable returns true for it,
//   - with a [*retry.Error] when the policy allows no further attempt,
//   - with [stream.ErrTooLong] when an event is too long.
//
// Connect panics if req is nil, if req has a body that cannot be sent again (GetBody is nil), and if a
// number in o is negative.
func Connect(req *http.Request, o Options) stream.Stream[stream.Event] {
	switch {
	case req == nil:
		misuse("the request is nil")
	case req.Body != nil && req.Body != http.NoBody && req.GetBody == nil:
		misuse("the request has a body and no GetBody")
	case o.Reconnect < 0:
		misuse("negative Reconnect %v", o.Reconnect)
	case o.MaxBytes < 0:
		misuse("negative MaxBytes %d", o.MaxBytes)
	}
	if o.Client == nil {
		o.Client = http.DefaultClient
	}
	if o.Reconnect == 0 {
		o.Reconnect = defaultReconnect
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = defaultMaxBytes
	}
	return stream.New(func(ctx context.Context, yield func(stream.Event) bool) error {
		s := source{req: req, o: o}
		s.parser.LastID = o.LastID
		return s.run(ctx, yield)
	})
}

func misuse(format string, args ...any) {
	panic(fmt.Errorf("sse: Connect: "+format, args...))
}

// A source is one run of the stream.
type source struct {
	req    *http.Request
	o      Options
	parser eventstream.Parser
}

// A body is the body of a response whose first byte has arrived.
type body struct {
	*bufio.Reader
	io.Closer
}

func (s *source) run(ctx context.Context, yield func(stream.Event) bool) error {
	for {
		b, err := retry.Do(ctx, s.o.Policy, s.connect)
		switch {
		case errors.Is(err, errStop):
			return nil
		case err != nil:
			return err
		}
		if more, err := s.read(ctx, b, yield); !more {
			return err
		}
		if err := sleep(ctx, s.reconnect()); err != nil {
			return err
		}
	}
}

// read reads events until the connection ends, and reports whether to connect again.
func (s *source) read(ctx context.Context, b body, yield func(stream.Event) bool) (more bool, err error) {
	defer func() { _ = b.Close() }() // also if ctx is done before it is opened
	s.parser.Begin()
	open := func(context.Context) (io.ReadCloser, error) { return b, nil }
	mostLine := min(s.o.MaxBytes, math.MaxInt-eventstream.Room) + eventstream.Room
	for line, err := range stream.Records(open, eventstream.Split, mostLine).All(ctx) {
		if err != nil {
			lasting := ctx.Err() != nil || errors.Is(err, stream.ErrTooLong)
			return !lasting, err
		}
		e, isEvent, fits := s.parser.Line(string(line), s.o.MaxBytes)
		if !fits {
			return false, fmt.Errorf("%w: over %d bytes", stream.ErrTooLong, s.o.MaxBytes)
		}
		if isEvent && !yield(stream.Event(e)) {
			return false, nil
		}
	}
	return true, nil
}

// reconnect returns the reconnection time.
func (s *source) reconnect() time.Duration {
	if s.parser.HasRetry {
		return s.parser.Retry
	}
	return s.o.Reconnect
}

// connect is an attempt to connect.
func (s *source) connect(ctx context.Context) (body, error) {
	req := s.req.Clone(ctx)
	if s.req.GetBody != nil {
		again, err := s.req.GetBody()
		if err != nil {
			return body{}, retry.Permanent(err)
		}
		req.Body = again
	}
	if req.Header == nil { // of a request that was not made by http.NewRequest
		req.Header = http.Header{}
	}
	req.Header.Set("Accept", contentType)
	req.Header.Set("Cache-Control", "no-store")
	req.Header.Del("Last-Event-ID")
	if s.parser.LastID != "" {
		req.Header.Set("Last-Event-ID", s.parser.LastID)
	}
	r, err := s.o.Client.Do(req) //nolint:bodyclose // it is closed by read, or below
	if err != nil {
		return body{}, s.later(err)
	}
	if err := s.check(r); err != nil {
		_ = r.Body.Close()
		return body{}, err
	}
	b := body{bufio.NewReader(r.Body), r.Body}
	if _, err := b.Peek(1); err != nil {
		_ = r.Body.Close()
		return body{}, s.later(fmt.Errorf("sse: the connection ended before the first byte: %w", err))
	}
	return b, nil
}

// check returns an error unless r is a stream of events.
func (s *source) check(r *http.Response) error {
	if r.StatusCode == http.StatusNoContent {
		return retry.Permanent(errStop)
	}
	kind := r.Header.Get("Content-Type")
	media, _, err := mime.ParseMediaType(kind)
	if r.StatusCode == http.StatusOK && err == nil && media == contentType {
		return nil
	}
	refused := &ResponseError{r.StatusCode, kind}
	if s.o.Retryable == nil || !s.o.Retryable(r) {
		return retry.Permanent(refused)
	}
	if d, ok := retry.ParseRetryAfter(r.Header.Get("Retry-After"), time.Now()); ok {
		return s.later(retry.After(d, refused))
	}
	return s.later(refused)
}

// later marks err as an error after which to connect again.
func (s *source) later(err error) error { return retry.After(s.reconnect(), err) }

// sleep waits for d, or until ctx is done.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
