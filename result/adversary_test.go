package result_test

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/option"
	"github.com/coderrange/ferrous/result"
)

// fragile is an error whose Error does not survive a nil pointer.
type fragile struct{ text string }

func (f *fragile) Error() string { return f.text }

// secret hides its text through its pointer alone.
type secret struct{ text string }

func (*secret) GoString() string { return "hidden" }

func TestUnwrapOfANilErrorPointerPanicsWithAnUnwrapError(t *testing.T) {
	r := result.Err[int]((*fragile)(nil))
	for _, f := range []func(){func() { r.Unwrap() }, func() { r.Expect("called `Result::unwrap()` on an `Err` value") }} {
		err := testkit.PanicError(t, f)
		require.EqualError(t, err, "called `Result::unwrap()` on an `Err` value: <nil>")
		require.ErrorAs(t, err, new(*fragile))
	}
	err := testkit.PanicError(t, func() { result.Check(r.Get()) })
	require.ErrorAs(t, err, new(*fragile))
	require.ErrorContains(t, err, "on this goroutine: <nil>")
	require.ErrorContains(t, &result.UnhandledError{}, "on this goroutine: <nil>")
}

func TestUnwrapErrPrintsTheValueByEveryMethodOfT(t *testing.T) {
	for _, f := range []func(){
		func() { _ = result.Ok(secret{"key"}).UnwrapErr() },
		func() { _ = result.Ok(secret{"key"}).ExpectErr("called `Result::unwrap_err()` on an `Ok` value") },
		func() { _ = result.Ok[any](secret{"key"}).UnwrapErr() },
	} {
		require.EqualError(t, testkit.PanicError(t, f), "called `Result::unwrap_err()` on an `Ok` value: hidden")
	}
}

func TestYAMLOfAnErrThatIsNoStringIsErrShape(t *testing.T) {
	for _, member := range []any{7, true, 1.5, nil, []any{"x"}, map[string]any{"x": 1}} {
		r := ok
		require.ErrorIs(t, r.UnmarshalYAML(yamlOf(member)), result.ErrShape, "%v", member)
		assert.Equal(t, ok, r)
	}
	r := ok
	require.NoError(t, r.UnmarshalYAML(yamlOf("x")))
	require.EqualError(t, r.Err(), "x")
}

// yamlOf decodes {Err: member} as the YAML libraries do: they make a string of
// any scalar, and leave out the call for null.
func yamlOf(member any) func(any) error {
	return func(p any) error {
		members := reflect.ValueOf(p).Elem()
		members.Set(reflect.MakeMap(members.Type()))
		later := reflect.New(members.Type().Elem())
		if member != nil {
			decode := func(q any) error {
				switch q := q.(type) {
				case *any:
					*q = member
				case *string:
					*q = fmt.Sprint(member)
				}
				return nil
			}
			err := later.Interface().(interface{ UnmarshalYAML(func(any) error) error }).UnmarshalYAML(decode)
			if err != nil {
				return err
			}
		}
		members.SetMapIndex(reflect.ValueOf("Err"), later.Elem())
		return nil
	}
}

func TestAQueryHoldsTheText(t *testing.T) {
	v := url.Values{}
	require.NoError(t, ok.EncodeValues("r", &v))
	require.NoError(t, sad.EncodeValues("r", &v))
	assert.Equal(t, url.Values{"r": {"Ok(666)", "Err(sadface)"}}, v)
	require.Error(t, result.Ok([]int{1}).EncodeValues("r", &v))
}

// TestNilFunctions: a nil function is an error where it is needed, at once, and
// nowhere else.
func TestNilFunctions(t *testing.T) {
	use := func(r result.Result[int]) map[string]func() {
		return map[string]func(){
			"ok IsOkAnd":       func() { r.IsOkAnd(nil) },
			"err IsErrAnd":     func() { r.IsErrAnd(nil) },
			"ok Inspect":       func() { r.Inspect(nil) },
			"err InspectErr":   func() { r.InspectErr(nil) },
			"err MapErr":       func() { r.MapErr(nil) },
			"err OrElse":       func() { r.OrElse(nil) },
			"err UnwrapOrElse": func() { r.UnwrapOrElse(nil) },
			"ok Map":           func() { result.Map[int, int](r, nil) },
			"ok MapOr":         func() { result.MapOr(r, 0, nil) },
			"ok MapOrElse":     func() { result.MapOrElse(r, func(error) int { return 0 }, nil) },
			"err MapOrElse":    func() { result.MapOrElse(r, nil, func(int) int { return 0 }) },
			"ok AndThen":       func() { result.AndThen[int, int](r, nil) },
			"err OkOrElse":     func() { result.OkOrElse(r.Ok(), nil) },
		}
	}
	for state, r := range map[string]result.Result[int]{"ok": ok, "err": sad} {
		for name, f := range use(r) {
			if name[:len(state)] == state {
				err := testkit.PanicError(t, f)
				assert.Regexp(t, `^result: (Result\.)?`+name[len(state)+1:]+`: nil function$`, err.Error())
			} else {
				assert.NotPanics(t, f, name)
			}
		}
	}
}

func TestJoinedErrorsStayReachableUntilTheyAreEncoded(t *testing.T) {
	joined := result.Err[int](errors.Join(errSad, fmt.Errorf("more: %w", errBad)))
	for _, r := range []result.Result[int]{
		joined, result.Map(joined, func(n int) int { return n }), joined.Or(joined),
		result.Flatten(result.Ok(joined)), result.Transpose(result.TransposeOption(option.Some(joined))).Unwrap(),
	} {
		require.ErrorIs(t, r.Err(), errSad)
		require.ErrorIs(t, r.Err(), errBad)
	}
}
