// Package refcell borrows values at run time.
//
// It follows Rust's std::cell. A [RefCell] owns a value that is lent out either
// to many readers or to one writer, and refuses what would mix them: a slice
// cannot grow under the loop that ranges over it, whoever calls whom. A [Cell]
// holds a value that is only copied in and out. [OnceCell] and [LazyCell] hold
// one that is made once.
//
// All of these belong to one goroutine at a time, and go test -race reports it
// when they do not. An [AtomicRefCell] may be used by many: there a borrow that
// conflicts is an error or a panic like any other, and never a data race. It
// does not wait; for waiting there is package arcmutex.
//
// A guard ends with Release, and every later use of it panics with an error
// that is [ErrReleased], in normal builds.
package refcell

import (
	"fmt"
	"log/slog"

	"github.com/coderrange/ferrous/internal/show"
)

// A RefCell owns a value and keeps account of who borrows it, after
// std::cell::RefCell: many may read, or one may write.
//
// The zero value holds the zero T. A RefCell must not be copied after first
// use. It is for one goroutine; see [AtomicRefCell]. Borrowing is O(1) and does
// not allocate, but that a cell makes room when more readers have it at once
// than ever before. A refused borrow panics with a [*BorrowError], which the
// methods named Try return instead.
type RefCell[T any] struct {
	_     noCopy
	state state
	value T
}

// New returns a RefCell that holds v.
func New[T any](v T) *RefCell[T] { return &RefCell[T]{value: v} }

// Borrow lends the value out for reading. It panics if it is borrowed for
// writing.
//
//ferrous:borrow shared
func (c *RefCell[T]) Borrow() (r Ref[T]) {
	r.state, r.value = &c.state, &c.value
	r.key.n, r.token = r.state.share("RefCell.Borrow")
	return
}

// BorrowMut lends the value out for writing. It panics if it is borrowed.
//
//ferrous:borrow mut
func (c *RefCell[T]) BorrowMut() RefMut[T] {
	token := c.state.seize("RefCell.BorrowMut")
	return RefMut[T]{state: &c.state, value: &c.value, gen: c.state.gen, token: token}
}

// TryBorrow is Borrow that returns a [*BorrowError] instead of panicking.
//
//ferrous:borrow shared
//ferrous:fallible
func (c *RefCell[T]) TryBorrow() (Ref[T], error) {
	if err := c.state.refuseShare("RefCell.TryBorrow"); err != nil {
		return Ref[T]{}, err
	}
	return c.Borrow(), nil
}

// TryBorrowMut is BorrowMut that returns a [*BorrowError] instead of
// panicking.
//
//ferrous:borrow mut
//ferrous:fallible
func (c *RefCell[T]) TryBorrowMut() (RefMut[T], error) {
	if err := c.state.refuseSeize("RefCell.TryBorrowMut"); err != nil {
		return RefMut[T]{}, err
	}
	return c.BorrowMut(), nil
}

// RWith calls f with the value, to be read only, which is borrowed for reading until
// f returns.
func (c *RefCell[T]) RWith(f func(*T)) {
	key, token := c.state.share("RefCell.RWith")
	defer c.state.unshare(key, token)
	f(&c.value)
}

// With calls f with the value, which is borrowed for writing until f returns.
func (c *RefCell[T]) With(f func(*T)) {
	r := c.seize("RefCell.With")
	defer r.Release()
	f(&c.value)
}

// Replace sets the value and returns the old one. It panics if the value is
// borrowed.
func (c *RefCell[T]) Replace(v T) (old T) { return c.replace("RefCell.Replace", v) }

// ReplaceWith sets the value to what f returns and returns the old one. The
// value is borrowed for writing meanwhile, and f may change it.
func (c *RefCell[T]) ReplaceWith(f func(*T) T) (old T) {
	r := c.seize("RefCell.ReplaceWith")
	defer r.Release()
	v := f(&c.value)
	old, c.value = c.value, v
	return old
}

// Swap exchanges the values of two cells. It panics if one of them is
// borrowed, or if they are the same.
func (c *RefCell[T]) Swap(other *RefCell[T]) {
	a := c.seize("RefCell.Swap")
	defer a.Release()
	b := other.seize("RefCell.Swap")
	defer b.Release()
	c.value, other.value = other.value, c.value
}

// Take returns the value and leaves the zero T. It panics if the value is
// borrowed.
func (c *RefCell[T]) Take() T {
	var zero T
	return c.replace("RefCell.Take", zero)
}

// IntoInner returns the value and ends the cell: whoever borrows it after that
// is refused with [ErrTaken]. It panics if the value is borrowed.
//
//ferrous:takes c
func (c *RefCell[T]) IntoInner() T {
	var zero T
	v := c.replace("RefCell.IntoInner", zero)
	c.state.flag = taken
	return v
}

// BorrowState returns how many readers borrow the value, and whether a writer
// does.
func (c *RefCell[T]) BorrowState() (readers int, writing bool) {
	return max(c.state.flag, 0), c.state.flag == exclusive || c.state.flag == part
}

// Format prints the value. %+v and %#v print how it is borrowed too:
// RefCell(43 borrowed=mut).
func (c *RefCell[T]) Format(f fmt.State, verb rune) {
	if c.state.flag == taken {
		show.Text(f, verb, "RefCell", "<taken>", "")
		return
	}
	readers, writing := c.BorrowState()
	show.Value(f, verb, "RefCell", c.value, borrowed(readers, writing))
}

// LogValue logs the value and how it is borrowed.
func (c *RefCell[T]) LogValue() slog.Value {
	if c.state.flag == taken {
		return slog.StringValue("<taken>")
	}
	readers, writing := c.BorrowState()
	return slog.GroupValue(slog.Any("value", c.value), slog.Int("readers", readers), slog.Bool("writing", writing))
}

// seize borrows the value for writing in the name of op.
func (c *RefCell[T]) seize(op string) RefMut[T] {
	token := c.state.seize(op)
	return RefMut[T]{state: &c.state, value: &c.value, gen: c.state.gen, token: token}
}

// replace sets the value in the name of op.
func (c *RefCell[T]) replace(op string, v T) (old T) {
	if err := c.state.refuseSeize(op); err != nil {
		panic(err)
	}
	old, c.value = c.value, v
	return old
}

// borrowed describes a state for Debug.
func borrowed(readers int, writing bool) string {
	switch {
	case writing:
		return "borrowed=mut"
	case readers > 0:
		return fmt.Sprintf("borrowed=%d", readers)
	default:
		return "borrowed=no"
	}
}
