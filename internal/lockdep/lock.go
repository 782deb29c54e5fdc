package lockdep

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// A Lock is the record of a lock.
type Lock struct {
	id     uint64
	kind   string // the type of the lock
	name   atomic.Pointer[string]
	place  *place // where the lock was made or, if not isMade, first seen
	isMade bool

	exclusive hold
	shares    atomic.Pointer[shares] // nil until the lock is shared for the first time
	told      told
	vertex    vertex
}

// shares are the holds of a lock that do not exclude each other.
type shares struct {
	upgradable hold

	mu   sync.Mutex
	all  []*hold  // by index
	free []uint32 // indices of holds that are not in use
}

// A Ref connects a lock with its record. The lock must refer to its Ref, and nothing
// else may. When the garbage collector frees the lock, it also frees the Ref, and the
// checker then removes the record.
type Ref struct{ *Lock }

var lastLock atomic.Uint64 // the last id

// Made returns a record for a lock that the caller of the caller is making. kind is the
// type of the lock.
func (c *Checker) Made(kind string) *Ref { return c.lock(kind, true) }

// Seen is [Checker.Made] for a lock that was made earlier.
func (c *Checker) Seen(kind string) *Ref { return c.lock(kind, false) }

func (c *Checker) lock(kind string, isMade bool) *Ref {
	l := &Lock{id: lastLock.Add(1), kind: kind, place: c.places.here(0), isMade: isMade}
	l.exclusive.lock = l
	l.vertex.id, l.vertex.lock = l.id, l
	r := &Ref{l}
	runtime.AddCleanup(r, c.forget, l)
	return r
}

// Name sets the name of the lock.
func (l *Lock) Name(name string) { l.name.Store(&name) }

// Given returns the name that Name set, or an empty string.
func (l *Lock) Given() string {
	if name := l.name.Load(); name != nil {
		return *name
	}
	return ""
}

// describe returns the name of the lock, or its type, number and place.
func (c *Checker) describe(l *Lock) string {
	if name := l.Given(); name != "" {
		return name
	}
	verb := "first seen"
	if l.isMade {
		verb = "made"
	}
	return fmt.Sprintf("%s #%d %s at %s", l.kind, l.id, verb, c.site(l.place))
}

// shared returns the shares of the lock, and makes them if there are none.
func (l *Lock) shared() *shares {
	if s := l.shares.Load(); s != nil {
		return s
	}
	s := new(shares)
	s.upgradable.lock, s.upgradable.mode = l, Upgradable
	l.shares.CompareAndSwap(nil, s)
	return l.shares.Load()
}

// forget removes a lock that the garbage collector has freed from the orders, and ends
// its holds.
func (c *Checker) forget(l *Lock) {
	l.all(Of(Exclusive, Shared, Upgradable), func(h *hold, stamp uint64) {
		h.stamp.Store(stamp + 1)
		h.owner.Load().leave()
	})
	c.orders.forget(&l.vertex)
}

// all calls f with each hold of the given modes that has not ended, and with its stamp.
func (l *Lock) all(modes Modes, f func(h *hold, stamp uint64)) {
	visit := func(h *hold) {
		if stamp := h.stamp.Load(); stamp%2 == 1 {
			f(h, stamp)
		}
	}
	if modes.Has(Exclusive) {
		visit(&l.exclusive)
	}
	s := l.shares.Load()
	if s == nil {
		return
	}
	if modes.Has(Upgradable) {
		visit(&s.upgradable)
	}
	if modes.Has(Shared) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, h := range s.all {
			visit(h)
		}
	}
}
