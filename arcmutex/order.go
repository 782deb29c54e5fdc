package arcmutex

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// A vertex stands for a lock in the graph of orders.
type vertex struct {
	id   uint64
	name atomic.Pointer[string]

	// after has those locks that were waited for while this one was held, and
	// before the reverse. Guarded by graph.
	after  map[*vertex]*edge
	before map[*vertex]struct{}
	isGone bool
}

// An edge is the first occasion on which one lock was waited for while another
// was held.
type edge struct {
	goroutine uint64
	stack     stack
}

// A label ties a lock to its vertex: the graph does not refer to it, so that
// the collector can tell when the lock is gone.
type label struct{ *vertex }

// graph guards the edges of all vertices.
var graph sync.RWMutex

var lastID atomic.Uint64

// vertex returns the lock's vertex.
func (l *lock) vertex() *vertex {
	if b := l.label.Load(); b != nil {
		return b.vertex
	}
	b := &label{&vertex{id: lastID.Add(1)}}
	if l.label.CompareAndSwap(nil, b) {
		runtime.AddCleanup(b, (*vertex).forget, b.vertex)
	}
	return l.label.Load().vertex
}

func (l *lock) rename(name string) { l.vertex().name.Store(&name) }

// forget takes v out of the graph, and its holds, if it is gone locked.
func (v *vertex) forget() {
	parties.forget(v)
	graph.Lock()
	defer graph.Unlock()
	v.isGone = true
	for other := range v.before {
		delete(other.after, v)
	}
	for other := range v.after {
		delete(other.before, v)
	}
	v.before, v.after = nil, nil
}

// String returns the name, or a number.
func (v *vertex) String() string {
	if name := v.given(); name != "" {
		return name
	}
	return fmt.Sprintf("lock %d", v.id)
}

// given returns the name that the lock was given, or nothing.
func (v *vertex) given() string {
	if name := v.name.Load(); name != nil {
		return *name
	}
	return ""
}

// orders notes that a goroutine is about to wait for v, and returns what that
// may lead to.
func orders(goroutine uint64, v *vertex, m mode) (found []*Deadlock) {
	var buf [8]holding
	for _, h := range parties.held(goroutine, buf[:0]) {
		switch {
		case m == upgraded && (h.vertex != v || h.mode == upgrading):
			// it has the lock, and shall have more of it
		case h.vertex == v:
			found = append(found, &Deadlock{Recursion, []Step{{goroutine, v.String(), v.String(), text(callers())}}})
		case !h.vertex.precedes(v):
			if path := h.vertex.link(v, goroutine, callers()); path != nil {
				found = append(found, &Deadlock{Order, path})
			}
		}
	}
	return found
}

// precedes reports whether there is an edge from v to next.
func (v *vertex) precedes(next *vertex) bool {
	graph.RLock()
	defer graph.RUnlock()
	return v.after[next] != nil
}

// link adds an edge from v to next. It returns the steps of the cycle that it
// closes, if it does.
func (v *vertex) link(next *vertex, goroutine uint64, s stack) []Step {
	graph.Lock()
	defer graph.Unlock()
	if v.after[next] != nil || v.isGone || next.isGone {
		return nil
	}
	if v.after == nil {
		v.after = map[*vertex]*edge{}
	}
	if next.before == nil {
		next.before = map[*vertex]struct{}{}
	}
	v.after[next] = &edge{goroutine, s}
	next.before[v] = struct{}{}
	path := next.pathTo(v)
	if path == nil {
		return nil
	}
	steps := make([]Step, len(path))
	for i, from := range path {
		to := path[(i+1)%len(path)]
		e := from.after[to]
		steps[i] = Step{e.goroutine, from.String(), to.String(), text(e.stack)}
	}
	return steps
}

// pathTo returns the vertices on a shortest path from v to target, both
// included, or nil.
func (v *vertex) pathTo(target *vertex) []*vertex {
	from := map[*vertex]*vertex{v: nil}
	for queue := []*vertex{v}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if at == target {
			var path []*vertex
			for ; at != nil; at = from[at] {
				path = append(path, at)
			}
			slices.Reverse(path)
			return path
		}
		for next := range at.after {
			if _, seen := from[next]; !seen {
				from[next] = at
				queue = append(queue, next)
			}
		}
	}
	return nil
}
