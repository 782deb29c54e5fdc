// Package track finds what was not ended: handles that were not dropped,
// borrows that were not released, and locks that were not unlocked, of all the
// packages of this module that the program uses.
//
// In a test, [Check] is all there is to call:
//
//	func TestOrders(t *testing.T) {
//		track.Check(t)
//		…
//	}
//
// In a service, [Start] samples one in n, which may stay on in production. What
// is tracked appears until its end in the profiles ferrous.handles,
// ferrous.borrows and ferrous.locks of runtime/pprof, and so in go tool pprof
// and under /debug/pprof/. What the garbage collector finds not ended is in
// [Leaks]. The functions rc.Track, refcell.Track, arcmutex.Track and sema.Track
// turn on one package alone.
//
// # What is tracked
//
// Rc, Weak and Box of package rc; Ref, RefMut, AtomicRef and AtomicRefMut of
// package refcell; Arc, Weak, Guard, RGuard and UGuard of package arcmutex; Permit and
// Listener of package sema. What was made while tracking was off is not seen.
//
// # Cost
//
// Off, one atomic load for each handle. On, each handle that is tracked takes
// one to two microseconds, and some 460 bytes until it ends, most of which is its
// entry in the pprof profile. At one in a thousand that is half a byte a handle,
// and a few nanoseconds to draw lots. A place that makes tracked handles takes
// some 200 bytes for ever. A forgotten guard takes 64 bytes of its cell, which it
// still borrows.
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

// String returns the leak over several lines.
func (l Leak) String() string { return track.Leak(l).String() }

// TB is what [Check] needs of a testing.TB.
type TB interface {
	Helper()
	Cleanup(f func())
	Errorf(format string, args ...any)
}

// Start tracks one of every n handles that are made from now on until stop is
// called, all of them for 1. What is tracked then stays so until it ends.
//
// Several trackers may be on: the one that tracks the most decides, and stopping
// one leaves the others on. The second call of a stop does nothing. Start is
// safe for concurrent use. It panics if n is not positive.
func Start(n int) (stop func()) {
	if n <= 0 {
		panic(fmt.Errorf("track: Start: rate %d is not positive", n))
	}
	return track.Start(n)
}

// Leaks returns the tracked handles that the garbage collector has found since
// the program began without their having been ended, the most numerous first.
// It is safe for concurrent use.
//
// The collector finds a handle some time after nothing refers to it any more,
// whatever becomes of the value or the lock that it led to.
func Leaks() []Leak {
	var all []Leak
	for _, l := range track.Leaks() {
		all = append(all, Leak(l))
	}
	return all
}

// Check tracks every handle until the test ends, and then fails the test for
// the handles made meanwhile that were not ended, with the stacks that made
// them.
//
// Call it first: what a t.Cleanup ends counts as ended if it was registered
// after the Check. A second Check of the same test does nothing. A test and its
// subtests may each have one, and then the innermost reports.
//
// Handles are not told apart by goroutine. If tests with a Check run in
// parallel, what was made while several of them went on is reported by the last
// of these to end, and its stack says whose it is. Parallel tests that make
// handles without a Check make the others' fail.
func Check(t TB) {
	if t == nil {
		panic(errors.New("track: Check: nil test"))
	}
	t.Helper()
	track.Check(t)
}
