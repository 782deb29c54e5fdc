package option_test

import (
	"cmp"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/option"
)

var (
	one  = option.Some(1)
	two  = option.Some(2)
	none = option.None[int]()
)

func TestZeroValueIsNone(t *testing.T) {
	var o option.Option[string]
	assert.True(t, o.IsNone())
	assert.False(t, o.IsSome())
	assert.Equal(t, option.None[string](), o)
}

func TestSomeOfAZeroValueOrNilIsSome(t *testing.T) {
	assert.True(t, option.Some(0).IsSome())
	assert.True(t, option.Some[*int](nil).IsSome())
	assert.True(t, option.Some[error](nil).IsSome())
	assert.False(t, option.Some(0).IsZero())
	assert.NotEqual(t, option.Some(0), none)
}

func TestFrom(t *testing.T) {
	assert.Equal(t, one, option.From(1, true))
	assert.Equal(t, none, option.From(1, false), "the value beside false is dropped")
	t.Setenv("FERROUS_OPTION", "")
	assert.Equal(t, option.Some(""), option.From(os.LookupEnv("FERROUS_OPTION")))

	n := 1
	o := option.FromPtr(&n)
	n = 2
	assert.Equal(t, one, o, "it is a copy")
	assert.Equal(t, none, option.FromPtr[int](nil))

	assert.Equal(t, none, option.NonZero(0))
	assert.Equal(t, one, option.NonZero(1))
	assert.Equal(t, option.None[string](), option.NonZero(""))
}

func TestGet(t *testing.T) {
	v, ok := one.Get()
	assert.Equal(t, 1, v)
	assert.True(t, ok)
	v, ok = none.Get()
	assert.Zero(t, v)
	assert.False(t, ok)
}

func TestPredicates(t *testing.T) {
	positive := func(n int) bool { return n > 0 }
	assert.True(t, one.IsSomeAnd(positive))
	assert.False(t, option.Some(-1).IsSomeAnd(positive))
	assert.False(t, none.IsSomeAnd(func(int) bool { panic("called") }))
	assert.True(t, one.IsNoneOr(positive))
	assert.False(t, option.Some(-1).IsNoneOr(positive))
	assert.True(t, none.IsNoneOr(func(int) bool { panic("called") }))
}

func TestUnwrapPanicsWithRustsText(t *testing.T) {
	assert.Equal(t, 1, one.Unwrap())
	err := testkit.PanicError(t, func() { none.Unwrap() })
	require.EqualError(t, err, "called `Option::unwrap()` on a `None` value")
	assert.ErrorAs(t, err, new(*option.UnwrapError))
}

func TestExpectPanicsWithTheMessageAlone(t *testing.T) {
	assert.Equal(t, 1, one.Expect("a number"))
	err := testkit.PanicError(t, func() { none.Expect("fruits are healthy") })
	require.EqualError(t, err, "fruits are healthy")
	assert.ErrorAs(t, err, new(*option.UnwrapError))
}

func TestUnwrapMovesTheValueItself(t *testing.T) {
	p := new(int)
	assert.Same(t, p, option.Some(p).Unwrap())
}

func TestUnwrapOr(t *testing.T) {
	assert.Equal(t, 1, one.UnwrapOr(2))
	assert.Equal(t, 2, none.UnwrapOr(2))
	assert.Equal(t, 1, one.UnwrapOrElse(func() int { panic("called") }))
	assert.Equal(t, 2, none.UnwrapOrElse(func() int { return 2 }))
	assert.Equal(t, 1, one.UnwrapOrDefault())
	assert.Equal(t, 0, none.UnwrapOrDefault())
}

func TestInspect(t *testing.T) {
	var seen []int
	note := func(n int) { seen = append(seen, n) }
	assert.Equal(t, one, one.Inspect(note))
	assert.Equal(t, none, none.Inspect(note))
	assert.Equal(t, []int{1}, seen)
}

func TestFilter(t *testing.T) {
	even := func(n int) bool { return n%2 == 0 }
	assert.Equal(t, none, none.Filter(even))
	assert.Equal(t, none, one.Filter(even))
	assert.Equal(t, two, two.Filter(even))
}

func TestAnd(t *testing.T) {
	assert.Equal(t, two, option.And(one, two))
	assert.Equal(t, none, option.And(one, none))
	assert.Equal(t, none, option.And(none, two))
	assert.Equal(t, none, option.And(none, none))
	assert.Equal(t, option.Some("x"), option.And(one, option.Some("x")))
}

func TestAndThen(t *testing.T) {
	plusOne := func(n int) option.Option[int] { return option.Some(n + 1) }
	toNone := func(int) option.Option[int] { return none }
	assert.Equal(t, two, option.AndThen(one, plusOne))
	assert.Equal(t, none, option.AndThen(one, toNone))
	assert.Equal(t, none, option.AndThen(none, plusOne))
	assert.Equal(t, none, option.AndThen(none, toNone))
}

func TestOrAndOrElse(t *testing.T) {
	toTwo := func() option.Option[int] { return two }
	toNone := func() option.Option[int] { return none }
	assert.Equal(t, one, one.Or(two))
	assert.Equal(t, one, one.Or(none))
	assert.Equal(t, two, none.Or(two))
	assert.Equal(t, none, none.Or(none))
	assert.Equal(t, one, one.OrElse(toTwo))
	assert.Equal(t, one, one.OrElse(toNone))
	assert.Equal(t, two, none.OrElse(toTwo))
	assert.Equal(t, none, none.OrElse(toNone))
}

func TestXor(t *testing.T) {
	assert.Equal(t, none, one.Xor(two))
	assert.Equal(t, one, one.Xor(none))
	assert.Equal(t, two, none.Xor(two))
	assert.Equal(t, none, none.Xor(none))
}

func TestMap(t *testing.T) {
	length := func(s string) int { return len(s) }
	assert.Equal(t, option.Some(3), option.Map(option.Some("abc"), length))
	assert.Equal(t, none, option.Map(option.None[string](), length))
	assert.Equal(t, 3, option.MapOr(option.Some("abc"), 42, length))
	assert.Equal(t, 42, option.MapOr(option.None[string](), 42, length))
	assert.Equal(t, 3, option.MapOrElse(option.Some("abc"), func() int { panic("called") }, length))
	assert.Equal(t, 42, option.MapOrElse(option.None[string](), func() int { return 42 }, length))
}

func TestFlatten(t *testing.T) {
	assert.Equal(t, one, option.Flatten(option.Some(one)))
	assert.Equal(t, none, option.Flatten(option.Some(none)))
	assert.Equal(t, none, option.Flatten(option.None[option.Option[int]]()))
}

func TestZipAndUnzip(t *testing.T) {
	ten, foo := option.Some(10), option.Some("foo")
	both := option.Zip(ten, foo)
	assert.Equal(t, option.Some(option.Pair[int, string]{First: 10, Second: "foo"}), both)
	assert.True(t, option.Zip(ten, none).IsNone())
	assert.True(t, option.Zip(none, ten).IsNone())

	a, b := option.Unzip(both)
	assert.Equal(t, ten, a)
	assert.Equal(t, foo, b)
	a, b = option.Unzip(option.None[option.Pair[int, string]]())
	assert.True(t, a.IsNone())
	assert.True(t, b.IsNone())
}

func TestAllRangesOverTheValue(t *testing.T) {
	assert.Equal(t, []int{1}, slices.Collect(one.All()))
	assert.Empty(t, slices.Collect(none.All()))
	for range one.All() {
		break
	}
}

func TestAsMutPointsIntoTheOption(t *testing.T) {
	o := one
	*o.AsMut() = 11
	assert.Equal(t, option.Some(11), o)
	o = none
	assert.Nil(t, o.AsMut())
}

func TestInsert(t *testing.T) {
	o := one
	p := o.Insert(2)
	assert.Equal(t, two, o)
	*p = 3
	assert.Equal(t, option.Some(3), o)
}

func TestGetOrInsertReturnsAPointerIntoTheOption(t *testing.T) {
	for name, insert := range map[string]func(o *option.Option[int], v int) *int{
		"GetOrInsert":     func(o *option.Option[int], v int) *int { return o.GetOrInsert(v) },
		"GetOrInsertWith": func(o *option.Option[int], v int) *int { return o.GetOrInsertWith(func() int { return v }) },
	} {
		t.Run(name, func(t *testing.T) {
			o := none
			p := insert(&o, 5)
			assert.Equal(t, option.Some(5), o)
			*p = 7
			assert.Equal(t, option.Some(7), o)
			assert.Same(t, p, insert(&o, 9), "what is there stays")
			assert.Equal(t, option.Some(7), o)
		})
	}
	o := none
	*o.GetOrInsertDefault() += 2
	*o.GetOrInsertDefault() += 2
	assert.Equal(t, option.Some(4), o)

	o = one
	assert.Equal(t, 1, *o.GetOrInsertWith(func() int { panic("called") }))
}

func TestGetOrInsertWithLeavesNoneWhenItPanics(t *testing.T) {
	var o option.Option[int]
	boom := errors.New("boom")
	err := testkit.PanicError(t, func() { o.GetOrInsertWith(func() int { panic(boom) }) })
	require.ErrorIs(t, err, boom)
	assert.Equal(t, none, o)
}

func TestTake(t *testing.T) {
	o := one
	assert.Equal(t, one, o.Take())
	assert.Equal(t, none, o)
	assert.Equal(t, none, o.Take())
	require.Error(t, testkit.PanicError(t, func() { o.Take().Unwrap() }))

	p := option.Some(new(int))
	p.Take()
	assert.Equal(t, option.None[*int](), p, "no pointer stays behind")
}

func TestTakeIfMayChangeTheValueAlsoWhenItSaysNo(t *testing.T) {
	o := option.Some(41)
	taken := o.TakeIf(func(n *int) bool { *n++; return *n > 42 })
	assert.Equal(t, none, taken)
	assert.Equal(t, option.Some(42), o)
	taken = o.TakeIf(func(n *int) bool { *n++; return *n > 42 })
	assert.Equal(t, option.Some(43), taken)
	assert.Equal(t, none, o)
	assert.Equal(t, none, o.TakeIf(func(*int) bool { panic("called") }))
}

func TestReplace(t *testing.T) {
	o := two
	assert.Equal(t, two, o.Replace(5))
	assert.Equal(t, option.Some(5), o)
	o = none
	assert.Equal(t, none, o.Replace(3))
	assert.Equal(t, option.Some(3), o)
}

func TestNoneIsLessThanSome(t *testing.T) {
	assert.Equal(t, -1, option.Compare(none, option.Some(math.MinInt)))
	assert.Equal(t, 1, option.Compare(option.Some(math.MinInt), none))
	assert.Equal(t, 0, option.Compare(none, none))
	assert.Equal(t, -1, option.Compare(one, two))
	assert.Equal(t, 1, option.Compare(two, one))
	assert.Equal(t, 0, option.Compare(one, one))

	nan, big := option.Some(math.NaN()), option.Some(5.0)
	assert.Equal(t, -1, option.Compare(nan, big), "as cmp.Compare has it")
	assert.Equal(t, -1, option.Compare(option.None[float64](), nan))

	backwards := func(a, b int) int { return cmp.Compare(b, a) }
	assert.Equal(t, 1, option.CompareFunc(one, two, backwards))
	assert.Equal(t, -1, option.CompareFunc(none, two, backwards))

	list := []option.Option[int]{two, none, one}
	slices.SortFunc(list, option.Compare)
	assert.Equal(t, []option.Option[int]{none, one, two}, list)
}

func TestEqual(t *testing.T) {
	assert.True(t, option.Some(1) == one)
	assert.False(t, one == two)
	assert.False(t, option.Some(0) == none)
	o := one
	o.Take()
	assert.True(t, o == none, "a taken option equals None")

	same := slices.Equal[[]int]
	a, b := option.Some([]int{1}), option.None[[]int]()
	assert.True(t, option.EqualFunc(a, a, same))
	assert.True(t, option.EqualFunc(b, b, same))
	assert.False(t, option.EqualFunc(a, b, same))
	assert.False(t, option.EqualFunc(b, a, same))
	assert.False(t, option.EqualFunc(a, option.Some([]int{2}), same))

	seen := map[option.Option[int]]bool{none: true, option.Some(0): true}
	assert.Len(t, seen, 2)
}

func TestCollectStopsAtTheFirstNone(t *testing.T) {
	assert.Equal(t, option.Some([]int{}), option.Collect(slices.Values([]option.Option[int](nil))))
	assert.Equal(t, option.Some([]int{1, 2}), option.Collect(slices.Values([]option.Option[int]{one, two})))

	calls := 0
	got := option.Collect(func(yield func(option.Option[int]) bool) {
		for _, produce := range []func() option.Option[int]{
			func() option.Option[int] { return one },
			func() option.Option[int] { return none },
			func() option.Option[int] { panic("a later producer was called") },
		} {
			calls++
			if !yield(produce()) {
				return
			}
		}
	})
	assert.True(t, got.IsNone())
	assert.Equal(t, 2, calls)
}

func TestANilFunctionPanicsByNameWhereItWouldBeCalled(t *testing.T) {
	use := func(o option.Option[int]) map[string]func() {
		return map[string]func(){
			"some Option.IsSomeAnd":       func() { o.IsSomeAnd(nil) },
			"some Option.IsNoneOr":        func() { o.IsNoneOr(nil) },
			"some Option.Inspect":         func() { o.Inspect(nil) },
			"some Option.Filter":          func() { o.Filter(nil) },
			"some Option.TakeIf":          func() { o.TakeIf(nil) },
			"none Option.OrElse":          func() { o.OrElse(nil) },
			"none Option.UnwrapOrElse":    func() { o.UnwrapOrElse(nil) },
			"none Option.GetOrInsertWith": func() { o.GetOrInsertWith(nil) },
			"some Map":                    func() { option.Map[int, int](o, nil) },
			"some MapOr":                  func() { option.MapOr(o, 0, nil) },
			"some MapOrElse":              func() { option.MapOrElse(o, func() int { return 0 }, nil) },
			"none MapOrElse":              func() { option.MapOrElse(o, nil, func(int) int { return 0 }) },
			"some AndThen":                func() { option.AndThen[int, int](o, nil) },
			"some CompareFunc":            func() { option.CompareFunc(o, o, nil) },
			"some EqualFunc":              func() { option.EqualFunc(o, o, (func(int, int) bool)(nil)) },
		}
	}
	for state, o := range map[string]option.Option[int]{"some": one, "none": none} {
		for name, f := range use(o) {
			if method, called := strings.CutPrefix(name, state+" "); called {
				require.EqualError(t, testkit.PanicError(t, f), "option: "+method+": nil function")
			} else {
				assert.NotPanics(t, f, name)
			}
		}
	}
}
