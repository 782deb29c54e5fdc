package rusttogo

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"

	"github.com/coderrange/ferrous/option"
	"github.com/coderrange/ferrous/seq"
)

func isEven(n int) bool { return n%2 == 0 }

func half(n int) option.Option[int] { return option.From(n/2, n%2 == 0) }

func mod3(n int) int { return n % 3 }

func byMod3(a, b int) int { return mod3(a) - mod3(b) }

func equalMod3(a, b int) bool { return mod3(a) == mod3(b) }

func show[T any](s iter.Seq[T]) { fmt.Println(slices.Collect(s)) }

func Example_iteratorMap() {
	src := seq.Range(0, 6)
	show(seq.Map(src, strconv.Itoa))
	show(seq.Filter(src, isEven))
	show(seq.FilterMap(src, half))
	show(seq.MapWhile(slices.Values([]int{4, 2, 1, 8}), half))
	show(seq.FlatMap(src, func(n int) iter.Seq[int] { return seq.RepeatN(n, n) }))
	show(seq.Flatten(slices.Values([]iter.Seq[int]{src, src})))
	show(seq.Scan(src, 1, func(state *int, n int) option.Option[int] {
		*state += n
		return option.Some(*state)
	}))
	show(seq.Inspect(src, func(n int) { fmt.Print(n, " ") }))
	n := 1
	pointers := slices.Values([]*int{&n, &n})
	show(seq.Map(pointers, func(p *int) int { return *p }))
	// Output:
	// [0 1 2 3 4 5]
	// [0 2 4]
	// [0 1 2]
	// [2 1]
	// [1 2 2 3 3 3 4 4 4 4 5 5 5 5 5]
	// [0 1 2 3 4 5 0 1 2 3 4 5]
	// [1 2 4 7 11 16]
	// 0 1 2 3 4 5 [0 1 2 3 4 5]
	// [1 1]
}

func Example_iteratorPart() {
	src := slices.Values([]int{0, 1, 2, 7, 3, 4})
	small := func(n int) bool { return n < 3 }
	show(seq.Take(src, 2))
	show(seq.Skip(src, 2))
	show(seq.TakeWhile(src, small))
	show(seq.SkipWhile(src, small))
	show(seq.StepBy(src, 2))
	fmt.Println(seq.Nth(src, 3), seq.Last(src), seq.Count(src))
	// Output:
	// [0 1]
	// [2 7 3 4]
	// [0 1 2]
	// [7 3 4]
	// [0 2 3]
	// Some(7) Some(4) 6
}

func Example_iteratorJoin() {
	a, b := seq.Range(0, 3), seq.Range(7, 9)
	show(seq.Chain(a, b))
	show(seq.Take(seq.Cycle(b), 5))
	show(seq.Intersperse(b, 0))
	for x, y := range seq.Zip(a, b) {
		fmt.Println(x, y)
	}
	for i, x := range seq.Enumerate(b) {
		fmt.Println(i, x)
	}
	show(seq.Map2(seq.Zip(a, b), func(x, y int) int { return x * y }))
	left, right := seq.Unzip(seq.Zip(a, b))
	fmt.Println(left, right)
	show(seq.Rev([]int{1, 2, 3}))
	// Output:
	// [0 1 2 7 8]
	// [7 8 7 8 7]
	// [7 0 8]
	// 0 7
	// 1 8
	// 0 7
	// 1 8
	// [0 8]
	// [0 1] [7 8]
	// [3 2 1]
}

func Example_iteratorCollect() {
	src := seq.Range(0, 5)
	fmt.Println(slices.Collect(src), maps.Collect(seq.Enumerate(src)))
	evens, odds := seq.Partition(src, isEven)
	fmt.Println(evens, odds)
	for n := range src {
		if n > 2 {
			fmt.Println(n)
		}
	}
	parsed := func(yield func(int, error) bool) {
		_ = yield(strconv.Atoi("1")) && yield(strconv.Atoi("x"))
	}
	numbers, err := seq.TryCollect(parsed)
	fmt.Println(numbers, err)
	// Output:
	// [0 1 2 3 4] map[0:0 1:1 2:2 3:3 4:4]
	// [0 2 4] [1 3]
	// 3
	// 4
	// [1] strconv.Atoi: parsing "x": invalid syntax
}

func Example_iteratorFold() {
	src := seq.Range(1, 5)
	fmt.Println(seq.Sum(src), seq.Product(src))
	fmt.Println(seq.Fold(src, 100, func(acc, n int) int { return acc - n }))
	fmt.Println(seq.Reduce(src, func(a, b int) int { return a*10 + b }))
	small := func(acc, n int) (int, error) {
		if acc+n > 5 {
			return 0, errors.New("too large")
		}
		return acc + n, nil
	}
	sum, err := seq.TryFold(src, 0, small)
	fmt.Println(sum, err)
	err = seq.TryForEach(src, func(n int) error { return errors.New("stop at " + strconv.Itoa(n)) })
	fmt.Println(err)
	// Output:
	// 10 24
	// 90
	// Some(1234)
	// 3 too large
	// stop at 1
}

func Example_iteratorSearch() {
	v := []int{1, 3, 4, 6, 7}
	src := slices.Values(v)
	fmt.Println(seq.All(src, isEven), seq.Any(src, isEven))
	fmt.Println(seq.Find(src, isEven), seq.FindMap(src, half))
	fmt.Println(seq.Position(src, isEven), seq.RPosition(v, isEven))
	// Output:
	// false true
	// Some(4) Some(2)
	// Some(2) Some(3)
}

func Example_iteratorExtremes() {
	src := seq.Range(0, 11)
	fmt.Println(seq.Max(src), seq.Min(src))
	fmt.Println(seq.MaxBy(src, byMod3), seq.MinBy(src, byMod3))
	fmt.Println(seq.MaxByKey(src, mod3), seq.MinByKey(src, mod3))
	// Output:
	// Some(10) Some(0)
	// Some(8) Some(0)
	// Some(8) Some(0)
}

func Example_iteratorCompare() {
	a, b := slices.Values([]int{1, 2, 3}), slices.Values([]int{1, 2, 4})
	fmt.Println(seq.Cmp(a, b), seq.PartialCmp(a, b))
	fmt.Println(seq.Eq(a, b), !seq.Eq(a, b))
	fmt.Println(seq.Cmp(a, b) < 0, seq.Cmp(a, b) <= 0, seq.Cmp(a, b) > 0, seq.Cmp(a, b) >= 0)
	fmt.Println(seq.CmpBy(a, b, byMod3), seq.EqBy(a, b, equalMod3))
	partial := func(x, y int) option.Option[int] { return option.From(x-y, x < 3) }
	fmt.Println(seq.PartialCmpBy(a, b, partial))
	fmt.Println(seq.IsSorted(a), seq.IsSortedBy(a, equalMod3), seq.IsSortedByKey(a, mod3))
	// Output:
	// -1 Some(-1)
	// false true
	// true true false false
	// -1 false
	// None
	// true false false
}

func Example_iteratorStep() {
	p := seq.NewPeekable(seq.Range(0, 9))
	defer p.Close()
	fmt.Println(p.Next(), p.Peek(), p.Next())
	*p.PeekPtr() = 20
	fmt.Println(p.NextIf(isEven), p.NextIf(isEven))
	fmt.Println(seq.NextIfMap(p, half), p.NextIf(func(n int) bool { return n == 3 }))
	show(seq.Take(p.All(), 2)) // by_ref: what is left is still there
	show(p.All())
	fmt.Println(p.Next(), p.Next()) // fused: None ever after
	// Output:
	// Some(0) Some(1) Some(1)
	// Some(20) None
	// None Some(3)
	// [4 5]
	// [6 7 8]
	// None None
}

func Example_iteratorSources() {
	fmt.Println(seq.Count(seq.Empty[int]()))
	show(seq.Once(7))
	show(seq.OnceWith(func() int { return 7 }))
	show(seq.Take(seq.Repeat(7), 2))
	show(seq.RepeatN(7, 2))
	n := 0
	next := func() int { n++; return n }
	show(seq.Take(seq.RepeatWith(next), 3))
	show(seq.FromFn(func() option.Option[int] { return half(n + 1).Filter(func(int) bool { n++; return n < 6 }) }))
	show(seq.Successors(option.Some(8), half))
	show(seq.Range(5, 8))
	// Output:
	// 0
	// [7]
	// [7]
	// [7 7]
	// [7 7]
	// [1 2 3]
	// [2]
	// [8 4 2 1]
	// [5 6 7]
}

func Example_iteratorBackward() {
	v := []int{1, 2, 3, 4}
	fmt.Println(seq.Nth(seq.Rev(v), 0), seq.Nth(seq.Rev(v), 1))
	fmt.Println(seq.Fold(seq.Rev(v), "", func(s string, n int) string { return s + strconv.Itoa(n) }))
	fmt.Println(seq.Find(seq.Rev(v), isEven))
	sum, err := seq.TryFold(seq.Rev(v), 0, func(acc, n int) (int, error) { return acc + n, nil })
	fmt.Println(sum, err)
	// Output:
	// Some(4) Some(3)
	// 4321
	// Some(4)
	// 10 <nil>
}
