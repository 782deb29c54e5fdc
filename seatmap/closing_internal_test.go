package seatmap

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAHoldThatIsOverIsForgottenAsGrantedByAnOperator(t *testing.T) {
	ctx := context.Background()
	m := NewMap(MapOptions{Manual: true})
	_, err := m.Create(ctx, CreateRequest{Event: "concert", Layout: Layout{Count: 2}})
	require.NoError(t, err)
	e := m.event("concert")
	_, err = m.Reserve(ctx, ReserveRequest{Event: "concert", User: "house", Seats: []string{"1"}, Actor: "op"})
	require.NoError(t, err)
	again, err := m.Reissue(ctx, ReissueRequest{Event: "concert", Seat: "1", Actor: "op"})
	require.NoError(t, err)
	assert.Len(t, e.granted, 1)
	_, err = m.Release(ctx, ReleaseRequest{Token: again.Token})
	require.NoError(t, err)
	assert.Empty(t, e.granted)
	_, err = m.Block(ctx, BlockRequest{Event: "concert", User: "ann", Seats: []string{"1"}, TTL: time.Minute})
	require.NoError(t, err)
	assert.Empty(t, e.granted)
	require.NoError(t, m.Close())
}
