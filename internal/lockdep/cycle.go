package lockdep

import "slices"

// A link is a hold that a wait is for, and the wait of its owner.
type link struct {
	hold  *hold
	stamp uint64 // of the hold, when it was looked at
	wait  *Wait  // of its owner
}

// A visit is a wait on the way of a search, with the links from it.
type visit struct {
	wait       *Wait
	next, last int    // its links, among those of the search, that are still to be followed
	first      int    // where its links begin
	clear      uint64 // at which time there was no cycle beyond it, as far as was seen
}

// search looks for cycles of goroutines that wait for each other, from w, and
// returns those that were not reported.
//
// A cycle comes about with the last of its waits, since who begins to hold does
// not wait. So each wait is to find the cycles that were there when it began, and
// those alone. A wait from which a search found none is clear at the time when
// that search began, or earlier if the search left something out because it was
// clear then: a wait that began before that need not look there again. So the
// searches of thousands of goroutines that wait in line are short.
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

// ring returns the links on the way from x back to it.
func ring(way []visit, links []link, x *Wait) (all []link) {
	begin := slices.IndexFunc(way, func(v visit) bool { return v.wait == x })
	for _, v := range way[begin:] {
		all = append(all, links[v.next-1])
	}
	return all
}

// each calls f for each hold that w waits for and whose owner waits, too. It waits
// for holds that keep it out, or one that waits before it: a reader waits for
// readers only if a writer is between.
func (w *Wait) each(f func(link)) {
	w.lock.all(w.parked.Blockers(), func(h *hold, stamp uint64) {
		if w.mode == Upgrade && h.mode == Upgradable {
			return // it is what is to be upgraded
		}
		if g := h.owner.Load(); g != nil {
			if x := g.wait.Load(); x != nil {
				f(link{h, stamp, x})
			}
		}
	})
}

// cycle returns a report of the links, of which each is what the one before waits
// for, unless they have never been there at one and the same time. Those who wait
// must still do so, and after that each must hold what it held.
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
		if again == nil { // it was adopted since
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

// step returns what a goroutine holds and what it waits for; either may be nil.
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
