package arcmutex

import (
	"errors"
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/coderrange/ferrous/internal/track"
)

var (
	// ErrDropped is what a handle panics with when it is used after its end.
	ErrDropped = errors.New("arcmutex: handle was dropped")
	// ErrCopied is what a copy of a handle panics with when it is used. The
	// original goes on as if there were no copy. A copy on the heap of a handle
	// on a stack must not outlive that stack: the garbage collector may stop the
	// program with "found bad pointer in Go heap".
	ErrCopied = errors.New("arcmutex: handle was copied")

	errLent      = errors.New("arcmutex: handle is the one that NewArcCyclic passed: Clone it")
	errNilHandle = errors.New("arcmutex: nil handle")
)

// A handle is what Arcs and Weaks of all types have in common.
type handle struct {
	// self is the handle's own address from its beginning to its end, plus busy
	// for moments: a copy has the address of the original. It is nil before and
	// after, and &nowhere after the end of a zero Weak. It is read and written
	// atomically as a number; exactly one goroutine takes it from the address to
	// nil, and that one ends the handle.
	//
	// As in strings.Builder the handle does not escape because of it, which is
	// why it is written as a number. The collector knows it as a pointer, and
	// changes it when it moves the stack that the handle is on. No write
	// barrier is needed, since the handle is reachable anyway.
	self  unsafe.Pointer
	token *track.Token
}

// busy is added to the self of an Arc whose end is being tried, and of a Weak
// that is lent. Such a handle is live, but cannot be ended by others.
const busy = 1

var nowhere byte

func (h *handle) address() uintptr { return uintptr(unsafe.Pointer(h)) }
func (h *handle) word() *uintptr   { return (*uintptr)(unsafe.Pointer(&h.self)) }

// begin begins a handle that no other goroutine knows.
func (h *handle) begin() { *h.word() = h.address() }

// live reports whether h has begun, has not ended, and is no copy.
func (h *handle) live() bool {
	return atomic.LoadUintptr(h.word())-h.address() <= busy
}

// stillLive panics unless the Arc is live.
//
//go:noinline
func (h *handle) stillLive(method string) {
	if !h.live() {
		panic(h.misuse("Arc." + method))
	}
}

// tryEnd ends h if it is live and not held, and reports whether it did.
func (h *handle) tryEnd() bool { return atomic.CompareAndSwapUintptr(h.word(), h.address(), 0) }

// tryHold holds h if it is live and not held, and reports whether it did. Its
// caller calls release after at most one more atomic operation.
func (h *handle) tryHold() bool {
	return atomic.CompareAndSwapUintptr(h.word(), h.address(), h.address()+busy)
}

// release makes of a held handle a live one, or an ended one.
func (h *handle) release(live bool) {
	self := uintptr(0)
	if live {
		self = h.address()
	}
	atomic.StoreUintptr(h.word(), self)
}

// held reports whether h is live and held.
func (h *handle) held() bool { return atomic.LoadUintptr(h.word())-h.address() == busy }

// end ends an Arc, after whoever holds it, and panics if it is not live.
//
//go:noinline
func (h *handle) end(method string) {
	for !h.tryEnd() {
		h.wait(method)
	}
}

// hold holds an Arc, after whoever holds it, and panics if it is not live.
func (h *handle) hold(method string) {
	for !h.tryHold() {
		h.wait(method)
	}
}

// wait lets the goroutine that holds an Arc go on: it is between two atomic
// operations of TryUnwrap, and neither waits nor calls anything. It panics if
// the Arc is not live.
func (h *handle) wait(method string) {
	if !h.live() {
		panic(h.misuse("Arc." + method))
	}
	runtime.Gosched()
}

// misuse returns what a method of a handle that is not live panics with.
//
//go:noinline
func (h *handle) misuse(method string) error {
	if h.copied() {
		return methodError(method, ErrCopied)
	}
	return methodError(method, ErrDropped)
}

// copied reports whether a handle that must not be used is a copy, and not one
// that was dropped or that another goroutine is just dropping.
func (h *handle) copied() bool {
	self := atomic.LoadUintptr(h.word())
	return self != 0 && self != uintptr(unsafe.Pointer(&nowhere)) && self-h.address() > busy
}

// text returns what a handle that is not live is printed as.
func (h *handle) text() string {
	if h.copied() {
		return "<copied>"
	}
	return "<dropped>"
}

// handles is the tracking of Arcs and Weaks.
var handles = track.Class{Path: "github.com/coderrange/ferrous/arcmutex", Profile: track.Handles}

func init() {
	track.Register(&handles, nil)
	track.Register(&holds, watch)
}

// Track records where one in n of the handles made, and one in n of the locks
// taken from now on come from: all for 1, and none for 0, which is how it
// starts. It may be called at any time and by any goroutine. A negative n
// panics.
//
// Package track says where what is tracked appears and what it costs. It turns
// on all packages at once, too: if it asks for more than n does, that much is
// tracked. While locks are tracked each takes some twenty nanoseconds more, whether or
// not it is the one in n.
func Track(n int) {
	handles.Track(n)
	holds.Track(n)
}
