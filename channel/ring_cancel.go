package channel

import "github.com/coderrange/ferrous/internal/park"

// canceler lets the waiters of one side of a ring wait without a select on their
// context. That select costs as much as the rest of a wait. The algorithm is ours.
//
// After steadyWaits waits in a row with one context, the side registers a function
// with that context, once. From then on a waiter with this context waits for its
// wake-up only. When the context is done, the registered function removes these
// waiters from their queue and wakes them as canceled. A waiter with another context
// uses a select.
//
// No cancellation is lost. A waiter relies on a registration only if it finds the
// registration in place under the ring's lock; then the registered function has not
// taken that lock yet. The goroutine that puts a registration in place checks the
// context once more under the lock, since the function may have run before.
//
// A registration is replaced by that of another context when no waiter relies on it,
// and removed when the channel ends. It does not keep the channel alive. But if the
// channel becomes unreachable without a Close, the registration stays with the
// context.
//
// The ring's lock guards all fields. Contexts are compared by their Done channel.
type canceler struct {
	registered *registration   // nil if there is none
	last       <-chan struct{} // Done of the last wait that used a select
	waits      int32           // how many waits in a row had the same
	relying    int32           // waiters that rely on the registration
}

// registration is a function that one side of a ring registered with a context.
type registration struct {
	done <-chan struct{}
	stop func() bool
}

// end removes the registration from its context. r may be nil.
func (r *registration) end() {
	if r != nil {
		r.stop()
	}
}

// cancelState is the part of a waiter that belongs to a canceler.
type cancelState struct {
	relies   bool // on the registration
	canceled bool // by the registered function
}

// steadyWaits is after how many waits in a row a side registers. Tests lower it.
var steadyWaits int32 = 64

// begin is called when a wait begins. It reports whether the waiter relies on the
// registration, and if not, whether it should register.
func (c *canceler) begin(done <-chan struct{}) (relies, register bool) {
	switch {
	case done == nil: // it waits for its wake-up only, anyway
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
func (c *canceler) end(r cancelState) {
	if r.relies {
		c.relying--
	}
}

// replace puts r, which may be nil, in place. It returns the former registration,
// which the caller ends after it has released the lock.
func (c *canceler) replace(r *registration) (before *registration) {
	before = c.registered
	*c = canceler{registered: r, relying: c.relying}
	return before
}

// cancel removes the waiters that rely on the context with that Done channel from
// their queue, marks them as canceled and returns them to be woken.
func cancel[W any](c *canceler, done <-chan struct{}, line *park.List[W], of func(*W) *cancelState) (out park.Batch[W]) {
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
