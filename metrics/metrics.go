// Package metrics has collectors for Prometheus of what the packages of this library
// count. A service registers those that it needs:
//
//	store := metrics.NewStore("seats")
//	seats := store.Wrap(seatmap.NewMap(seatmap.MapOptions{}))
//	registry.MustRegister(
//		store,
//		metrics.Events("seats", seats, metrics.EventsOptions{Events: []string{"bus"}}),
//		metrics.Pool("mail", pool),
//		metrics.Channel("jobs", jobs),
//		metrics.Keyed("users", perUser),
//	)
//
// Most collectors read a value when they are asked, and cost nothing before. Those that
// count what happens are types: [Store], [Retry], [Limit] and [Locks].
//
// Each collector has a name of its own, the value of the label name. It tells several
// channels, pools or stores of a service apart. Names must be few and fixed. No label has
// the name of a user or a seat, and only [Events], which is told them, has names of events.
//
// A collector does not panic. If what it reads panics, because it was closed for example,
// then the collector leaves its metrics out, and ferrous_collector_failures_total counts
// it. docs/metrics.md lists all metrics.
//
// All functions and methods are safe for concurrent use. They panic if a name or a value
// to collect from is missing.
package metrics

import (
	"fmt"
	"reflect"
	"sync/atomic"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
)

// A Collector collects the metrics of one value. Register it with
// [prometheus.Registerer].
type Collector struct {
	name     string
	kind     string // such as "channel"
	read     func(emit func(d *desc, v float64, labels ...string))
	descs    []*desc
	failures atomic.Uint64
	failed   *desc
}

// A desc describes one metric of a collector.
type desc struct {
	prom *prometheus.Desc
	kind prometheus.ValueType
}

// newCollector returns a collector, whose metrics gauge and counter add.
func newCollector(kind, name string, of any) *Collector {
	check(kind, name)
	if v := reflect.ValueOf(of); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() || v.Kind() == reflect.Func && v.IsNil() {
		panic(fmt.Errorf("metrics: %s: %q collects from nil", kind, name))
	}
	c := &Collector{name: name, kind: kind}
	c.failed = &desc{
		prometheus.NewDesc("ferrous_collector_failures_total", "How often a collector could not read what it collects from.",
			nil, prometheus.Labels{"collector": kind, "name": name}),
		prometheus.CounterValue,
	}
	return c
}

// check refuses names that are no values of labels.
func check(kind, name string) {
	if name == "" || len(name) > 128 || !utf8.ValidString(name) {
		panic(fmt.Errorf("metrics: %s: the name %.140q is not 1 to 128 bytes of UTF-8", kind, name))
	}
}

// gauge adds a metric that goes up and down.
func (c *Collector) gauge(name, help string, labels ...string) *desc {
	return c.add(prometheus.GaugeValue, name, help, labels)
}

// counter adds a metric that only rises.
func (c *Collector) counter(name, help string, labels ...string) *desc {
	return c.add(prometheus.CounterValue, name, help, labels)
}

func (c *Collector) add(kind prometheus.ValueType, name, help string, labels []string) *desc {
	d := &desc{prometheus.NewDesc(name, help, labels, prometheus.Labels{"name": c.name}), kind}
	c.descs = append(c.descs, d)
	return d
}

// Describe sends the descriptions of the metrics.
func (c *Collector) Describe(to chan<- *prometheus.Desc) {
	to <- c.failed.prom
	for _, d := range c.descs {
		to <- d.prom
	}
}

// Collect sends the metrics.
func (c *Collector) Collect(to chan<- prometheus.Metric) {
	for _, m := range c.collect() {
		to <- m
	}
	to <- prometheus.MustNewConstMetric(c.failed.prom, c.failed.kind, float64(c.failures.Load()))
}

// collect reads all values before any is sent, so that a value that panics leaves all out.
func (c *Collector) collect() (all []prometheus.Metric) {
	defer func() {
		if recover() != nil {
			c.failures.Add(1)
			all = nil
		}
	}()
	c.read(func(d *desc, v float64, labels ...string) {
		all = append(all, prometheus.MustNewConstMetric(d.prom, d.kind, v, labels...))
	})
	return all
}

// oneIf is 1 or 0.
func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
