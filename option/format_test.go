package option_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/option"
)

func TestFormat(t *testing.T) {
	type point struct{ X, Y int }
	for _, c := range []struct {
		format string
		value  any
		want   string
	}{
		{"%v", option.Some(4), "Some(4)"},
		{"%v", none, "None"},
		{"%+v", option.Some(point{1, 2}), "Some({X:1 Y:2})"},
		{"%#v", option.Some("x"), `Some("x")`},
		{"%#v", none, "None"},
		{"%q", option.Some("x"), `Some("x")`},
		{"%s", option.Some("x"), "Some(x)"},
		{"%04d", option.Some(4), "Some(0004)"},
		{"%.2f", option.Some(1.0), "Some(1.00)"},
		{"%x", option.Some(255), "Some(ff)"},
		{"%d", option.Some("x"), "Some(%!d(string=x))"},
		{"%v", option.Some(option.Some(4)), "Some(Some(4))"},
		{"%v", option.Some(none), "Some(None)"},
		{"%v", option.Some[error](nil), "Some(<nil>)"},
		{"%v", []option.Option[int]{one, none}, "[Some(1) None]"},
		{"%v", &one, "Some(1)"},
		{"%03d", option.Key[int](one), "Some(001)"},
		{"%v", option.Null[int](), "Null"},
		{"%v", option.Nullable[int]{}, "Absent"},
		{"%04d", option.NotNull(4), "NotNull(0004)"},
	} {
		assert.Equal(t, c.want, fmt.Sprintf(c.format, c.value), c.format)
	}
}

type secret string

// LogValue hides the secret.
func (secret) LogValue() slog.Value { return slog.StringValue("***") }

func TestLogValue(t *testing.T) {
	when := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		value any
		text  string
		json  string
	}{
		{none, "x=<nil>", `{"x":null}`},
		{option.Some("a b"), `x="a b"`, `{"x":"a b"}`},
		{option.Some(4), "x=4", `{"x":4}`},
		{option.Some(int64(4)), "x=4", `{"x":4}`},
		{option.Some(uint64(4)), "x=4", `{"x":4}`},
		{option.Some(4.5), "x=4.5", `{"x":4.5}`},
		{option.Some(true), "x=true", `{"x":true}`},
		{option.Some(when), "x=2020-01-02T03:04:05.000Z", `{"x":"2020-01-02T03:04:05Z"}`},
		{option.Some(time.Second), "x=1s", `{"x":1000000000}`},
		{option.Some(int8(4)), "x=4", `{"x":4}`},
		{option.Some(secret("p")), "x=***", `{"x":"***"}`},
		{option.Some(option.Some(4)), "x=4", `{"x":4}`},
		{option.Key[int](one), "x=1", `{"x":1}`},
		{option.NotNull(4), "x=4", `{"x":4}`},
		{option.Null[int](), "x=<nil>", `{"x":null}`},
		{option.Nullable[int]{}, "", `{}`},
	} {
		var text, json bytes.Buffer
		bare := &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key != "x" {
				return slog.Attr{}
			}
			return a
		}}
		slog.New(slog.NewTextHandler(&text, bare)).Info("", "x", c.value)
		slog.New(slog.NewJSONHandler(&json, bare)).Info("", "x", c.value)
		assert.Equal(t, c.text, strings.TrimSpace(text.String()))
		assert.Equal(t, c.json, strings.TrimSpace(json.String()))
	}
}

func TestLogValueOfCommonTypesDoesNotAllocate(t *testing.T) {
	var v slog.Value
	s, n, f := option.Some(strings.Repeat("x", 9)), option.Some(1<<30), option.Some(1e9)
	testkit.NoAllocs(t, "LogValue", func() {
		v = s.LogValue()
		v = n.LogValue()
		v = f.LogValue()
		v = none.LogValue()
	})
	assert.Equal(t, slog.KindAny, v.Kind())
}
