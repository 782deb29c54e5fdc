// Code generated from refcell.go by go test ./refcell/internal/generate -update; DO NOT EDIT.

package refcell

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/coderrange/ferrous/internal/show"
)

// An AtomicRefCell is a [RefCell] that goroutines may share: a borrow that
// conflicts with another goroutine's is refused like any other. It never waits. A
// refusal means that another borrow exists at this moment.
//
// The zero value holds the zero T. An AtomicRefCell must not be copied after first
// use. It is safe for concurrent use; a guard is for one goroutine at a time.
// Borrowing is O(1), lock-free, and does not allocate. It takes one atomic
// operation to begin a borrow and to end a shared one, and two to end an exclusive
// one.
//
// The end of an exclusive borrow synchronizes before all later borrows. The end of
// a shared borrow synchronizes before later exclusive borrows.
type AtomicRefCell[T any] struct {
	_     noCopy
	state atomicBorrowState
	value T
}

// NewAtomicRefCell returns an AtomicRefCell that holds v.
func NewAtomicRefCell[T any](v T) *AtomicRefCell[T] { return &AtomicRefCell[T]{value: v} }

// Borrow borrows the value for reading. It panics if the value is borrowed for
// writing.
//
//ferrous:borrow shared
func (c *AtomicRefCell[T]) Borrow() (r AtomicRef[T]) {
	r.state, r.value = &c.state, &c.value
	r.key.n, r.token = r.state.share("AtomicRefCell.Borrow")
	return
}

// BorrowMut borrows the value for writing. It panics if the value is borrowed.
//
//ferrous:borrow mut
func (c *AtomicRefCell[T]) BorrowMut() AtomicRefMut[T] {
	gen, token := c.state.seize("AtomicRefCell.BorrowMut")
	return AtomicRefMut[T]{state: &c.state, value: &c.value, gen: gen, token: token}
}

// TryBorrow is Borrow that returns a [*BorrowError] instead of panicking.
//
//ferrous:borrow shared
//ferrous:fallible
func (c *AtomicRefCell[T]) TryBorrow() (AtomicRef[T], error) {
	n, token, err := c.state.tryShare("AtomicRefCell.TryBorrow")
	if err != nil {
		return AtomicRef[T]{}, err
	}
	return AtomicRef[T]{state: &c.state, value: &c.value, key: key{n}, token: token}, nil
}

// TryBorrowMut is BorrowMut that returns a [*BorrowError] instead of panicking.
//
//ferrous:borrow mut
//ferrous:fallible
func (c *AtomicRefCell[T]) TryBorrowMut() (AtomicRefMut[T], error) {
	gen, token, err := c.state.trySeize("AtomicRefCell.TryBorrowMut")
	if err != nil {
		return AtomicRefMut[T]{}, err
	}
	return AtomicRefMut[T]{state: &c.state, value: &c.value, gen: gen, token: token}, nil
}

// RWith calls f with the value, which f may only read. The value is borrowed for
// reading until f returns, panics or exits the goroutine. RWith panics if the value
// is borrowed for writing.
func (c *AtomicRefCell[T]) RWith(f func(*T)) {
	needFunc("AtomicRefCell.RWith", f != nil)
	n, token := c.state.share("AtomicRefCell.RWith")
	defer c.state.unshare(n, token)
	f(&c.value)
}

// RWithErr is [AtomicRefCell.RWith] for a function that may fail. It returns f's
// error.
func (c *AtomicRefCell[T]) RWithErr(f func(*T) error) error {
	needFunc("AtomicRefCell.RWithErr", f != nil)
	n, token := c.state.share("AtomicRefCell.RWithErr")
	defer c.state.unshare(n, token)
	return f(&c.value)
}

// With calls f with the value, which f may change. The value is borrowed for
// writing until f returns, panics or exits the goroutine. With panics if the value
// is borrowed.
func (c *AtomicRefCell[T]) With(f func(*T)) {
	needFunc("AtomicRefCell.With", f != nil)
	r := c.seize("AtomicRefCell.With")
	defer r.Release()
	f(&c.value)
}

// WithErr is [AtomicRefCell.With] for a function that may fail. It returns f's
// error; what f has changed stays changed.
func (c *AtomicRefCell[T]) WithErr(f func(*T) error) error {
	needFunc("AtomicRefCell.WithErr", f != nil)
	r := c.seize("AtomicRefCell.WithErr")
	defer r.Release()
	return f(&c.value)
}

// Replace sets the value and returns the old one. It panics if the value is
// borrowed.
func (c *AtomicRefCell[T]) Replace(v T) (old T) { return c.replace("AtomicRefCell.Replace", v) }

// ReplaceWith sets the value to what f returns, and returns the old one. The value
// is borrowed for writing until f returns, and f may change it: ReplaceWith returns
// what f leaves. It panics if the value is borrowed.
func (c *AtomicRefCell[T]) ReplaceWith(f func(*T) T) (old T) {
	needFunc("AtomicRefCell.ReplaceWith", f != nil)
	r := c.seize("AtomicRefCell.ReplaceWith")
	defer r.Release()
	v := f(&c.value)
	old, c.value = c.value, v
	return old
}

// Swap exchanges the values of two cells. It panics if one of them is borrowed, or
// if they are the same.
func (c *AtomicRefCell[T]) Swap(other *AtomicRefCell[T]) {
	needCell("AtomicRefCell.Swap", other != nil)
	a := c.seize("AtomicRefCell.Swap")
	defer a.Release()
	b := other.seize("AtomicRefCell.Swap")
	defer b.Release()
	c.value, other.value = other.value, c.value
}

// Take returns the value and leaves the zero T. It panics if the value is borrowed.
func (c *AtomicRefCell[T]) Take() T {
	var zero T
	return c.replace("AtomicRefCell.Take", zero)
}

// IntoInner returns the value and ends the cell: a later borrow is refused with
// [ErrTaken]. It panics if the value is borrowed.
//
//ferrous:takes c
func (c *AtomicRefCell[T]) IntoInner() T {
	gen := c.state.exclude("AtomicRefCell.IntoInner")
	var zero T
	v := c.value
	c.value = zero
	c.state.retire(gen)
	return v
}

// BorrowState returns how many readers borrow the value, and whether a writer does.
func (c *AtomicRefCell[T]) BorrowState() (readers int, writing bool) {
	return c.state.borrows()
}

// Format prints the value, or <borrowed> while it is borrowed for writing. %+v and
// %#v print how it is borrowed too: AtomicRefCell(43 borrowed=2). The value is
// borrowed for reading until it is printed.
func (c *AtomicRefCell[T]) Format(f fmt.State, verb rune) {
	n, token, err := c.state.tryShare("AtomicRefCell.Format")
	switch {
	case err == nil:
		defer c.state.unshare(n, token)
		readers, _ := c.BorrowState()
		show.Value(f, verb, "AtomicRefCell", &c.value, borrowed(readers-1))
	case errors.Is(err, ErrTaken):
		show.Text(f, verb, "AtomicRefCell", "<taken>", "")
	default:
		show.Text(f, verb, "AtomicRefCell", "<borrowed>", "borrowed=mut")
	}
}

// LogValue logs the value and how it is borrowed, or <borrowed> while it is
// borrowed for writing.
func (c *AtomicRefCell[T]) LogValue() slog.Value {
	n, token, err := c.state.tryShare("AtomicRefCell.LogValue")
	switch {
	case err == nil:
		defer c.state.unshare(n, token)
		readers, _ := c.BorrowState()
		return slog.GroupValue(slog.Attr{Key: "value", Value: show.Log(&c.value)}, slog.Int("readers", readers-1), slog.Bool("writing", false))
	case errors.Is(err, ErrTaken):
		return slog.StringValue("<taken>")
	default:
		return slog.StringValue("<borrowed>")
	}
}

// seize borrows the value for writing. op is the method that does it.
func (c *AtomicRefCell[T]) seize(op string) AtomicRefMut[T] {
	gen, token := c.state.seize(op)
	return AtomicRefMut[T]{state: &c.state, value: &c.value, gen: gen, token: token}
}

// replace sets the value and returns the old one. op is the method that does it.
func (c *AtomicRefCell[T]) replace(op string, v T) (old T) {
	gen := c.state.exclude(op)
	old, c.value = c.value, v
	c.state.admit(gen)
	return old
}
