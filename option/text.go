package option

import (
	"errors"

	"github.com/coderrange/ferrous/internal/held"
)

// ErrEmptyText says that a value cannot be written as text because its text is
// empty, which would be read back as None.
var ErrEmptyText = errors.New("option: the text of a value is empty, as None's is")

// AppendText appends the text of the value, and nothing for None. It uses T's
// own AppendText or MarshalText; strings, booleans and numbers have the text
// that [strconv] gives them, durations that of [time.Duration.String].
//
// It is an error if the value is nil, has no text, or has an empty one:
// [ErrEmptyText].
func (o Option[T]) AppendText(b []byte) ([]byte, error) {
	if !o.some {
		return b, nil
	}
	start := len(b)
	b, err := held.AppendText("option", b, &o.value)
	if err == nil && len(b) == start {
		err = ErrEmptyText
	}
	return b, err
}

// MarshalText is AppendText to a new slice. For the keys of a JSON object use
// [Key].
func (o Option[T]) MarshalText() ([]byte, error) {
	return o.AppendText([]byte{})
}

// UnmarshalText decodes an empty text to None and all else to Some, as
// AppendText wrote it. On an error o is unchanged.
func (o *Option[T]) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*o = Option[T]{}
		return nil
	}
	var v T
	if err := held.ParseText("option", text, &v); err != nil {
		return err
	}
	*o = Some(v)
	return nil
}
