// Package interleave runs concurrent code under every interleaving of its
// atomic operations. It is imported by tests only.
//
// Its types have the methods of sync/atomic's. Code that is compiled with them
// in place of sync/atomic (see [Rerun]) stops before each operation, and
// [Explore] decides which goroutine goes on: it runs the whole for every order
// of operations there is. Go's atomics are sequentially consistent, so that
// nothing else can happen.
//
// Two orders that differ only in neighbours that commute give the same. Two
// operations commute if they are on different variables or if both change
// nothing: a load, or a CompareAndSwap that fails.
// Of such orders Explore runs one, by sleep sets (Godefroid, "Partial-Order
// Methods for the Verification of Concurrent Systems", 1996): a thread whose
// turn has been explored sleeps in the branches beside it, until another
// operation does not commute with its own. The beginning of a thread and the
// end of a wait commute with nothing, so that a thread also begins after
// every operation of the others.
//
// A thread can wait for another one: by [Wait] for a condition, by [Gosched]
// in a loop, or by a [Mutex]. When all threads that have not ended wait, the
// program is deadlocked, and the test fails.
package interleave

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"unsafe"
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
	next   operation               // what it does when it goes on
	asleep bool                    // its next operation has been explored here, and all that follows
	comms  []Comm                  // that it waits for
	handed unsafe.Pointer          // the channel without a buffer to which another thread has sent for it
}

// An operation is what a thread does next. The zero operation is anything.
type operation struct {
	variable unsafe.Pointer // that it is on; nil if it may be all of them
	still    func() bool    // reports whether it would change nothing now; nil if it may
}

// commutes reports whether o and p, from here, give the same in both orders.
func (o operation) commutes(p operation) bool {
	if o.variable != nil && p.variable != nil && o.variable != p.variable {
		return true
	}
	return o.still != nil && p.still != nil && o.still() && p.still()
}

func always() bool { return true }

var (
	// running is the thread that runs now; nil outside Explore's threads.
	running *thread
	// changes counts the atomic operations that have changed a value.
	changes uint64
	// threads have not ended.
	threads []*thread
	// began is the number of threads that have begun.
	began int
)

// errStopped unwinds a thread that is stopped.
var errStopped = errors.New("interleave: the program is deadlocked")

// pause returns when it is the turn of th again to do next, and ready is nil or
// true.
func (th *thread) pause(next operation, ready func() bool) {
	th.next, th.ready = next, ready
	if !th.yield(struct{}{}) {
		panic(errStopped)
	}
}

// load is called before an atomic operation that changes nothing.
func load[T any](variable *T) { step(operation{unsafe.Pointer(variable), always}) }

// change is called before an atomic operation that may change the variable.
func change[T any](variable *T) { step(operation{variable: unsafe.Pointer(variable)}) }

// compare is called before an atomic operation that changes the variable if it
// is old.
func compare[T comparable](variable *T, old T) {
	step(operation{unsafe.Pointer(variable), func() bool { return *variable != old }})
}

func step(next operation) {
	if running != nil {
		running.pause(next, nil)
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
		running.pause(operation{}, ready)
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
		th.pause(operation{still: always}, func() bool { return changes != th.seen })
		th.seen = changes
	}
}

// limit keeps a test that asks for too much from running for hours.
const limit = 500_000

// Explore calls setup for a fresh set of threads and a check, runs the threads
// in some interleaving of their atomic operations and calls check, over and
// over until every interleaving has been seen, or one that gives the same, or
// the test has failed. It returns the number of runs. A deadlock fails the test.
//
// A thread must wait by means of this package only, must end in every
// interleaving, and must do the same whenever the operations give the same.
// What it does between two operations belongs to the first of them.
func Explore(tb testing.TB, setup func() (threads []func(), check func())) int {
	tb.Helper()
	return explore(tb, setup, run)
}

// ExploreBounded is Explore for programs that have too many interleavings: it sees
// those in which a thread that could go on is interrupted so many times at most.
// Where a thread waits or has ended, any other goes on. Most faults need two
// interruptions at most (Musuvathi and Qadeer, "Iterative Context Bounding for
// Systematic Testing of Multithreaded Programs", 2007).
func ExploreBounded(tb testing.TB, interruptions int, setup func() (threads []func(), check func())) int {
	tb.Helper()
	return explore(tb, setup, func(fs []func(), p *path) error { return runBounded(fs, p, interruptions) })
}

func explore(tb testing.TB, setup func() (threads []func(), check func()),
	run func([]func(), *path) error,
) int {
	tb.Helper()
	runs := 0
	for choices := []choice(nil); ; runs++ {
		now, timers, threads, began = 0, nil, nil, 0
		fs, check := setup()
		p := &path{choices: choices}
		if err := run(fs, p); err != nil {
			tb.Error(err)
		} else {
			check()
		}
		if tb.Failed() {
			tb.Logf("interleaving %d: %v", runs, p.choices)
			return runs + 1
		}
		if choices = next(p.choices); choices == nil {
			return runs + 1
		}
		if runs == limit {
			tb.Fatalf("more than %d interleavings: use fewer threads or operations", limit)
		}
	}
}

// A path is the choices of one run.
type path struct {
	choices []choice
	at      int
	over    bool // what follows has been explored: the first is chosen
}

// taken is the path of the run; nil outside of runs.
var taken *path

// begin begins the threads of a run along p.
func (p *path) begin(fs []func()) {
	taken = p
	for _, f := range fs {
		begin(f)
	}
}

// choose returns a number below n: what the path says, or 0 beyond its end.
func (p *path) choose(n int) int {
	if p.over {
		return 0
	}
	if p.at == len(p.choices) {
		p.choices = append(p.choices, choice{0, n})
	}
	p.at++
	return p.choices[p.at-1].i
}

// IntN is that of math/rand: Explore sees every number that it can return.
func IntN(n int) int {
	if taken == nil || n == 1 {
		return 0
	}
	return taken.choose(n)
}

// A choice says that of n threads that could go on and did not sleep the i'th
// went on.
type choice struct{ i, n int }

// run runs the threads along path, and beyond it always the first one that can
// go on and does not sleep. When all sleep, the path ends, since what follows
// has been explored. It returns an error if the threads deadlock.
func run(fs []func(), p *path) error {
	p.begin(fs)
	for {
		able, awake := able(threads)
		if len(able) == 0 {
			if !fire() {
				break
			}
			continue
		}
		th := able[0]
		if len(awake) == 0 {
			p.over = true
		} else if !p.over {
			i := p.choose(len(awake))
			for _, explored := range awake[:i] {
				explored.asleep = true
			}
			th = awake[i]
		}
		for _, other := range threads {
			other.asleep = other.asleep && other.next.commutes(th.next)
		}
		th.goOn()
	}
	return stop()
}

// runBounded runs the threads along path, and beyond it the same thread as long as
// it can go on. It has no thread sleep, since what an interruption leads to need
// not be seen by another order with as few of them.
func runBounded(fs []func(), p *path, interruptions int) error {
	p.begin(fs)
	var last *thread
	for {
		able, _ := able(threads)
		if len(able) == 0 {
			if !fire() {
				break
			}
			continue
		}
		if i := slices.Index(able, last); i >= 0 {
			able[0], able[i] = able[i], able[0]
			if interruptions == 0 {
				able = able[:1]
			}
		}
		i := p.choose(len(able))
		if i > 0 && able[0] == last {
			interruptions--
		}
		last = able[i]
		last.goOn()
	}
	return stop()
}

// goOn runs th to its next pause, or to its end.
func (th *thread) goOn() {
	running = th
	_, more := th.resume()
	running = nil
	if !more {
		threads = slices.DeleteFunc(threads, func(other *thread) bool { return other == th })
	}
}

// stop ends threads that wait for ever, and returns an error if there are any.
func stop() error {
	taken = nil
	if len(threads) == 0 {
		return nil
	}
	var waiting []int
	for _, th := range threads {
		waiting = append(waiting, th.number)
		running = th // its deferred functions may use this package
		th.stop()
		running = nil
	}
	return fmt.Errorf("deadlock: of %d threads %d wait, and nobody else is left", began, waiting)
}

// begin adds a new thread, paused before its beginning.
func begin(f func()) {
	threads = append(threads, start(began, f))
	began++
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
		th.pause(operation{}, nil)
		f()
	})
	th.resume()
	return th
}

// able returns the threads that can go on, and those of them that do not sleep.
func able(threads []*thread) (able, awake []*thread) {
	for _, th := range threads {
		if th.ready == nil || th.ready() {
			able = append(able, th)
			if !th.asleep {
				awake = append(awake, th)
			}
		}
	}
	return able, awake
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
