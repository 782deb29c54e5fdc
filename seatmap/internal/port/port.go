// Package port is the link between a seatmap.Map and stores on servers: what requests
// with one key are compared by, and what an export has. Only packages in seatmap can
// import it. Package seatmap sets its functions.
package port

import (
	"context"
	"io"
	"time"
)

// Print is what a request with a key is compared by. Numbers whose meaning is not said
// are hashes, which are the same in every process. Fields that a method does not have
// are 0.
type Print struct {
	Method         string
	N              int // how many seats
	TTL            time.Duration
	Seats, Places  uint64
	Where          uint64
	Reference      uint64
	Layout, Limits uint64
	Token          Proof
}

// Proof is a token without the name of its event. The zero Proof is no token.
type Proof struct {
	Fence  uint64
	First  uint32 // the seat where its hold began, or 0 if a server made it
	Secret [16]byte
}

// Key is what the tokens of an event were made with: a key of tags, and one between tags
// and secrets, or zero.
type Key struct{ Tags, Secrets [16]byte }

// Names are the labels of the seats of a layout, by index.
type Names interface {
	Len() int
	Label(seat int) string
	Seat(label string) (seat int, ok bool)
}

// Event is what an export has.
type Event struct {
	Name            string
	At              time.Time // of the export
	Fence, Revision uint64    // the last ones
	Layout          any       // a seatmap.Layout
	Limits          any       // a seatmap.Limits
	Count           int       // of seats
	Closed          []uint32  // seats not for sale to all, which nobody has
	Sales           []Sale    // by seat, those that an operator has closed or that are in a quota
	Keys            []Key
	CreateKey       string // or empty
	Create          Print  // the request with CreateKey
	// Beyond is what it has that only some stores have, by names such as "areas".
	Beyond []string
}

// Names in [Event.Beyond] of what a store on a server may have.
const (
	References = "references"
	Payments   = "payments"
	Sales      = "seats that an operator has closed"
	Quotas     = "quotas"
	Operators  = "holds or bookings that an operator has made"
)

// Part is some of the holds and bookings of an export, and some of the answers.
type Part struct {
	Grants []Grant
	// Answers has those that are forgotten with one of Grants, and others.
	Answers []Answer
}

// Sale says who can have a seat.
type Sale struct {
	Seat          uint32
	Closed        bool   // nobody
	Actor, Reason string // of the operator that has closed it; empty if the layout did
	Quota         string // empty if none
}

// Grant is a hold or booking.
type Grant struct {
	Proof
	User   string
	Booked bool
	At     time.Time
	Left   time.Duration // of a hold
	Seats  []uint32

	Reference string
	Payment   *Payment // nil if there is none

	Endless       bool   // a hold without a deadline
	Actor, Reason string // of the operator that gave it its fence
}

// Payment is a payment that keeps a hold. All times are from the moment of the export on.
type Payment struct {
	Own   time.Duration // the deadline of the hold without the payment
	Began time.Duration // below 0
	Left  time.Duration
}

// Answer is the answer to a request with a key.
type Answer struct {
	User, Key string
	Print     Print
	Of        int           // the grant of the part with which it is forgotten, or -1
	Left      time.Duration // until it is forgotten, if Of is -1
	// A hold or booking. If the fence is 0, the answer is a receipt.
	Proof
	Owner string
	At    time.Time
	Until time.Duration // from the moment of the export
	Holds bool          // it has Until

	Paying bool // a payment keeps the hold
	Seats  []uint32
}

var (
	// PrintOf returns the print of a request, such as a seatmap.BlockRequest.
	PrintOf func(request any) Print
	// ProofOf returns the proof of a seatmap.Token.
	ProofOf func(token any) Proof
	// TokenOf returns a seatmap.Token.
	TokenOf func(event string, p Proof) any
	// SecretsOf returns a function that returns the secret of the token with that fence and
	// seat, and is safe for concurrent use.
	SecretsOf func(k Key) func(fence uint64, first uint32) [16]byte
	// Read reads an export to the end, and calls next with each part. By then the event has
	// its name, times, limits, keys and the number of its seats, and some of what is in
	// Beyond; it is complete when Read returns. Read stops at an error of next and returns it.
	// The other errors are those of seatmap.Map.Import but for ErrExists.
	Read func(ctx context.Context, from io.Reader, next func(*Event, *Part) error) (*Event, error)
	// NamesOf returns the labels of a seatmap.Layout, and which seats are not for sale, each
	// once. The errors are those of seatmap.Map.Create.
	NamesOf func(layout any) (names Names, closed []int, err error)
)
