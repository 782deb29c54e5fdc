package arcmutex

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/testkit/interleave"
)

// TestAllInterleavings runs the tests named …Explored with every interleaving
// of the atomic operations. By themselves they see every order of whole threads.
func TestAllInterleavings(t *testing.T) {
	interleave.Rerun(t, "Test.*Explored", "count.go", "arc_counts.go", "arc_handle.go", "lock.go", "../internal/park/queue.go")
}

// TestCountMisusedExplored has one Dec too many: one panics, and one of the
// others is still the last.
func TestCountMisusedExplored(t *testing.T) {
	for name, others := range map[string]int{"none": 0, "an upgrade": 1, "a look": 2} {
		t.Run(name, func(t *testing.T) {
			interleave.Explore(t, func() ([]func(), func()) {
				var c Count
				last, panics := 0, 0
				dec := func() {
					defer func() {
						if err, _ := recover().(error); err != nil {
							assert.ErrorIs(t, err, ErrUnderflow)
							panics++
						}
					}()
					if c.Dec() {
						last++
					}
				}
				threads := []func(){dec, dec}
				switch others {
				case 1:
					threads = append(threads, func() {
						if c.TryInc() {
							dec()
						}
					})
				case 2:
					threads = append(threads, func() { c.Load() })
				}
				return threads, func() {
					assert.Equal(t, 1, last, "times that a Dec was the last one")
					assert.Equal(t, 1, panics)
					assert.Zero(t, c.Load())
				}
			})
		})
	}
}

func TestCountExplored(t *testing.T) {
	// A trial is one set of threads on a Count of one holder. It knows how
	// often Dec said that it was the last one, and whether anything was
	// seen alive after something was seen dead.
	type trial struct {
		c            Count
		last         int
		zero         bool
		resurrection bool
	}
	drop := func(r *trial) {
		if r.c.Dec() {
			r.last++
			r.zero = true
		}
	}
	upgrade := func(r *trial) {
		wasZero := r.zero
		if r.c.TryInc() {
			r.resurrection = r.resurrection || wasZero
			drop(r)
		}
	}
	load := func(r *trial) {
		wasZero := r.zero
		n := r.c.Load()
		r.resurrection = r.resurrection || wasZero && n != 0
		r.zero = r.zero || n == 0
	}
	clone := func(r *trial) {
		r.c.Inc()
		drop(r)
		drop(r)
	}
	end := func(r *trial) {
		if r.c.tryEnd() {
			r.last++
			r.zero = true
			return
		}
		drop(r)
	}
	sets := map[string]struct {
		holders int // beyond the first
		threads []func(*trial)
	}{
		"the schedule that leaks with two adds":  {0, []func(*trial){drop, upgrade, upgrade}},
		"two drops":                              {1, []func(*trial){drop, drop}},
		"two drops, an upgrade and a look":       {1, []func(*trial){drop, drop, upgrade, load}},
		"drop, upgrade and a look":               {0, []func(*trial){drop, upgrade, load}},
		"clone and drop, drop, upgrade":          {1, []func(*trial){clone, drop, upgrade}},
		"end or drop, twice, and an upgrade":     {1, []func(*trial){end, end, upgrade}},
		"end or drop, upgrade, look and look on": {0, []func(*trial){end, upgrade, load, load}},
	}
	for name, set := range sets {
		t.Run(name, func(t *testing.T) {
			runs := interleave.Explore(t, func() ([]func(), func()) {
				r := &trial{}
				for range set.holders {
					r.c.Inc()
				}
				var threads []func()
				for _, f := range set.threads {
					threads = append(threads, func() { f(r) })
				}
				return threads, func() {
					assert.Equal(t, 1, r.last, "times that a Dec was the last one")
					assert.False(t, r.resurrection, "something alive was seen after zero")
					assert.False(t, r.c.TryInc(), "TryInc after zero")
					assert.Zero(t, r.c.Load())
				}
			})
			t.Logf("%d interleavings", runs)
			if interleave.Rewritten() {
				assert.Greater(t, runs, 1<<len(set.threads))
			}
		})
	}
}

// countMethods are the methods of a Count.
var countMethods = map[string]func(c *Count) any{
	"Inc":    func(c *Count) any { c.Inc(); return "in" },
	"TryInc": func(c *Count) any { return c.TryInc() },
	"Dec":    func(c *Count) any { return c.Dec() },
	"Load":   func(c *Count) any { return c.Load() },
}

// countCalls calls the methods in order, and returns what each of them gave.
// What comes after a panic is called nevertheless.
func countCalls(c *Count, names ...string) (results []any) {
	for _, name := range names {
		func() {
			defer func() {
				if err, _ := recover().(error); errors.Is(err, ErrUnderflow) {
					results = append(results, "panics")
				} else if err != nil {
					results = append(results, err)
				}
			}()
			results = append(results, countMethods[name](c))
		}()
	}
	return results
}

// merges calls yield with every order of the calls of two threads.
func merges(a, b []string, yield func(order []int)) {
	var extend func(order []int, i, j int)
	extend = func(order []int, i, j int) {
		if i == len(a) && j == len(b) {
			yield(order)
		}
		if i < len(a) {
			extend(append(slices.Clip(order), 0), i+1, j)
		}
		if j < len(b) {
			extend(append(slices.Clip(order), 1), i, j+1)
		}
	}
	extend(nil, 0, 0)
}

// TestCountMethodsExplored runs every one or two calls of a Count beside every
// other, with one to three holders, so also with too few of them. The calls give
// what they give in some order: only a Dec or an Inc after zero panics, one Dec
// is the last, and zero is for ever.
func TestCountMethodsExplored(t *testing.T) {
	var all [][]string
	for _, first := range slices.Sorted(maps.Keys(countMethods)) {
		all = append(all, []string{first})
		for _, second := range slices.Sorted(maps.Keys(countMethods)) {
			all = append(all, []string{first, second})
		}
	}
	holders := func(n int) *Count {
		c := &Count{}
		for range n - 1 {
			c.Inc()
		}
		return c
	}
	programs, runs := 0, 0
	for i, first := range all {
		for _, second := range all[i:] {
			for n := 1; n <= 3; n++ {
				allowed := map[string]bool{}
				merges(first, second, func(order []int) {
					c, calls, results := holders(n), [2][]string{first, second}, [2][]any{}
					for _, i := range order {
						results[i] = append(results[i], countCalls(c, calls[i][0])...)
						calls[i] = calls[i][1:]
					}
					allowed[fmt.Sprint(results, c.Load())] = true
				})
				programs++
				runs += interleave.Explore(t, func() ([]func(), func()) {
					c, results := holders(n), [2][]any{}
					calls := []func(){
						func() { results[0] = countCalls(c, first...) },
						func() { results[1] = countCalls(c, second...) },
					}
					return calls, func() {
						if got := fmt.Sprint(results, c.Load()); !allowed[got] {
							t.Errorf("%v and %v of %d holders: no order of calls gives %s", first, second, n, got)
						}
					}
				})
			}
		}
	}
	t.Logf("%d programs, %d interleavings", programs, runs)
}
