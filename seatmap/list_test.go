package seatmap_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
)

// fences returns the fences of a list.
func fences(t *testing.T, m *seatmap.Map, r seatmap.GrantsRequest) (list []uint64) {
	t.Helper()
	r.Event = event
	got, err := m.Grants(ctx, r)
	require.NoError(t, err)
	for _, g := range got.Grants {
		list = append(list, g.Fence)
	}
	return list
}

func TestGrantsAreThoseOfAUserOrAReference(t *testing.T) {
	m := newEvent(t, 9, seatmap.Limits{}, seatmap.MapOptions{})
	one := referred(t, m, "a", "1", "2", "3")
	two, err := book(m, referred(t, m, "b", "4").Token)
	require.NoError(t, err)
	three := block(t, m, "bob", "5")
	part, err := m.Book(ctx, seatmap.BookRequest{Token: one.Token, Seats: []string{"1"}, Reference: "b"})
	require.NoError(t, err)
	assert.Equal(t, []uint64{one.Token.Fence, two.Token.Fence, three.Token.Fence, part.Token.Fence}, fences(t, m, seatmap.GrantsRequest{}))
	assert.Equal(t, []uint64{one.Token.Fence, two.Token.Fence, part.Token.Fence}, fences(t, m, seatmap.GrantsRequest{User: "ann"}))
	assert.Equal(t, []uint64{two.Token.Fence, part.Token.Fence}, fences(t, m, seatmap.GrantsRequest{Reference: "b"}))
	assert.Equal(t, []uint64{part.Token.Fence}, fences(t, m, seatmap.GrantsRequest{Reference: "b", After: two.Token.Fence}))
	assert.Empty(t, fences(t, m, seatmap.GrantsRequest{User: "bob", Reference: "b"}))
	require.NoError(t, cancel(m, two.Token))
	assert.Equal(t, []uint64{part.Token.Fence}, fences(t, m, seatmap.GrantsRequest{Reference: "b"}))
}

// A page shows its moment: the cursor continues from it.
func TestAWatchGoesOnFromAList(t *testing.T) {
	m := newEvent(t, 3, seatmap.Limits{}, seatmap.MapOptions{})
	for c, err := range m.Watch(ctx, seatmap.WatchRequest{Event: event}) { // keeps changes
		require.NoError(t, err)
		require.NotZero(t, c.Cursor)
		break
	}
	block(t, m, "ann", "1")
	list, err := m.Grants(ctx, seatmap.GrantsRequest{Event: event})
	require.NoError(t, err)
	require.Len(t, list.Grants, 1)
	block(t, m, "bob", "2")
	for c, err := range m.Watch(ctx, seatmap.WatchRequest{Event: event, From: list.Cursor}) {
		require.NoError(t, err)
		assert.Equal(t, "bob", c.User)
		assert.Equal(t, list.Revision+1, c.Revision)
		break
	}
}

func TestAnEventIsListedUntilItIsRemoved(t *testing.T) {
	m := newMap(t, seatmap.MapOptions{})
	for i := range 5 {
		_, err := m.Create(ctx, seatmap.CreateRequest{
			Event: "hall " + strconv.Itoa(i), Layout: seatmap.Layout{Count: i + 1, Areas: []seatmap.Area{{Name: "floor", Capacity: 3}}},
		})
		require.NoError(t, err)
	}
	list, err := m.Events(ctx, seatmap.EventsRequest{Limit: 2, After: "hall 1"})
	require.NoError(t, err)
	require.Len(t, list.Events, 2)
	assert.True(t, list.More)
	assert.Equal(t, "hall 2", list.Events[0].Event)
	assert.Equal(t, 3, list.Events[0].Seats)
	assert.Equal(t, 3, list.Events[0].Places)
	require.NoError(t, errOf(m.Remove(ctx, seatmap.RemoveRequest{Event: "hall 2"})))
	list, err = m.Events(ctx, seatmap.EventsRequest{Prefix: "hall 2"})
	require.NoError(t, err)
	assert.Empty(t, list.Events)
	assert.False(t, list.More)
}

func TestAListHasPagesOfAtLeastNothing(t *testing.T) {
	m := newEvent(t, 2, seatmap.Limits{}, seatmap.MapOptions{})
	_, err := m.Grants(ctx, seatmap.GrantsRequest{Event: event, Limit: -1})
	require.ErrorIs(t, err, seatmap.ErrInvalidPage)
	require.ErrorIs(t, err, seatmap.ErrInvalid)
	_, err = m.Events(ctx, seatmap.EventsRequest{Limit: -1})
	require.ErrorIs(t, err, seatmap.ErrInvalidPage)
	for _, r := range []seatmap.EventsRequest{{Prefix: "{"}, {After: "a\n"}} {
		_, err = m.Events(ctx, r)
		require.ErrorIs(t, err, seatmap.ErrInvalidEvent)
	}
}
