package lockdep

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An oracle is a graph of orders in its simplest form.
type oracle struct {
	after map[*vertex]map[*vertex]bool // those that close no cycle
	known map[[2]*vertex]bool          // all
}

func newOracle() *oracle { return &oracle{map[*vertex]map[*vertex]bool{}, map[[2]*vertex]bool{}} }

func (o *oracle) reaches(v, w *vertex, seen map[*vertex]bool) bool {
	if v == w {
		return true
	}
	seen[v] = true
	for x := range o.after[v] {
		if !seen[x] && o.reaches(x, w, seen) {
			return true
		}
	}
	return false
}

// link returns whether the edge closes a cycle.
func (o *oracle) link(v, w *vertex) bool {
	if o.known[[2]*vertex{v, w}] {
		return false
	}
	o.known[[2]*vertex{v, w}] = true
	if o.reaches(w, v, map[*vertex]bool{}) {
		return true
	}
	if o.after[v] == nil {
		o.after[v] = map[*vertex]bool{}
	}
	o.after[v][w] = true
	return false
}

func (o *oracle) allow(v, w *vertex) {
	o.known[[2]*vertex{v, w}] = true
	delete(o.after[v], w)
}

func (o *oracle) forget(v *vertex) {
	delete(o.after, v)
	for _, to := range o.after {
		delete(to, v)
	}
	for e := range o.known {
		if e[0] == v || e[1] == v {
			delete(o.known, e)
		}
	}
}

// A trial is a graph beside its oracle.
type trial struct {
	graph
	*oracle
	ids uint64
}

// add adds an edge to the graph.
func (x *trial) add(v, w *vertex) (cycle []*edge) { return x.graph.link(&edge{from: v, to: w}) }

func (x *trial) vertices(n int) (all []*vertex) {
	for range n {
		x.ids++
		all = append(all, &vertex{id: x.ids})
	}
	return all
}

// need is require.True for what is checked millions of times.
func need(t require.TestingT, ok bool, what string) {
	if !ok {
		require.FailNow(t, what)
	}
}

// link adds an edge to both and compares what they say of it.
func (x *trial) link(t require.TestingT, v, w *vertex) {
	cycle := x.add(v, w)
	need(t, x.oracle.link(v, w) == (cycle != nil), "a cycle is found if there is one")
	if cycle == nil {
		return
	}
	last := len(cycle) - 1
	need(t, cycle[last].from == v && cycle[last].to == w, "the new edge is the last")
	seen := map[*vertex]bool{}
	for i, e := range cycle {
		need(t, cycle[(i+1)%len(cycle)].from == e.to, "each edge leads to the next")
		need(t, !seen[e.from], "no vertex twice")
		seen[e.from] = true
		need(t, i == last || x.after[e.from][e.to], "the edges are there")
	}
}

// check compares the whole graphs.
func (x *trial) check(t require.TestingT, all []*vertex) {
	edges := 0
	for _, v := range all {
		for e := v.out; e != nil; e = e.nextOut {
			need(t, e.from == v && v.after.get(e.to) == e, "an edge out is known by its ends")
			need(t, e.isOutside != x.after[v][e.to], "an edge is outside if it closed a cycle")
			need(t, e.isOutside || v.rank < e.to.rank, "ranks rise along the edges")
			edges++
		}
		for e := v.in; e != nil; e = e.nextIn {
			need(t, e.to == v && e.from.precedes(v), "an edge in is known by its ends")
			edges++
		}
	}
	require.Equal(t, 2*len(x.known), edges, "each edge is at both of its ends")
	require.EqualValues(t, len(x.known), x.edges.Load())
	if x.list.head.next == nil {
		return
	}
	n := 0
	for v := &x.list.head; v.next != &x.list.head; v = v.next {
		need(t, v.rank < v.next.rank && v.next.prev == v, "the list is in the order of the ranks")
		n++
	}
	require.LessOrEqual(t, n, len(all))
}

// All sequences of so many different orders of so many locks: which of them close
// a cycle, and whether what is reported is one.
func TestAllProgramsOfFewLocks(t *testing.T) {
	t.Parallel()
	for _, size := range []struct{ locks, orders int }{{2, 2}, {3, 6}, {4, 5}, {5, 4}, {6, 4}} {
		if testing.Short() && size.locks > 4 {
			continue
		}
		t.Run(fmt.Sprintf("%d orders of %d locks", size.orders, size.locks), func(t *testing.T) {
			var pairs [][2]int
			for i := range size.locks {
				for j := range size.locks {
					if i != j {
						pairs = append(pairs, [2]int{i, j})
					}
				}
			}
			programs := 0
			var extend func(program [][2]int)
			extend = func(program [][2]int) {
				if len(program) == size.orders {
					programs++
					x := &trial{oracle: newOracle()}
					vs := x.vertices(size.locks)
					for _, p := range program {
						x.link(t, vs[p[0]], vs[p[1]])
					}
					x.check(t, vs)
					return
				}
				for _, p := range pairs {
					if isFirst(program, p) && !slices.Contains(program, p) {
						extend(append(slices.Clip(program), p))
					}
				}
			}
			extend(nil)
			t.Logf("%d programs", programs)
		})
	}
}

// isFirst reports whether a program that goes on with p names its locks in the
// order of their first use: others differ in the names alone.
func isFirst(program [][2]int, p [2]int) bool {
	next := 0
	for _, q := range program {
		next = max(next, q[0]+1, q[1]+1)
	}
	return p[0] < next && p[1] <= next || p[0] == next && p[1] <= next+1
}

func TestRandomGraphsWithForgetting(t *testing.T) {
	t.Parallel()
	graphs := 20_000
	if testing.Short() {
		graphs = 2_000
	}
	for seed := range graphs {
		r := rand.New(rand.NewPCG(uint64(seed), 0))
		x := &trial{oracle: newOracle()}
		vs := x.vertices(2 + r.IntN(9))
		for range 40 {
			i, j := r.IntN(len(vs)), r.IntN(len(vs))
			switch {
			case i == j || r.IntN(8) == 0:
				old := vs[i]
				x.graph.forget(old)
				x.oracle.forget(old)
				vs[i] = x.vertices(1)[0]
				need(t, x.add(old, vs[j]) == nil, "a lock that is gone comes back to nobody")
				x.graph.allow(vs[j], old)
			case r.IntN(20) == 0:
				x.graph.allow(vs[i], vs[j])
				x.oracle.allow(vs[i], vs[j])
			default:
				x.link(t, vs[i], vs[j])
			}
		}
		x.check(t, vs)
		if t.Failed() {
			t.Fatal("seed", seed)
		}
	}
}

// Ranks run out and are spread, at both ends and in the middle.
func TestListMakesRoom(t *testing.T) {
	for name, behind := range map[string]func(l *list, r *rand.Rand, all []*vertex) *vertex{
		"at the front":     func(l *list, _ *rand.Rand, _ []*vertex) *vertex { return &l.head },
		"behind the first": func(l *list, _ *rand.Rand, _ []*vertex) *vertex { return l.head.next },
		"before the last":  func(l *list, _ *rand.Rand, _ []*vertex) *vertex { return l.head.prev.prev },
		"at random":        func(_ *list, r *rand.Rand, all []*vertex) *vertex { return all[r.IntN(len(all))] },
		"behind the newest": func(_ *list, _ *rand.Rand, all []*vertex) *vertex {
			return all[len(all)-1]
		},
	} {
		t.Run(name, func(t *testing.T) {
			var l list
			r := rand.New(rand.NewPCG(1, 2))
			all := []*vertex{{}}
			l.insert(l.end(), all[0])
			order := []*vertex{all[0]}
			for i := range 3000 {
				p, x := behind(&l, r, all), &vertex{}
				at := 0
				if p != &l.head {
					at = slices.Index(order, p) + 1
				}
				order = slices.Insert(order, at, x)
				l.insert(p, x)
				all = append(all, x)
				if i%3 == 2 {
					gone := r.IntN(len(all))
					order = slices.Delete(order, slices.Index(order, all[gone]), slices.Index(order, all[gone])+1)
					l.remove(all[gone])
					all = slices.Delete(all, gone, gone+1)
				}
			}
			rank := int64(0)
			v := l.head.next
			for _, want := range order {
				need(t, v == want && v.rank > rank, "the list is in order, and so are its ranks")
				rank, v = v.rank, v.next
			}
			assert.Same(t, &l.head, v)
			assert.Less(t, rank, int64(lastRank))
		})
	}
}

// visited counts what a search looked at, by the marks it left.
func (x *trial) visited() int { return len(x.ahead.found) + len(x.back.found) }

func TestOrderBeforeALockWithManySuccessorsIsFoundAtOnce(t *testing.T) {
	x := &trial{oracle: newOracle()}
	hub := x.vertices(1)[0]
	for _, v := range x.vertices(8000) {
		require.Nil(t, x.add(hub, v))
	}
	most := 0
	for range 100 {
		u := x.vertices(2) // u[0] gets a rank before the hub comes behind it
		x.add(u[0], u[1])
		require.Nil(t, x.add(u[1], hub))
		most = max(most, x.visited())
	}
	assert.LessOrEqual(t, most, 6)
}

// Each forgotten lock costs what it has touched, however large the graph is.
func TestForgettingLeavesOthersAlone(t *testing.T) {
	x := &trial{oracle: newOracle()}
	vs := x.vertices(1000)
	for i := range 999 {
		x.link(t, vs[i], vs[i+1])
	}
	ranks := map[*vertex]int64{}
	for _, v := range vs {
		ranks[v] = v.rank
	}
	x.graph.forget(vs[500])
	for i, v := range vs {
		if i != 500 {
			assert.Equal(t, ranks[v], v.rank)
		}
	}
	assert.Nil(t, vs[499].out)
	assert.Nil(t, vs[501].in)
	assert.False(t, vs[499].precedes(vs[500]))
	assert.EqualValues(t, 997, x.edges.Load())
}

func BenchmarkOrder(b *testing.B) {
	for name, run := range map[string]func(x *trial, n int) func(){
		// Each is a new edge against the ranks.
		"before=8000": func(x *trial, n int) func() {
			hub := x.vertices(1)[0]
			for _, v := range x.vertices(8000) {
				x.add(hub, v)
			}
			us := x.vertices(2 * n)
			for i := range n {
				x.add(us[2*i], us[2*i+1])
			}
			i := -1
			return func() { i++; x.add(us[2*i+1], hub) }
		},
		"behind=8000": func(x *trial, n int) func() {
			us := x.vertices(2 * n)
			for i := range n {
				x.add(us[2*i], us[2*i+1])
			}
			hub := x.vertices(1)[0]
			for _, v := range x.vertices(8000) {
				x.add(v, hub)
			}
			i := -1
			return func() { i++; x.add(hub, us[2*i]) }
		},
		"chain=front": func(x *trial, n int) func() {
			vs := x.ranked(n + 1)
			i := n
			return func() { x.add(vs[i], vs[i-1]); i-- }
		},
		"chain=back": func(x *trial, n int) func() {
			vs := x.ranked(n + 1)
			i := 0
			return func() { i++; x.add(vs[i], vs[i-1]) }
		},
		"random": func(x *trial, n int) func() {
			vs := x.ranked(n/4 + 2)
			r := rand.New(rand.NewPCG(1, 1))
			p := r.Perm(len(vs))
			return func() {
				i, j := r.IntN(len(vs)), r.IntN(len(vs))
				if i != j {
					x.add(vs[p[min(i, j)]], vs[p[max(i, j)]])
				}
			}
		},
	} {
		b.Run(name, func(b *testing.B) {
			n := b.N
			next := run(&trial{}, n)
			b.ResetTimer()
			for range n {
				next()
			}
		})
	}
}

// ranked returns vertices that are in the list in that order.
func (x *trial) ranked(n int) []*vertex {
	vs := x.vertices(n)
	for _, v := range vs {
		x.list.insert(x.list.end(), v)
	}
	return vs
}

func BenchmarkPrecedes(b *testing.B) {
	x := &trial{}
	vs := x.vertices(10)
	for _, v := range vs[1:] {
		x.add(vs[0], v)
	}
	known := 0
	for b.Loop() {
		if vs[0].precedes(vs[9]) {
			known++
		}
	}
	if known > math.MaxInt-1 {
		b.Fatal()
	}
}
