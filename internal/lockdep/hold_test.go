package lockdep

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
)

// listen returns a checker that is on and finds nothing.
func listen(t *testing.T, o Options) *Checker {
	t.Helper()
	c := new(Checker)
	o.Report = func(r *Report) { t.Error(r) }
	t.Cleanup(c.Listen(o))
	return c
}

// A heldLock is a hold as the oracle sees it.
type heldLock struct {
	lock  int
	mode  Mode
	key   uint64
	owner int // goroutine; -1 if it was disowned
}

// Holds that begin, end, are adopted and disowned by several goroutines, beside a
// list of them: what each goroutine is taken to hold is seen by the orders that
// come of it.
func TestHoldsAgainstOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const locks, gs = 4, 3
		c := &Checker{}
		defer c.Listen(Options{Report: func(*Report) {}})()
		var ls []*Ref
		for range locks {
			ls = append(ls, c.Made("lock"))
		}
		// Each goroutine runs the functions that it receives.
		var calls [gs]chan func()
		var wg sync.WaitGroup
		for i := range calls {
			calls[i] = make(chan func())
			wg.Go(func() {
				for f := range calls[i] {
					f()
				}
			})
		}
		defer func() {
			for i := range calls {
				close(calls[i])
			}
			wg.Wait()
		}()
		on := func(g int, f func()) {
			done := make(chan struct{})
			calls[g] <- func() { defer close(done); f() }
			<-done
		}
		var held, ended []heldLock
		goroutine := rapid.IntRange(0, gs-1)
		pick := func(t *rapid.T) int {
			if len(held) == 0 {
				t.Skip("none")
			}
			return rapid.IntRange(0, len(held)-1).Draw(t, "hold")
		}
		t.Repeat(map[string]func(*rapid.T){
			"begin": func(t *rapid.T) {
				g, l := goroutine.Draw(t, "goroutine"), rapid.IntRange(0, locks-1).Draw(t, "lock")
				m := rapid.SampledFrom([]Mode{Exclusive, Shared, Upgradable}).Draw(t, "mode")
				if slices.ContainsFunc(held, func(h heldLock) bool {
					return h.lock == l && (h.mode == Exclusive || m == Exclusive || h.mode == m && m == Upgradable)
				}) {
					t.Skip("held")
				}
				on(g, func() {
					key, ok := c.Begin(ls[l].Lock, m)
					require.True(t, ok)
					require.Less(t, key, uint64(1)<<KeyBits)
					held = append(held, heldLock{l, m, key, g})
				})
			},
			"end": func(t *rapid.T) {
				i := pick(t)
				h := held[i]
				on(goroutine.Draw(t, "goroutine"), func() {
					_, ok := c.End(ls[h.lock].Lock, h.mode, h.key)
					require.True(t, ok)
				})
				held = slices.Delete(held, i, i+1)
				ended = append(ended, h)
			},
			"adopt": func(t *rapid.T) {
				i, g := pick(t), goroutine.Draw(t, "goroutine")
				on(g, func() { c.Adopt(ls[held[i].lock].Lock, held[i].mode, held[i].key) })
				held[i].owner = g
			},
			"disown": func(t *rapid.T) {
				i := pick(t)
				on(goroutine.Draw(t, "goroutine"), func() { c.Disown(ls[held[i].lock].Lock, held[i].mode, held[i].key) })
				held[i].owner = -1
			},
			"": func(t *rapid.T) {
				for _, h := range held {
					require.True(t, c.Holds(ls[h.lock].Lock, h.mode, h.key))
				}
				for _, h := range ended {
					if h.mode == Shared {
						require.False(t, c.Holds(ls[h.lock].Lock, h.mode, h.key), "a key is not used again at once")
					}
				}
				owned := 0
				for g := range gs {
					before := map[int]bool{}
					for _, h := range held {
						if h.owner == g {
							owned++
							before[h.lock] = true
						}
					}
					fresh := c.Made("fresh")
					on(g, func() { c.Want(fresh.Lock, Exclusive) })
					for l := range locks {
						require.Equal(t, before[l], ls[l].vertex.precedes(&fresh.vertex), "goroutine %d, lock %d", g, l)
					}
				}
				require.Equal(t, owned, c.Counts().Holds)
			},
		})
	})
}

func TestGoroutinesThatAreGoneAreSwept(t *testing.T) {
	c := listen(t, Options{})
	l := c.Made("lock")
	for i := range 10_000 { // as on a processor where numbers are not used again
		g := c.goroutines.add(uint64(i+1), uint64(i+1))
		if i%100 == 0 {
			g.live.Add(1) // it holds something
		}
	}
	n := c.Counts()
	assert.Equal(t, 100, n.Holds)
	assert.Less(t, n.Goroutines, 5000)
	for range 1000 {
		testkit.Parallel(1, func(int) {
			_, ok := c.Begin(l.Lock, Exclusive)
			assert.True(t, ok)
			_, ok = c.End(l.Lock, Exclusive, 0)
			assert.True(t, ok)
		})
	}
	assert.Equal(t, 100, c.Counts().Holds)
}

// Between Want and Begin a goroutine has nothing that would keep its record.
func TestNewRecordsAreNotSwept(t *testing.T) {
	c := listen(t, Options{})
	var all []*goroutine
	for i := range uint64(300) {
		all = append(all, c.goroutines.add(i+1, i+1))
	}
	assert.Equal(t, 300, c.Counts().Goroutines)
	assert.Positive(t, c.goroutines.sweeps)
	for _, g := range all {
		assert.Zero(t, g.live.Load())
	}
}

// A goroutine whose record was thrown out gets another.
func TestSweptGoroutineComesBack(t *testing.T) {
	c := listen(t, Options{})
	a, b := c.Made("a"), c.Made("b")
	c.Want(a.Lock, Exclusive)
	old := c.goroutines.me()
	require.True(t, old.live.CompareAndSwap(0, gone))
	_, ok := c.Begin(a.Lock, Exclusive)
	require.True(t, ok)
	assert.NotSame(t, old, c.goroutines.me())
	c.Want(b.Lock, Exclusive)
	assert.True(t, a.vertex.precedes(&b.vertex))
	_, ok = c.End(a.Lock, Exclusive, 0)
	assert.True(t, ok)
}

func TestAFollowedNestIsFollowedWhole(t *testing.T) {
	c := listen(t, Options{Sample: math.MaxInt})
	a, b := c.Made("a"), c.Made("b")
	_, ok := c.Begin(a.Lock, Exclusive)
	require.False(t, ok, "hardly ever")
	_, ok = c.End(a.Lock, Exclusive, 0)
	require.False(t, ok)
	stop := c.Listen(Options{Report: func(*Report) {}})
	_, ok = c.Begin(a.Lock, Exclusive)
	require.True(t, ok)
	stop()
	_, ok = c.Begin(b.Lock, Shared)
	require.True(t, ok, "it holds what is followed")
}

//go:noinline
func placed(c *Checker) *place { return c.places.here(0) }

func TestPlacesAreOneObjectEach(t *testing.T) {
	var c Checker
	var seen [2]*place
	for i := range 2 {
		seen[i] = placed(&c)
	}
	assert.Same(t, seen[0], seen[1])
	other := placed(&c)
	assert.NotSame(t, seen[0], other)
	assert.Contains(t, c.stack(other), "lockdep.TestPlacesAreOneObjectEach\n")
	assert.Regexp(t, `hold_test.go:\d+`, c.site(other))
	assert.Empty(t, c.stack(nil))
	assert.Empty(t, c.site(&place{}))
	hash := uint64(1)
	c.places.add(hash, other.pcs)
	replaced := c.places.add(hash, seen[0].pcs)
	assert.Equal(t, seen[0].pcs, replaced.pcs, "two places with one hash")
}

func TestPlacesAreBounded(t *testing.T) {
	var c Checker
	for i := range uint64(maxPlaces + 1000) {
		c.places.add(i+1, []uintptr{uintptr(i)})
	}
	assert.Equal(t, maxPlaces, c.places.known.live)
}

func ExampleChecker() {
	c := Checker{Ours: []string{"github.com/coderrange/ferrous/internal/lockdep."}}
	defer c.Listen(Options{Report: func(r *Report) {
		for _, s := range r.Steps {
			fmt.Println(s.Holds, "before", s.Wants)
		}
	}})()
	a, b := c.Made("Lock"), c.Made("Lock")
	a.Name("accounts")
	b.Name("log")
	both := func(outer, inner *Ref) {
		c.Want(outer.Lock, Exclusive)
		c.Begin(outer.Lock, Exclusive)
		c.Want(inner.Lock, Exclusive)
		c.Begin(inner.Lock, Exclusive)
		c.End(inner.Lock, Exclusive, 0)
		c.End(outer.Lock, Exclusive, 0)
	}
	both(a, b)
	both(b, a)
	// Output:
	// accounts before log
	// log before accounts
}
