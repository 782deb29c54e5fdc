package refcell

import (
	"fmt"
	"log/slog"

	"github.com/coderrange/ferrous/internal/show"
)

// A Cell holds a value that is only copied in and out, after std::cell::Cell. Nothing
// borrows the value, so nothing is ever refused. Use it for a small field that several
// owners of a struct change.
//
// The zero value holds the zero T. A Cell must not be copied after first use. It is for
// one goroutine. No method allocates.
type Cell[T any] struct {
	_     noCopy
	value T
}

// NewCell returns a Cell that holds v.
func NewCell[T any](v T) *Cell[T] { return &Cell[T]{value: v} }

// Get returns a copy of the value.
func (c *Cell[T]) Get() T { return c.value }

// Set sets the value.
func (c *Cell[T]) Set(v T) { c.value = v }

// Replace sets the value and returns the old one.
func (c *Cell[T]) Replace(v T) (old T) {
	old, c.value = c.value, v
	return old
}

// Take returns the value and leaves the zero T.
func (c *Cell[T]) Take() T {
	var zero T
	return c.Replace(zero)
}

// Swap exchanges the values of two cells, which may be the same cell. It panics if other
// is nil.
func (c *Cell[T]) Swap(other *Cell[T]) {
	needCell("Cell.Swap", other != nil)
	c.value, other.value = other.value, c.value
}

// Update sets the value to f of the old value. While f runs, the cell holds the old
// value. If f panics, the cell is unchanged. Update panics if f is nil.
func (c *Cell[T]) Update(f func(T) T) {
	needFunc("Cell.Update", f != nil)
	c.value = f(c.value)
}

// Format prints the value. %+v and %#v print Cell(value) around it.
func (c *Cell[T]) Format(f fmt.State, verb rune) { show.Value(f, verb, "Cell", &c.value, "") }

// LogValue logs the value.
func (c *Cell[T]) LogValue() slog.Value { return show.Log(&c.value) }
