package option

import (
	"fmt"
	"log/slog"
)

// Key is an Option that is used as a key of a JSON object: None is the empty key, and
// Some is the text of the value. Use it only for map keys. An Option cannot be one,
// because encoding/json passes the key, with its quotes, to UnmarshalJSON of an Option,
// and cannot decode what it encoded. Convert with Key[int](o) and Option[int](k).
type Key[T comparable] Option[T]

// AppendText is [Option.AppendText].
func (k Key[T]) AppendText(b []byte) ([]byte, error) { return Option[T](k).AppendText(b) }

// MarshalText is [Option.MarshalText].
func (k Key[T]) MarshalText() ([]byte, error) { return Option[T](k).MarshalText() }

// UnmarshalText is [Option.UnmarshalText].
func (k *Key[T]) UnmarshalText(text []byte) error { return (*Option[T])(k).UnmarshalText(text) }

// AppendBinary is [Option.AppendBinary].
func (k Key[T]) AppendBinary(b []byte) ([]byte, error) { return Option[T](k).AppendBinary(b) }

// MarshalBinary is [Option.MarshalBinary].
func (k Key[T]) MarshalBinary() ([]byte, error) { return Option[T](k).MarshalBinary() }

// UnmarshalBinary is [Option.UnmarshalBinary].
func (k *Key[T]) UnmarshalBinary(data []byte) error { return (*Option[T])(k).UnmarshalBinary(data) }

// Format is [Option.Format].
func (k Key[T]) Format(f fmt.State, verb rune) { Option[T](k).Format(f, verb) }

// LogValue is [Option.LogValue].
func (k Key[T]) LogValue() slog.Value { return Option[T](k).LogValue() }
