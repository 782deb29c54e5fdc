package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// scenario is a service in front of a store, and the requests that it gets. Each request
// tries to block one seat.
type scenario struct {
	seed     uint64
	requests int
	rate     float64 // of a Poisson stream, a second
	store    *store
	replicas int // of the service
	cores    int // of a replica
	shards   int // of the store; each replica is one if the store is local
	events   int
	skew     float64 // of the events' shares, see zipf
	placed   bool    // events are at the shard with the least load, and not at a random one
	parts    int     // of an event, each with a share of its seats, as events of their own; 0 means 1

	// seats is how many each event has. If it is 0, an event is never sold out, and grants
	// is the probability that a request gets a seat.
	seats  int
	grants float64

	gate  time.Duration // how late the replicas know that an event is sold out; 0 if they never do
	room  float64       // how many visitors a waiting room admits, a second; 0 if there is none
	warm  int           // requests at the start that are not counted
	watch watchers
}

// watchers is clients that see the changes of the events.
type watchers struct {
	clients int           // of all replicas
	every   time.Duration // a client gets all changes of that time at once; 0 if each by itself
}

// outcome is what became of the requests.
type outcome struct {
	latencies []int64 // from the admission to the answer, in ns, sorted
	waits     []int64 // in the waiting room, in ns, sorted
	granted   int
	refused   int     // by the store
	stopped   int     // refused by the gate
	service   float64 // the share of the replicas' cores that was busy
	busiest   float64 // the share of time that the busiest shard, or row, was busy
	lastGrant int64   // when the last seat was granted, in ns
	end       int64   // of the last answer, in ns
	most      int     // the most requests that were inside at a time
}

// quantile returns the q-quantile of sorted times.
func quantile(sorted []int64, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	at := int(math.Ceil(q*float64(len(sorted)))) - 1
	return time.Duration(sorted[max(at, 0)])
}

// pollEvery is how often the page of a visitor in the waiting room asks.
const pollEvery = 5 * time.Second

// atOnce is how many clients get a change before the replica turns to other work.
const atOnce = 50

// simulation is a running scenario.
type simulation struct {
	scenario
	loop
	popular                  *zipf
	arrivals, choices, costs *rand.Rand // independent, so that scenarios can be compared
	replica, shard           []*station
	row                      []*station // of each part of an event
	at                       []int      // the shard of each part of an event
	left                     []int      // the seats of each part of an event that nobody tried for in time
	held                     []int      // the seats of each part of an event whose grant was answered
	closed                   []bool     // whether the gate of a part is
	visits                   []visit
	room                     []int // who waits, in order
	nextTurn                 int64
	changed                  bool // since the last delivery
	inside, answered         int
	out                      outcome
}

// visit is one request.
type visit struct {
	part, replica int
	arrived       int64
	entered       int64 // -1 while it waits
	granted       bool
}

// simulate returns what becomes of the requests of a scenario.
func simulate(sc scenario) outcome {
	sc.parts = max(sc.parts, 1)
	if sc.store.local {
		sc.shards = sc.replicas
	}
	s := &simulation{
		scenario: sc,
		popular:  newZipf(sc.events, sc.skew),
		arrivals: rand.New(rand.NewPCG(sc.seed, 1)),
		choices:  rand.New(rand.NewPCG(sc.seed, 2)),
		costs:    rand.New(rand.NewPCG(sc.seed, 3)),
		visits:   make([]visit, sc.requests),
	}
	for range sc.replicas {
		s.replica = append(s.replica, newStation(&s.loop, sc.cores, 1, 0))
	}
	for range sc.shards {
		s.shard = append(s.shard, newStation(&s.loop, 1, sc.store.batch, int64(sc.store.fixed.value)))
	}
	parts := sc.events * sc.parts
	s.left = slices.Repeat([]int{sc.seats / sc.parts}, parts)
	s.closed, s.held, s.row = make([]bool, parts), make([]int, parts), make([]*station, parts)
	shares := make([]float64, parts)
	for part := range shares {
		shares[part] = s.popular.share(part / sc.parts)
	}
	s.at = place(shares, sc.shards, sc.placed, s.choices)
	s.loop.at(0, s.arrive, 0)
	if sc.watch.every > 0 {
		s.loop.at(int64(sc.watch.every), s.deliver, 0)
	}
	s.run()
	return s.result()
}

// arrive lets request id come, and plans the next.
func (s *simulation) arrive(id int) {
	v := &s.visits[id]
	*v = visit{part: s.popular.draw(s.choices)*s.parts + s.choices.IntN(s.parts), arrived: s.now, entered: -1}
	if id+1 < s.requests {
		s.loop.at(s.now+exponential(s.arrivals, 1e9/s.rate), s.arrive, id+1)
	}
	if s.scenario.room == 0 || s.closed[v.part] {
		s.enter(id)
		return
	}
	s.nextTurn = max(s.nextTurn, s.now)
	s.loop.at(s.nextTurn, s.enter, id)
	s.nextTurn += int64(1e9 / s.scenario.room)
	s.room = append(s.room, id)
}

// enter brings a request to a replica, unless it has been there.
func (s *simulation) enter(id int) {
	v := &s.visits[id]
	if v.entered >= 0 {
		return
	}
	v.entered = s.now
	s.inside++
	s.out.most = max(s.out.most, s.inside)
	v.replica = s.choices.IntN(s.replicas)
	if s.store.local {
		v.replica = s.at[v.part]
	}
	s.replica[v.replica].arrive(job{exponential(s.costs, float64(httpRequest.value)), s.serve, id})
}

// serve is what a replica does with a request that it has read.
func (s *simulation) serve(id int) {
	switch v := &s.visits[id]; {
	case s.closed[v.part]:
		s.out.stopped++
		s.answer(id)
	case s.store.local:
		s.decide(id)
	default:
		s.loop.at(s.now+int64(network.value), s.decide, id)
	}
}

// decide lets the shard of the event grant or refuse.
func (s *simulation) decide(id int) {
	v := &s.visits[id]
	if s.seats > 0 {
		v.granted = s.left[v.part] > 0
	} else {
		v.granted = s.choices.Float64() < s.grants
	}
	shard := s.shard[s.at[v.part]]
	switch {
	case !v.granted && s.store.local: // a refusal takes no lock and waits for no disk
		s.out.refused++
		s.answer(id)
	case !v.granted:
		s.out.refused++
		shard.arrive(job{int64(s.store.refuse.value), s.reply, id})
	default:
		s.left[v.part]--
		s.out.granted++
		cost := int64(s.store.block.value)
		if s.watch.clients > 0 {
			cost += int64(s.replicas) * int64(s.store.watch.value)
		}
		shard.arrive(job{cost, s.lock, id})
	}
}

// lock keeps the event's row, if the store has one, until the grant is done.
func (s *simulation) lock(id int) {
	if s.store.row.value == 0 {
		s.reply(id)
		return
	}
	part := s.visits[id].part
	if s.row[part] == nil {
		s.row[part] = newStation(&s.loop, 1, 1, 0)
	}
	s.row[part].arrive(job{int64(s.store.row.value), s.reply, id})
}

// reply brings the store's answer back to the replica.
func (s *simulation) reply(id int) {
	v := &s.visits[id]
	if v.granted {
		s.out.lastGrant = s.now
		s.changed = true
		s.held[v.part]++
		if s.watch.clients > 0 && s.watch.every == 0 {
			s.push()
		}
		if s.gate > 0 && s.held[v.part] == s.seats/s.parts {
			s.loop.at(s.now+int64(s.gate), s.close, v.part)
		}
	}
	if s.store.local {
		s.answer(id)
	} else {
		s.loop.at(s.now+int64(network.value), s.answer, id)
	}
}

// close shuts the gate of a part of an event. Who waits for it is told with the next poll.
func (s *simulation) close(part int) {
	s.closed[part] = true
	for _, id := range s.room {
		if v := &s.visits[id]; v.part == part && v.entered < 0 {
			s.loop.at(s.now+s.arrivals.Int64N(int64(pollEvery)), s.enter, id)
		}
	}
}

// answer ends a request.
func (s *simulation) answer(id int) {
	v := &s.visits[id]
	s.inside--
	s.answered++
	s.out.end = s.now
	if id >= s.warm {
		s.out.latencies = append(s.out.latencies, s.now-v.entered)
		s.out.waits = append(s.out.waits, v.entered-v.arrived)
	}
}

// deliver brings what has changed to all clients, and plans the next delivery.
func (s *simulation) deliver(int) {
	if s.changed {
		s.changed = false
		s.push()
	}
	if s.answered < s.requests {
		s.loop.at(s.now+int64(s.watch.every), s.deliver, 0)
	}
}

// push makes each replica write to its clients.
func (s *simulation) push() {
	for i, r := range s.replica {
		for n := s.watch.clients*(i+1)/s.replicas - s.watch.clients*i/s.replicas; n > 0; n -= atOnce {
			r.arrive(job{int64(min(n, atOnce)) * int64(delivery.value), func(int) {}, 0})
		}
	}
}

func (s *simulation) result() outcome {
	var worked, most int64
	for _, r := range s.replica {
		worked += r.worked
	}
	for _, list := range [][]*station{s.shard, s.row} {
		for _, one := range list {
			if one != nil {
				most = max(most, one.worked)
			}
		}
	}
	s.out.service = float64(worked) / float64(s.replicas*s.cores) / float64(s.now)
	s.out.busiest = float64(most) / float64(s.now)
	slices.Sort(s.out.latencies)
	slices.Sort(s.out.waits)
	return s.out
}
