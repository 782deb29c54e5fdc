package option

import (
	"errors"

	"github.com/coderrange/ferrous/internal/held"
)

// ErrShape says that data is not the binary form of an Option or a Nullable of
// this T, or is damaged.
var ErrShape = errors.New("option: not the binary form of an Option of this type")

// The first byte of the binary form, where there is no value. That of a value
// begins with one of held's tags.
const (
	tagNone   = 'N'
	tagAbsent = 'A' // of a Nullable
)

// AppendBinary appends a binary form that tells None, Some of nil and Some of a
// zero value apart. T's own AppendBinary, MarshalBinary or GobEncode writes the
// value. Otherwise basic types, strings and byte slices take a few bytes, and
// all else is a gob stream of its own, which repeats the description of T: for
// long lists of small options another encoding is shorter.
//
// Encoders that know [encoding.BinaryMarshaler], such as those of CBOR and
// MessagePack, write it as a byte string.
func (o Option[T]) AppendBinary(b []byte) ([]byte, error) {
	return o.appendBinary(b, false)
}

// MarshalBinary is AppendBinary to a new slice.
func (o Option[T]) MarshalBinary() ([]byte, error) {
	return o.appendBinary(nil, false)
}

// UnmarshalBinary decodes what AppendBinary wrote. Anything else is [ErrShape],
// or T's own error. On an error o is unchanged.
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
