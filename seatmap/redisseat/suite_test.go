package redisseat_test

import (
	"testing"
	"time"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/redisseat"
	"github.com/coderrange/ferrous/seatmap/seattest"
)

// TestStoreBehindANetworkThatIsCut ends all connections in the middle of calls, and refuses
// new ones.
func TestStoreBehindANetworkThatIsCut(t *testing.T) {
	s := startServer(t)
	p := startProxy(t, s.address)
	o := p.options(s)
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
	o := front.options(first)
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
