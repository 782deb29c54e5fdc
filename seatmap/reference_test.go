package seatmap_test

import (
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
)

// referred blocks seats with a reference.
func referred(t *testing.T, m *seatmap.Map, reference string, seats ...string) seatmap.Hold {
	t.Helper()
	h, err := m.Block(ctx, seatmap.BlockRequest{Event: event, User: "ann", Seats: seats, TTL: hold, Reference: reference})
	require.NoError(t, err)
	return h
}

// referencesOf returns the references of the seats from 1 on.
func referencesOf(t *testing.T, m *seatmap.Map) (list []string) {
	t.Helper()
	s, err := m.Seats(ctx, seatmap.SeatsRequest{Event: event})
	require.NoError(t, err)
	for _, one := range s.Seats {
		list = append(list, one.Reference)
	}
	return list
}

func TestAHoldPassesItsReferenceOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newEvent(t, 4, seatmap.Limits{}, seatmap.MapOptions{})
		h := referred(t, m, "a", "1", "2", "3")
		assert.Equal(t, []string{"a", "a", "a", ""}, referencesOf(t, m))
		_, err := book(m, h.Token, "1")
		require.NoError(t, err)
		_, err = m.Book(ctx, seatmap.BookRequest{Token: h.Token, Seats: []string{"2"}, Reference: "b"})
		require.NoError(t, err)
		assert.Equal(t, []string{"a", "b", "a", ""}, referencesOf(t, m))
		_, err = extend(m, h.Token, 2*hold)
		require.NoError(t, err)
		_, err = m.Move(ctx, seatmap.MoveRequest{Event: event, Seat: "3", To: []string{"4"}, Actor: "op"})
		require.NoError(t, err)
		again, err := m.Reissue(ctx, seatmap.ReissueRequest{Event: event, Seat: "2", Actor: "op"})
		require.NoError(t, err)
		assert.Equal(t, []string{"a", "b", "", "a"}, referencesOf(t, m))
		assert.Equal(t, 3, seatmap.References(m, event), "a fence that has gone has none")
		require.NoError(t, imported(m, exported(t, m, event, true)))
		assert.Equal(t, []string{"a", "b", "", "a"}, referencesOf(t, m))
		require.NoError(t, cancel(m, again.Token))
		testkit.Advance(3 * hold)
		assert.Equal(t, []string{"a", "", "", ""}, referencesOf(t, m))
		assert.Equal(t, 1, seatmap.References(m, event), "the end of a hold is the end of its reference")
		_, err = m.Revoke(ctx, seatmap.RevokeRequest{Event: event, Seat: "1", Actor: "op"})
		require.NoError(t, err)
		assert.Equal(t, 0, seatmap.References(m, event))
	})
}

func TestEveryChangeSaysTheReference(t *testing.T) {
	m := newEvent(t, 3, seatmap.Limits{}, seatmap.MapOptions{})
	type step struct {
		kind      seatmap.ChangeKind
		reference string
	}
	var got []step
	for c, err := range m.Watch(ctx, seatmap.WatchRequest{Event: event}) {
		require.NoError(t, err)
		if c.Kind != seatmap.ChangeSnapshot {
			if got = append(got, step{c.Kind, c.Reference}); len(got) == 7 {
				break
			}
			continue
		}
		h := referred(t, m, "a", "1", "2", "3")
		_, err := m.BeginPayment(ctx, seatmap.PaymentRequest{Token: h.Token, TTL: hold})
		require.NoError(t, err)
		require.NoError(t, release(m, h.Token, "1"))
		b, err := m.Book(ctx, seatmap.BookRequest{Token: h.Token, Seats: []string{"2"}, Reference: "b"})
		require.NoError(t, err) // and the payment ends
		require.NoError(t, cancel(m, b.Token))
		require.NoError(t, release(m, h.Token))
	}
	assert.Equal(t, []step{
		{seatmap.ChangeBlocked, "a"},
		{seatmap.ChangePaying, "a"},
		{seatmap.ChangeReleased, "a"},
		{seatmap.ChangeBooked, "b"},
		{seatmap.ChangePaying, "a"},
		{seatmap.ChangeCanceled, "b"},
		{seatmap.ChangeReleased, "a"},
	}, got)
}

func TestAReferenceIsANameOrEmpty(t *testing.T) {
	m := newEvent(t, 2, seatmap.Limits{}, seatmap.MapOptions{})
	_, err := m.Block(ctx, seatmap.BlockRequest{Event: event, User: "ann", Seats: []string{"1"}, TTL: hold, Reference: "a\nb"})
	require.ErrorIs(t, err, seatmap.ErrInvalidReference)
	require.ErrorIs(t, err, seatmap.ErrInvalid)
	_, err = m.Book(ctx, seatmap.BookRequest{Token: referred(t, m, "", "1").Token, Reference: "\x7f"})
	require.ErrorIs(t, err, seatmap.ErrInvalidReference)
}

func TestAReferenceIsLogged(t *testing.T) {
	for _, r := range []slog.LogValuer{
		seatmap.BlockRequest{Reference: "order 1"},
		seatmap.BlockAnyRequest{Reference: "order 1"},
		seatmap.BookRequest{Reference: "order 1"},
		seatmap.SeatInfo{Reference: "order 1"},
	} {
		assert.Contains(t, r.LogValue().String(), "reference=order 1")
	}
}
