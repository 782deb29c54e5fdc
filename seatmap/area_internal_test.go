package seatmap

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBlocksOfPlacesAreUsedAgain(t *testing.T) {
	m := NewMap(MapOptions{Manual: true})
	defer func() { require.NoError(t, m.Close()) }()
	ctx := context.Background()
	_, err := m.Create(ctx, CreateRequest{Event: "e", Layout: Layout{Areas: []Area{{Name: "floor", Capacity: 10}}}})
	require.NoError(t, err)
	for range 2 * pageBlocks {
		h, err := m.Block(ctx, BlockRequest{Event: "e", User: "ann", Places: map[string]int{"floor": 2}, TTL: time.Hour})
		require.NoError(t, err)
		_, err = m.Release(ctx, ReleaseRequest{Token: h.Token, Places: map[string]int{"floor": 1}})
		require.NoError(t, err)
		b, err := m.Book(ctx, BookRequest{Token: h.Token})
		require.NoError(t, err)
		_, err = m.Cancel(ctx, CancelRequest{Token: b.Token})
		require.NoError(t, err)
	}
	p := m.event("e").plan
	require.Len(t, p.pages, 1)
	require.Len(t, p.areas[0].unused, pageBlocks)
}

func TestPlacesThatAreMovedLeaveNoBlocksBehind(t *testing.T) {
	ctx := context.Background()
	m := NewMap(MapOptions{Manual: true})
	_, err := m.Create(ctx, CreateRequest{Event: "concert", Layout: Layout{Areas: []Area{{Name: "floor", Capacity: 2}, {Name: "lawn", Capacity: 2}}}})
	require.NoError(t, err)
	h, err := m.Reserve(ctx, ReserveRequest{Event: "concert", User: "house", Places: map[string]int{"floor": 2}, Actor: "op"})
	require.NoError(t, err)
	for range pageBlocks {
		for _, places := range []map[string]int{{"floor": 1, "lawn": 1}, {"floor": 2}} {
			h, err = m.Move(ctx, MoveRequest{Event: "concert", Fence: h.Token.Fence, Places: places, Actor: "op"})
			require.NoError(t, err)
		}
	}
	require.Len(t, m.event("concert").plan.pages, 2)
	require.NoError(t, m.Close())
}
