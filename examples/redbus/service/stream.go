package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/coderrange/ferrous/seatmap"
)

// heartbeat is how often a stream without changes shows that it is there.
const heartbeat = 15 * time.Second

// streamRoute is the pattern of the path of a stream.
const streamRoute = "/v1/events/{event}/changes"

// limitedStream answers a request for a stream, of which there is a limited number.
func (s *Service) limitedStream(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodHead {
		w.Header().Set("Allow", http.MethodGet)
		return errMethod // it would end with its first write
	}
	if !s.measures.address.Count(s.perAddress.Allow(s.address(r))) {
		w.Header().Set("Retry-After", "1")
		return errRate
	}
	permit, err := s.streams.TryAcquire()
	if !s.measures.streams.Count(err == nil) {
		return errOverloaded.because("there are too many streams")
	}
	defer permit.Release()
	return s.stream(w, r)
}

// A picture is a snapshot of an event as everyone may see it.
type picture struct {
	cursor seatmap.Cursor
	text   []byte
}

// picture returns a snapshot. Clients that come at the same time share one.
func (s *Service) picture(ctx context.Context, name string) (picture, error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	return s.pictures.Do(ctx, name, func(ctx context.Context) (picture, error) {
		shot, err := s.o.Store.Seats(ctx, seatmap.SeatsRequest{Event: name, Limit: maxPage})
		if err != nil {
			return picture{}, err
		}
		return picture{shot.Cursor, event("snapshot", shot.Cursor, seatsOf(shot, ""))}, nil
	})
}

// stream sends the changes of an event after Last-Event-ID, or a snapshot and all changes
// after it. A client that cannot go on from where it was gets a gap and a snapshot. An
// error is one of the beginning: later the status has been sent.
func (s *Service) stream(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("event")
	from := r.Header.Get("Last-Event-ID")
	if from == "" {
		from = r.URL.Query().Get("from") // of a client that has a snapshot and connects for the first time
	}
	var at seatmap.Cursor
	if from != "" {
		var err error
		if at, err = seatmap.ParseCursor(from); err != nil {
			return err
		}
	}
	if _, err := s.o.Store.Counts(r.Context(), seatmap.CountsRequest{Event: name}); err != nil {
		return err
	}
	f, err := s.join(name, at)
	if err != nil {
		return seatmap.ErrUnavailable // the service ends
	}
	defer s.leave(f)
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	defer context.AfterFunc(s.live, func() { cancel(ErrEnding) })()

	out := &sse{w: w, c: http.NewResponseController(w), timeout: s.o.ClientTimeout}
	_ = out.c.SetReadDeadline(time.Time{}) // that of the server is for requests
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	out.retry()

	news := f.news.Subscribe()
	defer news.Close()
	for out.err == nil {
		began, before := time.Now(), at
		frames, lost, err := f.since(at)
		if err == nil && lost {
			at, err = s.begin(ctx, f, out, at)
		}
		for _, frame := range frames {
			out.buf.Write(frame.text)
			at = frame.cursor
		}
		if err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			out.end(err)
		}
		if len(frames) > 0 {
			s.measures.changes.Add(float64(len(frames)))
			s.measures.writes.Inc()
		}
		out.flush()
		if err != nil {
			return nil
		}
		if lost || at != before { // else nothing was sent yet, and what comes first need not wait
			pause(ctx, time.Until(began.Add(s.o.Frame)))
		}
		quiet, stop := context.WithTimeout(ctx, heartbeat)
		if news.Changed(quiet) != nil && ctx.Err() == nil && !f.news.IsClosed() {
			out.add(":\n\n")
		}
		stop()
	}
	return nil
}

// begin sends a snapshot, from which the feed can go on, and a gap before it if the client
// has seen something. If the feed is not that far yet, it sends nothing: news will come.
func (s *Service) begin(ctx context.Context, f *feed, out *sse, at seatmap.Cursor) (seatmap.Cursor, error) {
	shot, err := s.picture(ctx, f.event)
	if err != nil {
		return at, err
	}
	if _, lost, _ := f.since(shot.cursor); lost {
		return at, nil
	}
	if !at.IsZero() {
		s.measures.gaps.Inc()
		out.add("event: gap\ndata: {}\n\n")
	}
	s.measures.snapshots.Inc()
	out.buf.Write(shot.text)
	return shot.cursor, nil
}

// pause waits for d, or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-ctx.Done()
}

// sse writes server-sent events. What is written is sent by flush.
type sse struct {
	w       http.ResponseWriter
	c       *http.ResponseController
	timeout time.Duration
	buf     bytes.Buffer
	err     error
}

// add keeps a text until flush.
func (o *sse) add(format string, a ...any) {
	_, _ = fmt.Fprintf(&o.buf, format, a...) // a buffer takes all
}

// retry says when the client shall come back, at random, so that not all come at once.
func (o *sse) retry() { o.add("retry: %d\n\n", 500+rand.IntN(2500)) }

// end says why the stream ends. A client that shall come back is told when.
func (o *sse) end(why error) {
	p := problemOf(why)
	if errors.Is(why, ErrEnding) {
		p = errOverloaded.because("the service is ending")
	}
	o.retry()
	o.add("event: end\ndata: {\"type\":%q}\n\n", p.Type)
}

// flush sends what was written, within the time that one write may take.
func (o *sse) flush() {
	if o.buf.Len() == 0 || o.err != nil {
		return
	}
	_ = o.c.SetWriteDeadline(time.Now().Add(o.timeout))
	_, o.err = o.w.Write(o.buf.Bytes())
	if o.err == nil {
		o.err = o.c.Flush()
	}
	if o.buf.Cap() > 64<<10 {
		o.buf = bytes.Buffer{}
	}
	o.buf.Reset()
}
