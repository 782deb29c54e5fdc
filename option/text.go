package option

import (
	"errors"

	"github.com/coderrange/ferrous/internal/held"
)

// ErrEmptyText means that a value cannot be encoded as text because its text is empty.
// An empty text is decoded to None.
var ErrEmptyText = errors.New("option: the text of a value is empty, as None's is")

// AppendText appends the text of the value, and nothing for None. If T has AppendText
// or MarshalText, that method gives the text. Strings, booleans and numbers have the
// text of package [strconv], durations that of [time.Duration.String].
//
// It returns an error if the value is nil or has no text, and [ErrEmptyText] if the
// text is empty.
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

// MarshalText returns what AppendText appends. For the keys of a JSON object use [Key].
func (o Option[T]) MarshalText() ([]byte, error) {
	return o.AppendText([]byte{})
}

// UnmarshalText decodes what AppendText appended: an empty text to None and everything
// else to Some. On an error o is unchanged.
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
