package lockdep

import (
	"sync/atomic"
)

// A hold is a lock that is held, from Begin to End; then it is used for the next
// one. There is one for each way in which a lock can be held, and one for each
// share, so that it is found by the lock and a key, whoever asks.
//
// Others may read it while it ends. They read the stamp, then what they want to
// know, and then the stamp again.
type hold struct {
	lock  *Lock
	mode  Mode
	index uint32 // of a share, among those of the lock

	stamp atomic.Uint64             // odd while it is held; changes with each beginning, move and end
	owner atomic.Pointer[goroutine] // nil if it was disowned
	place atomic.Pointer[place]     // where it began
	again atomic.Pointer[place]     // where its owner wanted the lock once more, if it did
	since atomic.Int64              // when it began; zero if there was no limit
	turn  atomic.Uint32             // of a share: how often it was used
}

func (h *hold) isHeld() bool { return h.stamp.Load()%2 == 1 }

// shareBits is how many bits of a key are the index of a share. The others are its
// turn, so that the key of a share that has ended is not good for the next one.
const shareBits = 20

// KeyBits is how many bits a key has at most.
const KeyBits = 37

func (h *hold) key() uint64 {
	return uint64(h.turn.Load())<<shareBits&(1<<KeyBits-1) | uint64(h.index)
}

// inner is how many of the innermost calls are the owner's in any case.
const inner = 2

// Begin notes that the calling goroutine has just taken l in mode m, and returns
// the key of the hold. It does nothing, and reports false, if the checker is off or
// the goroutine is not followed. Only shares need their key.
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

// vacant returns a hold of l that is not in use.
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

// find returns a hold that has not ended, or nil. If it is a share the shares are
// locked until release is called.
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

// Holds reports whether a hold is known and has not ended.
func (c *Checker) Holds(l *Lock, m Mode, key uint64) bool {
	h, release := l.find(m, key)
	defer release()
	return h != nil
}

// End ends a hold, and reports whether it was known. A hold that was upgraded
// ends as an exclusive one. End must be called before another one of the same mode
// can begin. What it returns, if anything, is for [Checker.Tell].
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

// leave takes away a hold or a wait that has ended.
func (g *goroutine) leave() {
	if g != nil {
		g.live.Add(-1)
	}
}

// Adopt notes that a hold, if it is known, is the calling goroutine's from now on.
// End must not be called meanwhile.
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

// Disown notes that a hold, if it is known, is no goroutine's from now on. End must
// not be called meanwhile.
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
