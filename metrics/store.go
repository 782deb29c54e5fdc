package metrics

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/coderrange/ferrous/internal/storecall"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/task"
)

// Store is a collector that measures the calls of the stores that it wraps: how many there
// are, of which method and with which result, and how long they take. It must be made by
// [NewStore].
//
// A result is one of ok, taken, sold_out, limit, expired, token, key_reused, exists,
// unknown, invalid, unavailable, outcome_unknown, closed, deadline, canceled, panicked and
// failed.
type Store struct {
	calls   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
	running *prometheus.GaugeVec
	changes *prometheus.CounterVec

	methods [storecall.Methods]atomic.Pointer[method]
	kinds   [maxKinds]atomic.Pointer[prometheus.Counter]
}

// method is the metrics of one method, found without a look-up by labels.
type method struct {
	seconds prometheus.Observer // nil for watches, which last
	running prometheus.Gauge
	results [storecall.Results]atomic.Pointer[prometheus.Counter]
}

// maxKinds is more than the kinds of changes that there are.
const maxKinds = 32

// buckets are seconds. A store in memory answers in a microsecond, one in a network in less
// than a millisecond, and a request must be over after 100 ms.
var buckets = []float64{.00001, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}

// NewStore returns a Store that has seen no call.
func NewStore(name string) *Store {
	check("store", name)
	own := prometheus.Labels{"name": name}
	return &Store{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ferrous_seatmap_calls_total", Help: "How many calls have ended, by method and result.", ConstLabels: own,
		}, []string{"method", "result"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ferrous_seatmap_call_duration_seconds", Help: "How long calls took, without watches.", ConstLabels: own, Buckets: buckets,
		}, []string{"method"}),
		running: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ferrous_seatmap_running_calls", Help: "How many calls have not ended, by method; for Watch, how many watches are read.", ConstLabels: own,
		}, []string{"method"}),
		changes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ferrous_seatmap_watch_changes_total", Help: "How many changes watches were given, by kind.", ConstLabels: own,
		}, []string{"kind"}),
	}
}

// Describe sends the descriptions of the metrics.
func (s *Store) Describe(to chan<- *prometheus.Desc) {
	for _, part := range s.parts() {
		part.Describe(to)
	}
}

// Collect sends the metrics.
func (s *Store) Collect(to chan<- prometheus.Metric) {
	for _, part := range s.parts() {
		part.Collect(to)
	}
}

func (s *Store) parts() [4]prometheus.Collector {
	return [...]prometheus.Collector{s.calls, s.seconds, s.running, s.changes}
}

// Wrap returns a store that does what the given store does, and is measured. It has those
// of the interfaces [seatmap.Lister], [seatmap.Operator], [seatmap.Payer], [seatmap.Porter],
// [seatmap.SeatAdder], [seatmap.SeatCloser] and [seatmap.Sweeper] that the store has. It also has a method
// Unwrap() seatmap.Store, which returns the store, for all other methods. Close is not measured. The price is less than a
// microsecond a call, without allocations.
func (s *Store) Wrap(store seatmap.Store) seatmap.Store {
	if store == nil {
		panic(errors.New("metrics: Store.Wrap: nil store"))
	}
	return storecall.Wrap(store, storecall.Observer[time.Time](observer{s}))
}

// observer keeps the methods of an Observer out of those of a Store.
type observer struct{ *Store }

// Begin reads the clock.
func (s observer) Begin(ctx context.Context, m storecall.Method, _ string) (context.Context, time.Time) {
	s.method(m).running.Inc()
	return ctx, time.Now()
}

// End counts the call.
func (s observer) End(began time.Time, m storecall.Method, r storecall.Result, _ error) {
	of := s.method(m)
	of.running.Dec()
	if of.seconds != nil {
		of.seconds.Observe(time.Since(began).Seconds())
	}
	counter := of.results[r].Load()
	if counter == nil {
		counter = s.result(of, m, r)
	}
	(*counter).Inc()
}

// Change counts the change.
func (s observer) Change(_ time.Time, k seatmap.ChangeKind) {
	if int(k) >= maxKinds {
		return
	}
	counter := s.kinds[k].Load()
	if counter == nil {
		c := s.changes.WithLabelValues(strings.ToLower(k.String()))
		counter = &c
		s.kinds[k].Store(counter)
	}
	(*counter).Inc()
}

// faults are the results that alerts look for. They begin with 0, so that the first one is
// seen as a rise.
var faults = []storecall.Result{storecall.Unavailable, storecall.OutcomeUnknown, storecall.Deadline, storecall.Panicked, storecall.Failed}

// method returns the metrics of a method. All that make them at once make the same.
func (s *Store) method(m storecall.Method) *method {
	if of := s.methods[m].Load(); of != nil {
		return of
	}
	of := &method{running: s.running.WithLabelValues(m.String())}
	if m != storecall.Watch {
		of.seconds = s.seconds.WithLabelValues(m.String())
	}
	for _, fault := range faults {
		s.result(of, m, fault)
	}
	s.methods[m].Store(of)
	return of
}

func (s *Store) result(of *method, m storecall.Method, r storecall.Result) *prometheus.Counter {
	c := s.calls.WithLabelValues(m.String(), r.String())
	of.results[r].Store(&c)
	return &c
}

// EventsOptions configures [Events].
type EventsOptions struct {
	// Events is the names of the events, at most 100: each is four time series.
	Events []string
	// Timeout is how long the store may take for all of them. Zero means two seconds.
	Timeout time.Duration
}

// maxEvents bounds the number of time series.
const maxEvents = 100

// Events collects how many seats of events are in each state. It asks the store each time.
// If the store is one that [Store.Wrap] returned, its calls are counted too.
// An event that the store does not have is left out. If the store does not answer, the
// events are left out, and ferrous_collector_failures_total counts it. It panics unless
// there are 1 to 100 events.
func Events(name string, store seatmap.Store, o EventsOptions) *Collector {
	c := newCollector("events", name, store)
	if n := len(o.Events); n == 0 || n > maxEvents || o.Timeout < 0 {
		panic(fmt.Errorf("metrics: Events: %d events are not 1 to %d, or the timeout %v is negative", n, maxEvents, o.Timeout))
	}
	if o.Timeout == 0 {
		o.Timeout = timeout
	}
	events := slices.Compact(slices.Sorted(slices.Values(o.Events)))
	seats := c.gauge("ferrous_seatmap_seats", "How many seats and places of an event are in each state: available, blocked, booked or closed.", "event", "state")
	c.read = func(emit func(*desc, float64, ...string)) {
		ctx, cancel := context.WithTimeout(context.Background(), o.Timeout)
		defer cancel()
		asks := make([]func(context.Context) (seatmap.Counts, error), len(events))
		for i, event := range events {
			asks[i] = func(ctx context.Context) (seatmap.Counts, error) {
				return store.Counts(ctx, seatmap.CountsRequest{Event: event})
			}
		}
		for i, answer := range task.Settle(ctx, asks...) {
			n, err := answer.Value, answer.Err
			switch {
			case err == nil:
			case errors.Is(err, seatmap.ErrUnknownEvent):
				continue
			default:
				c.failures.Add(1)
				continue
			}
			emit(seats, float64(n.Available), events[i], "available")
			emit(seats, float64(n.Blocked), events[i], "blocked")
			emit(seats, float64(n.Booked), events[i], "booked")
			emit(seats, float64(n.Closed), events[i], "closed")
		}
	}
	return c
}
