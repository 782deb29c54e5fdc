package storecall

import (
	"context"
	"errors"
	"fmt"

	"github.com/coderrange/ferrous/seatmap"
)

// A Method is a method of [seatmap.Store] or of one of the interfaces beside it.
type Method uint8

// The methods.
const (
	Create Method = iota
	Remove
	Block
	BlockAny
	Book
	Release
	Extend
	Cancel
	Seat
	Seats
	Layout
	Counts
	Holds
	Watch
	Revoke
	Reissue
	Move
	Reserve
	BeginPayment
	EndPayment
	Export
	Import
	Sweep
	CloseSeats
	OpenSeats
	ReserveAny
	Events
	Grants
	AddSeats
	SetQuota

	// Methods is how many there are.
	Methods = int(iota)
)

// String returns the name of the method.
func (m Method) String() string {
	if int(m) < Methods {
		return methodNames[m]
	}
	return fmt.Sprintf("Method(%d)", uint8(m))
}

var methodNames = [Methods]string{
	Create:       "Create",
	Remove:       "Remove",
	Block:        "Block",
	BlockAny:     "BlockAny",
	Book:         "Book",
	Release:      "Release",
	Extend:       "Extend",
	Cancel:       "Cancel",
	Seat:         "Seat",
	Seats:        "Seats",
	Layout:       "Layout",
	Counts:       "Counts",
	Holds:        "Holds",
	Watch:        "Watch",
	Revoke:       "Revoke",
	Reissue:      "Reissue",
	Move:         "Move",
	Reserve:      "Reserve",
	BeginPayment: "BeginPayment",
	EndPayment:   "EndPayment",
	Export:       "Export",
	Import:       "Import",
	Sweep:        "Sweep",
	CloseSeats:   "CloseSeats",
	OpenSeats:    "OpenSeats",
	Events:       "Events",
	Grants:       "Grants",
	ReserveAny:   "ReserveAny",
	AddSeats:     "AddSeats",
	SetQuota:     "SetQuota",
}

// A Result is the class of what a call returned. There are few, so that they can be the
// values of a label.
type Result uint8

// The results.
const (
	OK             Result = iota // no error
	Taken                        // a seat is not available
	SoldOut                      // no seat is
	Limit                        // a limit of the event
	Expired                      // the hold or booking has ended
	Token                        // not a valid token
	KeyReused                    // the key belongs to another request
	Exists                       // there is an event of that name
	Unknown                      // there is no such event or seat
	Invalid                      // a value is out of range
	Unavailable                  // the store cannot be reached; nothing was changed
	OutcomeUnknown               // the store did not answer
	Closed                       // the store is closed
	Deadline                     // the context's deadline is over
	Canceled                     // the context was canceled
	Panicked                     // the call did not return
	Failed                       // any other error

	// Results is how many there are.
	Results = int(iota)
)

// String returns the name of the result as a label has it.
func (r Result) String() string {
	if int(r) < Results {
		return resultNames[r]
	}
	return fmt.Sprintf("Result(%d)", uint8(r))
}

var resultNames = [Results]string{
	OK:             "ok",
	Taken:          "taken",
	SoldOut:        "sold_out",
	Limit:          "limit",
	Expired:        "expired",
	Token:          "token",
	KeyReused:      "key_reused",
	Exists:         "exists",
	Unknown:        "unknown",
	Invalid:        "invalid",
	Unavailable:    "unavailable",
	OutcomeUnknown: "outcome_unknown",
	Closed:         "closed",
	Deadline:       "deadline",
	Canceled:       "canceled",
	Panicked:       "panicked",
	Failed:         "failed",
}

// Fault reports whether the store is to blame for the result: the call was a good one, and
// was not answered.
func (r Result) Fault() bool {
	switch r {
	case Unavailable, OutcomeUnknown, Closed, Deadline, Panicked, Failed:
		return true
	case OK, Taken, SoldOut, Limit, Expired, Token, KeyReused, Exists, Unknown, Invalid, Canceled:
	}
	return false
}

// classes are the errors in an order in which the first that matches counts. Refusals of
// seats that are taken come first: they are the most common, and must cost little.
var classes = []struct {
	err    error
	result Result
}{
	{seatmap.ErrSoldOut, SoldOut},
	{seatmap.ErrTaken, Taken},
	{seatmap.ErrOutcomeUnknown, OutcomeUnknown},
	{seatmap.ErrUnavailable, Unavailable},
	{seatmap.ErrLimit, Limit},
	{seatmap.ErrExpired, Expired},
	{seatmap.ErrToken, Token},
	{seatmap.ErrKeyReused, KeyReused},
	{seatmap.ErrExists, Exists},
	{seatmap.ErrUnknownEvent, Unknown},
	{seatmap.ErrUnknownSeat, Unknown},
	{seatmap.ErrInvalid, Invalid},
	{seatmap.ErrClosed, Closed},
	{context.DeadlineExceeded, Deadline},
	{context.Canceled, Canceled},
}

// ResultOf returns the class of an error. An error that panics when it is compared is
// [Failed].
func ResultOf(err error) (r Result) {
	if err == nil {
		return OK
	}
	r = Failed
	defer func() {
		if recover() != nil {
			r = Failed
		}
	}()
	for i := range classes {
		if errors.Is(err, classes[i].err) {
			return classes[i].result
		}
	}
	return r
}
