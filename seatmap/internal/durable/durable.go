// Package durable is the link between a seatmap.Map and a journal: what a Map tells, so
// that it can be made again. Only packages in seatmap can import it, so the form of the
// records, which may change, is nobody else's business.
package durable

// Record appends itself to a buffer.
type Record = interface{ AppendTo(buf []byte) []byte }

// Log keeps records in the order in which Append is called. It is called under locks of
// the Map, so it must not wait for a disk. It returns the number of the record; numbers
// rise.
type Log interface {
	Append(r Record) uint64
}

// Text is what a Map that goes to a log imports from. It keeps what was read.
type Text interface {
	// Reserve makes sure of room for the text in the log. It is called once, when all
	// was read and is in order.
	Reserve() error
	Text() []byte
}

// Options says how a Map is kept.
type Options struct {
	// Holds says that holds are kept, too.
	Holds bool
}

// State is a Map that can be kept. The calls up to Start come first, and one at a time.
type State interface {
	// ApplyCheckpoint reads a part of what Checkpoint has written.
	ApplyCheckpoint(part []byte) error
	// Apply carries out a record.
	Apply(record []byte) error
	// Start ends the recovery: from now on, every change goes to the log. The error says
	// that a record or part is missing.
	Start(log Log) error

	// Stop ends the recovery without a log. It is for a Map that is only read, or that
	// is given up. The error is as for Start.
	Stop() error

	// Events returns the names of all events, in order.
	Events() []string
	// Checkpoint writes all events while the Map is in use. Records of changes made
	// before the call are not needed any more if their effects are read from it.
	Checkpoint(part func([]byte) error) error
	// Record returns the number of the last record about an event, or of one after it,
	// and of the one that has to be on disk before a volatile change is told. ok is false
	// if there is no such event.
	Record(event string) (last, volatile uint64, ok bool)
	// Check returns the error of the form of a request.
	Check(request any) error
	// Size returns a number of bytes that the records of the request do not exceed.
	Size(request any) int
	// Reserved reports whether the event has, or had, holds without a deadline, which
	// are kept whatever the options say.
	Reserved(event string) bool
	// Erase replaces the name of a user in all events, and forgets the user's keys and references.
	Erase(user, by string) (seats int)
}

// Of returns the State of a new *seatmap.Map. Package seatmap sets it.
var Of func(m any, o Options) State
