package option

import "errors"

// ErrAbsent says that an absent [Nullable] cannot be written as JSON, text or
// YAML, nor be an argument of a query: its field has to be left out, which the
// tag omitzero does in JSON and omitempty in YAML.
var ErrAbsent = errors.New("option: Nullable: absent; tag the field omitzero")

// ErrNull says that a [Nullable] that is null cannot be written as YAML or in a
// query, where it would come back as absent: the YAML libraries do not tell an
// Unmarshaler about a null.
var ErrNull = errors.New("option: Nullable: null would come back as absent")

// Nullable is a field of a JSON object that tells three states apart: absent,
// null, and a value. It is what a PATCH request needs, where null clears a
// field and absence leaves it alone.
//
// The zero value is absent. Tag the field omitzero, so that it stays absent
// when it is written. A Nullable may be copied. It has the encodings of an
// Option; the binary form and gob keep all three states, the others refuse
// what would come back as another state.
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

// IsAbsent says whether n is absent.
func (n Nullable[T]) IsAbsent() bool { return n.state.IsNone() }

// IsZero is IsAbsent: it is how omitzero tells what to leave out.
func (n Nullable[T]) IsZero() bool { return n.state.IsNone() }

// IsNull says whether n is present and null.
func (n Nullable[T]) IsNull() bool { return n.state.some && !n.state.value.some }

// Get returns the value and true, or the zero T and false if n is absent or
// null.
func (n Nullable[T]) Get() (T, bool) { return n.state.value.Get() }

// Option returns both levels: None for absent, Some(None) for null.
func (n Nullable[T]) Option() Option[Option[T]] { return n.state }

// Patch applies n to a field: a value replaces it, null clears it, absence
// leaves it alone.
func (n Nullable[T]) Patch(field *Option[T]) {
	needPointer("Nullable.Patch", field != nil)
	if n.state.some {
		*field = n.state.value
	}
}
