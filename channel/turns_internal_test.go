package channel

import (
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
)

// told is a receiver of which the test says what is available.
type told struct {
	h     hub
	t     turns
	n     atomic.Int64
	ended bool
	looks []int // what the next looks find instead of n
}

func (r *told) hub() *hub       { return &r.h }
func (r *told) turnsOf() *turns { return &r.t }

func (r *told) available() (n int, ended bool) {
	if len(r.looks) > 0 {
		n, r.looks = r.looks[0], r.looks[1:]
		return n, r.ended
	}
	return int(r.n.Load()), r.ended
}

// line returns a told receiver and its line, in which calls with these turns wait.
func line(order ...turn) (*told, *turnLine) {
	r := new(told)
	l := r.t.makeLine(r)
	l.order = order
	return r, l
}

// opens reports whether f opens the gate of r.
func opens(r *told, f func()) bool {
	opened, _ := r.h.gate.Wait()
	f()
	return isOpen(opened)
}

func TestACallJoinsTheOrderAnywhere(t *testing.T) {
	const rounds = 300 // a place is missed in all of them with a probability of 10^-52
	at := map[int]bool{}
	for range rounds {
		_, l := line(1, 2)
		l.insert(3)
		require.ElementsMatch(t, []turn{1, 2, 3}, l.order)
		for i, id := range l.order {
			if id == 3 {
				at[i] = true
			}
		}
	}
	assert.Len(t, at, 3)
}

func TestTheFirstOfTheOrderMayGoOn(t *testing.T) {
	for _, c := range []struct {
		n, setAside int
		ended       bool
		want        [3]bool // of each call in order
	}{
		{},
		{n: 1, want: [3]bool{true}},
		{n: 2, want: [3]bool{true, true}},
		{n: 2, setAside: 1, want: [3]bool{true}},
		{n: 1, setAside: 1},
		{n: 5, want: [3]bool{true, true, true}},
		{ended: true, want: [3]bool{true, true, true}},
		{n: 1, ended: true, want: [3]bool{true, true, true}},
	} {
		r, l := line(7, 8, 9)
		r.n.Store(int64(c.n))
		r.ended, l.setAside = c.ended, c.setAside
		for i, id := range []turn{7, 8, 9} {
			assert.Equal(t, c.want[i], r.t.may(r, id), "%+v, call %d", c, i)
		}
	}
}

// A call that leaves wakes the others if there are some, and something for them.
func TestACallThatLeavesWakesTheNext(t *testing.T) {
	for _, c := range []struct {
		others []turn
		ready  bool // a goroutine waits for Ready
		n      int
		want   bool
	}{
		{n: 1},
		{others: []turn{8}},
		{others: []turn{8}, n: 1, want: true},
		{others: []turn{8, 9}, n: 1, want: true},
		{ready: true, n: 1, want: true},
		{ready: true},
	} {
		r, l := line(append([]turn{7}, c.others...)...)
		if c.ready {
			l.joinReady()
		}
		r.n.Store(int64(c.n))
		assert.Equal(t, c.want, opens(r, func() { r.t.leave(r, 7) }), "%+v", c)
		assert.Equal(t, c.others, append([]turn(nil), l.order...))
	}
}

// What was set aside is free again when Ready is called anew, and the others hear of it.
func TestReadyFreesWhatWasSetAside(t *testing.T) {
	for setAside := range 3 {
		r, l := line(7)
		l.setAside = setAside
		var ready <-chan struct{}
		assert.Equal(t, setAside > 0, opens(r, func() { ready = r.t.ready(r) }))
		assert.Zero(t, l.setAside)
		assert.False(t, isOpen(ready))
		assert.Equal(t, ready, r.t.ready(r), "a place for all")
		assert.Len(t, l.ready, 1)
	}
}

// A message that comes while Ready joins the line opens it.
func TestReadyLooksAgainWhenItHasJoined(t *testing.T) {
	r, l := line()
	r.looks = []int{0, 1}
	assert.True(t, isOpen(r.t.ready(r)))
	assert.Empty(t, l.ready)
	assert.Nil(t, l.place.opened)
	assert.False(t, isOpen(r.t.ready(r)), "the lock is free")
}

// Those that wait for Ready are woken if there is more than the others take, and else in
// their share.
func TestReadyIsOfferedItsShare(t *testing.T) {
	for _, c := range []struct {
		others, n, setAside int
		ended               bool
		low, high           int // times of 1,000, six standard deviations around the share
	}{
		{others: 0, n: 0},
		{others: 0, n: 1, low: 1000, high: 1000},
		{others: 1, n: 2, low: 1000, high: 1000},
		{others: 1, n: 2, setAside: 2},
		{others: 1, n: 0},
		{others: 1, n: 1, low: 405, high: 595},
		{others: 3, n: 1, low: 168, high: 332},
		{others: 3, n: 2, setAside: 1, low: 168, high: 332},
		{others: 3, ended: true, low: 1000, high: 1000},
	} {
		times := 0
		for range 1000 {
			r, l := line([]turn{7, 8, 9}[:c.others]...)
			r.n.Store(int64(c.n))
			r.ended = c.ended
			opened, _ := l.joinReady()
			l.setAside = c.setAside
			l.offer()
			if isOpen(opened) {
				times++
				require.Nil(t, l.place.opened)
				require.Empty(t, l.ready)
			}
			require.Equal(t, c.setAside, l.setAside, "nobody was blocked")
		}
		assert.GreaterOrEqual(t, times, c.low, "%+v", c)
		assert.LessOrEqual(t, times, c.high, "%+v", c)
	}
}

// A message is set aside for a goroutine that was blocked in Ready, if others wait too,
// until readyGrace after the last such wake-up, and then offered to the others.
func TestWhatIsSetAsideIsFreeAfterTheGrace(t *testing.T) {
	for others := range 2 {
		synctest.Test(t, func(t *testing.T) {
			r, l := line([]turn{7}[:others]...)
			setAside := func() int {
				l.mu.Lock()
				defer l.mu.Unlock()
				return l.setAside
			}
			setOneAside := func() {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.setOneAside()
			}
			wake := func() {
				opened, _ := l.joinReady()
				go func() { <-opened }()
				synctest.Wait()
				kept := setAside()
				r.n.Store(10)
				l.offer()
				synctest.Wait()
				require.True(t, isOpen(opened))
				require.Equal(t, kept+others, setAside())
			}
			wake()
			if others == 0 {
				return
			}
			opened, _ := r.h.gate.Wait()
			testkit.Advance(readyGrace / 2)
			setOneAside()
			require.Equal(t, 2, setAside())
			testkit.Advance(readyGrace - 1)
			require.Equal(t, 2, setAside(), "the grace began anew")
			require.False(t, isOpen(opened))
			testkit.Advance(1)
			require.Zero(t, setAside())
			require.True(t, isOpen(opened))
			r.n.Store(0)
			setOneAside()
			require.False(t, opens(r, func() { testkit.Advance(readyGrace) }), "there is nothing")
			require.Zero(t, setAside())
		})
	}
}

// A Try takes one message of those that were set aside, and wakes the others if there is
// more.
func TestATryTakesWhatWasSetAside(t *testing.T) {
	for setAside := range 3 {
		for n := range 2 {
			r, l := line(7)
			r.n.Store(int64(n))
			l.setAside = setAside
			assert.Equal(t, setAside > 0 && n > 0, opens(r, func() { r.t.tried(r) }), "%d, %d", setAside, n)
			assert.Equal(t, max(setAside-1, 0), l.setAside)
		}
	}
	r := new(told)
	r.n.Store(1)
	assert.False(t, opens(r, func() { r.t.tried(r) }), "without a line")
}
