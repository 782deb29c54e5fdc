// Package track finds handles that were not dropped, borrows that were not
// released, permits that were not given back and locks that were not unlocked, in
// all packages of this module that the program uses.
//
// In a test, call [Check] first:
//
//	func TestOrders(t *testing.T) {
//		track.Check(t)
//		…
//	}
//
// In a service, call [Start]. It tracks one in n handles, so it can stay on in
// production. A tracked handle is listed, from its making to its end, in the profile
// ferrous.handles, ferrous.borrows or ferrous.locks of runtime/pprof; permits and
// listeners are in ferrous.locks. go tool pprof and /debug/pprof/ show these profiles.
// [Leaks] returns the tracked handles that the garbage collector found without an end.
// The functions rc.Track, refcell.Track, arcmutex.Track, sema.Track and limit.Track turn
// tracking on for one package.
//
// # What is tracked
//
//   - package rc: Rc, Weak and Box
//   - package refcell: Ref, RefMut, AtomicRef and AtomicRefMut
//   - package arcmutex: Arc, Weak, Guard, RGuard and UGuard
//   - package sema: Permit and Listener
//   - package limit: Permit
//
// All of them are called handles here. A handle that was made while tracking was off
// is not tracked.
//
// # Cost
//
// While tracking is off, it costs one atomic load for each handle. While it is on, a
// tracked handle costs one to two microseconds, and about 460 bytes until it ends;
// most of them are its entry in the pprof profile. With one in a thousand, that is
// half a byte for each handle, and a few nanoseconds to draw a random number. Each
// place in the code that makes tracked handles takes about 200 bytes permanently. A
// tracked borrow that is never released takes 64 bytes more.
package track

import (
	"errors"
	"fmt"

	"github.com/coderrange/ferrous/internal/track"
)

// A Leak is a group of tracked handles that were made in the same place and
// not ended.
type Leak struct {
	What  string // the type: rc.Rc
	Name  string // what WithName said, or empty
	Count int    // how many handles
	Stack string // of the call that made them, innermost first, as a panic prints it
}

// String returns the leak as text of several lines.
func (l Leak) String() string { return track.Leak(l).String() }

// TB is what [Check] needs of a testing.TB.
type TB interface {
	Helper()
	Cleanup(f func())
	Errorf(format string, args ...any)
}

// Start tracks one in n of the handles that are made from now on, until stop is
// called. If n is 1, it tracks all of them. A tracked handle stays tracked until it
// ends, also after stop.
//
// Start may be called several times. The smallest n of those that were not stopped
// applies. A second call of the same stop does nothing. Start is safe for concurrent
// use. It panics if n is not positive.
func Start(n int) (stop func()) {
	if n <= 0 {
		panic(fmt.Errorf("track: Start: rate %d is not positive", n))
	}
	return track.Start(n)
}

// Leaks returns the tracked handles that became garbage without an end since the
// program began. The groups with the most handles come first. It is safe for
// concurrent use.
//
// The garbage collector finds a handle some time after the last reference to it has
// gone. The value or the lock of the handle may still be in use then.
func Leaks() []Leak {
	var all []Leak
	for _, l := range track.Leaks() {
		all = append(all, Leak(l))
	}
	return all
}

// Check tracks all handles until the test ends. If a handle that was made after the
// call of Check has not ended by then, the test fails, with the stack of the call that
// made the handle. Check panics if t is nil.
//
// Call Check before t.Cleanup: the functions of a Cleanup that was registered later
// run before the test is checked, and may end handles. A second Check of the same
// test does nothing. If a test and its subtest both call Check, the subtest reports
// the handles that were made while it ran.
//
// Check does not know which goroutine belongs to which test. If several tests with a
// Check run in parallel, a handle that was made while several of them ran is reported
// by the one of them that ends last; the stack shows which test made it. A parallel
// test without a Check that leaves handles makes another test fail.
func Check(t TB) {
	if t == nil {
		panic(errors.New("track: Check: nil test"))
	}
	t.Helper()
	track.Check(t)
}
