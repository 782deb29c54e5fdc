package seatmap

import (
	"slices"
	"time"
)

// snapshot is an unfinished copy of a range of seats as they were at one moment. It
// is filled chunk by chunk, so that no caller waits for longer than one chunk
// takes. A call that changes a seat first copies the seat's chunk if the copy does
// not have it yet (copy on write).
type snapshot struct {
	from, to uint32 // the range
	now      int64
	saved    []bool // by chunk
	save     func(seat uint32, state SeatState, rec *record)
}

// snapshot calls save for every seat of the range, in no order and under the lock,
// with its state at one moment and the record of its hold or booking. It returns the
// time, the revision and the areas of that moment. If the plan has ended and ended is set, that
// moment is its end; if ended is not set, the error says so. begin, unless it is nil, is
// called at that moment, under the lock. The range ends at the last seat at the latest.
func (p *Plan) snapshot(
	from, to int, ended bool, begin func(now int64, to int), save func(seat uint32, state SeatState, rec *record),
) (now int64, revision uint64, areas []AreaInfo, err error) {
	p.mustBeMade("Seats")
	p.mu.Lock()
	if p.end != nil && !ended {
		p.mu.Unlock()
		return 0, 0, nil, p.end
	}
	if now = p.clock.now(); p.end != nil {
		now = p.endAt
	} else {
		// The changes after the snapshot tell what to add to its numbers of places. So
		// none of them may be the end of a hold that the snapshot shows as ended.
		p.sweepAreas(now, MaxSeats+1)
	}
	revision, areas = p.revision, p.areaInfos(now)
	to = min(to, p.count)
	if begin != nil {
		begin(now, to)
	}
	s := p.beginSnapshot(now, from, to, save)
	p.mu.Unlock()
	for i := from / chunkSeats; i*chunkSeats < to; i++ {
		p.mu.Lock()
		p.save(s, i)
		p.mu.Unlock()
	}
	p.mu.Lock()
	p.endSnapshot(s)
	p.mu.Unlock()
	return now, revision, areas, nil
}

// beginSnapshot begins a snapshot of that moment, which is now, or the end of the plan.
func (p *Plan) beginSnapshot(
	now int64, from, to int, save func(seat uint32, state SeatState, rec *record),
) *snapshot {
	s := &snapshot{from: uint32(from), to: uint32(to), now: now, saved: make([]bool, len(p.chunks)), save: save}
	p.snapshots = append(p.snapshots, s)
	return s
}

func (p *Plan) endSnapshot(s *snapshot) {
	p.snapshots = slices.DeleteFunc(p.snapshots, func(other *snapshot) bool { return other == s })
}

func (p *Plan) save(s *snapshot, chunk int) {
	if chunk >= len(s.saved) || s.saved[chunk] { // seats may have been added since
		return
	}
	s.saved[chunk] = true
	seat, end := p.span(chunk)
	for seat, end = max(seat, s.from), min(end, s.to); seat < end; seat++ {
		state, rec := p.stateAt(s.now, seat)
		s.save(seat, state, rec)
	}
}

// touch must be called before seats are changed, with all seats of the hold or booking
// that they are in.
func (p *Plan) touch(seats []uint32) {
	for _, s := range p.snapshots {
		for _, seat := range seats {
			if seat < firstBlock {
				p.save(s, int(seat/chunkSeats))
			}
		}
	}
}

// Seats returns all seats as they were at one moment. It holds the plan's lock for
// at most 512 seats at a time. A call that changes a seat while Seats runs first
// copies the block of 512 seats around it, if Seats has not copied it yet. The error
// is [ErrClosed].
func (p *Plan) Seats() ([]PlanSeat, error) {
	out := make([]PlanSeat, p.count)
	deadlines := make([]int64, p.count)
	now, _, _, err := p.snapshot(0, p.count, false, nil, func(seat uint32, state SeatState, rec *record) {
		out[seat].State = state
		if rec != nil {
			out[seat].User, out[seat].Fence = rec.user, rec.fence
			deadlines[seat] = p.deadline(seat)
		}
	})
	if err != nil {
		return nil, err
	}
	for i := range out {
		if out[i].State == SeatBlocked {
			out[i].Left = time.Duration(deadlines[i] - now)
		}
	}
	return out, nil
}
