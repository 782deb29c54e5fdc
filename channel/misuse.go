package channel

import (
	"context"
	"fmt"
	"unsafe"
)

// bug returns the panic value for a mistake of the caller.
func bug(format string, args ...any) error { return fmt.Errorf("channel: "+format, args...) }

// The checks are inlined, so that they cost a comparison.

// checkContext panics if ctx is nil.
func checkContext(ctx context.Context, method string) {
	if ctx == nil {
		panicNil(method, "context")
	}
}

// checkFunc panics unless a function was given to the method.
func checkFunc(given bool, method string) {
	if !given {
		panicNil(method, "function")
	}
}

// checkOther panics unless a second handle was given to the method.
func checkOther(given bool, method string) {
	if !given {
		panicNil(method, "handle")
	}
}

func panicNil(method, what string) { panic(bug("%s: nil %s", method, what)) }

func panicZero(handle, method string) { panic(bug("%s.%s: zero %[1]s", handle, method)) }

// maxBytes is a size that no allocation can have: 2 GiB or 128 TiB.
const maxBytes = 1 << (31 + 16*(^uint(0)>>63))

// checkCapacity panics unless a buffer of so many T can exist.
func checkCapacity[T any](capacity int, function string) {
	var v T
	switch size := uint64(unsafe.Sizeof(v)); {
	case capacity <= 0:
		panic(bug("%s: capacity %d is not positive", function, capacity))
	case uint64(capacity) > maxCapacity:
		panic(bug("%s: capacity %d is more than 2^59", function, capacity))
	case size > 0 && uint64(capacity) > maxBytes/size:
		panic(bug("%s: capacity %d, of %d bytes each, is more than memory can hold", function, capacity, size))
	}
}

// check panics if s is the zero Sender.
func (s *Sender[T]) check(method string) {
	if s.core == nil {
		panicZero("Sender", method)
	}
}

// use is check, and returns the channel.
func (s *Sender[T]) use(method string) *shared[T] {
	s.check(method)
	return s.shared
}

// check panics if r is the zero Receiver.
func (r *Receiver[T]) check(method string) {
	if r.core == nil {
		panicZero("Receiver", method)
	}
}

// use is check, and returns the channel.
func (r *Receiver[T]) use(method string) *shared[T] {
	r.check(method)
	return r.shared
}

// check panics if w is the zero WeakSender.
func (w *WeakSender[T]) check(method string) {
	if w.shared == nil {
		panicZero("WeakSender", method)
	}
}

// use is check, and returns the channel.
func (w *WeakSender[T]) use(method string) *shared[T] {
	w.check(method)
	return w.shared
}

// check panics if s is the zero OneshotSender.
func (s *OneshotSender[T]) check(method string) {
	if s.c == nil {
		panicZero("OneshotSender", method)
	}
}

// use is check, and returns the channel.
func (s *OneshotSender[T]) use(method string) *oneshot[T] {
	s.check(method)
	return s.c
}

// check panics if r is the zero OneshotReceiver.
func (r *OneshotReceiver[T]) check(method string) {
	if r.c == nil {
		panicZero("OneshotReceiver", method)
	}
}

// use is check, and returns the channel.
func (r *OneshotReceiver[T]) use(method string) *oneshot[T] {
	r.check(method)
	return r.c
}

// check panics if s is the zero BroadcastSender.
func (s *BroadcastSender[T]) check(method string) {
	if s.b == nil {
		panicZero("BroadcastSender", method)
	}
}

// use is check, and returns the channel.
func (s *BroadcastSender[T]) use(method string) *broadcast[T] {
	s.check(method)
	return s.b
}

// check panics if r is the zero BroadcastReceiver.
func (r *BroadcastReceiver[T]) check(method string) {
	if r.b == nil {
		panicZero("BroadcastReceiver", method)
	}
}

// use is check, and returns the channel.
func (r *BroadcastReceiver[T]) use(method string) *broadcast[T] {
	r.check(method)
	return r.b
}

// check panics if s is the zero WatchSender.
func (s *WatchSender[T]) check(method string) {
	if s.w == nil {
		panicZero("WatchSender", method)
	}
}

// use is check, and returns the channel.
func (s *WatchSender[T]) use(method string) *watch[T] {
	s.check(method)
	return s.w
}

// check panics if r is the zero WatchReceiver.
func (r *WatchReceiver[T]) check(method string) {
	if r.w == nil {
		panicZero("WatchReceiver", method)
	}
}

// use is check, and returns the channel.
func (r *WatchReceiver[T]) use(method string) *watch[T] {
	r.check(method)
	return r.w
}
