package limithttp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/limit"
	"github.com/coderrange/ferrous/limit/limithttp"
)

// A base is a RoundTripper that is a function.
type base func(r *http.Request) (*http.Response, error)

func (f base) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// says returns a base that answers with a status and fields, "name: value".
func says(status int, fields ...string) base {
	return func(r *http.Request) (*http.Response, error) {
		answer := &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody, Request: r}
		for _, field := range fields {
			name, value, _ := strings.Cut(field, ": ")
			answer.Header.Add(name, value)
		}
		return answer, nil
	}
}

// A peer is a server whose answers change, and the transport to it.
type peer struct {
	*limithttp.Transport
	answer base
	calls  atomic.Int64
}

func newPeer(o limithttp.TransportOptions) *peer {
	p := &peer{answer: says(http.StatusOK)}
	o.Base = base(func(r *http.Request) (*http.Response, error) {
		p.calls.Add(1)
		return p.answer(r)
	})
	p.Transport = limithttp.NewTransport(o)
	return p
}

// send sends a request and returns how long that took.
func (p *peer) send(ctx context.Context, url string) (time.Duration, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	answer, err := p.RoundTrip(r)
	if err == nil {
		err = answer.Body.Close()
	}
	return time.Since(begin), err
}

const shop = "https://shop.example/seats"

func TestRetryAfterKeepsRequestsBack(t *testing.T) {
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		synctest.Test(t, func(t *testing.T) {
			p := newPeer(limithttp.TransportOptions{MaxWait: time.Minute})
			p.answer = says(status, "Retry-After: 20", `RateLimit: "a";r=9;t=1`)
			d, err := p.send(t.Context(), shop)
			require.NoError(t, err, "the response is returned as it is")
			require.Zero(t, d)
			p.answer = says(http.StatusOK)
			d, err = p.send(t.Context(), "https://other.example/")
			require.NoError(t, err)
			require.Zero(t, d, "another server is not concerned")
			d, err = p.send(t.Context(), shop)
			require.NoError(t, err)
			require.GreaterOrEqual(t, d, 20*time.Second)
			require.LessOrEqual(t, d, 22*time.Second)
			d, err = p.send(t.Context(), shop)
			require.NoError(t, err)
			require.Zero(t, d)
			require.EqualValues(t, 4, p.calls.Load())
		})
	}
}

func TestWithoutMaxWaitARequestIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(limithttp.TransportOptions{})
		p.answer = says(http.StatusTooManyRequests, "Retry-After: 20")
		_, err := p.send(t.Context(), shop)
		require.NoError(t, err)
		testkit.Advance(5 * time.Second)
		body := &closed{}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, shop, body)
		require.NoError(t, err)
		_, err = p.RoundTrip(r) //nolint:bodyclose // there is no response
		var limited *limithttp.LimitedError
		require.ErrorAs(t, err, &limited)
		require.ErrorIs(t, err, limithttp.ErrLimited)
		require.Equal(t, 15*time.Second, limited.After)
		require.EqualError(t, err, "limithttp: Transport.RoundTrip: the server takes no request yet, but in 15s")
		require.True(t, body.closed)
		require.EqualValues(t, 1, p.calls.Load())
	})
}

// closed is a body that knows whether it was closed.
type closed struct{ closed bool }

func (*closed) Read([]byte) (int, error) { return 0, io.EOF }
func (c *closed) Close() error           { c.closed = true; return nil }

func TestARequestThatWaitsHeedsItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(limithttp.TransportOptions{MaxWait: time.Hour})
		p.answer = says(http.StatusTooManyRequests, "Retry-After: 20")
		_, err := p.send(t.Context(), shop)
		require.NoError(t, err)

		ctx, cancel := context.WithTimeout(t.Context(), 19*time.Second)
		defer cancel()
		d, err := p.send(ctx, shop)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Zero(t, d, "its deadline is too early")

		cause := errors.New("changed my mind")
		gone, leave := context.WithCancelCause(t.Context())
		failed := make(chan error, 1)
		go func() {
			_, err := p.send(gone, shop)
			failed <- err
		}()
		synctest.Wait()
		leave(cause)
		err = <-failed
		require.ErrorIs(t, err, cause)
		require.ErrorIs(t, err, context.Canceled)
		require.EqualValues(t, 1, p.calls.Load())
	})
}

// requireAMinute sends two requests, of which the second must wait a minute, and at
// most a tenth longer.
func requireAMinute(t *testing.T, p *peer) {
	t.Helper()
	_, err := p.send(t.Context(), shop)
	require.NoError(t, err)
	d, err := p.send(t.Context(), shop)
	require.NoError(t, err)
	require.GreaterOrEqual(t, d, time.Minute)
	require.LessOrEqual(t, d, 66*time.Second)
}

func TestDatesCountByTheClockOfTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(limithttp.TransportOptions{MaxWait: time.Hour})
		p.answer = says(http.StatusServiceUnavailable, "Date: Tue, 15 Nov 1994 08:12:31 GMT", "Retry-After: Tue, 15 Nov 1994 08:13:31 GMT")
		requireAMinute(t, p)
	})
}

func TestNoServerSilencesAClientForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, fields := range [][]string{
			{"Retry-After: 99999999999999999999"},
			{"Retry-After: Fri, 31 Dec 9999 23:59:59 GMT"},
			{`RateLimit: "a";r=0;t=999999999999999`},
		} {
			p := newPeer(limithttp.TransportOptions{MaxDelay: time.Minute, MaxWait: time.Hour})
			p.answer = says(http.StatusTooManyRequests, fields...)
			requireAMinute(t, p)
		}
	})
}

func TestNoMoreRequestsAreSentThanTheServerHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(limithttp.TransportOptions{})
		p.answer = says(http.StatusOK, `RateLimit: "hour";r=900;t=3600, "minute";r=2;t=30`)
		send := func() error { _, err := p.send(t.Context(), shop); return err }
		require.NoError(t, send())
		p.answer = says(http.StatusOK) // it is not told anew
		require.NoError(t, send())
		require.NoError(t, send())
		require.ErrorIs(t, send(), limithttp.ErrLimited)
		testkit.Advance(30 * time.Second)
		require.NoError(t, send())
		require.NoError(t, send())
		require.NoError(t, send())
		require.NoError(t, send(), "the window is over")
	})
}

func TestRequestsOnTheirWayCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(limithttp.TransportOptions{})
		first, second := make(chan struct{}), make(chan struct{})
		p.answer = func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/first" {
				<-first
				return says(http.StatusOK, `RateLimit: "a";r=2;t=30`)(r)
			}
			<-second
			return says(http.StatusOK)(r)
		}
		var all sync.WaitGroup
		for _, path := range []string{"first", "a", "b"} {
			all.Go(func() {
				_, err := p.send(t.Context(), "https://shop.example/"+path)
				assert.NoError(t, err)
			})
			synctest.Wait()
		}
		close(first)
		synctest.Wait()
		_, err := p.send(t.Context(), shop)
		require.ErrorIs(t, err, limithttp.ErrLimited, "two are on their way")
		close(second)
		all.Wait()
	})
}

func TestWhatDoesNotCountAsALimit(t *testing.T) {
	for _, answer := range []base{
		says(http.StatusOK, "Retry-After: 20"),
		says(http.StatusTooManyRequests),
		says(http.StatusTooManyRequests, "Retry-After: soon"),
		says(http.StatusTooManyRequests, "Retry-After: 0"),
		says(http.StatusTooManyRequests, "Retry-After: -1"),
		says(http.StatusOK, `RateLimit: "a";r=0;t=30,`),
		says(http.StatusOK, `RateLimit: "a";r=0;t=30`, "Age: 3"),
		says(http.StatusOK, `RateLimit: "a";r=0`),
		says(http.StatusOK, `RateLimit: "a";t=30`),
		func(*http.Request) (*http.Response, error) { return nil, errors.New("no route") },
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newPeer(limithttp.TransportOptions{})
			p.answer = answer
			_, _ = p.send(t.Context(), shop)
			require.Equal(t, "Transport(0 servers)", p.String())
			_, err := p.send(t.Context(), shop)
			require.NotErrorIs(t, err, limithttp.ErrLimited)
			require.EqualValues(t, 2, p.calls.Load())
		})
	}
}

func TestALaterAnswerDoesNotShortenRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(limithttp.TransportOptions{})
		late := make(chan struct{})
		p.answer = func(r *http.Request) (*http.Response, error) {
			switch r.URL.Path {
			case "/ok":
				<-late
				return says(http.StatusOK, `RateLimit: "a";r=10;t=1`)(r)
			case "/short":
				<-late
				return says(http.StatusTooManyRequests, "Retry-After: 1")(r)
			}
			return says(http.StatusTooManyRequests, "Retry-After: 20")(r)
		}
		var all sync.WaitGroup
		for _, path := range []string{"ok", "short"} {
			all.Go(func() {
				_, err := p.send(t.Context(), "https://shop.example/"+path)
				assert.NoError(t, err)
			})
		}
		synctest.Wait()
		_, err := p.send(t.Context(), shop)
		require.NoError(t, err)
		close(late)
		all.Wait()
		testkit.Advance(19 * time.Second)
		_, err = p.send(t.Context(), shop)
		require.ErrorIs(t, err, limithttp.ErrLimited)
	})
}

func TestABaseThatPanicsIsNotOnItsWay(t *testing.T) {
	p := newPeer(limithttp.TransportOptions{})
	p.answer = func(*http.Request) (*http.Response, error) { panic("oops") }
	require.PanicsWithValue(t, "oops", func() { _, _ = p.send(t.Context(), shop) })
	require.Equal(t, "Transport(0 servers)", p.String())
	for _, same := range []string{fmt.Sprint(p.Transport), fmt.Sprintf("%#v", p.Transport), p.LogValue().String()} {
		require.Equal(t, p.String(), same)
	}
}

func TestServersThatHaveNothingToSayAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(limithttp.TransportOptions{})
		p.answer = says(http.StatusTooManyRequests, "Retry-After: 1")
		for i := range 1000 {
			_, err := p.send(t.Context(), fmt.Sprintf("https://shop%d.example/", i))
			require.NoError(t, err)
		}
		require.Equal(t, "Transport(1000 servers)", p.String())
		testkit.Advance(time.Second)
		for i := range 1000 {
			_, err := p.send(t.Context(), fmt.Sprintf("https://new%d.example/", i))
			require.NoError(t, err)
		}
		require.Equal(t, "Transport(1000 servers)", p.String())
	})
}

func TestKeySaysWhatIsLimitedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(limithttp.TransportOptions{Key: func(r *http.Request) string { return r.URL.Path }})
		p.answer = says(http.StatusTooManyRequests, "Retry-After: 1")
		_, err := p.send(t.Context(), "https://a.example/x")
		require.NoError(t, err)
		_, err = p.send(t.Context(), "https://b.example/x")
		require.ErrorIs(t, err, limithttp.ErrLimited)
		_, err = p.send(t.Context(), "https://a.example/y")
		require.NoError(t, err)
	})
}

// TestATransportIsNotRefusedTwice sends the requests of a client through a Transport to a
// Handler: after a refusal, the next request is not refused.
func TestATransportIsNotRefusedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := limithttp.Handler(ok, limithttp.HandlerOptions{Rate: limit.NewRate(limit.RateOptions{Events: 3, Per: 2 * time.Second})})
		refused := 0
		p := newPeer(limithttp.TransportOptions{MaxWait: time.Minute})
		p.answer = func(r *http.Request) (*http.Response, error) {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code == http.StatusTooManyRequests {
				refused++
			}
			return w.Result(), nil
		}
		begin := time.Now()
		for range 300 {
			_, err := p.send(t.Context(), shop)
			require.NoError(t, err)
		}
		require.Zero(t, refused, "RateLimit was heeded before")
		require.GreaterOrEqual(t, time.Since(begin), 297*2*time.Second/3)
	})
}

func TestIdleConnectionsOfTheBaseAreClosed(t *testing.T) {
	s := httptest.NewServer(ok)
	defer s.Close()
	base := &http.Transport{}
	c := http.Client{Transport: limithttp.NewTransport(limithttp.TransportOptions{Base: base})}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, http.NoBody)
	require.NoError(t, err)
	answer, err := c.Do(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	c.CloseIdleConnections() // goleak would see its goroutines
	limithttp.NewTransport(limithttp.TransportOptions{Base: p404}).CloseIdleConnections()
}

var p404 = says(http.StatusNotFound)
