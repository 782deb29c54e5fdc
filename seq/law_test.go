package seq_test

import (
	"iter"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/option"
	"github.com/coderrange/ferrous/seq"
)

func isOdd(n int) bool { return n%2 != 0 }

// adapters are all adapters with fixed arguments, each beside a slow, obvious
// oracle on slices.
var adapters = map[string]struct {
	adapt  func(iter.Seq[int]) iter.Seq[int]
	oracle func([]int) []int
}{
	"Map": {
		func(s iter.Seq[int]) iter.Seq[int] { return seq.Map(s, func(n int) int { return n * 3 }) },
		func(s []int) (out []int) {
			for _, n := range s {
				out = append(out, n*3)
			}
			return out
		},
	},
	"Filter": {
		func(s iter.Seq[int]) iter.Seq[int] { return seq.Filter(s, isOdd) },
		func(s []int) []int { return slices.DeleteFunc(s, even) },
	},
	"FilterMap": {
		func(s iter.Seq[int]) iter.Seq[int] { return seq.FilterMap(s, halfOfEven) },
		func(s []int) (out []int) {
			for _, n := range slices.DeleteFunc(s, isOdd) {
				out = append(out, n/2)
			}
			return out
		},
	},
	"Inspect": {
		func(s iter.Seq[int]) iter.Seq[int] { return seq.Inspect(s, func(int) {}) },
		func(s []int) []int { return s },
	},
	"Enumerate and Map2": {
		func(s iter.Seq[int]) iter.Seq[int] {
			return seq.Map2(seq.Enumerate(s), func(i, n int) int { return 10*n + i })
		},
		func(s []int) (out []int) {
			for i, n := range s {
				out = append(out, 10*n+i)
			}
			return out
		},
	},
	"Filter2": {
		func(s iter.Seq[int]) iter.Seq[int] {
			kept := seq.Filter2(seq.Enumerate(s), func(i, _ int) bool { return even(i) })
			return seq.Map2(kept, func(_, n int) int { return n })
		},
		func(s []int) (out []int) {
			for i := 0; i < len(s); i += 2 {
				out = append(out, s[i])
			}
			return out
		},
	},
	"Scan": {
		func(s iter.Seq[int]) iter.Seq[int] {
			return seq.Scan(s, 0, func(sum *int, n int) option.Option[int] {
				*sum += n
				return option.From(*sum, *sum < 20)
			})
		},
		func(s []int) (out []int) {
			sum := 0
			for _, n := range s {
				if sum += n; sum >= 20 {
					break
				}
				out = append(out, sum)
			}
			return out
		},
	},
	"FlatMap": {
		func(s iter.Seq[int]) iter.Seq[int] {
			return seq.FlatMap(s, func(n int) iter.Seq[int] { return seq.Range(0, n) })
		},
		func(s []int) (out []int) {
			for _, n := range s {
				for i := range n {
					out = append(out, i)
				}
			}
			return out
		},
	},
	"Flatten": {
		func(s iter.Seq[int]) iter.Seq[int] {
			return seq.Flatten(seq.Map(s, func(n int) iter.Seq[int] { return of(n, -n) }))
		},
		func(s []int) (out []int) {
			for _, n := range s {
				out = append(out, n, -n)
			}
			return out
		},
	},
	"Chain": {
		func(s iter.Seq[int]) iter.Seq[int] { return seq.Chain(s, of(7, 8), s) },
		func(s []int) []int { return slices.Concat(s, []int{7, 8}, s) },
	},
	"Cycle and Take": {
		func(s iter.Seq[int]) iter.Seq[int] { return seq.Take(seq.Cycle(s), 7) },
		func(s []int) (out []int) {
			for i := 0; i < 7 && len(s) > 0; i++ {
				out = append(out, s[i%len(s)])
			}
			return out
		},
	},
	"Intersperse": {
		func(s iter.Seq[int]) iter.Seq[int] { return seq.Intersperse(s, 99) },
		func(s []int) (out []int) {
			for i, n := range s {
				if i > 0 {
					out = append(out, 99)
				}
				out = append(out, n)
			}
			return out
		},
	},
	"Take": {
		func(s iter.Seq[int]) iter.Seq[int] { return seq.Take(s, 3) },
		func(s []int) []int { return s[:min(3, len(s))] },
	},
	"Skip": {
		func(s iter.Seq[int]) iter.Seq[int] { return seq.Skip(s, 3) },
		func(s []int) []int { return s[min(3, len(s)):] },
	},
	"TakeWhile": {
		func(s iter.Seq[int]) iter.Seq[int] { return seq.TakeWhile(s, below(5)) },
		func(s []int) []int {
			if i := slices.IndexFunc(s, func(n int) bool { return n >= 5 }); i >= 0 {
				return s[:i]
			}
			return s
		},
	},
	"SkipWhile": {
		func(s iter.Seq[int]) iter.Seq[int] { return seq.SkipWhile(s, below(5)) },
		func(s []int) []int {
			if i := slices.IndexFunc(s, func(n int) bool { return n >= 5 }); i >= 0 {
				return s[i:]
			}
			return nil
		},
	},
	"MapWhile": {
		func(s iter.Seq[int]) iter.Seq[int] { return seq.MapWhile(s, halfOfEven) },
		func(s []int) (out []int) {
			for _, n := range s {
				if isOdd(n) {
					break
				}
				out = append(out, n/2)
			}
			return out
		},
	},
	"StepBy": {
		func(s iter.Seq[int]) iter.Seq[int] { return seq.StepBy(s, 3) },
		func(s []int) (out []int) {
			for i := 0; i < len(s); i += 3 {
				out = append(out, s[i])
			}
			return out
		},
	},
	"Zip": {
		func(s iter.Seq[int]) iter.Seq[int] {
			return seq.Map2(seq.Zip(s, s), func(a, b int) int { return a + b })
		},
		func(s []int) (out []int) {
			for _, n := range s {
				out = append(out, n+n)
			}
			return out
		},
	},
	"Peekable": {
		func(s iter.Seq[int]) iter.Seq[int] {
			return func(yield func(int) bool) {
				p := seq.NewPeekable(s)
				defer p.Close()
				p.Peek()
				p.All()(yield)
			}
		},
		func(s []int) []int { return s },
	},
}

// source ranges over values and says in closed and asked what became of it.
func source(values []int, asked *int, closed *bool) iter.Seq[int] {
	return func(yield func(int) bool) {
		*closed = false
		defer func() { *closed = true }()
		for _, v := range values {
			*asked++
			if !yield(v) {
				return
			}
		}
	}
}

func TestAdaptersFollowSlices(t *testing.T) {
	for name, a := range adapters {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				values := rapid.SliceOfN(rapid.IntRange(0, 9), 0, 12).Draw(t, "values")
				want := append([]int{}, a.oracle(slices.Clone(values))...)
				asked, closed := 0, true
				s := a.adapt(source(values, &asked, &closed))
				require.Zero(t, asked, "lazy until it is ranged over")
				require.Equal(t, want, list(s))
				require.True(t, closed)
				require.Equal(t, want, list(s), "a second range gives the same")

				// Breaking out at any point gives what came before and ends the source.
				stop := rapid.IntRange(0, len(want)).Draw(t, "stop")
				got := []int{}
				for v := range s {
					if len(got) == stop {
						break
					}
					got = append(got, v)
				}
				require.Equal(t, want[:min(stop, len(want))], got)
				require.True(t, closed, "the source was ended")
			})
		})
	}
}

func TestAPanicInTheLoopEndsTheSource(t *testing.T) {
	for name, a := range adapters {
		t.Run(name, func(t *testing.T) {
			asked, closed := 0, false
			s := a.adapt(source([]int{2, 4, 6, 7, 8}, &asked, &closed))
			require.PanicsWithValue(t, "boom", func() {
				for range s {
					panic("boom")
				}
			})
			assert.True(t, closed)
		})
	}
}

func TestAPanicInTheSourcePassesThrough(t *testing.T) {
	for name, a := range adapters {
		t.Run(name, func(t *testing.T) {
			s := a.adapt(func(func(int) bool) { panic("boom") })
			require.PanicsWithValue(t, "boom", func() { list(s) })
		})
	}
}

// TestBreakFreesWhatIsPulled counts on goleak in TestMain: a coroutine that is
// left behind fails the package.
func TestBreakFreesWhatIsPulled(t *testing.T) {
	for range 100 {
		asked, closed := 0, false
		endless := func(yield func(int) bool) {
			source([]int{1}, &asked, &closed)(func(v int) bool {
				for yield(v) {
				}
				return false
			})
		}
		for range seq.Zip(seq.Repeat(1), endless) {
			break
		}
		require.True(t, closed)
		require.Equal(t, 1, seq.Cmp(seq.Repeat(2), endless))
		require.True(t, closed)
		require.False(t, seq.Eq(of(1), endless))
		require.True(t, closed)
		require.PanicsWithValue(t, "boom", func() {
			seq.EqBy(of(1), endless, func(int, int) bool { panic("boom") })
		})
		require.True(t, closed)
		p := seq.NewPeekable[int](endless)
		p.Peek()
		p.Close()
		require.True(t, closed)
	}
}

func TestPipelinesAllocateAFixedNumberOfTimes(t *testing.T) {
	if testkit.RaceEnabled {
		t.Skip("the race detector allocates on its own account")
	}
	sum := 0
	for name, a := range adapters {
		if name == "Scan" || name == "MapWhile" {
			continue // these stop at once here; see below
		}
		t.Run(name, func(t *testing.T) {
			allocations := func(n int) float64 {
				values := slices.Repeat([]int{2, 3, 4}, n)
				return testing.AllocsPerRun(20, func() {
					for v := range a.adapt(slices.Values(values)) {
						sum += v
					}
				})
			}
			few, many := allocations(10), allocations(1000)
			if name == "Flatten" || name == "FlatMap" {
				// The sequences that the callback makes are its own: at most
				// one closure, and what it captures, for each outer element.
				assert.LessOrEqual(t, many-few, float64(2*3*990))
				return
			}
			assert.LessOrEqual(t, many, few+1)
			assert.LessOrEqual(t, many, 20.0)
		})
	}
	inner := seq.Range(0, 3)
	testkit.Allocs(t, "FlatMap", 8, func() {
		sum += seq.Sum(seq.FlatMap(seq.Range(0, 1000), func(int) iter.Seq[int] { return inner }))
	})
	some := func(n int) option.Option[int] { return option.Some(n) }
	testkit.Allocs(t, "MapWhile", 8, func() { sum += seq.Sum(seq.MapWhile(seq.Range(0, 1000), some)) })
	testkit.Allocs(t, "Scan", 8, func() {
		sum += seq.Sum(seq.Scan(seq.Range(0, 1000), 0, func(s *int, n int) option.Option[int] {
			*s += n
			return option.Some(*s)
		}))
	})
	testkit.NoAllocs(t, "an inlined pipeline", func() {
		sum += seq.Sum(seq.Map(seq.Filter(seq.Range(0, 1000), even), func(n int) int { return n * n }))
	})
}

func TestCountsThatMakeNoSensePanicAtOnce(t *testing.T) {
	for want, f := range map[string]func(){
		"seq: StepBy: 0 is not positive":           func() { seq.StepBy(of(1), 0) },
		"seq: StepBy: -1 is not positive":          func() { seq.StepBy(of(1), -1) },
		"seq: Take: -1 is not zero or positive":    func() { seq.Take(of(1), -1) },
		"seq: Skip: -2 is not zero or positive":    func() { seq.Skip(of(1), -2) },
		"seq: Nth: -3 is not zero or positive":     func() { seq.Nth(of(1), -3) },
		"seq: RepeatN: -4 is not zero or positive": func() { seq.RepeatN(1, -4) },
	} {
		err := testkit.PanicError(t, f)
		require.EqualError(t, err, want)
		assert.ErrorAs(t, err, new(*seq.ArgumentError))
	}
}

func TestPipelinesInline(t *testing.T) {
	testkit.Inlined(t, "seq.Map[…]", "seq.Filter[…]", "seq.FilterMap[…]", "seq.Take[…]", "seq.Skip[…]",
		"seq.TakeWhile[…]", "seq.SkipWhile[…]", "seq.MapWhile[…]", "seq.StepBy[…]", "seq.Scan[…]",
		"seq.Enumerate[…]", "seq.Inspect[…]", "seq.FlatMap[…]", "seq.Cycle[…]", "seq.Intersperse[…]",
		"seq.Map2[…]", "seq.Filter2[…]", "seq.Sum[…]", "seq.Count[…]", "seq.Fold[…]", "seq.Find[…]",
		"seq.Any[…]", "seq.All[…]", "seq.Range[…]")
}
