package lockdep

import "time"

// A Kind is the kind of a report.
type Kind uint8

// The kinds of reports.
const (
	Order     Kind = iota // locks were acquired in orders that form a cycle
	Recursion             // a goroutine wanted a lock that it held
	Cycle                 // goroutines wait for each other
	LongHold              // a lock was held for longer than the limit
	LongWait              // a goroutine has waited for a lock for longer than the limit
)

// A Report describes a deadlock, or an order of locking that can lead to one.
type Report struct {
	Kind  Kind
	Steps []Step        // in a cycle, each wants what the next holds, and the last what the first holds
	For   time.Duration // of LongHold and LongWait
}

// A Step is a goroutine with a lock that it holds, a lock that it wants, or both.
type Step struct {
	Goroutine uint64
	Holds     string // the lock that it holds, or empty
	HoldStack string // where it acquired that lock
	Wants     string // the lock that it wants, or empty
	WantStack string // where it wants that lock
}
