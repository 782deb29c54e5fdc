package main

import (
	"math/rand/v2"
	"slices"
	"time"
)

// closed simulates callers who each send the next request as soon as they have the answer
// to the last one, and think of it for the given time on average. It returns how many
// requests a second were answered, and the sorted times of the answers.
func closed(callers, requests int, think time.Duration, st station, cost func(*rand.Rand) int64) (rate float64, times []int64) {
	random := rand.New(rand.NewPCG(uint64(callers), 1))
	var l loop
	st.loop = &l
	sent := make([]int64, callers)
	started := 0
	var send, answered func(caller int)
	send = func(caller int) {
		if started == requests {
			return
		}
		started++
		sent[caller] = l.now
		st.arrive(job{cost(random), answered, caller})
	}
	answered = func(caller int) {
		times = append(times, l.now-sent[caller])
		l.at(l.now+exponential(random, float64(think)), send, caller)
	}
	for caller := range callers {
		l.at(exponential(random, float64(think)), send, caller)
	}
	l.run()
	slices.Sort(times)
	return float64(len(times)) * 1e9 / float64(l.now), times
}

// journalLoop is so many callers of a journal who book and do nothing else.
func journalLoop(callers int) (rate float64) {
	st := station{servers: 1, batch: journaled.batch, fixed: int64(journaled.fixed.value)}
	rate, _ = closed(callers, 100*callers, 5*time.Microsecond, st, func(*rand.Rand) int64 { return int64(journaled.block.value) })
	return rate
}

// measuredBookings is the bookings a second of performance/journal.md, by callers.
var measuredBookings = []struct {
	callers int
	rate    float64
}{{1, 1049}, {16, 7680}, {128, 52754}, {512, 143370}}

// measuredRefusals is the time of a refusal of performance/seatmap.md, by processors. All
// of them refuse seats of their own events.
var measuredRefusals = []struct {
	processors int
	ns         float64
}{{1, 4.22}, {2, 4.27}}

// serviceLoop is a generator with so many connections on the same two cores as the
// service. With 64 connections both needed 70.2 µs of a core for a request.
func serviceLoop(connections int) (rate float64, times []int64) {
	return closed(connections, 40_000, time.Microsecond, station{servers: 2, batch: 1},
		func(r *rand.Rand) int64 { return exponential(r, 70_200) })
}

// measuredService is what wrk saw of the whole service; see performance/service.md,
// refusals.
var measuredService = []struct {
	connections int
	rate        float64
	p50, p99    time.Duration
}{
	{64, 28479, 2260 * time.Microsecond, 19500 * time.Microsecond},
	{1000, 32594, 32200 * time.Microsecond, 113 * time.Millisecond},
}
