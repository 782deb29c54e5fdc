package result_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

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
	for text, want := range map[string]string{
		`{}`:                 result.ErrShape.Error(),
		`null`:               result.ErrShape.Error(),
		`{"Ok":1,"Err":"x"}`: result.ErrShape.Error(),
		`{"Err":null}`:       result.ErrShape.Error(),
		`{"Ok":"x"}`:         "json: cannot unmarshal string into Go value of type int",
		`7`:                  "json: cannot unmarshal number into Go value of type struct",
		`{"Err":7}`:          "json: cannot unmarshal number into Go struct field",
		`{"Ok":`:             "unexpected end of JSON input",
	} {
		r := ok
		require.ErrorContains(t, json.Unmarshal([]byte(text), &r), want, text)
		assert.Equal(t, ok, r)
	}
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
