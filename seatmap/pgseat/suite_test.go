package pgseat_test

import (
	"testing"
	"time"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/pgseat"
	"github.com/coderrange/ferrous/seatmap/seattest"
)

var lacks = seattest.Lacks{Areas: true, Porter: true, Adder: true}

// TestStore runs the suite behind a network that is cut in the middle of calls, with a
// server that is killed.
func TestStore(t *testing.T) {
	s := startServer(t)
	p := startProxy(t, s.address())
	seattest.Run(t, seattest.Options{
		Open:  func(t *testing.T) seatmap.Store { return open(t, p.options(t)) },
		Lacks: lacks,
		Another: func(seatmap.Store) (seatmap.Store, error) {
			return pgseat.Open(t.Context(), p.options(t))
		},
		Restart: func(old seatmap.Store) (seatmap.Store, error) {
			if err := old.Close(); err != nil {
				return nil, err
			}
			s.kill()
			s.start()
			p.forwardTo(s.address())
			return pgseat.Open(t.Context(), p.options(t))
		},
		Patience: time.Minute,
		Cut: func(seatmap.Store) (mend func() error, err error) {
			p.forwardTo("")
			p.disconnect()
			return func() error {
				p.forwardTo(s.address())
				return nil
			}, nil
		},
	})
}

// TestStoreThroughPgBouncer has each transaction of a client get any of few connections.
func TestStoreThroughPgBouncer(t *testing.T) {
	s := startServer(t)
	b := startBouncer(t, s)
	seattest.Run(t, seattest.Options{
		Open:  func(t *testing.T) seatmap.Store { return open(t, optionsOf(t, b)) },
		Lacks: lacks,
		Another: func(seatmap.Store) (seatmap.Store, error) {
			return pgseat.Open(t.Context(), optionsOf(t, b))
		},
	})
}
