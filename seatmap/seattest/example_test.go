package seattest_test

import (
	"testing"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/seattest"
)

// server is a store of one's own, with what its tests need to disturb it.
type server interface {
	Connect(t *testing.T) seatmap.Store
	Unplug() (plug func() error, err error)
	Promote() error // the replica
	Replicate(on bool) error
}

// The test of a store with a server that has an asynchronous replica, no areas and no operators.
func ExampleRun() {
	var s server
	test := func(t *testing.T) {
		seattest.Run(t, seattest.Options{
			Open:    s.Connect,
			Lacks:   seattest.Lacks{Areas: true, References: true, Operator: true, Payer: true, Porter: true, Replication: true},
			Another: func(seatmap.Store) (seatmap.Store, error) { return s.Connect(t), nil },
			Cut:     func(seatmap.Store) (mend func() error, err error) { return s.Unplug() },
			Failover: func(client seatmap.Store, late func() error) (seatmap.Store, error) {
				if err := s.Replicate(false); err != nil {
					return nil, err
				}
				if err := late(); err != nil {
					return nil, err
				}
				return client, s.Promote()
			},
		})
	}
	_ = test
	// Output:
}
