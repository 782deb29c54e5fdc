package refcell

import (
	"fmt"
	"log/slog"

	"github.com/coderrange/ferrous/internal/show"
)

// A OnceCell holds a value that is set at most once, after
// std::cell::OnceCell.
//
// The zero value is empty. A OnceCell must not be copied after first use. It is for one
// goroutine. Only the functions of the caller allocate.
type OnceCell[T any] struct {
	_       noCopy
	value   T
	set     bool
	filling bool // while an initializer runs
}

// OnceCellFrom returns a OnceCell that holds v.
func OnceCellFrom[T any](v T) *OnceCell[T] { return &OnceCell[T]{value: v, set: true} }

// Get returns a copy of the value, or false if the cell is empty.
func (c *OnceCell[T]) Get() (T, bool) { return c.value, c.set }

// Ptr returns a pointer to the value, which the caller may change, or false if the cell
// is empty.
//
//ferrous:lends
func (c *OnceCell[T]) Ptr() (*T, bool) {
	if !c.set {
		return nil, false
	}
	return &c.value, true
}

// Set sets the value of an empty cell and reports true. It reports false, and changes
// nothing, if the cell has a value. It panics with an error that is [ErrReentrant] if the
// initializer of this cell calls it.
func (c *OnceCell[T]) Set(v T) bool { return c.insert("OnceCell.Set", v) }

// TryInsert is like [OnceCell.Set], but also returns the value that the cell has now.
func (c *OnceCell[T]) TryInsert(v T) (T, bool) {
	ok := c.insert("OnceCell.TryInsert", v)
	return c.value, ok
}

// insert sets the value of an empty cell, and reports whether it was empty.
func (c *OnceCell[T]) insert(op string, v T) bool {
	switch {
	case c.set:
		return false
	case c.filling:
		panic(methodError(op, ErrReentrant))
	}
	c.value, c.set = v, true
	return true
}

// GetOrInit returns the value. If the cell is empty, GetOrInit first sets it to what f
// returns. If f panics or exits the goroutine, the cell stays empty.
//
// While f runs the cell is empty: Get and Ptr return false. A Set, TryInsert or GetOrInit
// of this cell in f panics with an error that is [ErrReentrant]. A nil f panics if the
// cell is empty.
func (c *OnceCell[T]) GetOrInit(f func() T) T {
	if c.set {
		return c.value
	}
	needFunc("OnceCell.GetOrInit", f != nil)
	v, _ := c.fill("OnceCell.GetOrInit", func() (T, error) { return f(), nil })
	return v
}

// GetOrTryInit is [OnceCell.GetOrInit] for an f that may fail. It returns the error of f,
// and the cell stays empty.
func (c *OnceCell[T]) GetOrTryInit(f func() (T, error)) (T, error) {
	if c.set {
		return c.value, nil
	}
	needFunc("OnceCell.GetOrTryInit", f != nil)
	return c.fill("OnceCell.GetOrTryInit", f)
}

// fill sets the value of an empty cell.
func (c *OnceCell[T]) fill(op string, f func() (T, error)) (T, error) {
	if c.filling {
		panic(methodError(op, ErrReentrant))
	}
	c.filling = true
	defer func() { c.filling = false }()
	v, err := f()
	if err != nil {
		var zero T
		return zero, err
	}
	c.value, c.set = v, true
	return v, nil
}

// Take returns the value and leaves the cell empty. It returns false if the cell is
// empty.
func (c *OnceCell[T]) Take() (T, bool) {
	var zero T
	v, set := c.value, c.set
	c.value, c.set = zero, false
	return v, set
}

// Format prints the value, or <unset>. %+v and %#v print OnceCell(value).
func (c *OnceCell[T]) Format(f fmt.State, verb rune) { c.format(f, verb, "OnceCell") }

func (c *OnceCell[T]) format(f fmt.State, verb rune, name string) {
	if !c.set {
		show.Text(f, verb, name, "<unset>", "")
		return
	}
	show.Value(f, verb, name, &c.value, "")
}

// LogValue logs the value.
func (c *OnceCell[T]) LogValue() slog.Value {
	if !c.set {
		return slog.StringValue("<unset>")
	}
	return show.Log(&c.value)
}
