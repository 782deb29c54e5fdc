package lockdep

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/coderrange/ferrous/internal/goid"
)

// A vertex is a lock in the graph of orders. It is guarded by the lock of the graph,
// except that after is read without it.
type vertex struct {
	id         uint64
	lock       *Lock
	rank       int64   // position in the list; zero if the vertex is not in the list
	prev, next *vertex // neighbors in the list
	out, in    *edge   // first of the edges that begin here, and of those that end here
	after      successors
	isGone     bool // the lock was freed

	mark uint64 // the side of a search that has found the vertex last
	via  *edge  // the edge by which that side has found it
}

// An edge is an order: lock from was held while lock to was wanted.
type edge struct {
	from, to         *vertex
	nextOut, prevOut *edge // neighbors in the list from.out
	nextIn, prevIn   *edge // neighbors in the list to.in
	isOutside        bool  // known, but not part of the graph without cycles: it closes a cycle, or is allowed
	why              reason
}

// successors finds the edges that begin at a vertex. Reading takes no lock. Most vertices
// have few edges and need no table.
type successors struct {
	few  [3]atomic.Pointer[edge]
	more index[edge] // by the id of the vertex where the edge ends
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

// put adds an edge. There must be no edge to the same vertex.
func (s *successors) put(e *edge) {
	for i := range s.few {
		if s.few[i].Load() == nil {
			s.few[i].Store(e)
			return
		}
	}
	s.more.put(e.to.id, e)
}

// remove removes an edge.
func (s *successors) remove(e *edge) {
	for i := range s.few {
		if s.few[i].Load() == e {
			s.few[i].Store(nil)
			return
		}
	}
	s.more.remove(e.to.id)
}

// clear removes all edges.
func (s *successors) clear() {
	for i := range s.few {
		s.few[i].Store(nil)
	}
	s.more.clear()
}

// A reason says where an order was first seen.
type reason struct {
	goroutine    uint64
	held, wanted *place
}

// A graph has the orders of all locks. It is a directed graph without cycles: an edge that
// would close a cycle is recorded, but does not count as part of the graph. The vertices
// are in a list in a topological order: every edge leads forwards.
//
// A new edge v → w takes one of these ways:
//
//	v before w in the list:  the edge is added at once
//	w before v in the list:  search, one edge of each side in turn,
//	                           ahead: from w along the edges, up to v
//	                           back:  from v against the edges, down to w
//	    the sides meet:      the edge closes a cycle; it is not added
//	    ahead has no edge:   what ahead has found moves behind v
//	    back has no edge:    what back has found moves before w
//
// Because both sides advance in turn, the cost is that of the smaller side. A lock with
// thousands of successors does not make a new edge to that lock expensive.
//
// This is the algorithm of Bender, Fineman, Gilbert and Tarjan, "A New Approach to
// Incremental Cycle Detection and Related Problems", ACM TALG 12 (2016), section 2, with
// an order-maintenance list as in the paper; see [list].
type graph struct {
	mu    sync.Mutex
	list  list
	edges atomic.Int64 // number of edges, including those outside
	marks uint64       // the last mark
	ahead side         // the sides of a search, kept to reuse their memory
	back  side
}

// maxOrders is the default of Options.Orders.
const maxOrders = 1 << 18

// precedes reports whether an edge from v to w is known. It takes no lock.
func (v *vertex) precedes(w *vertex) bool { return v.after.get(w) != nil }

// isFull reports whether there are at least most edges.
func (g *graph) isFull(most int) bool {
	if most <= 0 {
		most = maxOrders
	}
	return g.edges.Load() >= int64(most)
}

// link adds an edge if there is no edge with the same ends. If the edge closes a cycle,
// link returns the edges of the cycle, the new one last.
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

// allow adds an edge from v to w that is outside the graph, so it is part of no cycle. If
// the edge is known, allow takes it out of the graph.
func (g *graph) allow(v, w *vertex) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e := v.after.get(w); e != nil {
		e.isOutside = true
	} else if !v.isGone && !w.isGone {
		g.join(&edge{from: v, to: w, isOutside: true})
	}
}

// place puts v and w into the list if they are not in it. g.mu is held.
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

// join adds the edge to the lists of both ends and makes it known. g.mu is held.
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

// forget removes a vertex and its edges. The cost is proportional to their number.
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

// A side is one half of a search: it follows edges forwards, or it follows edges
// backwards.
type side struct {
	mark  uint64
	found []*vertex
	done  int   // number of vertices found whose edges were, or are being, followed
	edge  *edge // next edge of the last of these vertices, or nil
}

// begin begins one side of a search at a vertex.
func (g *graph) begin(s *side, at *vertex) {
	g.marks++
	at.mark, at.via = g.marks, nil
	s.mark, s.found, s.done, s.edge = g.marks, append(s.found[:0], at), 0, nil
}

// find adds a vertex that the edge via leads to.
func (s *side) find(v *vertex, via *edge) {
	v.mark, v.via = s.mark, via
	s.found = append(s.found, v)
}

// nextOut returns the next edge that begins at a vertex found, or nil.
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

// nextIn returns the next edge that ends at a vertex found, or nil.
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

// reorder moves vertices in the list so that the new edge leads forwards, or returns the
// cycle that the edge closes. See [graph]. g.mu is held.
func (g *graph) reorder(added *edge) (cycle []*edge) {
	v, w := added.from, added.to
	first, last := w.rank, v.rank // only vertices in this range are visited and moved
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

// path returns the cycle that has the edge to be added and the edge at which the two sides
// met.
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

// Want records that the calling goroutine is about to acquire l in mode m and may wait for
// it. For each lock that the goroutine holds, it adds an order, and reports the order if it
// closes a cycle.
func (c *Checker) Want(l *Lock, m Mode) {
	g := c.goroutines.me()
	if g == nil {
		if o := c.listening.Load(); o != nil && o.Sample < 2 { // make the record now, before the stack is deeper
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
				g.tidy() // the report function may have changed the holds of g
				i = -1
			}
		}
	}
}

// wantAgain records that the owner of h wants the same lock again. This is not reported
// yet, because the guard may have been passed to another goroutine that will unlock it.
// End or a search reports it.
//
//go:noinline
func (c *Checker) wantAgain(h *hold) {
	if h.again.Load() == nil {
		h.again.Store(c.places.here(2))
	}
}

// recursion returns a report that a goroutine wanted a lock that it held, or nil if that
// was reported before.
func (c *Checker) recursion(l *Lock, goroutine uint64, held, again *place) *Report {
	if !l.told.isNews(held, again) {
		return nil
	}
	name := c.describe(l)
	return &Report{Kind: Recursion, Steps: []Step{{goroutine, name, c.stack(held), name, c.stack(again)}}}
}

// order adds the order that l is wanted while h is held. If the order closes a cycle, order
// reports it and returns true.
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

// inOrder returns a report of a cycle of orders.
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

// Declare adds the order first → then, as if the calling goroutine had locked them so, and
// reports it if it closes a cycle.
func (c *Checker) Declare(first, then *Lock) {
	here := c.places.here(0)
	e := &edge{from: &first.vertex, to: &then.vertex, why: reason{goid.Get(), here, here}}
	if cycle := c.orders.link(e); cycle != nil {
		c.Tell(c.inOrder(cycle))
	}
}

// Allow excludes the order outer → inner from the search for cycles from now on.
func (c *Checker) Allow(outer, inner *Lock) { c.orders.allow(&outer.vertex, &inner.vertex) }
