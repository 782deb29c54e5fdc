package option

import (
	"errors"

	"github.com/coderrange/ferrous/internal/held"
)

// ErrShape means that the data is damaged, or is not the binary form of an Option or a
// Nullable of this T.
var ErrShape = errors.New("option: not the binary form of an Option of this type")

// The first byte of the binary form, where there is no value. That of a value
// begins with one of held's tags.
const (
	tagNone   = 'N'
	tagAbsent = 'A' // of a Nullable
)

// AppendBinary appends the binary form of o to b. The form distinguishes None, Some of
// nil and Some of a zero value.
//
// If T has AppendBinary, MarshalBinary or GobEncode, that method encodes the value.
// Otherwise basic types, strings and byte slices take a few bytes. All other types are
// encoded as a gob stream of their own, which repeats the description of T each time;
// for long lists of small options, another encoding is shorter.
//
// Encoders that support [encoding.BinaryMarshaler], such as those of CBOR and
// MessagePack, write the form as a byte string.
func (o Option[T]) AppendBinary(b []byte) ([]byte, error) {
	return o.appendBinary(b, false)
}

// MarshalBinary returns what AppendBinary appends.
func (o Option[T]) MarshalBinary() ([]byte, error) {
	return o.appendBinary(nil, false)
}

// UnmarshalBinary decodes what AppendBinary appended. If it fails, the error is
// [ErrShape] or T's own, and o is unchanged.
func (o *Option[T]) UnmarshalBinary(data []byte) error {
	if len(data) == 1 && data[0] == tagNone {
		*o = Option[T]{}
		return nil
	}
	var v T
	if err := held.ParseBinary(data, &v, ErrShape); err != nil {
		return err
	}
	*o = Some(v)
	return nil
}

func (o Option[T]) appendBinary(b []byte, gobFirst bool) ([]byte, error) {
	if !o.some {
		return append(b, tagNone), nil
	}
	return held.AppendBinary("option", b, &o.value, gobFirst)
}
