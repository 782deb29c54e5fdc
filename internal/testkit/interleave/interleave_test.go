package interleave_test

import (
	"fmt"
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit/interleave"
)

func TestExploreFindsEveryInterleavingOnce(t *testing.T) {
	seen := map[string]int{}
	runs := interleave.Explore(t, func() ([]func(), func()) {
		var x interleave.Int64
		order := ""
		thread := func(name string) func() {
			return func() {
				order += name
				x.Add(1)
				order += name
				x.Add(1)
				order += name
			}
		}
		return []func(){thread("a"), thread("b"), thread("c")}, func() {
			seen[order]++
			assert.EqualValues(t, 6, x.Load())
		}
	})
	assert.Equal(t, 1680, runs, "9! / (3! 3! 3!)")
	assert.Len(t, seen, runs)
}

// An instruction is one of a random program's: what it does to which variable.
type instruction struct{ what, variable int }

// do does the instruction by means of the operations of one variable.
func (in instruction) do(load func() int64, swap func(int64) int64, add func(int64) int64, cas func(a, b int64) bool) any {
	switch in.what {
	case 0, 1:
		return load()
	case 2:
		return swap(5)
	case 3:
		return add(1)
	default:
		return cas(0, 3)
	}
}

// everyOutcome runs a program in every order of its instructions, and tells
// yield the results of each.
func everyOutcome(program [][]instruction, yield func(string)) {
	var extend func(at [3]int, v [2]int64, results [3]string)
	extend = func(at [3]int, v [2]int64, results [3]string) {
		end := true
		for i, thread := range program {
			if at[i] == len(thread) {
				continue
			}
			end = false
			in, at, v, results := thread[at[i]], at, v, results
			p := &v[in.variable]
			got := in.do(
				func() int64 { return *p },
				func(x int64) int64 { old := *p; *p = x; return old },
				func(x int64) int64 { *p += x; return *p },
				func(old, x int64) bool {
					if *p != old {
						return false
					}
					*p = x
					return true
				})
			results[i] += fmt.Sprint(got, ";")
			at[i]++
			extend(at, v, results)
		}
		if end {
			yield(fmt.Sprint(results, v))
		}
	}
	extend([3]int{}, [2]int64{}, [3]string{})
}

func TestExploreLeavesNoOutcomeOut(outer *testing.T) {
	rapid.Check(outer, func(t *rapid.T) {
		gen := rapid.Custom(func(t *rapid.T) instruction {
			return instruction{rapid.IntRange(0, 4).Draw(t, "what"), rapid.IntRange(0, 1).Draw(t, "variable")}
		})
		program := rapid.SliceOfN(rapid.SliceOfN(gen, 0, 3), 3, 3).Draw(t, "program")
		want := map[string]bool{}
		everyOutcome(program, func(outcome string) { want[outcome] = true })
		seen := map[string]bool{}
		interleave.Explore(outer, func() ([]func(), func()) {
			var v [2]interleave.Int64
			var results [3]string
			var threads []func()
			for i, thread := range program {
				threads = append(threads, func() {
					for _, in := range thread {
						w := &v[in.variable]
						results[i] += fmt.Sprint(in.do(w.Load, w.Swap, w.Add, w.CompareAndSwap), ";")
					}
				})
			}
			return threads, func() { seen[fmt.Sprint(results, [2]int64{v[0].Load(), v[1].Load()})] = true }
		})
		if !maps.Equal(want, seen) {
			t.Fatalf("%v: %d outcomes, want %d", program, len(seen), len(want))
		}
	})
}

func TestExploreRunsOneOfTheOrdersThatCommute(t *testing.T) {
	for name, shared := range map[string]bool{"loads of one variable": true, "adds to two": false} {
		runs := interleave.Explore(t, func() ([]func(), func()) {
			var v [2]interleave.Int64
			thread := func(i int) func() {
				return func() {
					for range 4 {
						if shared {
							v[0].Load()
						} else {
							v[i].Add(1)
						}
					}
				}
			}
			return []func(){thread(0), thread(1)}, func() {}
		})
		assert.Less(t, runs, 40, "%s: of 252 orders", name)
	}
}

// lossy adds one in two steps, so that an interleaving loses an addition.
func lossy(x *interleave.Int64) { x.Store(x.Load() + 1) }

func TestExploreFindsTheLostUpdate(t *testing.T) {
	sums := map[int64]bool{}
	interleave.Explore(t, func() ([]func(), func()) {
		var x interleave.Int64
		add := func() { lossy(&x) }
		return []func(){add, add}, func() { sums[x.Load()] = true }
	})
	assert.Equal(t, map[int64]bool{1: true, 2: true}, sums)
}

// twoAdds is a counter with real and speculative references in one word, after
// gVisor's refs: a TryInc adds a speculative one, looks, and converts it.
type twoAdds struct{ n interleave.Int64 }

const speculative = 1 << 32

func (c *twoAdds) tryInc() bool {
	if c.n.Add(speculative)&(speculative-1) == 0 {
		c.n.Add(-speculative)
		return false
	}
	c.n.Add(1 - speculative)
	return true
}

// dec destroys at zero, speculative references included.
func (c *twoAdds) dec() bool { return c.n.Add(-1) == 0 }

func TestExploreFindsTheLeakOfTwoAdds(t *testing.T) {
	destroyed := map[int]int{}
	interleave.Explore(t, func() ([]func(), func()) {
		var c twoAdds
		c.n.Store(1)
		times := 0
		drop := func() {
			if c.dec() {
				times++
			}
		}
		upgrade := func() {
			if c.tryInc() {
				drop()
			}
		}
		return []func(){drop, upgrade, upgrade}, func() { destroyed[times]++ }
	})
	assert.Positive(t, destroyed[1])
	assert.Positive(t, destroyed[0], "the schedule under which nobody destroys")
}

// Nothing is lost without an interruption. One is enough to lose both of the
// others' additions.
func TestExploreBoundedSeesWhatItsInterruptionsReach(t *testing.T) {
	for interruptions, want := range []map[int64]bool{
		{3: true},
		{3: true, 2: true, 1: true},
		{3: true, 2: true, 1: true},
	} {
		sums := map[int64]bool{}
		runs := interleave.ExploreBounded(t, interruptions, func() ([]func(), func()) {
			var x interleave.Int64
			add := func() { lossy(&x) }
			return []func(){add, add, add}, func() { sums[x.Load()] = true }
		})
		assert.Equal(t, want, sums, interruptions)
		t.Logf("%d interruptions: %d runs", interruptions, runs)
		if interruptions == 0 {
			assert.Equal(t, 6, runs, "the orders of three threads")
		}
	}
}

// With interruptions enough, all interleavings are seen, and each once.
func TestExploreBoundedByManySeesAll(t *testing.T) {
	setup := func() ([]func(), func()) {
		var x interleave.Int64
		thread := func() {
			x.Add(1)
			x.Add(1)
		}
		return []func(){thread, thread, thread}, func() { assert.EqualValues(t, 6, x.Load()) }
	}
	assert.Equal(t, interleave.Explore(t, setup), interleave.ExploreBounded(t, 9, setup))
}

// A recorder takes the failure of a test that is expected to fail.
type recorder struct {
	testing.TB
	errors []error
}

func (r *recorder) Error(args ...any)   { r.errors = append(r.errors, args[0].(error)) }
func (r *recorder) Failed() bool        { return len(r.errors) > 0 }
func (r *recorder) Logf(string, ...any) {}

// TestWaitingThreadsSeeEveryInterleaving has one thread wait for another in all
// ways there are.
func TestWaitingThreadsSeeEveryInterleaving(t *testing.T) {
	for name, wait := range map[string]func(x *interleave.Int64){
		"a condition": func(x *interleave.Int64) { interleave.Wait(func() bool { return x.Load() == 2 }) },
		"a loop": func(x *interleave.Int64) {
			for x.Load() != 2 {
				interleave.Gosched()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			orders := map[string]bool{}
			interleave.Explore(t, func() ([]func(), func()) {
				var x interleave.Int64
				order := ""
				waiter := func() {
					wait(&x)
					order += "w"
					assert.EqualValues(t, 2, x.Load())
				}
				giver := func() {
					x.Add(1)
					order += "1"
					x.Add(1)
					order += "2"
				}
				return []func(){waiter, giver, func() { order += "o" }}, func() { orders[order] = true }
			})
			assert.Equal(t, map[string]bool{"o12w": true, "1o2w": true, "12ow": true, "12wo": true}, orders)
		})
	}
}

func TestMutexExcludes(t *testing.T) {
	runs := interleave.Explore(t, func() ([]func(), func()) {
		var m interleave.Mutex
		var x interleave.Int64
		tried := 0
		add := func() {
			m.Lock()
			lossy(&x)
			m.Unlock()
		}
		try := func() {
			if m.TryLock() {
				lossy(&x)
				m.Unlock()
				tried++
			}
		}
		return []func(){add, add, try}, func() { assert.EqualValues(t, 2+tried, x.Load()) }
	})
	assert.Greater(t, runs, 6)
	assert.Panics(t, new(interleave.Mutex).Unlock)
}

func TestExploreFindsTheDeadlock(t *testing.T) {
	for name, setup := range map[string]func() []func(){
		"two mutexes": func() []func() {
			var a, b interleave.Mutex
			both := func(a, b *interleave.Mutex) func() {
				return func() {
					a.Lock()
					defer a.Unlock()
					b.Lock()
					defer b.Unlock()
				}
			}
			return []func(){both(&a, &b), both(&b, &a), func() {}}
		},
		"two loops": func() []func() {
			var x, y interleave.Bool
			loop := func(mine, other *interleave.Bool) func() {
				return func() {
					for !other.Load() {
						interleave.Gosched()
					}
					mine.Store(true)
				}
			}
			return []func(){loop(&x, &y), loop(&y, &x)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := &recorder{TB: t}
			interleave.Explore(r, func() ([]func(), func()) { return setup(), func() {} })
			if assert.Len(t, r.errors, 1) {
				assert.ErrorContains(t, r.errors[0], "threads [0 1] wait")
			}
		})
	}
	assert.Panics(t, func() { interleave.Wait(func() bool { return false }) }, "outside of Explore's threads")
}
