package lockdep

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/coderrange/ferrous/internal/goid"
)

// A vertex is a lock in the graph of orders. All but the reading of after is
// guarded by the graph.
type vertex struct {
	id         uint64
	lock       *Lock
	rank       int64 // in the list; zero if it is not there yet
	prev, next *vertex
	out, in    *edge      // those that begin and end here
	after      successors // those that begin here
	isGone     bool

	mark uint64 // of the side of the search that has found it last
	via  *edge  // by which it did
}

// An edge is an order: one lock was held while another was wanted.
type edge struct {
	from, to         *vertex
	nextOut, prevOut *edge // of from
	nextIn, prevIn   *edge // of to
	isOutside        bool  // it is known, and no part of the graph: it closes a cycle, or is allowed to
	why              reason
}

// successors are the edges that begin at a vertex. Reading them takes no lock. Most
// vertices have few, and need no table.
type successors struct {
	few  [3]atomic.Pointer[edge]
	more index[edge] // by the id of their end
}

// get returns the edge to w, or nil.
func (s *successors) get(w *vertex) *edge {
	for i := range s.few {
		if e := s.few[i].Load(); e != nil && e.to == w {
			return e
		}
	}
	return s.more.get(w.id)
}

// put adds an edge that is not there.
func (s *successors) put(e *edge) {
	for i := range s.few {
		if s.few[i].Load() == nil {
			s.few[i].Store(e)
			return
		}
	}
	s.more.put(e.to.id, e)
}

// remove takes an edge out.
func (s *successors) remove(e *edge) {
	for i := range s.few {
		if s.few[i].Load() == e {
			s.few[i].Store(nil)
			return
		}
	}
	s.more.remove(e.to.id)
}

// clear takes all out.
func (s *successors) clear() {
	for i := range s.few {
		s.few[i].Store(nil)
	}
	s.more.clear()
}

// A reason is the first occasion on which an order was seen.
type reason struct {
	goroutine    uint64
	held, wanted *place
}

// A graph has the orders of all locks, without the edges that would close a cycle.
// So there is an order of the locks in which every edge leads forwards, and an
// edge that agrees with it is added at once.
//
// One that does not is looked into from both of its ends, an edge at a time on
// each side in turn. Either the sides meet, and it closes a cycle, or one of them
// has no edge left, and is moved to where the other is. So a lock with thousands
// of successors is not walked through for one that comes before it. After Bender,
// Fineman, Gilbert and Tarjan, "A New Approach to Incremental Cycle Detection and
// Related Problems", ACM TALG 12 (2016), section 2, whose ranks are an
// order-maintenance list as here.
type graph struct {
	mu    sync.Mutex
	list  list
	edges atomic.Int64
	marks uint64
	ahead side // of the search; kept for its memory
	back  side
}

// maxOrders is how many orders are kept unless Options tell.
const maxOrders = 1 << 18

// precedes reports whether an edge from v to w is known. It takes no lock.
func (v *vertex) precedes(w *vertex) bool { return v.after.get(w) != nil }

// isFull reports whether there are most edges, or more.
func (g *graph) isFull(most int) bool {
	if most <= 0 {
		most = maxOrders
	}
	return g.edges.Load() >= int64(most)
}

// link adds an edge, unless there is one. If it closes a cycle it returns the
// edges of the cycle, of which it is the last.
func (g *graph) link(e *edge) (cycle []*edge) {
	g.mu.Lock()
	if v, w := e.from, e.to; !v.isGone && !w.isGone && !v.precedes(w) {
		g.place(v, w)
		if v.rank > w.rank {
			cycle = g.reorder(e)
			e.isOutside = cycle != nil
		}
		g.join(e)
	}
	g.mu.Unlock()
	return cycle
}

// allow adds an edge from v to w that closes no cycle, now or later.
func (g *graph) allow(v, w *vertex) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e := v.after.get(w); e != nil {
		e.isOutside = true
	} else if !v.isGone && !w.isGone {
		g.join(&edge{from: v, to: w, isOutside: true})
	}
}

// place puts into the list which of v and w is not there. The graph is locked.
func (g *graph) place(v, w *vertex) {
	if v.rank == 0 && w.rank != 0 {
		g.list.insert(w.prev, v)
	}
	if v.rank == 0 {
		g.list.insert(g.list.end(), v)
	}
	if w.rank == 0 {
		g.list.insert(g.list.end(), w)
	}
}

// join makes the edge known. The graph is locked.
func (g *graph) join(e *edge) {
	v, w := e.from, e.to
	if e.nextOut = v.out; v.out != nil {
		v.out.prevOut = e
	}
	if e.nextIn = w.in; w.in != nil {
		w.in.prevIn = e
	}
	v.out, w.in = e, e
	v.after.put(e)
	g.edges.Add(1)
}

// forget takes a vertex and its edges out. What it costs depends on them alone.
func (g *graph) forget(v *vertex) {
	g.mu.Lock()
	defer g.mu.Unlock()
	v.isGone = true
	for e := v.out; e != nil; e = e.nextOut {
		if e.prevIn != nil {
			e.prevIn.nextIn = e.nextIn
		} else {
			e.to.in = e.nextIn
		}
		if e.nextIn != nil {
			e.nextIn.prevIn = e.prevIn
		}
		g.edges.Add(-1)
	}
	for e := v.in; e != nil; e = e.nextIn {
		if e.prevOut != nil {
			e.prevOut.nextOut = e.nextOut
		} else {
			e.from.out = e.nextOut
		}
		if e.nextOut != nil {
			e.nextOut.prevOut = e.prevOut
		}
		e.from.after.remove(e)
		g.edges.Add(-1)
	}
	v.out, v.in, v.via = nil, nil, nil
	v.after.clear()
	if v.rank != 0 {
		g.list.remove(v)
	}
}

// A side is one half of a search: the vertices before its beginning, or those
// behind.
type side struct {
	mark  uint64
	found []*vertex
	done  int   // of those found, how many have had their edges looked at, or have them now
	edge  *edge // to be looked at next, of the last of those; nil if there is no more
}

func (g *graph) begin(s *side, at *vertex) {
	g.marks++
	at.mark, at.via = g.marks, nil
	s.mark, s.found, s.done, s.edge = g.marks, append(s.found[:0], at), 0, nil
}

// find adds what an edge leads to.
func (s *side) find(v *vertex, via *edge) {
	v.mark, v.via = s.mark, via
	s.found = append(s.found, v)
}

// nextOut returns the next edge that leads on from what was found, or nil.
func (s *side) nextOut() (e *edge) {
	for s.edge == nil {
		if s.done == len(s.found) {
			return nil
		}
		s.edge = s.found[s.done].out
		s.done++
	}
	e, s.edge = s.edge, s.edge.nextOut
	return e
}

// nextIn returns the next edge that leads to what was found, or nil.
func (s *side) nextIn() (e *edge) {
	for s.edge == nil {
		if s.done == len(s.found) {
			return nil
		}
		s.edge = s.found[s.done].in
		s.done++
	}
	e, s.edge = s.edge, s.edge.nextIn
	return e
}

// reorder changes ranks such that the new edge leads forwards, or returns the
// cycle that it closes. The graph is locked.
func (g *graph) reorder(added *edge) (cycle []*edge) {
	v, w := added.from, added.to
	first, last := w.rank, v.rank // what is moved lies between them
	ahead, back := &g.ahead, &g.back
	g.begin(ahead, w)
	g.begin(back, v)
	for {
		e := back.nextIn()
		if e == nil {
			byRank(back.found)
			for _, x := range back.found {
				g.list.remove(x)
				g.list.insert(w.prev, x)
			}
			return nil
		}
		if x := e.from; !e.isOutside && x.mark == ahead.mark {
			return path(added, e)
		} else if !e.isOutside && x.mark != back.mark && x.rank > first {
			back.find(x, e)
		}
		if e = ahead.nextOut(); e == nil {
			byRank(ahead.found)
			for _, x := range slices.Backward(ahead.found) {
				g.list.remove(x)
				g.list.insert(v, x)
			}
			return nil
		}
		if x := e.to; !e.isOutside && x.mark == back.mark {
			return path(added, e)
		} else if !e.isOutside && x.mark != ahead.mark && x.rank < last {
			ahead.find(x, e)
		}
	}
}

func byRank(found []*vertex) {
	if len(found) > 1 {
		slices.SortFunc(found, func(a, b *vertex) int { return cmp.Compare(a.rank, b.rank) })
	}
}

// path returns the cycle of the edge that was to be added and the one where the
// two sides met.
func path(added, met *edge) (cycle []*edge) {
	for e := met; e != nil; e = e.from.via {
		cycle = append(cycle, e)
	}
	slices.Reverse(cycle)
	for e := met.to.via; e != nil; e = e.to.via {
		cycle = append(cycle, e)
	}
	return append(cycle, added)
}

// Want notes that the calling goroutine is about to take l in mode m, and may
// wait for it, and reports what that may lead to.
func (c *Checker) Want(l *Lock, m Mode) {
	g := c.goroutines.me()
	if g == nil {
		if o := c.listening.Load(); o != nil && o.Sample < 2 { // make it now, while the stack is not deep
			c.goroutines.add(uint64(goid.Live()), goid.Get())
		}
		return
	}
	if g.tidy(); len(g.holds) > 0 {
		c.want(g, l, m)
	}
}

func (c *Checker) want(g *goroutine, l *Lock, m Mode) {
	for i := 0; i < len(g.holds); i++ {
		switch h := g.holds[i].hold; {
		case h.lock == l:
			if m != Upgrade || h.mode == Shared {
				c.wantAgain(h)
			}
		case m != Upgrade && !h.lock.vertex.precedes(&l.vertex):
			if c.order(h, l, g.id) {
				g.tidy() // the report may have locked
				i = -1
			}
		}
	}
}

// wantAgain notes that the owner of h wants its lock once more. That is not
// reported yet: the guard may have gone to another goroutine, which will unlock.
//
//go:noinline
func (c *Checker) wantAgain(h *hold) {
	if h.again.Load() == nil {
		h.again.Store(c.places.here(2))
	}
}

// recursion returns a report that a goroutine wanted a lock again that it held,
// unless it was reported.
func (c *Checker) recursion(l *Lock, goroutine uint64, held, again *place) *Report {
	if !l.told.isNews(held, again) {
		return nil
	}
	name := c.describe(l)
	return &Report{Kind: Recursion, Steps: []Step{{goroutine, name, c.stack(held), name, c.stack(again)}}}
}

// order notes that l is wanted while h is held, and reports it if that closes a
// cycle.
//
//go:noinline
func (c *Checker) order(h *hold, l *Lock, goroutine uint64) (told bool) {
	if o := c.listening.Load(); o == nil || c.orders.isFull(o.Orders) {
		return false
	}
	e := &edge{from: &h.lock.vertex, to: &l.vertex, why: reason{goroutine, h.place.Load(), c.places.here(2)}}
	cycle := c.orders.link(e)
	if cycle == nil {
		return false
	}
	c.Tell(c.inOrder(cycle))
	return true
}

// inOrder returns a report of a cycle of edges.
//
//go:noinline
func (c *Checker) inOrder(cycle []*edge) *Report {
	r := &Report{Kind: Order}
	for _, e := range cycle {
		r.Steps = append(r.Steps, Step{
			e.why.goroutine, c.describe(e.from.lock), c.stack(e.why.held), c.describe(e.to.lock), c.stack(e.why.wanted),
		})
	}
	return r
}

// Declare notes that first is locked before then, as if the calling goroutine
// had done so, and reports it if that closes a cycle.
func (c *Checker) Declare(first, then *Lock) {
	here := c.places.here(0)
	e := &edge{from: &first.vertex, to: &then.vertex, why: reason{goid.Get(), here, here}}
	if cycle := c.orders.link(e); cycle != nil {
		c.Tell(c.inOrder(cycle))
	}
}

// Allow notes that inner may be locked while outer is held, whatever other orders
// there are: that order is left out from now on.
func (c *Checker) Allow(outer, inner *Lock) { c.orders.allow(&outer.vertex, &inner.vertex) }
