package refcell

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/coderrange/ferrous/internal/show"
)

// An AtomicRefCell is a [RefCell] that goroutines may share: a borrow that
// conflicts with another goroutine's is refused like any other. It never
// waits, so that a refusal means that somebody has the value at this moment.
//
// The zero value holds the zero T. An AtomicRefCell must not be copied after
// first use. It is safe for concurrent use, guards are for one goroutine at a
// time. Borrowing is O(1), lock-free, and does not allocate: one atomic
// operation for a reader to come or go, one for a writer to come and two to
// go. The end of an exclusive borrow synchronizes before the borrows after it,
// the end of a shared one before the exclusive borrows after it.
type AtomicRefCell[T any] struct {
	_     noCopy
	state atomicState
	value T
}

// NewAtomicRefCell returns an AtomicRefCell that holds v.
func NewAtomicRefCell[T any](v T) *AtomicRefCell[T] { return &AtomicRefCell[T]{value: v} }

// Borrow lends the value out for reading. It panics if it is borrowed for
// writing.
//
//ferrous:borrow shared
func (c *AtomicRefCell[T]) Borrow() (r AtomicRef[T]) {
	r.state, r.value = &c.state, &c.value
	r.turn.n, r.token = r.state.share("AtomicRefCell.Borrow")
	return
}

// BorrowMut lends the value out for writing. It panics if it is borrowed.
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
	turn, token, err := c.state.tryShare("AtomicRefCell.TryBorrow")
	if err != nil {
		return AtomicRef[T]{}, err
	}
	return AtomicRef[T]{state: &c.state, value: &c.value, turn: key{turn}, token: token}, nil
}

// TryBorrowMut is BorrowMut that returns a [*BorrowError] instead of
// panicking.
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

// RWith calls f with the value, to be read only, which is borrowed for reading until
// f returns.
func (c *AtomicRefCell[T]) RWith(f func(*T)) {
	turn, token := c.state.share("AtomicRefCell.RWith")
	defer c.state.unshare(turn, token)
	f(&c.value)
}

// With calls f with the value, which is borrowed for writing until f returns.
func (c *AtomicRefCell[T]) With(f func(*T)) {
	r := c.seize("AtomicRefCell.With")
	defer r.Release()
	f(&c.value)
}

// Replace sets the value and returns the old one. It panics if the value is
// borrowed.
func (c *AtomicRefCell[T]) Replace(v T) (old T) { return c.replace("AtomicRefCell.Replace", v) }

// ReplaceWith sets the value to what f returns and returns the old one. The
// value is borrowed for writing meanwhile, and f may change it.
func (c *AtomicRefCell[T]) ReplaceWith(f func(*T) T) (old T) {
	r := c.seize("AtomicRefCell.ReplaceWith")
	defer r.Release()
	v := f(&c.value)
	old, c.value = c.value, v
	return old
}

// Swap exchanges the values of two cells. It panics if one of them is
// borrowed, or if they are the same.
func (c *AtomicRefCell[T]) Swap(other *AtomicRefCell[T]) {
	a := c.seize("AtomicRefCell.Swap")
	defer a.Release()
	b := other.seize("AtomicRefCell.Swap")
	defer b.Release()
	c.value, other.value = other.value, c.value
}

// Take returns the value and leaves the zero T. It panics if the value is
// borrowed.
func (c *AtomicRefCell[T]) Take() T {
	var zero T
	return c.replace("AtomicRefCell.Take", zero)
}

// IntoInner returns the value and ends the cell: whoever borrows it after that
// is refused with [ErrTaken]. It panics if the value is borrowed.
//
//ferrous:takes c
func (c *AtomicRefCell[T]) IntoInner() T {
	r := c.seize("AtomicRefCell.IntoInner")
	var zero T
	v := c.value
	c.value = zero
	r.state.end(r.gen, r.token, gone|noise)
	return v
}

// BorrowState returns how many readers borrow the value, and whether a writer
// does.
func (c *AtomicRefCell[T]) BorrowState() (readers int, writing bool) {
	w := c.state.word.Load()
	if isFree(w) {
		return int(w & shares), false
	}
	return 0, w&seized != 0
}

// Format prints the value, or <borrowed> while a writer has it. %+v and %#v
// print how it is borrowed too: AtomicRefCell(43 borrowed=2). The value is
// borrowed for reading meanwhile.
func (c *AtomicRefCell[T]) Format(f fmt.State, verb rune) {
	turn, token, err := c.state.tryShare("AtomicRefCell.Format")
	switch {
	case err == nil:
		defer c.state.unshare(turn, token)
		n, _ := c.BorrowState()
		show.Value(f, verb, "AtomicRefCell", c.value, borrowed(n-1, false))
	case errors.Is(err, ErrTaken):
		show.Text(f, verb, "AtomicRefCell", "<taken>", "")
	default:
		show.Text(f, verb, "AtomicRefCell", "<borrowed>", "borrowed=mut")
	}
}

// LogValue logs the value, or <borrowed>, and how it is borrowed.
func (c *AtomicRefCell[T]) LogValue() slog.Value {
	turn, token, err := c.state.tryShare("AtomicRefCell.LogValue")
	switch {
	case err == nil:
		defer c.state.unshare(turn, token)
		n, _ := c.BorrowState()
		return slog.GroupValue(slog.Any("value", c.value), slog.Int("readers", n-1), slog.Bool("writing", false))
	case errors.Is(err, ErrTaken):
		return slog.StringValue("<taken>")
	default:
		return slog.StringValue("<borrowed>")
	}
}

// seize borrows the value for writing in the name of op.
func (c *AtomicRefCell[T]) seize(op string) AtomicRefMut[T] {
	gen, token := c.state.seize(op)
	return AtomicRefMut[T]{state: &c.state, value: &c.value, gen: gen, token: token}
}

// replace sets the value in the name of op.
func (c *AtomicRefCell[T]) replace(op string, v T) (old T) {
	r := c.seize(op)
	defer r.Release()
	old, c.value = c.value, v
	return old
}
