package refcell

import (
	"errors"
	"fmt"
	"strings"

	"github.com/coderrange/ferrous/internal/operr"
	"github.com/coderrange/ferrous/internal/track"
)

var (
	// ErrBorrowed refuses an exclusive borrow: there are readers.
	ErrBorrowed = errors.New("refcell: already borrowed")
	// ErrMutBorrowed refuses a borrow: there is a writer.
	ErrMutBorrowed = errors.New("refcell: already mutably borrowed")
	// ErrTaken refuses a borrow: the cell has ended.
	ErrTaken = errors.New("refcell: value was taken out by IntoInner")

	// ErrReleased is what methods of a guard panic with if it has ended or is zero.
	ErrReleased = errors.New("refcell: guard was released")

	// ErrPoisoned is what a LazyCell panics with after its initializer panicked or
	// exited its goroutine.
	ErrPoisoned = errors.New("refcell: initializer did not return")
	// ErrNoInit is what a zero LazyCell panics with, and NewLazyCell if its function
	// is nil.
	ErrNoInit = errors.New("refcell: no initializer")
	// ErrReentrant is what a OnceCell or LazyCell panics with if its initializer sets
	// it or asks for its value.
	ErrReentrant = errors.New("refcell: initializer needs its own value")

	errNilFunc  = errors.New("refcell: nil function")
	errNilCell  = errors.New("refcell: nil cell")
	errNilGuard = errors.New("refcell: nil guard")
)

// A BorrowError says why a borrow was refused. It unwraps to [ErrBorrowed],
// [ErrMutBorrowed] or [ErrTaken].
type BorrowError struct {
	Op      string // the method: RefCell.BorrowMut
	Err     error
	Readers int    // number of readers, if Err is ErrBorrowed
	First   string // the place of the oldest tracked borrow of the cell: file.go:42; or empty
	Refused string // the place of the refused call, or empty if tracking is off

	some bool // some readers, not all, are tracked
}

// Error returns the operation, the state of the cell and the places.
func (e *BorrowError) Error() string {
	var details []string
	if e.Readers == 1 {
		details = append(details, "1 reader")
	} else if e.Readers > 1 {
		details = append(details, fmt.Sprintf("%d readers", e.Readers))
	}
	switch {
	case e.First == "":
	case e.Readers < 2:
		details = append(details, "at "+e.First)
	case e.some:
		details = append(details, "one at "+e.First)
	default:
		details = append(details, "first at "+e.First)
	}
	if e.Refused != "" {
		details = append(details, "refused at "+e.Refused)
	}
	text := "refcell: " + e.Op
	if e.Err != nil { // it was made by a method
		text = methodError(e.Op, e.Err).Error()
	}
	if len(details) > 0 {
		text += " (" + strings.Join(details, "; ") + ")"
	}
	return text
}

// Unwrap returns e.Err.
func (e *BorrowError) Unwrap() error { return e.Err }

// refuse returns the error for a refused borrow.
func refuse(op string, err error, readers int, holders *track.Holders) *BorrowError {
	e := &BorrowError{Op: op, Err: err, Readers: readers}
	if holders != nil {
		first, n := holders.First()
		e.First, e.some = first, 0 < n && n < readers
	}
	if class.On() {
		e.Refused = class.Caller()
	}
	return e
}

// methodError returns the error of a method or function.
func methodError(method string, err error) error { return operr.New("refcell", method, err) }

// borrowed says how many readers borrow a cell, for %+v.
func borrowed(readers int) string {
	if readers == 0 {
		return "borrowed=no"
	}
	return fmt.Sprintf("borrowed=%d", readers)
}

// released panics because a guard was used after its end. op is the method.
func released(op string) { panic(methodError(op, ErrReleased)) }

// needFunc panics unless op was given its function.
func needFunc(op string, given bool) {
	if !given {
		panic(methodError(op, errNilFunc))
	}
}

// needCell panics unless op was given its other cell.
func needCell(op string, given bool) {
	if !given {
		panic(methodError(op, errNilCell))
	}
}

// mapArgs panics unless a Map was given its guard and its function.
func mapArgs(op string, guard, f bool) {
	if !guard {
		panic(methodError(op, errNilGuard))
	}
	needFunc(op, f)
}

// class is the tracking of this package's borrows.
var class = track.Class{Path: "github.com/coderrange/ferrous/refcell", Profile: track.Borrows}

func init() { track.Register(&class, nil) }

// Track turns on the tracking of borrows: it records the stack of one in n of the borrows
// of this package that begin from now on. 1 tracks all. 0 tracks none and is the initial
// setting. Track panics if n is negative. It is safe for concurrent use.
//
// If a borrow is refused because of a tracked one, the error names the place of the tracked
// one. A copy of a tracked [AtomicRef] panics after the end of the borrow. Package track
// describes where else tracked borrows are reported and what tracking costs. It can also
// turn tracking on for all packages; the setting that tracks more applies.
func Track(n int) { class.Track(n) }

// noCopy makes go vet report copies of a struct that has it as a field.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// A key identifies a shared borrow. It has Lock and Unlock so that go vet reports copies
// of a guard. A separate noCopy would be a fifth field, and the compiler keeps only
// structs of up to four fields in registers.
type key struct{ n uint64 }

func (*key) Lock()   {}
func (*key) Unlock() {}
