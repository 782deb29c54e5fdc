package seatmap

import (
	"slices"
)

// This file is what Plan does under its lock. Holds and bookings are rings of
// seats; all of them are granted, changed and ended here, and in set and link.

// word returns the word of a seat. It needs no lock.
func (p *Plan) word(seat int) uint64 { return p.words[seat<<p.shift].Load() }

// deadline returns the deadline of a blocked seat. It needs no lock.
func (p *Plan) deadline(seat uint32) int64 { return int64(p.word(int(seat)) >> stateBits) }

// set is the one writer of words. The caller sees to earliest and the gate.
func (p *Plan) set(seat uint32, word uint64) {
	w := &p.words[int(seat)<<p.shift]
	c := &p.chunks[seat/chunkSeats]
	before, after := State(w.Load()&stateMask), State(word&stateMask)
	p.totals[before]--
	p.totals[after]++
	if before == Available {
		c.available--
	}
	if after == Available {
		c.available++
	}
	if after == Blocked {
		c.earliest = min(c.earliest, int64(word>>stateBits))
	}
	w.Store(word)
}

// setGate tells refusals whether there is anything to be had.
func (p *Plan) setGate() {
	gate := int64(0)
	if p.totals[Available] == 0 {
		gate = p.earliest.Load()
	}
	if p.gate.Load() != gate {
		p.gate.Store(gate)
	}
}

// link makes a ring of the seats, which begins with the first.
func (p *Plan) link(seats []uint32) {
	last := len(seats) - 1
	for i, seat := range seats {
		r := &p.records[seat]
		r.lead = seats[0]
		r.next = seats[0]
		if i < last {
			r.next = seats[i+1]
		}
	}
}

// seats appends the seats of the hold or booking that begins at lead.
func (p *Plan) seats(to []uint32, lead uint32) []uint32 {
	for seat := lead; ; {
		to = append(to, seat)
		if seat = p.records[seat].next; seat == lead {
			return to
		}
	}
}

// look returns the state of a seat as it is now, and for one that is blocked or
// booked the record where its hold or booking begins.
func (p *Plan) look(now int64, seat uint32) (State, *record) {
	word := p.word(int(seat))
	switch state := State(word & stateMask); state {
	case Blocked:
		if int64(word>>stateBits) <= now {
			return Available, nil
		}
		fallthrough
	case Booked:
		return state, &p.records[p.records[seat].lead]
	case Available, Closed:
		return state, nil
	}
	panic("unreachable")
}

// tidy says whether the seat is available, and makes its word say so too.
func (p *Plan) tidy(now int64, seat int) bool {
	word := p.word(seat)
	switch State(word & stateMask) {
	case Available:
		return true
	case Blocked:
		if int64(word>>stateBits) <= now {
			p.expire(p.records[seat].lead)
			return true
		}
	case Booked, Closed:
	}
	return false
}

// grant blocks the seats, which are available, and returns where the hold
// begins. The question, if there is one, is remembered before any seat is seen to
// be taken, so that whoever repeats it meanwhile does not get a refusal.
func (p *Plan) grant(now, until int64, user uint64, seats []int, q *question) uint32 {
	ring := p.scratch[:0]
	for _, seat := range seats {
		ring = append(ring, uint32(seat))
	}
	p.scratch = ring
	p.touch(ring)
	head := p.begin(ring[0], user, now)
	p.link(ring)
	if q != nil {
		head.slot = p.event.remember(now, q, user)
	}
	p.setDeadline(ring, until)
	p.changed(KindBlocked, head, ring, until)
	return ring[0]
}

// begin begins a new hold or booking at that seat.
func (p *Plan) begin(seat uint32, user uint64, now int64) *record {
	p.fence++
	r := &p.records[seat]
	r.fence, r.user, r.at, r.slot, r.first = p.fence, user, now, noSlot, seat
	r.tag = p.tags.draw(p.fence).with(seat)
	return r
}

// setDeadline blocks the seats of one hold until then.
func (p *Plan) setDeadline(seats []uint32, until int64) {
	for _, seat := range seats {
		p.set(seat, uint64(until)<<stateBits|uint64(Blocked))
	}
	if until < p.earliest.Load() {
		p.earliest.Store(until)
		if p.event != nil {
			p.event.askAnew()
		}
	}
	p.setGate()
}

// extend moves the deadline of the hold that begins at lead, unless it is later
// already, and returns it.
func (p *Plan) extend(lead uint32, until int64) int64 {
	if current := p.deadline(lead); until <= current {
		return current
	}
	p.scratch = p.seats(p.scratch[:0], lead)
	p.touch(p.scratch)
	p.setDeadline(p.scratch, until)
	p.changed(KindExtended, &p.records[lead], p.scratch, until)
	return until
}

// book makes part of the hold that begins at lead a booking, and returns where
// that begins. For the question see grant.
func (p *Plan) book(now int64, lead uint32, part []uint32, q *question) uint32 {
	p.touch(part)
	hold, over := p.detach(now, lead, part)
	if over {
		hold.fence = 0
	}
	head := p.begin(part[0], hold.user, now)
	p.link(part)
	if q != nil {
		head.slot = p.event.remember(now, q, head.user)
	}
	for _, seat := range part {
		p.set(seat, uint64(Booked))
	}
	p.setGate()
	p.changed(KindBooked, head, part, 0)
	return part[0]
}

// vacate makes part of the hold or booking that begins at lead available.
func (p *Plan) vacate(now int64, lead uint32, part []uint32, kind Kind) {
	p.touch(part)
	until := p.deadline(lead) // 0 for a booking
	head, over := p.detach(now, lead, part)
	for _, seat := range part {
		p.set(seat, uint64(Available))
	}
	p.setGate()
	p.changed(kind, head, part, until)
	if over {
		head.fence = 0
	}
}

// expire ends the hold that begins at lead, all of it.
func (p *Plan) expire(lead uint32) {
	p.scratch = p.seats(p.scratch[:0], lead)
	p.vacate(p.deadline(lead), lead, p.scratch, KindExpired)
}

// detach takes part of the hold or booking that begins at lead out of its ring,
// and returns where its record is now. When nothing is left it is over, and the
// caller must clear the fence in the record when he has no more use for it.
func (p *Plan) detach(now int64, lead uint32, part []uint32) (head *record, over bool) {
	state := State(p.word(int(lead)) & stateMask)
	head = &p.records[lead]
	p.rest = p.seats(p.rest[:0], lead)
	if len(part) == len(p.rest) {
		if len(p.moved) > 0 {
			delete(p.moved, head.fence)
		}
		if p.event != nil {
			p.event.over(now, state, head)
		}
		return head, true
	}
	for _, seat := range part {
		p.records[seat].lead = noSeat
	}
	p.rest = slices.DeleteFunc(p.rest, func(seat uint32) bool { return p.records[seat].lead == noSeat })
	if first := p.rest[0]; first != lead {
		p.records[first] = *head
		head.fence = 0
		head = &p.records[first]
		if p.moved == nil {
			p.moved = map[uint64]uint32{}
		}
		p.moved[head.fence] = first
		if p.event != nil && state == Blocked {
			p.event.moved(lead, first)
		}
	}
	p.link(p.rest)
	return head, false
}

// changed counts a change and tells the event, if there is one.
func (p *Plan) changed(kind Kind, head *record, seats []uint32, until int64) {
	p.revision++
	if p.event != nil {
		p.event.changed(kind, head, seats, until)
	}
}
