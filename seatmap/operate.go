package seatmap

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// This file is what an event does for operators.

// endless is the deadline of a hold without one.
const endless = math.MaxInt64 >> stateBits

// operation is what the change of an operator has more than others.
type operation struct {
	actor, reason string
	from          []uint32 // of a move
	paying        int64    // of a ChangePaying
}

// doing is who did something as an operator, and why.
type doing struct{ actor, reason string }

// grantedBy notes that an operator gave a hold or booking its fence.
func (e *event) grantedBy(fence uint64, by doing) {
	if e.granted == nil {
		e.granted = map[uint64]doing{}
	}
	e.granted[fence] = by
}

// by lets do make a change that names the operation.
func (e *event) by(op operation, do func()) {
	op.actor, op.reason = strings.Clone(op.actor), strings.Clone(op.reason) // they may be part of something large
	e.op = &op
	defer func() { e.op = nil }()
	do()
}

// decide carries out a request under the lock of the event and returns the earlier
// answer to a request with a key, or that of do. q is nil if the request has no key. do
// calls remembers, or grants with q. The most frequent requests begin in the same way in
// their own code, so that they make no fingerprint if they have no key.
func (e *event) decide(
	user string, key Key, asked fingerprint, do func(w wallTime, q *keyedRequest) (Hold, error),
) (Hold, error) {
	p := e.plan
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		return Hold{}, p.end
	}
	w := p.clock.wallTime()
	if key.IsZero() {
		return do(w, nil)
	}
	q := e.keys.request(user, key, asked)
	if old, err := e.repeats(w.mono, &q); old != nil || err != nil {
		return old.replay(w), err
	}
	return do(w, &q)
}

// remembers remembers the answer to a request that granted nothing, if it has a key.
func (e *event) remembers(now int64, q *keyedRequest, h *Hold) {
	if q != nil {
		e.rememberDone(now, q, strings.Clone(q.user), h)
	}
}

// holdAt returns where the hold or booking begins that a seat is in, if it has that
// fence, or fence is 0. It ends the hold if its deadline has passed.
func (p *Plan) holdAt(now int64, seat int, fence uint64) (head uint32, err error) {
	if !p.expireIfDue(now, seat) && SeatState(p.word(seat)&stateMask) != SeatClosed {
		if head = p.rec(uint32(seat)).head; fence == 0 || p.rec(head).fence == fence {
			return head, nil
		}
	}
	return 0, fmt.Errorf("%w: seat %s is in no such hold or booking", ErrExpired, truncate(p.labels.label(seat)))
}

func (e *event) revoke(r *RevokeRequest) (Receipt, error) {
	p := e.plan
	seats, err := e.seats(nil, r.Seats)
	if err != nil {
		return Receipt{}, err
	}
	var places []somePlaces
	if r.Places != nil {
		if places, err = e.places([]somePlaces{}, r.Places); err != nil {
			return Receipt{}, err
		}
	}
	at, err := e.seats(nil, []string{r.Seat})
	if err != nil {
		return Receipt{}, err
	}
	asked := fingerprint{
		method: methodRevoke, seats: printOfSeats(r.Seats), places: printOfPlaces(r.Places),
		token: tokenPrint{fence: r.Fence, seat: uint32(at[0])},
	}
	h, err := e.decide(r.Actor, r.Key, asked, func(w wallTime, q *keyedRequest) (h Hold, err error) {
		head, err := p.holdAt(w.mono, at[0], r.Fence)
		if err != nil {
			return Hold{}, err
		}
		part, err := p.part(head, seats, places)
		if err != nil {
			return Hold{}, err
		}
		kind := ChangeReleased
		if SeatState(p.wordOf(head)&stateMask) == SeatBooked {
			kind = ChangeCanceled
		}
		e.asks(q)
		e.by(operation{actor: r.Actor, reason: r.Reason}, func() { p.vacate(w.mono, head, part, kind) })
		e.remembers(w.mono, q, &Hold{})
		return Hold{}, nil
	})
	return Receipt{Replayed: h.Replayed}, err
}

func (e *event) reissue(r *ReissueRequest) (Hold, error) {
	p := e.plan
	at, err := e.seats(nil, []string{r.Seat})
	if err != nil {
		return Hold{}, err
	}
	asked := fingerprint{method: methodReissue, token: tokenPrint{fence: r.Fence, seat: uint32(at[0])}}
	return e.decide(r.Actor, r.Key, asked, func(w wallTime, q *keyedRequest) (h Hold, err error) {
		head, err := p.holdAt(w.mono, at[0], r.Fence)
		if err != nil {
			return Hold{}, err
		}
		p.seatBuf = p.seats(p.seatBuf[:0], head)
		seats := p.seatBuf
		p.touch(seats)
		e.asks(q)
		e.takesFrom(head)
		delete(p.headOf, p.rec(head).fence)
		p.renew(head)
		e.by(operation{actor: r.Actor, reason: r.Reason}, func() {
			p.changed(ChangeReissued, p.rec(head), seats, p.deadline(head))
		})
		e.describe(w, head, seats, &h)
		e.remembers(w.mono, q, &h)
		return h, nil
	})
}

// renew gives the hold or booking that begins at head a new fence and token.
func (p *Plan) renew(head uint32) {
	p.fence++
	r := p.rec(head)
	p.event.renewed(r.fence, p.fence)
	r.fence, r.first = p.fence, head
	r.tag = p.tags.seal(p.tags.draw(p.fence).with(head))
}

func (e *event) move(r *MoveRequest) (Hold, error) {
	p := e.plan
	to, err := e.seats(nil, r.To)
	if err != nil {
		return Hold{}, err
	}
	at, err := e.seats(nil, []string{r.Seat})
	if err != nil {
		return Hold{}, err
	}
	asked := fingerprint{
		method: methodMove, seats: printOfSeats(r.To), token: tokenPrint{fence: r.Fence, seat: uint32(at[0])},
	}
	return e.decide(r.Actor, r.Key, asked, func(w wallTime, q *keyedRequest) (h Hold, err error) {
		head, notFound := p.holdAt(w.mono, at[0], r.Fence)
		var from, blocks []uint32
		if notFound == nil {
			from = p.seats(nil, head)
			blocks = slices.DeleteFunc(slices.Clone(from), func(entry uint32) bool { return int(entry) < p.count })
			from = slices.DeleteFunc(from, func(entry uint32) bool { return int(entry) >= p.count })
		}
		others := slices.DeleteFunc(slices.Clone(to), func(seat int) bool { return slices.Contains(from, uint32(seat)) })
		switch err := p.checkFree(w.mono, others); {
		case err != nil:
			return Hold{}, err
		case notFound != nil:
			return Hold{}, notFound
		case len(to) != len(from):
			return Hold{}, fmt.Errorf("%w: %d to move %d to", ErrInvalidSeats, len(to), len(from))
		}
		seats := make([]uint32, len(to))
		for i, seat := range to {
			seats[i] = uint32(seat)
		}
		seats = append(seats, blocks...) // places stay
		e.asks(q)
		e.takesFrom(head)
		e.by(operation{actor: r.Actor, reason: r.Reason, from: from}, func() { p.move(head, from, seats) })
		e.describe(w, seats[0], seats, &h)
		e.remembers(w.mono, q, &h)
		return h, nil
	})
}

// move moves the hold or booking that begins at head from its seats to other ones, which
// are available or its own, and its blocks, which follow them.
func (p *Plan) move(head uint32, from, to []uint32) {
	p.touch(from)
	p.touch(to)
	word, rec := p.wordOf(head), *p.rec(head)
	delete(p.headOf, rec.fence)
	p.rec(head).fence = 0
	for _, seat := range from {
		p.set(seat, uint64(p.vacant(seat)))
	}
	*p.rec(to[0]) = rec
	p.link(to)
	p.renew(to[0])
	for _, seat := range to {
		p.set(seat, word)
	}
	p.setAvailableAt()
	if SeatState(word&stateMask) == SeatBlocked && to[0] != head {
		p.event.holdMoved(head, to[0])
	}
	p.changed(ChangeMoved, p.rec(to[0]), to, int64(word>>stateBits))
}

func (e *event) reserve(r *ReserveRequest) (Hold, error) {
	p := e.plan
	seats, err := e.seats(nil, r.Seats)
	if err != nil {
		return Hold{}, err
	}
	places, err := e.places(nil, r.Places)
	if err != nil {
		return Hold{}, err
	}
	asked := fingerprint{
		method: methodReserve, seats: printOfSeats(r.Seats), places: printOfPlaces(r.Places), where: addText(1, r.User),
	}
	return e.decide(r.Actor, r.Key, asked, func(w wallTime, q *keyedRequest) (h Hold, err error) {
		if err := p.checkFree(w.mono, seats); err != nil {
			return Hold{}, err
		}
		if err := p.checkPlaces(w.mono, places); err != nil {
			return Hold{}, err
		}
		user := e.users.open(r.User)
		seats = p.addBlocks(seats, places)
		var head uint32
		e.by(operation{actor: r.Actor, reason: r.Reason}, func() { head = p.grant(w.mono, endless, user, seats, q) })
		e.describe(w, head, p.seatBuf, &h)
		e.keep(head, &h)
		return h, nil
	})
}
