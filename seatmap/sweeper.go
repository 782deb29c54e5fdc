package seatmap

import (
	"container/heap"
	"sync"
	"time"
)

// sweeper sweeps the events of a Map when something in them has ended: a hold at its
// deadline, a result after KeyMemory, the changes of an event without watchers after
// WatchMemory. It has one timer, which is pending while an event is scheduled, and a
// goroutine only while it sweeps.
//
// An event is scheduled under the lock of its plan, which is taken before the lock of
// the sweeper, if something ends before the time for which the event is scheduled.
// That is rare: holds that are granted later mostly end later.
type sweeper struct {
	clock *Clock
	every int64 // between the beginnings of two sweeps, at least

	mu        sync.Mutex
	queue     sweepQueue
	timer     *time.Timer
	at        int64 // when the timer fires; never while it is stopped
	notBefore int64 // no sweep begins before
	sweeping  bool
	closed    bool
	ended     chan struct{} // closed when closed and not sweeping
}

const (
	sweepStep = 1024      // seats ended under one taking of an event's lock
	sweepMost = 64 * 1024 // seats ended in one sweep
)

func newSweeper(clock *Clock, every time.Duration) *sweeper {
	s := &sweeper{clock: clock, every: int64(every), at: never, ended: make(chan struct{})}
	s.timer = stoppedTimer(s.sweep)
	return s
}

// schedule schedules a sweep of the event for that time, instead of any earlier
// schedule. The sweep comes at most every later. The caller holds the lock of the
// event's plan.
func (s *sweeper) schedule(e *event, at int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	if e.turn.place == 0 {
		heap.Push(&s.queue, &e.turn)
	}
	e.turn.at = at
	heap.Fix(&s.queue, e.turn.place-1)
	s.setTimer()
}

// unschedule cancels the sweep of the event. The caller holds the lock of the event's
// plan.
func (s *sweeper) unschedule(e *event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed && e.turn.place > 0 {
		heap.Remove(&s.queue, e.turn.place-1)
		s.setTimer()
	}
}

// setTimer sets the timer for the event that is scheduled first. While a sweep runs
// it does nothing; the end of the sweep calls it again.
func (s *sweeper) setTimer() {
	if s.sweeping {
		return
	}
	at := int64(never)
	if len(s.queue) > 0 {
		at = max(s.queue[0].at, s.notBefore)
	}
	switch at {
	case s.at:
		return
	case never:
		s.timer.Stop()
	default:
		s.timer.Reset(time.Duration(at - s.clock.now()))
	}
	s.at = at
}

// sweep is the timer's function. It ends at most about sweepMost seats.
func (s *sweeper) sweep() {
	due := s.begin()
	for _, e := range due {
		for left := max(sweepMost/len(due), 1); left > 0; left -= sweepStep {
			if _, more := e.sweep(min(left, sweepStep)); !more {
				break
			}
		}
		e.afterSweep()
	}
	if due != nil {
		s.end()
	}
}

// begin begins a sweep and returns the events that are due; none if there is nothing
// to do.
func (s *sweeper) begin() (due []*event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.sweeping { // the timer was set again after its function had begun
		return nil
	}
	s.at = never
	now := s.clock.now()
	for len(s.queue) > 0 && s.queue[0].at <= now {
		due = append(due, heap.Pop(&s.queue).(*sweepTurn).of)
	}
	if due == nil {
		s.setTimer()
		return nil
	}
	s.sweeping, s.notBefore = true, now+s.every
	return due
}

func (s *sweeper) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweeping = false
	if s.closed {
		close(s.ended)
		return
	}
	s.setTimer()
}

// close ends the sweeper and waits for a sweep that has begun.
func (s *sweeper) close() {
	s.mu.Lock()
	if !s.closed {
		s.closed, s.queue = true, nil
		s.timer.Stop()
		if !s.sweeping {
			close(s.ended)
		}
	}
	s.mu.Unlock()
	<-s.ended
}

// sweepTurn is when an event is to be swept. The lock of the sweeper guards it.
type sweepTurn struct {
	of    *event
	at    int64
	place int // in the queue, from 1; 0 if it is not there
}

// sweepQueue is a heap of turns, the earliest first.
type sweepQueue []*sweepTurn

// Len implements [heap.Interface].
func (a *sweepQueue) Len() int { return len(*a) }

// Less implements [heap.Interface].
func (a *sweepQueue) Less(i, j int) bool { return (*a)[i].at < (*a)[j].at }

// Swap implements [heap.Interface].
func (a *sweepQueue) Swap(i, j int) {
	turns := *a
	turns[i], turns[j] = turns[j], turns[i]
	turns[i].place, turns[j].place = i+1, j+1
}

// Push implements [heap.Interface].
func (a *sweepQueue) Push(x any) {
	t := x.(*sweepTurn)
	*a = append(*a, t)
	t.place = len(*a)
}

// Pop implements [heap.Interface].
func (a *sweepQueue) Pop() any {
	last := len(*a) - 1
	t := (*a)[last]
	(*a)[last] = nil
	*a, t.place = (*a)[:last], 0
	return t
}
