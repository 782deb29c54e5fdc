package seatmap

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// What the world does.
var (
	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("seatmap: closed")
	// ErrExists says that there is an event of that name.
	ErrExists = errors.New("seatmap: event exists")
	// ErrUnknownEvent says that there is no such event, or no longer.
	ErrUnknownEvent = errors.New("seatmap: unknown event")
	// ErrUnknownSeat says that the event has no such seat.
	ErrUnknownSeat = errors.New("seatmap: unknown seat")
	// ErrTaken says that a seat is not available. It is always wrapped:
	// [*TakenError] names the seat, [ErrSoldOut] and [ErrNotEnough] speak of the
	// event.
	ErrTaken = errors.New("seatmap: taken")
	// ErrSoldOut says that the event has no available seat at all. A request that
	// races with the sale of the last one may get a [*TakenError] instead.
	ErrSoldOut = fmt.Errorf("%w: sold out", ErrTaken)
	// ErrNotEnough says that BlockAny found fewer seats than it was asked for,
	// or none that lie together.
	ErrNotEnough = fmt.Errorf("%w: not enough seats", ErrTaken)
	// ErrLimit says that the request goes beyond the event's [Limits].
	ErrLimit = errors.New("seatmap: limit reached")
	// ErrExpired says that the hold or booking that a token names is over: it
	// reached its deadline, or was booked, released or canceled, or its event was
	// removed and made again.
	ErrExpired = errors.New("seatmap: hold is over")
	// ErrToken says that the token was never given out, or not for this: it is
	// zero, forged, damaged, of another event or another store, of a booking where
	// a hold's is asked for or the other way round, or not the user's. A damaged
	// token is never [ErrExpired], not even when its hold is over.
	ErrToken = errors.New("seatmap: not a valid token")
	// ErrKeyReused says that the idempotency key stands for another request. It is
	// always wrapped: [*KeyError] says what differs.
	ErrKeyReused = errors.New("seatmap: key was used for another request")
	// ErrSecret says that a [Token] or [Key] was about to be encoded, as JSON for
	// example. Nothing encodes a secret by accident; Reveal returns it.
	ErrSecret = errors.New("seatmap: a secret is not encoded: use Reveal")
)

// A caller's bad input.
var (
	// ErrInvalid is what all errors about the form of a request wrap.
	ErrInvalid = errors.New("seatmap: invalid")
	// ErrInvalidEvent says that the event name is empty or too long.
	ErrInvalidEvent = fmt.Errorf("%w event name", ErrInvalid)
	// ErrInvalidLayout says that a layout has no seats, too many, an empty or
	// repeated label, or closes a seat that it does not have.
	ErrInvalidLayout = fmt.Errorf("%w layout", ErrInvalid)
	// ErrInvalidLimits says that a limit is negative.
	ErrInvalidLimits = fmt.Errorf("%w limits", ErrInvalid)
	// ErrInvalidUser says that the user name is empty or too long.
	ErrInvalidUser = fmt.Errorf("%w user name", ErrInvalid)
	// ErrInvalidKey says that the idempotency key is too long.
	ErrInvalidKey = fmt.Errorf("%w idempotency key", ErrInvalid)
	// ErrInvalidSeats says that a request names no seat, the same seat twice, more
	// than [MaxSeats], or one that its token does not cover, or asks for fewer than
	// one. A list of seats that is empty and not nil names no seat. That the token
	// does not cover a seat is said only when nothing else is wrong.
	ErrInvalidSeats = fmt.Errorf("%w seats", ErrInvalid)
	// ErrInvalidTTL says that a duration is not positive, or beyond [MaxTTL].
	ErrInvalidTTL = fmt.Errorf("%w duration", ErrInvalid)
	// ErrInvalidCursor says that a text is not that of a [Cursor].
	ErrInvalidCursor = fmt.Errorf("%w cursor", ErrInvalid)
)

// TakenError says which seats were not available. It wraps [ErrTaken].
//
// There is one for each seat of an event, made once, so that a refusal does not
// allocate. As long as it is kept, it keeps the event in memory.
type TakenError struct {
	of   *taken
	seat int32
}

// taken is what TakenErrors have in common.
type taken struct {
	plan *Plan
	list []int // all conflicts, when the request asked for them
}

// Event returns the name of the event.
func (e *TakenError) Event() string { return e.of.plan.name }

// Seat returns the label of the first seat found taken.
func (e *TakenError) Seat() string { return e.of.plan.labels.label(int(e.seat)) }

// Index returns the index of the first seat found taken.
func (e *TakenError) Index() int { return int(e.seat) }

// Seats returns the labels of the taken seats: all of them when the request
// said ListTaken, else the first found.
func (e *TakenError) Seats() []string {
	if e.of.list == nil {
		return []string{e.Seat()}
	}
	labels := make([]string, len(e.of.list))
	for i, seat := range e.of.list {
		labels[i] = e.of.plan.labels.label(seat)
	}
	return labels
}

// Error returns the message. It names 16 seats at most.
func (e *TakenError) Error() string {
	const most = 16
	var b strings.Builder
	b.WriteString("seatmap: taken: ")
	if name := e.Event(); name != "" {
		b.WriteString("event " + strconv.Quote(truncate(name)) + " ")
	}
	list := e.of.list
	if list == nil {
		list = []int{int(e.seat)}
	}
	for i, seat := range list[:min(len(list), most)] {
		if i == 0 {
			b.WriteString("seat ")
		} else {
			b.WriteString(", ")
		}
		b.WriteString(truncate(e.of.plan.labels.label(seat)))
	}
	if n := len(list) - most; n > 0 {
		b.WriteString(" and " + strconv.Itoa(n) + " more")
	}
	return b.String()
}

// Unwrap returns [ErrTaken].
func (e *TakenError) Unwrap() error { return ErrTaken }

// KeyError says in what a request differs from the one that its idempotency key
// stands for. It wraps [ErrKeyReused].
type KeyError struct {
	differs []string
}

// Differs returns what differs: "method" alone when the key was used in another
// method, else some of "Seats", "N", "Where", "TTL" and "Token".
func (e *KeyError) Differs() []string { return slices.Clone(e.differs) }

// Error returns the message. It shows neither the key nor the values.
func (e *KeyError) Error() string {
	return ErrKeyReused.Error() + ": other " + strings.Join(e.differs, ", ")
}

// Unwrap returns [ErrKeyReused].
func (e *KeyError) Unwrap() error { return ErrKeyReused }

// truncate shortens a text for an error.
func truncate(text string) string {
	if len(text) > 64 {
		return text[:64] + "…"
	}
	return text
}
