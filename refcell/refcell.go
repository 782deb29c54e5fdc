// Package refcell checks borrows of a value at run time, after Rust's std::cell.
//
// A [RefCell] owns a value that either many readers or one writer borrow. It refuses
// every other borrow. So a slice cannot grow under a loop that ranges over it,
// whatever the loop calls:
//
//	names := refcell.New([]string{"a", "b"})
//	r := names.Borrow()              // any number of readers
//	_, err := names.TryBorrowMut()   // refcell: RefCell.TryBorrowMut: already borrowed (1 reader)
//	r.Release()                      // a later use of r panics
//	names.With(func(v *[]string) { *v = append(*v, "c") })
//
// Which type to use:
//
//   - [RefCell] for a value of one goroutine that several parts of a program change.
//   - [AtomicRefCell] for a value that goroutines share and never use at the same
//     time. A conflict is an error or a panic, and never a data race. A borrow does
//     not wait; a lock of package arcmutex does.
//   - [Cell] for a small value that is only copied in and out.
//   - [OnceCell] for a value that is set once, [LazyCell] for one that is computed at
//     its first use.
//
// All types but AtomicRefCell are for one goroutine at a time. The race detector
// reports it if they are used by two.
//
// A borrow is a guard: [Ref], [RefMut], [AtomicRef] or [AtomicRefMut]. It ends with
// Release, and every later use of it panics with an error that is [ErrReleased], in
// normal builds.
package refcell

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/coderrange/ferrous/internal/show"
)

// A RefCell owns a value and counts its borrows, after std::cell::RefCell: many may
// read, or one may write.
//
// The zero value holds the zero T. A RefCell must not be copied after first use. It
// is for one goroutine; see [AtomicRefCell]. A borrow that is refused panics with a
// [*BorrowError]; the methods named Try return it instead.
//
// Borrowing is O(1). It allocates only when more readers than ever before borrow
// the cell at the same time.
type RefCell[T any] struct {
	_     noCopy
	state borrowState
	value T
}

// New returns a RefCell that holds v.
func New[T any](v T) *RefCell[T] { return &RefCell[T]{value: v} }

// Borrow borrows the value for reading. It panics if the value is borrowed for
// writing.
//
//ferrous:borrow shared
func (c *RefCell[T]) Borrow() (r Ref[T]) {
	r.state, r.value = &c.state, &c.value
	r.key.n, r.token = r.state.share("RefCell.Borrow")
	return
}

// BorrowMut borrows the value for writing. It panics if the value is borrowed.
//
//ferrous:borrow mut
func (c *RefCell[T]) BorrowMut() RefMut[T] {
	gen, token := c.state.seize("RefCell.BorrowMut")
	return RefMut[T]{state: &c.state, value: &c.value, gen: gen, token: token}
}

// TryBorrow is Borrow that returns a [*BorrowError] instead of panicking.
//
//ferrous:borrow shared
//ferrous:fallible
func (c *RefCell[T]) TryBorrow() (Ref[T], error) {
	n, token, err := c.state.tryShare("RefCell.TryBorrow")
	if err != nil {
		return Ref[T]{}, err
	}
	return Ref[T]{state: &c.state, value: &c.value, key: key{n}, token: token}, nil
}

// TryBorrowMut is BorrowMut that returns a [*BorrowError] instead of
// panicking.
//
//ferrous:borrow mut
//ferrous:fallible
func (c *RefCell[T]) TryBorrowMut() (RefMut[T], error) {
	gen, token, err := c.state.trySeize("RefCell.TryBorrowMut")
	if err != nil {
		return RefMut[T]{}, err
	}
	return RefMut[T]{state: &c.state, value: &c.value, gen: gen, token: token}, nil
}

// RWith calls f with the value, which f may only read. The value is borrowed for
// reading until f returns, panics or exits the goroutine. RWith panics if the value
// is borrowed for writing.
func (c *RefCell[T]) RWith(f func(*T)) {
	needFunc("RefCell.RWith", f != nil)
	n, token := c.state.share("RefCell.RWith")
	defer c.state.unshare(n, token)
	f(&c.value)
}

// RWithErr is [RefCell.RWith] for a function that may fail. It returns f's error.
func (c *RefCell[T]) RWithErr(f func(*T) error) error {
	needFunc("RefCell.RWithErr", f != nil)
	n, token := c.state.share("RefCell.RWithErr")
	defer c.state.unshare(n, token)
	return f(&c.value)
}

// With calls f with the value, which f may change. The value is borrowed for writing
// until f returns, panics or exits the goroutine. With panics if the value is
// borrowed.
func (c *RefCell[T]) With(f func(*T)) {
	needFunc("RefCell.With", f != nil)
	r := c.seize("RefCell.With")
	defer r.Release()
	f(&c.value)
}

// WithErr is [RefCell.With] for a function that may fail. It returns f's error; what
// f has changed stays changed.
func (c *RefCell[T]) WithErr(f func(*T) error) error {
	needFunc("RefCell.WithErr", f != nil)
	r := c.seize("RefCell.WithErr")
	defer r.Release()
	return f(&c.value)
}

// Replace sets the value and returns the old one. It panics if the value is
// borrowed.
func (c *RefCell[T]) Replace(v T) (old T) { return c.replace("RefCell.Replace", v) }

// ReplaceWith sets the value to what f returns, and returns the old one. The value is
// borrowed for writing until f returns, and f may change it: ReplaceWith returns what
// f leaves. It panics if the value is borrowed.
func (c *RefCell[T]) ReplaceWith(f func(*T) T) (old T) {
	needFunc("RefCell.ReplaceWith", f != nil)
	r := c.seize("RefCell.ReplaceWith")
	defer r.Release()
	v := f(&c.value)
	old, c.value = c.value, v
	return old
}

// Swap exchanges the values of two cells. It panics if one of them is
// borrowed, or if they are the same.
func (c *RefCell[T]) Swap(other *RefCell[T]) {
	needCell("RefCell.Swap", other != nil)
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

// IntoInner returns the value and ends the cell: a later borrow is refused with
// [ErrTaken]. It panics if the value is borrowed.
//
//ferrous:takes c
func (c *RefCell[T]) IntoInner() T {
	gen := c.state.exclude("RefCell.IntoInner")
	var zero T
	v := c.value
	c.value = zero
	c.state.retire(gen)
	return v
}

// BorrowState returns how many readers borrow the value, and whether a writer
// does.
func (c *RefCell[T]) BorrowState() (readers int, writing bool) {
	return c.state.borrows()
}

// Format prints the value, or <borrowed> while it is borrowed for writing. %+v
// and %#v print how it is borrowed too: RefCell(43 borrowed=2). The value is
// borrowed for reading until it is printed.
func (c *RefCell[T]) Format(f fmt.State, verb rune) {
	n, token, err := c.state.tryShare("RefCell.Format")
	switch {
	case err == nil:
		defer c.state.unshare(n, token)
		readers, _ := c.BorrowState()
		show.Value(f, verb, "RefCell", &c.value, borrowed(readers-1))
	case errors.Is(err, ErrTaken):
		show.Text(f, verb, "RefCell", "<taken>", "")
	default:
		show.Text(f, verb, "RefCell", "<borrowed>", "borrowed=mut")
	}
}

// LogValue logs the value and how it is borrowed, or <borrowed> while it is
// borrowed for writing.
func (c *RefCell[T]) LogValue() slog.Value {
	n, token, err := c.state.tryShare("RefCell.LogValue")
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
func (c *RefCell[T]) seize(op string) RefMut[T] {
	gen, token := c.state.seize(op)
	return RefMut[T]{state: &c.state, value: &c.value, gen: gen, token: token}
}

// replace sets the value and returns the old one. op is the method that does it.
func (c *RefCell[T]) replace(op string, v T) (old T) {
	gen := c.state.exclude(op)
	old, c.value = c.value, v
	c.state.admit(gen)
	return old
}
