package held

import (
	"encoding"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"time"

	"github.com/coderrange/ferrous/internal/show"
)

// Format prints *p in parentheses after name. The verb and its flags are those
// of *p.
func Format[T any](f fmt.State, verb rune, name string, p *T) {
	v := show.Printed(f, verb, p)
	_, _ = io.WriteString(f, name)
	_, _ = fmt.Fprintf(f, "("+fmt.FormatString(f, verb)+")", v)
}

// LogValue is [slog.AnyValue] of *p without the allocation that a conversion to
// an interface costs, for the kinds that slog holds without one. A nil pointer
// is logged as nil.
func LogValue[T any](p *T) slog.Value {
	switch p := any(p).(type) {
	case *string:
		return slog.StringValue(*p)
	case *int:
		return slog.IntValue(*p)
	case *int64:
		return slog.Int64Value(*p)
	case *uint64:
		return slog.Uint64Value(*p)
	case *float64:
		return slog.Float64Value(*p)
	case *bool:
		return slog.BoolValue(*p)
	case *time.Time:
		return slog.TimeValue(*p)
	case *time.Duration:
		return slog.DurationValue(*p)
	}
	return anyValue(*p)
}

// anyValue is apart so that only these values move to the heap.
func anyValue[T any](v T) slog.Value {
	p := &v
	if IsNil(p) {
		return slog.AnyValue(nil)
	}
	switch m := show.Methods(p).(type) {
	case slog.LogValuer, encoding.TextMarshaler, error, fmt.Stringer, fmt.Formatter:
		return slog.AnyValue(m)
	case json.Marshaler:
		if reflect.TypeOf(m) != reflect.TypeOf(any(v)) {
			return slog.AnyValue(jsonOnly{m, v})
		}
	}
	return slog.AnyValue(v)
}

// jsonOnly is a value whose pointer has a MarshalJSON but no method that prints
// it. As JSON it is the pointer's, in text it is the value's.
type jsonOnly struct {
	json.Marshaler
	value any
}

// Format prints the value.
func (j jsonOnly) Format(f fmt.State, verb rune) {
	_, _ = fmt.Fprintf(f, fmt.FormatString(f, verb), j.value)
}
