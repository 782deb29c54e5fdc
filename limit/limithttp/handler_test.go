package limithttp_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/limit"
	"github.com/coderrange/ferrous/limit/limithttp"
)

var ok = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })

// get returns the answer of the handler to a client.
func get(h http.Handler, client string) *http.Response {
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	r.RemoteAddr = client + ":1234"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result() //nolint:bodyclose // a recorder's
}

// fields returns the status and the three fields of a response.
func fields(r *http.Response) [4]any {
	return [4]any{r.StatusCode, r.Header.Get("RateLimit-Policy"), r.Header.Get("RateLimit"), r.Header.Get("Retry-After")}
}

func problemOf(t *testing.T, r *http.Response) (p map[string]any) {
	t.Helper()
	require.Equal(t, "application/problem+json", r.Header.Get("Content-Type"))
	require.Equal(t, "no-store", r.Header.Get("Cache-Control"))
	require.NoError(t, json.NewDecoder(r.Body).Decode(&p))
	return p
}

func TestTooManyRequestsOfAClientGet429(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := limit.NewKeyed[string](limit.KeyedOptions{Rate: limit.RateOptions{Events: 2, Per: 10 * time.Second}})
		defer k.Close()
		h := limithttp.Handler(ok, limithttp.HandlerOptions{Keyed: k, Key: limithttp.RemoteAddr})
		const policy = `"client";q=2;w=10`
		assert.Equal(t, [4]any{204, policy, `"client";r=1;t=5`, ""}, fields(get(h, "192.0.2.1")))
		testkit.Advance(time.Second)
		assert.Equal(t, [4]any{204, policy, `"client";r=0;t=4`, ""}, fields(get(h, "192.0.2.1")))
		testkit.Advance(time.Millisecond)
		refused := get(h, "192.0.2.1")
		assert.Equal(t, [4]any{429, policy, `"client";r=0;t=4`, "4"}, fields(refused))
		assert.Equal(t, map[string]any{
			"type":   "https://iana.org/assignments/http-problem-types#quota-exceeded",
			"title":  "There were too many requests.",
			"status": 429.0, "violated-policies": []any{"client"},
		}, problemOf(t, refused))
		assert.Equal(t, 204, get(h, "192.0.2.2").StatusCode, "another client is not concerned")
		testkit.Advance(4 * time.Second)
		assert.Equal(t, 204, get(h, "192.0.2.1").StatusCode, "Retry-After was long enough")
	})
}

// TestAClientThatHeedsTheWindowIsNotRefused sends as many requests as the field says is
// left, spread over the window that it says.
func TestAClientThatHeedsTheWindowIsNotRefused(t *testing.T) {
	for _, o := range []limit.RateOptions{
		{Events: 1},
		{Events: 10, Burst: 25},
		{Events: 7, Per: 1500 * time.Millisecond},
		{Events: 1, Per: time.Hour, Burst: 3},
		{Events: 1_000_000, Burst: 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := limithttp.Handler(ok, limithttp.HandlerOptions{Rate: limit.NewRate(o)})
			left, window := int64(1), time.Duration(0)
			for range 100 {
				testkit.Advance(window / time.Duration(max(left, 1)))
				r := get(h, "192.0.2.1")
				require.Equal(t, 204, r.StatusCode, "%v", o)
				var found bool
				left, window, found = limithttp.ParseRateLimit(r.Header.Values("RateLimit"))
				require.True(t, found)
			}
		})
	}
}

func TestPoliciesAreNeverHigherThanTheRate(t *testing.T) {
	for want, o := range map[string]limit.RateOptions{
		`"server";q=10;w=1`:               {Events: 10},
		`"server";q=5;w=60`:               {Events: 5, Per: time.Minute, Burst: 20},
		`"server";q=9;w=2`:                {Events: 7, Per: 1500 * time.Millisecond},
		`"server";q=1000;w=1`:             {Events: 1, Per: time.Millisecond},
		`"server";q=1;w=9223372037`:       {Events: 1, Per: 1<<63 - 1},
		`"server";q=1000000000;w=1`:       {Events: 1, Per: 1},
		`"server";q=1000000000;w=1000000`: {Events: 1_000_000_000, Per: 1_000_000 * time.Second},
	} {
		h := limithttp.Handler(ok, limithttp.HandlerOptions{Rate: limit.NewRate(o)})
		assert.Equal(t, want, get(h, "192.0.2.1").Header.Get("RateLimit-Policy"))
	}
}

func TestEachPolicyHasItsFields(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := limit.NewKeyed[string](limit.KeyedOptions{Rate: limit.RateOptions{Events: 1, Burst: 2}})
		defer k.Close()
		o := limithttp.HandlerOptions{
			Keyed: k, Key: limithttp.RemoteAddr, Rate: limit.NewRate(limit.RateOptions{Events: 1, Burst: 3}), Name: `a "b" \`,
		}
		h := limithttp.Handler(ok, o)
		r := get(h, "192.0.2.1")
		assert.Equal(t, []string{`"a \"b\" \\";q=1;w=1`, `"server";q=1;w=1`}, r.Header.Values("RateLimit-Policy"))
		assert.Equal(t, []string{`"a \"b\" \\";r=1;t=1`, `"server";r=2;t=2`}, r.Header.Values("RateLimit"))
		assert.Equal(t, 204, get(h, "192.0.2.1").StatusCode)
		r = get(h, "192.0.2.1")
		assert.Equal(t, 429, r.StatusCode)
		assert.Equal(t, []string{`"a \"b\" \\";r=0;t=1`}, r.Header.Values("RateLimit"))
		assert.Equal(t, 1, o.Rate.Available(), "what one limit refuses does not count for the next")
		assert.Equal(t, 204, get(h, "192.0.2.2").StatusCode)
		r = get(h, "192.0.2.2")
		assert.Equal(t, 429, r.StatusCode)
		assert.Equal(t, []any{"server"}, problemOf(t, r)["violated-policies"])

		o.Quiet = true
		r = get(limithttp.Handler(ok, o), "192.0.2.3")
		assert.Equal(t, [4]any{429, "", "", "1"}, fields(r))
	})
}

func TestTooManyKeysGet503(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := limit.NewKeyed[string](limit.KeyedOptions{Rate: limit.RateOptions{Events: 1, Per: time.Hour}, MaxKeys: 1})
		h := limithttp.Handler(ok, limithttp.HandlerOptions{Keyed: k, Key: limithttp.RemoteAddr})
		assert.Equal(t, 204, get(h, "192.0.2.1").StatusCode)
		assert.Equal(t, [4]any{503, "", "", "1"}, fields(get(h, "192.0.2.2")))
		assert.Equal(t, 429, get(h, "192.0.2.1").StatusCode)
		k.Close()
		assert.Equal(t, 503, get(h, "192.0.2.1").StatusCode)
	})
}

func TestTooMuchAtOnceGets503(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := limit.NewConcurrency(limit.ConcurrencyOptions{Limit: 1, Queue: 1})
		begun, goOn := make(chan struct{}, 2), make(chan struct{})
		h := limithttp.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			begun <- struct{}{}
			<-goOn
			w.WriteHeader(http.StatusNoContent)
		}), limithttp.HandlerOptions{Concurrency: c, RetryAfter: 90 * time.Second})
		answers := make(chan int, 2)
		for range 2 {
			go func() { answers <- get(h, "192.0.2.1").StatusCode }()
			synctest.Wait()
		}
		require.Len(t, begun, 1)
		refused := get(h, "192.0.2.1")
		assert.Equal(t, [4]any{503, "", "", "90"}, fields(refused))
		assert.Equal(t, map[string]any{
			"type":   "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity",
			"title":  "There is too much to do at the moment.",
			"status": 503.0,
		}, problemOf(t, refused))
		close(goOn)
		assert.Equal(t, 204, <-answers)
		assert.Equal(t, 204, <-answers)
	})
}

func TestARequestThatIsGivenUpLeavesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := limit.NewConcurrency(limit.ConcurrencyOptions{Limit: 1, Queue: 1})
		p, err := c.TryAcquire()
		require.NoError(t, err)
		h := limithttp.Handler(ok, limithttp.HandlerOptions{Concurrency: c})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody))
		assert.Equal(t, 503, w.Code)
		assert.Equal(t, limit.ConcurrencyStats{Limit: 1, Running: 1}, c.Stats())
		p.Release()
	})
}

func TestAHandlerThatPanicsReleasesItsPermit(t *testing.T) {
	c := limit.NewConcurrency(limit.ConcurrencyOptions{Limit: 1})
	h := limithttp.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }),
		limithttp.HandlerOptions{Concurrency: c})
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() { get(h, "192.0.2.1") })
	assert.Equal(t, limit.ConcurrencyStats{Limit: 1}, c.Stats())
}

func TestRefuseWritesTheAnswer(t *testing.T) {
	r := limit.NewRate(limit.RateOptions{Events: 1, Per: time.Hour})
	require.True(t, r.Allow())
	h := limithttp.Handler(ok, limithttp.HandlerOptions{Rate: r, Refuse: func(w http.ResponseWriter, r *http.Request, status int) {
		assert.NotEmpty(t, w.Header().Get("Retry-After"))
		assert.NotEmpty(t, w.Header().Get("RateLimit"))
		http.Error(w, r.URL.Path, status)
	}})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/seats", http.NoBody))
	assert.Equal(t, 429, w.Code)
	assert.Equal(t, "/seats\n", w.Body.String())
}

func TestTheAddressOfAClientIsNotWhatItSays(t *testing.T) {
	behind := limithttp.ForwardedFor(netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/48"))
	for _, c := range []struct {
		remote    string
		forwarded []string
		direct    string // RemoteAddr
		key       string // ForwardedFor
	}{
		{"192.0.2.1:80", nil, "192.0.2.1", "192.0.2.1"},
		{"192.0.2.1:80", []string{"198.51.100.1"}, "192.0.2.1", "192.0.2.1"},
		{"10.0.0.1:80", nil, "10.0.0.1", "10.0.0.1"},
		{"10.0.0.1:80", []string{"198.51.100.1"}, "10.0.0.1", "198.51.100.1"},
		{"[::ffff:10.0.0.1]:80", []string{"::ffff:198.51.100.1"}, "10.0.0.1", "198.51.100.1"},
		{"10.0.0.1:80", []string{"203.0.113.9, 198.51.100.1"}, "10.0.0.1", "198.51.100.1"},
		{"10.0.0.1:80", []string{"203.0.113.9", "198.51.100.1,10.0.0.2"}, "10.0.0.1", "198.51.100.1"},
		{"10.0.0.1:80", []string{"203.0.113.9, unknown"}, "10.0.0.1", "10.0.0.1"},
		{"10.0.0.1:80", []string{"unknown, 10.0.0.2"}, "10.0.0.1", "10.0.0.2"},
		{"10.0.0.1:80", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.1", "10.0.0.3"},
		{"10.0.0.1:80", []string{"198.51.100.1:4711"}, "10.0.0.1", "198.51.100.1"},
		{"10.0.0.1:80", []string{"[2001:db8:2::1]:4711"}, "10.0.0.1", "2001:db8:2::/64"},
		{"10.0.0.1:80", []string{"[2001:db8:2::1]"}, "10.0.0.1", "2001:db8:2::/64"},
		{"[2001:db8:1::7]:80", []string{"2001:db8:2:0:a::b"}, "2001:db8:1::/64", "2001:db8:2::/64"},
		{"[fe80::1%eth0]:80", nil, "fe80::/64", "fe80::/64"},
		{"@", []string{"198.51.100.1"}, "@", "@"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.RemoteAddr = c.remote
		r.Header["X-Forwarded-For"] = c.forwarded
		assert.Equal(t, c.direct, limithttp.RemoteAddr(r), "%v", c)
		assert.Equal(t, c.key, behind(r), "%v", c)
	}
}

func TestATrustedNetworkMayBeWrittenAsIPv6(t *testing.T) {
	behind := limithttp.ForwardedFor(netip.MustParsePrefix("::ffff:10.0.0.0/104"))
	for remote, key := range map[string]string{
		"10.0.0.1:80": "198.51.100.1", "[::ffff:10.9.9.9]:80": "198.51.100.1", "11.0.0.1:80": "11.0.0.1", "[::1]:80": "::/64",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.RemoteAddr = remote
		r.Header.Set("X-Forwarded-For", "198.51.100.1")
		assert.Equal(t, key, behind(r), remote)
	}
}

func TestMisusePanicsByName(t *testing.T) {
	k := limit.NewKeyed[string](limit.KeyedOptions{Rate: limit.RateOptions{Events: 1}})
	defer k.Close()
	r := limit.NewRate(limit.RateOptions{Events: 1})
	handler := func(next http.Handler, o limithttp.HandlerOptions) func() {
		return func() { limithttp.Handler(next, o) }
	}
	for _, m := range []struct {
		want   string
		misuse func()
	}{
		{"Handler: nil handler", handler(nil, limithttp.HandlerOptions{Rate: r})},
		{"Handler: no limit", handler(ok, limithttp.HandlerOptions{})},
		{"Handler: Keyed and Key need each other", handler(ok, limithttp.HandlerOptions{Keyed: k})},
		{"Handler: Keyed and Key need each other", handler(ok, limithttp.HandlerOptions{Rate: r, Key: limithttp.RemoteAddr})},
		{`Handler: name "é", want printable ASCII`, handler(ok, limithttp.HandlerOptions{Rate: r, Name: "é"})},
		{"Handler: RetryAfter -1s", handler(ok, limithttp.HandlerOptions{Rate: r, RetryAfter: -time.Second})},
		{"RemoteAddr: nil request", func() { limithttp.RemoteAddr(nil) }},
		{"ForwardedFor: no network", func() { limithttp.ForwardedFor() }},
		{"ForwardedFor: network invalid Prefix", func() { limithttp.ForwardedFor(netip.Prefix{}) }},
		{"NewTransport: MaxWait -1ns", func() { limithttp.NewTransport(limithttp.TransportOptions{MaxWait: -1}) }},
		{"NewTransport: MaxDelay -1ns", func() { limithttp.NewTransport(limithttp.TransportOptions{MaxDelay: -1}) }},
		{"Transport.RoundTrip: not made by its constructor", func() {
			_, _ = new(limithttp.Transport).RoundTrip(httptest.NewRequest(http.MethodGet, "/", http.NoBody)) //nolint:bodyclose // it panics
		}},
		{"Transport.RoundTrip: nil request", func() {
			_, _ = limithttp.NewTransport(limithttp.TransportOptions{}).RoundTrip(nil) //nolint:bodyclose // it panics
		}},
	} {
		require.EqualError(t, testkit.PanicError(t, m.misuse), "limithttp: "+m.want)
	}
}
