package lockdep

import "time"

// Parked is a goroutine that waits in the queue of a lock. The package of the locks
// implements it.
type Parked interface {
	// Blockers returns the modes of the present holds that block the goroutine or a
	// waiter before it in the queue. It returns no mode if the goroutine no longer
	// waits.
	Blockers() Modes
}

// A Wait is the record of a goroutine that waits for a lock, from Wait to End.
type Wait struct {
	goroutine *goroutine
	lock      *Lock
	mode      Mode
	place     *place
	parked    Parked
	outer     *Wait         // the wait during which the report function called Wait, or nil
	begun     uint64        // time on Checker.clock
	limit     time.Duration // zero if there is none
	cycleIn   time.Duration // time until the search for cycles; negative after the search
	longIn    time.Duration // time until the wait is a long one; negative without a limit or after the report

	// These are guarded by Checker.searching.
	clear      uint64 // there was no cycle beyond this wait at this time on Checker.clock
	visiting   uint64 // the search that has this wait on its path
	isReported bool   // as part of a cycle
}

// Wait begins w: the calling goroutine is about to wait for l in mode m. It returns the
// time after which Look must be called.
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

// next returns the time until the next Look, or a negative time if there is none.
func (w *Wait) next() time.Duration {
	if w.cycleIn < 0 || w.longIn >= 0 && w.longIn < w.cycleIn {
		return w.longIn
	}
	return w.cycleIn
}

// IsWorthALook reports whether Look may have something to report now. If not, there is no
// cycle with w. A later cycle is completed by a later wait, whose own Look finds it. Any
// goroutine may call IsWorthALook.
func (c *Checker) IsWorthALook(w *Wait) (yes bool) {
	if w.limit > 0 {
		return true
	}
	w.each(func(link) { yes = true })
	return yes
}

// Look does the searches that are due, reports what they find, and returns the time after
// which Look must be called again, or a negative time. The waiting goroutine must call it.
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

// End ends w. The goroutine that began w must call it.
func (w *Wait) End() {
	w.goroutine.wait.Store(w.outer)
	w.goroutine.leave()
}
