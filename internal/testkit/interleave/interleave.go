// Package interleave runs concurrent code under every interleaving of its
// atomic operations. It is imported by tests only.
//
// Its types have the methods of sync/atomic's. Code that is compiled with them
// in place of sync/atomic (see [Rerun]) stops before each operation, and
// [Explore] decides which goroutine goes on: it runs the whole once for every
// order of operations there is. Go's atomics are sequentially consistent, so
// that nothing else can happen.
package interleave

import (
	"iter"
	"testing"
)

// pause stops the thread that runs now until it is its turn again; nil outside
// Explore's threads.
var pause func()

// step is called before each atomic operation.
func step() {
	if pause != nil {
		pause()
	}
}

// limit keeps a test that asks for too much from running for hours.
const limit = 500_000

// Explore calls setup for a fresh set of threads and a check, runs the threads
// in some interleaving of their atomic operations and calls check, over and
// over until every interleaving has been seen or the test has failed. It
// returns the number of interleavings.
//
// A thread must not wait for another one, must end in every interleaving, and
// must do the same whenever the operations give the same.
func Explore(t *testing.T, setup func() (threads []func(), check func())) int {
	t.Helper()
	runs := 0
	for path := []choice(nil); ; runs++ {
		threads, check := setup()
		path = run(threads, path)
		if check(); t.Failed() {
			t.Logf("interleaving %d: %v", runs, path)
			return runs + 1
		}
		if path = next(path); path == nil {
			return runs + 1
		}
		if runs == limit {
			t.Fatalf("more than %d interleavings: use fewer threads or operations", limit)
		}
	}
}

// A choice says that of n threads that could go on the i'th did.
type choice struct{ i, n int }

// run runs the threads along path, and beyond it always the first one that can
// go on. It returns the whole path.
func run(threads []func(), path []choice) []choice {
	type thread struct {
		resume func() (struct{}, bool)
		pause  func()
	}
	var ready []*thread
	for _, f := range threads {
		th := &thread{}
		th.resume, _ = iter.Pull(func(yield func(struct{}) bool) {
			th.pause = func() { yield(struct{}{}) }
			th.pause()
			f()
		})
		th.resume()
		ready = append(ready, th)
	}
	defer func() { pause = nil }()
	for at := 0; len(ready) > 0; at++ {
		if at == len(path) {
			path = append(path, choice{0, len(ready)})
		}
		i := path[at].i
		pause = ready[i].pause
		if _, more := ready[i].resume(); !more {
			ready = append(ready[:i:i], ready[i+1:]...)
		}
	}
	return path
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
