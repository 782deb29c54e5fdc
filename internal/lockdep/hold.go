package lockdep

import (
	"sync/atomic"
)

// A hold is the record of a hold of a lock, from Begin to End. After End it is used
// again for another hold. Each lock has one hold for Exclusive, one for Upgradable, and
// one for each share at a time. Any goroutine finds a hold with the lock and a key.
//
// Other goroutines may read a hold while it ends, as with a sequence lock: they read the
// stamp, then the other fields, and then the stamp again. If it has changed, they ignore
// what they have read.
type hold struct {
	lock  *Lock
	mode  Mode
	index uint32 // of a share: its index in shares.all

	stamp atomic.Uint64             // odd while the lock is held; changes with Begin, Adopt, Disown and End
	owner atomic.Pointer[goroutine] // nil if the hold was disowned
	place atomic.Pointer[place]     // where the lock was acquired
	again atomic.Pointer[place]     // where the owner wanted the same lock again, or nil
	since atomic.Int64              // when the hold began; zero if there was no limit
	turn  atomic.Uint32             // of a share: how often the record was used
}

func (h *hold) isHeld() bool { return h.stamp.Load()%2 == 1 }

// shareBits is the number of bits of a key that are the index of a share. The other bits
// are the turn, so the key of a share that has ended does not find the next share with
// the same index.
const shareBits = 20

// KeyBits is the maximum number of bits of a key.
const KeyBits = 37

func (h *hold) key() uint64 {
	return uint64(h.turn.Load())<<shareBits&(1<<KeyBits-1) | uint64(h.index)
}

// inner is the number of innermost calls that are always in the package of the locks.
const inner = 2

// Begin records that the calling goroutine has acquired l in mode m, and returns the key
// of the hold. If the checker is off or does not follow the goroutine, Begin does nothing
// and returns false. Only shares need the key.
func (c *Checker) Begin(l *Lock, m Mode) (key uint64, ok bool) {
	o := c.listening.Load()
	if o == nil || o.Sample > 1 && !c.goroutines.me().follows(o.Sample) {
		return 0, false
	}
	h := l.vacant(m)
	g := c.goroutines.enter()
	if p := c.places.here(inner); h.place.Load() != p {
		h.place.Store(p)
	}
	if h.owner.Load() != g {
		h.owner.Store(g)
	}
	if h.again.Load() != nil {
		h.again.Store(nil)
	}
	if h.since.Load() != 0 {
		h.since.Store(0)
	}
	own := g.list(h, h.stamp.Add(1))
	if o.Limit > 0 {
		c.bounded(g, own, o.Limit)
	}
	return h.key(), true
}

// vacant returns a hold of l for mode m that is not in use.
func (l *Lock) vacant(m Mode) *hold {
	if m == Exclusive {
		return &l.exclusive
	}
	s := l.shared()
	if m == Upgradable {
		return &s.upgradable
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.free); n > 0 {
		h := s.all[s.free[n-1]]
		s.free = s.free[:n-1]
		h.turn.Add(1)
		return h
	}
	h := &hold{lock: l, mode: Shared, index: uint32(len(s.all))}
	s.all = append(s.all, h)
	return h
}

// find returns the hold with the given mode and key, or nil if it has ended. For a share,
// the shares of the lock are locked until release is called.
func (l *Lock) find(m Mode, key uint64) (h *hold, release func()) {
	s := l.shares.Load()
	switch {
	case m == Shared && s != nil:
		s.mu.Lock()
		if i := key & (1<<shareBits - 1); i < uint64(len(s.all)) && s.all[i].isHeld() && s.all[i].key() == key {
			return s.all[i], s.mu.Unlock
		}
		s.mu.Unlock()
		return nil, nothing
	case m == Shared:
		return nil, nothing
	case m != Upgradable && l.exclusive.isHeld():
		return &l.exclusive, nothing
	case s != nil && s.upgradable.isHeld():
		return &s.upgradable, nothing
	default:
		return nil, nothing
	}
}

func nothing() {}

// Holds reports whether there is a record of the hold and it has not ended.
func (c *Checker) Holds(l *Lock, m Mode, key uint64) bool {
	h, release := l.find(m, key)
	defer release()
	return h != nil
}

// End ends a hold, and reports whether there was a record of it. A hold that was upgraded
// ends with mode Exclusive. End must be called before another hold of the same mode can
// begin. If r is not nil, the caller must pass it to [Checker.Tell].
func (c *Checker) End(l *Lock, m Mode, key uint64) (r *Report, ok bool) {
	h, release := &l.exclusive, nothing
	if m != Exclusive || !h.isHeld() {
		h, release = l.find(m, key)
	}
	if h == nil {
		return nil, false
	}
	owner, held, again := h.owner.Load(), h.place.Load(), h.again.Load()
	h.stamp.Add(1)
	owner.leave()
	if h.mode == Shared {
		s := l.shares.Load()
		s.free = append(s.free, h.index)
	}
	release()
	if again != nil && owner != nil && owner == c.goroutines.me() {
		return c.recursion(l, owner.id, held, again), true
	}
	return nil, true
}

// leave counts that a hold or a wait of g has ended. g may be nil.
func (g *goroutine) leave() {
	if g != nil {
		g.live.Add(-1)
	}
}

// Adopt records that the calling goroutine owns a hold from now on. If there is no record
// of the hold, Adopt does nothing. End must not be called while Adopt runs.
func (c *Checker) Adopt(l *Lock, m Mode, key uint64) {
	h, release := l.find(m, key)
	defer release()
	if h == nil {
		return
	}
	g := c.goroutines.enter()
	h.again.Store(nil)
	h.owner.Swap(g).leave()
	own := g.list(h, h.stamp.Add(2))
	if o := c.listening.Load(); o != nil && o.Limit > 0 {
		c.bounded(g, own, o.Limit)
	}
}

// Disown records that no goroutine owns a hold from now on. If there is no record of the
// hold, Disown does nothing. End must not be called while Disown runs.
func (c *Checker) Disown(l *Lock, m Mode, key uint64) {
	h, release := l.find(m, key)
	defer release()
	if h == nil {
		return
	}
	h.again.Store(nil)
	g := h.owner.Swap(nil)
	g.leave()
	nobodys := listed{h, h.stamp.Add(2)}
	if o := c.listening.Load(); o != nil && o.Limit > 0 && g != nil {
		c.bounded(g, nobodys, o.Limit)
	}
}
