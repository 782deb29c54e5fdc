package seatmap

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Errors that do not depend on the caller alone.
var (
	// ErrClosed is the error of a store that was closed.
	ErrClosed = errors.New("seatmap: closed")
	// ErrUnavailable is the error of a request that the store did not carry out
	// because it could not be reached, or cannot work at the moment. Nothing has
	// changed, so the request can be repeated, with or without a [Key]. A [Map] is
	// always available, except for an event that is being moved; see [Porter].
	ErrUnavailable = errors.New("seatmap: store is unavailable")
	// ErrOutcomeUnknown is the error of a request that was sent to the store, and
	// whose answer did not arrive: the store may have carried it out. Repeat the
	// request with the same [Key] to get its answer. If the context ended while the
	// caller waited for the answer, the error matches the context's Err and cause,
	// too; so look for ErrOutcomeUnknown first. A [Map] never returns it.
	ErrOutcomeUnknown = errors.New("seatmap: outcome is unknown")
	// ErrExists is the error of Create if there is an event of that name.
	ErrExists = errors.New("seatmap: event exists")
	// ErrUnknownEvent is the error if there is no event of that name, or no longer.
	ErrUnknownEvent = errors.New("seatmap: unknown event")
	// ErrUnknownSeat is the error if the event has no such seat or area.
	ErrUnknownSeat = errors.New("seatmap: unknown seat")
	// ErrTaken is the error if a seat is not available: it is blocked, booked or not
	// for sale ([SeatClosed]). It is always wrapped: [*TakenError] names the seat,
	// [ErrSoldOut] and [ErrNotEnough] are about the event. [Map.Seat] tells the state
	// of a seat.
	ErrTaken = errors.New("seatmap: taken")
	// ErrNotForSale is the error if a seat is closed, by the layout or by a [SeatCloser], or in
	// a quota that the request does not name, and nobody has it. It is always wrapped by a [*TakenError].
	ErrNotForSale = fmt.Errorf("%w: not for sale", ErrTaken)
	// ErrSoldOut is the error if the event has no available seat or place at all. A request
	// that races with the grant of the last seat may get a [*TakenError] instead.
	ErrSoldOut = fmt.Errorf("%w: sold out", ErrTaken)
	// ErrNotEnough is the error of BlockAny if it found fewer seats than it was
	// asked for, or not so many adjacent ones, and of Block if an area has fewer
	// places. The second is always wrapped: [*AreaError] names the area.
	ErrNotEnough = fmt.Errorf("%w: not enough seats", ErrTaken)
	// ErrLimit is the error of a request that would exceed the event's [Limits].
	ErrLimit = errors.New("seatmap: limit reached")
	// ErrExpired is the error if the hold or booking that a token names has ended:
	// it reached its deadline, was booked, released or canceled, its event was
	// removed and created again, or its grant was lost when the store restarted or
	// failed over.
	ErrExpired = errors.New("seatmap: hold is over")
	// ErrToken is the error if the store never gave out the token, or not for this
	// purpose: the token is zero, forged, damaged, of another event or another store,
	// of a booking instead of a hold or the other way round, or not the user's. A
	// damaged token is never [ErrExpired], even if its hold has ended.
	ErrToken = errors.New("seatmap: not a valid token")
	// ErrKeyReused is the error if the idempotency key belongs to another request.
	// It is always wrapped: [*KeyError] says what differs.
	ErrKeyReused = errors.New("seatmap: key was used for another request")
	// ErrMissed is the error of [Replay.Apply] if the change does not follow the last one.
	ErrMissed = errors.New("seatmap: a change is missing")
	// ErrSecret is the error of encoding a [Token] or [Key], as JSON for example. So
	// no secret is encoded by accident; Reveal returns it.
	ErrSecret = errors.New("seatmap: a secret is not encoded: use Reveal")
)

// Errors about the form of a request.
var (
	// ErrInvalid is wrapped by all errors about the form of a request.
	ErrInvalid = errors.New("seatmap: invalid")
	// ErrInvalidEvent is the error if the event name is not a name; see the package
	// comment.
	ErrInvalidEvent = fmt.Errorf("%w event name", ErrInvalid)
	// ErrInvalidLayout is the error if a layout has no seats or too many, if a label
	// is repeated or not a name, if it closes a seat that it does not have, or if a row
	// or category has a wrong part.
	ErrInvalidLayout = fmt.Errorf("%w layout", ErrInvalid)
	// ErrInvalidLimits is the error if a limit is negative.
	ErrInvalidLimits = fmt.Errorf("%w limits", ErrInvalid)
	// ErrInvalidUser is the error if the user name is not a name; see the package
	// comment.
	ErrInvalidUser = fmt.Errorf("%w user name", ErrInvalid)
	// ErrInvalidActor is the error if an operator's actor is not a name, or the reason is
	// neither a name nor empty.
	ErrInvalidActor = fmt.Errorf("%w actor", ErrInvalid)
	// ErrInvalidReference is the error if a reference is neither a name nor empty, or if
	// the store has no references; see [BlockRequest].
	ErrInvalidReference = fmt.Errorf("%w reference", ErrInvalid)
	// ErrInvalidQuota is the error if the name of a quota is not a name, or if the store is no
	// [SeatCloser] and so has no quotas; see [SetQuotaRequest].
	ErrInvalidQuota = fmt.Errorf("%w quota", ErrInvalid)
	// ErrInvalidPage is the error if the Limit of a page of [Lister] is negative.
	ErrInvalidPage = fmt.Errorf("%w page", ErrInvalid)
	// ErrInvalidKey is the error if the text of the idempotency key is not a name;
	// see the package comment.
	ErrInvalidKey = fmt.Errorf("%w idempotency key", ErrInvalid)
	// ErrInvalidSeats is the error if a request names no seat, a seat twice, more
	// than [MaxSeats], or one that its token does not cover, or if a number of seats
	// or places is out of range. A list that is empty and not nil names no seat.
	ErrInvalidSeats = fmt.Errorf("%w seats", ErrInvalid)
	// ErrInvalidTTL is the error if a duration is not positive, or above [MaxTTL].
	ErrInvalidTTL = fmt.Errorf("%w duration", ErrInvalid)
	// ErrInvalidExport is the error of [Porter.Import] if what it reads is not what
	// Export wrote: it is of another version, damaged or incomplete.
	ErrInvalidExport = fmt.Errorf("%w export", ErrInvalid)
	// ErrInvalidCursor is the error if a text is not that of a [Cursor].
	ErrInvalidCursor = fmt.Errorf("%w cursor", ErrInvalid)
)

// TakenError names the seats that were not available. It wraps [ErrTaken], and it is
// [ErrNotForSale], too, if a seat that it names is closed and nobody has it.
//
// A [Plan] and a [Map] make one for each seat of an event and return the same one
// again, so that a refusal does not allocate. A TakenError that is kept keeps the
// event in memory.
type TakenError struct {
	of   *taken // nil in a zero TakenError
	seat int32  // the index of the first seat found taken, or noIndex
}

// taken is what several TakenErrors have in common.
type taken struct {
	plan *Plan // nil if NewTakenError made the error
	list []int // all conflicts, if the request asked for them

	closed bool // one of the seats is not for sale

	// If plan is nil:
	event string
	seats []string
}

const noIndex = -1

// NewTakenError returns the error that says that these seats of an event are not
// available. It is for implementations of [Store]. It panics if no seat is named.
func NewTakenError(event string, seats ...string) *TakenError {
	if len(seats) == 0 {
		panic(errors.New("seatmap: NewTakenError: no seat is named"))
	}
	return &TakenError{of: &taken{event: event, seats: slices.Clone(seats)}, seat: noIndex}
}

// NewNotForSaleError is as [NewTakenError], for seats of which one is closed.
func NewNotForSaleError(event string, seats ...string) *TakenError {
	if len(seats) == 0 {
		panic(errors.New("seatmap: NewNotForSaleError: no seat is named"))
	}
	return &TakenError{of: &taken{event: event, seats: slices.Clone(seats), closed: true}, seat: noIndex}
}

// Event returns the name of the event.
func (e *TakenError) Event() string {
	switch {
	case e.of == nil:
		return ""
	case e.of.plan == nil:
		return e.of.event
	}
	return e.of.plan.name
}

// Seat returns the label of the first seat found taken.
func (e *TakenError) Seat() string {
	switch {
	case e.of == nil:
		return ""
	case e.of.plan == nil:
		return e.of.seats[0]
	}
	return e.of.plan.labels().label(int(e.seat))
}

// Index returns the index of the first seat found taken, or -1 if the store does
// not know it.
func (e *TakenError) Index() int {
	if e.of == nil {
		return noIndex
	}
	return int(e.seat)
}

// Seats returns the labels of the taken seats: all of them if the request said
// ListTaken, else the first found.
func (e *TakenError) Seats() []string {
	switch {
	case e.of == nil:
		return nil
	case e.of.plan == nil:
		return slices.Clone(e.of.seats)
	case e.of.list == nil:
		return []string{e.Seat()}
	}
	return e.of.plan.labels().labelsOf(e.of.list)
}

// Error returns the message. It names at most 16 seats.
func (e *TakenError) Error() string {
	const most = 16
	var b strings.Builder
	if e.of != nil && e.of.closed {
		b.WriteString(ErrNotForSale.Error())
	} else {
		b.WriteString(ErrTaken.Error())
	}
	if name := e.Event(); name != "" {
		b.WriteString(": event " + strconv.Quote(truncate(name)))
	}
	seats := e.Seats()
	for i, seat := range seats[:min(len(seats), most)] {
		switch {
		case i > 0:
			b.WriteString(", ")
		case e.Event() != "":
			b.WriteString(" seat ")
		default:
			b.WriteString(": seat ")
		}
		b.WriteString(truncate(seat))
	}
	if n := len(seats) - most; n > 0 {
		b.WriteString(" and " + strconv.Itoa(n) + " more")
	}
	return b.String()
}

// Unwrap returns [ErrTaken].
func (e *TakenError) Unwrap() error { return ErrTaken }

// Is reports whether target is [ErrNotForSale] and one of the seats is closed.
func (e *TakenError) Is(target error) bool {
	return target == ErrNotForSale && e.of != nil && e.of.closed
}

// AreaError names an area that has fewer places than a request asked for. It wraps
// [ErrNotEnough]. A [Map] makes one for each area of an event and returns the same one
// again.
type AreaError struct {
	event, area string
}

// NewAreaError returns the error that says that an area of an event has fewer places
// than a request asked for. It is for implementations of [Store].
func NewAreaError(event, area string) *AreaError { return &AreaError{event, area} }

// Event returns the name of the event.
func (e *AreaError) Event() string { return e.event }

// Area returns the name of the area.
func (e *AreaError) Area() string { return e.area }

// Error returns the message.
func (e *AreaError) Error() string {
	return fmt.Sprintf("%v: event %q area %q", ErrNotEnough, truncate(e.event), truncate(e.area))
}

// Unwrap returns [ErrNotEnough].
func (e *AreaError) Unwrap() error { return ErrNotEnough }

// KeyError says how a request differs from the one that its idempotency key
// belongs to. It wraps [ErrKeyReused].
type KeyError struct {
	differs []string
}

// NewKeyError returns the error that says that these fields of a request differ
// from those of the request that its key belongs to. It is for implementations of
// [Store]; see [KeyError.Differs].
func NewKeyError(fields ...string) *KeyError { return &KeyError{slices.Clone(fields)} }

// Differs returns what differs: "method" alone if the key was used in another
// method, else some of "Token", "Seats", "Places", "N", "Where", "TTL", "Reference",
// "Layout", "Limits" and, of operators, "User", "Seat" and "Fence".
func (e *KeyError) Differs() []string { return slices.Clone(e.differs) }

// Error returns the message. It shows neither the key nor the values.
func (e *KeyError) Error() string {
	if len(e.differs) == 0 {
		return ErrKeyReused.Error()
	}
	return ErrKeyReused.Error() + ": other " + strings.Join(e.differs, ", ")
}

// Unwrap returns [ErrKeyReused].
func (e *KeyError) Unwrap() error { return ErrKeyReused }

// truncate shortens a text for an error.
func truncate(text string) string {
	n := 64
	if len(text) <= n {
		return text
	}
	for n > 60 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "…"
}
