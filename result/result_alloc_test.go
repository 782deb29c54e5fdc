package result_test

import (
	"errors"
	"testing"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/option"
	"github.com/coderrange/ferrous/result"
)

// TestMethodsDoNotAllocate calls everything that is no encoder, builds no
// collection and does not panic, on a T too large to be cheap to box.
func TestMethodsDoNotAllocate(t *testing.T) {
	type big [16]int
	var sink int
	isFirst := func(b big) bool { return b[0] == 1 }
	isSad := func(err error) bool { return errors.Is(err, errSad) }
	testkit.NoAllocs(t, "Result", func() {
		v := big{1}
		for _, r := range [...]result.Result[big]{result.Ok(v), result.Err[big](errSad), result.From(v, errSad)} {
			if r.IsOk() && !r.IsErr() && r.IsOkAnd(isFirst) {
				sink += r.Unwrap()[0] + r.Expect("one")[0]
			} else if r.IsErrAnd(isSad) && errors.Is(r.UnwrapErr(), r.ExpectErr("an error")) {
				sink++
			}
			g, err := r.Get()
			if errors.Is(err, r.Err()) && r.Ok().IsSome() {
				sink += g[0]
			}
			sink += r.UnwrapOr(v)[0] + r.UnwrapOrElse(func(error) big { return v })[0] + r.UnwrapOrDefault()[0]
			r.Inspect(func(b big) { sink += b[1] }).InspectErr(func(error) { sink++ }).
				MapErr(func(err error) error { return err }).Or(r).
				OrElse(func(err error) result.Result[big] { return result.Err[big](err) })
			for b := range r.All() {
				sink += b[0]
			}
			if p := r.AsMut(); p != nil {
				p[1]++
			}
			m := result.Map(r, func(b big) int { return b[0] })
			sink += result.MapOr(r, 1, func(b big) int { return b[0] })
			sink += result.MapOrElse(r, func(error) int { return 1 }, func(b big) int { return b[0] })
			m = result.AndThen(result.And(r, m), func(i int) result.Result[int] { return result.Ok(i) })
			sink += result.Flatten(result.Ok(m)).UnwrapOr(0)
			o := result.Transpose(result.TransposeOption(option.Some(r)))
			sink += result.OkOr(o, errBad).UnwrapOrDefault().UnwrapOrDefault()[0]
			result.OkOrElse(o, func() error { return errBad })
		}
	})
}

func double(n int, failure error) (v int, err error) {
	defer result.Handle(&err)
	return 2 * result.Check(n, failure), nil
}

func TestCheckAllocations(t *testing.T) {
	var n int
	testkit.NoAllocs(t, "Check that succeeds", func() {
		v, err := double(n, nil)
		if err != nil {
			t.Error(err)
		}
		n += v
	})
	testkit.Allocs(t, "Check that fails", 1, func() {
		if _, err := double(n, errBad); err == nil {
			t.Error("no error")
		}
	})
}

func TestFastPathsInline(t *testing.T) {
	testkit.Inlined(t, "result.Ok[…]", "result.From[…]", "result.Result[…].Get", "result.Result[…].IsOk",
		"result.Result[…].Unwrap", "result.Result[…].UnwrapOr", "result.Result[…].UnwrapOrElse",
		"result.Result[…].Or", "result.Result[…].OrElse", "result.Map[…]", "result.MapOr[…]",
		"result.AndThen[…]", "result.Check[…]", "Check0")
}
