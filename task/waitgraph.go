package task

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"
)

// The wait graph: which task waits for which.
//
// An edge goes from a task that waits to the task or the group that it waits for. A group is a
// scope or workers. A group is above its tasks: it cannot end before they end. The graph serves
// two purposes.
//
// Slots (slots.go): a queued task may run in the slot of any task of its workers that is above
// it, since that task cannot continue before it.
//
// Deadlocks: if every task of a cycle waits on its own goroutine, none of them can continue. The
// wait that would close the cycle panics. This is the wait-for graph of database systems, searched
// when an edge is added, so that at most one cycle is closed at a time.
//
// A wait outside of all tasks adds no edge. One lock guards the edges of all workers, because edges
// lead from owner to owner. It is taken before workers.mu. A wait in a task costs O(n) for the n
// tasks that wait above and below it.

// waitGraph guards the graph.
var waitGraph sync.Mutex

// A node is a task or a group in the graph. It is made when it is first needed, and guarded by
// waitGraph.
type node struct {
	core    *taskState  // nil in the node of a group
	task    anyHandle   // its handle; nil in the node of a group or of a task that had started
	needs   atomic.Bool // the task waits for a slot; written under workers.mu
	workers *workers    // in the node of workers
	down    []*edge     // from this task
	cycles  chan any    // panic values that end a wait of this task; made by its first wait
	up      []*edge     // to this node
	inner   []*node     // tasks of the group that have edges down
	index   int         // of a task in inner of its group

	awaitedTasks []*node // tasks of the workers that may need a slot and that tasks of other owners wait for
	awaitedIndex int     // of this task in awaitedTasks of its workers, from 1; 0 if it is not there
}

// An edge is at down[i] of the node that waits and at up[j] of the other.
type edge struct {
	from, to        *node
	i, j            int
	ctx             context.Context // its end ends the wait; nil if the wait has no context
	ownGoroutine    bool            // the goroutine that runs the task waits, not another one on its behalf
	uninterruptible bool            // a panic cannot end the wait, as that for the end of a scope
	anyOfGroup      bool            // the wait is for any task of the group, not for all
}

// waitable is a task or a group.
type waitable interface {
	// nodeOf returns the node, and makes it if there is none. The caller holds waitGraph.
	nodeOf() *node
}

func (t *taskState) nodeOf() *node {
	if t.node != nil {
		return t.node
	}
	n := &node{core: t}
	if ws := t.workers(); ws != nil {
		ws.mu.Lock()
		defer ws.mu.Unlock()
		n.needs.Store(!t.begun)
	}
	t.node = n
	return n
}

func (h *Handle[T]) nodeOf() *node {
	n := h.taskState.nodeOf()
	if n.task == nil && n.needs.Load() {
		n.task = h
	}
	return n
}

func (ws *workers) nodeOf() *node {
	if ws.node == nil {
		ws.node = &node{workers: ws}
	}
	return ws.node
}

func (s *Scope) nodeOf() *node {
	if s.workers != nil {
		return s.workers.nodeOf()
	}
	if s.node == nil {
		s.node = new(node)
	}
	return s.node
}

// ownerNode returns the node of the task's owner, or nil. The caller holds waitGraph.
func (t *taskState) ownerNode() *node {
	switch owner := t.owner.(type) {
	case *workers:
		return owner.nodeOf()
	case *Scope:
		return owner.nodeOf()
	default:
		return nil
	}
}

// connect makes e an edge from x to y. Queued tasks below y get a slot if a task above them can
// hand one over.
//
// If the edge closes a cycle of tasks that wait on their own goroutines, connect returns an error
// that names the cycle. If e is uninterruptible, another wait of the cycle panics with that error.
func (e *edge) connect(x *taskState, y waitable) (err error) {
	waitGraph.Lock()
	defer waitGraph.Unlock()
	e.from, e.to = x.nodeOf(), y.nodeOf()
	if e.ownGoroutine {
		if cycle := e.from.findCycle(e.to); cycle != nil {
			err = bug("deadlock: %s", strings.Join(describe(cycle), ", which waits for "))
			if e.uninterruptible {
				breakCycle(cycle, err)
			}
		}
	}
	if e.ownGoroutine && !e.uninterruptible && e.from.cycles == nil {
		e.from.cycles = make(chan any, 1)
	}
	e.i, e.j = len(e.from.down), len(e.to.up)
	e.from.down, e.to.up = append(e.from.down, e), append(e.to.up, e)
	if g := x.ownerNode(); g != nil && e.i == 0 {
		e.from.index = len(g.inner)
		g.inner = append(g.inner, e.from)
	}
	if err == nil {
		offer(e.from, e.to)
	}
	return err
}

// wait is the function wait for a task whose edge is e. It panics if another wait closes a cycle.
func (e *edge) wait(ready <-chan struct{}) error {
	if e.ctx.Err() != nil {
		return contextError(e.ctx)
	}
	var cycles chan any
	if e.ownGoroutine {
		cycles = e.from.cycles
	}
	select {
	case <-ready:
		return nil
	case <-e.ctx.Done():
		return contextError(e.ctx)
	case cycle := <-cycles:
		panic(cycle)
	}
}

// breakCycle makes the last interruptible wait of the cycle panic. There is one, since scopes
// that wait for each other are nested.
func breakCycle(cycle []*node, err error) {
	for i := len(cycle) - 2; i > 0; i-- {
		for _, e := range cycle[i].down {
			if e.to == cycle[i+1] && e.ownGoroutine && !e.uninterruptible {
				select {
				case e.from.cycles <- err:
				default: // it panics already
				}
				return
			}
		}
	}
}

// end removes the edge. Unless ctx has ended the wait, end waits until the task has a slot again.
func (e *edge) end(ctx context.Context) {
	gaveUp := ctx.Err() != nil
	waitGraph.Lock()
	e.remove(gaveUp)
	waitGraph.Unlock()
	if !gaveUp {
		e.from.core.reacquire(ctx)
	}
}

// remove removes the edge. The caller holds waitGraph.
func (e *edge) remove(gaveUp bool) {
	if e.ownGoroutine && !e.uninterruptible {
		select {
		case <-e.from.cycles: // it came too late
		default:
		}
	}
	e.from.down[e.i] = last(e.from.down)
	e.from.down[e.i].i = e.i
	e.from.down = drop(e.from.down)
	e.to.up[e.j] = last(e.to.up)
	e.to.up[e.j].j = e.j
	e.to.up = drop(e.to.up)
	e.to.forget()
	if g := e.from.core.ownerNode(); g != nil && len(e.from.down) == 0 {
		g.inner[e.from.index] = last(g.inner)
		g.inner[e.from.index].index = e.from.index
		g.inner = drop(g.inner)
	}
	e.from.above(func(m *taskState) {
		if ws := m.workers(); ws != nil {
			ws.mu.Lock()
			ws.waitEnded(m, m == e.from.core, gaveUp)
			ws.mu.Unlock()
		}
	})
}

func last[T any](s []T) T { return s[len(s)-1] }

// drop returns s without its last element.
func drop[T any](s []*T) []*T {
	s[len(s)-1] = nil
	return s[:len(s)-1]
}

// offer hands slots of upper and the tasks above it to lower and the tasks below it, where it
// can. The caller holds waitGraph.
func offer(upper, lower *node) {
	var above []*taskState
	upper.above(func(m *taskState) {
		if m.workers() != nil && !m.node.needs.Load() {
			above = append(above, m)
		}
	})
	if len(above) == 0 {
		return
	}
	lower.below(func(n *node) bool {
		ws := n.workers
		if n.core != nil {
			ws = n.core.workers()
		}
		if ws == nil {
			return true
		}
		foreign := false
		ws.mu.Lock()
		for _, m := range above {
			if m.workers() == ws {
				ws.offer(m, n)
			} else {
				foreign = true
			}
		}
		ws.mu.Unlock()
		if foreign && n.core != nil && n.needs.Load() {
			ws.nodeOf().await(n)
		}
		return true
	})
}

// await adds n to awaitedTasks.
func (g *node) await(n *node) {
	if n.awaitedIndex == 0 {
		g.awaitedTasks = append(g.awaitedTasks, n)
		n.awaitedIndex = len(g.awaitedTasks)
	}
}

// forget removes n from awaitedTasks if no task waits for it.
func (n *node) forget() {
	if n.awaitedIndex == 0 || len(n.up) > 0 {
		return
	}
	g := n.core.ownerNode()
	g.awaitedTasks[n.awaitedIndex-1] = last(g.awaitedTasks)
	g.awaitedTasks[n.awaitedIndex-1].awaitedIndex = n.awaitedIndex
	g.awaitedTasks = drop(g.awaitedTasks)
	n.awaitedIndex = 0
}

// A walk is a list of nodes to visit, each once.
type walk struct {
	list []*node
	seen map[*node]struct{} // made when the list is long
}

const longWalk = 16

func (w *walk) add(n *node) {
	switch {
	case len(w.list) < longWalk:
		if slices.Contains(w.list, n) {
			return
		}
	case w.seen == nil:
		w.seen = make(map[*node]struct{}, 2*longWalk)
		for _, n := range w.list {
			w.seen[n] = struct{}{}
		}
		fallthrough
	default:
		if _, ok := w.seen[n]; ok {
			return
		}
		w.seen[n] = struct{}{}
	}
	w.list = append(w.list, n)
}

// below calls f with n and with all nodes that n waits for or may wait for, directly or not,
// until f returns false.
func (n *node) below(f func(*node) bool) {
	var w walk
	w.add(n)
	for i := 0; i < len(w.list); i++ {
		n := w.list[i]
		if !f(n) {
			return
		}
		for _, e := range n.down {
			w.add(e.to)
		}
		for _, m := range n.inner {
			w.add(m)
		}
		if n.awaitedIndex > 0 && n.needs.Load() { // for their slots
			for _, m := range n.core.ownerNode().inner {
				w.add(m)
			}
		}
	}
}

// above calls f with the task of n and with all tasks that wait for n, directly or not, the
// nearest first.
func (n *node) above(f func(*taskState)) {
	var w walk
	w.add(n)
	for i := 0; i < len(w.list); i++ {
		n := w.list[i]
		if n.core != nil {
			f(n.core)
			if g := n.core.ownerNode(); g != nil {
				w.add(g)
				for _, u := range g.awaitedTasks { // for the slots of g's tasks
					if u.needs.Load() {
						w.add(u)
					}
				}
			}
		}
		for _, e := range n.up {
			w.add(e.from)
		}
	}
}

// waitingForNext returns how many tasks of ws cannot continue before another task of ws ends: those
// that wait in Set.Next, and those that wait for them. The caller holds waitGraph and mu.
func (ws *workers) waitingForNext() (n int) {
	g := ws.nodeOf()
	var w walk
	w.add(g)
	for i := 0; i < len(w.list); i++ {
		x := w.list[i]
		if x.core != nil {
			if x.core.workers() == ws && !x.core.ended {
				n++
			}
			if owner := x.core.ownerNode(); owner != nil {
				w.add(owner)
			}
		}
		for _, e := range x.up {
			if !e.anyOfGroup || x == g {
				w.add(e.from)
			}
		}
	}
	return n
}

// reaches reports whether n waits for y, directly or not.
func (n *node) reaches(y *node) bool {
	found := false
	n.below(func(m *node) bool {
		found = m == y
		return !found
	})
	return found
}

// findCycle returns the cycle, from n to n, that an edge from n to y would close, if all of its
// members wait on their own goroutines; else nil. It searches upwards from n, breadth first.
func (n *node) findCycle(y *node) []*node {
	if len(y.down) == 0 && len(y.inner) == 0 && y != n { // as nearly always
		return nil
	}
	next := map[*node]*node{n: y} // the node that each node was found to wait for
	for list := []*node{n}; len(list) > 0; list = list[1:] {
		x := list[0]
		if x == y {
			cycle := []*node{n}
			for m := y; m != n; m = next[m] {
				cycle = append(cycle, m)
			}
			return append(cycle, n)
		}
		visit := func(m *node) {
			if m == y || next[m] == nil {
				next[m] = x
				list = append(list, m)
			}
		}
		if x.core != nil {
			if g := x.core.ownerNode(); g != nil {
				visit(g)
			}
		}
		for _, e := range x.up {
			if e.ownGoroutine && (e.ctx == nil || e.ctx.Err() == nil) {
				visit(e.from)
			}
		}
	}
	return nil
}

func describe(cycle []*node) []string {
	var names []string
	for _, n := range cycle {
		names = append(names, n.name())
	}
	return names
}

func (n *node) name() string {
	switch {
	case n.core != nil:
		return n.core.name()
	case n.workers != nil:
		return "the end of all tasks of its " + n.workers.kind
	default:
		return "the end of its scope"
	}
}

// name identifies the task in the text of a panic.
func (t *taskState) name() string {
	name := "a function"
	if f := runtime.FuncForPC(t.function); f != nil {
		name = f.Name()
	}
	return fmt.Sprintf("task %p of %s", t, name)
}

// functionOf returns the entry of f: a func value points to a closure, whose first word is the
// entry.
func functionOf[T any](f func(context.Context) (T, error)) uintptr {
	return **(**uintptr)(unsafe.Pointer(&f))
}
