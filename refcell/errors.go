package refcell

import (
	"errors"
	"fmt"
	"strings"

	"github.com/coderrange/ferrous/internal/operr"
	"github.com/coderrange/ferrous/internal/track"
)

// What a borrow is refused for, and what a misused guard panics with.
var (
	ErrBorrowed    = errors.New("refcell: already borrowed")
	ErrMutBorrowed = errors.New("refcell: already mutably borrowed")
	ErrTaken       = errors.New("refcell: value was taken out by IntoInner")
	ErrReleased    = errors.New("refcell: guard was released")
	ErrPoisoned    = errors.New("refcell: initializer did not return")
	ErrNoInit      = errors.New("refcell: no initializer")
	ErrReentrant   = errors.New("refcell: initializer needs its own value")

	errNilFunc  = errors.New("refcell: nil function")
	errNilCell  = errors.New("refcell: nil cell")
	errNilGuard = errors.New("refcell: nil guard")
)

// A BorrowError says why a borrow was refused. It is ErrBorrowed,
// ErrMutBorrowed or ErrTaken.
type BorrowError struct {
	Op      string // what was refused: RefCell.BorrowMut
	Err     error
	Readers int    // shared borrows, if Err is ErrBorrowed
	First   string // where the oldest tracked borrow that goes on was made: file.go:42
	Refused string // where this borrow was refused, while tracking is on

	some bool // there are borrows that are not tracked
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

// released panics because a guard was used after its end.
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

// Track records where one in n of the borrows made from now on come from: all
// for 1, and none for 0, which is how it starts. It may be called at any time
// and by any goroutine. A negative n panics.
//
// Refusals name the place of a tracked borrow that is in the way, and a copy of
// a tracked [AtomicRef] knows of the end of the borrow. Package track says where
// else tracked borrows appear and what they cost. It turns on all packages at
// once, too: if it asks for more than n does, that much is tracked.
func Track(n int) { class.Track(n) }

// noCopy makes go vet report copies of a struct that has it as a field.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// A key tells shared borrows apart. It makes go vet report copies of a guard that
// has it, as a noCopy does. That would be a fifth field, though, with which the
// compiler no longer keeps a guard in registers.
type key struct{ n uint64 }

func (*key) Lock()   {}
func (*key) Unlock() {}
