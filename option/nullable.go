package option

import "errors"

// ErrAbsent means that an absent [Nullable] cannot be encoded as JSON, text, YAML or an
// SQL argument. Leave the field out: in JSON with the tag omitzero, in YAML with
// omitempty.
var ErrAbsent = errors.New("option: Nullable: absent; tag the field omitzero")

// ErrNull means that a [Nullable] that is null cannot be encoded as YAML or in a query,
// because decoding would give absent. The YAML libraries do not call an unmarshaler for
// null.
var ErrNull = errors.New("option: Nullable: null would come back as absent")

// Nullable is a field of a JSON object that is absent, null or a value. A PATCH request
// needs all three: null clears a field, and an absent field is not changed.
//
// The zero value is absent. Tag the field omitzero, so that an absent field is left
// out. A Nullable may be copied. It has the same encodings as an Option. Binary and gob
// keep all three states. The others return an error for a state that would be decoded
// as another one.
type Nullable[T any] struct {
	state Option[Option[T]] // None: absent; Some(None): null
}

// Null returns a Nullable that is null.
func Null[T any]() Nullable[T] {
	return Nullable[T]{Some(None[T]())}
}

// NotNull returns a Nullable that holds v.
func NotNull[T any](v T) Nullable[T] {
	return Nullable[T]{Some(Some(v))}
}

// IsAbsent reports whether n is absent.
func (n Nullable[T]) IsAbsent() bool { return n.state.IsNone() }

// IsZero is IsAbsent. The tag omitzero uses it to leave out an absent field.
func (n Nullable[T]) IsZero() bool { return n.state.IsNone() }

// IsNull reports whether n is null.
func (n Nullable[T]) IsNull() bool { return n.state.some && !n.state.value.some }

// Get returns the value and true, or the zero T and false if n is absent or
// null.
func (n Nullable[T]) Get() (T, bool) { return n.state.value.Get() }

// Option returns n as two levels of Option: None for absent, Some(None) for null,
// Some(Some(v)) for a value.
func (n Nullable[T]) Option() Option[Option[T]] { return n.state }

// Patch applies n to a field. A value replaces the field, null sets it to None, and
// absent does not change it.
func (n Nullable[T]) Patch(field *Option[T]) {
	needPointer("Nullable.Patch", field != nil)
	if n.state.some {
		*field = n.state.value
	}
}
