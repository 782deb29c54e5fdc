package seq_test

import (
	"cmp"
	"errors"
	"iter"
	"math"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/option"
	"github.com/coderrange/ferrous/seq"
)

var (
	errOverflow = errors.New("overflow")
	none        = option.None[int]()
)

// addInt8 adds, and fails rather than leave the range of an int8.
func addInt8(a, b int) (int, error) {
	if sum := a + b; sum <= math.MaxInt8 {
		return sum, nil
	}
	return 0, errOverflow
}

// upTo counts from 0 and fails the test when it is asked for limit.
func upTo(t *testing.T, limit int) iter.Seq[int] {
	t.Helper()
	return func(yield func(int) bool) {
		t.Helper()
		for i := 0; ; i++ {
			if i == limit {
				t.Errorf("asked for element %d", limit)
				return
			}
			if !yield(i) {
				return
			}
		}
	}
}

func TestCountSumProduct(t *testing.T) {
	assert.Equal(t, 3, seq.Count(of(1, 2, 3)))
	assert.Equal(t, 55, seq.Sum(seq.Range(1, 11)))
	assert.Equal(t, 0, seq.Sum(of[int]()))
	assert.InDelta(t, 1.5, seq.Sum(of(0.5, 1.0)), 0)
	assert.Equal(t, 120, seq.Product(seq.Range(1, 6)))
	assert.Equal(t, 1, seq.Product(of[int]()))
	assert.Equal(t, complex(-1, 0), seq.Product(of(1i, 1i)))
	assert.Equal(t, uint8(4), seq.Sum(of[uint8](255, 5)), "it wraps around")
}

func TestFoldAndReduce(t *testing.T) {
	minus := func(a, b int) int { return a - b }
	assert.Equal(t, 4, seq.Fold(of(1, 2, 3), 10, minus))
	assert.Equal(t, "123", seq.Fold(of(1, 2, 3), "", func(s string, n int) string { return s + strconv.Itoa(n) }))
	assert.Equal(t, option.Some(-4), seq.Reduce(of(1, 2, 3), minus))
	assert.Equal(t, option.Some(1), seq.Reduce(of(1), minus))
	assert.Equal(t, none, seq.Reduce(of[int](), minus))
	assert.Equal(t, 2, seq.Fold(seq.Rev([]int{1, 2, 3}), 8, minus))
}

func TestTryFoldStopsAtTheFirstError(t *testing.T) {
	sum, err := seq.TryFold(of(10, 20, 30), 0, addInt8)
	require.NoError(t, err)
	assert.Equal(t, 60, sum)
	asked := 0
	src := seq.Inspect(of(10, 20, 30, 40, 100, 60), func(int) { asked++ })
	sum, err = seq.TryFold(src, 0, addInt8)
	require.ErrorIs(t, err, errOverflow)
	assert.Equal(t, 100, sum, "the accumulator before the error")
	assert.Equal(t, 5, asked)
}

func TestTryForEach(t *testing.T) {
	var seen []int
	err := seq.TryForEach(upTo(t, 3), func(n int) error {
		seen = append(seen, n)
		if n == 2 {
			return errOverflow
		}
		return nil
	})
	require.ErrorIs(t, err, errOverflow)
	assert.Equal(t, []int{0, 1, 2}, seen)
	require.NoError(t, seq.TryForEach(of[int](), func(int) error { return errOverflow }))
}

func TestTryCollect(t *testing.T) {
	parse := func(texts ...string) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for _, text := range texts {
				if !yield(strconv.Atoi(text)) {
					return
				}
			}
		}
	}
	got, err := seq.TryCollect(parse("1", "2"))
	require.NoError(t, err)
	assert.Equal(t, []int{1, 2}, got)
	got, err = seq.TryCollect(parse("1", "x", "y"))
	require.ErrorContains(t, err, `"x"`)
	assert.Equal(t, []int{1}, got)
}

func TestPartition(t *testing.T) {
	evens, odds := seq.Partition(seq.Range(0, 6), even)
	assert.Equal(t, []int{0, 2, 4}, evens)
	assert.Equal(t, []int{1, 3, 5}, odds)
}

func TestAllAndAny(t *testing.T) {
	assert.True(t, seq.All(of(0, 2), even))
	assert.False(t, seq.All(upTo(t, 2), even), "it stops at the first")
	assert.True(t, seq.All(of[int](), even))
	assert.False(t, seq.Any(of(1, 3), even))
	assert.True(t, seq.Any(upTo(t, 1), even))
	assert.False(t, seq.Any(of[int](), even))
}

func TestFind(t *testing.T) {
	numbers := of(1, 3, 9, 27, 103, 14, 11)
	by12 := func(n int) bool { return n%12 == 0 }
	assert.Equal(t, option.Some(14), seq.Find(numbers, even))
	assert.Equal(t, none, seq.Find(numbers, by12))
	assert.Equal(t, option.Some(0), seq.Find(upTo(t, 1), even))
	assert.Equal(t, option.Some(7), seq.FindMap(numbers, halfOfEven))
	assert.Equal(t, none, seq.FindMap(of(3, 5), halfOfEven))
	assert.Equal(t, option.Some(5), seq.Position(numbers, even))
	assert.Equal(t, none, seq.Position(numbers, by12))
	assert.Equal(t, option.Some(2), seq.Position(upTo(t, 3), func(n int) bool { return n == 2 }))
}

func TestRPositionSearchesFromTheBack(t *testing.T) {
	calls := 0
	isB := func(r rune) bool { calls++; return r == 'b' }
	assert.Equal(t, option.Some(3), seq.RPosition([]rune("abcb"), isB))
	assert.Equal(t, 1, calls)
	assert.Equal(t, none, seq.RPosition([]rune("acd"), isB))
	assert.Equal(t, none, seq.RPosition([]rune(nil), isB))

	calls = 0
	assert.Panics(t, func() {
		seq.RPosition([]int{0, 1, 2, 3}, func(int) bool {
			if calls++; calls == 3 {
				panic("boom")
			}
			return false
		})
	})
}

func TestNthAndLast(t *testing.T) {
	for i := range 5 {
		assert.Equal(t, option.Some(i), seq.Nth(upTo(t, i+1), i))
	}
	assert.Equal(t, none, seq.Nth(of(1), 1))
	assert.Equal(t, option.Some(4), seq.Last(seq.Range(0, 5)))
	assert.Equal(t, none, seq.Last(of[int]()))
	assert.Equal(t, option.Some(2), seq.Nth(seq.Rev([]int{1, 2, 3}), 1))
}

func TestMaxKeepsTheLastEqualAndMinTheFirst(t *testing.T) {
	numbers := seq.Range(0, 11)
	mod3 := func(n int) int { return n % 3 }
	byMod3 := func(a, b int) int { return cmp.Compare(mod3(a), mod3(b)) }
	assert.Equal(t, option.Some(8), seq.MaxBy(numbers, byMod3))
	assert.Equal(t, option.Some(8), seq.MaxByKey(numbers, mod3))
	assert.Equal(t, option.Some(0), seq.MinBy(numbers, byMod3))
	assert.Equal(t, option.Some(0), seq.MinByKey(numbers, mod3))
	assert.Equal(t, option.Some(1), seq.MinByKey(of(1, 4, 7), mod3))
	assert.Equal(t, option.Some(7), seq.MaxByKey(of(1, 4, 7), mod3))

	assert.Equal(t, option.Some(10), seq.Max(numbers))
	assert.Equal(t, option.Some(0), seq.Min(numbers))
	assert.Equal(t, none, seq.Max(of[int]()))
	assert.Equal(t, none, seq.Min(of[int]()))
	assert.Equal(t, none, seq.MaxByKey(of[int](), mod3))

	abs := func(n int) int { return max(n, -n) }
	byAbs := func(a, b int) int { return cmp.Compare(abs(a), abs(b)) }
	mixed := of(-3, 0, 1, 5, -10)
	assert.Equal(t, option.Some(-10), seq.MaxByKey(mixed, abs))
	assert.Equal(t, option.Some(-10), seq.MaxBy(mixed, byAbs))
	assert.Equal(t, option.Some(0), seq.MinByKey(mixed, abs))
	assert.Equal(t, option.Some(0), seq.MinBy(mixed, byAbs))

	floats := of(1, math.NaN(), 2)
	assert.Equal(t, option.Some(2.0), seq.Max(floats))
	assert.True(t, math.IsNaN(seq.Min(floats).Unwrap()), "as cmp.Compare has it")

	negative, positive := math.Copysign(0, -1), 0.0
	assert.False(t, math.Signbit(seq.Max(of(negative, positive)).Unwrap()), "the last of equals")
	assert.True(t, math.Signbit(seq.Min(of(negative, positive)).Unwrap()), "the first of equals")
}

func TestCmpAndEq(t *testing.T) {
	square := func(a, b int) int { return cmp.Compare(a*a, b) }
	isSquare := func(a, b int) bool { return a*a == b }
	xs, ys := of(1, 2, 3, 4), of(1, 4, 16)
	assert.Equal(t, -1, seq.CmpBy(xs, ys, square))
	assert.Equal(t, 1, seq.CmpBy(ys, xs, square))
	assert.Equal(t, 0, seq.CmpBy(xs, of(1, 4, 9, 16), square))
	assert.Equal(t, 1, seq.CmpBy(xs, of(1, 4), square))
	assert.Equal(t, -1, seq.CmpBy(of(1), of(2), func(a, b int) int { return 10 * (a - b) }))

	assert.Equal(t, 0, seq.Cmp(xs, xs))
	assert.Equal(t, -1, seq.Cmp(of[int](), xs))
	assert.Equal(t, 1, seq.Cmp(xs, of[int]()))
	assert.Equal(t, 0, seq.Cmp(of[int](), of[int]()))
	assert.Equal(t, 1, seq.Cmp(of(1, 2, 3), of(1, 2, 0)))
	assert.Equal(t, -1, seq.Cmp(upTo(t, 2), of(0, 5, 9)), "it stops at the first difference")

	assert.True(t, seq.Eq(xs, xs))
	assert.False(t, seq.Eq(xs, seq.Take(xs, 3)))
	assert.False(t, seq.Eq(seq.Take(xs, 3), xs))
	assert.True(t, seq.Eq(of[int](), of[int]()))
	assert.False(t, seq.Eq(of(math.NaN()), of(math.NaN())))
	assert.True(t, seq.EqBy(xs, of(1, 4, 9, 16), isSquare))
	assert.False(t, seq.EqBy(xs, xs, isSquare))
}

func TestPartialCmp(t *testing.T) {
	nan := math.NaN()
	assert.Equal(t, option.Some(-1), seq.PartialCmp(of(1.0, 2), of(1.0, 3)))
	assert.Equal(t, option.Some(1), seq.PartialCmp(of(1.0, 2), of(1.0)))
	assert.Equal(t, option.Some(0), seq.PartialCmp(of(1.0), of(1.0)))
	assert.Equal(t, none, seq.PartialCmp(of(nan, 1), of(nan, 1)))
	assert.Equal(t, none, seq.PartialCmp(of(1.0, 2), of(nan, 3)))
	assert.Equal(t, option.Some(-1), seq.PartialCmp(of(1.0, nan), of(2.0, nan)), "decided before the NaN")
	half := func(a, b int) option.Option[int] { return option.From(cmp.Compare(a, b), even(a)) }
	assert.Equal(t, none, seq.PartialCmpBy(of(2, 3), of(2, 3), half))
	assert.Equal(t, option.Some(0), seq.PartialCmpBy(of(2, 4), of(2, 4), half))
}

func TestIsSorted(t *testing.T) {
	nan := math.NaN()
	assert.True(t, seq.IsSorted(of(1, 2, 2, 9)))
	assert.False(t, seq.IsSorted(of(1, 3, 2)))
	assert.True(t, seq.IsSorted(of(0)))
	assert.True(t, seq.IsSorted(of[int]()))
	assert.True(t, seq.IsSorted(of(nan)))
	assert.False(t, seq.IsSorted(of(nan, nan)))
	assert.False(t, seq.IsSorted(of(0, 1, nan)))
	assert.False(t, seq.IsSorted(of(1, nan, 2)))
	assert.True(t, seq.IsSortedBy(of(6, 2, 8), func(int, int) bool { return true }))
	assert.False(t, seq.IsSortedBy(of(1, 1), func(a, b int) bool { return a < b }))
	length := func(s string) int { return len(s) }
	assert.True(t, seq.IsSortedByKey(of("c", "bb", "aaa"), length))
	assert.False(t, seq.IsSortedByKey(of("aaa", "bb"), length))
	assert.False(t, seq.IsSorted(seq.Map(upTo(t, 3), func(n int) int { return -n / 2 * 2 })), "it stops early")
}

func TestConsumersFollowPlainLoops(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SliceOfN(rapid.IntRange(0, 3), 0, 5).Draw(t, "a")
		b := rapid.SliceOfN(rapid.IntRange(0, 3), 0, 5).Draw(t, "b")
		compare := func(a, b []int) int {
			for i := range min(len(a), len(b)) {
				if a[i] != b[i] {
					return cmp.Compare(a[i], b[i])
				}
			}
			return cmp.Compare(len(a), len(b))
		}
		want := compare(a, b)
		require.Equal(t, want, seq.Cmp(of(a...), of(b...)))
		require.Equal(t, option.Some(want), seq.PartialCmp(of(a...), of(b...)))
		require.Equal(t, want == 0, seq.Eq(of(a...), of(b...)))

		lastMax, firstMin, sorted := none, none, true
		for i, n := range a {
			if m, ok := lastMax.Get(); !ok || a[m] <= n {
				lastMax = option.Some(i)
			}
			if m, ok := firstMin.Get(); !ok || a[m] > n {
				firstMin = option.Some(i)
			}
			sorted = sorted && (i == 0 || a[i-1] <= n)
		}
		index := seq.Range(0, len(a))
		key := func(i int) int { return a[i] }
		require.Equal(t, lastMax, seq.MaxByKey(index, key))
		require.Equal(t, firstMin, seq.MinByKey(index, key))
		require.Equal(t, sorted, seq.IsSorted(of(a...)))
	})
}
