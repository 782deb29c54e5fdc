package arcmutex

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/coderrange/ferrous/internal/lockdep"
)

// A Deadlock is a report of [Check].
type Deadlock struct {
	Kind DeadlockKind

	// Steps are the goroutines involved. In a cycle, each goroutine wants the lock
	// that the next one holds, and the last one wants the lock that the first one
	// holds. For [DeadlockLongHold] there is one step, the holder. For
	// [DeadlockLongWait] the first step is the waiter and the others are the known
	// holders.
	Steps []Step

	// For is how long the lock was held or waited for. It is zero unless Kind is
	// DeadlockLongHold or DeadlockLongWait.
	For time.Duration
}

// A DeadlockKind is the kind of a [Deadlock]. Some kinds are deadlocks that have
// happened, and others are deadlocks that may happen.
type DeadlockKind string

// The kinds of deadlock.
const (
	DeadlockOrder     DeadlockKind = "lock order"      // may happen: locks were acquired in orders that form a cycle
	DeadlockRecursion DeadlockKind = "recursive lock"  // a goroutine locks a lock again; with RLock it only may happen
	DeadlockCycle     DeadlockKind = "waiting in vain" // has happened: goroutines wait for each other

	DeadlockLongHold DeadlockKind = "held for long"   // a lock was held for longer than Limit
	DeadlockLongWait DeadlockKind = "waited for long" // a lock was waited for for longer than Limit
)

// A Step is a goroutine of a [Deadlock], with the lock that it holds or held and the
// lock that it wants or wanted. Fields that do not apply are empty.
type Step struct {
	Goroutine uint64 // number of the goroutine in stack traces; zero if no goroutine owns the hold
	Holds     string // lock that it holds: the name, or the type and where it was made
	Wants     string // lock that it wants, in the same form
	Stack     string // where it wants the lock, innermost call first
	HoldStack string // where it locked the lock that it holds
}

// String returns the report as text of several lines.
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

// kinds are the kinds of reports, by the kinds of package lockdep.
var kinds = [...]DeadlockKind{
	lockdep.Order: DeadlockOrder, lockdep.Recursion: DeadlockRecursion, lockdep.Cycle: DeadlockCycle,
	lockdep.LongHold: DeadlockLongHold, lockdep.LongWait: DeadlockLongWait,
}

// deadlock returns a report of package lockdep in its exported form.
func deadlock(r *lockdep.Report) *Deadlock {
	d := &Deadlock{Kind: kinds[r.Kind], For: r.For}
	for _, s := range r.Steps {
		d.Steps = append(d.Steps, Step{s.Goroutine, s.Holds, s.Wants, s.WantStack, s.HoldStack})
	}
	return d
}
