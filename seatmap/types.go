package seatmap

import (
	"fmt"
	"log/slog"
	"time"
)

// State is what a seat is.
type State uint8

// The states of a seat. The zero State is Available.
const (
	Available State = iota
	Blocked         // held by a user until a deadline
	Booked          // a user's for good
	Closed          // not for sale
)

// String returns the state's name.
func (s State) String() string {
	switch s {
	case Available:
		return "Available"
	case Blocked:
		return "Blocked"
	case Booked:
		return "Booked"
	case Closed:
		return "Closed"
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// SeatInfo is one seat at one moment.
type SeatInfo struct {
	Seat  string
	State State
	User  string    // of a blocked or booked seat
	At    time.Time // when it was blocked or booked
	Until time.Time // the deadline of a blocked seat
	Fence uint64    // of the hold or booking
}

// String returns the seat in the form `7: Blocked { user: user3, … }`.
func (s SeatInfo) String() string {
	switch s.State {
	case Blocked:
		return fmt.Sprintf("%s: Blocked { user: %s, at: %s, until: %s }",
			s.Seat, s.User, s.At.Format(time.TimeOnly), s.Until.Format(time.TimeOnly))
	case Booked:
		return fmt.Sprintf("%s: Booked { user: %s, at: %s }", s.Seat, s.User, s.At.Format(time.TimeOnly))
	case Available, Closed:
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
	return slog.GroupValue(fields...)
}

// Counts is how many seats are in each state at one moment.
type Counts struct {
	Available, Blocked, Booked, Closed int
}

// Snapshot is all seats of an event at one moment, in the layout's order.
type Snapshot struct {
	Event    string
	Revision uint64 // of the last change it shows
	Cursor   Cursor // to watch what follows
	Seats    []SeatInfo
}

// Hold is seats that are one user's until a deadline.
type Hold struct {
	Token     Token
	User      string
	Seats     []string
	At, Until time.Time
	// Replayed says that the request was a repetition by its key: nothing was done,
	// and this is what the first one got. The hold may be over.
	Replayed bool
}

// LogValue returns the hold without the secret of its token.
func (h Hold) LogValue() slog.Value {
	return slog.GroupValue(slog.Any("token", h.Token), slog.String("user", h.User), slog.Any("seats", h.Seats),
		slog.Time("at", h.At), slog.Time("until", h.Until), slog.Bool("replayed", h.Replayed))
}

// HoldInfo is what non-owners may see of a hold.
type HoldInfo struct {
	Fence     uint64
	Seats     []string
	At, Until time.Time
}

// Booking is seats that are one user's for good. Its token serves to cancel it.
type Booking struct {
	Token Token
	User  string
	Seats []string
	At    time.Time
	// Replayed says that the request was a repetition by its key: nothing was done,
	// and this is what the first one got. The booking may be canceled.
	Replayed bool
}

// LogValue returns the booking without the secret of its token.
func (b Booking) LogValue() slog.Value {
	return slog.GroupValue(slog.Any("token", b.Token), slog.String("user", b.User), slog.Any("seats", b.Seats),
		slog.Time("at", b.At), slog.Bool("replayed", b.Replayed))
}

// Kind is what happened in a [Change].
type Kind uint8

// The kinds of changes.
const (
	// KindSnapshot is not a change: its Snapshot is the whole event, and the
	// changes after its revision follow.
	KindSnapshot Kind = iota
	// KindGap says that the watcher was too slow or too late, or its cursor not of
	// this history: changes up to the revision it carries are lost. A snapshot
	// follows.
	KindGap
	KindBlocked
	KindExtended
	KindBooked
	KindReleased  // by the owner of the hold
	KindExpired   // the hold reached its deadline
	KindCancelled // by the owner of the booking
)

// String returns the kind's name.
func (k Kind) String() string {
	names := [...]string{"Snapshot", "Gap", "Blocked", "Extended", "Booked", "Released", "Expired", "Cancelled"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// Change is one step of an event's history.
type Change struct {
	Event string
	// Revision rises by one with each change, and is never used again for an event
	// of that name in the life of the store.
	Revision uint64
	// Cursor is the place after this change. That of a [KindGap] is zero: a watcher
	// that got no further begins with a snapshot.
	Cursor   Cursor
	Kind     Kind
	Seats    []string // that the change is about
	User     string
	At       time.Time // of the grant or booking; of an expiry, its deadline
	Until    time.Time // of a hold: its deadline
	Fence    uint64
	Snapshot []SeatInfo // with KindSnapshot, all seats
}
