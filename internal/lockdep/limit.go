package lockdep

import (
	"slices"
	"sync"
	"time"
)

// limits are the holds of a goroutine that are to be looked at when they have
// lasted for long. A timer belongs to a goroutine and
// not to a lock, since a goroutine spends its life in one bubble of
// testing/synctest, or outside of all.
type limits struct {
	mu      sync.Mutex
	holds   []listed
	isArmed bool
}

// bounded adds a hold that the goroutine has begun or adopted.
func (c *Checker) bounded(g *goroutine, l listed, limit time.Duration) {
	l.hold.since.CompareAndSwap(0, clock())
	g.limits.mu.Lock()
	defer g.limits.mu.Unlock()
	if len(g.limits.holds) == cap(g.limits.holds) {
		g.limits.holds = slices.DeleteFunc(g.limits.holds, listed.stale)
	}
	g.limits.holds = append(g.limits.holds, l)
	if !g.limits.isArmed {
		g.limits.isArmed = true
		time.AfterFunc(limit, func() { c.overdue(g) })
	}
}

// clock returns the time since some moment, which a bubble of testing/synctest has
// for itself.
func clock() int64 { return int64(time.Since(began)) }

var began = time.Now()

// overdue reports the holds of g that have lasted too long, and sets the timer for
// the next.
func (c *Checker) overdue(g *goroutine) {
	var found []*Report
	defer func() { c.Tell(found...) }()
	g.limits.mu.Lock()
	defer g.limits.mu.Unlock()
	g.limits.isArmed = false
	o := c.listening.Load()
	if o == nil || o.Limit == 0 {
		g.limits.holds = nil
		return
	}
	next := o.Limit
	g.limits.holds = slices.DeleteFunc(g.limits.holds, func(l listed) bool {
		lasted := time.Duration(clock() - l.hold.since.Load())
		if left := o.Limit - lasted; left > 0 && !l.stale() {
			next = min(next, left)
			return false
		}
		r := &Report{LongHold, []Step{c.step(l.hold, nil)}, lasted}
		if !l.stale() { // nor was it while the report was made
			found = append(found, r)
		}
		return true
	})
	if len(g.limits.holds) > 0 {
		g.limits.isArmed = true
		time.AfterFunc(next, func() { c.overdue(g) })
	}
}

// told is what was reported of a lock.
type told struct {
	mu         sync.Mutex
	recursions [][2]*place
	longWait   int64 // when it was that somebody waits for long
}

// maxRecursions is how many recursions of one lock are reported.
const maxRecursions = 16

// isNews reports whether a recursion has not been told, and is now.
func (t *told) isNews(held, again *place) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	pair := [2]*place{held, again}
	if len(t.recursions) == maxRecursions || slices.Contains(t.recursions, pair) {
		return false
	}
	t.recursions = append(t.recursions, pair)
	return true
}

// isTime reports whether no other long wait was told within the limit, and tells
// one now. A time far away is that of another bubble.
func (t *told) isTime(limit time.Duration) bool {
	now := clock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if past := now - t.longWait; t.longWait != 0 && past >= 0 && past < int64(limit) {
		return false
	}
	t.longWait = now
	return true
}

// maxHolders is how many of the goroutines that hold a lock a report names.
const maxHolders = 8

// waitedLong returns a report that w has waited for long, and who holds the lock,
// unless another one is not older than the limit.
func (c *Checker) waitedLong(w *Wait) *Report {
	if !w.lock.told.isTime(w.limit) {
		return nil
	}
	r := &Report{LongWait, []Step{c.step(nil, w)}, w.limit}
	w.lock.all(Of(Exclusive, Shared, Upgradable), func(h *hold, _ uint64) {
		if isOwn := w.mode == Upgrade && h.mode == Upgradable; !isOwn && len(r.Steps) <= maxHolders {
			r.Steps = append(r.Steps, c.step(h, nil))
		}
	})
	return r
}
