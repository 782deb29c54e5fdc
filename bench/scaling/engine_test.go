package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLoopRunsInOrderOfTimesAndPlans(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var l loop
	type plan struct {
		at  int64
		arg int
	}
	var want, got []plan
	add := func(at int64) {
		p := plan{at, len(want)}
		want = append(want, p)
		l.at(at, func(arg int) { got = append(got, plan{l.now, arg}) }, p.arg)
	}
	for range 2_000 {
		add(random.Int64N(100))
	}
	l.at(50, func(int) { // what runs may plan more
		for range 100 {
			add(50 + random.Int64N(100))
		}
	}, 0)
	l.run()
	slices.SortStableFunc(want, func(a, b plan) int { return int(a.at - b.at) })
	assert.Equal(t, want, got)
	assert.PanicsWithValue(t, "scaling: loop.at: the time is past", func() { l.at(l.now-1, nil, 0) })
}

// A burst that is there from the start takes as many fixed costs as batches.
func TestBatchesOfABurst(t *testing.T) {
	for _, tt := range []struct {
		servers, batch, jobs int
		fixed, cost, want    int64
	}{
		{1, 1, 10, 0, 7, 70},
		{1, 1, 10, 3, 7, 100},
		{3, 1, 10, 3, 7, 40},
		{1, 4, 1, 3, 7, 10},
		{1, 4, 9, 3, 7, 3 + 7 + 3 + 28 + 3 + 28}, // the first comes alone
		{2, 4, 10, 3, 7, 3 + 7 + 3 + 28},
	} {
		var l loop
		s := newStation(&l, tt.servers, tt.batch, tt.fixed)
		var order []int
		for i := range tt.jobs {
			s.arrive(job{tt.cost, func(arg int) { order = append(order, arg) }, i})
		}
		l.run()
		assert.Equal(t, tt.want, l.now, "%+v", tt)
		assert.Len(t, order, tt.jobs)
		if tt.servers == 1 {
			assert.True(t, slices.IsSorted(order), "first come, first served: %v", order)
		}
		assert.Zero(t, s.waiting())
		assert.LessOrEqual(t, s.worked, int64(tt.servers)*l.now)
	}
}

// replications is how many simulations, each with random numbers of its own, an
// estimate is the mean of; so its standard error is known without any assumption.
const replications = 24

// estimate is a mean with its standard error.
type estimate struct{ mean, deviation float64 }

func estimateOf(values []float64) estimate {
	var sum, squares float64
	for _, v := range values {
		sum += v
	}
	n := float64(len(values))
	for _, v := range values {
		squares += (v - sum/n) * (v - sum/n)
	}
	return estimate{sum / n, math.Sqrt(squares / (n - 1) / n)}
}

// sojourns simulates jobs of a Poisson stream, whose costs the function draws, and returns
// the time from the arrival to the end of each job that came after the warm-up, and the
// share of the servers' time that was busy.
func sojourns(seed uint64, s station, rate float64, jobs int, cost func(*rand.Rand) int64) (times []float64, busy float64) {
	random := rand.New(rand.NewPCG(seed, 1))
	var l loop
	s.loop = &l
	var arrive func(int)
	arrived := make([]int64, jobs)
	arrive = func(id int) {
		arrived[id] = l.now
		s.arrive(job{cost(random), func(id int) {
			if id >= jobs/10 {
				times = append(times, float64(l.now-arrived[id]))
			}
		}, id})
		if id+1 < jobs {
			l.at(l.now+exponential(random, 1e9/rate), arrive, id+1)
		}
	}
	l.at(0, arrive, 0)
	l.run()
	return times, float64(s.worked) / float64(l.now) / float64(s.servers)
}

// The simulated means and tails agree with the closed forms of queueing theory. The
// bound is six standard errors, and the errors are small enough to tell a wrong
// simulation from a right one. The random numbers are the same each time.
func TestStationsAgreeWithClosedForms(t *testing.T) {
	const mean = 1e6 // ns of a job
	exponentially := func(r *rand.Rand) int64 { return exponential(r, mean) }
	always := func(*rand.Rand) int64 { return mean }
	for _, tt := range []struct {
		name   string
		server station
		cost   func(*rand.Rand) int64
		load   float64 // arrivals in the time of a job
		busy   float64
		time   float64 // mean sojourn, in times of a job
		tail   float64 // the 99th percentile likewise, or 0
	}{
		{"M/M/1, 50 %", station{servers: 1, batch: 1}, exponentially, 0.5, 0.5, 1 / (1 - 0.5), math.Log(100) / (1 - 0.5)},
		{"M/M/1, 80 %", station{servers: 1, batch: 1}, exponentially, 0.8, 0.8, 1 / (1 - 0.8), math.Log(100) / (1 - 0.8)},
		{"M/D/1, 50 %", station{servers: 1, batch: 1}, always, 0.5, 0.5, 1 + 0.5/(2*(1-0.5)), 0},
		{"M/D/1, 80 %", station{servers: 1, batch: 1}, always, 0.8, 0.8, 1 + 0.8/(2*(1-0.8)), 0},
		{"M/M/4, 70 %", station{servers: 4, batch: 1}, exponentially, 2.8, 0.7, 1 + erlangC(4, 2.8)/(4-2.8), 0},
		{"M/M/16, 80 %", station{servers: 16, batch: 1}, exponentially, 12.8, 0.8, 1 + erlangC(16, 12.8)/(16-12.8), 0},
		// A batch takes all that wait, and always the same time D. From its first job on, an idle
		// server is busy for D times e^load on average. A job that comes while it is busy waits
		// for D/2 on average.
		{
			"batches, load 0.5",
			station{servers: 1, batch: math.MaxInt, fixed: mean},
			func(*rand.Rand) int64 { return 0 },
			0.5, busyBatches(0.5), 1 + busyBatches(0.5)/2, 0,
		},
		{
			"batches, load 5",
			station{servers: 1, batch: math.MaxInt, fixed: mean},
			func(*rand.Rand) int64 { return 0 },
			5, busyBatches(5), 1 + busyBatches(5)/2, 0,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			const jobs = 6_000
			var means, tails, busies []float64
			for seed := range uint64(replications) {
				times, busy := sojourns(seed, tt.server, tt.load*1e9/mean, jobs, tt.cost)
				var sum float64
				for _, v := range times {
					sum += v
				}
				means = append(means, sum/float64(len(times))/mean)
				slices.Sort(times)
				tails = append(tails, times[len(times)*99/100]/mean)
				busies = append(busies, busy)
			}
			check := func(what string, want float64, values []float64) {
				t.Helper()
				got := estimateOf(values)
				assert.InDelta(t, want, got.mean, 6*got.deviation+1e-9, "%s: standard error %v", what, got.deviation)
				assert.Less(t, got.deviation, want/20, "%s: too rough to show anything", what)
			}
			check("mean", tt.time, means)
			check("busy", tt.busy, busies)
			if tt.tail != 0 {
				check("99th percentile", tt.tail, tails)
			}
		})
	}
}

// erlangC is the probability that a job waits at c servers of a load.
func erlangC(c int, load float64) float64 {
	term, sum := 1.0, 0.0 // load^k / k!
	for k := range c {
		sum += term
		term *= load / float64(k+1)
	}
	last := term * float64(c) / (float64(c) - load)
	return last / (sum + last)
}

// busyBatches is the share of time that a server is busy which takes all that wait in
// batches of time 1.
func busyBatches(load float64) float64 { return 1 / (1 + math.Exp(-load)/load) }

func TestErlangC(t *testing.T) {
	assert.InDelta(t, 0.8, erlangC(1, 0.8), 1e-12)
	assert.InDelta(t, 1.0/3, erlangC(2, 1), 1e-12)
}

func TestExponential(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	const n = 100_000
	values := make([]float64, n)
	above := 0
	for i := range values {
		values[i] = float64(exponential(random, 1e6))
		if values[i] > 1e6 {
			above++
		}
	}
	got := estimateOf(values)
	require.InDelta(t, 1e6, got.mean, 6*got.deviation)
	require.InDelta(t, n/math.E, above, 6*math.Sqrt(n*(1/math.E)*(1-1/math.E)))
}
