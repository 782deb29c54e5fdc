// Package held_test takes values through Option, Nullable and Result.
package held_test

import (
	"bytes"
	"database/sql"
	"database/sql/driver"
	"encoding"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/option"
	"github.com/coderrange/ferrous/result"
)

// wrapper is what Option, Nullable and Result have in common.
type wrapper interface {
	json.Marshaler
	encoding.TextAppender
	encoding.TextMarshaler
	encoding.BinaryAppender
	encoding.BinaryMarshaler
	gob.GobEncoder
	driver.Valuer
	fmt.Formatter
	slog.LogValuer
	MarshalYAML() (any, error)
	MarshalBSON() ([]byte, error)
}

// reader is what pointers to them have in common.
type reader interface {
	json.Unmarshaler
	encoding.TextUnmarshaler
	encoding.BinaryUnmarshaler
	gob.GobDecoder
	sql.Scanner
	UnmarshalYAML(func(any) error) error
	UnmarshalBSON([]byte) error
}

// wrapped returns v in every wrapper.
func wrapped[T any](v T) []wrapper {
	return []wrapper{option.Some(v), option.NotNull(v), result.Ok(v)}
}

// twice returns v in wrappers of wrappers, which take long to compile.
func twice[T any](v T) []wrapper {
	return []wrapper{
		option.Some(option.Some(v)), option.NotNull(option.Some(v)), result.Ok(option.Some(v)), result.Ok(option.NotNull(v)),
		option.Some(result.Ok(v)), option.NotNull(result.Ok(v)), result.Ok(result.Ok(v)), option.Some(any(option.Some(v))),
	}
}

// probed is one probe in all that can hold it.
func probed() map[string][]wrapper {
	return map[string][]wrapper{
		"by value":               wrapped(byValue{7}),
		"by pointer":             append(wrapped(byPointer{7}), twice(byPointer{7})...),
		"int, by pointer":        wrapped(pointerInt(7)),
		"map, by pointer":        append(wrapped(pointerMap{"n": 7}), twice(pointerMap{"n": 7})...),
		"slice, by value":        wrapped(valueSlice{7}),
		"pointer, by value":      wrapped(&byValue{7}),
		"pointer, by pointer":    wrapped(&byPointer{7}),
		"interface, by value":    wrapped[any](byValue{7}),
		"interface, by pointer":  wrapped[any](byPointer{7}),
		"interface of a pointer": wrapped[encoding.TextMarshaler](&byPointer{7}),
		"interface of a map":     wrapped[any](pointerMap{"n": 7}),
	}
}

// holders returns w as encoders meet it: in an interface, a field, a list, a map,
// and behind a pointer.
func holders(w wrapper) map[string]any {
	v := reflect.ValueOf(w)
	p := reflect.New(v.Type())
	p.Elem().Set(v)
	list := reflect.MakeSlice(reflect.SliceOf(v.Type()), 1, 1)
	list.Index(0).Set(v)
	table := reflect.MakeMap(reflect.MapOf(reflect.TypeFor[string](), v.Type()))
	table.SetMapIndex(reflect.ValueOf("k"), v)
	field := reflect.New(reflect.StructOf([]reflect.StructField{{Name: "F", Type: v.Type()}})).Elem()
	field.Field(0).Set(v)
	return map[string]any{
		"itself": w, "pointer": p.Interface(), "list": list.Interface(), "map": table.Interface(),
		"field": field.Interface(), "any": []any{w},
	}
}

func each(t *testing.T, probes map[string][]wrapper, f func(t *testing.T, w wrapper)) {
	t.Helper()
	for name, ws := range probes {
		for _, w := range ws {
			t.Run(fmt.Sprintf("%s/%T", name, w), func(t *testing.T) { f(t, w) })
		}
	}
}

func TestMethodsOfThePointerAreUsedByEveryEncoder(t *testing.T) {
	each(t, probed(), func(t *testing.T, w wrapper) {
		for name, holder := range holders(w) {
			text, err := json.Marshal(holder)
			require.NoError(t, err, name)
			assert.Contains(t, string(text), "json-7", name)
			for verb, want := range map[string]string{
				"%v": "string-7", "%+v": "string-7", "%s": "string-7", "%q": `"string-7"`, "%#v": "gostring-7",
				"%x": "737472696e672d37",
			} {
				assert.Contains(t, fmt.Sprintf(verb, holder), want, "%s %s", name, verb)
			}
		}
		text, err := w.MarshalText()
		require.NoError(t, err)
		assert.Contains(t, string(text), "text-7")

		if !strings.Contains(fmt.Sprintf("%T", w), "interface") && !strings.Contains(fmt.Sprintf("%T", w), "encoding.") {
			data, err := w.MarshalBinary()
			require.NoError(t, err)
			assert.Contains(t, string(data), "binary-7")
			data, err = w.GobEncode()
			require.NoError(t, err)
			assert.Contains(t, string(data), "gob-7")
			var stream bytes.Buffer
			require.NoError(t, gob.NewEncoder(&stream).Encode(holders(w)["field"]))
			assert.Contains(t, stream.String(), "gob-7")
		}

		value, err := w.Value()
		require.NoError(t, err)
		want := "sql-7"
		if strings.Contains(fmt.Sprintf("%T", w), "result.Result[") {
			want = "json-7" // a Result is JSON in a column
		}
		assert.Contains(t, value, want)

		var log, logJSON bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("", "x", w)
		slog.New(slog.NewJSONHandler(&logJSON, nil)).Info("", "x", w)
		assert.Contains(t, log.String(), "x=log-7")
		assert.Contains(t, logJSON.String(), `"x":"log-7"`)
	})
}

// yaml is a YAML library as small as can be: it calls the hooks and no more.
func yaml(v any) string {
	switch v := v.(type) {
	case interface{ MarshalYAML() (any, error) }:
		inside, err := v.MarshalYAML()
		if err != nil {
			return err.Error()
		}
		return yaml(inside)
	case map[string]any:
		return yaml(v["Ok"])
	case nil:
		return "null"
	}
	if r := reflect.ValueOf(v); r.Kind() == reflect.Pointer && !r.IsNil() {
		return yaml(r.Elem().Interface())
	}
	return fmt.Sprint(v)
}

func TestMethodsOfThePointerAreUsedByYAML(t *testing.T) {
	each(t, probed(), func(t *testing.T, w wrapper) {
		assert.Equal(t, "yaml-7", yaml(w))
	})
}

func TestWhatTheMethodsWroteIsReadBack(t *testing.T) {
	probes := probed()
	for name := range probes {
		if strings.Contains(name, "interface") {
			delete(probes, name) // nothing says which type to read
		}
	}
	each(t, probes, func(t *testing.T, w wrapper) {
		if strings.Contains(fmt.Sprintf("%T", w), "interface") {
			t.Skip("nothing says which type to read")
		}
		type form struct {
			write func() ([]byte, error)
			read  func(reader, []byte) error
		}
		for name, f := range map[string]form{
			"JSON":   {w.MarshalJSON, reader.UnmarshalJSON},
			"text":   {w.MarshalText, reader.UnmarshalText},
			"append": {func() ([]byte, error) { return w.AppendText(nil) }, reader.UnmarshalText},
			"binary": {w.MarshalBinary, reader.UnmarshalBinary},
			"gob":    {w.GobEncode, reader.GobDecode},
			"SQL": {func() ([]byte, error) {
				v, err := w.Value()
				return fmt.Append(nil, v), err
			}, func(r reader, b []byte) error { return r.Scan(string(b)) }},
		} {
			data, err := f.write()
			require.NoError(t, err, name)
			back := reflect.New(reflect.TypeOf(w))
			require.NoError(t, f.read(back.Interface().(reader), data), name)
			assert.Equal(t, w, back.Elem().Interface(), name)
		}
	})
}

func TestBigIntIsANumberEverywhere(t *testing.T) {
	n := *new(big.Int).Lsh(big.NewInt(1), 70)
	for name, holder := range holders(option.Some(n)) {
		text, err := json.Marshal(holder)
		require.NoError(t, err)
		assert.Contains(t, string(text), "1180591620717411303424", name)
	}
	text, err := json.Marshal(result.Ok(n))
	require.NoError(t, err)
	assert.Equal(t, `{"Ok":1180591620717411303424}`, string(text))
	assert.Equal(t, "Some(1180591620717411303424)", fmt.Sprint(option.Some(n)))
	assert.Equal(t, "NotNull(400000000000000000)", fmt.Sprintf("%x", option.NotNull(n)))
}

// The kinds of probe of which a method or two is on the pointer.
type (
	onlyError  struct{ N int }
	onlyJSON   int
	onlyFormat int
	onlyLog    int
	onlyText   struct{ n int }
)

func (p *onlyError) Error() string { return fmt.Sprint("error-", p.N) }

func (p *onlyJSON) MarshalJSON() ([]byte, error) { return []byte(`"json"`), nil }

func (p *onlyFormat) Format(f fmt.State, verb rune) { _, _ = fmt.Fprintf(f, "format-%c", verb) }

func (p *onlyLog) LogValue() slog.Value { return slog.StringValue("log") }

func (p *onlyText) MarshalText() ([]byte, error) { return []byte("text"), nil }

func TestAVerbPrintsTheValueUnlessAMethodIsCalled(t *testing.T) {
	for _, c := range []struct {
		verb string
		v    any
		want string
	}{
		{"%v", option.Some(onlyError{1}), "Some(error-1)"},
		{"%d", option.Some(onlyError{1}), "Some({1})"},
		{"%#v", option.Some(onlyError{1}), "Some(held_test.onlyError{N:1})"},
		{"%d", result.Ok(pointerInt(3)), "Ok(3)"},
		{"%04d", option.NotNull(pointerInt(3)), "NotNull(0003)"},
		{"%v", option.Some(onlyJSON(3)), "Some(3)"},
		{"%d", option.Some(onlyFormat(3)), "Some(format-d)"},
		{"%v", result.Err[int](&onlyError{2}), "Err(error-2)"},
		{"%v", result.Err[int]((*onlyError)(nil)), "Err(<nil>)"},
	} {
		assert.Equal(t, c.want, fmt.Sprintf(c.verb, c.v), "%s of %T", c.verb, c.v)
	}
}

func TestSlogPrintsTheValueUnlessAMethodIsCalled(t *testing.T) {
	for _, c := range []struct {
		v          any
		text, json string
	}{
		{option.Some(onlyError{1}), "x=error-1", `"x":"error-1"`},
		{option.Some(onlyJSON(3)), "x=3", `"x":"json"`},
		{option.NotNull(onlyFormat(3)), "x=format-v", `"x":3`},
		{result.Ok(onlyLog(3)), "x=log", `"x":"log"`},
		{result.Ok(onlyText{3}), "x=text", `"x":"text"`},
		{option.Some((*byValue)(nil)), "x=<nil>", `"x":null`},
		{result.Ok((*byValue)(nil)), "x=<nil>", `"x":null`},
		{option.NotNull[slog.LogValuer]((*byValue)(nil)), "x=<nil>", `"x":null`},
		{result.Err[int]((*onlyError)(nil)), "x=<nil>", `"x":null`},
	} {
		var text, log bytes.Buffer
		slog.New(slog.NewTextHandler(&text, nil)).Info("", "x", c.v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("", "x", c.v)
		assert.Contains(t, text.String(), c.text, "%T", c.v)
		assert.Contains(t, log.String(), c.json, "%T", c.v)
	}
}

// TestANilInsideNeverPanics puts nils of types whose methods panic for nil into
// everything.
func TestANilInsideNeverPanics(t *testing.T) {
	var inner *byValue
	nils := map[string][]wrapper{
		"pointer, by value":    wrapped[*byValue](nil),
		"pointer, by pointer":  wrapped[*byPointer](nil),
		"interface":            wrapped[encoding.TextMarshaler](nil),
		"pointer in interface": wrapped[encoding.TextMarshaler]((*byValue)(nil)),
		"any":                  wrapped[any](nil),
		"pointer in any":       wrapped[any]((*byValue)(nil)),
		"pointer to a pointer": {option.Some(&inner), option.NotNull(&inner), result.Ok(&inner)},
		"error":                {result.Err[int]((*onlyError)(nil)), result.Err[*byValue]((*onlyError)(nil))},
		"map, by pointer":      wrapped[pointerMap](nil),
		"func":                 wrapped[func()](nil),
		"zero values":          {option.Option[*byValue]{}, option.Nullable[*byValue]{}, result.Result[*byValue]{}},
	}
	each(t, nils, func(t *testing.T, w wrapper) {
		require.NotPanics(t, func() {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				_ = fmt.Sprintf(verb, w)
			}
			for _, h := range []slog.Handler{slog.NewTextHandler(&bytes.Buffer{}, nil), slog.NewJSONHandler(&bytes.Buffer{}, nil)} {
				slog.New(h).Info("", "x", w)
			}
			for _, f := range []func() ([]byte, error){
				w.MarshalJSON, w.MarshalText, w.MarshalBinary, w.GobEncode, w.MarshalBSON,
				func() ([]byte, error) { return w.AppendText([]byte("x")) },
				func() ([]byte, error) { return w.AppendBinary([]byte("x")) },
			} {
				_, _ = f()
			}
			_, _ = w.Value()
			_ = yaml(w)
		})
		// What has a binary form comes back as it was, also a nil.
		data, err := w.MarshalBinary()
		back := reflect.New(reflect.TypeOf(w))
		e, hasErr := w.(interface{ IsErr() bool })
		if err == nil && back.Interface().(reader).UnmarshalBinary(data) == nil && (!hasErr || !e.IsErr()) {
			assert.Equal(t, fmt.Sprintf("%#v", w), fmt.Sprintf("%#v", back.Elem().Interface()))
		}
	})
}

func TestNilHasNoText(t *testing.T) {
	for _, w := range []wrapper{
		option.Some[*byValue](nil), option.NotNull[*byValue](nil), result.Ok[*byValue](nil),
		option.Some[encoding.TextMarshaler]((*byValue)(nil)), result.Ok[encoding.TextMarshaler](nil),
	} {
		_, err := w.MarshalText()
		require.ErrorContains(t, err, "has no text")
		require.Regexp(t, "^(option|result): a nil ", err.Error())
	}
}

func TestBSONIsRefused(t *testing.T) {
	for _, w := range wrapped(1) {
		_, err := w.MarshalBSON()
		require.True(t, errors.Is(err, option.ErrBSON) || errors.Is(err, result.ErrBSON), err)
		require.Error(t, reflect.New(reflect.TypeOf(w)).Interface().(reader).UnmarshalBSON(nil))
	}
	require.Regexp(t, "^option: ", option.ErrBSON.Error())
	require.Regexp(t, "^result: ", result.ErrBSON.Error())
}

// roundTrip takes v through binary and gob in all wrappers.
func roundTrip[T any](t *testing.T, v T) {
	t.Helper()
	roundTrips(t, option.Some(v), option.None[T](), option.NotNull(v), option.Null[T](), option.Nullable[T]{}, result.Ok(v))
}

// roundTrips takes them through binary and gob, also cut short at every place and
// with a byte too many.
func roundTrips(t *testing.T, ws ...wrapper) {
	t.Helper()
	for _, w := range ws {
		for _, encode := range []func() ([]byte, error){w.MarshalBinary, w.GobEncode} {
			data, err := encode()
			require.NoError(t, err)
			back := reflect.New(reflect.TypeOf(w))
			r := back.Interface().(reader)
			require.NoError(t, r.UnmarshalBinary(data), "%T %q", w, data)
			require.Equal(t, fmt.Sprintf("%#v", w), fmt.Sprintf("%#v", back.Elem().Interface()))
			for i := range data {
				require.Error(t, r.UnmarshalBinary(data[:i]), "%T %q", w, data[:i])
			}
			require.Error(t, r.UnmarshalBinary(append(data, 0)), "%T", w)
			require.Equal(t, fmt.Sprintf("%#v", w), fmt.Sprintf("%#v", back.Elem().Interface()), "an error changes nothing")
		}
	}
}

func TestBinaryKeepsEveryValue(t *testing.T) {
	roundTrips(t, // wrappers of wrappers, which take long to compile
		option.Some(option.Some("a")), option.Some(option.None[string]()), option.NotNull(option.Some("a")), result.Ok(option.NotNull("a")))
	roundTrip(t, 0)
	roundTrip(t, math.MinInt)
	roundTrip(t, int8(-128))
	roundTrip(t, uint64(1<<64-1))
	roundTrip(t, true)
	roundTrip(t, false)
	roundTrip(t, float32(0.1))
	roundTrip(t, 0.1)
	roundTrip(t, complex(1, -2))
	roundTrip(t, complex64(complex(0.1, 2)))
	roundTrip(t, "")
	roundTrip(t, "\xff\x00")
	roundTrip(t, []byte{})
	roundTrip(t, []byte(nil))
	roundTrip(t, []byte{0, 1})
	roundTrip(t, []int(nil))
	roundTrip(t, []int{})
	roundTrip(t, []string{"a", ""})
	roundTrip(t, map[string]int{"a": 1})
	roundTrip(t, map[string]int(nil))
	roundTrip(t, [2]bool{true, false})
	roundTrip(t, struct{}{})
	roundTrip(t, struct{ A, B int }{1, 0})
	roundTrip(t, (*int)(nil))
	roundTrip(t, time.Date(2020, 1, 2, 3, 4, 5, 6, time.UTC))
	roundTrip(t, time.Minute)
	roundTrip(t, *big.NewInt(-5))
	roundTrip[any](t, 5)
	roundTrip[any](t, nil)
	roundTrip[error](t, nil)
}

func TestBinaryOfAnotherTypeIsAnError(t *testing.T) {
	forms := []wrapper{
		option.Some(1), option.Some(uint(1)), option.Some(1.5), option.Some(true), option.Some("x"), option.Some([]byte("x")),
		option.Some(1i), option.Some(struct{}{}), option.Some([]int{1}), option.Some(byValue{1}), option.Some(onlyText{}),
		option.Some((*int)(nil)), option.Some(300), option.Some(1e300),
	}
	targets := []any{
		new(option.Option[int8]), new(option.Option[uint8]), new(option.Option[float32]), new(option.Option[bool]),
		new(option.Option[string]), new(option.Option[[]byte]), new(option.Option[complex64]), new(option.Option[struct{}]),
		new(option.Option[[]int]), new(option.Option[byValue]),
	}
	for i, w := range forms {
		data, err := w.MarshalBinary()
		if err != nil {
			continue // onlyText has none
		}
		for j, to := range targets {
			err := to.(reader).UnmarshalBinary(data)
			if i == j || i == 11 && (j == 5 || j == 8) {
				require.NoError(t, err, "%v to %T", w, to)
				continue
			}
			require.ErrorIs(t, err, option.ErrShape, "%v to %T", w, to)
		}
	}
}
