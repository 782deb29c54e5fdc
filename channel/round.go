package channel

import (
	"reflect"
	"sync"
	"time"
)

// A Select waits with one select statement of so many cases of a kind, or with
// package reflect, which allocates.
const (
	maxArms   = 8
	maxTimers = 2
)

// round is one Select that waits: its places in the lines.
//
// A case is chosen by the channel on which it is woken. That is a promise only:
// another case may be chosen at the same time. The place of the case that goes
// on is finished, and all others are left. A place that was woken and is left
// passes on what was promised.
type round struct {
	stood []stood
	began time.Time // when the first timer was started
	now   time.Time // what a ticker sent
	done  bool      // a native case was chosen, and is done

	// What park waits for. The k are indexes of stood.
	woken [maxArms]struct {
		c <-chan struct{}
		k int
	}
	timers [maxTimers]struct {
		c <-chan time.Time
		k int
	}
	native int // the index of the last native case
}

// stood is a case that has got in line.
type stood struct {
	way   way
	i     int  // its index among the cases
	place any  // nil if there is none to leave
	fired bool // it was woken

	// What it waits for is one of these.
	woken  <-chan struct{}
	timer  <-chan time.Time
	native native
}

// take takes the place, which is not to be left then.
func (s *stood) take() (place any) {
	place, s.place = s.place, nil
	return place
}

// rounds holds rounds that ended, without any channels.
var rounds = sync.Pool{New: func() any { return new(round) }}

// end leaves all places and makes r free for the next Select.
func (r *round) end() {
	r.leave()
	clear(r.stood)
	*r = round{stood: r.stood[:0]}
	rounds.Put(r)
}

// leave leaves all places. Nothing is done for a nil round.
func (r *round) leave() {
	if r == nil {
		return
	}
	for k := range r.stood {
		if s := &r.stood[k]; s.place != nil {
			s.way.leave(s.take(), s.fired)
		}
	}
}

// stand gets in line for each of the cases, unless one of them is worth trying:
// then it reports false.
func (r *round) stand(cases []Case) bool {
	r.stood = r.stood[:0]
	for i, c := range cases {
		if c.way != nil && !c.way.stand(r, i) {
			return false
		}
	}
	return true
}

// add adds a case that stands in line. It reports true.
func (r *round) add(s stood) bool {
	r.stood = append(r.stood, s)
	return true
}

// choose notes that the native case k was chosen.
func (r *round) choose(k int) int {
	r.done = true
	return k
}

// park waits until a case is woken, and returns its index in stood, or until
// done is closed.
func (r *round) park(done <-chan struct{}) (k int, canceled bool) {
	var woken, timers, natives int
	a, t := &r.woken, &r.timers
	for k := range r.stood {
		switch s := &r.stood[k]; {
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
		return r.stood[r.native].native.park(r, done)
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
	select {
	case <-a[0].c:
		return a[0].k, false
	case <-a[1].c:
		return a[1].k, false
	case <-a[2].c:
		return a[2].k, false
	case <-a[3].c:
		return a[3].k, false
	case <-a[4].c:
		return a[4].k, false
	case <-a[5].c:
		return a[5].k, false
	case <-a[6].c:
		return a[6].k, false
	case <-a[7].c:
		return a[7].k, false
	case r.now = <-t[0].c:
		return t[0].k, false
	case r.now = <-t[1].c:
		return t[1].k, false
	case <-done:
		return -1, true
	}
}

// reflect is park for any number of cases.
func (r *round) reflect(done <-chan struct{}) (k int, canceled bool) {
	cases := make([]reflect.SelectCase, len(r.stood), len(r.stood)+1)
	for k, s := range r.stood {
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
	if k == len(r.stood) {
		return -1, true
	}
	switch s := r.stood[k]; {
	case s.native != nil:
		r.choose(k)
		s.native.chosen(r, v, ok)
	case s.timer != nil:
		r.now, _ = reflect.TypeAssert[time.Time](v)
	}
	return k, false
}
