package seatmap

import (
	"slices"
	"sync/atomic"
)

// This file is how a plan gets more seats while it is in use.

// rename gives the plan other labels, whose seats and areas it has.
func (p *Plan) rename(ls *labels) {
	ls.live = slices.Clip(p.areas) // what is appended later must not be seen in it
	p.names.Store(ls)
}

// labels returns the labels of the seats and areas. It needs no lock.
func (p *Plan) labels() *labels { return p.names.Load() }

// addedSeats is what refusals read of the seats that were added to a plan. The seats of the
// beginning keep their words where they are, so a refusal of one of them costs what it did
// before.
//
// Adding copies the words of the seats that were added before. A refusal may still read the
// old copy. It began before the new one was there, and the old one does not change any
// more: it says what was true when both were the same, which is while the refusal ran.
type addedSeats struct {
	words             []atomic.Uint64
	taken, notForSale []atomic.Pointer[[chunkSeats]TakenError] // of chunks in which there was no seat at the beginning
}

// grow adds n available seats. The caller updates availableAt and the labels.
func (p *Plan) grow(n int) {
	if n == 0 {
		return
	}
	to := p.count + n
	chunks := (to + chunkSeats - 1) / chunkSeats
	next := &addedSeats{
		words:      make([]atomic.Uint64, to-len(p.words)>>p.shift),
		taken:      make([]atomic.Pointer[[chunkSeats]TakenError], chunks-len(p.taken)),
		notForSale: make([]atomic.Pointer[[chunkSeats]TakenError], chunks-len(p.taken)),
	}
	if old := p.added.Load(); old != nil {
		for i := range old.words {
			next.words[i].Store(old.words[i].Load())
		}
		for i := range old.taken {
			next.taken[i].Store(old.taken[i].Load())
			next.notForSale[i].Store(old.notForSale[i].Load())
		}
	}
	p.added.Store(next)
	p.newer = append(p.newer, make([]record, n)...)
	p.totals[SeatAvailable] += n
	for p.count < to {
		i := p.count / chunkSeats
		if i == len(p.chunks) {
			p.chunks = append(p.chunks, chunk{earliest: never})
		}
		more := min(to, (i+1)*chunkSeats) - p.count
		p.chunks[i].available += int32(more)
		p.count += more
	}
}

// slot returns where the word of a seat is.
func (p *Plan) slot(seat int) *atomic.Uint64 {
	if at := seat << p.shift; at < len(p.words) {
		return &p.words[at]
	}
	return &p.added.Load().words[seat-len(p.words)>>p.shift]
}
