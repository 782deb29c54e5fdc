package seatmap

import (
	"slices"
	"time"
)

// snapshot is a copy in the making of all seats as they were at one moment. It
// is filled chunk by chunk, so that no one waits for longer than one chunk
// takes; whoever is about to change a seat first copies its chunk if the copy
// does not have it yet (copy on write).
type snapshot struct {
	now   int64
	saved []bool // by chunk
	save  func(seat uint32, state SeatState, rec *record)
}

// snapshot calls save for every seat, in no order and under the lock, with its
// state at one moment and the record of its hold or booking. It returns the
// time and the revision of that moment. Of a plan that has ended the moment is its
// end, if ended is set; else the error says that it has.
func (p *Plan) snapshot(
	ended bool, save func(seat uint32, state SeatState, rec *record),
) (now int64, revision uint64, err error) {
	s := &snapshot{saved: make([]bool, len(p.chunks)), save: save}
	p.mustBeMade("Seats")
	p.mu.Lock()
	if p.end != nil && !ended {
		p.mu.Unlock()
		return 0, 0, p.end
	}
	s.now, revision = p.clock.now(), p.revision
	if p.end != nil {
		s.now = p.endAt
	}
	p.snapshots = append(p.snapshots, s)
	p.mu.Unlock()
	for i := range p.chunks {
		p.mu.Lock()
		p.save(s, i)
		p.mu.Unlock()
	}
	p.mu.Lock()
	p.snapshots = slices.DeleteFunc(p.snapshots, func(other *snapshot) bool { return other == s })
	p.mu.Unlock()
	return s.now, revision, nil
}

func (p *Plan) save(s *snapshot, chunk int) {
	if s.saved[chunk] {
		return
	}
	s.saved[chunk] = true
	for seat, end := p.span(chunk); seat < end; seat++ {
		state, rec := p.stateAt(s.now, seat)
		s.save(seat, state, rec)
	}
}

// touch must be called before seats are changed.
func (p *Plan) touch(seats []uint32) {
	for _, s := range p.snapshots {
		for _, seat := range seats {
			p.save(s, int(seat/chunkSeats))
		}
	}
}

// Seats reports all seats as they were at one moment. It does not keep others
// from the plan for longer than it takes to copy 512 seats. A call that changes
// seats meanwhile first copies the 512 around each, if they were not yet. The
// error is [ErrClosed].
func (p *Plan) Seats() ([]PlanSeat, error) {
	out := make([]PlanSeat, p.count)
	deadlines := make([]int64, p.count)
	now, _, err := p.snapshot(false, func(seat uint32, state SeatState, rec *record) {
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
