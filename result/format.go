package result

import (
	"fmt"
	"log/slog"

	"github.com/coderrange/ferrous/internal/held"
)

// Format prints r as Ok(value) or Err(error); the verb and its flags are those
// of what is inside.
func (r Result[T]) Format(f fmt.State, verb rune) {
	if r.err != nil {
		held.Format(f, verb, "Err", &r.err)
		return
	}
	held.Format(f, verb, "Ok", &r.value)
}

// LogValue logs the value itself, or the error. What is nil inside is logged as
// nil.
func (r Result[T]) LogValue() slog.Value {
	if r.err != nil {
		return held.LogValue(&r.err)
	}
	return held.LogValue(&r.value)
}
