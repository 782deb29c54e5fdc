package pgseat

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/remote"
)

// Requests that change events are collected: while some transactions are on their way, the
// requests that come wait, and go together in the next. So a server commits once for many
// requests, of one event or of many. A request is decided in memory, so that one that is
// refused does not abort the transaction of the others.

const (
	// most is how many requests go in one transaction.
	most = 512
	// lanes is how many transactions are on their way at most. A second one works while the
	// first waits for the disk; more would only make all of them smaller.
	lanes = 2
)

// ask is what a caller asks for.
type ask struct {
	decide      func(st *state, ctx context.Context, q *request)
	event, user string
	print       remote.Print
	part        bool // the seats of a token are named
	listTaken   bool
	any         *seatmap.BlockAnyRequest
	reference   string
	by          doing // an operator, or nobody
	quota       string
	quotas      []string
	named       bool  // a hold or booking is named by a seat, or else by its fence
	fence       int64 // of that hold or booking, or 0
	ttl         int64 // microseconds; 0 if the method has none
	token       seatmap.Token
	record      int64 // of the token; 0 if this store has not made it
}

// request is an ask on its way.
type request struct {
	ask
	shape *shape
	seats []int32
	at    int32  // the seat that names a hold or booking, or noTarget
	wrong error  // what the shape tells, if it is that of the event still
	key   string // hash of the key; empty if none

	phase atomic.Int32 // queued, running or abandoned
	done  chan struct{}

	// The answer.
	err      error
	got      record
	now      int64
	paying   bool // a payment keeps the hold
	replayed bool
	changes  bool // it has changed something, if the transaction is committed
	swept    int  // how many holds that were due the transaction has ended
}

const (
	queued int32 = iota
	running
	abandoned // its caller does not wait any more
)

// errLife is the error of a request whose shape is of a former life of the event.
var errLife = errors.New("pgseat: another life")

// queue is the requests of one event that wait. Store.mu guards it.
type queue struct {
	waiting []*request
	// running says that a transaction is on its way, so that others wait.
	running bool
	// alone says that the event has a transaction of its own next: another client has
	// locked it, or there is too much to do.
	alone bool
}

// group is the requests of one event that go in one transaction.
type group struct {
	id       int64 // of the event
	requests []*request
	st       *state // nil until the event is locked
	again    bool   // nothing was decided: the event is to go alone
}

// submit has a request decided and returns its error.
func (s *Store) submit(ctx context.Context, q *request) error {
	q.done = make(chan struct{})
	if err := s.enqueue(q); err != nil {
		return err
	}
	select {
	case <-q.done:
		return q.err
	case <-ctx.Done():
	}
	if q.phase.Swap(abandoned) == queued {
		return remote.Ended(ctx)
	}
	select {
	case <-q.done: // both at once
		return q.err
	default:
		return fmt.Errorf("%w: %w", seatmap.ErrOutcomeUnknown, remote.Ended(ctx))
	}
}

// enqueue adds a request to the queue of its event, and begins a lane if there are few.
func (s *Store) enqueue(q *request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return seatmap.ErrClosed
	}
	id := q.shape.id
	line := s.queues[id]
	if line == nil {
		line = &queue{}
		s.queues[id] = line
	}
	if line.waiting = append(line.waiting, q); len(line.waiting) > 1 || line.running {
		return nil
	}
	s.ready = append(s.ready, id)
	if s.lanes < lanes {
		s.lanes++
		s.work.Go(s.serve)
	}
	return nil
}

// serve carries out requests until none wait.
func (s *Store) serve() {
	for {
		groups := s.take()
		if groups == nil {
			return
		}
		s.carryOut(groups)
		s.giveBack(groups)
	}
}

// take takes requests for one transaction out of the queues. If there are none, the lane ends.
func (s *Store) take() (groups []*group) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for left := most; len(s.ready) > 0 && left > 0; {
		id := s.ready[0]
		line := s.queues[id]
		alone := line.alone
		n := min(len(line.waiting), left)
		for _, q := range line.waiting[:n] {
			alone = alone || q.any != nil // it reads the whole event
		}
		if alone && groups != nil {
			break
		}
		s.ready = s.ready[1:]
		line.running = true
		groups = append(groups, &group{id: id, requests: line.waiting[:n:n]})
		line.waiting = line.waiting[n:]
		if left -= n; alone {
			break
		}
	}
	if groups == nil {
		s.ready = nil
		s.lanes--
	}
	return groups
}

// giveBack puts the queues of groups, which have been carried out, in line again if requests
// wait.
func (s *Store) giveBack(groups []*group) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range groups {
		line := s.queues[g.id]
		line.running, line.alone = false, g.again
		if g.again {
			line.waiting = append(g.requests, line.waiting...)
		}
		if len(line.waiting) > 0 {
			s.ready = append(s.ready, g.id)
		} else {
			delete(s.queues, g.id)
		}
	}
	for s.lanes < min(lanes, len(s.ready)) { // this lane may take an event that goes alone
		s.lanes++
		s.work.Go(s.serve)
	}
}

// carryOut decides about the requests of groups that are still waited for. Those of groups
// that are to go again are queued as before.
func (s *Store) carryOut(groups []*group) {
	var all []*group
	for _, g := range groups {
		wanted := g.requests[:0:0]
		for _, q := range g.requests {
			if q.phase.CompareAndSwap(queued, running) {
				wanted = append(wanted, q)
			}
		}
		if g.requests = wanted; len(wanted) > 0 {
			all = append(all, g)
		}
	}
	if len(all) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.options.Timeout)
	defer cancel()
	committing, err := s.transact(ctx, all)
	harmed := !committing && len(all) > 1 && errors.Is(err, ErrSchema) // by one of the events
	for _, g := range all {
		if err != nil {
			g.again = harmed || g.again && g.st == nil
		}
		for _, q := range g.requests {
			if g.again {
				if err != nil {
					q.swept = 0
				}
				q.err = nil
				q.phase.CompareAndSwap(running, queued) // or it is abandoned
				continue
			}
			switch {
			case err == nil:
			case committing && q.changes:
				q.err = failure(err, true)
			default: // also a refusal, which may be by what was not committed
				q.err = failure(err, false)
			}
			close(q.done)
		}
	}
}
