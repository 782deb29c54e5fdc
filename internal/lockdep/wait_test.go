package lockdep

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
)

// A blocked is a wait with a settable set of blockers.
type blocked struct {
	Wait
	modes atomic.Uint32
}

func (b *blocked) Blockers() Modes { return Modes(b.modes.Load()) }

// A crowd is a checker with locks and goroutines that a test moves as it likes.
type crowd struct {
	Checker
	locks []*Ref
	gs    []*goroutine
	waits []*blocked
	found []*Report
}

func newCrowd(locks, gs int) *crowd {
	c := &crowd{waits: make([]*blocked, gs)}
	c.Listen(Options{Report: func(r *Report) { c.found = append(c.found, r) }})
	c.more(locks)
	for i := range gs {
		c.gs = append(c.gs, &goroutine{id: uint64(i + 1)})
	}
	return c
}

// more adds locks, which no cleanup forgets.
func (c *crowd) more(n int) {
	for range n {
		l := &Lock{id: uint64(len(c.locks) + 1)}
		l.exclusive.lock = l
		l.Name(string(rune('A' + len(c.locks))))
		c.locks = append(c.locks, &Ref{l})
	}
}

// hold lets goroutine g hold lock l.
func (c *crowd) hold(g, l int, m Mode) *hold {
	h := c.locks[l].vacant(m)
	h.owner.Store(c.gs[g])
	c.gs[g].live.Add(1)
	c.gs[g].list(h, h.stamp.Add(1))
	return h
}

// wait lets goroutine g wait for lock l, and for the holds of the given modes.
func (c *crowd) wait(g, l int, blockers Modes) {
	w := &blocked{}
	w.modes.Store(uint32(blockers))
	w.Wait = Wait{goroutine: c.gs[g], lock: c.locks[l].Lock, parked: w, longIn: -1}
	w.begun = c.clock.Add(1)
	c.gs[g].wait.Store(&w.Wait)
	c.waits[g] = w
}

func (c *crowd) endWait(g int) {
	c.waits[g].modes.Store(0)
	c.gs[g].wait.Store(nil)
	c.waits[g] = nil
}

// look lets goroutine g look, as it does when it has waited for long, and returns
// what is reported, as "A>B B>A", beginning with the least lock.
func (c *crowd) look(g int) (all []string) {
	w := &c.waits[g].Wait
	found := c.search(w)
	if c.IsWorthALook(w) || len(found) == 0 {
		for _, r := range found {
			all = append(all, cycleOf(r))
		}
		return all
	}
	return []string{"there is something to look at"}
}

func cycleOf(r *Report) string {
	var steps []string
	least := 0
	for i, s := range r.Steps {
		steps = append(steps, s.Holds+">"+s.Wants)
		if steps[i] < steps[least] {
			least = i
		}
	}
	return strings.Join(slices.Concat(steps[least:], steps[:least]), " ")
}

// All ways in which up to six goroutines, each with a lock of its own, wait for
// one of the locks or for none, each a time later than the one before or all at
// once: the cycles, and nothing else, are reported, each once.
func TestAllWaitsOfFewGoroutines(t *testing.T) {
	t.Parallel()
	most := 6
	if testing.Short() {
		most = 5
	}
	for n := 1; n <= most; n++ {
		c := newCrowd(n, n) // the same for all: what was searched before does not matter
		for i := range n {
			c.hold(i, i, Exclusive)
		}
		for code := range pow(n+1, n) {
			wants := make([]int, n) // n is none
			for i, rest := 0, code; i < n; i, rest = i+1, rest/(n+1) {
				wants[i] = rest % (n + 1)
			}
			if hasIdle(wants) { // a case of fewer goroutines
				continue
			}
			want := rings(wants)
			for _, isAtOnce := range []bool{false, true} {
				var found []string
				look := func(g int) { found = append(found, c.look(g)...) }
				var late []int // goroutines that look when all wait
				for i, l := range wants {
					if l == n {
						continue
					}
					c.wait(i, l, Of(Exclusive))
					if isAtOnce {
						late = append(late, i)
					} else {
						look(i)
					}
				}
				for _, i := range late {
					look(i)
				}
				for i, l := range wants {
					if l < n {
						c.endWait(i)
						c.locks[i].told = told{} // a lock's recursion is reported once for each place
					}
				}
				slices.Sort(found)
				if !slices.Equal(want, found) {
					t.Fatalf("%v, at once: %v: found %q, not %q", wants, isAtOnce, found, want)
				}
			}
		}
	}
}

// hasIdle reports whether somebody waits for nobody, and nobody for him.
func hasIdle(wants []int) bool {
	for i, l := range wants {
		if l == len(wants) && !slices.Contains(wants, i) {
			return true
		}
	}
	return false
}

func pow(base, n int) int {
	p := 1
	for range n {
		p *= base
	}
	return p
}

// rings returns the cycles of a function of the numbers below its length.
func rings(f []int) (all []string) {
	for i := range f {
		var steps []string
		least := true
		for at := i; at < len(f) && len(steps) < len(f); {
			steps = append(steps, string([]byte{'A' + byte(at), '>', 'A' + byte(f[at])}))
			if at = f[at]; at == i {
				if least {
					all = append(all, strings.Join(steps, " "))
				}
				break
			}
			least = least && at > i
		}
	}
	slices.Sort(all)
	return all
}

// Goroutines share locks, wait, look when a while is over, and give up. A goroutine
// that is part of a ring when its time is over has been reported.
func TestRandomWaitsAreReportedInTime(t *testing.T) {
	t.Parallel()
	runs := 20_000
	if testing.Short() {
		runs = 2_000
	}
	for seed := range runs {
		r := rand.New(rand.NewPCG(uint64(seed), 7))
		n := 2 + r.IntN(7)
		c := newCrowd(n, n)
		var due []int              // goroutines that wait and have not looked
		reported := map[int]bool{} // goroutines that wait and were reported
		for i := range n {
			c.hold(i, i, Exclusive)
		}
		for range 30 {
			g := r.IntN(n)
			switch k := r.IntN(5); {
			case c.waits[g] == nil && k < 3: // a goroutine that does not wait may take a share, and then waits
				for range r.IntN(3) {
					c.hold(g, r.IntN(n), Shared)
				}
				c.wait(g, r.IntN(n), Of(Exclusive, Shared))
				due = append(due, g)
			case c.waits[g] != nil && k == 3:
				due = slices.DeleteFunc(due, func(i int) bool { return i == g })
				delete(reported, g)
				c.endWait(g)
			case len(due) > 0 && k == 4: // the one that has waited longest looks
				g = due[0]
				due = due[1:]
				before := map[*Wait]bool{}
				for _, w := range c.waits {
					if w != nil {
						before[&w.Wait] = w.isReported
					}
				}
				found := c.search(&c.waits[g].Wait)
				for _, report := range found {
					for i, s := range report.Steps {
						next := report.Steps[(i+1)%len(report.Steps)]
						require.Equal(t, s.Wants, next.Holds)
						require.True(t, c.holds(int(next.Goroutine)-1, next.Holds))
						require.Equal(t, c.waits[s.Goroutine-1].lock.Given(), s.Wants)
						reported[int(s.Goroutine)-1] = true
					}
				}
				if c.inRing(g, before) {
					require.True(t, c.waits[g].isReported, "seed %d", seed)
				}
			}
		}
	}
}

// holds reports whether goroutine g holds the lock of that name.
func (c *crowd) holds(g int, name string) bool {
	return slices.ContainsFunc(c.gs[g].holds, func(l listed) bool { return !l.stale() && l.hold.lock.Given() == name })
}

// inRing reports whether goroutine g waits, by way of waits that began before its own
// and were not reported, for itself.
func (c *crowd) inRing(g int, reported map[*Wait]bool) bool {
	start := &c.waits[g].Wait
	seen := map[*Wait]bool{}
	var leads func(w *Wait) bool
	leads = func(w *Wait) (found bool) {
		w.each(func(l link) {
			switch {
			case l.wait == start:
				found = true
			case !seen[l.wait] && !reported[l.wait] && l.wait.begun < start.begun:
				seen[l.wait] = true
				found = leads(l.wait) || found
			}
		})
		return found
	}
	return !reported[start] && leads(start)
}

func TestManyWhoWaitInLineAreSearchedOnce(t *testing.T) {
	for _, isUp := range []bool{true, false} {
		const n = 3000
		c := newCrowd(0, n)
		c.more(n)
		for i := range n {
			c.hold(i, i, Exclusive)
		}
		for i := 1; i < n; i++ { // each waits for the one before, or the one behind
			if isUp {
				c.wait(i, i-1, Of(Exclusive))
			} else {
				c.wait(i-1, i, Of(Exclusive))
			}
		}
		visits := 0
		for _, w := range c.waits {
			if w != nil {
				w.parked = counting{w, &visits}
			}
		}
		for i := range n {
			if c.waits[i] != nil {
				require.Empty(t, c.search(&c.waits[i].Wait))
			}
		}
		assert.Less(t, visits, 3*n)
	}
}

// counting counts how often a search looks at a wait.
type counting struct {
	*blocked
	n *int
}

func (c counting) Blockers() Modes {
	*c.n++
	return c.blocked.Blockers()
}

// A cycle that came apart while it was searched is none.
func TestCycleThatComesApartIsNotReported(t *testing.T) {
	for name, change := range map[string]func(c *crowd, h *hold){
		"a wait ends":                 func(c *crowd, _ *hold) { c.waits[1].modes.Store(0) },
		"a hold ends":                 func(_ *crowd, h *hold) { h.stamp.Add(1) },
		"a hold ends and comes again": func(_ *crowd, h *hold) { h.stamp.Add(2) },
		"another mode is in the way":  func(c *crowd, _ *hold) { c.waits[1].modes.Store(uint32(Of(Shared))) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCrowd(2, 2)
			a, b := c.hold(0, 0, Exclusive), c.hold(1, 1, Exclusive)
			c.wait(0, 1, Of(Exclusive))
			c.wait(1, 0, Of(Exclusive))
			links := []link{{b, b.stamp.Load(), &c.waits[1].Wait}, {a, a.stamp.Load(), &c.waits[0].Wait}}
			change(c, a)
			assert.Nil(t, c.cycle(links))
			assert.False(t, c.waits[0].isReported)
		})
	}
}

func TestStressSearchBesideHoldsAndWaits(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, round int) {
		var c Checker
		var reports atomic.Int64
		defer c.Listen(Options{Report: func(*Report) { reports.Add(1) }})()
		var locks []*Ref
		for range 4 {
			locks = append(locks, c.Made("lock"))
		}
		testkit.Parallel(4, func(i int) {
			own := locks[i] // no other goroutine takes this lock exclusively
			r := rand.New(rand.NewPCG(uint64(round), uint64(i)))
			for range 50 {
				_, ok := c.Begin(own.Lock, Exclusive)
				assert.True(t, ok)
				shared := locks[r.IntN(4)].Lock
				share, ok := c.Begin(shared, Shared)
				assert.True(t, ok)
				w := &blocked{}
				w.modes.Store(uint32(Of(Exclusive, Shared)))
				c.Wait(&w.Wait, locks[r.IntN(4)].Lock, Exclusive, w)
				c.Look(&w.Wait)
				w.modes.Store(0)
				w.End()
				_, ok = c.End(shared, Shared, share)
				assert.True(t, ok)
				_, ok = c.End(own.Lock, Exclusive, 0)
				assert.True(t, ok)
			}
		})
	})
}
