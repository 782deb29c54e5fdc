package channel

func init() { steadyWaits = SteadyWaits }

// SteadyWaits is few, so that all tests come to rely on registrations.
const SteadyWaits = 3

// NewQueue returns a channel of any capacity that is served as a large one,
// for tests in which a small buffer finds more.
func NewQueue[T any](capacity int) (*Sender[T], *Receiver[T]) {
	return open(newBounded[T](capacity))
}

// Steal copies a permit, as no program may.
func Steal[T any](p *Permit[T]) *Permit[T] {
	return &Permit[T]{core: p.core, left: p.left}
}
