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

var errSad = errors.New("sad")

func isSad(err error) bool { return errors.Is(err, errSad) }

func Example_resultAsk() {
	r, bad := result.Ok(4), result.Err[int](errSad)
	fmt.Println(r.IsOk(), r.IsErr(), r.IsOkAnd(isEven), bad.IsErrAnd(isSad))
	fmt.Println(r.Ok(), bad.Ok(), bad.Err())
	v, err := bad.Get()
	fmt.Println(v, err)
	// Output:
	// true false true true
	// Some(4) None sad
	// 0 sad
}

func Example_resultUnwrap() {
	r, bad := result.Ok(4), result.Err[int](errSad)
	fmt.Println(bad.UnwrapOr(1), bad.UnwrapOrElse(func(err error) int { return len(err.Error()) }), bad.UnwrapOrDefault())
	try(func() { bad.Unwrap() })
	try(func() { bad.Expect("a number") })
	try(func() { _ = r.UnwrapErr() })
	try(func() { _ = r.ExpectErr("an error") })
	// Output:
	// 1 3 0
	// panic: called `Result::unwrap()` on an `Err` value: sad
	// panic: a number: sad
	// panic: called `Result::unwrap_err()` on an `Ok` value: 4
	// panic: an error: 4
}

func Example_resultMap() {
	r, bad := result.Ok(4), result.Err[int](errSad)
	fmt.Println(result.Map(r, strconv.Itoa), result.MapOr(bad, "-", strconv.Itoa))
	fmt.Println(result.MapOrElse(bad, error.Error, strconv.Itoa))
	fmt.Println(bad.MapErr(func(err error) error { return fmt.Errorf("very %w", err) }))
	r.Inspect(func(n int) { fmt.Println("saw", n) })
	bad.InspectErr(func(err error) { fmt.Println("saw", err) })
	fmt.Println(result.AndThen(r, func(n int) result.Result[int] { return result.OkOr(half(n), errSad) }))
	fmt.Println(result.Flatten(result.Ok(r)))
	n := 5
	fmt.Println(result.Map(result.Ok(&n), func(p *int) int { return *p }))
	// Output:
	// Ok(4) -
	// sad
	// Err(very sad)
	// saw 4
	// saw sad
	// Ok(2)
	// Ok(4)
	// Ok(5)
}

func Example_resultCombine() {
	r, bad := result.Ok(4), result.Err[int](errSad)
	fmt.Println(result.And(r, bad), bad.Or(r), bad.OrElse(func(error) result.Result[int] { return r }))
	for v := range r.All() {
		fmt.Println(v)
	}
	*r.AsMut() = 5
	if p := r.AsMut(); p != nil {
		*p++
	}
	fmt.Println(r)
	// Output:
	// Err(sad) Ok(4) Ok(4)
	// 4
	// Ok(6)
}

func Example_resultConvert() {
	fmt.Println(result.Transpose(result.Ok(option.Some(4))))
	good := slices.Values([]result.Result[int]{result.Ok(2), result.Ok(3)})
	bad := seq.Chain(good, seq.Once(result.Err[int](errSad)))
	fmt.Println(result.Collect(good), result.Collect(bad))
	sum := func(v []int) int { return seq.Sum(slices.Values(v)) }
	product := func(v []int) int { return seq.Product(slices.Values(v)) }
	fmt.Println(result.Map(result.Collect(good), sum), result.Map(result.Collect(good), product))
	// Output:
	// Some(Ok(4))
	// Ok([2 3]) Err(sad)
	// Ok(5) Ok(6)
}

func Example_resultCheck() {
	total := func(a, b string) (n int, err error) {
		defer result.Handle(&err)
		return result.Check(strconv.Atoi(a)) + result.Check(strconv.Atoi(b)), nil
	}
	fmt.Println(total("1", "2"))
	fmt.Println(total("1", "x"))
	if n, err := strconv.Atoi("7"); err == nil {
		fmt.Println(n)
	}
	// Output:
	// 3 <nil>
	// 0 strconv.Atoi: parsing "x": invalid syntax
	// 7
}
