package seatmap

import (
	"context"
	"fmt"
	"log/slog"
)

// Operator is a [Store] that lets those who run an event act without a token. It does
// not check who calls: offer its methods to operators only.
//
// Each request names an actor and a reason, which are in the change that watchers see.
// A hold or booking is named by one of its seats, and by its fence, as [SeatInfo] has
// them: if the seat has been given to another one meanwhile, the request fails with
// [ErrExpired]. The fence 0 stands for whatever hold or booking the seat is in. Without a
// seat the fence alone names it, as for one that has only places of areas; see
// [PlacesInfo]. A request with neither is refused with [ErrInvalidSeats]. The
// errors come in the order that [Store] has; the actor and the reason are checked after
// the user, and [ErrExpired] is also the error if the seat is not held or booked.
//
// A key belongs to the actor, as the keys of other requests belong to the user. The
// answers of Reserve and ReserveAny are remembered as that of Block, all others as that of
// Release.
type Operator interface {
	// Revoke makes some or all seats of a hold or booking available again. Its
	// change is a [ChangeReleased] or [ChangeCanceled].
	Revoke(ctx context.Context, r RevokeRequest) (Receipt, error)
	// Reissue gives a hold or booking a new token and fence. The old token is
	// [ErrExpired] from then on. The answer of a booking has no deadline.
	Reissue(ctx context.Context, r ReissueRequest) (Hold, error)
	// Move moves a hold or booking to other seats, or places to other areas, all or none,
	// and reissues it.
	Move(ctx context.Context, r MoveRequest) (Hold, error)
	// Reserve holds seats for a user, such as the house, without a deadline and
	// whatever [Limits] say. The hold lasts until it is booked, released or revoked.
	Reserve(ctx context.Context, r ReserveRequest) (Hold, error)
	// ReserveAny is Reserve of N seats that the store chooses, as BlockAny does.
	ReserveAny(ctx context.Context, r ReserveAnyRequest) (Hold, error)
}

// RevokeRequest asks [Operator] to end a hold or booking, or a part of it.
type RevokeRequest struct {
	Event string
	Seat  string // one of the seats of the hold or booking, or empty
	Fence uint64 // of the hold or booking, or 0; see [Operator]
	// Actor is the name of the operator, Reason a name or empty. They are in the
	// change.
	Actor, Reason string
	Key           Key // makes the request safe to repeat; see [Store]
	// Seats is the seats to make available, and Places how many places in each area. If
	// both are nil, that means all of the hold or booking. If both are empty and one is
	// not nil, that is [ErrInvalidSeats].
	Seats  []string
	Places map[string]int
}

// LogValue returns the request without the text of its key.
func (r RevokeRequest) LogValue() slog.Value {
	return logOperation(r.Event, r.Actor, r.Reason, r.Key, slog.String("seat", r.Seat), slog.Uint64("fence", r.Fence),
		slog.Any("seats", r.Seats), slog.Any("places", r.Places))
}

// ReissueRequest asks [Operator] for a new token of a hold or booking.
type ReissueRequest struct {
	Event string
	Seat  string // one of the seats of the hold or booking, or empty
	Fence uint64 // of the hold or booking, or 0; see [Operator]
	// Actor is the name of the operator, Reason a name or empty. They are in the
	// change.
	Actor, Reason string
	Key           Key // makes the request safe to repeat; see [Store]
}

// LogValue returns the request without the text of its key.
func (r ReissueRequest) LogValue() slog.Value {
	return logOperation(r.Event, r.Actor, r.Reason, r.Key, slog.String("seat", r.Seat), slog.Uint64("fence", r.Fence))
}

// MoveRequest asks [Operator] to move a hold or booking to other seats or areas.
type MoveRequest struct {
	Event string
	Seat  string // one of the seats of the hold or booking, or empty
	Fence uint64 // of the hold or booking, or 0; see [Operator]
	// Actor is the name of the operator, Reason a name or empty. They are in the
	// change.
	Actor, Reason string
	Key           Key // makes the request safe to repeat; see [Store]
	// To is the seats after the move, as many as the hold or booking has. They must be
	// available, or its own. If To is empty, its seats stay.
	To []string
	// Places is how many places it has in each area after the move, in sum as many as it
	// has. If Places is empty, its places stay. If both are empty, that is
	// [ErrInvalidSeats].
	Places map[string]int
}

// LogValue returns the request without the text of its key.
func (r MoveRequest) LogValue() slog.Value {
	return logOperation(r.Event, r.Actor, r.Reason, r.Key, slog.String("seat", r.Seat), slog.Uint64("fence", r.Fence),
		slog.Any("to", r.To), slog.Any("places", r.Places))
}

// ReserveRequest asks [Operator] to hold seats without a deadline.
type ReserveRequest struct {
	Event string
	User  string // whose hold it is
	// Actor is the name of the operator, Reason a name or empty. They are in the
	// change.
	Actor, Reason string
	Key           Key // makes the request safe to repeat; see [Store]
	Seats         []string
	Places        map[string]int // how many in each area
}

// LogValue returns the request without the text of its key.
func (r ReserveRequest) LogValue() slog.Value {
	return logOperation(r.Event, r.Actor, r.Reason, r.Key, slog.String("user", r.User), slog.Any("seats", r.Seats),
		slog.Any("places", r.Places))
}

// ReserveAnyRequest asks [Operator] to choose seats and hold them without a deadline. The
// choice is that of [BlockAnyRequest].
type ReserveAnyRequest struct {
	Event string
	User  string // whose hold it is
	// Actor is the name of the operator, Reason a name or empty. They are in the
	// change.
	Actor, Reason string
	Key           Key // makes the request safe to repeat; see [Store]
	N             int // how many seats: 1 to [MaxSeats]
	Where         Where
}

// LogValue returns the request without the text of its key.
func (r ReserveAnyRequest) LogValue() slog.Value {
	return logOperation(r.Event, r.Actor, r.Reason, r.Key, slog.String("user", r.User), slog.Int("n", r.N), slog.Any("where", r.Where))
}

func logOperation(event, actor, reason string, key Key, more ...slog.Attr) slog.Value {
	return slog.GroupValue(append([]slog.Attr{
		slog.String("event", event), slog.String("actor", actor), slog.String("reason", reason), slog.Any("key", key),
	}, more...)...)
}

// Revoke implements [Operator]. A request without a seat looks at all seats and places of
// the event, about five nanoseconds each, with the event's lock held for at most 512 at a time.
// The error is [ErrClosed], the context's, [ErrInvalidEvent], [ErrInvalidActor],
// [ErrInvalidKey], [ErrInvalidSeats], [ErrUnknownEvent], [ErrUnknownSeat], a [*KeyError] or
// [ErrExpired].
func (m *Map) Revoke(ctx context.Context, r RevokeRequest) (Receipt, error) {
	e, err := m.operation(ctx, "Revoke", r.Event, nil, r.Actor, r.Reason, r.Key, r.checkSeats)
	if err != nil {
		return Receipt{}, err
	}
	return e.revoke(&r)
}

// Reissue implements [Operator]. The error is as for [Map.Revoke].
func (m *Map) Reissue(ctx context.Context, r ReissueRequest) (Hold, error) {
	e, err := m.operation(ctx, "Reissue", r.Event, nil, r.Actor, r.Reason, r.Key, r.checkSeats)
	if err != nil {
		return Hold{}, err
	}
	return e.reissue(&r)
}

// Move implements [Operator]. The error is as for [Map.Revoke], [ErrSoldOut], a
// [*TakenError] or an [*AreaError].
func (m *Map) Move(ctx context.Context, r MoveRequest) (Hold, error) {
	e, err := m.operation(ctx, "Move", r.Event, nil, r.Actor, r.Reason, r.Key, r.checkSeats)
	if err != nil {
		return Hold{}, err
	}
	return e.move(&r)
}

// Reserve implements [Operator]. The error is [ErrClosed], the context's,
// [ErrInvalidEvent], [ErrInvalidUser], [ErrInvalidActor], [ErrInvalidKey],
// [ErrInvalidSeats], [ErrUnknownEvent], [ErrUnknownSeat], a [*KeyError], [ErrSoldOut], a
// [*TakenError] or an [*AreaError].
func (m *Map) Reserve(ctx context.Context, r ReserveRequest) (Hold, error) {
	e, err := m.operation(ctx, "Reserve", r.Event, &r.User, r.Actor, r.Reason, r.Key, r.checkSeats)
	if err != nil {
		return Hold{}, err
	}
	return e.reserve(&r)
}

// ReserveAny implements [Operator]. Its cost is that of [Map.BlockAny]. The error is
// [ErrClosed], the context's, [ErrInvalidEvent], [ErrInvalidUser], [ErrInvalidActor],
// [ErrInvalidKey], [ErrInvalidSeats], [ErrUnknownEvent], a [*KeyError], [ErrSoldOut] or
// [ErrNotEnough].
func (m *Map) ReserveAny(ctx context.Context, r ReserveAnyRequest) (Hold, error) {
	e, err := m.operation(ctx, "ReserveAny", r.Event, &r.User, r.Actor, r.Reason, r.Key, r.checkSeats)
	if err != nil {
		return Hold{}, err
	}
	return e.reserveAny(&r)
}

// operation checks what the requests of operators have in common, and returns their
// event. user is nil if there is none.
func (m *Map) operation(
	ctx context.Context, method, event string, user *string, actor, reason string, key Key, checkSeats func() error,
) (*event, error) {
	if err := m.check(ctx, method); err != nil {
		return nil, err
	}
	e := m.event(event)
	if err := checkOperation(event, user, actor, reason, key); err != nil {
		return nil, err
	}
	if err := checkSeats(); err != nil {
		return nil, err
	}
	return e, e.exists(event)
}

// checkOperation checks the form of what the requests of operators have in common.
func checkOperation(event string, user *string, actor, reason string, key Key) error {
	if err := checkEvent(event); err != nil {
		return err
	}
	if user != nil {
		if err := checkUser(*user); err != nil {
			return err
		}
	}
	if err := checkDoing(actor, reason); err != nil {
		return err
	}
	return checkKey(key)
}

// checkDoing checks who does something as an operator, and why.
func checkDoing(actor, reason string) error {
	if err := checkName(actor, ErrInvalidActor); err != nil {
		return err
	}
	if reason != "" {
		if err := checkName(reason, ErrInvalidActor); err != nil {
			return fmt.Errorf("%w in the reason", err)
		}
	}
	return nil
}

// The checks of the form of what requests name.

func (r RevokeRequest) checkSeats() error {
	return firstError(checkTarget(r.Seat, r.Fence), checkPart(r.Seats, r.Places))
}

func (r ReissueRequest) checkSeats() error { return checkTarget(r.Seat, r.Fence) }

func (r MoveRequest) checkSeats() error {
	return firstError(checkTarget(r.Seat, r.Fence), checkWanted(r.To, r.Places))
}

func (r ReserveRequest) checkSeats() error { return checkWanted(r.Seats, r.Places) }

func (r ReserveAnyRequest) checkSeats() error {
	return firstError(checkN(r.N), checkWhere(&r.Where), checkQuotas(r.Where.Quotas))
}

// checkTarget checks that a hold or booking is named.
func checkTarget(seat string, fence uint64) error {
	if seat == "" && fence == 0 {
		return fmt.Errorf("%w: neither a seat nor a fence", ErrInvalidSeats)
	}
	return nil
}
