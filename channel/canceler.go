package channel

import "github.com/coderrange/ferrous/internal/park"

// canceler spares the waiters of a line the select on their context, which costs
// as much as all the rest of a wait.
//
// After steadyWaits waits in a row with one context, the line registers with that
// context, once. From then on a waiter with this context waits for its wake-up
// alone. When the context ends, the registered function takes these waiters out of
// the line and wakes them as canceled. A waiter with another context selects.
//
// No end is lost. A waiter relies on a registration that it finds in place under
// the guard, so the registered function has yet to take the guard. And whoever puts
// a registration in place looks at the context once more, since the function may
// have come before.
//
// A registration is given up for another context when nobody relies on it, and at
// the end of the channel. It does not keep the channel alive. But if the channel is
// dropped without a Close, the registration stays with the context.
//
// The guard of the line guards all fields. Contexts are told apart by their Done
// channel.
type canceler struct {
	registered *registration   // nil if there is none
	last       <-chan struct{} // of the last wait that selected
	waits      int32           // how many waits in a row had that
	relying    int32           // waiters that rely on the registration
}

// registration is a registration of a line with a context.
type registration struct {
	done <-chan struct{}
	stop func() bool
}

// end ends the registration, if there is one.
func (r *registration) end() {
	if r != nil {
		r.stop()
	}
}

// reliance is what a canceler knows of a waiter.
type reliance struct {
	relies   bool // on the registration
	canceled bool // by it
}

// steadyWaits is how many waits in a row make a line register. It is less in tests.
var steadyWaits int32 = 64

// begin is called when a wait begins. It reports whether the waiter relies on the
// registration, and if not, whether it should register.
func (c *canceler) begin(done <-chan struct{}) (relies, register bool) {
	switch {
	case done == nil: // it waits for its wake-up alone anyway
		return false, false
	case c.registered != nil && c.registered.done == done:
		c.relying++
		return true, false
	case c.last != done:
		c.last, c.waits = done, 0
	}
	c.waits++
	return false, c.waits >= steadyWaits && c.relying == 0
}

// end is called when a wait ends.
func (c *canceler) end(r reliance) {
	if r.relies {
		c.relying--
	}
}

// replace puts r in place, which may be nil. It returns the registration that was
// there, which the caller ends when it has released the guard.
func (c *canceler) replace(r *registration) (before *registration) {
	before = c.registered
	*c = canceler{registered: r, relying: c.relying}
	return before
}

// cancel takes the waiters that relied on the context with that Done channel out
// of the line, marks them as canceled and returns them, to be woken.
func cancel[W any](c *canceler, done <-chan struct{}, line *park.List[W], of func(*W) *reliance) (out park.Batch[W]) {
	if c.registered == nil || c.registered.done != done {
		return out
	}
	c.replace(nil)
	for p := line.Front(); p != nil; {
		next := p.Next()
		if r := of(&p.Want); r.relies {
			r.canceled = true
			line.Remove(p)
			out.Add(p)
		}
		p = next
	}
	return out
}
