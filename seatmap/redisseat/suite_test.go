package redisseat_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/redisseat"
	"github.com/coderrange/ferrous/seatmap/seattest"
)

// TestStoreBehindANetworkThatIsCut ends all connections in the middle of calls, and refuses
// new ones.
func TestStoreBehindANetworkThatIsCut(t *testing.T) {
	s := startServer(t)
	p := startProxy(t, s.address)
	o := sweeping(p.options(s))
	seattest.Run(t, seattest.Options{
		Open:     func(t *testing.T) seatmap.Store { return open(t, o) },
		Lacks:    lacks,
		Patience: time.Minute,
		Cut: func(seatmap.Store) (mend func() error, err error) {
			p.forwardTo("")
			p.disconnect()
			return func() error {
				p.forwardTo(s.address)
				return nil
			}, nil
		},
	})
}

// TestStoreWhoseReplicaIsLate has a replica take over that does not have the last changes.
func TestStoreWhoseReplicaIsLate(t *testing.T) {
	first, replica, link, front := startPair(t)
	o := sweeping(front.options(first))
	late := lacks
	late.Replication = true
	seattest.Run(t, seattest.Options{
		Open:  func(t *testing.T) seatmap.Store { return open(t, o) },
		Lacks: late,
		Failover: func(client seatmap.Store, late func() error) (seatmap.Store, error) {
			caughtUp(first, replica)
			link.freeze()
			if err := late(); err != nil {
				return nil, err
			}
			first.kill()
			replica.do("REPLICAOF", "NO", "ONE")
			front.forwardTo(replica.address)
			front.disconnect()
			if err := client.Close(); err != nil {
				return nil, err
			}
			return redisseat.Open(t.Context(), o)
		},
	})
}

// TestALimitOfPaymentsIsRefused because the store would not keep it.
func TestALimitOfPaymentsIsRefused(t *testing.T) {
	s := startServer(t, "--appendonly", "no")
	store := open(t, s.options())
	defer func() { require.NoError(t, store.Close()) }()
	_, err := store.Create(t.Context(), seatmap.CreateRequest{
		Event: "e", Layout: seatmap.Layout{Count: 9}, Limits: seatmap.Limits{Payment: time.Minute},
	})
	require.ErrorIs(t, err, seatmap.ErrInvalidLimits)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	_, err = store.Counts(t.Context(), seatmap.CountsRequest{Event: "e"})
	require.ErrorIs(t, err, seatmap.ErrUnknownEvent)
}
