package seattest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/coderrange/ferrous/seatmap"
)

// act is one request of a history, with its answer.
type act struct {
	op       string
	from, to int64 // when it was asked and answered, by a counter
	key      string
	token    uint64   // the fence of the token in the request
	part     []string // the seats in the request; nil means all
	short    bool     // the hold ends by itself
	unsure   bool     // an attempt had an unknown outcome
	fence    uint64   // of the answer
	seats    []string // of the answer
	replayed bool
	err      error
	seen     []seatmap.SeatInfo
}

func (a *act) String() string {
	text := fmt.Sprintf("%s %v", a.op, a.part)
	if a.token != 0 {
		text += fmt.Sprintf(" with the token of fence %d", a.token)
	}
	switch {
	case a.err != nil:
		return fmt.Sprintf("%s → %v", text, a.err)
	case a.op == opLook:
		return fmt.Sprintf("%s → %v", text, a.seen)
	}
	return fmt.Sprintf("%s → fence %d, seats %v, replayed %t", text, a.fence, a.seats, a.replayed)
}

// The requests of a history.
const (
	opBlock   = "Block"
	opAny     = "BlockAny"
	opBook    = "Book"
	opRelease = "Release"
	opCancel  = "Cancel"
	opExtend  = "Extend"
	opLook    = "Seats"
)

// history looks for an order of the requests of one event that explains all answers: in
// which each request has its effect at one moment between its call and its return.
//
// To find such an order is hard in general, but not if the order of all writes is known:
// Gibbons and Korach, Testing Shared Memories, SIAM Journal on Computing 26 (1997). Here
// it is known: each grant has a fence, which rises, and each answer says which grant it is
// about. So each request is a variable, its moment, with bounds from its call and return,
// and what the answers say are inequalities between two of them. A refusal says only
// that a seat had some owner, and a sight of an available seat that it had none. Of
// these there is left: if one bound of a time without owner, or with one, is after the
// answer, the other must be after the call. All of that only ever raises the moments, so
// the least solution is found by raising them until all holds (as for Horn clauses, Dowling
// and Gallier 1984), or one is beyond its bound, and then there is none.
//
// It never refuses a history that an order explains. It does not see everything: not that
// a refusal of BlockAny was right, nor that several refusals fit together in one order.
// Nor does it know the time, so that a short hold may end at once.
type history struct {
	acts   []*act
	seats  []string
	end    int64 // the counter when all short holds are over
	scale  int64
	low    []int64 // of each moment
	high   []int64
	before [][2]int // moments: the first is before the second
	if2    []clause

	grants map[uint64]*grant
	bySeat map[string][]*grant // in the order of fences
}

// clause says: if the moment late is after answer, then the moment early is after call.
type clause struct {
	late   int
	answer int64
	early  int
	call   int64
	act    int // that says so
}

// grant is one hold or booking.
type grant struct {
	fence  uint64
	at     int // its moment
	seats  []string
	booked bool
	short  bool
	ends   map[string]int // the moment of the end, by seat
}

// check returns an error if no order explains the acts.
func (h *history) check() error {
	h.grants, h.bySeat = map[uint64]*grant{}, map[string][]*grant{}
	h.scale = int64(2*len(h.acts)) + 2
	for _, a := range h.acts {
		h.low, h.high = append(h.low, a.from*h.scale+1), append(h.high, a.to*h.scale-1)
	}
	for _, step := range []func() error{h.originals, h.gifts, h.ends, h.expiries, h.owners, h.answers} {
		if err := step(); err != nil {
			return err
		}
	}
	return h.solve()
}

// order says that one moment is before another.
func (h *history) order(first, second int) {
	if first != second { // a booking begins when its hold ends
		h.before = append(h.before, [2]int{first, second})
	}
}

// originals orders the repetitions of a request after the one that was carried out.
func (h *history) originals() error {
	byKey := map[string][]int{}
	for i, a := range h.acts {
		if a.key != "" {
			byKey[a.key] = append(byKey[a.key], i)
		}
	}
	for key, group := range byKey {
		first := -1
		for _, i := range group {
			a := h.acts[i]
			if a.err != nil || a.replayed && (!a.unsure || len(group) > 1) {
				continue
			}
			if first >= 0 {
				return failf("two requests with the key %q were carried out: %v, %v", key, h.acts[first], a)
			}
			first, a.replayed = i, false
		}
		for _, i := range group {
			a := h.acts[i]
			switch {
			case a.err != nil && first >= 0:
				h.order(i, first) // a refusal is not remembered, but an answer is
			case a.replayed && first < 0:
				return failf("%v is a repetition, but nothing was carried out with its key", a)
			case a.replayed:
				if o := h.acts[first]; o.fence != a.fence || !slices.Equal(o.seats, a.seats) {
					return failf("%v is not the answer of %v, with the same key", a, o)
				}
				h.order(first, i)
			}
		}
	}
	return nil
}

// gifts finds the grants.
func (h *history) gifts() error {
	for i, a := range h.acts {
		if a.err != nil || a.replayed || a.op != opBlock && a.op != opAny && a.op != opBook {
			continue
		}
		if h.grants[a.fence] != nil {
			return failf("%v has a fence that another grant has, too", a)
		}
		g := &grant{fence: a.fence, at: i, seats: a.seats, booked: a.op == opBook, short: a.short, ends: map[string]int{}}
		h.grants[a.fence] = g
		for _, seat := range g.seats {
			h.bySeat[seat] = append(h.bySeat[seat], g)
		}
	}
	return nil
}

// ends finds what ended grants: first the requests that name seats or list them.
func (h *history) ends() error {
	for _, whole := range []bool{false, true} {
		for i, a := range h.acts {
			ends := a.op == opBook || a.op == opRelease || a.op == opCancel
			if a.err != nil || a.replayed || a.token == 0 || (a.part == nil && a.op != opBook) != whole {
				continue
			}
			g := h.grants[a.token]
			if g == nil || g.booked != (a.op == opCancel) {
				return failf("%v, but there is no such grant", a)
			}
			h.order(g.at, i)
			if !ends {
				g.short = false // it was extended
				continue
			}
			seats := a.part
			if a.op == opBook {
				seats = a.seats
			}
			if whole {
				for _, seat := range g.seats {
					if at, ended := g.ends[seat]; ended {
						h.order(at, i)
					} else {
						seats = append(seats, seat)
					}
				}
			}
			if len(seats) == 0 {
				return failf("%v, but the grant was over", a)
			}
			for _, seat := range seats {
				if at, ended := g.ends[seat]; ended || !slices.Contains(g.seats, seat) {
					return failf("%v, but seat %s is not part of the grant, or %v", a, seat, h.acts[at])
				}
				g.ends[seat] = i
			}
		}
	}
	for i, a := range h.acts { // a whole hold was booked: what it did not have was over
		if a.op == opBook && a.err == nil && !a.replayed && a.part == nil {
			g := h.grants[a.token]
			for _, seat := range g.seats {
				at, ended := g.ends[seat]
				if !ended {
					return failf("%v, but seat %s was part of the grant", a, seat)
				}
				h.order(at, i)
			}
		}
	}
	return nil
}

// expiries gives each short hold that nothing else has ended an end.
func (h *history) expiries() error {
	for _, g := range h.grants {
		if !g.short || len(g.ends) == len(g.seats) {
			continue
		}
		end := len(h.low)
		h.low, h.high = append(h.low, 0), append(h.high, h.end*h.scale)
		h.order(g.at, end)
		for _, seat := range g.seats {
			if at, ended := g.ends[seat]; ended {
				h.order(at, end)
			} else {
				g.ends[seat] = end
			}
		}
	}
	return nil
}

// owners says that grants come in the order of their fences, and that a seat has one
// owner at a time.
func (h *history) owners() error {
	byFence := func(a, b *grant) int { return cmp.Compare(a.fence, b.fence) }
	var all []*grant
	for _, g := range h.grants {
		all = append(all, g)
	}
	slices.SortFunc(all, byFence)
	for i := 1; i < len(all); i++ {
		h.order(all[i-1].at, all[i].at)
	}
	for seat, grants := range h.bySeat {
		slices.SortFunc(grants, byFence)
		for i := 1; i < len(grants); i++ {
			end, ended := grants[i-1].ends[seat]
			if !ended {
				return failf("seat %s has two owners: %v, and nothing ended %v", seat, h.acts[grants[i].at], h.acts[grants[i-1].at])
			}
			h.order(end, grants[i].at)
		}
	}
	return nil
}

// answers adds what refusals and sights say.
func (h *history) answers() error {
	for i, a := range h.acts {
		var err error
		switch {
		case a.op == opLook && a.err == nil:
			err = h.sight(i)
		case a.err == nil:
			h.alive(i)
		case errors.Is(a.err, seatmap.ErrTaken) && (a.op == opBlock || a.op == opAny):
			err = h.refusal(i)
		case errors.Is(a.err, seatmap.ErrExpired) && a.token != 0:
			err = h.over(i)
		case errors.Is(a.err, seatmap.ErrInvalidSeats) && a.token != 0 && a.part != nil:
			err = h.uncovered(i)
		default:
			err = failf("%v is not to be expected", a)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// over says that all of a grant has ended.
func (h *history) over(i int) error {
	a := h.acts[i]
	g := h.grants[a.token]
	if g == nil {
		return failf("%v, but there is no such grant", a)
	}
	for _, seat := range g.seats {
		end, ended := g.ends[seat]
		if !ended {
			return failf("%v, but nothing had ended the grant of seat %s", a, seat)
		}
		h.order(end, i)
	}
	return nil
}

// uncovered says that a grant has no such seat, or no longer, but another.
func (h *history) uncovered(i int) error {
	a := h.acts[i]
	g := h.grants[a.token]
	if g == nil {
		return failf("%v, but there is no such grant", a)
	}
	seat := a.part[0]
	if slices.Contains(g.seats, seat) {
		end, ended := g.ends[seat]
		if !ended || len(g.seats) == 1 {
			return failf("%v, but the grant has that seat, or is over", a)
		}
		h.order(end, i)
	}
	h.lives(i, g, seat)
	return nil
}

// lives says that an act is before the end of a grant, as far as it is known which of
// its seats is the last but for one.
func (h *history) lives(i int, g *grant, but string) {
	last := -1
	for _, seat := range g.seats {
		at, ended := g.ends[seat]
		switch {
		case seat == but:
			continue
		case !ended || last >= 0 && at != last:
			return
		}
		last = at
	}
	if last >= 0 {
		h.order(i, last)
	}
}

// alive says that a hold that was extended was not over.
func (h *history) alive(i int) {
	if a := h.acts[i]; a.op == opExtend && !a.replayed {
		h.lives(i, h.grants[a.token], "")
	}
}

// refusal says that the seat that it names had an owner.
func (h *history) refusal(i int) error {
	a := h.acts[i]
	var seats []string
	taken, named := errors.AsType[*seatmap.TakenError](a.err)
	switch {
	case named:
		if seats = taken.Seats(); len(seats) == 0 || !slices.Contains(a.part, seats[0]) {
			return failf("%v, which names no seat of the request", a)
		}
		seats = seats[:1]
	case errors.Is(a.err, seatmap.ErrSoldOut):
		seats = h.seats
	}
	for _, seat := range seats {
		grants := h.bySeat[seat]
		if len(grants) == 0 {
			return failf("%v, but seat %s never had an owner", a, seat)
		}
		h.high[grants[0].at] = min(h.high[grants[0].at], a.to*h.scale-1)
		for k, g := range grants {
			end, ended := g.ends[seat]
			switch {
			case ended && k+1 < len(grants):
				h.if2 = append(h.if2, clause{grants[k+1].at, a.to * h.scale, end, a.from * h.scale, i})
			case ended:
				h.low[end] = max(h.low[end], a.from*h.scale+1)
			}
		}
	}
	return nil
}

// sight says which grants there were at one moment, and which seats had no owner.
func (h *history) sight(i int) error {
	a := h.acts[i]
	begun := map[int]bool{} // the moments of the grants that are seen
	for _, seat := range a.seen {
		if seat.State == seatmap.SeatAvailable {
			continue
		}
		g := h.grants[seat.Fence]
		if g == nil || g.booked != (seat.State == seatmap.SeatBooked) || !slices.Contains(g.seats, seat.Seat) {
			return failf("%v, but there is no such grant of seat %v", a, seat)
		}
		h.order(g.at, i)
		begun[g.at] = true
		if end, ended := g.ends[seat.Seat]; ended {
			h.order(i, end)
		}
	}
	for _, seat := range a.seen {
		if seat.State != seatmap.SeatAvailable {
			continue
		}
		for _, g := range h.bySeat[seat.Seat] {
			end, ended := g.ends[seat.Seat]
			switch {
			case !ended:
				h.order(i, g.at)
			case begun[g.at]:
				h.order(end, i)
			default:
				h.if2 = append(h.if2, clause{end, a.to * h.scale, g.at, a.from * h.scale, i})
			}
		}
	}
	return nil
}

// solve raises the moments until all holds.
func (h *history) solve() error {
	for raised := true; raised; {
		raised = false
		raise := func(moment int, to int64, because int) error {
			if h.low[moment] >= to {
				return nil
			}
			raised = true
			if h.low[moment] = to; to <= h.high[moment] {
				return nil
			}
			return failf("no order explains the answers %v and %v", h.about(moment), h.about(because))
		}
		for _, pair := range h.before {
			if err := raise(pair[1], h.low[pair[0]]+1, pair[0]); err != nil {
				return err
			}
		}
		for _, c := range h.if2 {
			if h.low[c.late] <= c.answer {
				continue
			}
			if err := raise(c.early, c.call+1, c.act); err != nil {
				return err
			}
		}
	}
	for moment, low := range h.low {
		if low > h.high[moment] {
			return failf("no order explains the answer %v", h.about(moment))
		}
	}
	return nil
}

func (h *history) about(moment int) string {
	if moment >= len(h.acts) {
		return "of an expiry"
	}
	return h.acts[moment].String()
}
