package seatmap

// This file is what Plan does with whole chunks, under its lock.

// span returns the first seat of a chunk and the first of the next.
func (p *Plan) span(chunk int) (from, to uint32) {
	return uint32(chunk * chunkSeats), uint32(min((chunk+1)*chunkSeats, p.count))
}

// scan returns the earliest deadline in a chunk, or never, and how many of its
// seats belong to holds whose deadline has passed.
func (p *Plan) scan(now int64, chunk int) (earliest int64, over int) {
	earliest = never
	from, to := p.span(chunk)
	for seat := from; seat < to; seat++ {
		word := p.word(int(seat))
		if SeatState(word&stateMask) != SeatBlocked {
			continue
		}
		deadline := int64(word >> stateBits)
		if deadline == endless {
			continue
		}
		earliest = min(earliest, deadline)
		if deadline <= now {
			over++
		}
	}
	return earliest, over
}

// overdue returns how many blocked seats belong to holds whose deadline has passed.
// It scans only the chunks that may have one.
func (p *Plan) overdue(now int64) int {
	if now < p.earliest.Load() {
		return 0
	}
	over, earliest := 0, int64(never)
	for i := range p.chunks {
		c := &p.chunks[i]
		if c.earliest <= now {
			exact, n := p.scan(now, i)
			c.earliest = exact
			over += n
		}
		earliest = min(earliest, c.earliest)
	}
	for i := range p.areas {
		a := p.areas[i]
		over += a.overdue(now)
		earliest = min(earliest, a.earliest)
	}
	p.earliest.Store(earliest)
	p.setAvailableAt()
	return over
}

// soldOut reports whether no seat is available at all. If the only available seats
// are those of holds whose deadline has passed, soldOut ends some of these holds, so
// that the next calls need not count them again.
func (p *Plan) soldOut(now int64) bool {
	for p.totals[SeatAvailable] == 0 {
		if p.overdue(now) == 0 {
			return true
		}
		p.sweep(now, 1) // its seats may be closed
	}
	return false
}

// sweep ends holds whose deadline has passed; see [Plan.Sweep].
func (p *Plan) sweep(now int64, limit int) (holds int, more bool) {
	const aLook = chunkSeats / 8 // what the scan of a chunk costs, in seats ended
	if now < p.earliest.Load() {
		return 0, false
	}
	before, earliest := p.revision, int64(never)
	for i := range p.chunks {
		c := &p.chunks[i]
		if c.earliest <= now {
			if limit <= 0 {
				return int(p.revision - before), true
			}
			var over int
			if c.earliest, over = p.scan(now, i); over > 0 {
				available := p.totals[SeatAvailable]
				for seat, end := p.span(i); seat < end; seat++ {
					p.expireIfDue(now, int(seat))
				}
				c.earliest, _ = p.scan(now, i)
				limit -= p.totals[SeatAvailable] - available
			}
			limit -= aLook
		}
		earliest = min(earliest, c.earliest)
	}
	ofAreas, more := p.sweepAreas(now, limit)
	if more {
		return int(p.revision - before), true
	}
	p.earliest.Store(min(earliest, ofAreas))
	p.setAvailableAt()
	return int(p.revision - before), false
}

// choose returns the first n available seats that match, which follow one another if
// adjacent is set. It ends the holds of these seats whose deadline has passed. A nil
// match means any seat.
func (p *Plan) choose(now int64, n int, adjacent bool, match func(seat int) bool) ([]int, error) {
	if p.soldOut(now) {
		return nil, ErrSoldOut
	}
	if n > p.count {
		return nil, ErrNotEnough
	}
	seats := make([]int, 0, n)
	for i := range p.chunks {
		c := &p.chunks[i]
		if c.available == 0 && c.earliest > now {
			if adjacent {
				seats = seats[:0]
			}
			continue
		}
		for seat, end := p.span(i); seat < end; seat++ {
			state, _ := p.stateAt(now, seat)
			switch {
			case state == SeatAvailable && (match == nil || match(int(seat))):
				seats = append(seats, int(seat))
			case adjacent:
				seats = seats[:0]
			}
			if len(seats) == n {
				return seats, p.checkFree(now, seats, nil)
			}
		}
	}
	return nil, ErrNotEnough
}
