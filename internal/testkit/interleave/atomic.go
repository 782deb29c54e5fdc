package interleave

// word is an atomic variable of a number.
type word[T int32 | int64 | uint32 | uint64] struct{ cell[T] }

type (
	// Int32 is sync/atomic's.
	Int32 = word[int32]
	// Int64 is sync/atomic's.
	Int64 = word[int64]
	// Uint32 is sync/atomic's.
	Uint32 = word[uint32]
	// Uint64 is sync/atomic's.
	Uint64 = word[uint64]
)

// Add adds delta and returns the sum.
func (w *word[T]) Add(delta T) T {
	step()
	w.v += delta
	return w.v
}

type (
	// Bool is sync/atomic's.
	Bool = cell[bool]
	// Pointer is sync/atomic's.
	Pointer[T any] = cell[*T]
)

// cell is an atomic variable.
type cell[T comparable] struct{ v T }

// Load returns the value.
func (c *cell[T]) Load() T {
	step()
	return c.v
}

// Store sets the value.
func (c *cell[T]) Store(v T) {
	step()
	c.v = v
}

// Swap sets the value and returns the old one.
func (c *cell[T]) Swap(v T) (old T) {
	step()
	old, c.v = c.v, v
	return old
}

// CompareAndSwap sets the value if it is old, and reports whether it did.
func (c *cell[T]) CompareAndSwap(old, v T) bool {
	step()
	if c.v != old {
		return false
	}
	c.v = v
	return true
}
