package park

import "sync/atomic"

// Gate is an event that many goroutines can await.
//
// To wait: take the channel from Wait, look whether the awaited state has
// come, and only then receive. To signal: change the state, then call Open.
// Either the waiter sees the state or Open sees the waiter's channel.
//
// The zero Gate is ready to use. It must not be copied after first use and is
// safe for concurrent use. What happens before Open synchronizes before the
// return of a receive from a channel that this Open closed.
type Gate struct {
	waited atomic.Pointer[chan struct{}] // closed by the next Open, nil while nobody waits
}

// Wait returns a channel that the next Open closes. made says that no earlier
// Wait had asked for it. It allocates only when made.
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

// Waited reports whether an Open would wake anyone who asked to.
func (g *Gate) Waited() bool { return g.waited.Load() != nil }

// Open wakes everyone who waits and reports whether anyone had asked to. When
// nobody had, it costs one atomic load.
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
