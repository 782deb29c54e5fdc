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

// operation is what the change of an operator, or with a reference, has more than others.
type operation struct {
	actor, reason string
	from          []uint32 // of a move: the seats and places before, in their lasting form
	paying        int64    // of a ChangePaying
	added         *Layout  // of a ChangeAdded
	quota         string   // of a ChangeQuota
	first         int      // of a ChangeAdded: the first seat that was added
	reference     string   // of the hold or booking
}

// with returns the operation, which may be nil, with a reference, which may be empty.
func (op *operation) with(reference string) *operation {
	if reference == "" {
		return op
	}
	var also operation
	if op != nil {
		also = *op
	}
	also.reference = reference
	return &also
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

// target is the hold or booking that a request of an operator names.
type target struct {
	seat  int // one of its seats, or noTarget
	fence uint64
	first uint32 // without a seat: where it began; noEntry if there is none
}

// noTarget is no seat, and small enough for an export.
const noTarget = MaxSeats

// target returns the hold or booking of a seat, or of a fence if there is no seat.
func (e *event) target(seat string, fence uint64) (t target, err error) {
	t = target{seat: noTarget, fence: fence, first: noEntry}
	if seat == "" {
		t.first = e.plan.firstOf(fence)
		return t, nil
	}
	at, err := e.seats(nil, []string{seat})
	if err == nil {
		t.seat = at[0]
	}
	return t, err
}

func (t *target) print() tokenPrint { return tokenPrint{fence: t.fence, seat: uint32(t.seat)} }

// firstOf returns a seat or block that headOfFence finds the hold or booking of a fence
// by, or noEntry. It holds the lock for one chunk at a time. A hold or booking that loses
// its first seat meanwhile is in headOf from then on.
func (p *Plan) firstOf(fence uint64) (found uint32) {
	look := func(from uint32) (found uint32, more bool) {
		p.mu.Lock()
		defer p.mu.Unlock()
		for entry := from; entry < from+chunkSeats; entry++ {
			if !p.isEntry(entry) {
				return noEntry, false
			}
			if p.rec(entry).fence == fence {
				return entry, false
			}
		}
		return noEntry, true
	}
	for _, from := range [...]uint32{0, firstBlock} {
		for more := true; more; from += chunkSeats {
			if found, more = look(from); found != noEntry {
				return found
			}
		}
	}
	return noEntry
}

// holdOf returns where the hold or booking begins that is named. It ends a hold whose
// deadline has passed.
func (p *Plan) holdOf(now int64, t target) (head uint32, err error) {
	if t.seat == noTarget {
		if head, ok := p.headOfFence(t.first, t.fence); ok && !p.expireHold(now, head) {
			return head, nil
		}
		return 0, fmt.Errorf("%w: no hold or booking has the fence %d", ErrExpired, t.fence)
	}
	if !p.expireIfDue(now, t.seat) && SeatState(p.word(t.seat)&stateMask) != SeatClosed {
		if head = p.rec(uint32(t.seat)).head; t.fence == 0 || p.rec(head).fence == t.fence {
			return head, nil
		}
	}
	return 0, fmt.Errorf("%w: seat %s is in no such hold or booking", ErrExpired, truncate(p.labels().label(t.seat)))
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
	at, err := e.target(r.Seat, r.Fence)
	if err != nil {
		return Receipt{}, err
	}
	h, err := e.decide(r.Actor, r.Key, printOfRevoke(r, at.print()), func(w wallTime, q *keyedRequest) (h Hold, err error) {
		head, err := p.holdOf(w.mono, at)
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
	at, err := e.target(r.Seat, r.Fence)
	if err != nil {
		return Hold{}, err
	}
	return e.decide(r.Actor, r.Key, printOfReissue(at.print()), func(w wallTime, q *keyedRequest) (h Hold, err error) {
		head, err := p.holdOf(w.mono, at)
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
	p.event.renewed(r.fence, grantName{p.fence, head})
	r.fence, r.first = p.fence, head
	r.tag = p.tags.seal(p.tags.draw(p.fence).with(head))
}

func (e *event) move(r *MoveRequest) (Hold, error) {
	p := e.plan
	to, err := e.seats(nil, r.To)
	if err != nil {
		return Hold{}, err
	}
	places, err := e.places(nil, r.Places)
	if err != nil {
		return Hold{}, err
	}
	at, err := e.target(r.Seat, r.Fence)
	if err != nil {
		return Hold{}, err
	}
	return e.decide(r.Actor, r.Key, printOfMove(r, at.print()), func(w wallTime, q *keyedRequest) (h Hold, err error) {
		head, notFound := p.holdOf(w.mono, at)
		var seats []uint32
		var had []somePlaces
		if notFound == nil {
			seats, had = p.apart(nil, head)
		}
		others := slices.DeleteFunc(slices.Clone(to), func(seat int) bool { return slices.Contains(seats, uint32(seat)) })
		if err := p.checkFree(w.mono, others, nil); err != nil {
			return Hold{}, err
		}
		if err := p.checkPlaces(w.mono, beyond(places, had), nil); err != nil {
			return Hold{}, err
		}
		switch {
		case notFound != nil:
			return Hold{}, notFound
		case len(to) > 0 && len(to) != len(seats):
			return Hold{}, fmt.Errorf("%w: %d seats to move %d to", ErrInvalidSeats, len(to), len(seats))
		case len(places) > 0 && count(places) != count(had):
			return Hold{}, fmt.Errorf("%w: %d places to move %d to", ErrInvalidSeats, count(places), count(had))
		}
		from := p.lasting(p.seats(nil, head))
		if len(to) > 0 {
			seats = seats[:0]
			for _, seat := range to {
				seats = append(seats, uint32(seat))
			}
		}
		if len(places) == 0 {
			places = had
		}
		e.asks(q)
		e.takesFrom(head)
		e.by(operation{actor: r.Actor, reason: r.Reason, from: from}, func() { seats = p.move(head, seats, places) })
		e.describe(w, seats[0], seats, &h)
		e.remembers(w.mono, q, &h)
		return h, nil
	})
}

// beyond returns by how many the places in each area are more than what is there already.
// Both are in the order of their areas.
func beyond(places, had []somePlaces) (more []somePlaces) {
	for _, some := range places {
		if i, ok := slices.BinarySearchFunc(had, some.area, func(s somePlaces, area uint32) int { return int(s.area) - int(area) }); ok {
			some.n -= had[i].n
		}
		if some.n > 0 {
			more = append(more, some)
		}
	}
	return more
}

// move moves the hold or booking that begins at head to seats and places that are
// available or its own. It returns its seats and blocks.
func (p *Plan) move(head uint32, to []uint32, places []somePlaces) []uint32 {
	from := p.seats(nil, head)
	p.touch(from)
	p.touch(to)
	word, rec := p.wordOf(head), *p.rec(head)
	delete(p.headOf, rec.fence)
	p.rec(head).fence = 0
	for _, entry := range from {
		p.set(entry, uint64(p.vacant(entry)))
	}
	p.freeBlocks(from)
	for _, some := range places {
		to = append(to, p.addBlock(some))
	}
	*p.rec(to[0]) = rec
	p.link(to)
	p.renew(to[0])
	for _, entry := range to {
		p.set(entry, word)
	}
	p.setAvailableAt()
	if to[0] != head {
		p.event.grantMoved(head, to[0], SeatState(word&stateMask))
	}
	p.changed(ChangeMoved, p.rec(to[0]), to, int64(word>>stateBits))
	return to
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
	return e.decide(r.Actor, r.Key, printOfReserve(r), func(w wallTime, q *keyedRequest) (h Hold, err error) {
		if err := p.checkFree(w.mono, seats, nil); err != nil {
			return Hold{}, err
		}
		if err := p.checkPlaces(w.mono, places, nil); err != nil {
			return Hold{}, err
		}
		return e.hold(w, doing{r.Actor, r.Reason}, r.User, p.addBlocks(seats, places), q), nil
	})
}

func (e *event) reserveAny(r *ReserveAnyRequest) (Hold, error) {
	return e.decide(r.Actor, r.Key, printOfReserveAny(r), func(w wallTime, q *keyedRequest) (Hold, error) {
		seats, err := e.plan.chooseWhere(w.mono, r.N, &r.Where)
		if err != nil {
			return Hold{}, err
		}
		return e.hold(w, doing{r.Actor, r.Reason}, r.User, seats, q), nil
	})
}

// hold holds seats and blocks, which are available, without a deadline.
func (e *event) hold(w wallTime, by doing, user string, entries []int, q *keyedRequest) (h Hold) {
	p := e.plan
	owner := e.users.open(user)
	var head uint32
	e.by(operation{actor: by.actor, reason: by.reason}, func() { head = p.grant(w.mono, endless, owner, entries, q) })
	e.describe(w, head, p.seatBuf, &h)
	e.keep(head, &h)
	return h
}
