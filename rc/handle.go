package rc

import (
	"errors"
	"unsafe"

	"github.com/coderrange/ferrous/internal/operr"
	"github.com/coderrange/ferrous/internal/track"
)

var (
	// ErrDropped is what methods of a handle panic with if it has ended or is zero.
	ErrDropped = errors.New("rc: handle was dropped")
	// ErrCopied is what methods of a copy of a handle panic with. The original is not
	// affected. Make no copy, not even an unused one: if it is on the heap and the
	// original was on the stack of a function that has returned, the garbage collector
	// may stop the program with "found bad pointer in Go heap".
	ErrCopied = errors.New("rc: handle was copied")

	errLent      = errors.New("rc: handle is the one that NewCyclic passed: Clone it")
	errNilFunc   = errors.New("rc: nil function")
	errNilHandle = errors.New("rc: nil handle")
)

// methodError returns the error of a method or function.
func methodError(method string, err error) error { return operr.New("rc", method, err) }

// needFunc panics unless a method was given its function.
func needFunc(method string, given bool) {
	if !given {
		panic(methodError(method, errNilFunc))
	}
}

// A handle is the part that all types of handles have.
type handle struct {
	// self is the address of the handle itself while the handle is live. A copy of the
	// handle has the address of the original, so it is known as a copy. self is the
	// address plus one in the Weak that NewCyclic passes to its function; nil before
	// the beginning and after the end; and &nowhere after the end of a zero Weak.
	//
	// The address is written as a number, so that the handle does not escape because of
	// it, as in strings.Builder. The runtime sees a pointer, and adjusts it when it
	// moves the stack that the handle is on. No write barrier is needed, because the
	// handle itself is reachable.
	self  unsafe.Pointer
	token *track.Token // nil if the handle is not tracked
}

var nowhere byte

func (h *handle) begin() { h.set(uintptr(unsafe.Pointer(h))) }
func (h *handle) end()   { h.set(0) }

func (h *handle) set(self uintptr) { *(*uintptr)(unsafe.Pointer(&h.self)) = self }

// live reports whether the handle has begun, has not ended, and is no copy.
func (h *handle) live() bool { return h.self == unsafe.Pointer(h) }

// misuse returns what a method of a handle that is not live panics with.
//
//go:noinline
func (h *handle) misuse(method string) error {
	if h.copied() {
		return methodError(method, ErrCopied)
	}
	return methodError(method, ErrDropped)
}

// copied reports whether a handle that is not live is a copy.
func (h *handle) copied() bool { return h.self != nil && h.self != unsafe.Pointer(&nowhere) }

// text returns the text that stands for a handle that is not live.
func (h *handle) text() string {
	if h.copied() {
		return "<copied>"
	}
	return "<dropped>"
}

// noCopy makes go vet report copies of a struct that has it as a field.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// class is the tracking of this package's handles.
var class = track.Class{Path: "github.com/coderrange/ferrous/rc", Profile: track.Handles}

func init() { track.Register(&class, nil) }

// Track turns on the tracking of handles: it records the stack of one in n of the handles
// of this package that are made from now on. 1 tracks all. 0 tracks none and is the
// initial setting. Track panics if n is negative. It is safe for concurrent use.
//
// Package track describes where tracked handles are reported and what tracking costs. It
// can also turn tracking on for all packages; the setting that tracks more applies.
func Track(n int) { class.Track(n) }
