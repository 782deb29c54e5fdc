package refcell

import (
	"fmt"
	"log/slog"
)

// A LazyCell holds a value that is made when it is first asked for, after
// std::cell::LazyCell.
//
// It is made by [NewLazyCell]; the zero LazyCell panics with an error that is
// [ErrNoInit] when it is asked. A LazyCell must not be copied after first use,
// and belongs to one goroutine. If the initializer panics or exits the goroutine
// the cell is poisoned, and every later Get panics with an error that is
// [ErrPoisoned]. If the initializer asks for the value, that panics with an error
// that is [ErrReentrant].
type LazyCell[T any] struct {
	cell   OnceCell[T]
	init   func() T // nil when it has been called
	called bool
}

// NewLazyCell returns a LazyCell whose value init will make. It panics if init
// is nil.
func NewLazyCell[T any](init func() T) *LazyCell[T] {
	if init == nil {
		panic(methodError("NewLazyCell", ErrNoInit))
	}
	return &LazyCell[T]{init: init}
}

// Get returns the value, which it makes first if nobody has asked before.
func (c *LazyCell[T]) Get() T {
	if c.cell.set {
		return c.cell.value
	}
	return *c.force("LazyCell.Get")
}

// Ptr is Get for a value to be changed.
//
//ferrous:lends
func (c *LazyCell[T]) Ptr() *T { return c.force("LazyCell.Ptr") }

// TryGet returns the value, or false if nobody has asked for it yet.
func (c *LazyCell[T]) TryGet() (T, bool) { return c.cell.Get() }

// force makes the value unless it is there.
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
