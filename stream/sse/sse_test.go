package sse_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/stream"
	"github.com/coderrange/ferrous/stream/sse"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBoom = errors.New("boom")

// serve starts a server and returns a request to it and options with a client of its
// own, which connects again at once.
func serve(t *testing.T, h http.HandlerFunc) (*http.Request, sse.Options) {
	t.Helper()
	s := httptest.NewServer(h)
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		s.Close()
	})
	return request(t, s.URL), sse.Options{
		Client:    &http.Client{Transport: transport},
		Reconnect: time.Millisecond,
		Policy:    retry.New(retry.Options{Attempts: 3, Backoff: retry.Constant(0)}),
	}
}

func request(t *testing.T, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil) //nolint:noctx // each run has its own
	require.NoError(t, err)
	return req
}

// events begins an answer and returns a function that writes a part of it.
func events(w http.ResponseWriter) func(format string, args ...any) {
	w.Header().Set("Content-Type", "text/event-stream")
	return func(format string, args ...any) {
		_, _ = fmt.Fprintf(w, format, args...)
		w.(http.Flusher).Flush() //nolint:forcetypeassert // it is one
	}
}

func data(es []stream.Event) (all []string) {
	for _, e := range es {
		all = append(all, e.Data)
	}
	return all
}

// TestAConnectionThatIsCutGoesOnAtTheLastID has a server that sends a few events on
// each connection and ends it in all ways.
func TestAConnectionThatIsCutGoesOnAtTheLastID(t *testing.T) {
	var mu sync.Mutex
	var ids []string
	req, o := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		id := r.Header.Get("Last-Event-ID")
		connection := len(ids)
		ids = append(ids, id)
		mu.Unlock()
		assert.Equal(t, "text/event-stream", r.Header.Get("Accept"))
		at, _ := strconv.Atoi(id)
		if at >= 20 {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		write := events(w)
		for range connection % 3 {
			at++
			write("id: %d\ndata: %d\n\n", at, at)
		}
		switch connection % 4 {
		case 0: // the end of the body
			write(": nothing yet\n\n")
		case 1:
			write("id: 99\ndata: torn") // and cut
			panic(http.ErrAbortHandler)
		case 2:
			write("data: not ended\n")
		case 3:
			write("data: ")
			c, _, err := w.(http.Hijacker).Hijack() //nolint:forcetypeassert // it is one
			if assert.NoError(t, err) {
				_ = c.Close()
			}
		}
	})
	got, err := stream.Collect(t.Context(), sse.Connect(req, o))
	require.NoError(t, err)
	var want []string
	for i := range len(got) {
		want = append(want, strconv.Itoa(i+1))
	}
	assert.Equal(t, want, data(got))
	assert.GreaterOrEqual(t, len(got), 20)
	assert.Empty(t, ids[0])
	assert.NotContains(t, ids, "99")
	assert.Empty(t, req.Header, "the request is the caller's")
}

func TestTheIDOfABlockWithoutDataIsSentToo(t *testing.T) {
	var ids []string
	answers := []string{
		"id: a\n\n",                 // without data
		"id: b\ndata: 1\n",          // not complete
		"data: 2\n\n",               // without an ID: the last one stays
		"id\ndata: 3\n\n",           // an empty ID
		"id: x\x00\ndata: 4\n\n",    // not an ID
		"id: c\n\nid: d\ndata: 5\n", // the second is not complete
		"",
	}
	req, o := serve(t, func(w http.ResponseWriter, r *http.Request) {
		ids = append(ids, r.Header.Get("Last-Event-ID"))
		if len(ids) == len(answers) {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		events(w)("%s", answers[len(ids)-1])
	})
	o.LastID = "from before"
	for range 2 {
		ids = nil
		got, err := stream.Collect(t.Context(), sse.Connect(req, o))
		require.NoError(t, err)
		assert.Equal(t, []string{"2", "3", "4"}, data(got))
		assert.Equal(t, []string{"a", "", ""}, []string{got[0].ID, got[1].ID, got[2].ID})
		assert.Equal(t, []string{"from before", "a", "a", "a", "", "", "c"}, ids)
	}
}

func TestAnAnswerThatIsNoStreamEndsIt(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		kind   string
		text   string // of the error; "" for none
	}{
		"an error":      {http.StatusInternalServerError, "text/event-stream", "sse: not a stream of events: status 500"},
		"created":       {http.StatusCreated, "text/event-stream", "sse: not a stream of events: status 201"},
		"text":          {http.StatusOK, "text/plain", `sse: not a stream of events: content type "text/plain"`},
		"nonsense":      {http.StatusOK, "; ;", `sse: not a stream of events: content type "; ;"`},
		"with charset":  {http.StatusOK, "text/event-stream; charset=utf-8", ""},
		"in upper case": {http.StatusOK, "Text/Event-Stream", ""},
	} {
		requests := 0
		req, o := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			if requests++; requests == 2 {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			w.Header().Set("Content-Type", c.kind)
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, "data: x\n\n")
		})
		got, err := stream.Collect(t.Context(), sse.Connect(req, o))
		if c.text == "" {
			require.NoError(t, err, name)
			assert.Len(t, got, 1)
			continue
		}
		require.ErrorIs(t, err, sse.ErrResponse, name)
		require.ErrorContains(t, err, c.text)
		var refused *sse.ResponseError
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, c.status, refused.StatusCode)
		assert.Equal(t, 1, requests)
		assert.Empty(t, got)
	}
}

func TestAnswersThatAreRetryableAreBoundedByThePolicy(t *testing.T) {
	requests := 0
	req, o := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if requests++; requests == 3 {
			events(w)("data: x\n\n")
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	o.Retryable = func(r *http.Response) bool { return r.StatusCode == http.StatusServiceUnavailable }
	got, err := stream.Collect(t.Context(), sse.Connect(req, o))
	var gaveUp *retry.Error
	require.ErrorAs(t, err, &gaveUp)
	require.ErrorIs(t, err, sse.ErrResponse)
	assert.Equal(t, []string{"x"}, data(got))
	assert.Equal(t, 3+3, requests, "counted anew after a connection")
}

func TestConnectionsThatEndBeforeAByteAreBoundedByThePolicy(t *testing.T) {
	for name, end := range map[string]func(http.ResponseWriter){
		"an empty body":  func(w http.ResponseWriter) { events(w)("") },
		"cut":            func(w http.ResponseWriter) { events(w)(""); panic(http.ErrAbortHandler) },
		"without answer": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
	} {
		var requests atomic.Int64
		req, o := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			requests.Add(1)
			end(w)
		})
		var gaveUp *retry.Error
		require.ErrorAs(t, func() error {
			_, err := stream.Collect(t.Context(), sse.Connect(req, o))
			return err
		}(), &gaveUp, name)
		assert.Equal(t, 3, gaveUp.Attempts, name)
		assert.GreaterOrEqual(t, requests.Load(), int64(3), name)
	}
	req := request(t, "http://127.0.0.1:1/")
	var gaveUp *retry.Error
	_, err := stream.Collect(t.Context(), sse.Connect(req, sse.Options{Reconnect: 1}))
	require.ErrorAs(t, err, &gaveUp, "nobody listens")
}

func TestTheContextEndsAConnection(t *testing.T) {
	for name, h := range map[string]func(http.ResponseWriter){
		"before the answer":     func(http.ResponseWriter) {},
		"before the first byte": func(w http.ResponseWriter) { events(w)("") },
		"in the body":           func(w http.ResponseWriter) { events(w)("data: x\n\ndata: ") },
	} {
		reached, gone := make(chan struct{}), make(chan struct{})
		req, o := serve(t, func(w http.ResponseWriter, r *http.Request) {
			h(w)
			close(reached)
			<-r.Context().Done()
			close(gone)
		})
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			<-reached
			cancel(errBoom)
		}()
		_, err := stream.Collect(ctx, sse.Connect(req, o))
		require.ErrorIs(t, err, errBoom, name)
		require.ErrorIs(t, err, context.Canceled, name)
		<-gone
	}
}

func TestALoopThatIsLeftEndsTheConnection(t *testing.T) {
	gone := make(chan struct{})
	req, o := serve(t, func(w http.ResponseWriter, r *http.Request) {
		events(w)("data: x\n\ndata: y\n\n")
		<-r.Context().Done()
		close(gone)
	})
	e, ok, err := stream.First(t.Context(), sse.Connect(req, o))
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Equal(t, "x", e.Data)
	<-gone
}

func TestAnEventThatIsTooLongEndsTheStream(t *testing.T) {
	for _, long := range []string{
		"data: " + strings.Repeat("x", 11) + "\n\n", strings.Repeat("data: 12345\n", 2) + "\n", strings.Repeat(":", 999),
	} {
		requests := 0
		req, o := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			requests++
			events(w)("data: ten bytes.\n\n%s", long)
		})
		o.MaxBytes = 10
		got, err := stream.Collect(t.Context(), sse.Connect(req, o))
		require.ErrorIs(t, err, stream.ErrTooLong, "%q", long)
		assert.Equal(t, []string{"ten bytes."}, data(got))
		assert.Equal(t, 1, requests)
	}
}

func TestAnEventMayBeAsLongAsAnIntSays(t *testing.T) {
	req, o := serve(t, func(w http.ResponseWriter, _ *http.Request) { events(w)("data: x\n\n") })
	o.MaxBytes = math.MaxInt
	e, ok, err := stream.First(t.Context(), sse.Connect(req, o))
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Equal(t, "x", e.Data)
}

func TestABodyOfTheRequestIsSentAgain(t *testing.T) {
	var bodies []string
	req, o := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if bodies = append(bodies, string(b)); len(bodies) == 3 {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		events(w)(":\n")
	})
	req, err := http.NewRequest(http.MethodPost, req.URL.String(), strings.NewReader("question")) //nolint:noctx // each run has its own
	require.NoError(t, err)
	_, err = stream.Collect(t.Context(), sse.Connect(req, o))
	require.NoError(t, err)
	assert.Equal(t, []string{"question", "question", "question"}, bodies)
	req.GetBody = func() (io.ReadCloser, error) { return nil, errBoom }
	_, err = stream.Collect(t.Context(), sse.Connect(req, o))
	require.ErrorIs(t, err, errBoom)
}

// transport answers requests in a bubble.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(text string) *http.Response {
	return &http.Response{
		StatusCode: http.StatusOK,
		Header:     http.Header{"Content-Type": {"text/event-stream"}},
		Body:       io.NopCloser(strings.NewReader(text)),
	}
}

func TestTheReconnectionTimeIsTheOneThatWasSetLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var when []time.Duration
		answers := []string{
			"data: 1\n\n", "retry: 10000\n", "data: 2\n\n", "retry: 1x\nretry: \n\n", "retry: 500\nretry: +7\n\n", "data: 3\n\n",
		}
		o := sse.Options{
			Policy: retry.New(retry.Options{Attempts: 3, Backoff: retry.Constant(0)}),
			Client: &http.Client{Transport: transport(func(*http.Request) (*http.Response, error) {
				when = append(when, time.Since(start))
				if len(when) > len(answers) {
					return nil, errBoom
				}
				return answer(answers[len(when)-1]), nil
			})},
		}
		got, err := stream.Collect(t.Context(), sse.Connect(request(t, "http://nowhere/"), o))
		require.ErrorIs(t, err, errBoom)
		assert.Equal(t, []string{"1", "2", "3"}, data(got))
		sec := time.Second
		assert.Equal(t, []time.Duration{0, 3 * sec, 13 * sec, 23 * sec, 33 * sec, 33*sec + sec/2, 34 * sec}, when[:7])
		require.Len(t, when, 9)
		for i := range 2 { // of the policy: the time, and a tenth at random
			wait := when[7+i] - when[6+i]
			assert.GreaterOrEqual(t, wait, sec/2)
			assert.LessOrEqual(t, wait, sec/2+sec/20)
		}
	})
}

func TestTheContextEndsTheWaitBetweenConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, roundTrip := range map[string]transport{
			"after a body":    func(*http.Request) (*http.Response, error) { return answer("data: x\n\n"), nil },
			"after a failure": func(*http.Request) (*http.Response, error) { return nil, errors.New("down") },
		} {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(errBoom) })
			o := sse.Options{Client: &http.Client{Transport: roundTrip}, Reconnect: time.Minute}
			start := time.Now()
			_, err := stream.Collect(ctx, sse.Connect(request(t, "http://nowhere/"), o))
			require.ErrorIs(t, err, errBoom, name)
			require.ErrorIs(t, err, context.Canceled, name)
			assert.Equal(t, time.Second, time.Since(start), name)
		}
	})
}

func TestATimeoutOfThePolicyBoundsTheFirstByteOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		o := sse.Options{
			Policy: retry.New(retry.Options{Attempts: 2, Timeout: time.Second, Backoff: retry.Constant(0)}),
			Client: &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
				if requests++; requests > 1 {
					<-r.Context().Done()
					return nil, context.Cause(r.Context())
				}
				body, w := io.Pipe()
				go func() {
					_, _ = io.WriteString(w, "data: 1\n\n")
					<-time.After(time.Hour)
					_, _ = io.WriteString(w, "data: 2\n\n")
					_ = w.Close()
				}()
				a := answer("")
				a.Body = body
				return a, nil
			})},
		}
		got, err := stream.Collect(t.Context(), sse.Connect(request(t, "http://nowhere/"), o))
		require.ErrorIs(t, err, retry.ErrTimeout)
		assert.Equal(t, []string{"1", "2"}, data(got))
		assert.Equal(t, 3, requests)
	})
}

func TestBadArgumentsPanic(t *testing.T) {
	withBody, err := http.NewRequest(http.MethodPost, "http://nowhere/", io.MultiReader()) //nolint:noctx // it is never sent
	require.NoError(t, err)
	get := request(t, "http://nowhere/")
	for text, f := range map[string]func(){
		"sse: Connect: the request is nil":                    func() { sse.Connect(nil, sse.Options{}) },
		"sse: Connect: the request has a body and no GetBody": func() { sse.Connect(withBody, sse.Options{}) },
		"sse: Connect: negative Reconnect -1ns":               func() { sse.Connect(get, sse.Options{Reconnect: -1}) },
		"sse: Connect: negative MaxBytes -1":                  func() { sse.Connect(get, sse.Options{MaxBytes: -1}) },
	} {
		require.EqualError(t, testkit.PanicError(t, f), text)
	}
}
