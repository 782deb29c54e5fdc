// Package seatmap is a reservation engine: every seat of an event is
// available, blocked by one user until a deadline, booked, or not for sale,
// and never has two holders.
//
// [Plan] is the core: the seats of one event, addressed by index. [Map] holds
// many events, with seat labels, users, limits, idempotency keys and watchers.
// Map implements [Store], the interface that it shares with stores on a server.
//
// # How it decides
//
// Each seat has one atomic word: a 2-bit state and the deadline of its hold.
// A refusal reads that word and nothing else: it takes no lock, does not
// allocate, and writes no shared memory. Everything that grants a seat, or that
// reports one as available, is decided under one short lock per event, for all
// seats of a request in one step. So the order in which the lock is taken is the
// order of all grants. A lock-free refusal takes effect when it reads the word. A
// request that is refused writes nothing, so it cannot cause the refusal of another
// request.
//
// # Layouts
//
// The seats of an event are one line ([Layout.Count], [Layout.Seats]) or rows and
// tables ([Layout.Rows]). Beside them it can have areas without seats, such as
// standing room ([Layout.Areas]), whose places are counted. The places that one
// hold or booking has in an area cost the same whatever their number. A refusal of
// places reads one word of the area and takes no lock, like that of a seat. Seats and areas
// can be added to a live event: see [SeatAdder].
//
// # Time
//
// A hold ends at its deadline, even if no sweep has removed it: a grant,
// [Map.Book], [Map.Extend] and [Map.Release] read the monotonic clock under the
// lock. Changes of the wall clock do not move a deadline. A refusal is exact, too,
// and mostly does not read the system's clock: see [Clock].
//
// The time of a hold is the store's: a store never ends a hold early by its own
// clock. A client whose clock may be wrong counts down from [Hold.Left] and does
// not compare [Hold.Until] with its own clock.
//
// # Contexts
//
// If a context ends a call, the error matches both ctx.Err() and [context.Cause] with
// [errors.Is], also if the context has a cause of its own.
//
// # Names
//
// Events, users, keys, references and the labels of seats are names: 1 to [MaxName] bytes of
// valid UTF-8 without control characters (U+0000 to U+001F and U+007F to U+009F).
// The name of an event has no { and no }, either. So every name fits into a text
// column of a database, and the name of an event into a hash tag of a Redis
// Cluster. Names are compared byte by byte.
//
// # Memory order
//
// A grant synchronizes before the [Map.Book], [Map.Release], [Map.Cancel] or
// expiry that ends it. That end synchronizes before the next grant of the same
// seat.
package seatmap

import (
	"context"
	"iter"
	"time"
)

// MaxSeats is the largest number of seats and places that one event can have.
const MaxSeats = 1 << 24

// MaxAreas is the largest number of areas that one event can have.
const MaxAreas = 1000

// MaxName is the longest event name, user name, idempotency key or seat label,
// in bytes.
const MaxName = 255

// MaxTTL is the longest time for which a hold can be requested.
const MaxTTL = 30 * 24 * time.Hour

// Store is what a store of seats does, in memory ([Map]) or on a server. All
// methods are safe for concurrent use.
//
// A call that fails has changed nothing, unless its error is [ErrOutcomeUnknown].
// If several errors apply, the first in this list is returned:
//
//   - [ErrClosed]
//   - the error of a context that is done; it matches the context's Err and its
//     cause
//   - an error that wraps [ErrInvalid], in the order event, user, key, seats,
//     duration, reference; for Create event, key, limits, layout
//   - [ErrUnavailable], if the store cannot be reached
//   - [ErrOutcomeUnknown], instead of any answer that did not arrive
//   - [*KeyError], which wraps [ErrKeyReused], of Create and Remove
//   - [ErrUnknownEvent]; for the zero [Token], which names no event, [ErrToken]
//   - [ErrExists]
//   - [ErrUnknownSeat]
//   - [*KeyError] of all other methods
//   - [ErrSoldOut]
//   - [*TakenError], also if it is [ErrNotForSale], then [*AreaError] or [ErrNotEnough]
//   - [ErrLimit]
//   - [ErrExpired]
//   - [ErrToken]
//   - what only a valid token can tell: [ErrInvalidSeats] for a seat or place that the
//     token does not cover, [ErrLimit] for a lifetime that an extension would exceed
//   - what only the layout can tell: [ErrInvalidLayout] for seats or areas that cannot be
//     added to it
//
// # Requests that are repeated
//
// Every request that changes something can have a [Key]. The same request with
// the same key is carried out once: a repetition gets the first answer again, with
// Replayed set, and changes nothing. A different request with that key is refused
// with a [*KeyError]. A refusal is not remembered: if the request is repeated, it
// is evaluated again.
//
// A key belongs to one user of one event; the keys of Create and Remove belong to
// the event's name. How long an answer is remembered: that of Block, BlockAny and
// Book until the hold or booking ends and [KeyMemory] longer; that of Create until
// the event is removed and KeyMemory longer; those of all other requests for KeyMemory.
//
// After [ErrOutcomeUnknown], repeat the request with the same key. Without a key
// there is no way to find out whether it was carried out.
//
// Optional interfaces are for what only some stores offer: [Lister], [Operator], [Payer],
// [Porter], [SeatAdder], [SeatCloser] and [Sweeper]. Their errors come in the same order.
type Store interface {
	// Create adds an event. It fails with [ErrExists] if there is one of that name.
	Create(ctx context.Context, r CreateRequest) (Receipt, error)
	// Remove removes an event with all its holds and bookings, and ends its
	// watches with [ErrUnknownEvent].
	Remove(ctx context.Context, r RemoveRequest) (Receipt, error)
	// Block holds the named seats, and places of areas, for a user until a deadline, all
	// or none.
	Block(ctx context.Context, r BlockRequest) (Hold, error)
	// BlockAny holds N seats, which are not places of areas, that the store chooses, all or none.
	BlockAny(ctx context.Context, r BlockAnyRequest) (Hold, error)
	// Book gives some or all seats of a hold to its user permanently.
	Book(ctx context.Context, r BookRequest) (Booking, error)
	// Release makes some or all seats of a hold available again.
	Release(ctx context.Context, r ReleaseRequest) (Receipt, error)
	// Extend moves the deadline of a hold.
	Extend(ctx context.Context, r ExtendRequest) (Hold, error)
	// Cancel makes some or all seats of a booking available again.
	Cancel(ctx context.Context, r CancelRequest) (Receipt, error)
	// Seat returns one seat.
	Seat(ctx context.Context, r SeatRequest) (SeatInfo, error)
	// Seats returns all seats of an event, or a page of them, as they were at one
	// moment.
	Seats(ctx context.Context, r SeatsRequest) (Snapshot, error)
	// Layout returns the layout of an event. Closed is the seats that are not for sale
	// at that moment.
	Layout(ctx context.Context, r LayoutRequest) (Layout, error)
	// Counts returns how many seats are in each state at one moment.
	Counts(ctx context.Context, r CountsRequest) (Counts, error)
	// Holds returns a user's live holds, without their secrets.
	Holds(ctx context.Context, r HoldsRequest) ([]HoldInfo, error)
	// Watch yields the changes of an event in the order of their revisions. After
	// an error, such as [ErrUnavailable], Watch can go on from the last cursor.
	Watch(ctx context.Context, r WatchRequest) iter.Seq2[Change, error]
	// Close ends this client of the store: its watches end and every later call
	// fails with [ErrClosed]. It may be called more than once. Events, holds and
	// bookings stay for the other clients. A [Map] has no other clients, so Close
	// ends its events, too.
	Close() error
}

// Sweeper is a [Store] that can be told to end the holds whose deadline has passed.
// Only memory depends on it, and when watchers see an expiry.
type Sweeper interface {
	// Sweep ends every hold whose deadline has passed, and returns how many.
	Sweep(ctx context.Context) (holds int, err error)
}
