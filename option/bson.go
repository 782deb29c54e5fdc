package option

import "errors"

// ErrBSON says that an Option, a Nullable or a Key has no BSON form: MongoDB's
// driver uses none of the other forms, and would lose the value without a word.
// Give it a pointer, as [FromPtr] and [Option.AsMut] take and give.
var ErrBSON = errors.New("option: no BSON form; use a pointer in this field")

// MarshalBSON is [ErrBSON].
func (o Option[T]) MarshalBSON() ([]byte, error) { return nil, ErrBSON }

// UnmarshalBSON is [ErrBSON].
func (o *Option[T]) UnmarshalBSON([]byte) error { return ErrBSON }

// MarshalBSON is [ErrBSON].
func (n Nullable[T]) MarshalBSON() ([]byte, error) { return nil, ErrBSON }

// UnmarshalBSON is [ErrBSON].
func (n *Nullable[T]) UnmarshalBSON([]byte) error { return ErrBSON }

// MarshalBSON is [ErrBSON].
func (k Key[T]) MarshalBSON() ([]byte, error) { return nil, ErrBSON }

// UnmarshalBSON is [ErrBSON].
func (k *Key[T]) UnmarshalBSON([]byte) error { return ErrBSON }
