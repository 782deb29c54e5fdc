package seatmap

import (
	"slices"
)

// This file has what Plan does under its lock. Holds and bookings are rings of seats,
// and of blocks of places; see area.go.
// All grants, changes and ends of them are here.

// word returns the word of a seat. It needs no lock.
func (p *Plan) word(seat int) uint64 { return p.slot(seat).Load() }

// deadline returns the deadline of a blocked seat or block.
func (p *Plan) deadline(entry uint32) int64 { return int64(p.wordOf(entry) >> stateBits) }

// set is the only writer of words. The caller updates earliest and availableAt.
func (p *Plan) set(seat uint32, word uint64) {
	if seat >= firstBlock {
		p.setBlock(seat, word)
		return
	}
	w := p.slot(int(seat))
	c := &p.chunks[seat/chunkSeats]
	before, after := SeatState(w.Load()&stateMask), SeatState(word&stateMask)
	p.totals[before]--
	p.totals[after]++
	if before == SeatAvailable {
		c.available--
	}
	if after == SeatAvailable {
		c.available++
	}
	if after == SeatBlocked && word>>stateBits != endless {
		c.earliest = min(c.earliest, int64(word>>stateBits))
	}
	w.Store(word)
}

// setAvailableAt updates availableAt after words or earliest have changed.
func (p *Plan) setAvailableAt() {
	at := int64(0)
	if p.totals[SeatAvailable] == 0 {
		at = p.earliest.Load()
	}
	if p.availableAt.Load() != at {
		p.availableAt.Store(at)
	}
}

// link makes a ring of the seats, which begins with the first.
func (p *Plan) link(seats []uint32) {
	last := len(seats) - 1
	for i, seat := range seats {
		r := p.rec(seat)
		r.head = seats[0]
		r.next = seats[0]
		if i < last {
			r.next = seats[i+1]
		}
	}
}

// seats appends the seats of the hold or booking that begins at head.
func (p *Plan) seats(to []uint32, head uint32) []uint32 {
	for seat := head; ; {
		to = append(to, seat)
		if seat = p.rec(seat).next; seat == head {
			return to
		}
	}
}

// stateAt returns the state of a seat at that time. For a seat that is blocked or
// booked it also returns the record where its hold or booking begins.
func (p *Plan) stateAt(now int64, seat uint32) (SeatState, *record) {
	word := p.word(int(seat))
	switch state := SeatState(word & stateMask); state {
	case SeatBlocked:
		if int64(word>>stateBits) <= now {
			return p.vacant(seat), nil
		}
		fallthrough
	case SeatBooked:
		return state, p.rec(p.rec(seat).head)
	case SeatAvailable, SeatClosed:
		return state, nil
	}
	panic("unreachable")
}

// expireIfDue reports whether the seat is available. If its word says that it is
// blocked, but the deadline has passed, expireIfDue ends the hold.
func (p *Plan) expireIfDue(now int64, seat int) bool {
	word := p.word(seat)
	switch SeatState(word & stateMask) {
	case SeatAvailable:
		return true
	case SeatBlocked:
		if int64(word>>stateBits) <= now {
			p.expire(p.rec(uint32(seat)).head)
			return p.word(seat) == uint64(SeatAvailable) // it may be closed
		}
	case SeatBooked, SeatClosed:
	}
	return false
}

// grant blocks the seats, which are available, and returns where the hold begins.
// The request, if it has a key, is remembered before another goroutine can see that
// a seat is taken. So a repetition that runs at the same time is not refused.
func (p *Plan) grant(now, until int64, user uint64, seats []int, q *keyedRequest) uint32 {
	ring := p.seatBuf[:0]
	for _, seat := range seats {
		ring = append(ring, uint32(seat))
	}
	p.seatBuf = ring
	p.touch(ring)
	rec := p.begin(ring[0], user, now)
	p.link(ring)
	if q != nil {
		rec.slot = p.event.remember(now, q, user)
	}
	p.setDeadline(ring, until)
	p.changed(ChangeBlocked, rec, ring, until)
	return ring[0]
}

// begin begins a new hold or booking at that seat.
func (p *Plan) begin(seat uint32, user uint64, now int64) *record {
	p.fence++
	r := p.rec(seat)
	r.fence, r.user, r.at, r.slot, r.first = p.fence, user, now, noSlot, seat
	r.tag = p.tags.seal(p.tags.draw(p.fence).with(seat))
	return r
}

// setDeadline sets the words of the seats of one hold.
func (p *Plan) setDeadline(seats []uint32, until int64) {
	for _, seat := range seats {
		p.set(seat, uint64(until)<<stateBits|uint64(SeatBlocked))
	}
	if until < p.earliest.Load() && until != endless {
		p.earliest.Store(until)
		if p.event != nil {
			p.event.scheduleSweep()
		}
	}
	p.setAvailableAt()
}

// extend moves the deadline of the hold that begins at head, unless it is already
// later, and returns the deadline.
func (p *Plan) extend(head uint32, until int64) int64 {
	if current := p.deadline(head); until <= current {
		return current
	}
	p.seatBuf = p.seats(p.seatBuf[:0], head)
	p.touch(p.seatBuf)
	p.setDeadline(p.seatBuf, until)
	p.changed(ChangeExtended, p.rec(head), p.seatBuf, until)
	return until
}

// book makes part of the hold that begins at head a booking, and returns where the
// booking begins. For q see grant.
func (p *Plan) book(now int64, head uint32, part []uint32, q *keyedRequest) uint32 {
	hold, over := p.detach(now, head, part)
	if over {
		hold.fence = 0
	}
	rec := p.begin(part[0], hold.user, now)
	p.link(part)
	if q != nil {
		rec.slot = p.event.remember(now, q, rec.user)
	}
	for _, seat := range part {
		p.set(seat, uint64(SeatBooked))
	}
	p.setAvailableAt()
	p.changed(ChangeBooked, rec, part, 0)
	return part[0]
}

// vacate makes part of the hold or booking that begins at head available.
func (p *Plan) vacate(now int64, head uint32, part []uint32, kind ChangeKind) {
	until := p.deadline(head) // 0 for a booking
	rec, over := p.detach(now, head, part)
	for _, seat := range part {
		p.set(seat, uint64(p.vacant(seat)))
	}
	p.setAvailableAt()
	p.changed(kind, rec, part, until)
	if over {
		rec.fence = 0
	}
	if p.areas != nil {
		p.freeBlocks(part)
	}
}

// expire ends the hold that begins at head.
func (p *Plan) expire(head uint32) {
	p.seatBuf = p.seats(p.seatBuf[:0], head)
	p.vacate(p.deadline(head), head, p.seatBuf, ChangeExpired)
}

// detach removes part of the hold or booking that begins at head from its ring, and
// returns its record, which may have moved. If no seat is left, the hold or booking
// has ended; then the caller must clear the fence in the record when it is done with
// the record.
func (p *Plan) detach(now int64, head uint32, part []uint32) (rec *record, over bool) {
	state := SeatState(p.wordOf(head) & stateMask)
	rec = p.rec(head)
	p.restBuf = p.seats(p.restBuf[:0], head)
	p.touch(p.restBuf)
	if len(part) == len(p.restBuf) {
		if len(p.headOf) > 0 {
			delete(p.headOf, rec.fence)
		}
		if p.event != nil {
			p.event.holdEnded(now, state, rec)
		}
		return rec, true
	}
	for _, seat := range part {
		p.rec(seat).head = noSeat
	}
	p.restBuf = slices.DeleteFunc(p.restBuf, func(seat uint32) bool { return p.rec(seat).head == noSeat })
	if first := p.restBuf[0]; first != head {
		*p.rec(first) = *rec
		rec.fence = 0
		rec = p.rec(first)
		if p.headOf == nil {
			p.headOf = map[uint64]uint32{}
		}
		p.headOf[rec.fence] = first
		if p.event != nil {
			p.event.grantMoved(head, first, state)
		}
	}
	p.link(p.restBuf)
	return rec, false
}

// changed counts a change and reports it to the event, if there is one.
func (p *Plan) changed(kind ChangeKind, rec *record, seats []uint32, until int64) {
	p.revision++
	if p.event != nil {
		p.event.changed(kind, rec, seats, until)
	}
}
