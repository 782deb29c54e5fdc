// Package run runs cases of misuse, one after another, in a process that may die of
// one. The program around it is generated.
package run

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// How a case can end.
const (
	Started  = "started"  // and not yet ended
	Returned = "returned" // the text is that of its error, if it returned one
	Panicked = "panicked" // with an error or a text
	Bare     = "bare"     // panicked with an error of the runtime
	Exited   = "exited"   // ended its goroutine
	Hung     = "hung"     // did not return
	Runaway  = "runaway"  // started goroutines or took memory without end
	Setup    = "setup"    // did not get as far as the call
)

// A Call is a case: it makes what is needed, calls ready, and then the function.
type Call func(ready func()) error

// limit is how long a case may take.
const limit = 2 * time.Second

// Main runs the calls from the index in os.Args[1] up to that in os.Args[2]. For each
// it prints lines of index, how it ended and the text. waits tells of which calls it
// is in order to wait for ever.
func Main(calls []Call, waits []bool) {
	debug.SetTraceback("single")
	limitMemory()
	first, last := number(os.Args[1]), number(os.Args[2])
	var current atomic.Int64
	out := bufio.NewWriter(os.Stdout)
	report := func(i int, how, text string) {
		_, _ = fmt.Fprintf(out, "%d %s %s\n", i, how, strings.ReplaceAll(text, "\n", " "))
		_ = out.Flush()
	}
	go watch(&current)
	for i := first; i < last; i++ {
		current.Store(int64(i))
		report(i, Started, "")
		how, text := one(calls[i], waits[i])
		for range 50 {
			runtime.Gosched() // what the call has started may end the process
		}
		report(i, how, text)
		if how == Hung && !waits[i] {
			os.Exit(1) // it may still be running
		}
	}
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return n
}

// one runs a call on a goroutine of its own.
func one(call Call, waits bool) (how, text string) {
	type end struct{ how, text string }
	ended := make(chan end, 1)
	go func() {
		ready := false
		e := end{how: Exited}
		defer func() {
			if r := recover(); r != nil {
				e = end{Panicked, fmt.Sprint(r)}
				if _, is := r.(runtime.Error); is {
					e.how = Bare
				}
			}
			if !ready {
				e.how = Setup
			}
			ended <- e
		}()
		err := call(func() { ready = true })
		e = end{how: Returned}
		if err != nil {
			e.text = err.Error()
		}
	}()
	patience := limit
	if waits {
		patience = 50 * time.Millisecond
	}
	select {
	case e := <-ended:
		return e.how, e.text
	case <-time.After(patience):
		return Hung, ""
	}
}

// watch ends the process if a case runs away.
func watch(current *atomic.Int64) {
	before, of := 0, int64(-1)
	for range time.Tick(time.Millisecond) {
		n, i := runtime.NumGoroutine(), current.Load()
		if i != of {
			before, of = n, i
		}
		if n > before+1000 {
			fmt.Printf("%d %s %d goroutines\n", i, Runaway, n)
			os.Exit(1)
		}
	}
}
