package seatmap

import (
	"fmt"
	"log/slog"
	"time"
)

// SeatState is the state of a seat.
type SeatState uint8

// The states of a seat. The zero SeatState is SeatAvailable.
const (
	SeatAvailable SeatState = iota
	SeatBlocked             // held by a user until a deadline
	SeatBooked              // a user's, permanently
	SeatClosed              // not for sale, or only to requests that name its quota
)

// String returns the name of the state, such as "Available".
func (s SeatState) String() string {
	switch s {
	case SeatAvailable:
		return "Available"
	case SeatBlocked:
		return "Blocked"
	case SeatBooked:
		return "Booked"
	case SeatClosed:
		return "Closed"
	}
	return fmt.Sprintf("SeatState(%d)", uint8(s))
}

// SeatInfo is one seat at one moment.
type SeatInfo struct {
	Seat  string
	State SeatState
	// Paying says that a payment keeps the seat blocked; see [Payer].
	Paying bool
	User   string        // of a blocked or booked seat
	At     time.Time     // when it was blocked or booked
	Until  time.Time     // the deadline of a blocked seat, by the store's clock; zero if it has none
	Left   time.Duration // the time from that moment to Until
	Fence  uint64        // of the hold or booking
	// PayingUntil is when the payment is over at the latest; zero if there is none.
	PayingUntil time.Time
	// Actor and Reason are those of the [Operator] that gave the hold or booking its
	// fence: by Reserve, ReserveAny, Reissue or Move. They are empty if its user did.
	Actor, Reason string
	// Reference is that of the hold or booking; see [BlockRequest].
	Reference string
	// Closed says that the seat is not for sale to anyone, also while it is blocked or booked: see
	// [SeatCloser]. ClosedBy is the operator that closed it, and ClosedReason why; they are
	// empty if the layout did.
	Closed                 bool
	ClosedBy, ClosedReason string
	// Quota is what the seat is set aside for, also while it is blocked or booked: see
	// [SetQuotaRequest]. Empty means none. If nobody has the seat, its State is SeatClosed.
	Quota string
}

// String returns the seat in the form `7: Blocked { user: user3, … }`.
func (s SeatInfo) String() string {
	switch s.State {
	case SeatBlocked:
		return fmt.Sprintf("%s: Blocked { user: %s, at: %s, until: %s }",
			s.Seat, s.User, s.At.Format(time.TimeOnly), s.Until.Format(time.TimeOnly))
	case SeatBooked:
		return fmt.Sprintf("%s: Booked { user: %s, at: %s }", s.Seat, s.User, s.At.Format(time.TimeOnly))
	case SeatAvailable, SeatClosed:
	}
	return s.Seat + ": " + s.State.String()
}

// LogValue returns the fields that the seat's state has.
func (s SeatInfo) LogValue() slog.Value {
	fields := []slog.Attr{slog.String("seat", s.Seat), slog.String("state", s.State.String())}
	if s.User != "" {
		fields = append(fields, slog.String("user", s.User), slog.Time("at", s.At), slog.Uint64("fence", s.Fence))
	}
	if !s.Until.IsZero() {
		fields = append(fields, slog.Time("until", s.Until))
	}
	if s.Reference != "" {
		fields = append(fields, slog.String("reference", s.Reference))
	}
	return slog.GroupValue(fields...)
}

// AreaInfo is one area at one moment.
type AreaInfo struct {
	Area string
	Counts
}

// PlacesInfo is the places that one hold or booking has in one area, at one moment.
type PlacesInfo struct {
	Area          string
	Places        int       // how many
	State         SeatState // SeatBlocked or SeatBooked
	Paying        bool      // as in [SeatInfo], and so are all that follow
	User          string
	At            time.Time
	Until         time.Time
	Left          time.Duration
	Fence         uint64
	PayingUntil   time.Time
	Actor, Reason string
	Reference     string
}

// Counts is how many seats and places are in each state at one moment. Seats of quotas that
// nobody has are counted as Closed.
type Counts struct {
	Available, Blocked, Booked, Closed int
}

// Snapshot is all seats of an event, or a page of them, at one moment, in the
// layout's order.
type Snapshot struct {
	Event    string
	Revision uint64 // of the last change it shows
	Cursor   Cursor // to watch what follows
	Seats    []SeatInfo
	Areas    []AreaInfo // all areas of the event, in the layout's order, also in a page
	// More says that there are seats after the last one of Seats; see
	// [SeatsRequest].
	More bool
}

// Hold is seats and places that are one user's until a deadline. It is not encoded as
// JSON, since its token is a secret ([ErrSecret]): make a type of your own, with the text
// of [Token.Reveal] if it is for the owner.
type Hold struct {
	Token Token
	User  string
	Seats []string
	// Places is how many places it has in each area; nil if none.
	Places map[string]int
	// At is when the hold was granted, and Until its deadline, both by the store's
	// clock. Left is the time from the answer to Until.
	At, Until time.Time
	Left      time.Duration
	// Paying says that a payment keeps the hold; see [Payer].
	Paying bool
	// Replayed says that the request was a repetition by its key: nothing was
	// changed, and this is the first answer. The hold may have ended since.
	Replayed bool
}

// LogValue returns the hold without the secret of its token.
func (h Hold) LogValue() slog.Value {
	return slog.GroupValue(slog.Any("token", h.Token), slog.String("user", h.User), slog.Any("seats", h.Seats), slog.Any("places", h.Places),
		slog.Time("at", h.At), slog.Time("until", h.Until), slog.Duration("left", h.Left), slog.Bool("paying", h.Paying), slog.Bool("replayed", h.Replayed))
}

// HoldInfo is what non-owners may see of a hold.
type HoldInfo struct {
	Fence     uint64
	Seats     []string
	Places    map[string]int // by area; nil if none
	At, Until time.Time
	Left      time.Duration // the time from the answer to Until
	Paying    bool          // whether a payment keeps the hold
}

// Booking is seats and places that are one user's permanently. Its token serves to cancel it.
type Booking struct {
	Token Token
	User  string
	Seats []string
	// Places is how many places it has in each area; nil if none.
	Places map[string]int
	At     time.Time // when the seats were booked
	// Replayed says that the request was a repetition by its key: nothing was
	// changed, and this is the first answer. The booking may be canceled.
	Replayed bool
}

// LogValue returns the booking without the secret of its token.
func (b Booking) LogValue() slog.Value {
	return slog.GroupValue(slog.Any("token", b.Token), slog.String("user", b.User), slog.Any("seats", b.Seats), slog.Any("places", b.Places),
		slog.Time("at", b.At), slog.Bool("replayed", b.Replayed))
}

// Receipt is the answer to a request that changes something and grants nothing.
type Receipt struct {
	// Replayed says that the request was a repetition by its key and changed
	// nothing.
	Replayed bool
}

// ChangeKind is what happened in a [Change].
type ChangeKind uint8

// The kinds of changes.
const (
	// ChangeSnapshot is not a change: its Snapshot is the whole event, and the
	// changes after its revision follow.
	ChangeSnapshot ChangeKind = iota
	// ChangeGap says that changes up to its revision are missing: the watcher was
	// too slow or too late, or its cursor is of another history. A snapshot follows.
	ChangeGap
	ChangeBlocked
	ChangeExtended
	ChangeBooked
	ChangeReleased // by the owner of the hold
	ChangeExpired  // the hold reached its deadline
	ChangeCanceled // by the owner of the booking
	ChangeReissued // a hold or booking has a new fence and token
	ChangeMoved    // a hold or booking has other seats or places, and a new fence and token
	// ChangePaying says that a payment keeps the hold, or no longer if Paying is zero.
	// Its Until is the deadline that the hold has by that.
	ChangePaying
	ChangeClosed // seats are not for sale from then on; see [SeatCloser]
	ChangeOpened // seats are for sale again
	ChangeAdded  // seats, areas or places are there that were not; see [SeatAdder]
	ChangeQuota  // seats are in the quota that Quota names, or in none; see [SeatCloser]
)

// String returns the name of the kind, such as "Blocked".
func (k ChangeKind) String() string {
	names := [...]string{"Snapshot", "Gap", "Blocked", "Extended", "Booked", "Released", "Expired", "Canceled", "Reissued", "Moved", "Paying", "Closed", "Opened", "Added", "Quota"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("ChangeKind(%d)", uint8(k))
}

// Change is one step of an event's history.
//
// The changes of an event, from a [ChangeSnapshot] on, say all that happens to its seats
// and places: who has them, by which fence and with which reference, until when, that a payment keeps
// them, and what an operator did and why. So the seats and places of every later moment can be made
// from them; [Replay] does. Only one thing happens without a change at its time: what
// is over at a time that an earlier change told, a hold at its Until or a payment at its
// Paying. The end of the hold is told later, by a [ChangeExpired].
//
// Not in the changes are the layout of the event as it was before they began (see
// [LayoutRequest]), its limits, which do not change, the secrets of tokens, and keys with their answers.
//
// User, Actor, Reason and Reference, also those in Snapshot and Holders, are personal data if the
// names of users are. From a stream that was stored they have to be erased there.
type Change struct {
	Event string
	// Revision rises with each change. It is never used again for an event of that
	// name in the life of the store.
	Revision uint64
	// Cursor is the position after this change. That of a [ChangeGap] is zero, so
	// that a watcher that stops there begins with a snapshot.
	Cursor Cursor
	// Previous is the position before this change: the Cursor of the change or
	// snapshot that precedes it in the event's history. So a consumer that gets
	// changes over a network can see that one is missing. It is zero in a
	// ChangeSnapshot, which follows nothing, and in a ChangeGap the last position
	// that the watcher had.
	Previous Cursor
	Kind     ChangeKind
	Seats    []string       // that changed; of a ChangeMoved, the new ones
	From     []string       // of a ChangeMoved, the seats before
	Places   map[string]int // that changed, by area; of a ChangeMoved, the new ones; nil if none
	// FromPlaces is the places before a ChangeMoved, also those that stay; nil if none.
	FromPlaces map[string]int
	User       string
	At         time.Time // of the grant or booking; of an expiry, its deadline; else of the change
	Until      time.Time // of a hold: its deadline
	Fence      uint64
	// FromFence is the fence that the seats and places had before. It is 0 unless the
	// change gave them another one: a ChangeBooked, ChangeReissued or ChangeMoved. A store
	// without areas may leave it out of a ChangeBooked, since the seats say what it was.
	FromFence uint64
	Paying    time.Time // of a ChangePaying: when the payment is over at the latest; zero if it is
	Actor     string    // of a change that an [Operator] made
	Reason    string    // likewise
	Reference string    // of the hold or booking, as it has it after the change; see [BlockRequest]
	// Added is what a ChangeAdded added, as it was asked for; see [AddSeatsRequest]. Its seats
	// come after all others of the event, and Seats has their labels.
	Added    *Layout
	Quota    string       // of a ChangeQuota; empty if the seats are in none from then on
	Snapshot []SeatInfo   // of a ChangeSnapshot: all seats
	Areas    []AreaInfo   // of a ChangeSnapshot: all areas
	Holders  []PlacesInfo // of a ChangeSnapshot: who has places, by area and fence
}
