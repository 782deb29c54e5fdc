package arcmutex

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/coderrange/ferrous/internal/lockdep"
)

// A Deadlock is what [Check] has found.
type Deadlock struct {
	Kind DeadlockKind

	// Steps are the goroutines that take part. In a cycle each wants what the
	// next holds, and the last what the first holds. Of [DeadlockLongHold] the
	// one step is the holder. Of [DeadlockLongWait] the first is the waiter, and
	// the others are the holders that are known.
	Steps []Step

	// For is how long the lock was held or waited for, of these two kinds.
	For time.Duration
}

// A DeadlockKind is how far things have come.
type DeadlockKind string

// The kinds of deadlock.
const (
	DeadlockOrder     DeadlockKind = "lock order"      // possible: locks were taken in orders that form a cycle
	DeadlockRecursion DeadlockKind = "recursive lock"  // certain, or with a reader's lock possible
	DeadlockCycle     DeadlockKind = "waiting in vain" // has happened

	DeadlockLongHold DeadlockKind = "held for long" // may be no more than slow
	DeadlockLongWait DeadlockKind = "waited for long"
)

// A Step is a goroutine that holds, or has held, one lock and waits, or has
// waited, for another. What it does not hold or want is empty.
type Step struct {
	Goroutine uint64 // its number in stack traces; zero if nobody owns the hold
	Holds     string // the lock: its name, or its type and where it was made
	Wants     string
	Stack     string // where it wants it, innermost call first
	HoldStack string // where it locked what it holds
}

// String returns the report over several lines.
func (d *Deadlock) String() string {
	var b strings.Builder
	if d.For > 0 {
		fmt.Fprintf(&b, "arcmutex: %s, %v", d.Kind, d.For)
	} else {
		fmt.Fprintf(&b, "arcmutex: deadlock: %s", d.Kind)
	}
	for _, s := range d.Steps {
		switch {
		case s.Wants == "":
			fmt.Fprintf(&b, "\ngoroutine %d holds %s, locked by\n%s", s.Goroutine, s.Holds, s.HoldStack)
		case s.Holds == "":
			fmt.Fprintf(&b, "\ngoroutine %d wants %s:\n%s", s.Goroutine, s.Wants, s.Stack)
		default:
			fmt.Fprintf(&b, "\ngoroutine %d holds %s and wants %s:\n%s%s was locked by\n%s",
				s.Goroutine, s.Holds, s.Wants, s.Stack, s.Holds, s.HoldStack)
		}
	}
	return b.String()
}

// LogValue logs what String returns.
func (d *Deadlock) LogValue() slog.Value { return slog.StringValue(d.String()) }

// kinds are the kinds of reports, by those of the checker.
var kinds = [...]DeadlockKind{
	lockdep.Order: DeadlockOrder, lockdep.Recursion: DeadlockRecursion, lockdep.Cycle: DeadlockCycle,
	lockdep.LongHold: DeadlockLongHold, lockdep.LongWait: DeadlockLongWait,
}

// deadlock returns a report as users see it.
func deadlock(r *lockdep.Report) *Deadlock {
	d := &Deadlock{Kind: kinds[r.Kind], For: r.For}
	for _, s := range r.Steps {
		d.Steps = append(d.Steps, Step{s.Goroutine, s.Holds, s.Wants, s.WantStack, s.HoldStack})
	}
	return d
}
