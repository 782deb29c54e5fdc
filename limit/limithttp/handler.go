package limithttp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/coderrange/ferrous/limit"
)

// HandlerOptions are the options of [Handler]. At least one limit must be set.
type HandlerOptions struct {
	// Keyed bounds the requests of each key. A request that it refuses does not count
	// for the other limits.
	Keyed *limit.Keyed[string]
	// Key returns the key of a request, such as the user or [RemoteAddr]. It must be set
	// if Keyed is.
	Key func(*http.Request) string
	// Rate bounds the requests of all together.
	Rate *limit.Rate
	// Concurrency bounds the requests that are handled at once. A request waits in its
	// queue until there is room or its context is done. A response that streams counts
	// until its end.
	Concurrency *limit.Concurrency

	// Name names the policy of Keyed in header fields and problem documents. Zero means
	// "client". That of Rate is called "server".
	Name string
	// Quiet leaves out RateLimit-Policy and RateLimit, which tell what the limits are.
	Quiet bool
	// RetryAfter is what a client is told to wait if there is too much to do. Zero means
	// a second.
	RetryAfter time.Duration
	// Refuse writes the answer to a refused request, whose status is 429 or 503. The
	// header has Retry-After and the fields of the limits then. Nil means
	// a problem document.
	Refuse func(w http.ResponseWriter, r *http.Request, status int)
}

// Handler returns a handler that calls next for the requests that the limits allow. It
// answers the others: with 429 Too Many Requests if a rate refuses them, and with 503
// Service Unavailable if there is too much to do, that is if Concurrency refuses them or
// Keyed has no room for another key. Answers of both kinds have Retry-After. Their body is a
// problem document of type quota-exceeded or temporary-reduced-capacity.
//
// A response has the header fields RateLimit-Policy and RateLimit for each rate that the
// request counted for. For a rate of 10 each second, of which 4 are left:
//
//	RateLimit-Policy: "client";q=10;w=1
//	RateLimit: "client";r=4;t=1
//
// The effective window t is how long the rate takes for what is left, or the time until
// something is left. A client that spreads its requests over it is not refused.
//
// Handler panics if an option is out of range.
func Handler(next http.Handler, o HandlerOptions) http.Handler {
	const method = "Handler"
	refuse := func(text string) { panic(methodError(method, errors.New(text))) }
	switch {
	case next == nil:
		refuse("nil handler")
	case o.Keyed == nil && o.Rate == nil && o.Concurrency == nil:
		refuse("no limit")
	case (o.Keyed == nil) != (o.Key == nil):
		refuse("Keyed and Key need each other")
	case strings.ContainsFunc(o.Name, func(c rune) bool { return c < ' ' || c > '~' }):
		refuse(fmt.Sprintf("name %q, want printable ASCII", o.Name))
	case o.RetryAfter < 0:
		refuse(fmt.Sprintf("RetryAfter %v", o.RetryAfter))
	}
	if o.Name == "" {
		o.Name = "client"
	}
	if o.RetryAfter == 0 {
		o.RetryAfter = time.Second
	}
	h := &handler{HandlerOptions: o, next: next}
	if o.Keyed != nil {
		h.quoted = quote(o.Name)
		h.policy = policy(h.quoted, o.Keyed.Options())
	}
	return h
}

type handler struct {
	HandlerOptions
	next http.Handler

	quoted, policy string // the name and the policy of Keyed, whose rate never changes
}

// A meter is a rate as one request sees it.
type meter struct {
	name      string
	quoted    string // the name as a String of RFC 9651
	policy    string
	options   limit.RateOptions
	allow     func() bool
	available func() int
	delay     func() time.Duration
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.Keyed != nil {
		key := h.Key(r)
		if !h.pass(w, r, meter{
			h.Name, h.quoted, h.policy, h.Keyed.Options(),
			func() bool { return h.Keyed.Allow(key) },
			func() int { return h.Keyed.Available(key) },
			func() time.Duration { d, _ := h.Keyed.Delay(key, 1); return d },
		}) {
			return
		}
	}
	if h.Rate != nil {
		options := h.Rate.Options()
		if !h.pass(w, r, meter{
			"server", `"server"`, policy(`"server"`, options), options, h.Rate.Allow, h.Rate.Available,
			func() time.Duration { d, _ := h.Rate.Delay(1); return d },
		}) {
			return
		}
	}
	if h.Concurrency == nil {
		h.next.ServeHTTP(w, r)
		return
	}
	err := h.Concurrency.DoErr(r.Context(), func(context.Context) error {
		h.next.ServeHTTP(w, r)
		return nil
	})
	if err != nil { // next was not called
		h.busy(w, r)
	}
}

// pass reports whether the rate allows the request. If not, it answers.
func (h *handler) pass(w http.ResponseWriter, r *http.Request, m meter) bool {
	// If a rate refuses a request that it would allow at once, an event has become
	// allowed meanwhile, or it is a new key for which there is no room.
	for range 2 {
		if m.allow() {
			h.tell(w, m, 0)
			return true
		}
		if d := m.delay(); d > 0 {
			h.tell(w, m, d)
			h.refuse(w, r, http.StatusTooManyRequests, d, m.name)
			return false
		}
	}
	h.busy(w, r)
	return false
}

// busy answers that there is too much to do.
func (h *handler) busy(w http.ResponseWriter, r *http.Request) {
	h.refuse(w, r, http.StatusServiceUnavailable, h.RetryAfter, "")
}

// tell writes the fields of a rate that allows the next request after the delay.
func (h *handler) tell(w http.ResponseWriter, m meter, delay time.Duration) {
	if h.Quiet {
		return
	}
	w.Header().Add("Ratelimit-Policy", m.policy)
	left := 0
	if delay == 0 {
		if left = m.available(); left > 0 {
			delay = time.Duration(min(float64(m.options.Per)/float64(m.options.Events)*float64(left), float64(most)))
		} else {
			delay = m.delay()
		}
	}
	w.Header().Add("Ratelimit", m.quoted+";r="+strconv.Itoa(left)+";t="+strconv.FormatInt(seconds(delay), 10))
}

// most is the longest time in a header field: the largest Integer of RFC 9651 has 15
// digits.
const most = 290 * 365 * 24 * time.Hour

// policy returns the field of a rate: a quota and its window in whole seconds, at most
// the rate.
func policy(quoted string, o limit.RateOptions) string {
	quota, window := quotaOf(o)
	return quoted + ";q=" + strconv.FormatInt(quota, 10) + ";w=" + strconv.FormatInt(window, 10)
}

func quotaOf(o limit.RateOptions) (quota, window int64) {
	window = seconds(o.Per)
	high, low := bits.Mul64(uint64(o.Events), uint64(window)*uint64(time.Second))
	exact, _ := bits.Div64(high, low, uint64(o.Per)) // less than Events and a billion
	return int64(min(exact, maxInteger)), window
}

// maxInteger is the largest Integer of RFC 9651.
const maxInteger = 999_999_999_999_999

// seconds returns the time in whole seconds, rounded up, and at least one.
func seconds(d time.Duration) int64 {
	return max(int64((d-1)/time.Second)+1, 1)
}

// quote returns a String of RFC 9651.
func quote(s string) string { return `"` + escape.Replace(s) + `"` }

var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// refuse answers a request that is not allowed before the delay.
func (h *handler) refuse(w http.ResponseWriter, r *http.Request, status int, delay time.Duration, name string) {
	w.Header().Set("Retry-After", strconv.FormatInt(seconds(delay), 10))
	if h.Refuse != nil {
		h.Refuse(w, r, status)
		return
	}
	p := problem{
		Type:   problemTypes + "temporary-reduced-capacity",
		Title:  "There is too much to do at the moment.",
		Status: status,
	}
	if name != "" {
		p = problem{problemTypes + "quota-exceeded", "There were too many requests.", status, []string{name}}
	}
	body, _ := json.Marshal(p) // strings and numbers only
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

const problemTypes = "https://iana.org/assignments/http-problem-types#"

// A problem is a document of RFC 9457, with the member of the draft.
type problem struct {
	Type     string   `json:"type"`
	Title    string   `json:"title"`
	Status   int      `json:"status"`
	Violated []string `json:"violated-policies,omitempty"`
}
