package seatmap_test

import (
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
)

func TestAReservedSeatIsHeldUntilItIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newEvent(t, 2, seatmap.Limits{Seats: 1, Lifetime: time.Hour}, seatmap.MapOptions{})
		h, err := m.Reserve(ctx, seatmap.ReserveRequest{Event: event, User: "house", Seats: []string{"1", "2"}, Actor: "op"})
		require.NoError(t, err)
		assert.Zero(t, h.Until)
		testkit.Advance(50 * 365 * 24 * time.Hour)
		assert.Equal(t, seatmap.SeatInfo{Seat: "2", State: seatmap.SeatBlocked, User: "house", At: state(t, m, "2").At, Fence: h.Token.Fence, Actor: "op"}, state(t, m, "2"))
		require.NoError(t, imported(m, exported(t, m, event, true)))
		testkit.Advance(100 * 24 * time.Hour)
		_, err = m.Block(ctx, seatmap.BlockRequest{Event: event, User: "ann", Seats: []string{"1"}, TTL: hold})
		require.ErrorIs(t, err, seatmap.ErrSoldOut)
		_, err = book(m, h.Token)
		require.NoError(t, err)
	})
}

func TestWhatAnOperatorDoesIsInTheChanges(t *testing.T) {
	m := newEvent(t, 9, seatmap.Limits{}, seatmap.MapOptions{})
	h := block(t, m, "ann", "1", "2")
	booked, err := book(m, block(t, m, "bob", "3").Token)
	require.NoError(t, err)
	var changes []seatmap.Change
	var before []uint64
	for c, err := range m.Watch(ctx, seatmap.WatchRequest{Event: event}) {
		require.NoError(t, err)
		if changes = append(changes, c); len(changes) > 1 {
			if len(changes) == 6 {
				break
			}
			continue
		}
		before = append(before, h.Token.Fence)
		moved, err := m.Move(ctx, seatmap.MoveRequest{Event: event, Seat: "2", Fence: h.Token.Fence, To: []string{"2", "4"}, Actor: "op", Reason: "pillar"})
		require.NoError(t, err)
		require.ErrorIs(t, release(m, h.Token), seatmap.ErrExpired, "the token before")
		before = append(before, moved.Token.Fence)
		again, err := m.Reissue(ctx, seatmap.ReissueRequest{Event: event, Seat: "4", Actor: "op", Reason: "lost"})
		require.NoError(t, err)
		require.ErrorIs(t, release(m, moved.Token), seatmap.ErrExpired)
		require.NoError(t, release(m, again.Token, "2"), "the new token")
		_, err = m.Revoke(ctx, seatmap.RevokeRequest{Event: event, Seat: "3", Fence: booked.Token.Fence, Actor: "op", Reason: "fraud"})
		require.NoError(t, err)
		_, err = m.Reserve(ctx, seatmap.ReserveRequest{Event: event, User: "house", Seats: []string{"9"}, Actor: "op"})
		require.NoError(t, err)
	}
	for i, want := range []seatmap.Change{
		{Kind: seatmap.ChangeMoved, Seats: []string{"2", "4"}, From: []string{"1", "2"}, User: "ann", Actor: "op", Reason: "pillar"},
		{Kind: seatmap.ChangeReissued, Seats: []string{"2", "4"}, User: "ann", Actor: "op", Reason: "lost"},
		{Kind: seatmap.ChangeReleased, Seats: []string{"2"}, User: "ann"},
		{Kind: seatmap.ChangeCanceled, Seats: []string{"3"}, User: "bob", Actor: "op", Reason: "fraud"},
		{Kind: seatmap.ChangeBlocked, Seats: []string{"9"}, User: "house", Actor: "op"},
	} {
		got := changes[i+1]
		if i < len(before) {
			want.FromFence = before[i]
		}
		got.Event, got.Revision, got.Cursor, got.Previous = "", 0, seatmap.Cursor{}, seatmap.Cursor{}
		got.At, got.Until, got.Fence = time.Time{}, time.Time{}, 0
		assert.Equal(t, want, got)
	}
}

func TestAFenceKeepsAnOperatorFromTheNextHold(t *testing.T) {
	m := newEvent(t, 2, seatmap.Limits{}, seatmap.MapOptions{})
	old := block(t, m, "ann", "1")
	require.NoError(t, release(m, old.Token))
	block(t, m, "bob", "1")
	_, err := m.Revoke(ctx, seatmap.RevokeRequest{Event: event, Seat: "1", Fence: old.Token.Fence, Actor: "op"})
	require.ErrorIs(t, err, seatmap.ErrExpired)
	assert.Equal(t, "bob", state(t, m, "1").User)
	_, err = m.Revoke(ctx, seatmap.RevokeRequest{Event: event, Seat: "1", Actor: "op"})
	require.NoError(t, err)
	_, err = m.Revoke(ctx, seatmap.RevokeRequest{Event: event, Seat: "1", Actor: "op"})
	require.ErrorIs(t, err, seatmap.ErrExpired)
	require.ErrorContains(t, err, "seat 1 is in no such hold or booking")
}

func TestAFenceAloneNamesAHoldOrBooking(t *testing.T) {
	m := newMap(t, seatmap.MapOptions{})
	_, err := m.Create(ctx, seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{
		Count: 2000, Areas: []seatmap.Area{{Name: "floor", Capacity: 9}, {Name: "lawn", Capacity: 9}},
	}})
	require.NoError(t, err)
	of := func(seats []string, places map[string]int) seatmap.Token {
		h, err := m.Block(ctx, seatmap.BlockRequest{Event: event, User: "ann", Seats: seats, Places: places, TTL: hold})
		require.NoError(t, err)
		return h.Token
	}
	places := map[string]int{"floor": 2}
	parted := of([]string{"1999", "3"}, nil)
	require.NoError(t, release(m, parted, "1999"))
	booking, err := book(m, of(nil, places))
	require.NoError(t, err)
	for name, fence := range map[string]uint64{
		"a seat far behind": of([]string{"1700"}, nil).Fence, "only places": of(nil, places).Fence,
		"seats and places": of([]string{"4"}, places).Fence, "its first seat is gone": parted.Fence, "a booking": booking.Token.Fence,
	} {
		h, err := m.Reissue(ctx, seatmap.ReissueRequest{Event: event, Fence: fence, Actor: "op"})
		require.NoError(t, err, name)
		_, err = m.Reissue(ctx, seatmap.ReissueRequest{Event: event, Fence: fence, Actor: "op"})
		require.ErrorIs(t, err, seatmap.ErrExpired, name)
		require.ErrorContains(t, err, "no hold or booking has the fence ", name)
		_, err = m.Revoke(ctx, seatmap.RevokeRequest{Event: event, Fence: h.Token.Fence, Actor: "op"})
		require.NoError(t, err, name)
	}
	counts, err := m.Counts(ctx, seatmap.CountsRequest{Event: event})
	require.NoError(t, err)
	assert.Equal(t, seatmap.Counts{Available: 2018}, counts)
}

func TestPlacesAreMovedToOtherAreas(t *testing.T) {
	m := newMap(t, seatmap.MapOptions{})
	_, err := m.Create(ctx, seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{
		Count: 3, Areas: []seatmap.Area{{Name: "floor", Capacity: 4}, {Name: "lawn", Capacity: 3}},
	}})
	require.NoError(t, err)
	h, err := m.Block(ctx, seatmap.BlockRequest{Event: event, User: "ann", Seats: []string{"1"}, Places: map[string]int{"floor": 4}, TTL: hold})
	require.NoError(t, err)
	next := beginning(t, m, event)
	move := func(places map[string]int) error {
		moved, err := m.Move(ctx, seatmap.MoveRequest{Event: event, Fence: h.Token.Fence, Places: places, Actor: "op", Reason: "rain"})
		if err == nil {
			assert.Equal(t, []string{"1"}, moved.Seats, "the seats stay")
			assert.Equal(t, places, moved.Places)
		}
		return err
	}
	var full *seatmap.AreaError
	require.ErrorAs(t, move(map[string]int{"lawn": 4}), &full)
	require.ErrorIs(t, move(map[string]int{"lawn": 3}), seatmap.ErrInvalidSeats, "one is lost")
	require.NoError(t, move(map[string]int{"floor": 1, "lawn": 3}), "three of its own are free")
	for _, want := range []seatmap.AreaInfo{
		{Area: "floor", Counts: seatmap.Counts{Available: 3, Blocked: 1}}, {Area: "lawn", Counts: seatmap.Counts{Blocked: 3}},
	} {
		counts, err := m.Counts(ctx, seatmap.CountsRequest{Event: event, Area: want.Area})
		require.NoError(t, err)
		assert.Equal(t, want.Counts, counts)
	}
	for c, err := range m.Watch(ctx, seatmap.WatchRequest{Event: event, From: next.Cursor}) {
		require.NoError(t, err)
		assert.Equal(t, seatmap.ChangeMoved, c.Kind)
		assert.Equal(t, map[string]int{"floor": 4}, c.FromPlaces)
		assert.Equal(t, map[string]int{"floor": 1, "lawn": 3}, c.Places)
		assert.Equal(t, []string{"1"}, c.From)
		assert.Equal(t, []string{"1"}, c.Seats)
		break
	}
}

func TestAReusedKeyOfAnOperatorSaysWhatDiffers(t *testing.T) {
	m := newEvent(t, 9, seatmap.Limits{}, seatmap.MapOptions{})
	key := seatmap.NewKey("k")
	any := seatmap.ReserveAnyRequest{Event: event, User: "house", N: 2, Actor: "op", Key: key}
	h, err := m.ReserveAny(ctx, any)
	require.NoError(t, err)
	assert.Equal(t, []string{"1", "2"}, h.Seats)
	move := seatmap.MoveRequest{Event: event, Seat: "1", To: []string{"3", "4"}, Actor: "op", Key: seatmap.NewKey("m")}
	_, err = m.Move(ctx, move)
	require.NoError(t, err)
	differs := func(err error, want ...string) {
		t.Helper()
		e, _ := errors.AsType[*seatmap.KeyError](err)
		require.NotNil(t, e)
		assert.Equal(t, want, e.Differs())
	}
	any.User, any.N, any.Where.Adjacent = "press", 3, true
	_, err = m.ReserveAny(ctx, any)
	differs(err, "User", "N", "Where")
	move.Seat, move.Fence, move.To, move.Places = "", 7, []string{"5", "6"}, map[string]int{}
	_, err = m.Move(ctx, move)
	differs(err, "Seat", "Fence", "To", "Places")
}

func TestAnOperatorsKeyIsTheActors(t *testing.T) {
	m := newEvent(t, 4, seatmap.Limits{}, seatmap.MapOptions{})
	key := seatmap.NewKey("k")
	r := seatmap.ReserveRequest{Event: event, User: "house", Seats: []string{"1"}, Actor: "op", Key: key}
	first, err := m.Reserve(ctx, r)
	require.NoError(t, err)
	again, err := m.Reserve(ctx, r)
	require.NoError(t, err)
	assert.True(t, again.Replayed)
	assert.Equal(t, first.Token, again.Token)
	require.NoError(t, imported(m, exported(t, m, event, true)))
	again, err = m.Reserve(ctx, r)
	require.NoError(t, err)
	assert.True(t, again.Replayed)
	assert.Equal(t, "house", again.User)
	r.User = "other"
	_, err = m.Reserve(ctx, r)
	differs, _ := errors.AsType[*seatmap.KeyError](err)
	require.NotNil(t, differs)
	assert.Equal(t, []string{"User"}, differs.Differs())
	_, err = m.Revoke(ctx, seatmap.RevokeRequest{Event: event, Seat: "1", Actor: "op", Key: key})
	differs, _ = errors.AsType[*seatmap.KeyError](err)
	require.NotNil(t, differs)
	assert.Equal(t, []string{"method"}, differs.Differs())
	_, err = m.Block(ctx, seatmap.BlockRequest{Event: event, User: "house", Seats: []string{"2"}, TTL: hold, Key: key})
	require.NoError(t, err, "the key of another")
}

func TestRequestsOfOperatorsAreLoggedWithoutKeys(t *testing.T) {
	key := seatmap.NewKey("a secret")
	for _, r := range []slog.LogValuer{
		seatmap.RevokeRequest{Event: "e", Actor: "op", Reason: "why", Key: key},
		seatmap.ReissueRequest{Event: "e", Actor: "op", Reason: "why", Key: key},
		seatmap.MoveRequest{Event: "e", Actor: "op", Reason: "why", Key: key},
		seatmap.ReserveRequest{Event: "e", Actor: "op", Reason: "why", Key: key},
		seatmap.ReserveAnyRequest{Event: "e", Actor: "op", Reason: "why", Key: key},
	} {
		text := r.LogValue().String()
		assert.Contains(t, text, "event=e actor=op reason=why")
		assert.NotContains(t, text, "secret")
	}
}
