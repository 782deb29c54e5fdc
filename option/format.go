package option

import (
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Format prints o as Some(value) or None; the verb and its flags are the
// value's.
func (o Option[T]) Format(f fmt.State, verb rune) {
	if !o.some {
		_, _ = io.WriteString(f, "None")
		return
	}
	_, _ = fmt.Fprintf(f, "Some("+fmt.FormatString(f, verb)+")", o.value)
}

// LogValue logs the value itself, or nil for None.
func (o Option[T]) LogValue() slog.Value {
	if !o.some {
		return slog.AnyValue(nil)
	}
	return logValue(&o.value)
}

// logValue is [slog.AnyValue] of *p without the allocation that a conversion to
// an interface costs, for the kinds that slog holds without one.
func logValue[T any](p *T) slog.Value {
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
	return slog.AnyValue(*p)
}
