package option

import (
	"database/sql/driver"
	"fmt"
	"io"
	"log/slog"

	"github.com/coderrange/ferrous/internal/held"
)

// MarshalJSON encodes null or the value. The error is [ErrAbsent] if n is absent.
func (n Nullable[T]) MarshalJSON() ([]byte, error) {
	if !n.state.some {
		return nil, ErrAbsent
	}
	return n.state.value.MarshalJSON()
}

// UnmarshalJSON decodes null or a value. On an error n is unchanged.
func (n *Nullable[T]) UnmarshalJSON(data []byte) error {
	return n.decode(func(o *Option[T]) error { return o.UnmarshalJSON(data) })
}

// AppendText appends the text of the value as [Option.AppendText] does, and nothing for
// null. The error is [ErrAbsent] if n is absent.
func (n Nullable[T]) AppendText(b []byte) ([]byte, error) {
	if !n.state.some {
		return b, ErrAbsent
	}
	return n.state.value.AppendText(b)
}

// MarshalText returns what AppendText appends.
func (n Nullable[T]) MarshalText() ([]byte, error) { return n.AppendText([]byte{}) }

// UnmarshalText decodes an empty text to null and everything else to a value. On an
// error n is unchanged.
func (n *Nullable[T]) UnmarshalText(text []byte) error {
	return n.decode(func(o *Option[T]) error { return o.UnmarshalText(text) })
}

// AppendBinary appends a binary form that distinguishes absent, null and a value. For
// null and a value it is that of [Option.AppendBinary].
func (n Nullable[T]) AppendBinary(b []byte) ([]byte, error) {
	if !n.state.some {
		return append(b, tagAbsent), nil
	}
	return n.state.value.AppendBinary(b)
}

// MarshalBinary returns what AppendBinary appends.
func (n Nullable[T]) MarshalBinary() ([]byte, error) { return n.AppendBinary(nil) }

// UnmarshalBinary decodes what AppendBinary appended. If it fails, the error is
// [ErrShape] or T's own, and n is unchanged.
func (n *Nullable[T]) UnmarshalBinary(data []byte) error {
	if len(data) == 1 && data[0] == tagAbsent {
		*n = Nullable[T]{}
		return nil
	}
	return n.decode(func(o *Option[T]) error { return o.UnmarshalBinary(data) })
}

// GobEncode is MarshalBinary, with one exception: if T has both GobEncode and
// MarshalBinary, T's GobEncode encodes the value.
func (n Nullable[T]) GobEncode() ([]byte, error) {
	if !n.state.some {
		return n.MarshalBinary()
	}
	return n.state.value.GobEncode()
}

// GobDecode decodes what GobEncode or AppendBinary wrote. On an error n is
// unchanged.
func (n *Nullable[T]) GobDecode(data []byte) error { return n.UnmarshalBinary(data) }

// MarshalYAML returns the value for the YAML library to encode. The error is [ErrNull]
// if n is null, and [ErrAbsent] if n is absent: tag the field omitempty.
func (n Nullable[T]) MarshalYAML() (any, error) {
	if !n.state.some {
		return nil, ErrAbsent
	}
	v, err := n.state.value.MarshalYAML()
	written := v // what v is encoded as, if v is an Option or a Nullable, such as Some(None)
	for m, ok := written.(marshalerYAML); ok && err == nil; m, ok = written.(marshalerYAML) {
		written, err = m.MarshalYAML()
	}
	if written == nil && err == nil {
		err = ErrNull
	}
	return v, err
}

type marshalerYAML interface{ MarshalYAML() (any, error) }

// UnmarshalYAML decodes a value. On an error n is unchanged.
//
// The YAML libraries do not call it for null, so null leaves n unchanged. To
// distinguish null from absent, convert YAML to JSON, as sigs.k8s.io/yaml does.
func (n *Nullable[T]) UnmarshalYAML(decode func(any) error) error {
	needFunc("Nullable.UnmarshalYAML", decode != nil)
	return n.decode(func(o *Option[T]) error { return o.UnmarshalYAML(decode) })
}

// Scan reads a column. NULL is null. On an error n is unchanged.
func (n *Nullable[T]) Scan(src any) error {
	return n.decode(func(o *Option[T]) error { return o.Scan(src) })
}

// Value returns n as an SQL argument. Null is NULL. The error is [ErrAbsent] if n is
// absent: leave out its column.
func (n Nullable[T]) Value() (driver.Value, error) {
	if !n.state.some {
		return nil, ErrAbsent
	}
	return n.state.value.Value()
}

// Format prints n as NotNull(value), Null or Absent. The verb and its flags apply to
// the value.
func (n Nullable[T]) Format(f fmt.State, verb rune) {
	switch {
	case n.IsAbsent():
		_, _ = io.WriteString(f, "Absent")
	case n.IsNull():
		_, _ = io.WriteString(f, "Null")
	default:
		held.Format(f, verb, "NotNull", &n.state.value.value)
	}
}

// LogValue returns the value itself, nil for null, and for absent an empty group, which
// handlers leave out. It implements [slog.LogValuer].
func (n Nullable[T]) LogValue() slog.Value {
	if n.IsAbsent() {
		return slog.GroupValue()
	}
	return n.state.value.LogValue()
}

// decode sets n to the Option that f decodes, unless f fails.
func (n *Nullable[T]) decode(f func(*Option[T]) error) error {
	var o Option[T]
	if err := f(&o); err != nil {
		return err
	}
	n.state = Some(o)
	return nil
}
