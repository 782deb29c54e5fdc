package result

import (
	"fmt"
	"log/slog"

	"github.com/coderrange/ferrous/internal/held"
)

// Format prints r as Ok(value) or Err(error). The verb and its flags apply to the value
// or the error.
func (r Result[T]) Format(f fmt.State, verb rune) {
	if r.err != nil {
		held.Format(f, verb, "Err", &r.err)
		return
	}
	held.Format(f, verb, "Ok", &r.value)
}

// LogValue returns the value or the error itself, or nil if that is a nil pointer. It
// implements [slog.LogValuer].
func (r Result[T]) LogValue() slog.Value {
	if r.err != nil {
		return held.LogValue(&r.err)
	}
	return held.LogValue(&r.value)
}
