package service_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/examples/internal/checked"
	"github.com/coderrange/ferrous/examples/redbus/service"
	"github.com/coderrange/ferrous/limit"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/stream"
	"github.com/coderrange/ferrous/task"
)

func TestMain(m *testing.M) { checked.Main(m) }

// A running is a service under test, on a port of its own. All requests and answers are
// held to the description.
type running struct {
	t      *testing.T
	url    string
	store  seatmap.Store
	rules  validator.Validator
	client *http.Client

	listener net.Listener
	cancel   func()       // begins the end of the service
	stop     func() error // ends it
}

// description is parsed once.
var description = func() libopenapi.Document {
	text, err := os.ReadFile("openapi.yaml")
	if err != nil {
		panic(err)
	}
	d, err := libopenapi.NewDocument(text)
	if err != nil {
		panic(err)
	}
	return d
}()

// serve starts a service with an event bus of ten seats.
func serve(t *testing.T, o service.Options) *running {
	t.Helper()
	if o.Store == nil {
		o.Store = seatmap.NewMap(seatmap.MapOptions{})
		t.Cleanup(func() { assert.NoError(t, o.Store.Close()) })
		_, err := o.Store.Create(t.Context(), seatmap.CreateRequest{Event: "bus", Layout: seatmap.Layout{Count: 10}})
		require.NoError(t, err)
	}
	if o.Timeout == 0 {
		o.Timeout = time.Minute // the machine may be slow
	}
	if o.ClientTimeout == 0 {
		o.ClientTimeout = time.Minute
	}
	if o.PerUser.Events == 0 {
		o.PerUser = limit.RateOptions{Events: 1000, Burst: 100_000}
	}
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	s := service.New(o)
	served := task.Go(context.Background(), func(context.Context) (struct{}, error) {
		return struct{}{}, s.Serve(ctx, listener)
	})
	rules, problems := validator.NewValidator(description)
	require.Empty(t, problems)
	transport := &http.Transport{}
	r := &running{
		t: t, url: "http://" + listener.Addr().String(), store: o.Store, rules: rules,
		listener: listener, cancel: cancel,
		client: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
	ended := false
	r.stop = func() error {
		ended = true
		cancel()
		transport.CloseIdleConnections()
		_, err := served.Join(context.Background())
		return err
	}
	t.Cleanup(func() {
		if !ended {
			assert.NoError(t, r.stop())
		}
	})
	return r
}

// An ask is a request.
type ask struct {
	method, path, user, body string
	header                   http.Header
	bad                      bool // the request itself breaks the description
}

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	body   map[string]any
}

func (a answer) problem() string {
	text, _ := a.body["type"].(string)
	return strings.TrimPrefix(text, "urn:ferrous:seats:")
}

func (a answer) token(t *testing.T) string {
	t.Helper()
	text, _ := a.body["token"].(string)
	require.NotEmpty(t, text, a.body)
	return text
}

// request makes the request of an ask.
func (r *running) request(a ask) *http.Request {
	r.t.Helper()
	method := a.method
	if method == "" {
		method = "POST"
	}
	q, err := http.NewRequestWithContext(r.t.Context(), method, r.url+a.path, strings.NewReader(a.body))
	require.NoError(r.t, err)
	if a.body != "" {
		q.Header.Set("Content-Type", "application/json")
	}
	if a.user != "" {
		q.Header.Set("Authorization", "Bearer "+a.user)
	}
	maps.Copy(q.Header, a.header)
	return q
}

// do sends a request and returns the answer.
func (r *running) do(a ask) answer {
	r.t.Helper()
	if !a.bad {
		ok, problems := r.rules.ValidateHttpRequest(r.request(a))
		assert.True(r.t, ok, "%s %s: %v", a.path, a.body, problems)
	}
	q := r.request(a)
	response, err := r.client.Do(q)
	require.NoError(r.t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(r.t, err)
	require.NoError(r.t, response.Body.Close())
	got := answer{status: response.StatusCode, header: response.Header}
	if strings.HasSuffix(response.Header.Get("Content-Type"), "json") {
		require.NoError(r.t, json.Unmarshal(body, &got.body))
	}
	if p := got.problem(); p != "method" && p != "no-such-path" { // of these the description says nothing
		response.Body = io.NopCloser(bytes.NewReader(body))
		ok, problems := r.rules.ValidateHttpResponse(r.request(a), response)
		assert.True(r.t, ok, "%s %s: %s: %v", a.method, a.path, body, problems)
	}
	return got
}

func TestThePageNeedsNoKey(t *testing.T) {
	r := serve(t, service.Options{Event: "bus"})
	home := r.do(ask{method: "GET", path: "/"})
	assert.Equal(t, http.StatusOK, home.status)
	assert.Contains(t, home.header.Get("Content-Security-Policy"), "script-src 'self'")
	assert.Equal(t, http.StatusOK, r.do(ask{method: "GET", path: "/page/page.js"}).status)
	assert.Equal(t, "method", r.do(ask{path: "/", bad: true}).problem())
	assert.Equal(t, "unauthorized", r.do(ask{method: "GET", path: "/page/none.js"}).problem())
}

func TestABookingFromBeginToEnd(t *testing.T) {
	r := serve(t, service.Options{})
	made := r.do(ask{path: "/v1/events", user: service.Anyone, body: `{"event":"hall","rows":[{"section":"A","name":"1","seats":["A1","A2","A3"]}],"areas":[{"name":"floor","capacity":100}],"limits":{"seats":50}}`})
	require.Equal(t, http.StatusNoContent, made.status)
	assert.Equal(t, "exists", r.do(ask{path: "/v1/events", user: service.Anyone, body: `{"event":"hall","count":1}`}).problem())

	hold := r.do(ask{path: "/v1/events/hall/block", user: "alice", body: `{"seats":["A1"],"places":{"floor":3},"ttl_ms":300000}`})
	require.Equal(t, http.StatusCreated, hold.status)
	assert.Equal(t, []any{"A1"}, hold.body["seats"])
	assert.InDelta(t, 300_000, hold.body["left_ms"], 60_000)
	taken := r.do(ask{path: "/v1/events/hall/block", user: "bob", body: `{"seats":["A2","A1"],"ttl_ms":300000}`})
	assert.Equal(t, http.StatusConflict, taken.status)
	assert.Equal(t, "taken", taken.problem())
	assert.Equal(t, []any{"A1"}, taken.body["seats"])
	assert.Equal(t, "not-enough", r.do(ask{path: "/v1/events/hall/block", user: "bob", body: `{"places":{"floor":98},"ttl_ms":1000}`}).problem())

	token := fmt.Sprintf(`{"token":%q,"ttl_ms":600000}`, hold.token(t))
	assert.InDelta(t, 600_000, r.do(ask{path: "/v1/events/hall/extend", user: "alice", body: token}).body["left_ms"], 60_000)
	list := r.do(ask{method: "GET", path: "/v1/events/hall/holds", user: "alice"})
	assert.Len(t, list.body["holds"], 1)
	assert.NotContains(t, fmt.Sprint(list.body), "token")
	assert.Empty(t, r.do(ask{method: "GET", path: "/v1/events/hall/holds", user: "bob"}).body["holds"])

	booking := r.do(ask{path: "/v1/events/hall/book", user: "alice", body: fmt.Sprintf(`{"token":%q}`, hold.token(t))})
	require.Equal(t, http.StatusCreated, booking.status)
	counts := r.do(ask{method: "GET", path: "/v1/events/hall", user: "bob"})
	assert.Equal(t, map[string]any{"event": "hall", "available": 99.0, "blocked": 0.0, "booked": 4.0, "closed": 0.0}, counts.body)
	seat := r.do(ask{method: "GET", path: "/v1/events/hall/seats/A1", user: "alice"})
	assert.Equal(t, map[string]any{"seat": "A1", "state": "booked", "mine": true}, seat.body)
	assert.NotContains(t, r.do(ask{method: "GET", path: "/v1/events/hall/seats/A1", user: "bob"}).body, "mine")
	assert.Equal(t, "expired", r.do(ask{path: "/v1/events/hall/release", user: "alice", body: fmt.Sprintf(`{"token":%q}`, hold.token(t))}).problem())

	gone := r.do(ask{path: "/v1/events/hall/cancel", user: "alice", body: fmt.Sprintf(`{"token":%q}`, booking.token(t))})
	assert.Equal(t, http.StatusNoContent, gone.status)
	best := r.do(ask{path: "/v1/events/hall/block-any", user: "bob", body: `{"n":2,"ttl_ms":1000,"adjacent":true}`})
	assert.Equal(t, []any{"A1", "A2"}, best.body["seats"])
	assert.Equal(t, http.StatusNoContent, r.do(ask{path: "/v1/events/hall/release", user: "bob", body: fmt.Sprintf(`{"token":%q,"seats":["A2"]}`, best.token(t))}).status)

	assert.Len(t, r.do(ask{method: "GET", path: "/v1/events/hall/layout", user: "bob"}).body["rows"], 1)
	page := r.do(ask{method: "GET", path: "/v1/events/hall/seats?limit=2&after=A1", user: "bob"})
	assert.Equal(t, false, page.body["more"])
	assert.Len(t, page.body["seats"], 2)
	assert.Equal(t, true, r.do(ask{method: "GET", path: "/v1/events/hall/seats?limit=2", user: "bob"}).body["more"])
	assert.Equal(t, http.StatusNoContent, r.do(ask{method: "DELETE", path: "/v1/events/hall", user: service.Anyone}).status)
	assert.Equal(t, "unknown-event", r.do(ask{method: "GET", path: "/v1/events/hall", user: "bob"}).problem())
}

func TestHoldsAndBookingsAreListedByTheirReference(t *testing.T) {
	r := serve(t, service.Options{})
	get := func(user, path string) answer { return r.do(ask{method: "GET", path: path, user: user}) }
	one := r.do(ask{path: "/v1/events/bus/block", user: "alice", body: `{"seats":["1","2"],"ttl_ms":300000,"reference":"order 1"}`})
	r.do(ask{path: "/v1/events/bus/block-any", user: "alice", body: `{"n":1,"ttl_ms":300000,"reference":"order 2"}`})
	r.do(ask{path: "/v1/events/bus/block", user: "bob", body: `{"seats":["9"],"ttl_ms":300000}`})
	booking := r.do(ask{path: "/v1/events/bus/book", user: "alice", body: fmt.Sprintf(`{"token":%q,"seats":["1"],"reference":"order 3"}`, one.token(t))})
	require.Equal(t, http.StatusCreated, booking.status)
	listed := func(a answer) (list []string) {
		require.Equal(t, http.StatusOK, a.status)
		for _, one := range a.body["grants"].([]any) {
			g := one.(map[string]any)
			assert.NotContains(t, g, "token")
			list = append(list, fmt.Sprintf("%v%v%v%v", g["state"], g["seats"], g["reference"], g["user"]))
		}
		return list
	}
	assert.Equal(t, []string{"blocked[2]order 1<nil>", "blocked[3]order 2<nil>", "booked[1]order 3<nil>"}, listed(get("alice", "/v1/events/bus/grants")))
	assert.Equal(t, []string{"blocked[3]order 2<nil>"}, listed(get("alice", "/v1/events/bus/grants?reference=order+2")))
	assert.Equal(t, []string{"blocked[9]<nil><nil>"}, listed(get("bob", "/v1/events/bus/grants")))
	assert.Empty(t, listed(get("bob", "/v1/events/bus/grants?reference=order+2")), "of another user")
	assert.Equal(t, "forbidden", get("bob", "/v1/events/bus/grants?user=alice").problem())
	assert.Equal(t, []string{"blocked[9]<nil>bob"}, listed(get(service.Anyone, "/v1/events/bus/grants?user=bob")))
	assert.Equal(t, []string{"booked[1]order 3alice"}, listed(get(service.Anyone, "/v1/events/bus/grants?reference=order+3")))

	page := get(service.Anyone, "/v1/events/bus/grants?limit=3")
	assert.Equal(t, true, page.body["more"])
	last := page.body["grants"].([]any)[2].(map[string]any)["fence"].(float64)
	assert.Equal(t, []string{"booked[1]order 3alice"}, listed(get(service.Anyone, fmt.Sprintf("/v1/events/bus/grants?after=%.0f", last))))
	assert.Equal(t, "malformed", r.do(ask{method: "GET", path: "/v1/events/bus/grants?after=x", user: "bob", bad: true}).problem())
	assert.Equal(t, "malformed", r.do(ask{method: "GET", path: "/v1/events/bus/grants?limit=0", user: "bob", bad: true}).problem())
	assert.Equal(t, "unknown-event", get("bob", "/v1/events/hall/grants").problem())
}

func TestEventsAreListedInPages(t *testing.T) {
	r := serve(t, service.Options{})
	for _, event := range []string{"hall", "bus 2"} {
		r.do(ask{path: "/v1/events", user: service.Anyone, body: fmt.Sprintf(`{"event":%q,"count":3,"areas":[{"name":"floor","capacity":7}]}`, event)})
	}
	get := func(query string) answer {
		return r.do(ask{method: "GET", path: "/v1/events" + query, user: "bob"})
	}
	first := get("?limit=2")
	assert.Equal(t, []any{map[string]any{"event": "bus", "seats": 10.0}, map[string]any{"event": "bus 2", "seats": 3.0, "places": 7.0}}, first.body["events"])
	assert.Equal(t, true, first.body["more"])
	assert.Equal(t, []any{map[string]any{"event": "hall", "seats": 3.0, "places": 7.0}}, get("?after=bus+2").body["events"])
	assert.Empty(t, get("?prefix=x").body["events"])
	assert.Equal(t, "invalid", r.do(ask{method: "GET", path: "/v1/events?prefix=%7B", user: "bob"}).problem())
}

func TestAStoreWithoutListsSaysSo(t *testing.T) {
	m := seatmap.NewMap(seatmap.MapOptions{})
	t.Cleanup(func() { assert.NoError(t, m.Close()) })
	_, err := m.Create(t.Context(), seatmap.CreateRequest{Event: "bus", Layout: seatmap.Layout{Count: 3}})
	require.NoError(t, err)
	r := serve(t, service.Options{Store: struct{ seatmap.Store }{m}})
	for _, a := range []ask{
		{method: "GET", path: "/v1/events"},
		{method: "GET", path: "/v1/events/bus/grants"},
		{path: "/v1/events/bus/block", body: `{"seats":["1"],"ttl_ms":1000,"reference":"order 1"}`},
		{path: "/v1/events/bus/block-any", body: `{"n":1,"ttl_ms":1000,"reference":"order 1"}`},
		{path: "/v1/events/bus/book", body: `{"token":"x","reference":"order 1"}`},
	} {
		a.user = "bob"
		got := r.do(a)
		assert.Equal(t, http.StatusNotImplemented, got.status, a.path)
		assert.Equal(t, "not-offered", got.problem(), a.path)
	}
	assert.Equal(t, http.StatusCreated, r.do(ask{path: "/v1/events/bus/block", user: "bob", body: `{"seats":["1"],"ttl_ms":1000}`}).status)
}

func TestARepetitionByKeyGetsTheFirstAnswer(t *testing.T) {
	r := serve(t, service.Options{})
	key := http.Header{"Idempotency-Key": {"4b1d"}}
	a := ask{path: "/v1/events/bus/block", user: "alice", body: `{"seats":["1"],"ttl_ms":60000}`, header: key}
	first, second := r.do(a), r.do(a)
	assert.Empty(t, first.header.Get("Idempotency-Replayed"))
	assert.Equal(t, "true", second.header.Get("Idempotency-Replayed"))
	assert.Equal(t, first.token(t), second.token(t))

	a.body = `{"seats":["2"],"ttl_ms":60000}`
	other := r.do(a)
	assert.Equal(t, "key-reused", other.problem())
	assert.Equal(t, []any{"Seats"}, other.body["differs"])
	a.user, a.body = "bob", `{"seats":["1"],"ttl_ms":60000}`
	assert.Equal(t, "taken", r.do(a).problem(), "a key is its user's")
	assert.Equal(t, 9.0, r.do(ask{method: "GET", path: "/v1/events/bus", user: "bob"}).body["available"])
}

func TestBadRequestsChangeNothing(t *testing.T) {
	r := serve(t, service.Options{})
	hold := r.do(ask{path: "/v1/events/bus/block", user: "alice", body: `{"seats":["1"],"ttl_ms":600000}`})
	token := hold.token(t)
	_, err := r.store.Create(t.Context(), seatmap.CreateRequest{Event: "other", Layout: seatmap.Layout{Count: 1}})
	require.NoError(t, err)
	before, err := r.store.Seats(t.Context(), seatmap.SeatsRequest{Event: "bus"})
	require.NoError(t, err)

	const block = "/v1/events/bus/block"
	json := http.Header{"Content-Type": {"application/json"}}
	flipped := []byte(token)
	flipped[3] ^= 1
	for name, c := range map[string]struct {
		ask
		status  int
		problem string
	}{
		"no JSON":                {ask{path: block, user: "bob", body: `{"seats":["2"]`}, 400, "malformed"},
		"not an object":          {ask{path: block, user: "bob", body: `[]`}, 400, "malformed"},
		"no body":                {ask{path: block, user: "bob", header: json}, 400, "malformed"},
		"a member twice":         {ask{path: block, user: "bob", body: `{"seats":["2"],"ttl_ms":1000,"seats":["3"]}`}, 400, "malformed"},
		"an unknown member":      {ask{path: block, user: "bob", body: `{"seats":["2"],"ttl_ms":1000,"price":0}`}, 400, "malformed"},
		"another case":           {ask{path: block, user: "bob", body: `{"Seats":["2"],"ttl_ms":1000}`}, 400, "malformed"},
		"something behind it":    {ask{path: block, user: "bob", body: `{"seats":["2"],"ttl_ms":1000}{}`}, 400, "malformed"},
		"not UTF-8":              {ask{path: block, user: "bob", body: "{\"seats\":[\"\xff\"],\"ttl_ms\":1000}"}, 400, "malformed"},
		"a fraction":             {ask{path: block, user: "bob", body: `{"seats":["2"],"ttl_ms":0.5}`}, 400, "malformed"},
		"a text as number":       {ask{path: block, user: "bob", body: `{"seats":["2"],"ttl_ms":"1000"}`}, 400, "malformed"},
		"too deep":               {ask{path: block, user: "bob", body: strings.Repeat("[", 20_000)}, 400, "malformed"},
		"no seats":               {ask{path: block, user: "bob", body: `{"seats":[],"ttl_ms":1000}`}, 422, "invalid"},
		"a seat twice":           {ask{path: block, user: "bob", body: `{"seats":["2","2"],"ttl_ms":1000}`}, 422, "invalid"},
		"no time":                {ask{path: block, user: "bob", body: `{"seats":["2"],"ttl_ms":0}`}, 422, "invalid"},
		"negative time":          {ask{path: block, user: "bob", body: `{"seats":["2"],"ttl_ms":-9223372036854775808}`}, 422, "invalid"},
		"endless time":           {ask{path: block, user: "bob", body: `{"seats":["2"],"ttl_ms":9223372036854775807}`}, 422, "invalid"},
		"more than fits":         {ask{path: block, user: "bob", body: `{"seats":["2"],"ttl_ms":9223372036854775808}`}, 400, "malformed"},
		"a long user":            {ask{path: block, user: strings.Repeat("u", 300), body: `{"seats":["2"],"ttl_ms":1000}`}, 422, "invalid"},
		"an unknown seat":        {ask{path: block, user: "bob", body: `{"seats":["11"],"ttl_ms":1000}`}, 404, "unknown-seat"},
		"an unknown event":       {ask{path: "/v1/events/train/block", user: "bob", body: `{"seats":["1"],"ttl_ms":1000}`}, 404, "unknown-event"},
		"another type of body":   {ask{path: block, user: "bob", body: `x`, header: http.Header{"Content-Type": {"text/plain"}}}, 415, "media-type"},
		"a large body":           {ask{path: block, user: "bob", body: `{"seats":["` + strings.Repeat("2", 70_000) + `"],"ttl_ms":1000}`}, 413, "too-large"},
		"two keys":               {ask{path: block, user: "bob", body: `{"seats":["2"],"ttl_ms":1000}`, header: http.Header{"Idempotency-Key": {"a", "b"}}}, 400, "malformed"},
		"an empty key":           {ask{path: block, user: "bob", body: `{"seats":["2"],"ttl_ms":1000}`, header: http.Header{"Idempotency-Key": {""}}}, 400, "malformed"},
		"nobody":                 {ask{path: block, body: `{"seats":["2"],"ttl_ms":1000}`}, 401, "unauthorized"},
		"another scheme":         {ask{path: block, body: `{"seats":["2"],"ttl_ms":1000}`, header: http.Header{"Authorization": {"Basic Ym9iOng="}}}, 401, "unauthorized"},
		"a user creates":         {ask{path: "/v1/events", user: "bob", body: `{"event":"x","count":1}`}, 403, "forbidden"},
		"a user removes":         {ask{method: "DELETE", path: "/v1/events/bus", user: "bob"}, 403, "forbidden"},
		"a wrong method":         {ask{method: "PUT", path: block, user: "bob", body: `{}`}, 405, "method"},
		"a path that is none":    {ask{method: "GET", path: "/nowhere", user: "bob"}, 404, "no-such-path"},
		"dots in a path":         {ask{path: "/v1/events/x/../bus/block", user: "bob", body: `{"seats":["2"],"ttl_ms":1000}`}, 404, "no-such-path"},
		"two slashes":            {ask{path: "/v1/events//bus/block", user: "bob", body: `{"seats":["2"],"ttl_ms":1000}`}, 404, "no-such-path"},
		"a slash in a name":      {ask{path: "/v1/events/bus%2Fx/block", user: "bob", body: `{"seats":["2"],"ttl_ms":1000}`}, 404, "unknown-event"},
		"a zero byte in a name":  {ask{path: "/v1/events/bus%00/block", user: "bob", body: `{"seats":["2"],"ttl_ms":1000}`}, 422, "invalid"},
		"another user's token":   {ask{path: "/v1/events/bus/book", user: "bob", body: fmt.Sprintf(`{"token":%q}`, token)}, 403, "token"},
		"it with a key":          {ask{path: "/v1/events/bus/release", user: "bob", body: fmt.Sprintf(`{"token":%q}`, token), header: http.Header{"Idempotency-Key": {"k"}}}, 403, "token"},
		"a token elsewhere":      {ask{path: "/v1/events/other/book", user: "alice", body: fmt.Sprintf(`{"token":%q}`, token)}, 403, "token"},
		"a changed token":        {ask{path: "/v1/events/bus/book", user: "alice", body: fmt.Sprintf(`{"token":%q}`, flipped)}, 403, "token"},
		"an empty token":         {ask{path: "/v1/events/bus/book", user: "alice", body: `{"token":""}`}, 403, "token"},
		"a hold is canceled":     {ask{path: "/v1/events/bus/cancel", user: "alice", body: fmt.Sprintf(`{"token":%q}`, token)}, 403, "token"},
		"a filter left nothing":  {ask{path: "/v1/events/bus/release", user: "alice", body: fmt.Sprintf(`{"token":%q,"seats":[]}`, token)}, 422, "invalid"},
		"a seat not of the hold": {ask{path: "/v1/events/bus/release", user: "alice", body: fmt.Sprintf(`{"token":%q,"seats":["2"]}`, token)}, 422, "invalid"},
		"a page of no size":      {ask{method: "GET", path: "/v1/events/bus/seats?limit=0", user: "bob"}, 400, "malformed"},
		"a cursor that is none":  {ask{method: "GET", path: "/v1/events/bus/changes?from=x"}, 422, "invalid"},
		"changes of nothing":     {ask{method: "GET", path: "/v1/events/train/changes"}, 404, "unknown-event"},
		"changes are posted":     {ask{path: "/v1/events/bus/changes", body: `{}`}, 405, "method"},
	} {
		t.Run(name, func(t *testing.T) {
			c.bad = true
			got := r.do(c.ask)
			assert.Equal(t, c.status, got.status, got.body)
			assert.Equal(t, c.problem, got.problem())
			assert.Equal(t, "application/problem+json", got.header.Get("Content-Type"))
			assert.NotEmpty(t, got.header.Get("X-Request-Id"))
		})
	}
	after, err := r.store.Seats(t.Context(), seatmap.SeatsRequest{Event: "bus"})
	require.NoError(t, err)
	assert.Equal(t, before.Revision, after.Revision)
}

func FuzzNoBodyBreaksTheService(f *testing.F) {
	for _, body := range []string{`{"seats":["2"],"ttl_ms":1000}`, `{"n":1,"ttl_ms":1}`, `{"token":"x"}`, `{"event":"x","count":-1}`, `{"places":{"a":1},"ttl_ms":1}`, "\xff", `{"seats":["\ud800"]}`} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r := serve(t, service.Options{})
		for _, path := range []string{"/block", "/block-any", "/book", "/extend", "/release", "/cancel"} {
			got := r.do(ask{path: "/v1/events/bus" + path, user: "bob", body: body, bad: true, header: http.Header{"Content-Type": {"application/json"}}})
			assert.Less(t, got.status, 500, "%s: %v", path, got.body)
		}
		got := r.do(ask{path: "/v1/events", user: service.Anyone, body: body, bad: true, header: http.Header{"Content-Type": {"application/json"}}})
		assert.Less(t, got.status, 500, got.body)
	})
}

func TestEachProblemIsInTheDescription(t *testing.T) {
	text, err := os.ReadFile("openapi.yaml")
	require.NoError(t, err)
	source, err := os.ReadFile("problem.go")
	require.NoError(t, err)
	names := func(pattern string, text []byte) (all []string) {
		for _, m := range regexp.MustCompile(pattern).FindAllSubmatch(text, -1) {
			all = append(all, string(m[1]))
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	described := names(`- urn:ferrous:seats:(\S+)`, text)
	assert.Greater(t, len(described), 20)
	assert.Equal(t, described, names(`newProblem\(http\.\w+, "([a-z-]+)"`, source))
}

var errSlow = errors.New("is slow")

// broken is a store that answers with an error, or panics, or waits.
type broken struct {
	seatmap.Store
	err error
}

func (b broken) Counts(ctx context.Context, _ seatmap.CountsRequest) (seatmap.Counts, error) {
	switch {
	case b.err == nil:
		panic("a fault")
	case errors.Is(b.err, errSlow):
		<-ctx.Done()
		return seatmap.Counts{}, ctx.Err()
	}
	return seatmap.Counts{}, b.err
}

func TestAStoreThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		err     error
		status  int
		problem string
	}{
		"cannot be reached":   {seatmap.ErrUnavailable, 503, "unavailable"},
		"is closed":           {seatmap.ErrClosed, 503, "unavailable"},
		"does not answer":     {fmt.Errorf("%w: %w", seatmap.ErrOutcomeUnknown, context.DeadlineExceeded), 503, "outcome-unknown"},
		"is too slow":         {errSlow, 503, "late"},
		"has a fault":         {errors.New("secret of the inside"), 500, "internal"},
		"panics":              {nil, 500, "internal"},
		"knows no such event": {seatmap.ErrUnknownEvent, 404, "unknown-event"},
	} {
		t.Run(name, func(t *testing.T) {
			o := service.Options{Store: broken{err: c.err}}
			if name == "is too slow" {
				o.Timeout = time.Millisecond
			}
			r := serve(t, o)
			got := r.do(ask{method: "GET", path: "/v1/events/bus", user: "bob"})
			assert.Equal(t, c.status, got.status)
			assert.Equal(t, c.problem, got.problem())
			assert.Equal(t, c.status == 503, got.header.Get("Retry-After") != "")
			assert.NotContains(t, fmt.Sprint(got.body), "inside")
			ready := r.do(ask{method: "GET", path: "/readyz"})
			assert.Equal(t, c.status == 404, ready.status == http.StatusNoContent, "it is ready if the store is")
			assert.Equal(t, http.StatusNoContent, r.do(ask{method: "GET", path: "/healthz"}).status)
		})
	}
}

func TestWhoAsksTooOftenIsTold(t *testing.T) {
	r := serve(t, service.Options{PerUser: limit.RateOptions{Events: 1, Per: time.Hour, Burst: 2}})
	get := ask{method: "GET", path: "/v1/events/bus", user: "bob"}
	assert.Equal(t, http.StatusOK, r.do(get).status)
	assert.Equal(t, http.StatusOK, r.do(get).status)
	refused := r.do(get)
	assert.Equal(t, http.StatusTooManyRequests, refused.status)
	assert.Equal(t, "too-many-requests", refused.problem())
	assert.NotEmpty(t, refused.header.Get("Retry-After"))
	get.user = "alice"
	assert.Equal(t, http.StatusOK, r.do(get).status, "others are not bounded by it")
	assert.Equal(t, http.StatusNoContent, r.do(ask{method: "GET", path: "/readyz"}).status)

	r = serve(t, service.Options{PerAddress: limit.RateOptions{Events: 1, Per: time.Hour, Burst: 1}})
	assert.Equal(t, http.StatusOK, r.do(get).status)
	get.user = "carol"
	assert.Equal(t, http.StatusTooManyRequests, r.do(get).status)
}

func TestHeadIsGetWithoutABody(t *testing.T) {
	r := serve(t, service.Options{})
	for _, path := range []string{"/healthz", "/v1/events/bus"} {
		q := r.request(ask{method: "HEAD", path: path, user: "bob"})
		response, err := r.client.Do(q)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Less(t, response.StatusCode, 300)
		assert.Empty(t, body)
	}
	response, err := r.client.Do(r.request(ask{method: "HEAD", path: "/v1/events/bus/changes"}))
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusMethodNotAllowed, response.StatusCode, "a stream has no end")
	assert.Equal(t, "GET", response.Header.Get("Allow"))
}

func TestOnlyThoseWithAKeyMayCall(t *testing.T) {
	const alice, desk = "alice-0123456789-0123456789", "desk-0123456789-0123456789"
	keys, err := service.ParseKeys(strings.NewReader("# who\nuser alice " + alice + "\n\noperator desk1 " + desk + "\n"))
	require.NoError(t, err)
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", keys, keys, keys), "0123456789")
	r := serve(t, service.Options{Keys: keys})
	assert.Equal(t, http.StatusUnauthorized, r.do(ask{method: "GET", path: "/v1/events/bus", user: "alice"}).status)
	assert.Equal(t, http.StatusUnauthorized, r.do(ask{method: "GET", path: "/v1/events/bus", user: service.Anyone}).status)
	assert.Equal(t, http.StatusOK, r.do(ask{method: "GET", path: "/v1/events/bus", user: alice}).status)
	assert.Equal(t, http.StatusForbidden, r.do(ask{method: "DELETE", path: "/v1/events/bus", user: alice}).status)
	hold := r.do(ask{path: "/v1/events/bus/block", user: alice, body: `{"seats":["1"],"ttl_ms":60000}`})
	seat, err := r.store.Seat(t.Context(), seatmap.SeatRequest{Event: "bus", Seat: "1"})
	require.NoError(t, err)
	assert.Equal(t, "alice", seat.User)
	assert.Equal(t, http.StatusCreated, hold.status)
	assert.Equal(t, http.StatusNoContent, r.do(ask{method: "DELETE", path: "/v1/events/bus", user: desk}).status)

	for text, message := range map[string]string{
		"":                                      "there is no key",
		"user alice":                            "line 1 is not: user or operator, name, key",
		"\nguest x " + alice:                    "line 2 is not: user or operator, name, key",
		"user alice short":                      "line 1: the key is shorter than 20 bytes",
		"user a " + alice + "\nuser b " + alice: "line 2: the key is there twice",
	} {
		_, err := service.ParseKeys(strings.NewReader(text))
		assert.EqualError(t, err, message)
	}
}

// listening reads the changes of the event bus.
type listening struct {
	t    *testing.T
	pull func() (stream.Event, error, bool)
	end  func()
	body io.Closer
}

func (r *running) changes(from string) *listening {
	r.t.Helper()
	q := r.request(ask{method: "GET", path: "/v1/events/bus/changes"})
	if from != "" {
		q.Header.Set("Last-Event-ID", from)
	}
	response, err := r.client.Do(q) //nolint:bodyclose // close does
	require.NoError(r.t, err)
	require.Equal(r.t, http.StatusOK, response.StatusCode)
	require.Equal(r.t, "text/event-stream", response.Header.Get("Content-Type"))
	events := stream.SSE(func(context.Context) (io.ReadCloser, error) { return response.Body, nil }, 1<<20)
	l := &listening{t: r.t, body: response.Body}
	l.pull, l.end = iter.Pull2(events.All(r.t.Context()))
	r.t.Cleanup(l.close)
	return l
}

// close ends the connection.
func (l *listening) close() {
	_ = l.body.Close() // it may be closed
	l.end()
}

// next returns the next event; the zero one at the end of the stream.
func (l *listening) next() stream.Event {
	l.t.Helper()
	e, err, more := l.pull()
	if !more {
		return stream.Event{}
	}
	require.NoError(l.t, err)
	return e
}

func (r *running) hold(seat string) {
	r.t.Helper()
	_, err := r.store.Block(r.t.Context(), seatmap.BlockRequest{Event: "bus", User: "alice", Seats: []string{seat}, TTL: time.Hour})
	require.NoError(r.t, err)
}

func TestAStreamShowsEachChangeOnce(t *testing.T) {
	r := serve(t, service.Options{Frame: time.Millisecond})
	r.hold("1")
	s := r.changes("")
	shot := s.next()
	assert.Equal(t, "snapshot", shot.Name)
	assert.Contains(t, shot.Data, `{"seat":"1","state":"blocked"`)
	assert.NotContains(t, shot.Data, "alice")
	r.hold("2")
	second := s.next()
	assert.Equal(t, "change", second.Name)
	assert.Contains(t, second.Data, `"kind":"blocked","seats":["2"]`)
	assert.NotContains(t, second.Data, "alice")
	r.hold("3")
	assert.Contains(t, s.next().Data, `["3"]`)
	s.close()

	r.hold("4")
	again := r.changes(second.ID)
	for _, seat := range []string{"3", "4"} {
		assert.Contains(t, again.next().Data, fmt.Sprintf("[%q]", seat))
	}
	other := r.changes(second.ID) // while the feed runs: from its backlog, or a gap
	for e := other.next(); ; e = other.next() {
		require.NotEmpty(t, e.Name)
		if strings.Contains(e.Data, `"4"`) {
			break
		}
	}
	assert.NotEqual(t, shot.ID, second.ID)
}

func TestAFirstSnapshotDoesNotWaitForAFrame(t *testing.T) {
	r := serve(t, service.Options{Frame: 24 * time.Hour})
	assert.Equal(t, "snapshot", r.changes("").next().Name)
}

func TestAStreamThatCannotGoOnSaysSo(t *testing.T) {
	r := serve(t, service.Options{Frame: time.Millisecond})
	s := r.changes("00c0ffee00c0ffee-7")
	assert.Equal(t, "gap", s.next().Name)
	assert.Equal(t, "snapshot", s.next().Name)
	r.hold("1")
	e := s.next()
	for e.Name != "change" { // another gap, if the feed had not yet begun again
		require.NotEmpty(t, e.Name)
		if e.Name == "snapshot" && strings.Contains(e.Data, `"blocked"`) {
			break
		}
		e = s.next()
	}
	_, err := r.store.Remove(t.Context(), seatmap.RemoveRequest{Event: "bus"})
	require.NoError(t, err)
	for e.Name != "end" {
		require.NotEmpty(t, e.Name)
		e = s.next()
	}
	assert.Contains(t, e.Data, "unknown-event")
	assert.Zero(t, s.next())
}

// panicking is a store whose watch panics.
type panicking struct{ seatmap.Store }

func (p panicking) Watch(context.Context, seatmap.WatchRequest) iter.Seq2[seatmap.Change, error] {
	return func(func(seatmap.Change, error) bool) { panic("a fault") }
}

func TestAWatchThatPanicsEndsItsStreams(t *testing.T) {
	store := seatmap.NewMap(seatmap.MapOptions{})
	t.Cleanup(func() { assert.NoError(t, store.Close()) })
	_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "bus", Layout: seatmap.Layout{Count: 10}})
	require.NoError(t, err)
	r := serve(t, service.Options{Store: panicking{store}})
	s := r.changes("")
	end := s.next()
	assert.Equal(t, "end", end.Name)
	assert.Contains(t, end.Data, "internal")
	assert.Zero(t, s.next())
	assert.Equal(t, http.StatusOK, r.do(ask{method: "GET", path: "/v1/events/bus", user: "bob"}).status, "all else goes on")
	assert.NoError(t, r.stop())
}

// The limit is one request a day for each address, and the tests connect from loopback.
func TestTheAddressOfAClientIsThatOfTheLastTrustedProxy(t *testing.T) {
	forwarded := func(addresses ...string) http.Header { return http.Header{"X-Forwarded-For": addresses} }
	daily := limit.RateOptions{Events: 1, Per: 24 * time.Hour, Burst: 1}
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

	r := serve(t, service.Options{PerAddress: daily, Proxies: loopback})
	for _, c := range []struct {
		header  http.Header
		allowed bool
	}{
		{forwarded("203.0.113.7"), true},
		{forwarded("203.0.113.7"), false},
		{forwarded("198.51.100.1, 203.0.113.7"), false}, // the client wrote the first
		{forwarded("198.51.100.2", "203.0.113.7, 127.0.0.9"), false},
		{forwarded("203.0.113.7:4711"), false},
		{forwarded("::ffff:203.0.113.7"), false},
		{forwarded("203.0.113.8"), true},
		{forwarded("2001:db8::1"), true},
		{forwarded("[2001:db8::ffff:2]:443"), false}, // the same network of 64 bits
		{forwarded("2001:db8:0:1::1"), true},
		{forwarded("203.0.113.9, nonsense"), true}, // the proxy itself
		{forwarded(""), false},
		{forwarded(strings.Repeat(",", 5000)), false},
		{nil, false},
	} {
		got := r.do(ask{method: "GET", path: "/v1/events/bus", user: "bob", header: c.header})
		if c.allowed {
			assert.Equal(t, http.StatusOK, got.status, c.header)
		} else {
			assert.Equal(t, "too-many-requests", got.problem(), c.header)
		}
	}
	stream := ask{method: "GET", path: "/v1/events/bus/changes", header: forwarded("203.0.113.8")}
	assert.Equal(t, "too-many-requests", r.do(stream).problem())

	r = serve(t, service.Options{PerAddress: daily}) // nobody is trusted
	assert.Equal(t, http.StatusOK, r.do(ask{method: "GET", path: "/v1/events/bus", user: "bob", header: forwarded("203.0.113.7")}).status)
	assert.Equal(t, "too-many-requests", r.do(ask{method: "GET", path: "/v1/events/bus", user: "bob", header: forwarded("203.0.113.8")}).problem())
}

func TestOptionsThatCannotBeArePanics(t *testing.T) {
	assert.PanicsWithError(t, "service: New: no store", func() { service.New(service.Options{}) })
	for name, o := range map[string]service.Options{
		"Connections": {Connections: -1}, "Streams": {Streams: -1}, "Timeout": {Timeout: -1}, "ClientTimeout": {ClientTimeout: -1},
		"Frame": {Frame: -1}, "Drain": {Drain: -1}, "Grace": {Grace: -1},
	} {
		o.Store = broken{}
		assert.PanicsWithError(t, "service: New: "+name+" is -1, which is negative", func() { service.New(o) })
	}
}

func TestStreamsAreBounded(t *testing.T) {
	r := serve(t, service.Options{Streams: 1})
	s := r.changes("")
	assert.Equal(t, "snapshot", s.next().Name)
	refused := r.do(ask{method: "GET", path: "/v1/events/bus/changes"})
	assert.Equal(t, http.StatusServiceUnavailable, refused.status)
	assert.Equal(t, "overloaded", refused.problem())
	assert.NotEmpty(t, refused.header.Get("Retry-After"))
}

func TestTheEndIsInOrder(t *testing.T) {
	r := serve(t, service.Options{Frame: time.Millisecond})
	s := r.changes("")
	assert.Equal(t, "snapshot", s.next().Name)
	require.NoError(t, r.stop())
	end := s.next()
	assert.Equal(t, "end", end.Name)
	assert.Contains(t, end.Data, "overloaded")
	assert.Zero(t, s.next())
}

func TestAServiceThatEndsIsNotReadyAndStillAnswers(t *testing.T) {
	r := serve(t, service.Options{Drain: 24 * time.Hour})
	ready, get := ask{method: "GET", path: "/readyz"}, ask{method: "GET", path: "/v1/events/bus", user: "bob"}
	assert.Equal(t, http.StatusNoContent, r.do(ready).status)
	r.cancel()
	for r.do(ready).status == http.StatusNoContent {
		runtime.Gosched()
	}
	assert.Equal(t, http.StatusServiceUnavailable, r.do(ready).status)
	assert.Equal(t, http.StatusOK, r.do(get).status)
	require.NoError(t, r.listener.Close())
	assert.ErrorIs(t, r.stop(), net.ErrClosed)
}

func TestAClientThatSendsNothingIsCutOff(t *testing.T) {
	r := serve(t, service.Options{ClientTimeout: 10 * time.Millisecond})
	var d net.Dialer
	c, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(r.url, "http://"))
	require.NoError(t, err)
	defer func() { assert.NoError(t, c.Close()) }()
	_, err = io.WriteString(c, "POST /v1/events/bus/block HTTP/1.1\r\nHost: x\r\n")
	require.NoError(t, err)
	rest, _ := io.ReadAll(c) // until the service closes it
	assert.NotContains(t, string(rest), "201")
}

func TestAFloodOfHeadersIsRefused(t *testing.T) {
	r := serve(t, service.Options{})
	q := r.request(ask{method: "GET", path: "/v1/events/bus", user: "bob"})
	q.Header.Set("X-Flood", strings.Repeat("x", 64<<10))
	response, err := r.client.Do(q)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusRequestHeaderFieldsTooLarge, response.StatusCode)
}

// The program says where it serves before it begins to. A signal can come in between.
func TestAServiceThatEndsBeforeItBegins(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for range 200 {
		m := seatmap.NewMap(seatmap.MapOptions{Manual: true})
		s := service.New(service.Options{Store: m})
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, s.Serve(ended, listener))
		require.ErrorIs(t, listener.Close(), net.ErrClosed)
		require.NoError(t, m.Close())
	}
}
