package seatmap_test

import (
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
)

// follow applies what follows the last change of r, until it has n more.
func follow(t *testing.T, m *seatmap.Map, r *seatmap.Replay, n int) (changes []seatmap.Change) {
	t.Helper()
	for c, err := range m.Watch(t.Context(), seatmap.WatchRequest{Event: event, From: r.Cursor()}) {
		require.NoError(t, err)
		require.NoError(t, r.Apply(c))
		if changes = append(changes, c); len(changes) == n {
			break
		}
	}
	return changes
}

// audited returns a map whose event has seats and an area, and a Replay of it.
func audited(t *testing.T) (*seatmap.Map, *seatmap.Replay) {
	t.Helper()
	m := seatmap.NewMap(seatmap.MapOptions{})
	_, err := m.Create(t.Context(), seatmap.CreateRequest{
		Event: event, Layout: seatmap.Layout{Count: 4, Areas: []seatmap.Area{{Name: "floor", Capacity: 9}}},
	})
	require.NoError(t, err)
	r := new(seatmap.Replay)
	follow(t, m, r, 1)
	return m, r
}

func TestAPartOfPlacesThatIsBookedSaysOfWhichHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := audited(t)
		var holds [2]seatmap.Hold
		for i := range holds {
			var err error
			holds[i], err = m.Block(t.Context(), seatmap.BlockRequest{
				Event: event, User: "ann", Places: map[string]int{"floor": 3}, TTL: time.Duration(i+1) * time.Minute,
			})
			require.NoError(t, err)
		}
		b, err := m.Book(t.Context(), seatmap.BookRequest{Token: holds[1].Token, Places: map[string]int{"floor": 1}})
		require.NoError(t, err)
		last := follow(t, m, r, 3)[2]
		assert.Equal(t, holds[1].Token.Fence, last.FromFence)
		var late seatmap.Replay // begins with a snapshot
		follow(t, m, &late, 1)
		testkit.Advance(time.Minute)
		for _, one := range []*seatmap.Replay{r, &late} {
			got := one.Snapshot(time.Now())
			assert.Equal(t, []seatmap.AreaInfo{{Area: "floor", Counts: seatmap.Counts{Available: 6, Blocked: 2, Booked: 1}}}, got.Areas)
			require.Len(t, got.Holders, 2)
			assert.Equal(t, []uint64{holds[1].Token.Fence, b.Token.Fence}, []uint64{got.Holders[0].Fence, got.Holders[1].Fence})
			assert.Equal(t, inUTC(beginning(t, m, event)).Holders, inUTC(got).Holders)
		}
		require.NoError(t, m.Close())
	})
}

func TestASnapshotSaysWhichOperatorReservedSeatsAndWhy(t *testing.T) {
	m, r := audited(t)
	_, err := m.Reserve(t.Context(), seatmap.ReserveRequest{
		Event: event, User: "house", Seats: []string{"1"}, Places: map[string]int{"floor": 2}, Actor: "op", Reason: "press",
	})
	require.NoError(t, err)
	follow(t, m, r, 1)
	for _, c := range []seatmap.Change{r.Snapshot(time.Now()), beginning(t, m, event)} {
		assert.Equal(t, "op press", c.Snapshot[0].Actor+" "+c.Snapshot[0].Reason)
		assert.Equal(t, "op press", c.Holders[0].Actor+" "+c.Holders[0].Reason)
	}
	require.NoError(t, m.Close())
}

func TestAReplayIsRefusedAChangeThatDoesNotFollow(t *testing.T) {
	m, r := audited(t)
	for _, seat := range []string{"1", "2", "3"} {
		_, err := m.Block(t.Context(), seatmap.BlockRequest{Event: event, User: "ann", Seats: []string{seat}, TTL: time.Hour})
		require.NoError(t, err)
	}
	from := r.Cursor()
	changes := follow(t, m, r, 3)
	var other seatmap.Replay
	require.ErrorIs(t, other.Apply(changes[0]), seatmap.ErrMissed)
	require.Zero(t, other.Snapshot(time.Now()))
	require.NoError(t, other.Apply(seatmap.Change{Event: event, Revision: from.Revision(), Cursor: from}))
	require.NoError(t, other.Apply(changes[0]))
	for _, wrong := range []seatmap.Change{changes[0], changes[2]} {
		require.ErrorIs(t, other.Apply(wrong), seatmap.ErrMissed)
		require.Equal(t, changes[0].Cursor, other.Cursor())
	}
	elsewhere := changes[1]
	elsewhere.Event = "opera"
	require.ErrorIs(t, other.Apply(elsewhere), seatmap.ErrMissed)
	require.NoError(t, other.Apply(changes[1]))
	require.NoError(t, other.Apply(seatmap.Change{Event: event, Kind: seatmap.ChangeGap}))
	require.Zero(t, other.Snapshot(time.Now()))
	require.ErrorIs(t, other.Apply(changes[2]), seatmap.ErrMissed)
	require.NoError(t, other.Apply(r.Snapshot(time.Now())))
	assert.Equal(t, r.Snapshot(time.Now()).Cursor, other.Cursor())
	require.NoError(t, m.Close())
}

func TestAReplayIsNotChangedThroughItsSnapshot(t *testing.T) {
	m, r := audited(t)
	r.Snapshot(time.Now()).Snapshot[0].User = "eve"
	first := beginning(t, m, event)
	require.NoError(t, r.Apply(first))
	first.Snapshot[0].User, first.Areas[0].Booked = "eve", 9
	assert.Equal(t, inUTC(beginning(t, m, event)), inUTC(r.Snapshot(time.Now())))
	require.NoError(t, m.Close())
}

func TestAReplayPrintsNoUsers(t *testing.T) {
	m := seatmap.NewMap(seatmap.MapOptions{})
	defer func() { require.NoError(t, m.Close()) }()
	_, err := m.Create(t.Context(), seatmap.CreateRequest{Event: "bus", Layout: seatmap.Layout{Count: 2}})
	require.NoError(t, err)
	_, err = m.Block(t.Context(), seatmap.BlockRequest{Event: "bus", User: "ann", Seats: []string{"1"}, TTL: time.Hour})
	require.NoError(t, err)
	var r seatmap.Replay
	for c, err := range m.Watch(t.Context(), seatmap.WatchRequest{Event: "bus"}) {
		require.NoError(t, err)
		require.NoError(t, r.Apply(c))
		break
	}
	for _, text := range []string{fmt.Sprintf("%v", r), fmt.Sprintf("%+v", &r), fmt.Sprintf("%#v", r), slog.AnyValue(r).Resolve().String()} {
		require.Equal(t, fmt.Sprintf("Replay(bus %v)", r.Cursor()), text)
	}
}
