package result_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/option"
	"github.com/coderrange/ferrous/result"
)

// errFault is what the callbacks of the model panic with.
var errFault = errors.New("fault")

// encodings write a Result and read it into another one.
var encodings = testkit.RoundTrips[result.Result[int]]()

// TestResultFollowsAValueAndAnError drives a Result through all that it can do
// beside the obvious model: Go's own pair. Callbacks panic at times; bad data
// comes in between.
func TestResultFollowsAValueAndAnError(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r result.Result[int]
		var value int
		var err error
		same := func(got result.Result[int]) {
			t.Helper()
			require.Equal(t, result.From(value, err), got)
		}
		drawErr := func(t *rapid.T) error {
			text := rapid.String().Draw(t, "error")
			return rapid.SampledFrom([]error{errors.New(text), errBad, errors.Join(errBad, errors.New(text))}).Draw(t, "kind")
		}
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				same(r)
				require.Equal(t, err == nil, r.IsOk() && !r.IsErr())
				require.Equal(t, err, r.Err())
				require.Equal(t, option.From(value, err == nil), r.Ok())
				require.Equal(t, value, r.UnwrapOrDefault())
				if p := r.AsMut(); err == nil {
					require.Equal(t, value, *p)
				} else {
					require.Nil(t, p)
				}
			},
			"Ok": func(t *rapid.T) {
				value, err = rapid.Int().Draw(t, "v"), nil
				r = result.Ok(value)
			},
			"Err": func(t *rapid.T) {
				value, err = 0, drawErr(t)
				r = result.Err[int](err)
			},
			"From": func(t *rapid.T) {
				value, err = 0, drawErr(t)
				r = result.From(7, err)
			},
			"AsMut": func(*rapid.T) {
				if p := r.AsMut(); p != nil {
					*p++
					value++
				}
			},
			"combine": func(t *rapid.T) {
				other := result.Ok(rapid.Int().Draw(t, "other"))
				keep := func(e error) error { return e }
				same(result.Flatten(result.Ok(r)))
				same(result.And(other, r))
				same(result.Err[int](errSad).Or(r))
				same(result.AndThen(other, func(int) result.Result[int] { return r }))
				same(r.MapErr(keep))
				same(r.OrElse(result.Err[int]))
				same(result.Transpose(result.TransposeOption(option.Some(r))).Unwrap())
				next := result.Map(r, func(n int) int { return n + 1 })
				same(result.Map(next, func(n int) int { return n - 1 }))
				require.Equal(t, r.Or(other).IsOk(), true)
				require.Equal(t, r.IsOk(), r.IsOkAnd(func(int) bool { return true }))
				require.Equal(t, r.IsErr(), r.IsErrAnd(func(error) bool { return true }))
				if err == nil {
					same(result.OkOr(r.Ok(), errSad))
				} else {
					same(result.OkOr(r.Ok(), err))
					require.Equal(t, errors.Is(err, errBad), errors.Is(r.Err(), errBad))
				}
			},
			"callbacks that panic": func(t *rapid.T) {
				called := false
				fail := func() { called = true; panic(errFault) }
				defer func() {
					err, _ := recover().(error)
					require.Equal(t, called, errors.Is(err, errFault), "%v", err)
				}()
				switch rapid.IntRange(0, 8).Draw(t, "method") {
				case 0:
					same(result.Map(r, func(int) int { fail(); return 0 }))
				case 1:
					same(r.MapErr(func(error) error { fail(); return nil }))
				case 2:
					same(r.OrElse(func(error) result.Result[int] { fail(); return r }))
				case 3:
					require.Equal(t, value, r.UnwrapOrElse(func(error) int { fail(); return 0 }))
				case 4:
					same(r.Inspect(func(int) { fail() }))
				case 5:
					same(r.InspectErr(func(error) { fail() }))
				case 6:
					result.AndThen(r, func(int) result.Result[int] { fail(); return r })
				case 7:
					for range r.All() {
						fail()
					}
				case 8:
					result.MapOrElse(r, func(error) int { fail(); return 0 }, func(int) int { fail(); return 0 })
				}
			},
			"Check": func(t *rapid.T) {
				got, gotErr := func() (v int, err error) {
					defer result.Handle(&err)
					return result.Check(r.Get()), nil
				}()
				same(result.From(got, gotErr))
			},
			"encode": func(t *rapid.T) {
				name := rapid.SampledFrom([]string{"JSON", "text", "binary", "gob", "SQL"}).Draw(t, "encoding")
				back := rapid.SampledFrom([]result.Result[int]{{}, ok, bad}).Draw(t, "before")
				require.NoError(t, encodings[name](&r, &back), name)
				require.Equal(t, r.Ok(), back.Ok(), name)
				if err != nil {
					require.EqualError(t, back.Err(), err.Error(), name)
					err = back.Err() // of an error the text comes back
				}
				r = back
			},
			"bad data": func(t *rapid.T) {
				data := rapid.SliceOf(rapid.Byte()).Draw(t, "data")
				for _, decode := range []func([]byte) error{r.UnmarshalJSON, r.UnmarshalText, r.UnmarshalBinary, r.GobDecode} {
					before := r
					if decode(data) == nil {
						r = before
					}
					same(r)
				}
				require.ErrorIs(t, r.Scan(nil), result.ErrShape)
			},
		})
	})
}
