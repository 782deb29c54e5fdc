package result_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/option"
	"github.com/coderrange/ferrous/result"
)

func TestFormat(t *testing.T) {
	division := result.Err[int](errors.New("division by zero"))
	for _, c := range []struct {
		format string
		value  any
		want   string
	}{
		{"%v", result.Ok(100), "Ok(100)"},
		{"%v", division, "Err(division by zero)"},
		{"%s", division, "Err(division by zero)"},
		{"%q", division, `Err("division by zero")`},
		{"%#v", result.Ok("x"), `Ok("x")`},
		{"%04d", result.Ok(7), "Ok(0007)"},
		{"%+v", result.Ok(option.Some(7)), "Ok(Some(7))"},
		{"%v", result.Ok[any](nil), "Ok(<nil>)"},
	} {
		assert.Equal(t, c.want, fmt.Sprintf(c.format, c.value), c.format)
	}
}

func TestLogValue(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(slog.NewTextHandler(&b, nil))
	log.Info("", "ok", result.Ok(7), "err", sad)
	assert.Contains(t, b.String(), "ok=7 err=sadface")
}

func TestJSONRoundTrip(t *testing.T) {
	for text, want := range map[string]result.Result[option.Option[int]]{
		`{"Ok":0}`:      result.Ok(option.Some(0)),
		`{"Ok":null}`:   result.Ok(option.None[int]()),
		`{"Err":"bad"}`: result.Err[option.Option[int]](errBad),
		`{"Err":""}`:    result.Err[option.Option[int]](errors.New("")),
	} {
		got, err := json.Marshal(want)
		require.NoError(t, err)
		assert.Equal(t, text, string(got))
		var back result.Result[option.Option[int]]
		require.NoError(t, json.Unmarshal(got, &back))
		assert.Equal(t, want, back)
	}
}

func TestBadJSONChangesNothing(t *testing.T) {
	for _, text := range []string{
		`{}`, `null`, `7`, `"Ok"`, `[]`, `[{"Ok":1}]`, `true`, `{"Ok":1,"Err":"x"}`, `{"Err":"x","Ok":1}`, `{"Ok":1,"Ok":2}`,
		`{"Err":"x","Err":"y"}`, `{"Ok":1,"ok":2}`, `{"ok":1}`, `{"OK":1}`, `{"err":"x"}`, `{"Ok":1,"more":2}`, `{"more":1}`,
		`{"":1}`, `{"Err":null}`, `{"Err":7}`, `{"Err":{}}`, `{"Err":["x"]}`, `{"Ok":null}`, ` {"Ok":null} `, `{"O\u006b":1,"Ok":2}`,
	} {
		r := ok
		require.ErrorIs(t, json.Unmarshal([]byte(text), &r), result.ErrShape, text)
		require.ErrorIs(t, r.UnmarshalJSON([]byte(text)), result.ErrShape, text)
		require.ErrorIs(t, r.Scan(text), result.ErrShape, text)
		var in struct{ R []result.Result[int] }
		require.ErrorIs(t, json.Unmarshal([]byte(`{"R":[{"Ok":1},`+text+`]}`), &in), result.ErrShape, text)
		assert.Equal(t, ok, r)
	}
	for _, text := range []string{``, ` `, `{`, `{"Ok"`, `{"Ok":`, `{"Ok":1`, `{"Ok":1}x`, `{"Ok":1} {}`, `{"Ok":1,}`, `{Ok:1}`, `{"Ok":1]`} {
		r := ok
		require.Error(t, json.Unmarshal([]byte(text), &r), text)
		require.ErrorIs(t, r.UnmarshalJSON([]byte(text)), result.ErrShape, text)
		assert.Equal(t, ok, r)
	}
	r := ok
	require.ErrorAs(t, json.Unmarshal([]byte(`{"Ok":"x"}`), &r), new(*json.UnmarshalTypeError), "T's own error")
	assert.Equal(t, ok, r)
	_, err := json.Marshal(result.Ok(func() {}))
	require.Error(t, err)
	assert.True(t, strings.HasPrefix(result.ErrShape.Error(), "result: "))
}

func FuzzUnmarshalJSON(f *testing.F) {
	for _, seed := range []string{`{"Ok":1}`, `{"Err":"x"}`, `{}`, `{"Ok":null}`, `[]`, `{"ok":1,"Ok":2}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := ok
		if json.Unmarshal(data, &r) != nil {
			require.Equal(t, ok, r)
			return
		}
		text, err := json.Marshal(r)
		require.NoError(t, err)
		var back result.Result[int]
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, r.Ok(), back.Ok())
		require.Equal(t, fmt.Sprint(r), fmt.Sprint(back))
	})
}

func TestJSONNullIsOkWhereTIsWrittenAsNull(t *testing.T) {
	var p result.Result[*int]
	require.NoError(t, json.Unmarshal([]byte(`{"Ok":null}`), &p))
	assert.Equal(t, result.Ok[*int](nil), p)
	var o result.Result[option.Option[int]]
	require.NoError(t, json.Unmarshal([]byte(`{"Ok":null}`), &o))
	assert.Equal(t, result.Ok(option.None[int]()), o)
	var when result.Result[time.Time]
	require.ErrorIs(t, json.Unmarshal([]byte(`{"Ok":null}`), &when), result.ErrShape)
	var unit result.Result[struct{}]
	require.ErrorIs(t, json.Unmarshal([]byte(`{"Ok":null}`), &unit), result.ErrShape)
	require.NoError(t, json.Unmarshal([]byte(`{"Ok":{}}`), &unit))
}

func TestJSONDoesNotEscapeHTMLByItself(t *testing.T) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	require.NoError(t, enc.Encode([]result.Result[string]{result.Ok("<b>"), result.Err[string](errors.New("<i>"))}))
	assert.Equal(t, `[{"Ok":"<b>"},{"Err":"<i>"}]`+"\n", b.String())
}

func TestTextIsTheParenthesesOfFormat(t *testing.T) {
	for text, want := range map[string]result.Result[string]{
		"Ok()":           result.Ok(""),
		"Ok(x)":          result.Ok("x"),
		"Ok(a) Err(b))":  result.Ok("a) Err(b)"),
		"Err()":          result.Err[string](errors.New("")),
		"Err(one\ntwo)":  result.Err[string](errors.New("one\ntwo")),
		"Err(Ok(\xff)))": result.Err[string](errors.New("Ok(\xff))")),
	} {
		got, err := want.MarshalText()
		require.NoError(t, err)
		assert.Equal(t, text, string(got))
		back := result.Ok("before")
		require.NoError(t, back.UnmarshalText(got))
		assert.Equal(t, want, back)
	}
	joined := result.Err[int](errors.Join(errSad, errBad))
	text, err := joined.MarshalText()
	require.NoError(t, err)
	assert.Equal(t, "Err("+joined.Err().Error()+")", string(text))
	for _, text := range []string{"", "Ok", "Ok(", "Ok(1", ")", "ok(1)", "Err(x", "Er(x)", "x", " Ok(1)", "Ok(1) "} {
		r := ok
		require.ErrorIs(t, r.UnmarshalText([]byte(text)), result.ErrShape, text)
		assert.Equal(t, ok, r)
	}
	r := ok
	require.ErrorIs(t, r.UnmarshalText([]byte("Ok(x)")), strconv.ErrSyntax)
	assert.Equal(t, ok, r)
	b, err := result.Ok(func() {}).AppendText([]byte("x"))
	require.EqualError(t, err, "result: func() has no text")
	assert.Equal(t, "x", string(b))
}

func TestBinaryThatIsDamagedChangesNothing(t *testing.T) {
	for _, from := range []result.Result[int]{ok, sad} {
		data, err := from.MarshalBinary()
		require.NoError(t, err)
		for i := range data {
			r := result.Ok(99)
			require.ErrorIs(t, r.UnmarshalBinary(data[:i]), result.ErrShape)
			require.ErrorIs(t, r.GobDecode(append(slices.Clip(data), 0)), result.ErrShape)
			assert.Equal(t, result.Ok(99), r)
		}
	}
	r := ok
	require.ErrorIs(t, r.UnmarshalBinary([]byte("N")), result.ErrShape)
	require.ErrorIs(t, r.UnmarshalBinary([]byte{'O', 'v', 3, 1, 2, 3}), result.ErrShape)
}

func TestSQLKeepsAnError(t *testing.T) {
	for _, want := range []result.Result[int]{result.Ok(0), result.Err[int](errors.New("sadface"))} {
		v, err := want.Value()
		require.NoError(t, err)
		back := result.Ok(9)
		require.NoError(t, back.Scan(v))
		assert.Equal(t, want, back)
		require.NoError(t, back.Scan([]byte(v.(string))))
	}
	r := ok
	for _, src := range []any{nil, int64(1), 1.5, true, "", []byte(nil)} {
		require.ErrorIs(t, r.Scan(src), result.ErrShape)
		assert.Equal(t, ok, r)
	}
	_, err := result.Ok(func() {}).Value()
	require.Error(t, err)
}

func FuzzUnmarshalText(f *testing.F) {
	for _, seed := range []string{"Ok(1)", "Err(x)", "Ok(", "Err()", ")"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		reread(t, data, (*result.Result[int]).UnmarshalText, result.Result[int].MarshalText)
	})
}

func FuzzUnmarshalBinary(f *testing.F) {
	f.Add([]byte("Oi\x02"))
	f.Add([]byte("E\x01x"))
	f.Add([]byte("On"))
	f.Fuzz(func(t *testing.T, data []byte) {
		reread(t, data, (*result.Result[int]).UnmarshalBinary, result.Result[int].MarshalBinary)
		reread(t, data, (*result.Result[[]string]).UnmarshalBinary, result.Result[[]string].MarshalBinary)
	})
}

// reread reads data. If that succeeds, what is written for it reads the same;
// else nothing changes.
func reread[T any](t *testing.T, data []byte,
	read func(*result.Result[T], []byte) error, write func(result.Result[T]) ([]byte, error),
) {
	t.Helper()
	before := result.Err[T](errSad)
	r := before
	if read(&r, data) != nil {
		require.Equal(t, before, r)
		return
	}
	again, err := write(r)
	require.NoError(t, err)
	var back result.Result[T]
	require.NoError(t, read(&back, again))
	require.Equal(t, r, back)
}
