// Package seq_test measures seq beside plain loops, samber/lo and lo/it.
package seq_test

import (
	"iter"
	"slices"
	"testing"

	"github.com/samber/lo"
	"github.com/samber/lo/it"

	"github.com/coderrange/ferrous/option"
	"github.com/coderrange/ferrous/seq"
)

const size = 1_000_000

var (
	numbers = slices.Collect(seq.Range(0, size))
	sink    int
)

func isEven(n int) bool { return n%2 == 0 }
func square(n int) int  { return n * n }

// run measures f, which handles size elements, per element.
func run(b *testing.B, name string, f func() int) {
	b.Helper()
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; i < b.N; i++ {
			sink += f()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/size, "ns/elem")
	})
}

func BenchmarkFilterMapSum(b *testing.B) {
	run(b, "impl=loop", func() int {
		sum := 0
		for _, n := range numbers {
			if isEven(n) {
				sum += square(n)
			}
		}
		return sum
	})
	run(b, "impl=ours", func() int {
		return seq.Sum(seq.Map(seq.Filter(slices.Values(numbers), isEven), square))
	})
	run(b, "impl=lo", func() int {
		return lo.Sum(lo.Map(lo.Filter(numbers, func(n, _ int) bool { return isEven(n) }),
			func(n, _ int) int { return square(n) }))
	})
	run(b, "impl=lo_it", func() int {
		return it.Sum(it.Map(it.Filter(slices.Values(numbers), isEven), square))
	})
}

// opaque keeps the compiler from seeing through a source, as when it comes out
// of an interface or another package's variable.
//
//go:noinline
func opaque(s iter.Seq[int]) iter.Seq[int] { return s }

// BenchmarkAdapter measures one adapter each between a source and seq.Sum: over
// a source that the compiler sees, and over one that it does not.
func BenchmarkAdapter(b *testing.B) {
	always := func(int) bool { return true }
	never := func(int) bool { return false }
	sure := func(int, int) bool { return true }
	some := func(n int) option.Option[int] { return option.Some(n) }
	add := func(a, b int) int { return a + b }
	running := func(sum *int, n int) option.Option[int] {
		*sum += n
		return option.Some(*sum)
	}
	src := opaque(slices.Values(numbers))
	thousand := opaque(seq.Range(0, 1000))

	run(b, "adapter=none/source=inlined", func() int { return seq.Sum(slices.Values(numbers)) })
	run(b, "adapter=none/source=opaque", func() int { return seq.Sum(src) })
	run(b, "adapter=Map/source=inlined", func() int { return seq.Sum(seq.Map(slices.Values(numbers), square)) })
	run(b, "adapter=Map/source=opaque", func() int { return seq.Sum(seq.Map(src, square)) })
	run(b, "adapter=Filter/source=inlined", func() int { return seq.Sum(seq.Filter(slices.Values(numbers), always)) })
	run(b, "adapter=Filter/source=opaque", func() int { return seq.Sum(seq.Filter(src, always)) })
	run(b, "adapter=FilterMap/source=inlined", func() int { return seq.Sum(seq.FilterMap(slices.Values(numbers), some)) })
	run(b, "adapter=FilterMap/source=opaque", func() int { return seq.Sum(seq.FilterMap(src, some)) })
	run(b, "adapter=Inspect/source=inlined", func() int { return seq.Sum(seq.Inspect(slices.Values(numbers), func(n int) { sink += n })) })
	run(b, "adapter=Inspect/source=opaque", func() int { return seq.Sum(seq.Inspect(src, func(n int) { sink += n })) })
	run(b, "adapter=Enumerate/source=inlined", func() int { return seq.Sum(seq.Map2(seq.Enumerate(slices.Values(numbers)), add)) })
	run(b, "adapter=Enumerate/source=opaque", func() int { return seq.Sum(seq.Map2(seq.Enumerate(src), add)) })
	run(b, "adapter=Scan/source=inlined", func() int { return seq.Sum(seq.Scan(slices.Values(numbers), 0, running)) })
	run(b, "adapter=Scan/source=opaque", func() int { return seq.Sum(seq.Scan(src, 0, running)) })
	run(b, "adapter=Flatten/source=inlined", func() int { return seq.Sum(seq.Flatten(seq.RepeatN(seq.Range(0, 1000), size/1000))) })
	run(b, "adapter=Flatten/source=opaque", func() int { return seq.Sum(seq.Flatten(seq.RepeatN(thousand, size/1000))) })
	run(b, "adapter=FlatMap/source=inlined", func() int {
		return seq.Sum(seq.FlatMap(seq.Range(0, size/1000), func(int) iter.Seq[int] { return seq.Range(0, 1000) }))
	})
	run(b, "adapter=FlatMap/source=opaque", func() int {
		return seq.Sum(seq.FlatMap(seq.Range(0, size/1000), func(int) iter.Seq[int] { return thousand }))
	})
	run(b, "adapter=Chain/source=inlined", func() int { return seq.Sum(seq.Chain(slices.Values(numbers))) })
	run(b, "adapter=Chain/source=opaque", func() int { return seq.Sum(seq.Chain(src)) })
	run(b, "adapter=Cycle/source=inlined", func() int { return seq.Sum(seq.Take(seq.Cycle(slices.Values(numbers)), size)) })
	run(b, "adapter=Cycle/source=opaque", func() int { return seq.Sum(seq.Take(seq.Cycle(src), size)) })
	run(b, "adapter=Intersperse/source=inlined", func() int { return seq.Sum(seq.Intersperse(seq.Take(slices.Values(numbers), size/2), 0)) })
	run(b, "adapter=Intersperse/source=opaque", func() int { return seq.Sum(seq.Intersperse(seq.Take(src, size/2), 0)) })
	run(b, "adapter=Take/source=inlined", func() int { return seq.Sum(seq.Take(slices.Values(numbers), size)) })
	run(b, "adapter=Take/source=opaque", func() int { return seq.Sum(seq.Take(src, size)) })
	run(b, "adapter=Skip/source=inlined", func() int { return seq.Sum(seq.Skip(slices.Values(numbers), 1)) })
	run(b, "adapter=Skip/source=opaque", func() int { return seq.Sum(seq.Skip(src, 1)) })
	run(b, "adapter=TakeWhile/source=inlined", func() int { return seq.Sum(seq.TakeWhile(slices.Values(numbers), always)) })
	run(b, "adapter=TakeWhile/source=opaque", func() int { return seq.Sum(seq.TakeWhile(src, always)) })
	run(b, "adapter=SkipWhile/source=inlined", func() int { return seq.Sum(seq.SkipWhile(slices.Values(numbers), never)) })
	run(b, "adapter=SkipWhile/source=opaque", func() int { return seq.Sum(seq.SkipWhile(src, never)) })
	run(b, "adapter=MapWhile/source=inlined", func() int { return seq.Sum(seq.MapWhile(slices.Values(numbers), some)) })
	run(b, "adapter=MapWhile/source=opaque", func() int { return seq.Sum(seq.MapWhile(src, some)) })
	run(b, "adapter=StepBy/source=inlined", func() int { return seq.Sum(seq.StepBy(slices.Values(numbers), 2)) })
	run(b, "adapter=StepBy/source=opaque", func() int { return seq.Sum(seq.StepBy(src, 2)) })
	run(b, "adapter=Filter2/source=inlined", func() int { return seq.Sum(seq.Map2(seq.Filter2(slices.All(numbers), sure), add)) })
	run(b, "adapter=Filter2/source=opaque", func() int { return seq.Sum(seq.Map2(seq.Filter2(seq.Enumerate(src), sure), add)) })
}

// BenchmarkPull measures what needs an iter.Pull.
func BenchmarkPull(b *testing.B) {
	src := opaque(slices.Values(numbers))
	run(b, "func=Zip", func() int {
		n := 0
		for a, v := range seq.Zip(src, src) {
			n += a + v
		}
		return n
	})
	run(b, "func=Cmp", func() int { return seq.Cmp(src, src) })
	run(b, "func=Peekable", func() int {
		p := seq.NewPeekable(src)
		defer p.Close()
		return seq.Sum(p.All())
	})
}
