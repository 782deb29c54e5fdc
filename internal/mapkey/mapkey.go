// Package mapkey says which values can be keys of a map.
package mapkey

// Valid reports whether a map finds key again. It does not if key is not equal to itself,
// as a NaN is not, or cannot be hashed, as an interface that holds a slice.
func Valid[K comparable](key K) (ok bool) {
	defer func() { _ = recover() }() // a comparison of what cannot be compared panics
	return key == key                //nolint:gocritic // as a NaN is not
}
