package redisseat_test

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
)

// TestAClientLeavesAMasterThatWasDemoted has an address lead to another server, as that of a
// managed Redis does after a failover. The old master goes on as a replica, with its connections.
func TestAClientLeavesAMasterThatWasDemoted(t *testing.T) {
	first, replica, _, front := startPair(t)
	store := open(t, front.options(first))
	defer func() { require.NoError(t, store.Close()) }()
	ctx := t.Context()
	_, err := store.Create(ctx, seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 9}})
	require.NoError(t, err)
	block := func(seat string) error {
		_, err := store.Block(ctx, seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{seat}, TTL: time.Hour})
		return err
	}
	require.NoError(t, block("1"))
	caughtUp(first, replica)
	replica.do("REPLICAOF", "NO", "ONE")
	host, port, err := net.SplitHostPort(replica.address)
	require.NoError(t, err)
	first.do("REPLICAOF", host, port)
	front.forwardTo(replica.address)
	require.ErrorIs(t, block("2"), seatmap.ErrUnavailable)
	require.Eventually(t, func() bool { return block("2") == nil }, time.Minute, 10*time.Millisecond)
	require.ErrorIs(t, block("1"), seatmap.ErrTaken)
}
