package park

import "sync/atomic"

// Gate is an event that many goroutines can wait for.
//
// To wait: call Wait, check the state, and receive from the channel if the state is not yet
// the expected one. To signal: change the state, then call Open. Either the waiter sees the
// new state, or Open sees the channel of the waiter.
//
// The zero Gate is ready to use. It must not be copied after first use and is
// safe for concurrent use. What happens before Open synchronizes before the
// return of a receive from a channel that this Open closed.
type Gate struct {
	waited atomic.Pointer[chan struct{}] // closed by the next Open; nil without waiters
}

// Wait returns a channel that the next Open closes. made reports whether this call has made
// the channel; otherwise an earlier Wait has. It allocates only if made is true.
func (g *Gate) Wait() (opened <-chan struct{}, made bool) {
	for {
		if c := g.waited.Load(); c != nil {
			return *c, false
		}
		c := make(chan struct{})
		if g.waited.CompareAndSwap(nil, &c) {
			return c, true
		}
	}
}

// Waited reports whether Wait was called since the last Open.
func (g *Gate) Waited() bool { return g.waited.Load() != nil }

// Open wakes all goroutines that wait, and reports whether Wait was called since the last
// Open. If not, Open is one atomic load.
func (g *Gate) Open() bool {
	return g.waited.Load() != nil && g.openSlow()
}

func (g *Gate) openSlow() bool {
	c := g.waited.Swap(nil)
	if c == nil {
		return false
	}
	close(*c)
	return true
}
