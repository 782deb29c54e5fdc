// Package seatmap is a reservation engine: every seat of an event is
// available, blocked by one user until a deadline, booked, or not for sale,
// and never has two holders.
//
// [Plan] is the core: the seats of one event, addressed by index. [Map] holds
// many events, with seat labels, users, limits, idempotency keys and watchers;
// it implements [Store], the interface it shares with stores on a server.
//
// # How it decides
//
// Each seat has one atomic word: a 2-bit state and the deadline of its hold.
// A refusal reads that word and nothing else: it takes no lock, does not
// allocate, and writes no shared memory. Everything that grants, or that
// reports a seat as available, is decided under one short lock per event, for
// all seats of a request in one step. So the order in which the lock is taken
// is the order of all grants; a lock-free refusal takes effect at the moment it
// read a word that a grant had written and nothing had taken back. A request
// that is going to be refused writes nothing, and so can never be the reason
// for the refusal of another.
//
// # Time
//
// A hold is over at its deadline, whether or not anything swept it away: a
// grant, [Map.Book], [Map.Extend] and [Map.Release] read the monotonic clock
// under the lock. Changes of the wall clock do not move a deadline. A refusal is
// exact, too, and mostly does without reading the system's clock: see [Clock].
//
// # Memory order
//
// A grant synchronizes before the [Map.Book], [Map.Release], [Map.Cancel] or
// expiry that ends it, and that before the next grant of the same seat.
package seatmap

import (
	"context"
	"iter"
	"time"
)

// MaxSeats is the largest number of seats that one event can have.
const MaxSeats = 1 << 24

// MaxName is the longest event name, user name, idempotency key or seat label,
// in bytes.
const MaxName = 1024

// MaxTTL is the longest time for which a hold can be asked.
const MaxTTL = 100 * 365 * 24 * time.Hour

// Store is what a store of seats does, in memory ([Map]) or on a server. All
// methods are safe for concurrent use.
//
// A call that fails has changed nothing. When several errors apply, the first in
// this list is returned:
//
//   - [ErrClosed]
//   - the error of a context that is done; it matches the context's Err and its
//     cause
//   - an error that wraps [ErrInvalid], in the order event, user, key, seats,
//     duration; for Create event, limits, layout
//   - [ErrUnknownEvent]; of the zero [Token], which names no event, [ErrToken]
//   - [ErrExists]
//   - [ErrUnknownSeat]
//   - [*KeyError], which wraps [ErrKeyReused]
//   - [ErrSoldOut]
//   - [*TakenError] or [ErrNotEnough]
//   - [ErrLimit]
//   - [ErrExpired]
//   - [ErrToken]
//   - what only a good token can tell: [ErrInvalidSeats] for a seat that it does not
//     cover, [ErrLimit] for a lifetime that an extension would exceed
type Store interface {
	// Create adds an event. It fails with [ErrExists] when there is one of that
	// name.
	Create(ctx context.Context, r CreateRequest) error
	// Remove takes an event away with all its holds and bookings, and ends its
	// watches with [ErrUnknownEvent].
	Remove(ctx context.Context, r RemoveRequest) error
	// Block holds the named seats for a user until a deadline, all or none.
	Block(ctx context.Context, r BlockRequest) (Hold, error)
	// BlockAny holds n seats that the store chooses, all or none.
	BlockAny(ctx context.Context, r BlockAnyRequest) (Hold, error)
	// Book makes some or all seats of a hold its user's for good.
	Book(ctx context.Context, r BookRequest) (Booking, error)
	// Release gives some or all seats of a hold back.
	Release(ctx context.Context, r ReleaseRequest) error
	// Extend moves the deadline of a hold.
	Extend(ctx context.Context, r ExtendRequest) (Hold, error)
	// Cancel gives some or all seats of a booking back.
	Cancel(ctx context.Context, r CancelRequest) error
	// Seat reports one seat.
	Seat(ctx context.Context, r SeatRequest) (SeatInfo, error)
	// Seats reports all seats of an event as they were at one moment.
	Seats(ctx context.Context, r SeatsRequest) (Snapshot, error)
	// Counts reports how many seats are in each state at one moment.
	Counts(ctx context.Context, r CountsRequest) (Counts, error)
	// Holds reports a user's live holds, without their secrets.
	Holds(ctx context.Context, r HoldsRequest) ([]HoldInfo, error)
	// Watch reports the changes of an event in the order of their revisions.
	Watch(ctx context.Context, r WatchRequest) iter.Seq2[Change, error]
	// Sweep ends every hold whose deadline has passed, and reports how many.
	// Nothing depends on it but memory, and the moment at which watchers hear
	// of an expiry.
	Sweep(ctx context.Context) (int, error)
	// Close ends the store. Every later call fails with [ErrClosed].
	Close() error
}
