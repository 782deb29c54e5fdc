package service

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/coderrange/ferrous/limit/limithttp"
	"github.com/coderrange/ferrous/metrics"
	"github.com/coderrange/ferrous/seatmap"
)

// measures is what the service counts itself. What it stands on has the collectors of
// package metrics. Without [Options.Metrics] nobody reads them, and requests do not count.
//
// No label has a name that a user chose: routes are patterns, and methods that HTTP does
// not have are "other".
type measures struct {
	on          bool
	requests    *prometheus.CounterVec
	seconds     *prometheus.HistogramVec
	running     prometheus.Gauge
	connections prometheus.Gauge
	panics      prometheus.Counter

	changes, writes, snapshots, gaps prometheus.Counter
	expiries                         prometheus.Histogram

	store                  *metrics.Store
	watch                  *metrics.Retry
	address, user, streams *metrics.Limit
}

// latencies are seconds. A request must be over after 100 ms.
var latencies = []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1}

// delays are seconds. A store ends what is due about each second.
var delays = []float64{.1, .5, 1, 2.5, 5, 10, 30, 60}

func newMeasures() *measures {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	m := &measures{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "redbus_http_requests_total", Help: "How many requests have ended, by route, method and status; the code of those that got no answer is 0.",
		}, []string{"route", "method", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "redbus_http_request_duration_seconds", Help: "How long requests took, without streams, by route.", Buckets: latencies,
		}, []string{"route"}),
		running:     gauge("redbus_http_running_requests", "How many requests have not ended, streams included."),
		connections: gauge("redbus_http_connections", "How many connections are open."),
		panics:      counter("redbus_panics_total", "How many requests and watches panicked."),
		changes:     counter("redbus_stream_changes_total", "How many changes were sent to the clients of streams."),
		writes:      counter("redbus_stream_writes_total", "How many writes had changes: those of a short time are written together."),
		snapshots:   counter("redbus_stream_snapshots_total", "How many snapshots were sent to the clients of streams."),
		gaps:        counter("redbus_stream_gaps_total", "How many clients of streams could not go on from where they were."),
		expiries: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "redbus_expiry_delay_seconds", Help: "How long after its deadline the end of a hold was seen, in events that are watched.", Buckets: delays,
		}),
		store:   metrics.NewStore("store"),
		watch:   metrics.NewRetry("watch"),
		address: metrics.NewLimit("address"),
		user:    metrics.NewLimit("user"),
		streams: metrics.NewLimit("streams"),
	}
	return m
}

// register registers all metrics of the service.
func (s *Service) register(r prometheus.Registerer) {
	m := s.measures
	m.on = true
	r.MustRegister(
		m.requests, m.seconds, m.running, m.connections, m.panics, m.changes, m.writes, m.snapshots, m.gaps, m.expiries,
		m.store, m.watch, m.address, m.user, m.streams,
		metrics.Keyed("address", s.perAddress), metrics.Keyed("user", s.perUser),
		metrics.Concurrency("streams", s.streams), metrics.Mutex("feeds", s.feeds), metrics.Tasks("pictures", &s.pictures),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "redbus_feeds", Help: "How many events are watched for streams."}, func() (n float64) {
			s.feeds.With(func(all *map[string]*feed) { n = float64(len(*all)) })
			return n
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "redbus_ready", Help: "Whether the service takes requests and its store answers: 1 or 0."}, func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), min(s.o.Timeout, maxScrape))
			defer cancel()
			if s.readiness(ctx) != nil {
				return 0
			}
			return 1
		}),
	)
	if s.o.Event != "" {
		r.MustRegister(metrics.Events("store", s.o.Store, metrics.EventsOptions{Events: []string{s.o.Event}, Timeout: maxScrape}))
	}
}

// maxScrape is how long a scrape waits for the store.
const maxScrape = 2 * time.Second

// began counts a request that begins.
func (m *measures) began() {
	if m.on {
		m.running.Inc()
	}
}

// ended counts a request that ends.
func (m *measures) ended(seen *recorder, method string, took time.Duration) {
	if !m.on {
		return
	}
	m.running.Dec()
	m.requests.WithLabelValues(seen.route, known(method), strconv.Itoa(seen.status)).Inc()
	if seen.route != streamRoute {
		m.seconds.WithLabelValues(seen.route).Observe(took.Seconds())
	}
}

// known returns the method if it is one of HTTP.
func known(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// connection counts a connection that opens or closes.
func (m *measures) connection(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		m.connections.Inc()
	case http.StateClosed, http.StateHijacked:
		m.connections.Dec()
	case http.StateActive, http.StateIdle:
	}
}

// expiry sees a change of a feed.
func (m *measures) expiry(c seatmap.Change) {
	if c.Kind == seatmap.ChangeExpired {
		m.expiries.Observe(max(0, time.Since(c.At).Seconds()))
	}
}

// limited is a [limithttp.Handler] whose decisions count.
func limited(next http.Handler, l *metrics.Limit, o limithttp.HandlerOptions) http.Handler {
	o.Refuse = func(w http.ResponseWriter, r *http.Request, status int) {
		l.Count(false)
		refuse(w, r, status)
	}
	return limithttp.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.Count(true)
		next.ServeHTTP(w, r)
	}), o)
}
