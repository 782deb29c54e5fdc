package result

import (
	"fmt"
	"log/slog"

	"github.com/coderrange/ferrous/option"
)

// Format prints r as Ok(value) or Err(error); the verb and its flags are those
// of what is inside.
func (r Result[T]) Format(f fmt.State, verb rune) {
	if r.err != nil {
		_, _ = fmt.Fprintf(f, "Err("+fmt.FormatString(f, verb)+")", r.err)
		return
	}
	_, _ = fmt.Fprintf(f, "Ok("+fmt.FormatString(f, verb)+")", r.value)
}

// LogValue logs the value itself, or the error.
func (r Result[T]) LogValue() slog.Value {
	if r.err != nil {
		return slog.AnyValue(r.err)
	}
	return option.Some(r.value).LogValue()
}
