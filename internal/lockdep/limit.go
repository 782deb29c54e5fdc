package lockdep

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// limits is what was told of a lock, and when it is to be looked at again.
type limits struct {
	due atomic.Int64 // when the timer goes off that looks at the holds; zero if there is none

	mu     sync.Mutex
	told   [][2]*place // recursions
	waited int64       // when it was told last that it is waited for for long
}

// most bounds the recursions of one lock that are reported.
const most = 16

// isNews reports whether a recursion has not been told, and is now.
func (l *limits) isNews(held, again *place) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	pair := [2]*place{held, again}
	if len(l.told) == most || slices.Contains(l.told, pair) {
		return false
	}
	l.told = append(l.told, pair)
	return true
}

var began = time.Now()

// clock returns the time since some moment. In a bubble of testing/synctest it is
// the bubble's, which is far from that of others.
func clock() int64 { return int64(time.Since(began)) }

// isWithin reports whether t is not before now and at most limit later. So a time
// that was noted in a bubble means nothing outside.
func isWithin(t, now int64, limit time.Duration) bool { return t >= now && t-now <= int64(limit) }

// limit notes when a hold begins that is to be looked at when the limit is over.
func (c *Checker) limit(h *hold, limit time.Duration) {
	now := clock()
	h.since.Store(now)
	c.arm(h.lock, now, now+int64(limit), limit)
}

// arm sets a timer that looks at the lock's holds when they are due, unless one
// goes off earlier.
func (c *Checker) arm(l *Lock, now, due int64, limit time.Duration) {
	if old := l.limits.due.Load(); !isWithin(old, now, limit) && l.limits.due.CompareAndSwap(old, due) {
		time.AfterFunc(time.Duration(due-now), func() { c.overdue(l, due) })
	}
}

// overdue reports the holds of l that have lasted too long, and sets the timer
// for the next.
func (c *Checker) overdue(l *Lock, due int64) {
	isLast := l.limits.due.CompareAndSwap(due, 0)
	o := c.listening.Load()
	if o == nil || o.Limit == 0 {
		return
	}
	var found []*Report
	now, next := clock(), int64(0)
	l.all(Of(Exclusive, Shared, Upgradable), func(h *hold, stamp uint64) {
		since := h.since.Load()
		switch end := since + int64(o.Limit); {
		case since == 0 || h.told.Load() == since:
		case end > now:
			if next == 0 || end < next {
				next = end
			}
		default:
			h.told.Store(since)
			if r := (&Report{LongHold, []Step{c.step(h, nil)}, time.Duration(now - since)}); h.stamp.Load() == stamp {
				found = append(found, r)
			}
		}
	})
	if isLast && next != 0 {
		c.arm(l, now, next, o.Limit)
	}
	c.Tell(found...)
}

// holders is how many of those who hold a lock a report names.
const holders = 8

// waitedLong returns a report that w has waited for long, and who holds the lock,
// unless that of another one is newer than the limit.
func (c *Checker) waitedLong(w *Wait) *Report {
	o := c.listening.Load()
	if o == nil {
		return nil
	}
	now, l := clock(), &w.lock.limits
	l.mu.Lock()
	last := l.waited
	isNews := last == 0 || !isWithin(now, last, o.Limit-1)
	if isNews {
		l.waited = now
	}
	l.mu.Unlock()
	if !isNews {
		return nil
	}
	r := &Report{LongWait, []Step{c.step(nil, w)}, o.Limit}
	w.lock.all(Of(Exclusive, Shared, Upgradable), func(h *hold, _ uint64) {
		if len(r.Steps) <= holders {
			r.Steps = append(r.Steps, c.step(h, nil))
		}
	})
	return r
}
