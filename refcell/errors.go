package refcell

import (
	"errors"
	"fmt"

	"github.com/coderrange/ferrous/internal/track"
)

// What a borrow is refused for, and what a misused guard panics with.
var (
	ErrBorrowed    = errors.New("already borrowed")
	ErrMutBorrowed = errors.New("already mutably borrowed")
	ErrTaken       = errors.New("value was taken out by IntoInner")
	ErrReleased    = errors.New("guard was released")
	ErrPoisoned    = errors.New("initializer panicked before")
	errNoInit      = errors.New("no initializer")
	ErrReentrant   = errors.New("initializer needs its own value")
)

// A BorrowError says why a borrow was refused. It is ErrBorrowed,
// ErrMutBorrowed or ErrTaken.
type BorrowError struct {
	Op      string // what was refused: RefCell.BorrowMut
	Err     error
	Readers int    // shared borrows, if Err is ErrBorrowed
	First   string // where the cell was borrowed, if that is tracked: file.go:42
	Refused string // where this borrow was refused, while tracking is on
}

// Error returns the operation, the state of the cell and the places.
func (e *BorrowError) Error() string {
	detail, first := "", "at"
	if errors.Is(e.Err, ErrBorrowed) {
		detail, first = fmt.Sprintf("%d readers", e.Readers), "first at"
		if e.Readers == 1 {
			detail, first = "1 reader", "at"
		}
	}
	for _, place := range []struct{ what, where string }{{first, e.First}, {"refused at", e.Refused}} {
		if place.where != "" {
			if detail != "" {
				detail += "; "
			}
			detail += place.what + " " + place.where
		}
	}
	if detail != "" {
		detail = " (" + detail + ")"
	}
	return "refcell: " + e.Op + ": " + e.Err.Error() + detail
}

// Unwrap returns e.Err.
func (e *BorrowError) Unwrap() error { return e.Err }

// refuse returns the error for a refused borrow.
func refuse(op string, err error, readers int, holder *track.Token) *BorrowError {
	e := &BorrowError{Op: op, Err: err, Readers: readers, First: holder.Site()}
	if class.On() {
		e.Refused = class.Caller()
	}
	return e
}

// A useError names a misuse.
type useError struct {
	op  string
	err error
}

func (e *useError) Error() string { return "refcell: " + e.op + ": " + e.err.Error() }

func (e *useError) Unwrap() error { return e.err }

// released panics because a guard was used after its end.
func released(op string) { panic(&useError{op, ErrReleased}) }

// class is the tracking of this package's borrows.
var class = track.Class{Path: "github.com/coderrange/ferrous/refcell", Profile: track.Borrows}

// Track records where one in n of the borrows made from now on come from: all
// for 1, and none for 0, which is how it starts. It may be called at any time
// and by any goroutine. A negative n panics.
//
// Tracked borrows appear in the profile ferrous.borrows of runtime/pprof until
// they end, in refusals as the place that borrowed first, and in [Leaks] if
// they never end. Releasing a copy of a tracked guard panics at once. Those
// made while it was off are not seen.
func Track(n int) { class.Track(n) }

// A Leak is a group of guards that were made in the same place and not
// released.
type Leak = track.Leak

// Leaks returns the tracked borrows that the garbage collector has found
// without their having been released, the most numerous first.
func Leaks() []Leak { return class.Leaks() }

// CheckLeaks tracks every borrow until the test ends, and then fails it for
// each one of this package made meanwhile that was not released, with the
// stack that made it. Borrows are not told apart by goroutine: do not use it
// in a test that runs in parallel with others that make some.
func CheckLeaks(t track.TB) {
	t.Helper()
	class.CheckLeaks(t)
}

// noCopy makes go vet report copies of a struct that has it as a field.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}
