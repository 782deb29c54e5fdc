package channel

import "fmt"

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

// Unquiet returns what is wrong with a channel on which no call is under way: what waits,
// or is counted, although nobody waits or has reserved anything.
func Unquiet[T any](rx *Receiver[T]) (faults []string) {
	check := func(ok bool, format string, a ...any) {
		if !ok {
			faults = append(faults, fmt.Sprintf(format, a...))
		}
	}
	switch c := rx.core.(type) {
	case *ring[T]:
		c.mu.lock()
		defer c.mu.unlock()
		check(c.promised == 0, "%d messages are promised", c.promised)
		check(c.reserved == 0, "%d slots are reserved", c.reserved)
		check(c.senders.Len() == 0, "%d senders wait", c.senders.Len())
		check(c.receivers.Len() == 0, "%d receivers wait", c.receivers.Len())
		check(c.sending.relying == 0, "%d senders rely on a registration", c.sending.relying)
		check(c.receiving.relying == 0, "%d receivers rely on a registration", c.receiving.relying)
	case *queue[T]:
		c.tail.lock()
		defer c.tail.unlock()
		check(c.reserved == 0, "%d slots are reserved", c.reserved)
		check(!c.collecting && c.collectors.Len() == 0, "a reserve of several slots goes on, and %d wait", c.collectors.Len())
		for name, b := range map[string]*notifier{"items": &c.items, "slots": &c.slots} {
			waiting, notified := b.waiting.Load(), b.notified.Load()
			tokens := len(tokenOf(&b.token))
			places := 0
			if r := b.ready.Load(); r != nil {
				places = int(r.n.Load())
			}
			check(waiting == int64(places)*readyUnit, "%s: %d waiters beside %d of Ready", name, waiting, places)
			check(notified == (tokens > 0), "%s: notified is %t beside %d tokens", name, notified, tokens)
		}
	}
	return faults
}
