package channel

import (
	"reflect"
	"sync"
	"time"
)

// How many cases of a kind wait in one select statement. With more, a Select waits
// by package reflect, which allocates.
const (
	maxArms   = 8
	maxTimers = 2
)

// waitSet is the waiting part of one Select: the places of its cases in the queues
// of their channels. The algorithm is that of crossbeam's select: register in all
// queues, block, finish the case that was woken, and unregister all others.
//
// A wake-up gives a case a claim on a message or slot, not the message or slot
// itself, since another case may be woken at the same time. The place of the case
// that goes on is finished. All other places are left, and a place that was woken
// passes its claim on to the next waiter.
type waitSet struct {
	waiting []waitingCase
	began   time.Time // when the first timer was started
	now     time.Time // what a ticker sent
	done    bool      // a native case was chosen, and its function called

	// What park waits for. Each k is an index of waiting.
	woken [maxArms]struct {
		c <-chan struct{}
		k int
	}
	timers [maxTimers]struct {
		c <-chan time.Time
		k int
	}
	native int // the index of the last native case in waiting
}

// waitingCase is a case that waits in a queue, or on a channel.
type waitingCase struct {
	op    operation
	i     int  // the index among the cases
	place any  // in the queue; nil if there is none to leave
	fired bool // the case was woken

	// The case waits for one of these.
	woken  <-chan struct{}
	timer  <-chan time.Time
	native native
}

// take returns the place. leave does not leave it any more.
func (s *waitingCase) take() (place any) {
	place, s.place = s.place, nil
	return place
}

// waitSets holds wait sets that are not in use.
var waitSets = sync.Pool{New: func() any { return new(waitSet) }}

// end leaves all places and puts r into waitSets.
func (r *waitSet) end() {
	r.leave()
	clear(r.waiting)
	*r = waitSet{waiting: r.waiting[:0]}
	waitSets.Put(r)
}

// leave leaves all places. r may be nil.
func (r *waitSet) leave() {
	if r == nil {
		return
	}
	for k := range r.waiting {
		if s := &r.waiting[k]; s.place != nil {
			s.op.leave(s.take(), s.fired)
		}
	}
}

// join lets each of the cases join its queue. It reports false as soon as a case is
// worth trying instead.
func (r *waitSet) join(cases []Case) bool {
	r.waiting = r.waiting[:0]
	for i, c := range cases {
		if c.op != nil && !c.op.join(r, i) {
			return false
		}
	}
	return true
}

// add adds a case that waits. It reports true.
func (r *waitSet) add(s waitingCase) bool {
	r.waiting = append(r.waiting, s)
	return true
}

// tryBefore does the first of the cases before waiting[k] that can go on now, and returns
// its index among the cases, or -1. A message or slot may be promised to such a case
// already: then it was woken too, and nobody else can take it, try neither.
func (r *waitSet) tryBefore(k int) int {
	for before := range k {
		s := &r.waiting[before]
		select {
		case <-s.woken:
			s.fired = true
			if s.op.finish(r, s) {
				return s.i
			}
			s.fired = false
		default:
			if s.op.try(r) {
				return s.i
			}
		}
	}
	return -1
}

// park blocks until a case is woken, and returns the index of the case in waiting, or
// until done is closed.
func (r *waitSet) park(done <-chan struct{}) (k int, canceled bool) {
	var woken, timers, natives int
	a, t := &r.woken, &r.timers
	for k := range r.waiting {
		switch s := &r.waiting[k]; {
		case s.native != nil:
			r.native = k
			natives++
		case s.timer != nil:
			if timers < maxTimers {
				t[timers].c, t[timers].k = s.timer, k
			}
			timers++
		default:
			if woken < maxArms {
				a[woken].c, a[woken].k = s.woken, k
			}
			woken++
		}
	}
	switch {
	case natives > 1 || woken > maxArms || timers > maxTimers:
		return r.reflect(done)
	case natives == 1:
		k, canceled = r.waiting[r.native].native.park(r, done)
		r.done = k == r.native
		return k, canceled
	case woken <= 2 && timers == 0:
		select {
		case <-a[0].c:
			return a[0].k, false
		case <-a[1].c:
			return a[1].k, false
		case <-done:
			return -1, true
		}
	}
	k, _, _ = parkBeside[struct{}](r, done, nil, nil, struct{}{})
	return k, k < 0
}

// parkBeside is park for up to maxArms woken channels and maxTimers timers, beside a
// receive from recv or a send of v to send. A nil channel is never ready. It returns
// -1 if done was closed, and what was received if the result is r.native.
func parkBeside[T any](r *waitSet, done <-chan struct{}, recv <-chan T, send chan<- T, v T) (k int, got T, ok bool) {
	a, t := &r.woken, &r.timers
	select {
	case got, ok = <-recv:
		k = r.native
	case send <- v:
		k = r.native
	case <-a[0].c:
		k = a[0].k
	case <-a[1].c:
		k = a[1].k
	case <-a[2].c:
		k = a[2].k
	case <-a[3].c:
		k = a[3].k
	case <-a[4].c:
		k = a[4].k
	case <-a[5].c:
		k = a[5].k
	case <-a[6].c:
		k = a[6].k
	case <-a[7].c:
		k = a[7].k
	case r.now = <-t[0].c:
		k = t[0].k
	case r.now = <-t[1].c:
		k = t[1].k
	case <-done:
		k = -1
	}
	return k, got, ok
}

// reflect is park for any number of cases.
func (r *waitSet) reflect(done <-chan struct{}) (k int, canceled bool) {
	cases := make([]reflect.SelectCase, len(r.waiting), len(r.waiting)+1)
	for k, s := range r.waiting {
		switch {
		case s.native != nil:
			cases[k] = s.native.reflected()
		case s.timer != nil:
			cases[k] = reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(s.timer)}
		default:
			cases[k] = reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(s.woken)}
		}
	}
	cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(done)})
	k, v, ok := reflect.Select(cases)
	if k == len(r.waiting) {
		return -1, true
	}
	switch s := r.waiting[k]; {
	case s.native != nil:
		r.done = true
		s.native.chosen(r, v, ok)
	case s.timer != nil:
		r.now, _ = reflect.TypeAssert[time.Time](v)
	}
	return k, false
}
