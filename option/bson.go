package option

import "errors"

// ErrBSON means that an Option, a Nullable or a Key has no BSON form. MongoDB's driver
// uses none of the other forms and would lose the value silently. Use a pointer in that
// field; [FromPtr] and [Option.AsMut] convert.
var ErrBSON = errors.New("option: no BSON form; use a pointer in this field")

// MarshalBSON always returns [ErrBSON].
func (o Option[T]) MarshalBSON() ([]byte, error) { return nil, ErrBSON }

// UnmarshalBSON always returns [ErrBSON].
func (o *Option[T]) UnmarshalBSON([]byte) error { return ErrBSON }

// MarshalBSON always returns [ErrBSON].
func (n Nullable[T]) MarshalBSON() ([]byte, error) { return nil, ErrBSON }

// UnmarshalBSON always returns [ErrBSON].
func (n *Nullable[T]) UnmarshalBSON([]byte) error { return ErrBSON }

// MarshalBSON always returns [ErrBSON].
func (k Key[T]) MarshalBSON() ([]byte, error) { return nil, ErrBSON }

// UnmarshalBSON always returns [ErrBSON].
func (k *Key[T]) UnmarshalBSON([]byte) error { return ErrBSON }
