package limithttp

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/coderrange/ferrous/internal/ctxerr"
	"github.com/coderrange/ferrous/retry"
)

// ErrLimited is matched by a [LimitedError].
var ErrLimited = errors.New("limithttp: the server takes no request yet")

// LimitedError says that a request was not sent, since the server said that it takes no
// request yet. It matches [ErrLimited].
type LimitedError struct {
	// After is how long the server takes no request.
	After time.Duration
}

// Error says how long the server takes no request.
func (e *LimitedError) Error() string { return fmt.Sprintf("%v, but in %v", ErrLimited, e.After) }

// Unwrap returns [ErrLimited].
func (e *LimitedError) Unwrap() error { return ErrLimited }

// TransportOptions are the options of a [Transport].
type TransportOptions struct {
	// Base sends the requests. Nil means [http.DefaultTransport].
	Base http.RoundTripper
	// MaxWait is how long a request may wait for its server. If it would have to wait
	// longer, it is not sent, and the error is a [*LimitedError]. Zero means that
	// requests do not wait.
	MaxWait time.Duration
	// MaxDelay is how long what a server says counts at most. Zero means an hour.
	MaxDelay time.Duration
	// Key returns what requests have in common that a server limits together. Nil means
	// the scheme and the host of the URL.
	Key func(*http.Request) string
}

// A Transport is an [http.RoundTripper] that heeds what servers say of their limits. It
// returns all responses as they are, and sends no request twice: package retry does
// that. But it sends no request to a server that has said
//
//   - with Retry-After in a response of status 429 or 503 that it takes none yet, or
//   - with RateLimit how many it takes in the next seconds, while so many were sent.
//
// Requests wait, for MaxWait at most and up to a tenth longer than the server asks for,
// at random, so that they do not all come at the same instant. A request whose deadline
// is too early is not sent: the error matches [context.DeadlineExceeded] then.
//
// If a response has both, Retry-After counts. Fields that are malformed do not count, nor
// does RateLimit in a response from a cache, which has an Age.
//
// A Transport must be made by [NewTransport] and not be copied. It is safe for concurrent
// use. It keeps an entry for each server that has said something, until that is over.
type Transport struct {
	_ noCopy
	o TransportOptions // with defaults filled in; does not change

	mu      sync.Mutex
	servers map[string]*server
	sweepAt int // servers, when those are forgotten that have nothing to say any more
}

// A server is what is known of the limits of a server.
type server struct {
	inFlight int       // requests without a response
	until    time.Time // from then on, what is below does not count
	delay    time.Duration
	counted  bool // requests are allowed until then, but only so many
	left     int64
}

// minSweep is how many servers there are before the first sweep.
const minSweep = 64

// NewTransport returns a Transport. It panics if the options are out of range.
func NewTransport(o TransportOptions) *Transport {
	const method = "NewTransport"
	switch {
	case o.MaxWait < 0:
		panic(methodError(method, fmt.Errorf("MaxWait %v", o.MaxWait)))
	case o.MaxDelay < 0:
		panic(methodError(method, fmt.Errorf("MaxDelay %v", o.MaxDelay)))
	}
	if o.Base == nil {
		o.Base = http.DefaultTransport
	}
	if o.MaxDelay == 0 {
		o.MaxDelay = time.Hour
	}
	if o.Key == nil {
		o.Key = originOf
	}
	return &Transport{o: o, servers: map[string]*server{}, sweepAt: minSweep}
}

// originOf returns the scheme and the host of the URL. Base says what it thinks of a
// request without one.
func originOf(r *http.Request) string {
	if r.URL == nil {
		return ""
	}
	return r.URL.Scheme + "://" + r.URL.Host
}

// RoundTrip sends the request, as soon as its server takes it.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	const method = "Transport.RoundTrip"
	switch {
	case t.servers == nil:
		panic(methodError(method, errNotMade))
	case r == nil:
		panic(methodError(method, errNilRequest))
	}
	key := t.o.Key(r)
	if err := t.enter(r, key); err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // as RoundTripper demands
		}
		return nil, methodError(method, err)
	}
	var answer *http.Response
	defer func() { t.leave(key, answer) }() // also if Base panics
	answer, err := t.o.Base.RoundTrip(r)
	return answer, err
}

// enter waits until the server takes the request, and counts it.
func (t *Transport) enter(r *http.Request, key string) error {
	ctx := r.Context()
	var timer *time.Timer
	for begin := time.Now(); ; {
		if ctx.Err() != nil {
			return ctxerr.Of(ctx)
		}
		wait, delay := t.ask(key)
		if wait <= 0 {
			return nil
		}
		if time.Since(begin)+wait > t.o.MaxWait {
			return &LimitedError{After: wait}
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait {
			return ctxerr.Early(ctx)
		}
		wait += rand.N(delay/10 + 1)
		if timer == nil {
			timer = time.NewTimer(wait)
			defer timer.Stop()
		} else {
			timer.Reset(wait)
		}
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
}

// ask counts a request if the server takes it. Otherwise it returns how long that takes,
// and what the server has asked for.
func (t *Transport) ask(key string) (wait, delay time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.servers[key]
	if s == nil {
		s = t.add(key)
	}
	if wait = time.Until(s.until); wait > 0 {
		if !s.counted || s.left <= 0 {
			return wait, s.delay
		}
		s.left--
	}
	s.inFlight++
	return 0, 0
}

// add adds a server. The lock is held.
func (t *Transport) add(key string) *server {
	if len(t.servers) >= t.sweepAt {
		for key, s := range t.servers {
			if s.over() {
				delete(t.servers, key)
			}
		}
		t.sweepAt = max(minSweep, 2*len(t.servers))
	}
	s := &server{}
	t.servers[key] = s
	return s
}

// over reports whether nothing would be lost without the server.
func (s *server) over() bool { return s.inFlight == 0 && time.Until(s.until) <= 0 }

// leave ends a request, and learns what its answer says, if there is one.
func (t *Transport) leave(key string, answer *http.Response) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.servers[key]
	s.inFlight--
	if answer != nil {
		t.learn(s, answer)
	}
	if s.over() {
		delete(t.servers, key)
	}
}

// learn reads the fields of a response. The lock is held.
func (t *Transport) learn(s *server, r *http.Response) {
	now := time.Now()
	if r.StatusCode == http.StatusTooManyRequests || r.StatusCode == http.StatusServiceUnavailable {
		if d, ok := retry.ParseRetryAfter(r.Header.Get("Retry-After"), dateOf(r, now)); ok {
			// An earlier answer that counts for longer does so on.
			if d = min(d, t.o.MaxDelay); !s.blocked(now) || now.Add(d).After(s.until) {
				*s = server{inFlight: s.inFlight, until: now.Add(d), delay: d}
			}
			return
		}
	}
	if s.blocked(now) || r.Header.Get("Age") != "" && r.Header.Get("Age") != "0" {
		return
	}
	if q, ok := parseRateLimit(r.Header.Values("RateLimit")); ok {
		d := min(q.window, t.o.MaxDelay)
		*s = server{s.inFlight, now.Add(d), d, true, q.left - int64(s.inFlight)}
	}
}

// blocked reports whether the server has asked for no request at all.
func (s *server) blocked(now time.Time) bool { return !s.counted && s.until.After(now) }

// dateOf returns the time of the response by the clock of the server, if it tells, for a
// Retry-After that is a date.
func dateOf(r *http.Response, now time.Time) time.Time {
	if date, err := http.ParseTime(r.Header.Get("Date")); err == nil {
		return date
	}
	return now
}

// CloseIdleConnections does so for Base, if that can.
func (t *Transport) CloseIdleConnections() {
	if base, ok := t.o.Base.(interface{ CloseIdleConnections() }); ok {
		base.CloseIdleConnections()
	}
}

// String returns for how many servers something is known.
func (t *Transport) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return "Transport(" + strconv.Itoa(len(t.servers)) + " servers)"
}

// GoString returns the same as String.
func (t *Transport) GoString() string { return t.String() }

// LogValue logs what String returns.
func (t *Transport) LogValue() slog.Value { return slog.StringValue(t.String()) }
