package arcmutex

import (
	"fmt"
	"runtime"
	"strings"
)

// A Deadlock is what [Check] has found.
type Deadlock struct {
	Kind  DeadlockKind
	Steps []Step // each wants what the next holds, and the last what the first holds
}

// A DeadlockKind is how far things have come.
type DeadlockKind string

// The kinds of deadlock.
const (
	Order     DeadlockKind = "lock order"      // possible: locks were taken in orders that form a cycle
	Recursion DeadlockKind = "recursive lock"  // certain, or with a reader's lock possible
	Cycle     DeadlockKind = "waiting in vain" // has happened
)

// A Step is a goroutine that holds, or has held, one lock and waits, or has
// waited, for another.
type Step struct {
	Goroutine uint64 // its number in stack traces
	Holds     string // the name of the lock, or a number
	Wants     string
	Stack     string // where it waits, innermost call first
}

// String returns the report over several lines.
func (d *Deadlock) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "arcmutex: deadlock: %s", d.Kind)
	for _, s := range d.Steps {
		fmt.Fprintf(&b, "\ngoroutine %d holds %s and wants %s:\n%s", s.Goroutine, s.Holds, s.Wants, s.Stack)
	}
	return b.String()
}

// text returns a stack as a panic prints it.
func text(s stack) string {
	n := 0
	for n < len(s) && s[n] != 0 {
		n++
	}
	var b strings.Builder
	frames := runtime.CallersFrames(s[:n])
	for more := n > 0; more; {
		var f runtime.Frame
		f, more = frames.Next()
		fmt.Fprintf(&b, "\t%s\n\t\t%s:%d\n", f.Function, f.File, f.Line)
	}
	return b.String()
}
