package seq_test

import (
	"iter"
	"maps"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/option"
	"github.com/coderrange/ferrous/seq"
)

// of is a sequence of its arguments.
func of[T any](values ...T) iter.Seq[T] { return slices.Values(values) }

// list collects s; it is never nil, so that it equals []T{}.
func list[T any](s iter.Seq[T]) []T { return slices.AppendSeq([]T{}, s) }

func even(n int) bool { return n%2 == 0 }

func halfOfEven(n int) option.Option[int] { return option.From(n/2, n%2 == 0) }

func below(limit int) func(int) bool { return func(n int) bool { return n < limit } }

func TestMap(t *testing.T) {
	assert.Equal(t, []string{"1", "2"}, list(seq.Map(of(1, 2), strconv.Itoa)))
	assert.Empty(t, list(seq.Map(of[int](), strconv.Itoa)))
}

func TestFunctorAndMonadLaws(t *testing.T) {
	ten := seq.Range(0, 10)
	f, g := func(n int) int { return n + 3 }, func(n int) int { return n * 2 }
	assert.Equal(t, list(ten), list(seq.Map(ten, func(n int) int { return n })))
	assert.Equal(t, list(seq.Map(ten, func(n int) int { return g(f(n)) })), list(seq.Map(seq.Map(ten, f), g)))

	up := func(n int) iter.Seq[int] { return seq.Range(0, n) }
	down := func(n int) iter.Seq[int] { return seq.Rev(list(up(n))) }
	assert.Equal(t, list(up(42)), list(seq.FlatMap(seq.Once(42), up)))
	assert.Equal(t, list(ten), list(seq.FlatMap(ten, seq.Once[int])))
	assert.Equal(t,
		list(seq.FlatMap(seq.FlatMap(ten, up), down)),
		list(seq.FlatMap(ten, func(n int) iter.Seq[int] { return seq.FlatMap(up(n), down) })))
}

func TestFilterAndFilterMap(t *testing.T) {
	assert.Equal(t, []int{0, 2, 4}, list(seq.Filter(seq.Range(0, 6), even)))
	assert.Equal(t, []int{0, 1, 2}, list(seq.FilterMap(seq.Range(0, 6), halfOfEven)))
	pairs := seq.Filter2(maps.All(map[string]int{"a": 1, "b": 2}), func(_ string, n int) bool { return even(n) })
	assert.Equal(t, map[string]int{"b": 2}, maps.Collect(pairs))
}

func TestInspectSeesEachElementBeforeItIsPassedOn(t *testing.T) {
	var order []string
	s := seq.Inspect(of("a", "b"), func(v string) { order = append(order, "saw "+v) })
	for v := range s {
		order = append(order, "got "+v)
	}
	assert.Equal(t, []string{"saw a", "got a", "saw b", "got b"}, order)
}

func TestEnumerateCountsAnewForEachRange(t *testing.T) {
	s := seq.Enumerate(of("a", "b"))
	for range 2 {
		assert.Equal(t, map[int]string{0: "a", 1: "b"}, maps.Collect(s))
	}
}

func TestScan(t *testing.T) {
	s := seq.Scan(seq.Range(1, 100), 1, func(product *int, n int) option.Option[int] {
		*product *= n
		return option.From(*product, *product < 100)
	})
	for range 2 {
		assert.Equal(t, []int{1, 2, 6, 24}, list(s), "each range begins with the initial state")
	}
}

func TestFlatten(t *testing.T) {
	assert.Equal(t, []int{1, 2, 3}, list(seq.Flatten(of(of(1, 2), of[int](), of(3)))))
	calls := 0
	s := seq.FlatMap(seq.Inspect(seq.Range(0, 9), func(int) { calls++ }), func(n int) iter.Seq[int] {
		return seq.RepeatN(n, 2)
	})
	assert.Equal(t, []int{0, 0, 1}, list(seq.Take(s, 3)))
	assert.Equal(t, 2, calls, "a break in an inner sequence ends the outer one")
}

func TestChain(t *testing.T) {
	assert.Equal(t, []int{0, 1, 30, 40}, list(seq.Chain(of(0, 1), of[int](), of(30, 40))))
	assert.Empty(t, list(seq.Chain[int]()))
	assert.Equal(t, option.Some(60), seq.Last(seq.Chain(of[int](), of(60))))
	later := func(func(int) bool) { t.Error("a later source was asked") }
	assert.Equal(t, []int{1}, list(seq.Take(seq.Chain(of(1, 2), later), 1)))
}

func TestCycle(t *testing.T) {
	assert.Equal(t, []int{1, 2, 1, 2, 1}, list(seq.Take(seq.Cycle(of(1, 2)), 5)))
	assert.Empty(t, list(seq.Cycle(seq.Empty[int]())), "a cycle of nothing ends")
	for v := range seq.Cycle(of(1, 2)) {
		assert.Equal(t, 1, v)
		break // in its first pass
	}
	for v := range seq.Cycle(of(1)) {
		assert.Equal(t, 1, v)
		break // at the end of its first pass
	}

	passes := 0
	once := func(yield func(int) bool) { // a source that gives its elements only once
		if passes++; passes == 1 {
			_ = yield(1) && yield(2)
		}
	}
	assert.Equal(t, []int{1, 2}, list(seq.Cycle[int](once)))
}

func TestIntersperse(t *testing.T) {
	assert.Equal(t, []string{"a", ",", "b", ",", "c"}, list(seq.Intersperse(of("a", "b", "c"), ",")))
	assert.Equal(t, []string{"a"}, list(seq.Intersperse(of("a"), ",")))
	assert.Empty(t, list(seq.Intersperse(of[string](), ",")))
	assert.Equal(t, []string{"a", ","}, list(seq.Take(seq.Intersperse(of("a", "b"), ","), 2)))
}

func TestTakeAsksForNoMoreThanItGives(t *testing.T) {
	asked := 0
	src := seq.Inspect(seq.Range(0, 9), func(int) { asked++ })
	assert.Equal(t, []int{0, 1, 2}, list(seq.Take(src, 3)))
	assert.Equal(t, 3, asked)
	assert.Empty(t, list(seq.Take(func(func(int) bool) { t.Error("asked") }, 0)))
	assert.Equal(t, []int{1}, list(seq.Take(of(1), math.MaxInt)))
}

func TestSkip(t *testing.T) {
	assert.Equal(t, []int{3, 4}, list(seq.Skip(seq.Range(0, 5), 3)))
	assert.Equal(t, []int{0}, list(seq.Skip(of(0), 0)))
	assert.Empty(t, list(seq.Skip(of(0), math.MaxInt)))
}

func TestWhile(t *testing.T) {
	numbers := of(0, 1, 5, 2, 9)
	assert.Equal(t, []int{0, 1}, list(seq.TakeWhile(numbers, below(3))))
	assert.Equal(t, []int{5, 2, 9}, list(seq.SkipWhile(numbers, below(3))), "a later small one is kept")
	assert.Equal(t, []int{0, 1}, list(seq.MapWhile(of(0, 2, 3, 4), halfOfEven)))

	calls := 0
	list(seq.SkipWhile(seq.Range(0, 9), func(n int) bool { calls++; return n < 3 }))
	assert.Equal(t, 4, calls)
}

func TestStepBy(t *testing.T) {
	assert.Equal(t, []int{0, 3, 6, 9}, list(seq.Take(seq.StepBy(seq.Range(0, 99), 3), 4)))
	assert.Equal(t, []int{0, 1, 2}, list(seq.StepBy(seq.Range(0, 3), 1)))
	assert.Equal(t, []int{0}, list(seq.StepBy(seq.Range(0, 3), math.MaxInt)))
	asked := 0
	list(seq.Take(seq.StepBy(seq.Inspect(seq.Range(0, 99), func(int) { asked++ }), 10), 2))
	assert.Equal(t, 11, asked)
}

func TestZip(t *testing.T) {
	pairs := func(s iter.Seq2[int, string]) []string {
		return list(seq.Map2(s, func(a int, b string) string { return strconv.Itoa(a) + b }))
	}
	assert.Equal(t, []string{"1a", "2b"}, pairs(seq.Zip(of(1, 2, 3), of("a", "b"))))
	assert.Equal(t, []string{"1a"}, pairs(seq.Zip(of(1), of("a", "b"))))
	assert.Empty(t, pairs(seq.Zip(of[int](), of("a"))))
}

func TestZipDoesNotAdvanceTheRightOnceTheLeftEnds(t *testing.T) {
	for _, c := range []struct{ left, right, leftAsked, rightAsked int }{
		{2, 4, 2, 2}, {0, 4, 0, 0}, {4, 2, 3, 2}, {2, 2, 2, 2},
	} {
		left, right := 0, 0
		for range seq.Zip(
			seq.Inspect(seq.Range(0, c.left), func(int) { left++ }),
			seq.Inspect(seq.Range(0, c.right), func(int) { right++ }),
		) {
		}
		assert.Equal(t, c.leftAsked, left, c)
		assert.Equal(t, c.rightAsked, right, c)
	}
}

func TestUnzip(t *testing.T) {
	as, bs := seq.Unzip(seq.Zip(of(1, 2), of("a", "b")))
	assert.Equal(t, []int{1, 2}, as)
	assert.Equal(t, []string{"a", "b"}, bs)
}

func TestSources(t *testing.T) {
	assert.Empty(t, list(seq.Empty[int]()))
	assert.Equal(t, []int{42}, list(seq.Once(42)))
	assert.Equal(t, []int{42, 42, 42}, list(seq.Take(seq.Repeat(42), 3)))
	assert.Equal(t, []int{7, 7}, list(seq.RepeatN(7, 2)))
	assert.Empty(t, list(seq.RepeatN(7, 0)))
	assert.Equal(t, []int{5, 6, 7}, list(seq.Range(5, 8)))
	assert.Empty(t, list(seq.Range(200, -5)))
	assert.Empty(t, list(seq.Range(200, 200)))
	assert.Equal(t, []uint8{253, 254}, list(seq.Range[uint8](253, 255)))
	assert.Equal(t, []int8{-128, -127}, list(seq.Take(seq.Range[int8](-128, 127), 2)))
	assert.Equal(t, []int{3, 2, 1}, list(seq.Rev([]int{1, 2, 3})))
	assert.Empty(t, list(seq.Rev([]int(nil))))

	power := 1
	doubling := func() int { power *= 2; return power }
	assert.Equal(t, []int{2, 4, 8}, list(seq.Take(seq.RepeatWith(doubling), 3)))
	assert.Equal(t, 8, power, "no more calls than elements")

	left := 3
	down := func() option.Option[int] { left--; return option.From(left, left >= 0) }
	assert.Equal(t, []int{2, 1, 0}, list(seq.FromFn(down)))
}

func TestOnceWithIsCalledWhenAsked(t *testing.T) {
	calls := 0
	s := seq.OnceWith(func() int { calls++; return 42 })
	assert.Zero(t, calls)
	assert.Equal(t, []int{42}, list(s))
	assert.Equal(t, 1, calls)
}

func TestSuccessors(t *testing.T) {
	times10 := func(n uint16) option.Option[uint16] { return option.From(n*10, n < 6554) }
	assert.Equal(t, []uint16{1, 10, 100, 1000, 10000}, list(seq.Successors(option.Some[uint16](1), times10)))
	none := seq.Successors(option.None[int](), func(int) option.Option[int] { panic("called") })
	assert.Empty(t, list(none))
	one := seq.Successors(option.Some(1), func(int) option.Option[int] { panic("called") })
	assert.Equal(t, []int{1}, list(seq.Take(one, 1)), "next is not called ahead")
}
