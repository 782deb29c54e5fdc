package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Scenarios with everything that there is keep the books: each request has one answer,
// nobody works more than there is time, and no seat is granted twice.
func TestEveryRequestHasOneAnswer(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	for round := range uint64(100) {
		sc := scenario{
			seed: round, requests: 500, rate: math.Pow(10, 3+2*random.Float64()), store: stores[random.IntN(len(stores))],
			replicas: 1 + random.IntN(3), cores: 1 + random.IntN(3), shards: 1 + random.IntN(4),
			events: 1 + random.IntN(5), skew: float64(random.IntN(3)) / 2, placed: random.IntN(2) == 0, parts: random.IntN(4),
			seats: random.IntN(3) * 50, grants: random.Float64(),
			gate: time.Duration(random.IntN(3)) * time.Millisecond, room: float64(random.IntN(2)) * 10_000,
			watch: watchers{random.IntN(2) * 300, time.Duration(random.IntN(2)) * time.Millisecond},
		}
		out := simulate(sc)
		require.Equal(t, sc.requests, out.granted+out.refused+out.stopped, "%+v", sc)
		require.Len(t, out.latencies, sc.requests, "%+v", sc)
		require.Len(t, out.waits, sc.requests)
		require.Positive(t, out.latencies[0], "a request takes time")
		require.GreaterOrEqual(t, out.waits[0], int64(0))
		require.LessOrEqual(t, out.service, 1+1e-9, "%+v", sc)
		require.LessOrEqual(t, out.busiest, 1+1e-9, "%+v", sc)
		require.LessOrEqual(t, out.most, sc.requests)
		if sc.seats > 0 {
			require.LessOrEqual(t, out.granted, sc.seats*sc.events, "%+v", sc)
		}
		if sc.gate == 0 || sc.seats == 0 {
			require.Zero(t, out.stopped, "there is no gate that closes")
		}
		if sc.room == 0 {
			require.Zero(t, out.waits[len(out.waits)-1], "nobody waits outside")
		}
		require.Equal(t, out, simulate(sc), "the same again")
	}
}

// quiet is a scenario in which nobody waits: a request a second.
func quiet(s *store) scenario {
	return scenario{
		seed: 1, requests: 1000, rate: 1, store: s, replicas: 1, cores: 1, shards: 1, events: 1, grants: 1,
	}
}

// Without queues an answer takes what its steps take.
func TestAnAnswerTakesItsSteps(t *testing.T) {
	for _, s := range stores {
		for _, grants := range []float64{0, 1} {
			sc := quiet(s)
			sc.grants = grants
			want := 2 * network.value
			if s.local {
				want = 0
			}
			switch {
			case grants == 1:
				want += s.fixed.value + s.block.value + s.row.value
			case !s.local:
				want += s.fixed.value + s.refuse.value
			}
			out := simulate(sc)
			var values []float64
			for _, v := range out.latencies {
				values = append(values, float64(time.Duration(v)-want))
			}
			got := estimateOf(values)
			assert.InDelta(t, float64(httpRequest.value), got.mean, 6*got.deviation, "%s, grants %v", s.name, grants)
			// What is not exponential is there each time.
			assert.GreaterOrEqual(t, time.Duration(out.latencies[0]), want, s.name)
			assert.Less(t, time.Duration(out.latencies[0]), want+httpRequest.value, s.name)
		}
	}
}

// The simulation of the whole agrees with the closed form where there is one: a store with
// one server and always the same time is M/D/1 behind replicas that never let anyone wait.
func TestAStoreUnderLoadIsMD1(t *testing.T) {
	st := redis
	const busy = 0.7
	service := st.block.value.Seconds()
	var means []float64
	for seed := range uint64(replications) {
		out := simulate(scenario{
			seed: seed, requests: 4000, warm: 400, rate: busy / service, store: &st, replicas: 1, cores: 1000, shards: 1, events: 1, grants: 1,
		})
		sum := 0.0
		for _, v := range out.latencies {
			sum += float64(v) / 1e9
		}
		means = append(means, sum/float64(len(out.latencies)))
	}
	want := (httpRequest.value + 2*network.value).Seconds() + service*(1+busy/(2*(1-busy)))
	got := estimateOf(means)
	assert.InDelta(t, want, got.mean, 6*got.deviation)
	assert.Less(t, got.deviation, 0.02*want)
}

func TestSeatsAreSoldOnceAndGatesClose(t *testing.T) {
	sc := scenario{
		seed: 1, requests: 20_000, rate: 50_000, store: &redis, replicas: 2, cores: 4, shards: 1, events: 1, seats: 1000,
	}
	out := simulate(sc)
	assert.Equal(t, 1000, out.granted)
	assert.Equal(t, 19_000, out.refused)

	sc.gate = 100 * time.Millisecond
	gated := simulate(sc)
	assert.Equal(t, 1000, gated.granted)
	assert.Equal(t, out.lastGrant, gated.lastGrant, "the same requests come first")
	// The store refuses who comes before the gate has closed, and the gate who comes later.
	closes := float64(gated.lastGrant)/1e9 + sc.gate.Seconds()
	assert.InDelta(t, 20_000-50_000*closes, gated.stopped, 6*math.Sqrt(20_000))

	sc.parts = 10 // each sells its own seats
	sc.requests = 100_000
	assert.Equal(t, 1000, simulate(sc).granted)

	sc.parts, sc.requests, sc.room = 1, 20_000, 2000
	room := simulate(sc)
	assert.Equal(t, 1000, room.granted)
	assert.InDelta(t, 0.5, float64(room.lastGrant)/1e9, 0.01, "1,000 visitors at 2,000 a second")
	assert.LessOrEqual(t, room.waits[len(room.waits)-1], int64(pollEvery+time.Second))
	assert.Positive(t, room.waits[len(room.waits)/2])
	assert.Less(t, room.most, out.most)
	assert.Greater(t, room.stopped, 18_000, "nobody of those who waited bothers the store")

	sc.seats, sc.rate = 100, 10_000
	late := simulate(sc)
	assert.Zero(t, late.waits[len(late.waits)/2], "who comes when the gate is closed does not wait to hear so")
}

// Each change costs each client once, or once a tick; the store pays for each replica.
func TestChangesReachEachClient(t *testing.T) {
	sc := scenario{
		seed: 1, requests: 300, rate: 100, store: &redis, replicas: 3, cores: 2, shards: 1, events: 1, grants: 1,
	}
	silent := simulate(sc)
	sc.watch = watchers{clients: 1000}
	each := simulate(sc)
	extra := each.service*float64(each.end)*6 - silent.service*float64(silent.end)*6
	assert.InDelta(t, 300*1000*float64(delivery.value), extra, 0.01*300*1000*float64(delivery.value))
	store := each.busiest*float64(each.end) - silent.busiest*float64(silent.end)
	assert.InDelta(t, 300*3*float64(redis.watch.value), store, 0.01*300*3*float64(redis.watch.value))

	sc.watch.every = time.Second
	ticks := simulate(sc)
	assert.Less(t, ticks.service, each.service/20, "about three deliveries instead of 300")
	assert.Greater(t, ticks.service, silent.service)
}

func TestPlacement(t *testing.T) {
	assert.InDelta(t, 1.0/8, busiestShare(800, 0, 8, true), 1e-9)
	assert.Greater(t, busiestShare(800, 0, 8, false), 1.0/8)
	assert.InDelta(t, newZipf(800, 1).share(0), busiestShare(800, 1, 100, true), 1e-9, "the hottest event has a shard of its own")
	at := place([]float64{0.5, 0.2, 0.2, 0.1}, 2, true, nil)
	assert.Equal(t, []int{0, 1, 1, 1}, at)
}

func TestZipf(t *testing.T) {
	z := newZipf(3, 1) // weights 6, 3, 2 of 11
	random := rand.New(rand.NewPCG(1, 1))
	const n = 100_000
	var drawn [3]int
	for range n {
		drawn[z.draw(random)]++
	}
	for k, weight := range []float64{6, 3, 2} {
		p := weight / 11
		assert.InDelta(t, p, z.share(k), 1e-12)
		assert.InDelta(t, n*p, drawn[k], 6*math.Sqrt(n*p*(1-p)))
	}
}

func TestQuantile(t *testing.T) {
	var hundred []int64
	for i := range int64(100) {
		hundred = append(hundred, i+1)
	}
	assert.Equal(t, time.Duration(50), quantile(hundred, 0.5))
	assert.Equal(t, time.Duration(99), quantile(hundred, 0.99))
	assert.Equal(t, time.Duration(100), quantile(hundred, 0.999))
	assert.Equal(t, time.Duration(1), quantile(hundred, 0))
	assert.Zero(t, quantile(nil, 0.5))
}

// The model of the journal is within a tenth of what was measured, with one caller and
// with 512, and so is what a batch server does in theory: half of the callers are in each.
func TestJournalAsMeasured(t *testing.T) {
	for _, m := range measuredBookings {
		assert.InEpsilon(t, m.rate, journalLoop(m.callers), 0.1, "%d callers", m.callers)
	}
}

// In a closed loop the answers take as long as the callers' number and the rate say
// (Little's law), and two busy cores do what two cores can.
func TestClosedLoopKeepsLittlesLaw(t *testing.T) {
	for _, connections := range []int{64, 1000} {
		rate, times := serviceLoop(connections)
		assert.True(t, slices.IsSorted(times))
		sum := 0.0
		for _, v := range times {
			sum += float64(v) / 1e9
		}
		assert.InEpsilon(t, float64(connections), rate*sum/float64(len(times)), 0.02)
		assert.InEpsilon(t, 2e9/70_200, rate, 0.02)
	}
}
