// Package interleave runs concurrent code under every interleaving of its
// atomic operations. It is imported by tests only.
//
// Its types have the methods of sync/atomic's. Code that is compiled with them
// in place of sync/atomic (see [Rerun]) stops before each operation, and
// [Explore] decides which goroutine goes on: it runs the whole once for every
// order of operations there is. Go's atomics are sequentially consistent, so
// that nothing else can happen.
//
// A thread can wait for another one: by [Wait] for a condition, by [Gosched]
// in a loop, or by a [Mutex]. When all threads that have not ended wait, the
// program is deadlocked, and the test fails.
package interleave

import (
	"errors"
	"fmt"
	"iter"
	"testing"
)

// A thread is one of the threads that Explore runs. Each is a coroutine: it
// runs from one pause to the next while everything else stands still.
type thread struct {
	number int
	resume func() (struct{}, bool) // runs the thread to its next pause; false when it has ended
	stop   func()                  // ends the thread where it is paused
	yield  func(struct{}) bool     // pauses the thread; false when it was stopped
	ready  func() bool             // the condition that it waits for; nil if it does not wait
	seen   uint64                  // changes when it last came out of Gosched
}

var (
	// running is the thread that runs now; nil outside Explore's threads.
	running *thread
	// changes counts the atomic operations that have changed a value.
	changes uint64
)

// errStopped unwinds a thread that is stopped.
var errStopped = errors.New("interleave: the program is deadlocked")

// pause returns when it is the turn of th again, and ready is nil or true.
func (th *thread) pause(ready func() bool) {
	th.ready = ready
	if !th.yield(struct{}{}) {
		panic(errStopped)
	}
}

// step is called before each atomic operation.
func step() {
	if running != nil {
		running.pause(nil)
	}
}

// Wait returns when ready is true, at once if it is already. Between the moment
// when ready is true and the caller's next operation no other thread runs.
//
// The function ready must not change anything. It may use this package's types
// and look at variables that the threads share: Explore calls it at every turn.
func Wait(ready func() bool) {
	switch {
	case running != nil:
		running.pause(ready)
	case !ready():
		panic("interleave: Wait: no thread is left that could make the condition true")
	}
}

// Gosched is runtime's, for a loop that looks at some atomic variables, calls
// Gosched and looks again. It returns when an operation has changed a value
// since the loop began to look: before that the loop would find what it has
// found already, and Explore would never end.
func Gosched() {
	if th := running; th != nil {
		th.pause(func() bool { return changes != th.seen })
		th.seen = changes
	}
}

// limit keeps a test that asks for too much from running for hours.
const limit = 500_000

// Explore calls setup for a fresh set of threads and a check, runs the threads
// in some interleaving of their atomic operations and calls check, over and
// over until every interleaving has been seen or the test has failed. It
// returns the number of interleavings. A deadlock fails the test.
//
// A thread must wait by means of this package only, must end in every
// interleaving, and must do the same whenever the operations give the same.
func Explore(tb testing.TB, setup func() (threads []func(), check func())) int {
	tb.Helper()
	runs := 0
	for path := []choice(nil); ; runs++ {
		threads, check := setup()
		var err error
		if path, err = run(threads, path); err != nil {
			tb.Error(err)
		} else {
			check()
		}
		if tb.Failed() {
			tb.Logf("interleaving %d: %v", runs, path)
			return runs + 1
		}
		if path = next(path); path == nil {
			return runs + 1
		}
		if runs == limit {
			tb.Fatalf("more than %d interleavings: use fewer threads or operations", limit)
		}
	}
}

// A choice says that of n threads that could go on the i'th did.
type choice struct{ i, n int }

// run runs the threads along path, and beyond it always the first one that can
// go on. It returns the whole path, and an error if the threads deadlock.
func run(fs []func(), path []choice) ([]choice, error) {
	var threads []*thread // that have not ended
	for i, f := range fs {
		threads = append(threads, start(i, f))
	}
	for at := 0; ; at++ {
		able := able(threads)
		if len(able) == 0 {
			break
		}
		if at == len(path) {
			path = append(path, choice{0, len(able)})
		}
		i := able[path[at].i]
		running = threads[i]
		_, more := running.resume()
		running = nil
		if !more {
			threads = append(threads[:i:i], threads[i+1:]...)
		}
	}
	if len(threads) == 0 {
		return path, nil
	}
	var waiting []int
	for _, th := range threads {
		waiting = append(waiting, th.number)
		running = th // its deferred functions may use this package
		th.stop()
		running = nil
	}
	return path, fmt.Errorf("deadlock: of %d threads %d wait, and nobody else is left", len(fs), waiting)
}

// start returns a new thread, paused before its beginning.
func start(number int, f func()) *thread {
	th := &thread{number: number, seen: changes}
	th.resume, th.stop = iter.Pull(func(yield func(struct{}) bool) {
		th.yield = yield
		defer func() {
			if r := recover(); r != nil && r != errStopped { //nolint:errorlint // it is this very value
				panic(r)
			}
		}()
		th.pause(nil)
		f()
	})
	th.resume()
	return th
}

// able returns the places of the threads that can go on.
func able(threads []*thread) (places []int) {
	for i, th := range threads {
		if th.ready == nil || th.ready() {
			places = append(places, i)
		}
	}
	return places
}

// next returns the path to try after path, or nil when there is none.
func next(path []choice) []choice {
	for at := len(path) - 1; at >= 0; at-- {
		if path[at].i+1 < path[at].n {
			path = append([]choice(nil), path[:at+1]...)
			path[at].i++
			return path
		}
	}
	return nil
}
