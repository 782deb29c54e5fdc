package seatmap

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/internal/testkit/interleave"
)

// checkSweeper fails if something in an event is over before the sweeper comes. No
// call and no sweep may be on its way.
func checkSweeper(tb require.TestingT, m *Map) {
	s := m.sweeper
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	require.False(tb, s.sweeping)
	if s.closed {
		require.Empty(tb, s.queue)
		return
	}
	turns, at := 0, int64(never)
	m.events.Range(func(name string, e *event) bool {
		require.LessOrEqual(tb, e.sweepAt, e.next(), name)
		require.Equal(tb, e.sweepAt < never, e.turn.place > 0, name)
		if e.sweepAt < never {
			turns++
			at = min(at, e.sweepAt)
			require.Equal(tb, e.sweepAt, e.turn.at)
			require.Same(tb, &e.turn, s.queue[e.turn.place-1])
		}
		return true
	})
	require.Len(tb, s.queue, turns, "events that are gone do not ask")
	if turns > 0 {
		at = max(at, s.notBefore)
	}
	require.Equal(tb, at, s.at)
}

// unswept returns how many seats are in that state, whether or not it is over.
func (e *event) unswept(state SeatState) int {
	e.plan.mu.Lock()
	defer e.plan.mu.Unlock()
	return e.plan.totals[state]
}

// fullMap returns a map with an event in which one seat is booked, one held until
// then, and one available.
func fullMap(t *testing.T, ttl time.Duration, o MapOptions) *Map {
	t.Helper()
	m := NewMap(o)
	require.NoError(t, errOf(m.Create(t.Context(), CreateRequest{Event: "e", Layout: Layout{Count: 3}})))
	h, err := m.Block(t.Context(), BlockRequest{Event: "e", User: "ann", Key: NewKey("k"), Seats: []string{"1"}, TTL: ttl})
	require.NoError(t, err)
	_, err = m.Book(t.Context(), BookRequest{Token: h.Token})
	require.NoError(t, err)
	_, err = m.Block(t.Context(), BlockRequest{Event: "e", User: "ann", Seats: []string{"2"}, TTL: ttl})
	require.NoError(t, err)
	return m
}

// bubbleGoroutines returns how many goroutines the caller's synctest bubble has.
// Others, such as those of a test before that are about to end, do not count.
func bubbleGoroutines() int {
	all := make([]byte, 1<<20)
	stacks := strings.Split(string(all[:runtime.Stack(all, true)]), "\n\ngoroutine ")
	bubble := regexp.MustCompile(`synctest bubble \d+`).FindString(stacks[0])
	n := 0
	for _, s := range stacks {
		if head, _, _ := strings.Cut(s, "\n"); strings.Contains(head, bubble+"]") {
			n++
		}
	}
	return n
}

func TestAnIdleMapCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := bubbleGoroutines()
		m := fullMap(t, time.Minute, MapOptions{})
		e := m.event("e")
		require.NoError(t, e.plan.refusal(2))
		require.ErrorIs(t, e.plan.refusal(1), ErrTaken) // lets the clock tick
		for _, err := range m.Watch(t.Context(), WatchRequest{Event: "e"}) {
			require.NoError(t, err)
			break // its changes are kept for a while
		}
		require.Equal(t, before, bubbleGoroutines())
		checkSweeper(t, m)
		testkit.Advance(time.Minute)
		require.Equal(t, 2, e.unswept(SeatAvailable), "swept at the deadline")
		testkit.Advance(time.Hour)
		require.Nil(t, e.log.entries, "swept later")
		require.Zero(t, e.keys.queued)
		require.False(t, m.clock.timer.Stop(), "no timer")
		require.False(t, m.sweeper.timer.Stop(), "no timer")
		require.EqualValues(t, int64(never), m.sweeper.at)
		testkit.Advance(100 * 365 * 24 * time.Hour)
		require.Equal(t, before, bubbleGoroutines())
		require.NoError(t, m.Close())
	})
}

func TestAMapSweepsAtTheDeadlineButNotTooOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMap(MapOptions{SweepEvery: time.Second})
		defer func() { require.NoError(t, m.Close()) }()
		var all []*event
		for i := range 20 {
			name := fmt.Sprint(i)
			require.NoError(t, errOf(m.Create(t.Context(), CreateRequest{Event: name, Layout: Layout{Count: 1}})))
			// From the last to the first, so that each is earlier than those before.
			ttl := time.Minute + time.Duration(20-i)*200*time.Millisecond
			_, err := m.Block(t.Context(), BlockRequest{Event: name, User: "ann", Seats: []string{"1"}, TTL: ttl})
			require.NoError(t, err)
			e := m.event(name)
			all = append(all, e)
		}
		free := func() (n int) {
			checkSweeper(t, m)
			for _, e := range all {
				n += e.unswept(SeatAvailable)
			}
			return n
		}
		testkit.Advance(time.Minute + 200*time.Millisecond - 1)
		assert.Zero(t, free())
		for second := range 4 {
			testkit.Advance(1)
			assert.Equal(t, 5*second+1, free(), "the first one at its deadline, others with it")
			testkit.Advance(time.Second - 1)
			assert.Equal(t, 5*second+1, free(), "not before a second is over")
		}
		testkit.Advance(1)
		assert.Equal(t, 20, free())
	})
}

func TestARemovedEventDoesNotWakeTheSweeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := fullMap(t, time.Minute, MapOptions{})
		require.NoError(t, errOf(m.Create(t.Context(), CreateRequest{Event: "other", Layout: Layout{Count: 1}})))
		_, err := m.Block(t.Context(), BlockRequest{Event: "other", User: "ann", Seats: []string{"1"}, TTL: time.Hour})
		require.NoError(t, err)
		require.NoError(t, errOf(m.Remove(t.Context(), RemoveRequest{Event: "e"})))
		checkSweeper(t, m)
		require.Equal(t, m.clock.now()+int64(time.Hour), m.sweeper.at)
		require.NoError(t, errOf(m.Remove(t.Context(), RemoveRequest{Event: "other"})))
		require.False(t, m.sweeper.timer.Stop())
		require.NoError(t, m.Close())
	})
}

func TestCloseWaitsForTheSweep(t *testing.T) {
	m := fullMap(t, time.Hour, MapOptions{})
	e := m.event("e")
	s := m.sweeper
	// until waits for something that the lock of the sweeper guards.
	until := func(is *bool) {
		for done := false; !done; runtime.Gosched() {
			s.mu.Lock()
			done = *is
			s.mu.Unlock()
		}
	}
	e.plan.mu.Lock()
	require.NoError(t, errOf(m.Create(t.Context(), CreateRequest{Event: "later", Layout: Layout{Count: 1}})))
	_, err := m.Block(t.Context(), BlockRequest{Event: "later", User: "ann", Seats: []string{"1"}, TTL: time.Hour})
	require.NoError(t, err)
	s.schedule(e, 1) // it is due, and waits for the lock of the plan
	until(&s.sweeping)
	go func() {
		until(&s.closed)
		e.plan.mu.Unlock()
	}()
	s.close()
	s.mu.Lock()
	require.False(t, s.sweeping)
	require.False(t, s.timer.Stop())
	s.mu.Unlock()
	require.NoError(t, m.Close())
	require.NoError(t, m.Close())
}

// TestSweepersInAllInterleavings has the timer fire at any time.
func TestSweepersInAllInterleavings(t *testing.T) {
	if !interleave.Rewritten() {
		interleave.Rerun(t, "TestSweepersInAllInterleavings", sharing...)
		return
	}
	for _, threads := range []string{"oS", "fSS", "oSr", "fSr", "frS", "fSc"} {
		t.Run(threads, func(t *testing.T) {
			runs := interleave.Explore(t, func() ([]func(), func()) {
				m := NewMap(MapOptions{SweepEvery: 1})
				m.sweeper.timer = stoppedTimer(func() {})
				require.NoError(t, errOf(m.Create(t.Context(), CreateRequest{Event: "e", Layout: Layout{Count: 2}})))
				e := m.event("e")
				hold := func(seat int, until int64) {
					p := e.plan
					p.mu.Lock()
					defer p.mu.Unlock()
					if p.end == nil {
						p.grant(1, until, e.users.open("ann"), []int{seat}, nil)
					}
				}
				far := m.clock.now() + int64(time.Hour)
				do := map[rune]func(){
					'o': func() { hold(0, 1) }, // it is over at once
					'f': func() { hold(1, far) },
					'S': m.sweeper.sweep,
					'r': func() { e.close(ErrUnknownEvent); m.events.Delete("e") },
					'c': func() {
						s := m.sweeper // as close does, but for the wait
						s.mu.Lock()
						defer s.mu.Unlock()
						s.closed, s.queue = true, nil
						s.timer.Stop()
					},
				}
				if strings.Contains(threads, "c") {
					m.sweeper.ended = make(chan struct{})
				}
				var all []func()
				for _, thread := range threads {
					all = append(all, do[thread])
				}
				return all, func() {
					checkSweeper(t, m)
					if strings.ContainsAny(threads, "rc") {
						return
					}
					m.sweeper.sweep()
					if strings.Contains(threads, "o") {
						assert.NotEqual(t, SeatBlocked, SeatState(e.plan.word(0)&stateMask), "swept at the latest now")
					}
					checkSweeper(t, m)
				}
			})
			t.Log(runs, "interleavings")
		})
	}
}

func TestNothingIsOverlookedByTheSweeper(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, round int) {
		m := NewMap(MapOptions{SweepEvery: time.Microsecond})
		testkit.Parallel(4, func(client int) {
			r := rand.New(rand.NewPCG(uint64(round), uint64(client)))
			for range 100 {
				name := fmt.Sprint(r.IntN(3))
				_ = errOf(m.Create(t.Context(), CreateRequest{Event: name, Layout: Layout{Count: 2}}))
				ttl := time.Duration(r.IntN(20_000)) + 1
				h, err := m.Block(t.Context(), BlockRequest{
					Event: name, User: "ann", Key: NewKey(fmt.Sprint(r.IntN(50))), Seats: []string{fmt.Sprint(r.IntN(2) + 1)}, TTL: ttl,
				})
				switch r.IntN(8) {
				case 0:
					_ = errOf(m.Remove(t.Context(), RemoveRequest{Event: name}))
				case 1, 2:
					if err == nil {
						_ = errOf(m.Release(t.Context(), ReleaseRequest{Token: h.Token}))
					}
				}
			}
		})
		for s := m.sweeper; ; runtime.Gosched() { // until what was held is over and swept
			s.mu.Lock()
			over := !s.sweeping && (len(s.queue) == 0 || s.queue[0].at > m.clock.now()+int64(time.Second))
			s.mu.Unlock()
			if over {
				break
			}
		}
		checkSweeper(t, m)
		m.events.Range(func(name string, e *event) bool {
			require.Zero(t, e.unswept(SeatBlocked), name)
			return true
		})
		require.NoError(t, m.Close())
		checkSweeper(t, m)
	})
}
