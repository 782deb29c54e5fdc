package lockdep

import "slices"

// A link is an edge of the graph of waits: a hold that blocks a wait, and the wait of the
// owner of the hold.
type link struct {
	hold  *hold
	stamp uint64 // of the hold, when the link was made
	wait  *Wait  // of the owner of the hold
}

// A visit is a wait on the current path of a search.
type visit struct {
	wait       *Wait
	next, last int    // range of its links that are still to be followed
	first      int    // index of its first link
	clear      uint64 // the clear value of the wait, from what the search has seen so far
}

// search searches for cycles of goroutines that wait for each other, starting from w, and
// returns reports of those that were not reported before.
//
// It is a depth-first search: from a wait to the holds that block it, and from each hold
// to the wait of its owner. It keeps the current path; a wait that is on the path again
// closes a cycle.
//
// A cycle is complete when the last of its waits begins, because a goroutine that begins
// to hold a lock does not wait. So each wait has to find only the cycles that existed when
// it began. If a search finds no cycle beyond a wait, it marks that wait as clear at the
// time when the search began. (If the search itself skipped a clear wait, the earlier time
// of that wait counts.) A search from a wait that began before that time skips the clear
// wait. So the searches of thousands of goroutines that wait for one lock are short.
func (c *Checker) search(w *Wait) (found []*Report) {
	c.searching.Lock()
	defer c.searching.Unlock()
	now := c.clock.Add(1)
	var links []link
	var way []visit
	enter := func(w *Wait) {
		w.visiting = now
		first := len(links)
		w.each(func(l link) { links = append(links, l) })
		way = append(way, visit{w, first, len(links), first, now})
	}
	enter(w)
	for len(way) > 0 {
		at := &way[len(way)-1]
		if at.next == at.last {
			at.wait.visiting = 0
			at.wait.clear = at.clear
			links = links[:at.first]
			way = way[:len(way)-1]
			if len(way) > 0 {
				to := &way[len(way)-1]
				to.clear = min(to.clear, at.clear)
			}
			continue
		}
		l := links[at.next]
		at.next++
		switch x := l.wait; {
		case x.isReported:
			at.clear = 0
		case x.visiting == now:
			at.clear = 0
			if r := c.cycle(ring(way, links, x)); r != nil {
				found = append(found, r)
			}
		case x.clear >= w.begun:
			at.clear = min(at.clear, x.clear)
		default:
			enter(x)
		}
	}
	return found
}

// ring returns the links of the cycle: those on the path from x back to x.
func ring(way []visit, links []link, x *Wait) (all []link) {
	begin := slices.IndexFunc(way, func(v visit) bool { return v.wait == x })
	for _, v := range way[begin:] {
		all = append(all, links[v.next-1])
	}
	return all
}

// each calls f for each hold that blocks w and whose owner also waits. A hold blocks w if
// it excludes w or a waiter before w in the queue: a reader is blocked by readers only if
// a writer waits before it.
func (w *Wait) each(f func(link)) {
	w.lock.all(w.parked.Blockers(), func(h *hold, stamp uint64) {
		if w.mode == Upgrade && h.mode == Upgradable {
			return // the hold that is to be upgraded does not block
		}
		if g := h.owner.Load(); g != nil {
			if x := g.wait.Load(); x != nil {
				f(link{h, stamp, x})
			}
		}
	})
}

// cycle returns a report of the links of a cycle, or nil if the links did not exist at the
// same time. It first checks that each goroutine still waits, and then that each hold is
// unchanged. If both are true, all links existed at the time between the two checks.
func (c *Checker) cycle(links []link) *Report {
	for i, l := range links {
		if next := links[(i+1)%len(links)]; !l.wait.parked.Blockers().Has(next.hold.mode) {
			return nil
		}
	}
	for _, l := range links {
		if l.hold.stamp.Load() != l.stamp {
			return nil
		}
	}
	for _, l := range links {
		l.wait.isReported = true
	}
	if l := links[0]; len(links) == 1 {
		again := l.hold.again.Swap(nil)
		if again == nil { // the hold was adopted after the second Want
			again = l.wait.place
		}
		return c.recursion(l.hold.lock, l.wait.goroutine.id, l.hold.place.Load(), again)
	}
	r := &Report{Kind: Cycle}
	for _, l := range links {
		r.Steps = append(r.Steps, c.step(l.hold, l.wait))
	}
	return r
}

// step returns the step of a goroutine that has hold h and wait w. One of them may be nil.
func (c *Checker) step(h *hold, w *Wait) (s Step) {
	if h != nil {
		s.Holds, s.HoldStack = c.describe(h.lock), c.stack(h.place.Load())
		if g := h.owner.Load(); g != nil {
			s.Goroutine = g.id
			if w == nil {
				w = g.wait.Load()
			}
		}
	}
	if w != nil {
		s.Goroutine, s.Wants, s.WantStack = w.goroutine.id, c.describe(w.lock), c.stack(w.place)
	}
	return s
}
