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
