package rusttogo

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/coderrange/ferrous/option"
	"github.com/coderrange/ferrous/result"
	"github.com/coderrange/ferrous/seq"
)

func Example_optionAsk() {
	o, none := option.Some(4), option.None[int]()
	fmt.Println(o.IsSome(), o.IsNone(), o.IsSomeAnd(isEven), none.IsNoneOr(isEven))
	v, ok := o.Get()
	fmt.Println(v, ok)
	// Output:
	// true false true true
	// 4 true
}

func Example_optionUnwrap() {
	none := option.None[int]()
	fmt.Println(none.UnwrapOr(1), none.UnwrapOrElse(func() int { return 2 }), none.UnwrapOrDefault())
	try(func() { none.Unwrap() })
	try(func() { none.Expect("a number") })
	// Output:
	// 1 2 0
	// panic: called `Option::unwrap()` on a `None` value
	// panic: a number
}

func Example_optionMap() {
	o, none := option.Some(4), option.None[int]()
	fmt.Println(option.Map(o, strconv.Itoa), option.MapOr(none, "-", strconv.Itoa))
	fmt.Println(option.MapOrElse(none, func() string { return "?" }, strconv.Itoa))
	fmt.Println(o.Inspect(func(n int) { fmt.Print("saw ", n, "; ") }))
	fmt.Println(o.Filter(isEven), option.AndThen(o, half), option.Flatten(option.Some(o)))
	n := 5
	fmt.Println(option.FromPtr(&n), option.Map(option.Some(&n), func(p *int) int { return *p }))
	// Output:
	// Some(4) -
	// ?
	// saw 4; Some(4)
	// Some(4) Some(2) Some(4)
	// Some(5) Some(5)
}

func Example_optionCombine() {
	o, p, none := option.Some(4), option.Some("x"), option.None[int]()
	fmt.Println(option.And(o, p), none.Or(o), none.OrElse(func() option.Option[int] { return o }), o.Xor(none))
	both := option.Zip(o, p)
	a, b := option.Unzip(both)
	fmt.Println(both, a, b)
	// Output:
	// Some(x) Some(4) Some(4) Some(4)
	// Some({4 x}) Some(4) Some(x)
}

func Example_optionChange() {
	var o option.Option[int]
	*o.GetOrInsert(1) += 1
	*o.GetOrInsertWith(func() int { return 100 }) += 1
	fmt.Println(o)
	fmt.Println(o.Take(), o)
	*o.GetOrInsertDefault() += 7
	fmt.Println(o)
	*o.Insert(3) += 1
	fmt.Println(o.Replace(5), o)
	fmt.Println(o.TakeIf(func(n *int) bool { *n++; return *n > 20 }), o)
	if p := o.AsMut(); p != nil {
		*p *= 2
	}
	for v := range o.All() {
		fmt.Println(v)
	}
	fmt.Println(slices.Collect(o.All()))
	// Output:
	// Some(3)
	// Some(3) None
	// Some(7)
	// Some(4) Some(5)
	// None Some(6)
	// 12
	// [12]
}

func Example_optionConvert() {
	o, none := option.Some(4), option.None[int]()
	missing := errors.New("missing")
	fmt.Println(result.OkOr(none, missing), result.OkOrElse(o, func() error { return missing }))
	fmt.Println(result.TransposeOption(option.Some(result.Ok(4))))
	fmt.Println(option.Collect(slices.Values([]option.Option[int]{o, o})))
	whole := option.Collect(slices.Values([]option.Option[int]{o, none}))
	fmt.Println(option.Map(whole, func(v []int) int { return seq.Sum(slices.Values(v)) }))
	fmt.Println(option.Map(option.Some([]int{2, 3}), func(v []int) int { return seq.Product(slices.Values(v)) }))
	fmt.Println(option.Compare(none, o), o == option.Some(4))
	// Output:
	// Err(missing) Ok(4)
	// Ok(Some(4))
	// Some([4 4])
	// None
	// Some(6)
	// -1 true
}
