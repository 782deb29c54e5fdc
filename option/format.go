package option

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/coderrange/ferrous/internal/held"
)

// Format prints o as Some(value) or None; the verb and its flags are the
// value's.
func (o Option[T]) Format(f fmt.State, verb rune) {
	if !o.some {
		_, _ = io.WriteString(f, "None")
		return
	}
	held.Format(f, verb, "Some", &o.value)
}

// LogValue logs the value itself, or nil for None and a nil pointer.
func (o Option[T]) LogValue() slog.Value {
	if !o.some {
		return slog.AnyValue(nil)
	}
	return held.LogValue(&o.value)
}
