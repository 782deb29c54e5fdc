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
	} {
		text := r.LogValue().String()
		assert.Contains(t, text, "event=e actor=op reason=why")
		assert.NotContains(t, text, "secret")
	}
}
