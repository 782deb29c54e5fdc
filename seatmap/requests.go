package seatmap

import (
	"log/slog"
	"time"
)

// CreateRequest asks [Store] to create an event.
type CreateRequest struct {
	Event  string
	Layout Layout
	// Limits holds for the event; a zero field means no limit.
	Limits Limits
}

// Limits bounds what one user can have at one event. Zero means no limit.
type Limits struct {
	// Seats is how many seats a user may have blocked and booked at once.
	Seats int
	// Holds is how many live holds a user may have.
	Holds int
	// Lifetime is how long after its grant a hold can last, extended or not.
	Lifetime time.Duration
}

// RemoveRequest asks [Store] to remove an event.
type RemoveRequest struct {
	Event string
}

// BlockRequest asks [Store] to hold seats.
type BlockRequest struct {
	Event string
	User  string
	// Key makes the request safe to repeat. Within one event, the same user's
	// same request with the same key gets the same answer, with Replayed set; a
	// different request is refused with a [*KeyError]. A grant is remembered
	// until its hold or booking is over, and [KeyMemory] longer. A refusal is not
	// remembered: the request is evaluated afresh.
	Key   Key
	Seats []string
	TTL   time.Duration
	// ListTaken asks that a [*TakenError] name all seats that were taken, not
	// just the first found. It costs a lock and an allocation.
	ListTaken bool
}

// LogValue returns the request without the text of its key.
func (r BlockRequest) LogValue() slog.Value {
	return slog.GroupValue(slog.String("event", r.Event), slog.String("user", r.User), slog.Any("key", r.Key),
		slog.Any("seats", r.Seats), slog.Duration("ttl", r.TTL))
}

// BlockAnyRequest asks [Store] to choose seats and hold them.
type BlockAnyRequest struct {
	Event string
	User  string
	Key   Key // see [BlockRequest]
	N     int
	Where Where
	TTL   time.Duration
}

// LogValue returns the request without the text of its key.
func (r BlockAnyRequest) LogValue() slog.Value {
	return slog.GroupValue(slog.String("event", r.Event), slog.String("user", r.User), slog.Any("key", r.Key),
		slog.Int("n", r.N), slog.String("prefix", r.Where.Prefix), slog.Bool("adjacent", r.Where.Adjacent),
		slog.Duration("ttl", r.TTL))
}

// Where says which seats [Store] may choose.
type Where struct {
	// Prefix is how the seats' labels begin, such as "A-". Empty means any.
	Prefix string
	// Adjacent asks for seats that follow one another in the layout.
	Adjacent bool
}

// BookRequest asks [Store] to book seats of a hold.
type BookRequest struct {
	Token Token
	// User may be left empty when there is no Key. A user who is not the hold's
	// gets [ErrToken].
	User string
	Key  Key // see [BlockRequest]
	// Seats is the seats to book. Nil means all of the hold. A list without
	// seats that is not nil is an error: what a filter left is not everything.
	Seats []string
}

// LogValue returns the request without the secrets of its token and key.
func (r BookRequest) LogValue() slog.Value {
	return slog.GroupValue(slog.Any("token", r.Token), slog.String("user", r.User), slog.Any("key", r.Key),
		slog.Any("seats", r.Seats))
}

// ReleaseRequest asks [Store] to give back seats of a hold.
type ReleaseRequest struct {
	Token Token
	Seats []string // nil means all; see [BookRequest]
}

// LogValue returns the request without the secret of its token.
func (r ReleaseRequest) LogValue() slog.Value {
	return slog.GroupValue(slog.Any("token", r.Token), slog.Any("seats", r.Seats))
}

// ExtendRequest asks [Store] to let a hold last until TTL from now. A hold
// that lasts longer already stays as it is.
type ExtendRequest struct {
	Token Token
	TTL   time.Duration
}

// LogValue returns the request without the secret of its token.
func (r ExtendRequest) LogValue() slog.Value {
	return slog.GroupValue(slog.Any("token", r.Token), slog.Duration("ttl", r.TTL))
}

// CancelRequest asks [Store] to give back booked seats.
type CancelRequest struct {
	Token Token    // of the booking
	Seats []string // nil means all; see [BookRequest]
}

// LogValue returns the request without the secret of its token.
func (r CancelRequest) LogValue() slog.Value {
	return slog.GroupValue(slog.Any("token", r.Token), slog.Any("seats", r.Seats))
}

// SeatRequest asks [Store] for one seat.
type SeatRequest struct {
	Event string
	Seat  string
}

// SeatsRequest asks [Store] for all seats.
type SeatsRequest struct {
	Event string
}

// CountsRequest asks [Store] for the counts of an event.
type CountsRequest struct {
	Event string
}

// HoldsRequest asks [Store] for the holds of a user.
type HoldsRequest struct {
	Event string
	User  string
}

// WatchRequest asks [Store] for the changes of an event.
type WatchRequest struct {
	Event string
	// From is the cursor of the last change or snapshot that the watcher has
	// seen. The zero Cursor asks for a snapshot and all that follows it.
	From Cursor
}
