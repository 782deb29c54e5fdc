package lockdep

import "time"

// A Kind is what a report is about.
type Kind uint8

// The kinds of reports.
const (
	Order     Kind = iota // locks were taken in orders that form a cycle
	Recursion             // a goroutine has waited for, or shared once more, what it held
	Cycle                 // goroutines wait for each other
	LongHold              // a lock was held for long
	LongWait              // a lock was waited for for long
)

// A Report is what was found.
type Report struct {
	Kind  Kind
	Steps []Step        // in a cycle each wants what the next holds, and the last what the first holds
	For   time.Duration // how long, if it is about that
}

// A Step is a goroutine with a lock that it holds and one that it wants, or with
// one of both.
type Step struct {
	Goroutine uint64
	Holds     string // the lock, or nothing
	HoldStack string // where it was locked
	Wants     string // the lock, or nothing
	WantStack string // where it is waited for
}
