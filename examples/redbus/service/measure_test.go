package service_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/examples/redbus/service"
	"github.com/coderrange/ferrous/limit"
	"github.com/coderrange/ferrous/seatmap"
)

// measured returns a registry, and what its metrics are as text.
func measured(t *testing.T) (*prometheus.Registry, func() string) {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	return r, func() string {
		t.Helper()
		families, err := r.Gather()
		require.NoError(t, err)
		var text strings.Builder
		for _, f := range families {
			require.NoError(t, expfmt.NewEncoder(&text, expfmt.NewFormat(expfmt.TypeTextPlain)).Encode(f))
		}
		return text.String()
	}
}

// send sends a request of which the description may say nothing.
func (r *running) send(a ask) {
	r.t.Helper()
	response, err := r.client.Do(r.request(a))
	require.NoError(r.t, err)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(r.t, err)
	require.NoError(r.t, response.Body.Close())
}

// eventually waits until the metrics have a line. A request is counted after its answer.
func eventually(t *testing.T, text func() string, line string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(text(), line+"\n") }, time.Minute, time.Millisecond, line)
}

func TestRequestsAreCountedByRouteMethodAndStatus(t *testing.T) {
	registry, text := measured(t)
	r := serve(t, service.Options{Metrics: registry, Event: "bus"})
	hold := ask{path: "/v1/events/bus/block", user: "alice", body: `{"seats":["7"],"ttl_ms":60000}`}
	assert.Equal(t, http.StatusCreated, r.do(hold).status)
	hold.user = "bob"
	assert.Equal(t, http.StatusConflict, r.do(hold).status)
	r.do(ask{method: "GET", path: "/v1/events/another/seats/secret", user: "bob"})
	r.send(ask{method: "GET", path: "/nothing/here", user: "bob"})
	r.send(ask{method: "GET", path: "/nothing/here"})
	r.send(ask{method: "MAKE", path: "/v1/events/bus/block", user: "bob"})
	for _, line := range []string{
		`redbus_ready 1`,
		`redbus_http_connections 1`,
		`ferrous_seatmap_seats{event="bus",name="store",state="blocked"} 1`,
		`ferrous_limit_keys{name="user"} 2`,
	} {
		eventually(t, text, line)
	}
	require.NoError(t, r.stop())
	all := text()
	for _, line := range []string{
		`redbus_http_requests_total{code="201",method="POST",route="/v1/events/{event}/block"} 1`,
		`redbus_http_requests_total{code="409",method="POST",route="/v1/events/{event}/block"} 1`,
		`redbus_http_requests_total{code="404",method="GET",route="/v1/events/{event}/seats/{seat}"} 1`,
		`redbus_http_requests_total{code="404",method="GET",route="/"} 1`,
		`redbus_http_requests_total{code="401",method="GET",route="/"} 1`,
		`redbus_http_requests_total{code="405",method="other",route="/v1/events/{event}/block"} 1`,
		`redbus_http_request_duration_seconds_count{route="/v1/events/{event}/block"} 3`,
		`redbus_http_running_requests 0`,
		`redbus_http_connections 0`,
		`redbus_ready 0`,
		`ferrous_seatmap_calls_total{method="Block",name="store",result="ok"} 1`,
		`ferrous_seatmap_calls_total{method="Block",name="store",result="taken"} 1`,
		`ferrous_limit_decisions_total{decision="allowed",name="address"} 6`,
		`ferrous_limit_decisions_total{decision="allowed",name="user"} 5`,
	} {
		assert.Contains(t, all, line+"\n")
	}
	for _, secret := range []string{"alice", "bob", "another", "secret", `"7"`, "MAKE", "nothing"} {
		assert.NotContains(t, all, secret)
	}
}

// Whatever clients send, there are no more time series than before.
func TestClientsMakeNoTimeSeries(t *testing.T) {
	registry, text := measured(t)
	r := serve(t, service.Options{Metrics: registry})
	send := func(n int) int {
		for _, a := range []ask{
			{method: fmt.Sprintf("M%d", n), path: "/v1/events"},
			{method: "GET", path: fmt.Sprintf("/v%d/%d", n, n)},
			{method: "GET", path: fmt.Sprintf("/v1/events/e%d/seats/%d", n, n)},
			{path: fmt.Sprintf("/v1/events/e%d/block", n), body: fmt.Sprintf(`{"seats":["%d"],"ttl_ms":%d}`, n, 1000+n)},
		} {
			a.user = fmt.Sprintf("user%d", n)
			r.send(a)
		}
		eventually(t, text, "redbus_http_running_requests 0")
		return strings.Count(text(), "\n")
	}
	first := send(1)
	for n := range 20 {
		send(2 + n)
	}
	assert.Equal(t, first, send(30))
}

func TestStreamsAreMeasured(t *testing.T) {
	registry, text := measured(t)
	r := serve(t, service.Options{Metrics: registry, Streams: 2, Frame: time.Millisecond, PerAddress: limit.RateOptions{Events: 1, Per: time.Hour, Burst: 5}})
	first := r.changes("")
	assert.Equal(t, "snapshot", first.next().Name)
	r.hold("1")
	change := first.next()
	assert.Equal(t, "change", change.Name)
	second := r.changes("")
	assert.Equal(t, "snapshot", second.next().Name)
	for _, line := range []string{
		`ferrous_limit_running{name="streams"} 2`,
		`ferrous_limit_concurrency{name="streams"} 2`,
		`redbus_feeds 1`,
		`redbus_http_running_requests 2`,
		`redbus_stream_changes_total 1`,
		`redbus_stream_writes_total 1`,
		`redbus_stream_snapshots_total 2`,
		`redbus_stream_gaps_total 0`,
		`ferrous_seatmap_running_calls{method="Watch",name="store"} 1`,
	} {
		eventually(t, text, line)
	}
	open := ask{method: "GET", path: "/v1/events/bus/changes"}
	assert.Equal(t, http.StatusServiceUnavailable, r.do(open).status)
	second.close()
	eventually(t, text, `ferrous_limit_running{name="streams"} 1`)
	_ = r.changes("0000000000000001-1").next() // of another life
	eventually(t, text, `redbus_stream_gaps_total 1`)
	assert.Equal(t, http.StatusServiceUnavailable, r.do(open).status, "the limit of the address is not reached")
	assert.Equal(t, http.StatusTooManyRequests, r.do(open).status)
	eventually(t, text, `ferrous_limit_decisions_total{decision="refused",name="streams"} 2`)
	eventually(t, text, `ferrous_limit_decisions_total{decision="allowed",name="streams"} 3`)
	eventually(t, text, `ferrous_limit_decisions_total{decision="refused",name="address"} 1`)
	assert.NotContains(t, text(), `redbus_http_request_duration_seconds_count{route="/v1/events/{event}/changes"}`)
}

func TestRefusalsOfUsersAreCounted(t *testing.T) {
	registry, text := measured(t)
	r := serve(t, service.Options{Metrics: registry, PerUser: limit.RateOptions{Events: 1, Per: time.Hour, Burst: 1}})
	for range 3 {
		r.do(ask{method: "GET", path: "/v1/events/bus", user: "bob"})
	}
	eventually(t, text, `redbus_http_requests_total{code="429",method="GET",route="/v1/events/{event}"} 2`)
	assert.Contains(t, text(), `ferrous_limit_decisions_total{decision="refused",name="user"} 2`)
	assert.Contains(t, text(), `ferrous_limit_decisions_total{decision="allowed",name="user"} 1`)
}

// watchless is a store whose watch cannot be reached twice, and then tells of an expiry.
type watchless struct {
	seatmap.Store
	failures *int
}

func (w watchless) Watch(ctx context.Context, _ seatmap.WatchRequest) iter.Seq2[seatmap.Change, error] {
	return func(yield func(seatmap.Change, error) bool) {
		if *w.failures++; *w.failures <= 2 {
			yield(seatmap.Change{}, seatmap.ErrUnavailable)
			return
		}
		if yield(seatmap.Change{Event: "bus", Kind: seatmap.ChangeExpired, At: time.Now().Add(-7 * time.Second)}, nil) {
			<-ctx.Done()
		}
	}
}

func TestFaultsAreMeasured(t *testing.T) {
	for err, line := range map[error]string{
		seatmap.ErrUnavailable:              `ferrous_seatmap_calls_total{method="Counts",name="store",result="unavailable"} 1`,
		seatmap.ErrOutcomeUnknown:           `ferrous_seatmap_calls_total{method="Counts",name="store",result="outcome_unknown"} 1`,
		errors.New("secret of the inside"):  `ferrous_seatmap_calls_total{method="Counts",name="store",result="failed"} 1`,
		errSlow:                             `ferrous_seatmap_calls_total{method="Counts",name="store",result="deadline"} 1`,
		error(nil):                          `redbus_panics_total 1`,
		fmt.Errorf("%w", seatmap.ErrClosed): `ferrous_seatmap_calls_total{method="Counts",name="store",result="closed"} 1`,
	} {
		t.Run(fmt.Sprint(err), func(t *testing.T) {
			registry, text := measured(t)
			o := service.Options{Metrics: registry, Store: broken{err: err}}
			if errors.Is(err, errSlow) {
				o.Timeout = time.Millisecond
			}
			r := serve(t, o)
			got := r.do(ask{method: "GET", path: "/v1/events/bus", user: "bob"})
			require.NoError(t, r.stop())
			registry.Unregister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "redbus_ready", Help: "Whether the service takes requests and its store answers: 1 or 0."}))
			all := text()
			assert.Contains(t, all, line+"\n")
			assert.Contains(t, all, fmt.Sprintf("redbus_http_requests_total{code=\"%d\",method=\"GET\",route=\"/v1/events/{event}\"} 1\n", got.status))
			assert.Contains(t, all, "redbus_http_running_requests 0\n")
		})
	}
}

func TestAServiceWhoseStoreFailsSaysThatItIsNotReady(t *testing.T) {
	for name, err := range map[string]error{"unavailable": seatmap.ErrUnavailable, "slow": errSlow} {
		registry, text := measured(t)
		o := service.Options{Metrics: registry, Store: broken{err: err}}
		if name == "slow" {
			o.Timeout = time.Millisecond
		}
		serve(t, o)
		assert.Contains(t, text(), "redbus_ready 0\n", name)
	}
}

func TestWatchesAndExpiriesAreMeasured(t *testing.T) {
	registry, text := measured(t)
	m := seatmap.NewMap(seatmap.MapOptions{})
	t.Cleanup(func() { assert.NoError(t, m.Close()) })
	_, err := m.Create(t.Context(), seatmap.CreateRequest{Event: "bus", Layout: seatmap.Layout{Count: 10}})
	require.NoError(t, err)
	r := serve(t, service.Options{Metrics: registry, Store: watchless{m, new(int)}})
	r.changes("")
	eventually(t, text, "redbus_expiry_delay_seconds_count 1")
	assert.Contains(t, text(), `redbus_expiry_delay_seconds_bucket{le="5"} 0`)
	assert.Contains(t, text(), `redbus_expiry_delay_seconds_bucket{le="60"} 1`)
	assert.Contains(t, text(), `ferrous_retry_retries_total{name="watch"} 2`)
}

func TestWithoutMetricsNothingIsRegistered(t *testing.T) {
	serve(t, service.Options{}) // twice in one process
	serve(t, service.Options{})
	registry, _ := measured(t)
	serve(t, service.Options{Metrics: registry})
	assert.Panics(t, func() { service.New(service.Options{Store: broken{}, Metrics: registry}) })
}

var row = regexp.MustCompile("(?m)^\\| `(redbus_[a-z_]+)` \\| ([a-z]+) \\| ([^|]*) \\| (.+) \\|$")

func TestThePageListsEachMetricOfTheService(t *testing.T) {
	page, err := os.ReadFile("../../../docs/metrics.md")
	require.NoError(t, err)
	type said struct{ kind, labels string }
	told, real := map[string]said{}, map[string]said{}
	for _, r := range row.FindAllStringSubmatch(string(page), -1) {
		_, twice := told[r[1]]
		assert.False(t, twice, r[1])
		told[r[1]] = said{r[2], strings.ReplaceAll(r[3], "`", "")}
	}
	registry, text := measured(t)
	r := serve(t, service.Options{Metrics: registry, Event: "bus"})
	r.do(ask{method: "GET", path: "/v1/events/bus", user: "bob"})
	eventually(t, text, `redbus_http_requests_total{code="200",method="GET",route="/v1/events/{event}"} 1`)
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		assert.NotEmpty(t, f.GetHelp())
		if !strings.HasPrefix(f.GetName(), "redbus_") {
			assert.Contains(t, string(page), "| `"+f.GetName()+"` |")
			continue
		}
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		real[f.GetName()] = said{strings.ToLower(f.GetType().String()), strings.Join(labels, ", ")}
	}
	assert.Equal(t, real, told)
	problems, err := testutil.GatherAndLint(registry)
	require.NoError(t, err)
	assert.Empty(t, problems)
}
