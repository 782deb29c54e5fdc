package arcmutex

import (
	"errors"
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/coderrange/ferrous/internal/track"
)

var (
	// ErrDropped is what methods of an [Arc] or [Weak] panic with after the handle
	// has ended.
	ErrDropped = errors.New("arcmutex: handle was dropped")
	// ErrCopied is what methods of a copy of an [Arc] or [Weak] panic with. The
	// original is not affected. Make no copy, not even an unused one: if it is on the heap
	// and the original was on the stack of a function that has returned, the garbage
	// collector may stop the program with "found bad pointer in Go heap".
	ErrCopied = errors.New("arcmutex: handle was copied")

	errLent      = errors.New("arcmutex: handle is the one that NewArcCyclic passed: Clone it")
	errNilHandle = errors.New("arcmutex: nil handle")
)

// A handle is the common part of an Arc and a Weak.
type handle struct {
	// self is the address of the handle itself while the handle is live. A copy has
	// the address of the original, so self shows that it is a copy. While the
	// handle is held, self is the address plus busy. Before the beginning and after
	// the end it is nil; after the end of a zero Weak it is &nowhere.
	//
	// self is read and written atomically, as a number. Exactly one goroutine
	// changes it from the address to nil, and that goroutine ends the handle.
	//
	// Because it is written as a number, the handle does not escape, as in
	// strings.Builder. Because it has a pointer type, the runtime adjusts it when it
	// moves the stack that the handle is on. It needs no write barrier, since the
	// handle is reachable anyway.
	self  unsafe.Pointer
	token *track.Token
}

// busy is added to self during [Arc.TryUnwrap], and for the Weak that NewArcCyclic
// passes to its function. Such a handle is held: it is live, and no other goroutine
// can end it.
const busy = 1

var nowhere byte

func (h *handle) address() uintptr { return uintptr(unsafe.Pointer(h)) }
func (h *handle) word() *uintptr   { return (*uintptr)(unsafe.Pointer(&h.self)) }

// begin makes h live. No other goroutine may use h yet.
func (h *handle) begin() { *h.word() = h.address() }

// live reports whether h has begun, has not ended, and is not a copy.
func (h *handle) live() bool {
	return atomic.LoadUintptr(h.word())-h.address() <= busy
}

// stillLive panics if the Arc is not live.
//
//go:noinline
func (h *handle) stillLive(method string) {
	if !h.live() {
		panic(h.misuse("Arc." + method))
	}
}

// tryEnd ends h if it is live and not held, and reports whether it did.
func (h *handle) tryEnd() bool { return atomic.CompareAndSwapUintptr(h.word(), h.address(), 0) }

// tryHold holds h if it is live and not held, and reports whether it did. The caller
// must call release soon: after at most one more atomic operation.
func (h *handle) tryHold() bool {
	return atomic.CompareAndSwapUintptr(h.word(), h.address(), h.address()+busy)
}

// release ends the holding of a handle. The handle is then live, or has ended.
func (h *handle) release(live bool) {
	self := uintptr(0)
	if live {
		self = h.address()
	}
	atomic.StoreUintptr(h.word(), self)
}

// held reports whether h is live and held.
func (h *handle) held() bool { return atomic.LoadUintptr(h.word())-h.address() == busy }

// end ends an Arc. If another goroutine holds it, end waits. It panics if the Arc is
// not live.
//
//go:noinline
func (h *handle) end(method string) {
	for !h.tryEnd() {
		h.wait(method)
	}
}

// hold holds an Arc. If another goroutine holds it, hold waits. It panics if the Arc
// is not live.
func (h *handle) hold(method string) {
	for !h.tryHold() {
		h.wait(method)
	}
}

// wait yields to the goroutine that holds an Arc. That goroutine is between two atomic
// operations of TryUnwrap, and does not wait for anything. wait panics if the Arc is
// not live.
func (h *handle) wait(method string) {
	if !h.live() {
		panic(h.misuse("Arc." + method))
	}
	runtime.Gosched()
}

// misuse returns the error with which a method panics if the handle is not live.
//
//go:noinline
func (h *handle) misuse(method string) error {
	if h.copied() {
		return methodError(method, ErrCopied)
	}
	return methodError(method, ErrDropped)
}

// copied reports whether a handle that is not live is a copy. Otherwise it was dropped,
// or another goroutine is dropping it.
func (h *handle) copied() bool {
	self := atomic.LoadUintptr(h.word())
	return self != 0 && self != uintptr(unsafe.Pointer(&nowhere)) && self-h.address() > busy
}

// text returns how a handle that is not live is printed.
func (h *handle) text() string {
	if h.copied() {
		return "<copied>"
	}
	return "<dropped>"
}

// handles tracks Arcs and Weaks.
var handles = track.Class{Path: "github.com/coderrange/ferrous/arcmutex", Profile: track.Handles}

func init() {
	track.Register(&handles, nil)
	track.Register(&holds, watch)
}

// Track turns on the tracking of handles and locks: it records the stack of one in n
// of the handles that are made, and of one in n of the holds that begin, from now on.
// 1 tracks all. 0 tracks none and is the initial setting. Track panics if n is
// negative. It is safe for concurrent use.
//
// Package track describes where tracked objects are reported and what tracking costs.
// It can also turn tracking on for all packages; the setting that tracks more
// applies. While locks are tracked, each acquire takes about 20 ns more, whether or
// not it is sampled.
func Track(n int) {
	handles.Track(n)
	holds.Track(n)
}
