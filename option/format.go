package option

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/coderrange/ferrous/internal/held"
)

// Format prints o as Some(value) or None. The verb and its flags apply to the value.
func (o Option[T]) Format(f fmt.State, verb rune) {
	if !o.some {
		_, _ = io.WriteString(f, "None")
		return
	}
	held.Format(f, verb, "Some", &o.value)
}

// LogValue returns the value itself, or nil for None and for a nil pointer. It
// implements [slog.LogValuer].
func (o Option[T]) LogValue() slog.Value {
	if !o.some {
		return slog.AnyValue(nil)
	}
	return held.LogValue(&o.value)
}
