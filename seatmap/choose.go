package seatmap

import (
	"slices"
	"strings"
)

// This file chooses seats by rows, for BlockAny. Plan.choose is for a line of seats.

// chooseWhere returns the n best available seats that match; see [BlockAnyRequest]. It
// ends the holds of these seats whose deadline has passed.
func (p *Plan) chooseWhere(now int64, n int, w *Where) ([]int, error) {
	f := p.labels().floor
	lined := f == nil || f.rows == nil
	if lined && w.Singles == SinglesAllowed && w.Section == "" && len(w.Rows) == 0 && len(w.Quotas) == 0 {
		return p.choose(now, n, w.Adjacent, p.matches(w))
	}
	if p.soldOutFor(now, w.Quotas) {
		return nil, ErrSoldOut
	}
	if n > p.count {
		return nil, ErrNotEnough
	}
	c := choice{plan: p, now: now, n: n, match: p.matches(w), quotas: w.Quotas}
	var all []floorRow
	if lined {
		all = []floorRow{{to: p.count, runs: []run{{to: p.count}}}}
	} else {
		all, c.ranked = f.rows, f.ranked
	}
	preferred := preferred(all, w)
	var seats []int
	switch {
	case !w.Adjacent:
		seats = c.apart(preferred)
	case w.Singles != SinglesAllowed:
		c.noSingles = true
		seats = c.adjacent(preferred)
		c.noSingles = false
		if seats != nil || w.Singles == SinglesRefused {
			break
		}
		fallthrough
	default:
		seats = c.adjacent(preferred)
	}
	if seats == nil {
		return nil, ErrNotEnough
	}
	return seats, p.checkFree(now, seats, w.Quotas)
}

// matches returns a function that reports whether the prefix and category of a seat
// are those that are asked for, or nil if all seats match.
func (p *Plan) matches(w *Where) func(seat int) bool {
	if w.Category == "" && w.Prefix == "" {
		return nil
	}
	var number uint16
	ls := p.labels()
	if f := ls.floor; f != nil {
		number = f.numbers[w.Category]
	}
	if w.Category != "" && number == 0 {
		return func(int) bool { return false }
	}
	return func(seat int) bool {
		return (number == 0 || ls.floor.category[seat] == number) &&
			(w.Prefix == "" || strings.HasPrefix(ls.label(seat), w.Prefix))
	}
}

// preferred returns the rows in which to look, by how much they are preferred.
func preferred(all []floorRow, w *Where) (levels [][]*floorRow) {
	number := make(map[string]int, len(w.Rows)) // of the level of rows with that name
	for _, name := range w.Rows {
		if _, twice := number[name]; !twice {
			number[name] = len(number)
		}
	}
	levels = make([][]*floorRow, max(len(number), 1))
	for i := range all {
		r := &all[i]
		level, named := number[r.Name]
		if (w.Section == "" || r.Section == w.Section) && (named || len(number) == 0) {
			levels[level] = append(levels[level], r)
		}
	}
	return levels
}

// choice is one search for seats.
type choice struct {
	plan      *Plan
	now       int64
	n         int
	match     func(seat int) bool // nil if all match
	quotas    []string            // whose seats are available, too
	ranked    bool                // whether the ranks of seats differ
	noSingles bool
}

func (c *choice) available(seat int) bool {
	state, _ := c.plan.stateAt(c.now, uint32(seat))
	return state == SeatAvailable || c.plan.isFor(c.quotas, uint32(seat), state)
}

// fits reports whether the seat can be chosen.
func (c *choice) fits(seat int) bool {
	return c.available(seat) && (c.match == nil || c.match(seat))
}

// full reports whether none of these seats is available, if it can tell that at once.
func (c *choice) full(from, to int) bool {
	if len(c.quotas) > 0 {
		return false
	}
	for i := from / chunkSeats; i*chunkSeats < to; i++ {
		if chunk := &c.plan.chunks[i]; chunk.available > 0 || chunk.earliest <= c.now {
			return false
		}
	}
	return true
}

// rank returns the rank of a seat of the row.
func (r *floorRow) rank(seat int) int {
	if r.Ranks == nil {
		return 0
	}
	return int(r.Ranks[seat-r.from])
}

// apart returns the n best seats, adjacent or not, or nil if there are fewer.
func (c *choice) apart(levels [][]*floorRow) []int {
	var seats []int
	for _, rows := range levels {
		var found []uint64 // rank and seat
		for _, r := range rows {
			if c.full(r.from, r.to) {
				continue
			}
			for seat := r.from; seat < r.to; seat++ {
				if !c.fits(seat) {
					continue
				}
				found = append(found, uint64(r.rank(seat))<<32|uint64(seat))
				if !c.ranked && len(seats)+len(found) == c.n {
					break
				}
			}
			if !c.ranked && len(seats)+len(found) == c.n {
				break
			}
		}
		slices.Sort(found)
		for _, one := range found[:min(len(found), c.n-len(seats))] {
			seats = append(seats, int(uint32(one)))
		}
		if len(seats) == c.n {
			return seats
		}
	}
	return nil
}

// adjacent returns the n best adjacent seats, or nil if there are none.
func (c *choice) adjacent(levels [][]*floorRow) []int {
	for _, rows := range levels {
		var best window
		for _, r := range rows {
			for _, in := range r.runs {
				if in.to-in.from < c.n || c.full(in.from, in.to) {
					continue
				}
				c.search(r, in, &best)
				if best.found && !c.ranked {
					return best.seats(c.n)
				}
			}
		}
		if best.found {
			return best.seats(c.n)
		}
	}
	return nil
}

// window is n adjacent seats of a run.
type window struct {
	found bool
	run   run
	first int
	sum   int // of the ranks
}

func (w *window) seats(n int) []int {
	seats := make([]int, n)
	for i := range seats {
		seats[i], _ = w.run.next(w.first, i)
	}
	return seats
}

// search looks in a run for a window that is better than the best so far.
func (c *choice) search(r *floorRow, in run, best *window) {
	size := in.to - in.from
	ends := size
	if in.round {
		ends += c.n - 1 // windows that go past the last seat
	}
	fitting, sum := 0, 0 // the seats before, which all fit, at most n
	for end := range ends {
		seat, _ := in.next(in.from, end)
		if !c.fits(seat) {
			fitting, sum = 0, 0
			continue
		}
		sum += r.rank(seat)
		if fitting++; fitting > c.n {
			out, _ := in.next(in.from, end-c.n)
			fitting, sum = c.n, sum-r.rank(out)
		}
		if fitting < c.n {
			continue
		}
		w := window{true, in, in.from + end - c.n + 1, sum}
		if best.found && best.sum <= sum || c.noSingles && c.leavesSingle(&w) {
			continue
		}
		if *best = w; !c.ranked {
			return
		}
	}
}

// leavesSingle reports whether a seat beside the window would be a single seat.
func (c *choice) leavesSingle(w *window) bool {
	free := func(seat int, inRun bool) bool {
		at := seat - w.first
		if at < 0 {
			at += w.run.to - w.run.from
		}
		return inRun && at >= c.n && c.available(seat)
	}
	for _, side := range [...]struct{ seat, step int }{{w.first, -1}, {w.first + c.n - 1, 1}} {
		beside, ok := w.run.next(side.seat, side.step)
		if !free(beside, ok) {
			continue
		}
		if further, ok := w.run.next(beside, side.step); !free(further, ok) {
			return true
		}
	}
	return false
}
