package testkit

import (
	"database/sql/driver"
	"encoding/json"
	"errors"
)

// encoder is what [RoundTrips] needs of a *T.
type encoder[T any] interface {
	*T
	MarshalText() ([]byte, error)
	UnmarshalText(data []byte) error
	MarshalBinary() ([]byte, error)
	UnmarshalBinary(data []byte) error
	GobEncode() ([]byte, error)
	GobDecode(data []byte) error
	Value() (driver.Value, error)
	Scan(column any) error
}

// RoundTrips returns functions that encode *from and decode the result into *to, by the
// names of the encodings.
func RoundTrips[T any, P encoder[T]]() map[string]func(from, to P) error {
	with := func(encode func(P) ([]byte, error), decode func(P, []byte) error) func(from, to P) error {
		return func(from, to P) error {
			data, err := encode(from)
			return errors.Join(err, decode(to, data))
		}
	}
	return map[string]func(from, to P) error{
		"JSON": with(
			func(from P) ([]byte, error) { return json.Marshal(from) },
			func(to P, data []byte) error { return json.Unmarshal(data, to) },
		),
		"text":   with(P.MarshalText, P.UnmarshalText),
		"binary": with(P.MarshalBinary, P.UnmarshalBinary),
		"gob":    with(P.GobEncode, P.GobDecode),
		"SQL": func(from, to P) error {
			column, err := from.Value()
			return errors.Join(err, to.Scan(column))
		},
	}
}
