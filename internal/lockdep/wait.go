package lockdep

import "time"

// Parked tells of a goroutine that is parked for a lock.
type Parked interface {
	// Blockers returns the modes of the holds that keep it, or one before it in
	// the line, out of the lock; none if it does not wait any more.
	Blockers() Modes
}

// A Wait is a goroutine that is parked for a lock, from Wait to End.
type Wait struct {
	goroutine *goroutine
	lock      *Lock
	mode      Mode
	place     *place
	parked    Parked
	outer     *Wait         // of the same goroutine, which waits within a report
	begun     uint64        // by the checker's clock
	limit     time.Duration // zero if there is none
	cycleIn   time.Duration // until a cycle is to be looked for; negative when it was
	longIn    time.Duration // until it has waited for long; negative if there is no limit or it was told

	// These are guarded by searching.
	clear      uint64 // there was no cycle beyond this wait at that time of the checker's clock
	visiting   uint64 // the search that is on its way through it
	isReported bool   // as part of a cycle
}

// Wait begins w: the calling goroutine is going to be parked for l in mode m. It
// returns after what time to call Look.
func (c *Checker) Wait(w *Wait, l *Lock, m Mode, parked Parked) time.Duration {
	g := c.goroutines.enter()
	*w = Wait{goroutine: g, lock: l, mode: m, place: c.places.here(0), parked: parked, outer: g.wait.Load(), longIn: -1}
	if o := c.listening.Load(); o != nil {
		w.cycleIn = o.After
		if o.Limit > 0 {
			w.longIn, w.limit = o.Limit, o.Limit
		}
	}
	w.begun = c.clock.Add(1)
	g.wait.Store(w)
	return w.next()
}

// next returns the time until the next look, negative if there is none.
func (w *Wait) next() time.Duration {
	if w.cycleIn < 0 || w.longIn >= 0 && w.longIn < w.cycleIn {
		return w.longIn
	}
	return w.cycleIn
}

// IsWorthALook reports whether there may be something for Look to report now. If
// there is not, and no cycle so far, there is none before another wait begins,
// which looks for itself. Any goroutine may call it.
func (c *Checker) IsWorthALook(w *Wait) (yes bool) {
	if w.limit > 0 {
		return true
	}
	w.each(func(link) { yes = true })
	return yes
}

// Look looks for what is due, reports it, and returns after what time to call
// it again, or a negative time. The waiting goroutine calls it.
func (c *Checker) Look(w *Wait) time.Duration {
	passed := w.next()
	isCycleDue, isLongDue := w.cycleIn == passed, w.longIn == passed
	w.cycleIn -= passed
	w.longIn -= passed
	if isCycleDue {
		w.cycleIn = -1
		c.Tell(c.search(w)...)
	}
	if isLongDue {
		w.longIn = -1
		c.Tell(c.waitedLong(w))
	}
	return w.next()
}

// End ends w. The goroutine that began it calls it.
func (w *Wait) End() {
	w.goroutine.wait.Store(w.outer)
	w.goroutine.leave()
}
