package seatmap_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/seatmap"
)

// view is an event as a watcher knows it.
type view struct {
	cursor seatmap.Cursor
	at     uint64 // revision
	seats  map[string]seatmap.SeatInfo
	areas  map[string]seatmap.Counts
	closed map[string]bool // also seats that are blocked or booked
	quotas map[string]string
	booked map[uint64]bool // by fence
	gap    bool
	faults []string
}

// apply changes the view, and notes what cannot be.
func (v *view) apply(c seatmap.Change) {
	fault := func(text string) { v.faults = append(v.faults, c.Kind.String()+": "+text) }
	switch c.Kind {
	case seatmap.ChangeGap:
		if v.gap || !c.Cursor.IsZero() {
			fault("a second one, or one with a cursor")
		}
		v.gap = true
		return
	case seatmap.ChangeSnapshot:
		v.seats, v.closed, v.booked = map[string]seatmap.SeatInfo{}, map[string]bool{}, map[uint64]bool{}
		v.quotas = map[string]string{}
		for _, p := range c.Holders {
			v.booked[p.Fence] = p.State == seatmap.SeatBooked
		}
		for _, s := range c.Snapshot {
			v.seats[s.Seat], v.closed[s.Seat], v.quotas[s.Seat] = s, s.Closed, s.Quota
		}
		v.areas = map[string]seatmap.Counts{}
		for _, a := range c.Areas {
			v.areas[a.Area] = a.Counts
		}
	default:
		if v.gap {
			fault("without a snapshot after the gap")
		}
		if v.at != 0 && c.Revision != v.at+1 {
			fault("out of order")
		}
		vacant := func(seat string) seatmap.SeatInfo {
			s := seatmap.SeatInfo{Seat: seat}
			if v.closed[seat] || v.quotas[seat] != "" {
				s.State = seatmap.SeatClosed
			}
			return s
		}
		was := seatmap.SeatInfo{}
		if c.Kind == seatmap.ChangeMoved && v.seats != nil && len(c.From) > 0 {
			was = v.seats[c.From[0]]
			for _, seat := range c.From {
				if v.seats[seat].Fence != was.Fence {
					fault("of seats of several holds")
				}
				v.seats[seat] = vacant(seat)
			}
		}
		if c.Kind == seatmap.ChangeClosed || c.Kind == seatmap.ChangeOpened {
			for _, seat := range c.Seats {
				if v.seats == nil {
					continue
				}
				if v.closed[seat] == (c.Kind == seatmap.ChangeClosed) {
					fault("of a seat that is so already")
				}
				v.closed[seat] = c.Kind == seatmap.ChangeClosed
				if v.seats[seat].Fence == 0 {
					v.seats[seat] = vacant(seat)
				}
			}
			c.Seats = nil
		}
		if c.Kind == seatmap.ChangeQuota {
			for _, seat := range c.Seats {
				if v.seats == nil {
					continue
				}
				if v.quotas[seat] == c.Quota {
					fault("of a seat that is in that quota already")
				}
				if v.quotas[seat] = c.Quota; v.seats[seat].Fence == 0 {
					v.seats[seat] = vacant(seat)
				}
			}
			c.Seats = nil
		}
		if c.Kind == seatmap.ChangeAdded {
			v.add(&c, fault)
			c.Seats = nil
		}
		if (c.Actor == "") != (c.Reason == "") ||
			c.Actor == "" && (c.Kind == seatmap.ChangeMoved || c.Kind == seatmap.ChangeReissued || c.Kind == seatmap.ChangeClosed || c.Kind == seatmap.ChangeOpened || c.Kind == seatmap.ChangeQuota || c.Kind == seatmap.ChangeAdded) {
			fault("without actor or reason")
		}
		for _, seat := range c.Seats {
			before, known := v.seats[seat]
			if v.seats != nil && !known {
				fault("of an unknown seat")
			}
			want := map[seatmap.ChangeKind]seatmap.SeatState{
				seatmap.ChangePaying: seatmap.SeatBlocked, seatmap.ChangeExtended: seatmap.SeatBlocked, seatmap.ChangeBooked: seatmap.SeatBlocked, seatmap.ChangeReleased: seatmap.SeatBlocked,
				seatmap.ChangeExpired: seatmap.SeatBlocked, seatmap.ChangeCanceled: seatmap.SeatBooked,
			}[c.Kind]
			// A snapshot shows a hold as over that no change has ended yet.
			overdue := c.Kind == seatmap.ChangeExpired && before.Fence == 0
			ownClosed := c.Kind == seatmap.ChangeMoved && (v.closed[seat] || v.quotas[seat] != "") // it was one of From
			ofQuota := c.Kind == seatmap.ChangeBlocked && !v.closed[seat] && v.quotas[seat] != "" && before.State == seatmap.SeatClosed
			if v.seats != nil && before.State != want && !overdue && !ownClosed && !ofQuota && c.Kind != seatmap.ChangeReissued {
				fault("of a seat that is " + before.String())
			}
			after := seatmap.SeatInfo{Seat: seat, User: c.User, At: c.At, Until: c.Until, Fence: c.Fence}
			switch c.Kind {
			case seatmap.ChangeBlocked, seatmap.ChangeExtended, seatmap.ChangePaying:
				after.State = seatmap.SeatBlocked
			case seatmap.ChangeReissued:
				after.State = before.State
			case seatmap.ChangeMoved:
				after.State = was.State
			case seatmap.ChangeBooked:
				after.State = seatmap.SeatBooked
			default:
				after = vacant(seat)
			}
			if v.seats != nil {
				v.seats[seat] = after
			}
		}
	}
	if v.booked != nil {
		v.booked[c.Fence] = c.Kind == seatmap.ChangeBooked || v.booked[c.Fence] || v.booked[c.FromFence]
	}
	move := func(places map[string]int, sign int) {
		for name, n := range places {
			a, n := v.areas[name], n*sign
			if a.Available -= n; v.booked[c.Fence] {
				a.Booked += n
			} else {
				a.Blocked += n
			}
			if v.areas != nil {
				v.areas[name] = a
			}
		}
	}
	if c.Kind == seatmap.ChangeMoved {
		move(c.FromPlaces, -1)
		move(c.Places, 1)
	}
	for name, n := range c.Places {
		a := v.areas[name]
		switch c.Kind {
		case seatmap.ChangeBlocked:
			a.Available, a.Blocked = a.Available-n, a.Blocked+n
		case seatmap.ChangeBooked:
			a.Blocked, a.Booked = a.Blocked-n, a.Booked+n
		case seatmap.ChangeReleased, seatmap.ChangeExpired:
			a.Blocked, a.Available = a.Blocked-n, a.Available+n
		case seatmap.ChangeCanceled:
			a.Booked, a.Available = a.Booked-n, a.Available+n
		case seatmap.ChangeSnapshot, seatmap.ChangeGap, seatmap.ChangeExtended, seatmap.ChangeReissued, seatmap.ChangeMoved,
			seatmap.ChangePaying, seatmap.ChangeClosed, seatmap.ChangeOpened, seatmap.ChangeQuota, seatmap.ChangeAdded:
		}
		if v.areas != nil {
			if v.areas[name] = a; min(a.Available, a.Blocked, a.Booked) < 0 {
				fault("of places that are not there")
			}
		}
	}
	v.gap, v.at, v.cursor = false, c.Revision, c.Cursor
}

// add adds seats and places.
func (v *view) add(c *seatmap.Change, fault func(string)) {
	if v.seats == nil {
		return
	}
	for _, seat := range c.Seats {
		if _, known := v.seats[seat]; known {
			fault("of a seat that is there")
		}
		v.seats[seat] = seatmap.SeatInfo{Seat: seat}
	}
	for _, seat := range c.Added.Closed {
		v.seats[seat], v.closed[seat] = seatmap.SeatInfo{Seat: seat, State: seatmap.SeatClosed}, true
	}
	for _, area := range c.Added.Areas {
		a := v.areas[area.Name]
		a.Available = area.Capacity - a.Blocked - a.Booked
		v.areas[area.Name] = a
	}
}

// same compares the view with the oracle. A hold that is over may be in it still,
// unless everything was swept.
func (v *view) same(t *rapid.T, o *oracle, swept bool) {
	require.Empty(t, v.faults)
	v.sameAreas(t, o, swept)
	for _, seat := range o.all() {
		state, g := o.state(seat)
		got := v.seats[seat]
		if !swept && g == nil && got.State == seatmap.SeatBlocked && !time.Now().Before(got.Until) {
			continue
		}
		require.Equal(t, state, got.State, "seat %s", seat)
		if g != nil {
			require.Equal(t, g.token.Fence, got.Fence)
			require.Equal(t, g.user, got.User)
		}
		if state == seatmap.SeatBlocked {
			require.Equal(t, g.until.UnixNano(), got.Until.UnixNano())
		}
	}
}

// sameAreas is same for the areas.
func (v *view) sameAreas(t *rapid.T, o *oracle, swept bool) {
	for i := range o.layout.Areas {
		want, got := o.area(&o.layout.Areas[i]), v.areas[o.layout.Areas[i].Name]
		if over := got.Blocked - want.Blocked; over > 0 && !swept {
			got.Available, got.Blocked = got.Available+over, want.Blocked
		}
		require.Equal(t, want, got, "area %d", i)
	}
}

// liveWatcher watches an event from its beginning to its end.
type liveWatcher struct {
	mu     sync.Mutex
	view   view
	replay seatmap.Replay
	missed error // of the replay
	err    error
	after  bool // something came after the error
	// How many changes operators made since it began, and how many they had made before.
	operations, before int
	gap                bool // changes were missing
}

func (w *world) follow(o *oracle) *liveWatcher {
	l := &liveWatcher{before: o.operations}
	go func() {
		for c, err := range w.m.Watch(ctx, seatmap.WatchRequest{Event: o.name}) {
			l.mu.Lock()
			l.after = l.after || l.err != nil
			if l.err = err; err == nil {
				l.view.apply(c)
				l.missed = errors.Join(l.missed, l.replay.Apply(c))
				l.gap = l.gap || c.Kind == seatmap.ChangeGap
				if c.Actor == actor && c.Reason == reason {
					l.operations++
				}
			}
			l.mu.Unlock()
		}
	}()
	synctest.Wait()
	return l
}

func (l *liveWatcher) caughtUp(t *rapid.T, o *oracle, revision uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	require.NoError(t, l.err)
	require.Equal(t, revision, l.view.at)
	l.view.same(t, o, false)
	require.NoError(t, l.missed)
	if !l.gap {
		require.Equal(t, o.operations-l.before, l.operations, "changes of operators")
	}
}

// replays compares what was made of all changes with what a new watch begins with.
func (l *liveWatcher) replays(t *rapid.T, m *seatmap.Map, o *oracle) {
	l.mu.Lock()
	defer l.mu.Unlock()
	want := beginning(t, m, o.name)
	got := l.replay.Snapshot(time.Now())
	require.Equal(t, inUTC(want), inUTC(got))
	o.holders(t, got.Holders)
}

// beginning is what a new watch begins with.
func beginning(t require.TestingT, m *seatmap.Map, event string) (first seatmap.Change) {
	for c, err := range m.Watch(ctx, seatmap.WatchRequest{Event: event}) {
		require.NoError(t, err)
		first = c
		break
	}
	return first
}

// inUTC returns a snapshot whose times differ only if they are of different moments.
func inUTC(c seatmap.Change) seatmap.Change {
	c.Snapshot, c.Holders = slices.Clone(c.Snapshot), slices.Clone(c.Holders)
	move := func(times ...*time.Time) {
		for _, at := range times {
			if !at.IsZero() {
				*at = time.Unix(0, at.UnixNano()).UTC()
			}
		}
	}
	for i := range c.Snapshot {
		move(&c.Snapshot[i].At, &c.Snapshot[i].Until, &c.Snapshot[i].PayingUntil)
	}
	for i := range c.Holders {
		move(&c.Holders[i].At, &c.Holders[i].Until, &c.Holders[i].PayingUntil)
	}
	return c
}

// holders compares who has places with the oracle.
func (o *oracle) holders(t *rapid.T, got []seatmap.PlacesInfo) {
	n := 0
	for _, g := range o.live() {
		n += len(g.places)
	}
	require.Len(t, got, n)
	for _, p := range got {
		g := o.grants[slices.IndexFunc(o.grants, func(g *grant) bool { return !g.over && g.token.Fence == p.Fence })]
		state := seatmap.SeatBlocked
		if g.booked {
			state = seatmap.SeatBooked
		}
		require.Equal(t, fmt.Sprint(g.places[p.Area], g.user, state, g.paying(), g.operator()), fmt.Sprint(p.Places, p.User, p.State, p.Paying, p.Actor))
		require.Equal(t, g.born.UnixNano(), p.At.UnixNano())
		if state == seatmap.SeatBlocked {
			require.Equal(t, g.left(), p.Left)
		}
	}
}

func (l *liveWatcher) ended(t *rapid.T, want error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	require.ErrorIs(t, l.err, want)
	require.False(t, l.after)
	require.Empty(t, l.view.faults)
}

// watch watches an event from some cursor until it has seen all, and leaves in
// some way.
func (w *world) watch(t *rapid.T) {
	o := w.events[someEvent.Draw(t, "event")]
	if o == nil {
		t.Skip("no such event")
	}
	s, err := w.m.Seats(ctx, seatmap.SeatsRequest{Event: o.name})
	require.NoError(t, err)
	from := placed{}
	foreign := false
	switch rapid.IntRange(0, 7).Draw(t, "cursor") {
	case 0: // the zero one
	case 1:
		life := seatmap.NewCursor(rapid.Uint64().Draw(t, "life"), rapid.Uint64().Draw(t, "revision"))
		from, foreign = placed{nil, 0, life}, true
	case 2:
		from, foreign = placed{nil, 0, seatmap.NewCursor(s.Cursor.Life(), s.Revision+1+rapid.Uint64Range(0, 1<<62).Draw(t, "later"))}, true
	default:
		if len(w.cursors) == 0 {
			t.Skip("no cursor yet")
		}
		from = rapid.SampledFrom(w.cursors[max(0, len(w.cursors)-16):]).Draw(t, "from")
		foreign = from.of != o || from.moves != o.moves
	}
	watching := seatmap.Watchers(w.m, o.name)
	patience, stop := context.WithTimeout(ctx, time.Nanosecond) // it waits when there is nothing new
	defer stop()
	var v view
	var kinds []seatmap.ChangeKind
	var last error
	first := seatmap.Change{}
	leave := rapid.SampledFrom([]string{"break", "panic", "Goexit", "wait"}).Draw(t, "leave")
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { _ = recover() }()
		for c, err := range w.m.Watch(patience, seatmap.WatchRequest{Event: o.name, From: from.cursor}) {
			if last = err; err != nil {
				continue
			}
			if len(kinds) == 0 {
				first = c
			}
			kinds = append(kinds, c.Kind)
			v.apply(c)
			if v.at != s.Revision || v.gap {
				continue
			}
			switch leave {
			case "break":
				return
			case "panic":
				panic("left")
			case "Goexit":
				runtime.Goexit()
			}
		}
	}()
	<-done
	require.Equal(t, watching, seatmap.Watchers(w.m, o.name))
	require.Empty(t, v.faults)
	switch {
	case from.cursor.IsZero():
		require.Equal(t, []seatmap.ChangeKind{seatmap.ChangeSnapshot}, kinds)
	case foreign:
		require.Equal(t, []seatmap.ChangeKind{seatmap.ChangeGap, seatmap.ChangeSnapshot}, kinds)
	case from.cursor == s.Cursor:
		require.Empty(t, kinds)
		require.ErrorIs(t, last, context.DeadlineExceeded)
	case first.Kind == seatmap.ChangeGap:
		require.Equal(t, []seatmap.ChangeKind{seatmap.ChangeGap, seatmap.ChangeSnapshot}, kinds)
		require.False(t, w.ring == 1024 && w.watchers[o.name] != nil, "everything since the beginning was kept")
	default:
		require.Equal(t, seatmap.NewCursor(from.cursor.Life(), first.Revision-1), from.cursor)
		require.LessOrEqual(t, len(kinds), w.ring)
	}
	if v.seats != nil {
		v.same(t, o, false)
	}
}
