package result

import (
	"errors"
	"fmt"

	"github.com/coderrange/ferrous/internal/held"
)

// The first byte of the binary form.
const (
	tagOk  = 'O' // the rest is the value, as package held encodes it
	tagErr = 'E' // the rest is the length of the text of the error, and the text
)

// AppendBinary appends the binary form of r to b. Of an error it keeps the text.
//
// If T has AppendBinary, MarshalBinary or GobEncode, that method encodes the value.
// Otherwise basic types, strings and byte slices take a few bytes. All other types are
// encoded as a gob stream of their own.
//
// Encoders that support [encoding.BinaryMarshaler], such as those of CBOR and
// MessagePack, write the form as a byte string.
func (r Result[T]) AppendBinary(b []byte) ([]byte, error) { return r.appendBinary(b, false) }

// MarshalBinary returns what AppendBinary appends.
func (r Result[T]) MarshalBinary() ([]byte, error) { return r.appendBinary(nil, false) }

// UnmarshalBinary decodes what AppendBinary appended. A decoded error has only the text
// of the original. If it fails, the error is [ErrShape] or T's own, and r is unchanged.
func (r *Result[T]) UnmarshalBinary(data []byte) error {
	switch {
	case len(data) == 0:
		return fmt.Errorf("%w: no data", ErrShape)
	case data[0] == tagErr:
		text, whole := held.Body(data[1:])
		if !whole {
			return fmt.Errorf("%w: cut short, or followed by something", ErrShape)
		}
		*r = Result[T]{err: errors.New(string(text))}
		return nil
	case data[0] != tagOk:
		return fmt.Errorf("%w: tag %q", ErrShape, data[0])
	}
	var v T
	if err := held.ParseBinary(data[1:], &v, ErrShape); err != nil {
		return err
	}
	*r = Result[T]{value: v}
	return nil
}

// GobEncode is MarshalBinary, with one exception: if T has both GobEncode and
// MarshalBinary, T's GobEncode encodes the value.
func (r Result[T]) GobEncode() ([]byte, error) { return r.appendBinary(nil, true) }

// GobDecode decodes what GobEncode or AppendBinary wrote. On an error r is
// unchanged.
func (r *Result[T]) GobDecode(data []byte) error { return r.UnmarshalBinary(data) }

func (r Result[T]) appendBinary(b []byte, gobFirst bool) ([]byte, error) {
	if r.IsErr() {
		return held.AppendBody(append(b, tagErr), errorText(r.err)), nil
	}
	data, err := held.AppendBinary("result", append(b, tagOk), &r.value, gobFirst)
	if err != nil {
		return b, err
	}
	return data, nil
}
