package lockdep

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// A Lock is what is known of a lock.
type Lock struct {
	id     uint64
	kind   string
	name   atomic.Pointer[string]
	place  *place // where it was made or, if not isMade, first seen
	isMade bool

	exclusive hold
	shares    atomic.Pointer[shares] // nil as long as it was not shared
	told      told
	vertex    vertex
}

// shares are the holds of a lock that others may share.
type shares struct {
	upgradable hold

	mu   sync.Mutex
	all  []*hold // by index
	free []uint32
}

// A Ref ties a lock to what is known of it: nothing here refers to it, so that
// the garbage collector can tell when the lock is gone. The lock must refer to it,
// and nothing else must.
type Ref struct{ *Lock }

var lastLock atomic.Uint64

// Made returns what is known of a lock that the caller's caller just makes. The
// kind is its type.
func (c *Checker) Made(kind string) *Ref { return c.lock(kind, true) }

// Seen is [Checker.Made] for a lock that was made before.
func (c *Checker) Seen(kind string) *Ref { return c.lock(kind, false) }

func (c *Checker) lock(kind string, isMade bool) *Ref {
	l := &Lock{id: lastLock.Add(1), kind: kind, place: c.places.here(0), isMade: isMade}
	l.exclusive.lock = l
	l.vertex.id, l.vertex.lock = l.id, l
	r := &Ref{l}
	runtime.AddCleanup(r, c.forget, l)
	return r
}

// Name gives the lock a name.
func (l *Lock) Name(name string) { l.name.Store(&name) }

// Given returns the name that the lock was given, or nothing.
func (l *Lock) Given() string {
	if name := l.name.Load(); name != nil {
		return *name
	}
	return ""
}

// describe returns the name, or the type and the place.
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

// shared returns the lock's shares.
func (l *Lock) shared() *shares {
	if s := l.shares.Load(); s != nil {
		return s
	}
	s := new(shares)
	s.upgradable.lock, s.upgradable.mode = l, Upgradable
	l.shares.CompareAndSwap(nil, s)
	return l.shares.Load()
}

// forget takes a lock that is garbage out of the orders, and ends its holds:
// nobody can unlock it any more.
func (c *Checker) forget(l *Lock) {
	l.all(Of(Exclusive, Shared, Upgradable), func(h *hold, stamp uint64) {
		h.stamp.Store(stamp + 1)
		h.owner.Load().leave()
	})
	c.orders.forget(&l.vertex)
}

// all calls f for each hold of the given modes that has not ended, with its stamp.
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
