package refcell

import (
	"fmt"
	"log/slog"
)

// A LazyCell holds a value that is computed at its first use, after std::cell::LazyCell.
//
// [NewLazyCell] makes it; Get and Ptr of the zero LazyCell panic with an error that is
// [ErrNoInit]. A LazyCell must not be copied after first use. It is for one goroutine.
//
// If the initializer panics or exits the goroutine, the cell is poisoned: every later Get
// and Ptr panics with an error that is [ErrPoisoned]. If the initializer itself calls Get
// or Ptr, that call panics with an error that is [ErrReentrant].
type LazyCell[T any] struct {
	cell   OnceCell[T]
	init   func() T // nil after its call began, and in the zero LazyCell
	called bool     // the call of init has begun
}

// NewLazyCell returns a LazyCell whose value init computes. It panics if init is nil.
func NewLazyCell[T any](init func() T) *LazyCell[T] {
	if init == nil {
		panic(methodError("NewLazyCell", ErrNoInit))
	}
	return &LazyCell[T]{init: init}
}

// Get returns a copy of the value. The first Get or Ptr computes it.
func (c *LazyCell[T]) Get() T {
	if c.cell.set {
		return c.cell.value
	}
	return *c.force("LazyCell.Get")
}

// Ptr returns a pointer to the value, which the caller may change. The first Get or Ptr
// computes the value.
//
//ferrous:lends
func (c *LazyCell[T]) Ptr() *T { return c.force("LazyCell.Ptr") }

// TryGet returns a copy of the value, or false if the value was not computed. It never
// computes.
func (c *LazyCell[T]) TryGet() (T, bool) { return c.cell.Get() }

// force computes the value unless that was done, and returns it.
func (c *LazyCell[T]) force(op string) *T {
	switch {
	case c.cell.set:
	case c.cell.filling:
		panic(methodError(op, ErrReentrant))
	case c.called:
		panic(methodError(op, ErrPoisoned))
	case c.init == nil:
		panic(methodError(op, ErrNoInit))
	default:
		init := c.init
		c.init, c.called = nil, true
		c.cell.GetOrInit(init)
	}
	return &c.cell.value
}

// Format prints the value, or <unset>. %+v and %#v print LazyCell(value).
func (c *LazyCell[T]) Format(f fmt.State, verb rune) { c.cell.format(f, verb, "LazyCell") }

// LogValue logs the value.
func (c *LazyCell[T]) LogValue() slog.Value { return c.cell.LogValue() }
