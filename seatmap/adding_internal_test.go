package seatmap

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestASnapshotThatHasBegunIsNotAboutSeatsThatAreAdded(t *testing.T) {
	ctx := context.Background()
	m := NewMap(MapOptions{Manual: true})
	_, err := m.Create(ctx, CreateRequest{Event: "concert", Layout: Layout{Count: 500}})
	require.NoError(t, err)
	p := m.event("concert").plan
	seen := map[uint32]SeatState{}
	p.mu.Lock()
	s := p.beginSnapshot(p.clock.now(), 0, p.count, func(seat uint32, state SeatState, _ *record) { seen[seat] = state })
	p.mu.Unlock()
	_, err = m.AddSeats(ctx, AddSeatsRequest{Event: "concert", Layout: Layout{Count: 600}, Actor: "op"})
	require.NoError(t, err)
	_, err = m.Block(ctx, BlockRequest{Event: "concert", User: "ann", Seats: []string{"1100", "505", "500"}, TTL: time.Minute})
	require.NoError(t, err)
	p.mu.Lock()
	p.save(s, 0)
	p.endSnapshot(s)
	p.mu.Unlock()
	require.Len(t, seen, 500)
	require.Equal(t, SeatAvailable, seen[499], "as it was when the snapshot began")
	require.NoError(t, m.Close())
}
