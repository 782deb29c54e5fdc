package rc

import (
	"errors"
	"unsafe"

	"github.com/coderrange/ferrous/internal/operr"
	"github.com/coderrange/ferrous/internal/track"
)

var (
	// ErrDropped is what a handle panics with when it is used after its end.
	ErrDropped = errors.New("rc: handle was dropped")
	// ErrCopied is what a copy of a handle panics with when it is used. The
	// original goes on as if there were no copy. A copy on the heap of a handle
	// on a stack must not outlive that stack: the garbage collector may stop the
	// program with "found bad pointer in Go heap".
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

// A handle is what the handles of all types have in common.
type handle struct {
	// self is the handle's own address from its beginning to its end, or, while
	// a Weak is lent, the address plus one. A copy has the address of the
	// original. It is nil before and after, and &nowhere after the end of a zero
	// Weak.
	//
	// As in strings.Builder the handle does not escape because of it: the
	// address is written as a number. The collector knows it as a pointer, and
	// changes it when it moves the stack that the handle is on. No write
	// barrier is needed, since the handle is reachable anyway.
	self  unsafe.Pointer
	token *track.Token
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

// text returns what a handle that is not live is printed as.
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

// Track records where one in n of the handles of this package made from now on
// come from: all for 1, and none for 0, which is how it starts. It may be called
// at any time and by any goroutine. A negative n panics.
//
// Package track says where tracked handles appear and what they cost. It turns
// on all packages at once, too: if it asks for more than n does, that much is
// tracked.
func Track(n int) { class.Track(n) }
