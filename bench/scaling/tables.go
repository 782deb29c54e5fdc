package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// busyAtMost is the share of a core or shard that the sizes use, so that a rush of a
// minute and the loss of a machine find room.
const busyAtMost = 0.6

// coresOfReplica is how large the replicas of the sizes are.
const coresOfReplica = 16

// grantsOf is the share of requests that get a seat where an event is not sold out.
const grantsOf = 0.1

// demand is requests that a service must serve.
type demand struct {
	name   string
	rate   float64
	events int
	skew   float64
}

var demands = []demand{
	{"1M a minute, 1,000 events, Zipf", 1e6 / 60, 1000, 1},
	{"1M a second, 100,000 events", 1e6, 100_000, 0},
	{"10,000 hot events, 1,000 a second each", 1e7, 10_000, 0},
}

// mean returns the server's time of an average request, in seconds, without what a batch
// costs.
func (s *store) mean() float64 {
	if s.local {
		return grantsOf * s.block.value.Seconds()
	}
	return grantsOf*s.block.value.Seconds() + (1-grantsOf)*s.refuse.value.Seconds()
}

// capacity returns how many requests a second one event can have, of which a share gets
// a seat. It is arithmetic, without the service in front of the store.
func (s *store) capacity(grants float64) float64 {
	refuse := s.refuse.value.Seconds()
	if s.local && s.batch > 1 {
		refuse = 0 // not by the server that syncs
	}
	batch := s.fixed.value.Seconds() / float64(s.batch)
	rate := 1 / (batch + grants*s.block.value.Seconds() + (1-grants)*refuse)
	if row := s.row.value.Seconds(); row > 0 {
		rate = min(rate, 1/(grants*row))
	}
	return rate
}

// size returns the replicas and shards that a demand needs by arithmetic.
func (s *store) size(d demand) (replicas, shards int) {
	up := func(v float64) int { return max(1, int(math.Ceil(v-1e-9))) }
	replicas = up(d.rate * httpRequest.value.Seconds() / busyAtMost / coresOfReplica)
	if s.local {
		return replicas, replicas
	}
	return replicas, up(d.rate * s.mean() / busyAtMost)
}

// simulated returns the outcome of the demand at that size. Of a large system it
// simulates one part of several equal ones, with about 20 shards.
func (s *store) simulated(d demand) (replicas, shards int, out outcome) {
	replicas, shards = s.size(d)
	parts := max(1, max(shards, replicas)/20)
	const requests = 30_000
	return replicas, shards, simulate(scenario{
		seed: 1, requests: requests, warm: requests / 10, rate: d.rate / float64(parts),
		store: s, replicas: (replicas + parts - 1) / parts, cores: coresOfReplica, shards: (shards + parts - 1) / parts,
		events: d.events / parts, skew: d.skew, placed: true, grants: grantsOf,
	})
}

// tables returns the text for each place in docs/scaling.md.
func tables() map[string]string {
	return map[string]string{
		"costs":   costsTable(),
		"sources": sourcesTable(),
		"check":   checkTable(),
		"sizes":   sizesTable(),
		"hot":     hotTable(),
		"watch":   watchTable(),
	}
}

// table is rows of cells, of which the first is the head.
type table [][]string

func (t *table) row(cells ...string) { *t = append(*t, cells) }

func (t *table) String() string {
	var b strings.Builder
	for i, row := range *t {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString("| ---" + strings.Repeat(" | ---:", len(row)-1) + " |\n")
		}
	}
	return b.String()
}

func costsTable() string {
	t := table{{"store", "block", "refusal", "change to a watcher", "beside it, a batch", "one event at most: blocks/s", "refusals/s"}}
	for _, s := range stores {
		fixed := "–"
		if s.fixed.value > 0 {
			fixed = duration(s.fixed.value)
		}
		if s.row.value > 0 {
			fixed = "row: " + duration(s.row.value)
		}
		refusals := s.capacity(0)
		if s.local && s.batch > 1 {
			refusals = 1 / s.refuse.value.Seconds()
		}
		t.row(s.name, duration(s.block.value), duration(s.refuse.value), duration(s.watch.value), fixed,
			number(s.capacity(1)), number(refusals))
	}
	return t.String()
}

func sourcesTable() string {
	t := table{{"figure", "value", "source"}}
	for _, f := range []figure{httpRequest, delivery, network} {
		t.row(f.what, duration(f.value), f.source)
	}
	for _, s := range stores {
		for _, f := range []struct {
			what string
			figure
		}{{"block", s.block}, {"refusal", s.refuse}, {s.fixed.what, s.fixed}, {s.row.what, s.row}, {"change to a watcher", s.watch}} {
			if f.value > 0 {
				t.row(s.name+": "+f.what, duration(f.value), f.source)
			}
		}
	}
	return strings.Replace(t.String(), "| --- | ---: | ---: |", "| --- | ---: | --- |", 1)
}

func checkTable() string {
	t := table{{"what", "measured", "simulated", "difference"}}
	difference := func(got, want float64) string { return fmt.Sprintf("%+.0f %%", (got/want-1)*100) }
	for _, m := range measuredBookings {
		rate := journalLoop(m.callers)
		t.row(fmt.Sprintf("journal, callers: %d, bookings/s", m.callers), number(m.rate), number(rate), difference(rate, m.rate))
	}
	for _, m := range measuredRefusals {
		rate := float64(m.processors) * 1e9 / measuredRefusals[0].ns
		t.row(fmt.Sprintf("Plan, processors: %d, refusals/s", m.processors), number(1e9/m.ns), number(rate), difference(rate, 1e9/m.ns))
	}
	for _, m := range measuredService {
		rate, times := serviceLoop(m.connections)
		name := fmt.Sprintf("service, %s connections, ", number(float64(m.connections)))
		t.row(name+"requests/s", number(m.rate), number(rate), difference(rate, m.rate))
		for _, q := range []struct {
			name string
			want time.Duration
			got  time.Duration
		}{{"p50", m.p50, quantile(times, 0.5)}, {"p99", m.p99, quantile(times, 0.99)}} {
			t.row(name+q.name, duration(q.want), duration(q.got), difference(float64(q.got), float64(q.want)))
		}
	}
	return t.String()
}

func sizesTable() string {
	t := table{{"load", "store", "service cores", "shards", "busiest shard", "p50", "p99", "p99.9"}}
	for _, d := range demands {
		for _, s := range stores {
			if s == &collecting {
				continue // it collects requests of one event, and of most there is one at a time
			}
			replicas, shards, out := s.simulated(d)
			shardText, busiest := number(float64(shards)), percent(out.busiest)
			if s.local {
				shardText = "–"
			}
			if s.batch > 1 {
				busiest = "–" // a server that collects is always busy, with batches as small as they can be
			}
			t.row(d.name, s.name, number(float64(replicas*coresOfReplica)), shardText, busiest,
				duration(quantile(out.latencies, 0.5)), duration(quantile(out.latencies, 0.99)), duration(quantile(out.latencies, 0.999)))
		}
	}
	return t.String()
}

// rush is what the hot event gets: 100,000 requests in a second, for 10,000 seats.
func rush(s *store) scenario {
	sc := scenario{seed: 1, requests: 100_000, rate: 100_000, store: s, replicas: 2, cores: 4, shards: 1, events: 1, seats: 10_000}
	if s.local {
		sc.replicas, sc.cores = 1, 8
	}
	return sc
}

func hotTable() string {
	const late = 100 * time.Millisecond
	gated := func(sc scenario) scenario { sc.gate = late; return sc }
	split := func(sc scenario) scenario { sc.parts = 10; return sc }
	admitting := func(sc scenario, rate float64) scenario { sc.room = rate; return sc }
	t := table{{"store", "all sold after", "p50", "p99", "inside at most", "refused by the store", "by the gate", "time in the room, p99"}}
	for _, v := range []struct {
		name string
		scenario
	}{
		{"Map", rush(&memory)},
		{"journal", rush(&journaled)},
		{"Redis", rush(&redis)},
		{"… with a gate", gated(rush(&redis))},
		{"PostgreSQL", rush(&postgres)},
		{"… as 10 events", split(rush(&postgres))},
		{"PostgreSQL, collecting", rush(&collecting)},
		{"… with a gate", gated(rush(&collecting))},
		{"… and a waiting room of 20,000/s", admitting(gated(rush(&collecting)), 20_000)},
	} {
		out := simulate(v.scenario)
		room := "–"
		if v.room > 0 {
			room = duration(quantile(out.waits, 0.99))
		}
		t.row(v.name, duration(time.Duration(out.lastGrant)), duration(quantile(out.latencies, 0.5)), duration(quantile(out.latencies, 0.99)),
			number(float64(out.most)), number(float64(out.refused)), number(float64(out.stopped)), room)
	}
	return t.String()
}

func watchTable() string {
	t := table{{"a client gets", "cores for it", "cores busy", "a request, p50", "p99"}}
	const clients, rate, grants = 50_000, 2_000, 0.05
	for _, v := range []struct {
		name  string
		every time.Duration
	}{{"each change", 0}, {"what changed in 250 ms", 250 * time.Millisecond}, {"what changed in 1 s", time.Second}} {
		changes := rate * grants
		if v.every > 0 {
			changes = 1 / v.every.Seconds()
		}
		out := simulate(scenario{
			seed: 1, requests: 10_000, warm: 1000, rate: rate, store: &redis, replicas: 4, cores: 4, shards: 1, events: 1, grants: grants,
			watch: watchers{clients, v.every},
		})
		t.row(v.name, strconv.FormatFloat(changes*clients*delivery.value.Seconds(), 'f', 1, 64), percent(out.service),
			duration(quantile(out.latencies, 0.5)), duration(quantile(out.latencies, 0.99)))
	}
	return t.String()
}

// duration returns a time with three digits.
func duration(d time.Duration) string {
	v, unit := float64(d), "ns"
	for _, next := range []struct {
		unit string
		size float64
	}{{"µs", 1e3}, {"ms", 1e3}, {"s", 1e3}} {
		if v < 999.5 {
			break
		}
		v, unit = v/next.size, next.unit
	}
	return digits(v) + " " + unit
}

func percent(share float64) string { return strconv.FormatFloat(share*100, 'f', 0, 64) + " %" }

// digits returns a number with three digits at most, and without an exponent.
func digits(v float64) string {
	decimals := 0
	if v > 0 {
		decimals = max(0, 2-int(math.Floor(math.Log10(v))))
	}
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	if decimals > 0 {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// number returns a whole number with three digits that count, and commas between the thousands.
func number(v float64) string {
	if v >= 1000 {
		unit := math.Pow(10, math.Floor(math.Log10(v))-2)
		v = math.Round(v/unit) * unit
	}
	text := strconv.FormatFloat(v, 'f', 0, 64)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
