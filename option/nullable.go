package option

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// ErrAbsent says that an absent [Nullable] cannot be written as JSON: its field
// has to be tagged omitzero.
var ErrAbsent = errors.New("option: Nullable.MarshalJSON: absent; tag the field omitzero")

// Nullable is a field of a JSON object that tells three states apart: absent,
// null, and a value. It is what a PATCH request needs, where null clears a
// field and absence leaves it alone.
//
// The zero value is absent. Tag the field omitzero, so that it stays absent
// when it is written. A Nullable may be copied.
type Nullable[T any] struct {
	state Option[Option[T]] // None: absent; Some(None): null
}

// Null returns a Nullable that is null.
func Null[T any]() Nullable[T] {
	return Nullable[T]{Some(None[T]())}
}

// NotNull returns a Nullable that holds v.
func NotNull[T any](v T) Nullable[T] {
	return Nullable[T]{Some(Some(v))}
}

// IsAbsent says whether n is absent.
func (n Nullable[T]) IsAbsent() bool { return n.state.IsNone() }

// IsZero is IsAbsent: it is how omitzero tells what to leave out.
func (n Nullable[T]) IsZero() bool { return n.state.IsNone() }

// IsNull says whether n is present and null.
func (n Nullable[T]) IsNull() bool { return n.state.some && !n.state.value.some }

// Get returns the value and true, or the zero T and false if n is absent or
// null.
func (n Nullable[T]) Get() (T, bool) { return n.state.value.Get() }

// Option returns both levels: None for absent, Some(None) for null.
func (n Nullable[T]) Option() Option[Option[T]] { return n.state }

// Patch applies n to a field: a value replaces it, null clears it, absence
// leaves it alone.
func (n Nullable[T]) Patch(field *Option[T]) {
	if n.state.some {
		*field = n.state.value
	}
}

// MarshalJSON encodes null or the value. An absent n is [ErrAbsent].
func (n Nullable[T]) MarshalJSON() ([]byte, error) {
	if !n.state.some {
		return nil, ErrAbsent
	}
	return n.state.value.MarshalJSON()
}

// UnmarshalJSON decodes null or a value. On an error n is unchanged.
func (n *Nullable[T]) UnmarshalJSON(data []byte) error {
	var o Option[T]
	if err := o.UnmarshalJSON(data); err != nil {
		return err
	}
	n.state = Some(o)
	return nil
}

// Format prints n as NotNull(value), Null or Absent; the verb and its flags are
// the value's.
func (n Nullable[T]) Format(f fmt.State, verb rune) {
	switch {
	case n.IsAbsent():
		_, _ = io.WriteString(f, "Absent")
	case n.IsNull():
		_, _ = io.WriteString(f, "Null")
	default:
		_, _ = fmt.Fprintf(f, "NotNull("+fmt.FormatString(f, verb)+")", n.state.value.value)
	}
}

// LogValue logs the value itself, nil for null, and an empty group, which
// handlers leave out, for absent.
func (n Nullable[T]) LogValue() slog.Value {
	if n.IsAbsent() {
		return slog.GroupValue()
	}
	return n.state.value.LogValue()
}
