package seatmap_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
)

// watch begins to watch, in its own time.
func watch(t *testing.T, m *seatmap.Map, from seatmap.Cursor) (next func() (seatmap.Change, error, bool), stop func()) {
	t.Helper()
	next, stop = iter.Pull2(m.Watch(context.Background(), seatmap.WatchRequest{Event: event, From: from}))
	t.Cleanup(stop)
	return next, stop
}

// get returns the next change.
func get(t *testing.T, next func() (seatmap.Change, error, bool)) seatmap.Change {
	t.Helper()
	c, err, ok := next()
	require.NoError(t, err)
	require.True(t, ok)
	return c
}

func TestWatchTellsEveryChangeInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newEvent(t, 4, seatmap.Limits{}, seatmap.MapOptions{Manual: true})
		next, _ := watch(t, m, seatmap.Cursor{})
		first := get(t, next)
		assert.Equal(t, seatmap.ChangeSnapshot, first.Kind)
		assert.Len(t, first.Snapshot, 4)
		start := time.Now()

		h := block(t, m, "ann", "1", "2", "3")
		_, err := extend(m, h.Token, 2*hold)
		require.NoError(t, err)
		b, err := book(m, h.Token, "2")
		require.NoError(t, err)
		require.NoError(t, release(m, h.Token, "1"))
		testkit.Advance(2 * hold)
		n, err := m.Sweep(context.Background())
		require.NoError(t, err)
		assert.Equal(t, 1, n)
		require.NoError(t, cancel(m, b.Token))

		for i, want := range []seatmap.Change{
			{Kind: seatmap.ChangeBlocked, Seats: []string{"1", "2", "3"}, At: start, Until: start.Add(hold), Fence: 1},
			{Kind: seatmap.ChangeExtended, Seats: []string{"1", "2", "3"}, At: start, Until: start.Add(2 * hold), Fence: 1},
			{Kind: seatmap.ChangeBooked, Seats: []string{"2"}, At: start, Fence: 2, FromFence: 1},
			{Kind: seatmap.ChangeReleased, Seats: []string{"1"}, At: start, Until: start.Add(2 * hold), Fence: 1},
			{Kind: seatmap.ChangeExpired, Seats: []string{"3"}, At: start.Add(2 * hold), Until: start.Add(2 * hold), Fence: 1},
			{Kind: seatmap.ChangeCanceled, Seats: []string{"2"}, At: start, Fence: 2},
		} {
			got := get(t, next)
			want.Event, want.User, want.Revision = event, "ann", uint64(i+1)
			want.Cursor = seatmap.NewCursor(first.Cursor.Life(), want.Revision)
			want.Previous = seatmap.NewCursor(first.Cursor.Life(), want.Revision-1)
			created := uint64(start.UnixMicro())
			if want.Fence += created; want.FromFence > 0 {
				want.FromFence += created
			}
			assert.Equal(t, want.At.UnixNano(), got.At.UnixNano(), want.Kind)
			assert.Equal(t, want.Until.IsZero(), got.Until.IsZero(), want.Kind)
			assert.Equal(t, want.Until.UnixNano(), got.Until.UnixNano(), want.Kind)
			got.At, got.Until = want.At, want.Until
			assert.Equal(t, want, got)
		}
	})
}

// cursorOf returns the cursor of a moment without a change.
func cursorOf(t *testing.T, m *seatmap.Map) seatmap.Cursor {
	t.Helper()
	s, err := m.Seats(t.Context(), seatmap.SeatsRequest{Event: event})
	require.NoError(t, err)
	return s.Cursor
}

func TestWatchGoesOnFromACursor(t *testing.T) {
	m := newEvent(t, 3, seatmap.Limits{}, seatmap.MapOptions{Ring: 4})
	next, stop := watch(t, m, cursorOf(t, m))
	// The watch begins with the first element.
	first := make(chan seatmap.Change, 1)
	go func() {
		c, _, _ := next()
		first <- c
	}()
	require.Eventually(t, func() bool { return seatmap.Watchers(m, event) == 1 }, time.Minute, time.Millisecond)
	block(t, m, "ann", "1")
	c := <-first
	assert.Equal(t, seatmap.ChangeBlocked, c.Kind)
	assert.EqualValues(t, 1, c.Revision)
	stop()
	block(t, m, "bob", "2")
	late, _ := watch(t, m, c.Cursor)
	assert.Equal(t, "bob", get(t, late).User)

	future, _ := watch(t, m, seatmap.NewCursor(c.Cursor.Life(), 3))
	c = get(t, future)
	assert.Equal(t, seatmap.ChangeGap, c.Kind, "a revision that there is not yet")
	assert.EqualValues(t, 2, c.Revision)
	assert.Equal(t, seatmap.ChangeSnapshot, get(t, future).Kind)
}

func TestALateOrSlowWatcherGetsAGapAndASnapshot(t *testing.T) {
	m := newEvent(t, 9, seatmap.Limits{}, seatmap.MapOptions{Ring: 4})
	block(t, m, "ann", "9")
	s, err := m.Seats(t.Context(), seatmap.SeatsRequest{Event: event})
	require.NoError(t, err)
	next, _ := watch(t, m, seatmap.NewCursor(s.Cursor.Life(), 0)) // its change was before the first Watch
	assert.Equal(t, seatmap.ChangeGap, get(t, next).Kind)
	snapshot := get(t, next)
	assert.Equal(t, seatmap.ChangeSnapshot, snapshot.Kind)
	assert.EqualValues(t, 1, snapshot.Revision)

	for i := range 4 {
		block(t, m, "bob", fmt.Sprint(i+1))
	}
	assert.EqualValues(t, 2, get(t, next).Revision, "four fit")
	for i := range 4 { // the watcher has not taken 3, 4 and 5 out of its batch yet
		block(t, m, "carl", fmt.Sprint(i+5))
	}
	for r := range 3 {
		assert.EqualValues(t, r+3, get(t, next).Revision)
	}
	assert.EqualValues(t, 6, get(t, next).Revision)
}

func TestGapsNeverHideAChange(t *testing.T) {
	m := newEvent(t, 1, seatmap.Limits{}, seatmap.MapOptions{Ring: 8})
	next, _ := watch(t, m, seatmap.Cursor{})
	get(t, next)
	var revision uint64
	gaps := 0
	for round := range 200 {
		for range round % 23 {
			h := block(t, m, "ann", "1")
			require.NoError(t, release(m, h.Token))
		}
		for end := revisionOf(t, m); revision < end; {
			c := get(t, next)
			switch c.Kind {
			case seatmap.ChangeGap:
				gaps++
				require.Greater(t, c.Revision, revision)
			case seatmap.ChangeSnapshot:
				require.GreaterOrEqual(t, c.Revision, revision)
				revision = c.Revision
				require.Equal(t, seatmap.SeatAvailable, c.Snapshot[0].State)
			default:
				require.Equal(t, revision+1, c.Revision)
				revision = c.Revision
			}
		}
	}
	assert.Positive(t, gaps)
}

func revisionOf(t *testing.T, m *seatmap.Map) uint64 {
	t.Helper()
	s, err := m.Seats(t.Context(), seatmap.SeatsRequest{Event: event})
	require.NoError(t, err)
	return s.Revision
}

func TestWatchEndsWithTheReason(t *testing.T) {
	cause := errors.New("enough")
	for name, c := range map[string]struct {
		end  func(m *seatmap.Map, cancel context.CancelCauseFunc)
		want error
	}{
		"canceled": {func(_ *seatmap.Map, cancel context.CancelCauseFunc) { cancel(cause) }, cause},
		"removed": {func(m *seatmap.Map, _ context.CancelCauseFunc) {
			_ = errOf(m.Remove(context.Background(), seatmap.RemoveRequest{Event: event}))
		}, seatmap.ErrUnknownEvent},
		"closed": {func(m *seatmap.Map, _ context.CancelCauseFunc) { _ = m.Close() }, seatmap.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newEvent(t, 1, seatmap.Limits{}, seatmap.MapOptions{})
				ctx, cancel := context.WithCancelCause(context.Background())
				defer cancel(nil)
				const watchers = 10
				ends := make(chan error, watchers)
				for range watchers {
					go func() {
						for _, err := range m.Watch(ctx, seatmap.WatchRequest{Event: event}) {
							if err != nil {
								ends <- err
							}
						}
					}()
				}
				synctest.Wait()
				c.end(m, cancel)
				for range watchers {
					require.ErrorIs(t, <-ends, c.want)
				}
			})
		})
	}
}

func TestOfTwoReasonsAWatchEndsWithTheFirstInPrecedence(t *testing.T) {
	cause := errors.New("enough")
	for want, end := range map[error]func(m *seatmap.Map) error{cause: remove, seatmap.ErrClosed: (*seatmap.Map).Close} {
		m := newEvent(t, 1, seatmap.Limits{}, seatmap.MapOptions{})
		ctx, cancel := context.WithCancelCause(context.Background())
		next, stop := iter.Pull2(m.Watch(ctx, seatmap.WatchRequest{Event: event}))
		defer stop()
		get(t, next)
		cancel(cause)
		require.NoError(t, end(m))
		_, err, _ := next()
		require.ErrorIs(t, err, want)
	}
}

func TestEveryParkedWatcherIsWokenEvenIfOneIsCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newEvent(t, 200, seatmap.Limits{}, seatmap.MapOptions{Manual: true})
		const watchers, changes = 50, 100
		seen := make(chan int, watchers)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		for i := range watchers {
			mine, stop := context.WithCancel(ctx)
			go func() {
				defer stop()
				n := 0
				for c, err := range m.Watch(mine, seatmap.WatchRequest{Event: event}) {
					if err != nil || c.Kind != seatmap.ChangeBlocked {
						continue
					}
					if n++; n == changes || i%2 == 0 && n == i {
						stop() // half of them leave on the way
					}
				}
				seen <- n
			}()
		}
		for i := range changes {
			synctest.Wait() // all are parked, or have left
			block(t, m, "ann", fmt.Sprint(i+1))
		}
		total := 0
		for range watchers {
			total += min(<-seen, changes)
		}
		assert.GreaterOrEqual(t, total, watchers/2*changes)
	})
}

func TestASnapshotNeverShowsPartOfAHold(t *testing.T) {
	m := newEvent(t, 3000, seatmap.Limits{}, seatmap.MapOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	// Each hold is three seats far apart, in three chunks.
	stopped := make(chan struct{})
	for w := range 2 {
		go func() {
			defer func() { stopped <- struct{}{} }()
			for i := 0; ctx.Err() == nil; i++ {
				seat := (i*2+w)%1000 + 1
				h, err := tryBlock(m, "ann", fmt.Sprint(seat), fmt.Sprint(seat+1000), fmt.Sprint(seat+2000))
				if err == nil && i%3 == 0 {
					_, err = book(m, h.Token)
				} else if err == nil {
					err = release(m, h.Token)
				}
				if err != nil && !errors.Is(err, seatmap.ErrTaken) {
					t.Error(err)
				}
			}
		}()
	}
	for end := time.Now().Add(testkit.StressTime(t)); time.Now().Before(end); {
		s, err := m.Seats(t.Context(), seatmap.SeatsRequest{Event: event})
		require.NoError(t, err)
		for i := range 1000 {
			a, b, c := s.Seats[i], s.Seats[i+1000], s.Seats[i+2000]
			require.Equal(t, [2]any{a.State, a.Fence}, [2]any{b.State, b.Fence}, "seat %d", i)
			require.Equal(t, [2]any{a.State, a.Fence}, [2]any{c.State, c.Fence}, "seat %d", i)
		}
	}
	cancel()
	<-stopped
	<-stopped
}

func TestAWatcherMissesNoChangeOnItsWayToSleep(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, _ int) {
		m := newEvent(t, 1, seatmap.Limits{}, seatmap.MapOptions{Manual: true})
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		seen := make(chan error, 1)
		go func() {
			defer close(seen)
			for _, err := range m.Watch(ctx, seatmap.WatchRequest{Event: event}) {
				seen <- err
			}
		}()
		require.NoError(t, <-seen)
		for range 1000 {
			h := block(t, m, "ann", "1")
			require.NoError(t, <-seen, "of the grant")
			require.NoError(t, release(m, h.Token))
			require.NoError(t, <-seen, "of its end")
		}
		stop()
		for range seen { // until it is gone
		}
	})
}

func TestWatchTellsWhatWasDoneBeforeTheEnd(t *testing.T) {
	for want, end := range map[error]func(m *seatmap.Map) error{
		seatmap.ErrUnknownEvent: remove, seatmap.ErrClosed: (*seatmap.Map).Close,
	} {
		m := newEvent(t, 9, seatmap.Limits{}, seatmap.MapOptions{Ring: 4})
		next, _ := watch(t, m, seatmap.Cursor{})
		slow, _ := watch(t, m, seatmap.Cursor{})
		get(t, next)
		get(t, slow)
		block(t, m, "ann", "1")
		assert.EqualValues(t, 1, get(t, next).Revision)
		block(t, m, "bob", "2")
		for i := range 3 {
			block(t, m, "carl", fmt.Sprint(i+3))
		}
		require.NoError(t, end(m))
		for r := range 4 {
			assert.EqualValues(t, r+2, get(t, next).Revision)
		}
		_, err, _ := next()
		require.ErrorIs(t, err, want)
		assert.Equal(t, seatmap.ChangeGap, get(t, slow).Kind)
		last := get(t, slow)
		assert.EqualValues(t, 5, last.Revision)
		assert.Equal(t, seatmap.SeatBlocked, last.Snapshot[4].State)
		_, err, _ = slow()
		require.ErrorIs(t, err, want)
	}
}

func TestACursorOfAnotherLifeIsAGapAndRevisionsNeverRepeat(t *testing.T) {
	m := newEvent(t, 2, seatmap.Limits{}, seatmap.MapOptions{})
	next, stop := watch(t, m, seatmap.Cursor{})
	get(t, next)
	block(t, m, "ann", "1")
	old := get(t, next)
	stop()
	require.NoError(t, remove(m))
	require.NoError(t, create(m, 2))
	for name, other := range map[string]*seatmap.Map{
		"another life": m, "another store": newEvent(t, 2, seatmap.Limits{}, seatmap.MapOptions{}),
	} {
		next, _ := watch(t, other, old.Cursor)
		assert.Equal(t, seatmap.ChangeGap, get(t, next).Kind, name)
		s := get(t, next)
		assert.Equal(t, seatmap.ChangeSnapshot, s.Kind, name)
		if other == m {
			assert.Greater(t, s.Revision, old.Revision)
		}
	}
}

func TestAWatchersMemoryIsBoundedByTheRing(t *testing.T) {
	const ring = 64
	seats := 100_000
	if testkit.RaceEnabled {
		seats = 20_000
	}
	m := newEvent(t, seats, seatmap.Limits{}, seatmap.MapOptions{Ring: ring, Manual: true})
	next, _ := watch(t, m, seatmap.Cursor{})
	get(t, next)
	change := func() {
		h, err := m.BlockAny(ctx, seatmap.BlockAnyRequest{Event: event, User: "ann", N: seats, TTL: hold})
		require.NoError(t, err)
		require.NoError(t, release(m, h.Token))
	}
	live := func() int64 {
		var s runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&s)
		return int64(s.HeapAlloc)
	}
	change()
	before := live()
	for range ring {
		change()
	}
	assert.Less(t, live()-before, int64(4*seats), "one list is kept, not 64")
	runtime.KeepAlive(m)
}

func TestAWatcherThatPanicsLeavesTheEventUsable(t *testing.T) {
	m := newEvent(t, 2, seatmap.Limits{}, seatmap.MapOptions{})
	assert.Panics(t, func() {
		for _, err := range m.Watch(ctx, seatmap.WatchRequest{Event: event}) {
			panic(err)
		}
	})
	assert.Zero(t, seatmap.Watchers(m, event))
	block(t, m, "ann", "1")
}
