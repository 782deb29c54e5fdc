package lockdep

import (
	"slices"
	"sync"
	"time"
)

// limits has the holds of a goroutine that are reported when they have lasted too long.
// There is a timer for each goroutine and not for each lock, since a goroutine is always
// in the same bubble of testing/synctest, or always outside of all bubbles.
type limits struct {
	mu      sync.Mutex
	holds   []listed
	isArmed bool // the timer is running
}

// bounded adds a hold that the goroutine has begun or adopted, and starts the timer if it
// is not running.
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

// clock returns the time since the start of the program. In a bubble of testing/synctest
// it uses the time of the bubble.
func clock() int64 { return int64(time.Since(began)) }

var began = time.Now()

// overdue reports the holds of g that have lasted too long, and starts the timer for the
// next one.
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
		if !l.stale() { // then it was not stale while the report was made
			found = append(found, r)
		}
		return true
	})
	if len(g.limits.holds) > 0 {
		g.limits.isArmed = true
		time.AfterFunc(next, func() { c.overdue(g) })
	}
}

// told records what was reported about a lock, to avoid repeated reports.
type told struct {
	mu         sync.Mutex
	recursions [][2]*place // where the lock was held, and where it was wanted again
	longWait   int64       // time of the last report of a long wait
}

// maxRecursions is how many recursions of one lock are reported.
const maxRecursions = 16

// isNews reports whether a recursion was not reported before, and records it.
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

// isTime reports whether no long wait was reported within the limit, and records one now.
// A last report in the future is from another bubble and is ignored.
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

// maxHolders is the maximum number of holders in a report.
const maxHolders = 8

// waitedLong returns a report that w has waited for long, with the holders of the lock. It
// returns nil if a long wait for the same lock was reported within the limit.
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
