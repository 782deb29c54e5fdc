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
		slog.Int("seats", r.Layout.size()), slog.Int("areas", len(r.Layout.Areas)), slog.Int("closed", len(r.Layout.Closed)),
		slog.Any("limits", r.Limits))
}

// Limits bounds what one user can have at one event. A field that is 0 means no
// limit.
type Limits struct {
	// Seats is how many seats and places a user may have blocked and booked at once.
	Seats int
	// Holds is how many live holds a user may have.
	Holds int
	// Lifetime is how long after its grant a hold can last, extended or not.
	Lifetime time.Duration
	// Payment is how long a payment can keep a hold; see [Payer].
	Payment time.Duration
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
	// Places is how many places to hold in each area, by its name.
	Places map[string]int
	TTL    time.Duration // above 0 and at most [MaxTTL]
	// ListTaken asks that a [*TakenError] name all seats that were taken, not
	// just the first found. It costs a lock and an allocation.
	ListTaken bool
	// Reference is a name of the caller's for the hold, such as the number of an order, or
	// empty. Several holds can have the same one. The hold keeps it, and passes it on to
	// its bookings. It is in the changes, and in [SeatInfo] and [PlacesInfo]; with [Lister], the
	// holds and bookings that have it can be found. A store that is no Lister has no references,
	// and refuses one with [ErrInvalidReference].
	Reference string
	// Quotas is the names of quotas of which the request may have seats, beside those that
	// are in none; see [SetQuotaRequest]. With them, a refusal costs a lock. A store that is no
	// [SeatCloser] refuses them with [ErrInvalidQuota].
	Quotas []string
}

// LogValue returns the request without the text of its key.
func (r BlockRequest) LogValue() slog.Value {
	return slog.GroupValue(slog.String("event", r.Event), slog.String("user", r.User), slog.Any("key", r.Key),
		slog.Any("seats", r.Seats), slog.Any("places", r.Places), slog.Duration("ttl", r.TTL), slog.String("reference", r.Reference), slog.Any("quotas", r.Quotas))
}

// BlockAnyRequest asks [Store] to choose seats and hold them.
//
// The store chooses the best seats of those that Where allows. Without
// [Where.Adjacent] these are the seats with the lowest ranks, and of equal ranks the
// first ones in the layout. With Adjacent they are the N adjacent seats of which the
// sum of the ranks is lowest, and of equal sums the first ones. Only seats of a row
// with [Row.Ranks] have other ranks than 0. So in a layout without ranks, the order
// of the layout alone decides.
type BlockAnyRequest struct {
	Event string
	User  string
	Key   Key // makes the request safe to repeat; see [Store]
	N     int // how many seats: 1 to [MaxSeats]
	Where Where
	TTL   time.Duration // above 0 and at most [MaxTTL]
	// Reference is as that of [BlockRequest].
	Reference string
}

// LogValue returns the request without the text of its key.
func (r BlockAnyRequest) LogValue() slog.Value {
	return slog.GroupValue(slog.String("event", r.Event), slog.String("user", r.User), slog.Any("key", r.Key),
		slog.Int("n", r.N), slog.Any("where", r.Where), slog.Duration("ttl", r.TTL), slog.String("reference", r.Reference))
}

// Where says which seats [Store] may choose. A field that is empty allows all. A
// section, row or category that the layout does not have allows none.
type Where struct {
	// Prefix is how the seats' labels begin, such as "A-".
	Prefix   string
	Section  string
	Category string
	// Rows is the names of rows, the most preferred first: seats in one of them are
	// better than all seats in the next ones.
	Rows []string
	// Adjacent asks for seats that stand side by side: that follow one another in a
	// row or at a table, without an aisle between them. If the layout has no rows, all
	// its seats are one row.
	Adjacent bool
	// Singles says whether the choice may leave a single seat. Without Adjacent it must
	// be SinglesAllowed, or else the request is refused with [ErrInvalidSeats].
	Singles Singles
	// Quotas is as that of [BlockRequest]. With it the store looks at all seats that the other
	// fields allow.
	Quotas []string
}

// LogValue returns the fields that are not empty.
func (w Where) LogValue() slog.Value {
	var fields []slog.Attr
	for _, field := range [...]slog.Attr{
		slog.String("prefix", w.Prefix), slog.String("section", w.Section), slog.String("category", w.Category),
	} {
		if field.Value.String() != "" {
			fields = append(fields, field)
		}
	}
	if len(w.Rows) > 0 {
		fields = append(fields, slog.Any("rows", w.Rows))
	}
	if len(w.Quotas) > 0 {
		fields = append(fields, slog.Any("quotas", w.Quotas))
	}
	return slog.GroupValue(append(fields, slog.Bool("adjacent", w.Adjacent), slog.String("singles", w.Singles.String()))...)
}

// Singles says what BlockAny does about single seats. A choice leaves a single seat
// if an available seat next to it has no other available seat beside it, so that a
// pair can no longer be seated there.
type Singles uint8

// What BlockAny does about single seats. The zero Singles is SinglesAllowed.
const (
	SinglesAllowed Singles = iota // does not look
	SinglesAvoided                // leaves none, unless every choice would leave one
	SinglesRefused                // leaves none, or fails with [ErrNotEnough]
)

// String returns the name, such as "Allowed".
func (s Singles) String() string {
	switch s {
	case SinglesAllowed:
		return "Allowed"
	case SinglesAvoided:
		return "Avoided"
	case SinglesRefused:
		return "Refused"
	}
	return fmt.Sprintf("Singles(%d)", uint8(s))
}

// BookRequest asks [Store] to book seats of a hold.
type BookRequest struct {
	Token Token // of the hold
	// User may be empty if there is no Key. A user who does not own the hold gets
	// [ErrToken].
	User string
	Key  Key // makes the request safe to repeat; see [Store]
	// Seats is the seats to book, and Places how many places in each area. If both are
	// nil, that means all of the hold. A list that is empty and not nil is
	// [ErrInvalidSeats], so that a filter that left nothing does not mean all.
	Seats  []string
	Places map[string]int
	// Reference is that of the booking; see [BlockRequest]. Empty means that of the hold. What
	// is left of the hold keeps its own.
	Reference string
}

// LogValue returns the request without the secrets of its token and key.
func (r BookRequest) LogValue() slog.Value {
	return slog.GroupValue(slog.Any("token", r.Token), slog.String("user", r.User), slog.Any("key", r.Key),
		slog.Any("seats", r.Seats), slog.Any("places", r.Places), slog.String("reference", r.Reference))
}

// ReleaseRequest asks [Store] to make seats of a hold available again.
type ReleaseRequest struct {
	Token Token // of the hold
	// User may be empty if there is no Key. A user who does not own the hold gets
	// [ErrToken].
	User string
	Key  Key // makes the request safe to repeat; see [Store]
	// Seats is the seats to release, and Places how many places in each area. If both
	// are nil, that means all of the hold. If both are empty and one is not nil, that
	// is [ErrInvalidSeats].
	Seats  []string
	Places map[string]int
}

// LogValue returns the request without the secrets of its token and key.
func (r ReleaseRequest) LogValue() slog.Value {
	return logPart(r.Token, r.User, r.Key, r.Seats, r.Places)
}

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
	// Seats is the seats to cancel, and Places how many places in each area. If both
	// are nil, that means all of the booking. If both are empty and one is not nil,
	// that is [ErrInvalidSeats].
	Seats  []string
	Places map[string]int
}

// LogValue returns the request without the secrets of its token and key.
func (r CancelRequest) LogValue() slog.Value {
	return logPart(r.Token, r.User, r.Key, r.Seats, r.Places)
}

func logPart(t Token, user string, key Key, seats []string, places map[string]int) slog.Value {
	return slog.GroupValue(slog.Any("token", t), slog.String("user", user), slog.Any("key", key),
		slog.Any("seats", seats), slog.Any("places", places))
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

// LayoutRequest asks [Store] for the layout of an event.
type LayoutRequest struct {
	Event string
}

// CountsRequest asks [Store] for the counts of an event, or of one area.
type CountsRequest struct {
	Event string
	// Area is the name of an area. Empty means the whole event, with all areas.
	Area string
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
