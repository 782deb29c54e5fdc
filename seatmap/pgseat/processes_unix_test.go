//go:build unix

package pgseat_test

import (
	"testing"

	"github.com/coderrange/ferrous/internal/testkit/outage"
	"github.com/coderrange/ferrous/seatmap"
)

// TestAnOrderExplainsWhatFourProcessesAreAnswered kills the server now and then.
func TestAnOrderExplainsWhatFourProcessesAreAnswered(t *testing.T) {
	outage.Processes(t, func(t *testing.T) (string, func()) {
		s := startServer(t)
		p := startProxy(t, s.address())
		return p.listener.Addr().String(), func() {
			s.kill()
			s.start()
			p.forwardTo(s.address())
		}
	}, func(t *testing.T, address string) seatmap.Store { return open(t, optionsOf(t, address)) })
}
