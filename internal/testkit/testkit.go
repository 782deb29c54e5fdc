// Package testkit holds what the tests of all packages share: fake time,
// stress over several GOMAXPROCS, linearizability, allocation and inlining
// assertions. It is imported by tests only.
package testkit

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Advance moves the fake clock of the current synctest bubble by d and then
// waits until every other goroutine of the bubble is blocked.
//
// It must be called inside a bubble: outside one it would sleep for real.
func Advance(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // inside a bubble this is fake time
	synctest.Wait()
}

// Check is [rapid.Check] with each run of the property in a synctest bubble of
// its own. Contexts that the property hands on must be made in it:
// [rapid.T.Context] is not.
func Check(t *testing.T, prop func(t *rapid.T)) {
	t.Helper()
	rapid.Check(t, func(r *rapid.T) {
		var failure any
		synctest.Test(t, func(*testing.T) {
			defer func() { failure = recover() }() // it is how rapid ends a run
			prop(r)
		})
		// rapid tells failures apart by their stack, which is lost here; what must
		// not be taken for a failure is a run that ended for want of data.
		switch {
		case fmt.Sprintf("%T", failure) == "rapid.invalidData":
			panic(failure)
		case failure != nil:
			panic(failure)
		}
	})
}

// StressTime is how long [Stress] runs at each GOMAXPROCS: 250 ms, or what
// the environment variable FERROUS_STRESS says as a [time.ParseDuration] text.
func StressTime(tb testing.TB) time.Duration {
	tb.Helper()
	text := os.Getenv("FERROUS_STRESS")
	if text == "" {
		return 250 * time.Millisecond
	}
	d, err := time.ParseDuration(text)
	require.NoError(tb, err, "FERROUS_STRESS")
	require.Positive(tb, d, "FERROUS_STRESS")
	return d
}

// Stress calls body over and over until [StressTime] is over, once for each
// GOMAXPROCS of 1, 2, 4 and 8, each in a subtest of its own. Each call of body
// gets the number of the round, so that it can vary its seed; it starts and
// joins its own goroutines. A failed round ends the stress.
func Stress(t *testing.T, body func(t *testing.T, round int)) {
	t.Helper()
	for _, procs := range []int{1, 2, 4, 8} {
		t.Run("procs="+strconv.Itoa(procs), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			end := time.Now().Add(StressTime(t))
			for round := 0; (round == 0 || time.Now().Before(end)) && !t.Failed(); round++ {
				body(t, round)
			}
		})
	}
}

// Parallel runs f(0) … f(n-1), each on a goroutine of its own, lets them start
// together, and waits for all of them.
func Parallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-gate
			f(i)
		})
	}
	close(gate)
	wg.Wait()
}

// NextTick waits until the clock has moved. On some systems it moves twice a
// millisecond.
func NextTick() {
	for start := time.Now(); time.Since(start) == 0; {
		runtime.Gosched()
	}
}

// Recorder collects the operations of several goroutines for [Linearizable].
// The zero value is ready; it is safe for concurrent use.
type Recorder struct {
	now atomic.Int64 // counts calls and returns; a clock would have ties
	mu  sync.Mutex
	ops []porcupine.Operation
}

// Do runs call and records its input, its output and its interval in the name
// of the given client.
func (r *Recorder) Do(client int, input any, call func() (output any)) {
	from := r.now.Add(1)
	output := call()
	to := r.now.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append(r.ops, porcupine.Operation{
		ClientId: client, Input: input, Call: from, Output: output, Return: to,
	})
}

// Len returns how many operations were recorded.
func (r *Recorder) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.ops)
}

// Linearizable fails the test unless the recorded history is linearizable
// under the model. A history that could not be decided within a minute fails
// too. A picture of a history that was refused is left in the test's artifact
// directory.
func (r *Recorder) Linearizable(t *testing.T, model porcupine.Model) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	result, info := porcupine.CheckOperationsVerbose(model, r.ops, time.Minute)
	if result == porcupine.Ok {
		return
	}
	picture := filepath.Join(t.ArtifactDir(), "history.html")
	if err := porcupine.VisualizePath(model, info, picture); err != nil {
		t.Logf("no picture of the history: %v", err)
	}
	t.Fatalf("history of %d operations: %s (run with -artifacts to keep %s)", len(r.ops), result, picture)
}

// SmallStacks collects, and lets goroutines begin with the smallest stack until the next
// collection, which lets them begin with what those that it finds use on average.
func SmallStacks() {
	gate := make(chan struct{})
	var parked sync.WaitGroup
	for range 100 {
		parked.Go(func() { <-gate })
	}
	runtime.GC()
	close(gate)
	parked.Wait()
}

// NoAllocs fails the test when f allocates. Under the race detector, which
// allocates on its own account, it only runs f.
func NoAllocs(t *testing.T, what string, f func()) {
	t.Helper()
	Allocs(t, what, 0, f)
}

// Allocs fails the test when f makes more than most allocations a run. Under
// the race detector it only runs f, twice.
func Allocs(t *testing.T, what string, most float64, f func()) {
	t.Helper()
	if RaceEnabled {
		f()
		f()
		return
	}
	got := testing.AllocsPerRun(200, f)
	if got > most {
		t.Errorf("%s: %v allocations a run, at most %v wanted", what, got, most)
	}
}

// Inlined fails the test unless the compiler can inline each of the named
// functions of the package in the current directory. Names are as the
// compiler prints them: "Sum", "(*Mutex).Lock", "(*Mutex[go.shape.int]).Lock"
// or, with any type arguments, "(*Mutex[…]).Lock". A generic function that
// only the package's external tests instantiate is named with its package:
// "option.Some[…]". Under the race detector it does nothing: the answer is the same.
func Inlined(t *testing.T, functions ...string) {
	t.Helper()
	if RaceEnabled {
		return
	}
	out, err := Command(t, "go", "list", "-test", "-export", "-gcflags=-m", ".").CombinedOutput()
	require.NoError(t, err, string(out))
	brackets := regexp.MustCompile(`\[[^\]]*\]`)
	can := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		if _, name, found := strings.Cut(strings.TrimSpace(line), ": can inline "); found {
			name, _, _ = strings.Cut(name, " with cost ")
			can[name] = true
			can[brackets.ReplaceAllString(name, "[…]")] = true
		}
	}
	require.NotEmpty(t, can, "the compiler said nothing about inlining")
	for _, f := range functions {
		if !can[f] {
			t.Errorf("%s cannot be inlined", f)
		}
	}
}

// PanicError runs f, which must panic with an error value, and returns the
// error. A panic with any other value, or none, fails the test.
func PanicError(t *testing.T, f func()) (err error) {
	t.Helper()
	defer func() {
		t.Helper()
		value := recover()
		if value == nil {
			t.Fatal("no panic")
		}
		var isError bool
		if err, isError = value.(error); !isError {
			t.Fatalf("panic value is a %T, not an error: %v", value, value)
		}
	}()
	f()
	return nil
}
