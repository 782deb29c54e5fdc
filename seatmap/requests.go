package seatmap

import (
	"fmt"
	"log/slog"
	"time"
)

// CreateRequest asks [Store] to create an event.
type CreateRequest struct {
	Event  string
	Key    Key // makes the request safe to repeat; see [Store]
	Layout Layout
	// Limits apply to each user of the event.
	Limits Limits
}

// LogValue returns the request without the text of its key, and the number of its
// seats instead of their labels.
func (r CreateRequest) LogValue() slog.Value {
	return slog.GroupValue(slog.String("event", r.Event), slog.Any("key", r.Key),
		slog.Int("seats", r.Layout.Count+len(r.Layout.Seats)), slog.Int("closed", len(r.Layout.Closed)),
		slog.Any("limits", r.Limits))
}

// Limits bounds what one user can have at one event. A field that is 0 means no
// limit.
type Limits struct {
	// Seats is how many seats a user may have blocked and booked at once.
	Seats int
	// Holds is how many live holds a user may have.
	Holds int
	// Lifetime is how long after its grant a hold can last, extended or not.
	Lifetime time.Duration
}

// perUser says which seats and holds a user may have.
func (l Limits) perUser() string {
	switch {
	case l.Holds == 0:
		return fmt.Sprintf("%d seats a user", l.Seats)
	case l.Seats == 0:
		return fmt.Sprintf("%d holds a user", l.Holds)
	}
	return fmt.Sprintf("%d seats and %d holds a user", l.Seats, l.Holds)
}

// RemoveRequest asks [Store] to remove an event.
type RemoveRequest struct {
	Event string
	Key   Key // makes the request safe to repeat; see [Store]
}

// LogValue returns the request without the text of its key.
func (r RemoveRequest) LogValue() slog.Value {
	return slog.GroupValue(slog.String("event", r.Event), slog.Any("key", r.Key))
}

// BlockRequest asks [Store] to hold seats.
type BlockRequest struct {
	Event string
	User  string
	Key   Key // makes the request safe to repeat; see [Store]
	Seats []string
	TTL   time.Duration // above 0 and at most [MaxTTL]
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
	Key   Key // makes the request safe to repeat; see [Store]
	N     int // how many seats: 1 to [MaxSeats]
	Where Where
	TTL   time.Duration // above 0 and at most [MaxTTL]
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
	Token Token // of the hold
	// User may be empty if there is no Key. A user who does not own the hold gets
	// [ErrToken].
	User string
	Key  Key // makes the request safe to repeat; see [Store]
	// Seats is the seats to book. Nil means all of the hold. An empty list that is
	// not nil is [ErrInvalidSeats]: a filter that left nothing does not mean all.
	Seats []string
}

// LogValue returns the request without the secrets of its token and key.
func (r BookRequest) LogValue() slog.Value { return logPart(r.Token, r.User, r.Key, r.Seats) }

// ReleaseRequest asks [Store] to make seats of a hold available again.
type ReleaseRequest struct {
	Token Token // of the hold
	// User may be empty if there is no Key. A user who does not own the hold gets
	// [ErrToken].
	User string
	Key  Key // makes the request safe to repeat; see [Store]
	// Seats is the seats to release. Nil means all of the hold. An empty list that is
	// not nil is [ErrInvalidSeats].
	Seats []string
}

// LogValue returns the request without the secrets of its token and key.
func (r ReleaseRequest) LogValue() slog.Value { return logPart(r.Token, r.User, r.Key, r.Seats) }

// ExtendRequest asks [Store] to let a hold last until TTL from now. A hold that
// already lasts longer stays as it is.
type ExtendRequest struct {
	Token Token // of the hold
	// User may be empty if there is no Key. A user who does not own the hold gets
	// [ErrToken].
	User string
	Key  Key           // makes the request safe to repeat; see [Store]
	TTL  time.Duration // above 0 and at most [MaxTTL]
}

// LogValue returns the request without the secrets of its token and key.
func (r ExtendRequest) LogValue() slog.Value {
	return slog.GroupValue(slog.Any("token", r.Token), slog.String("user", r.User), slog.Any("key", r.Key),
		slog.Duration("ttl", r.TTL))
}

// CancelRequest asks [Store] to make booked seats available again.
type CancelRequest struct {
	Token Token // of the booking
	// User may be empty if there is no Key. A user who does not own the booking gets
	// [ErrToken].
	User string
	Key  Key // makes the request safe to repeat; see [Store]
	// Seats is the seats to cancel. Nil means all of the booking. An empty list that is
	// not nil is [ErrInvalidSeats].
	Seats []string
}

// LogValue returns the request without the secrets of its token and key.
func (r CancelRequest) LogValue() slog.Value { return logPart(r.Token, r.User, r.Key, r.Seats) }

func logPart(t Token, user string, key Key, seats []string) slog.Value {
	return slog.GroupValue(slog.Any("token", t), slog.String("user", user), slog.Any("key", key),
		slog.Any("seats", seats))
}

// SeatRequest asks [Store] for one seat.
type SeatRequest struct {
	Event string
	Seat  string
}

// SeatsRequest asks [Store] for all seats of an event, or for a page of them.
//
// Each page shows its seats at one moment, and its Revision says which. Pages of an
// event that changes between them have different revisions. To get a view of the
// whole event from pages, watch from the Cursor of the first page, and skip each
// change of a seat whose revision is not above the Revision of that seat's page.
type SeatsRequest struct {
	Event string
	// After is the label of the last seat of the previous page. Empty means that the
	// page begins with the first seat.
	After string
	// Limit is the largest number of seats of the page. 0 means all.
	Limit int
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
	// seen. The zero Cursor asks for a snapshot and all changes after it.
	From Cursor
}
