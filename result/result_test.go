package result_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/option"
	"github.com/coderrange/ferrous/result"
)

var (
	errBad = errors.New("bad")
	errSad = errors.New("sadface")

	ok  = result.Ok(666)
	sad = result.Err[int](errSad)
	bad = result.Err[int](errBad)
)

func TestZeroValueIsOkOfZero(t *testing.T) {
	var r result.Result[int]
	assert.True(t, r.IsOk())
	assert.Equal(t, result.Ok(0), r)
}

func TestErrOfNilPanics(t *testing.T) {
	err := testkit.PanicError(t, func() { result.Err[int](nil) })
	require.ErrorIs(t, err, result.ErrNil)
	require.EqualError(t, err, "result: Err: nil error")
	for _, f := range []func(){
		func() { sad.MapErr(func(error) error { return nil }) },
		func() { result.OkOr(option.None[int](), nil) },
		func() { result.OkOrElse(option.None[int](), func() error { return nil }) },
	} {
		require.ErrorIs(t, testkit.PanicError(t, f), result.ErrNil)
	}
}

func TestFromAndGet(t *testing.T) {
	assert.Equal(t, result.Ok(7), result.From(strconv.Atoi("7")))
	r := result.From(8, errBad)
	assert.Equal(t, bad, r, "the value beside an error is dropped")
	v, err := r.Get()
	assert.Zero(t, v)
	require.ErrorIs(t, err, errBad)
	v, err = ok.Get()
	assert.Equal(t, 666, v)
	require.NoError(t, err)
}

func TestErrorsStayThemselves(t *testing.T) {
	r := result.From(os.Open("/does/not/exist"))
	require.ErrorIs(t, r.Err(), fs.ErrNotExist)
	assert.ErrorAs(t, r.Err(), new(*fs.PathError))
}

func TestPredicates(t *testing.T) {
	large := func(n int) bool { return n > 600 }
	isSad := func(err error) bool { return errors.Is(err, errSad) }
	assert.True(t, ok.IsOk())
	assert.False(t, ok.IsErr())
	assert.False(t, sad.IsOk())
	assert.True(t, sad.IsErr())
	assert.True(t, ok.IsOkAnd(large))
	assert.False(t, result.Ok(1).IsOkAnd(large))
	assert.False(t, sad.IsOkAnd(func(int) bool { panic("called") }))
	assert.True(t, sad.IsErrAnd(isSad))
	assert.False(t, bad.IsErrAnd(isSad))
	assert.False(t, ok.IsErrAnd(func(error) bool { panic("called") }))
}

func TestOkAndErr(t *testing.T) {
	assert.Equal(t, option.Some(666), ok.Ok())
	assert.Equal(t, option.None[int](), sad.Ok())
	require.NoError(t, ok.Err())
	require.ErrorIs(t, sad.Err(), errSad)
}

func TestAnd(t *testing.T) {
	assert.Equal(t, result.Ok(667), result.And(ok, result.Ok(667)))
	assert.Equal(t, bad, result.And(ok, bad))
	assert.Equal(t, sad, result.And(sad, result.Ok(667)))
	assert.Equal(t, sad, result.And(sad, bad))
	assert.Equal(t, result.Ok("x"), result.And(ok, result.Ok("x")))
}

func TestAndThen(t *testing.T) {
	next := func(n int) result.Result[int] { return result.Ok(n + 1) }
	fail := func(int) result.Result[int] { return bad }
	assert.Equal(t, result.Ok(667), result.AndThen(ok, next))
	assert.Equal(t, bad, result.AndThen(ok, fail))
	assert.Equal(t, sad, result.AndThen(sad, next))
	assert.Equal(t, sad, result.AndThen(sad, fail))
}

func TestOrAndOrElse(t *testing.T) {
	assert.Equal(t, ok, ok.Or(result.Ok(667)))
	assert.Equal(t, ok, ok.Or(bad))
	assert.Equal(t, result.Ok(667), sad.Or(result.Ok(667)))
	assert.Equal(t, bad, sad.Or(bad))

	recovered := func(error) result.Result[int] { return result.Ok(667) }
	same := func(err error) result.Result[int] { return result.Err[int](err) }
	assert.Equal(t, ok, ok.OrElse(recovered))
	assert.Equal(t, ok, ok.OrElse(same))
	assert.Equal(t, result.Ok(667), sad.OrElse(recovered))
	assert.Equal(t, sad, sad.OrElse(same))
}

func TestMap(t *testing.T) {
	inc := func(n int) int { return n + 1 }
	assert.Equal(t, result.Ok(667), result.Map(ok, inc))
	assert.Equal(t, sad, result.Map(sad, inc))
	assert.Equal(t, 667, result.MapOr(ok, 1, inc))
	assert.Equal(t, 1, result.MapOr(sad, 1, inc))
	length := func(err error) int { return len(err.Error()) }
	assert.Equal(t, 667, result.MapOrElse(ok, length, inc))
	assert.Equal(t, 7, result.MapOrElse(sad, length, inc))
}

func TestMapErr(t *testing.T) {
	wrap := func(err error) error { return errors.Join(io.EOF, err) }
	assert.Equal(t, ok, ok.MapErr(wrap))
	require.ErrorIs(t, sad.MapErr(wrap).Err(), io.EOF)
	require.ErrorIs(t, sad.MapErr(wrap).Err(), errSad)
}

func TestInspect(t *testing.T) {
	var seen []any
	for _, r := range []result.Result[int]{ok, sad} {
		same := r.Inspect(func(n int) { seen = append(seen, n) }).
			InspectErr(func(err error) { seen = append(seen, err) })
		assert.Equal(t, r, same)
	}
	assert.Equal(t, []any{666, errSad}, seen)
}

func TestUnwrapOr(t *testing.T) {
	assert.Equal(t, 666, ok.UnwrapOr(50))
	assert.Equal(t, 50, sad.UnwrapOr(50))
	assert.Equal(t, 666, ok.UnwrapOrDefault())
	assert.Equal(t, 0, sad.UnwrapOrDefault())

	onlySad := func(err error) int {
		if errors.Is(err, errSad) {
			return 50
		}
		panic(err)
	}
	assert.Equal(t, 666, ok.UnwrapOrElse(onlySad))
	assert.Equal(t, 50, sad.UnwrapOrElse(onlySad))
	require.ErrorIs(t, testkit.PanicError(t, func() { bad.UnwrapOrElse(onlySad) }), errBad)
}

func TestPanicsWithRustsTexts(t *testing.T) {
	assert.Equal(t, 666, ok.Unwrap())
	assert.Equal(t, 666, ok.Expect("a number"))
	require.ErrorIs(t, sad.UnwrapErr(), errSad)
	require.ErrorIs(t, sad.ExpectErr("an error"), errSad)
	for want, f := range map[string]func(){
		"called `Result::unwrap()` on an `Err` value: sadface": func() { sad.Unwrap() },
		"Got expected error: sadface":                          func() { sad.Expect("Got expected error") },
		"called `Result::unwrap_err()` on an `Ok` value: 666":  func() { _ = ok.UnwrapErr() },
		`Got expected ok: "All good"`: func() {
			_ = result.Ok("All good").ExpectErr("Got expected ok")
		},
	} {
		err := testkit.PanicError(t, f)
		require.EqualError(t, err, want)
		assert.ErrorAs(t, err, new(*result.UnwrapError))
	}
	require.ErrorIs(t, testkit.PanicError(t, func() { sad.Unwrap() }), errSad)
	require.ErrorIs(t, testkit.PanicError(t, func() { sad.Expect("x") }), errSad)
}

func TestFlatten(t *testing.T) {
	assert.Equal(t, ok, result.Flatten(result.Ok(ok)))
	assert.Equal(t, sad, result.Flatten(result.Ok(sad)))
	assert.Equal(t, bad, result.Flatten(result.Err[result.Result[int]](errBad)))
}

func TestAsMutPointsIntoTheResult(t *testing.T) {
	r := ok
	*r.AsMut() = 42
	assert.Equal(t, result.Ok(42), r)
	r = sad
	assert.Nil(t, r.AsMut())
}

func TestAllRangesOverTheValue(t *testing.T) {
	assert.Equal(t, []int{666}, slices.Collect(ok.All()))
	assert.Empty(t, slices.Collect(sad.All()))
	for range ok.All() {
		break
	}
}

func TestOkOr(t *testing.T) {
	some, none := option.Some(666), option.None[int]()
	assert.Equal(t, ok, result.OkOr(some, errBad))
	assert.Equal(t, ok, result.OkOr(some, nil), "the error is not needed")
	assert.Equal(t, bad, result.OkOr(none, errBad))
	assert.Equal(t, ok, result.OkOrElse(some, func() error { panic("called") }))
	assert.Equal(t, bad, result.OkOrElse(none, func() error { return errBad }))
}

func TestTransposeBothWays(t *testing.T) {
	for _, c := range []struct {
		outer result.Result[option.Option[int]]
		inner option.Option[result.Result[int]]
	}{
		{result.Ok(option.Some(5)), option.Some(result.Ok(5))},
		{result.Ok(option.None[int]()), option.None[result.Result[int]]()},
		{result.Err[option.Option[int]](errBad), option.Some(bad)},
	} {
		assert.Equal(t, c.inner, result.Transpose(c.outer))
		assert.Equal(t, c.outer, result.TransposeOption(c.inner))
	}
}

func TestCollectStopsAtTheFirstErr(t *testing.T) {
	assert.Equal(t, result.Ok([]int{}), result.Collect(slices.Values([]result.Result[int](nil))))
	assert.Equal(t, result.Ok([]int{666, 1}), result.Collect(slices.Values([]result.Result[int]{ok, result.Ok(1)})))

	calls := 0
	got := result.Collect(func(yield func(result.Result[int]) bool) {
		for _, produce := range []func() result.Result[int]{
			func() result.Result[int] { return ok },
			func() result.Result[int] { return bad },
			func() result.Result[int] { panic("a later producer was called") },
		} {
			calls++
			if !yield(produce()) {
				return
			}
		}
	})
	require.ErrorIs(t, got.Err(), errBad)
	assert.Equal(t, 2, calls)
}
