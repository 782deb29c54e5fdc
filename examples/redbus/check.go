package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/coderrange/ferrous/seatmap"
)

// outcome is what came of a simulation.
type outcome struct {
	version  string
	cost     cost
	delays   []time.Duration
	statuses []SeatStatus
	asked    int // users who got an answer
	refused  int
	blocked  int // times that a seat was blocked
	rewon    int // of them, on a seat whose earlier hold had lapsed
	booked   int
	expired  int // holds that lapsed
	held     int // seats that are blocked at the end
	free     int // seats that are available at the end
	faults   int
	problems []string // the first few faults
}

// mostProblems is how many faults are told. A store that is wrong once is often
// wrong at each seat.
const mostProblems = 20

func (o *outcome) wrong(format string, args ...any) {
	if o.faults++; o.faults <= mostProblems {
		o.problems = append(o.problems, o.version+": "+fmt.Sprintf(format, args...))
	}
}

// settle looks at the seats at the end and checks that everything that the
// users were told can be true.
func (s *simulation) settle(ctx context.Context, name string, spent cost) (*outcome, error) {
	o := &outcome{version: name, cost: spent, delays: s.delays}
	before := time.Now()
	var err error
	if o.statuses, err = s.store.statuses(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	after := time.Now()
	for _, fault := range s.faults {
		o.wrong("unexpected answer: %v", fault)
	}
	s.count(o)
	s.checkFences(o)
	bySeat := make([][]grant, s.seats)
	for _, g := range s.grants {
		bySeat[g.seat] = append(bySeat[g.seat], g)
	}
	for seat, grants := range bySeat {
		slices.SortFunc(grants, func(a, b grant) int { return a.at.Compare(b.at) })
		s.checkHolders(o, grants)
		s.checkStatus(o, seat, grants, before, after)
		o.rewon += max(len(grants)-1, 0)
	}
	s.checkRefusals(o, bySeat)
	s.checkTokens(ctx, o)
	s.checkSale(ctx, o, bySeat)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%s: %w", name, context.Cause(ctx))
	}
	return o, nil
}

// count counts, and checks that the counts add up.
func (s *simulation) count(o *outcome) {
	for _, a := range s.answers {
		switch a {
		case refused:
			o.refused++
		case granted:
			o.blocked++
		case unanswered:
			continue
		}
		o.asked++
	}
	for _, g := range s.grants {
		if !g.booking.at.IsZero() {
			o.booked++
		}
	}
	booked := 0
	for _, status := range o.statuses {
		switch status.State {
		case seatmap.SeatBooked:
			booked++
		case seatmap.SeatBlocked:
			o.held++
		default:
			o.free++
		}
	}
	o.expired = o.blocked - o.booked - o.held
	if len(o.statuses) != s.seats {
		o.wrong("%d seats at the end, not %d", len(o.statuses), s.seats)
	}
	if o.asked != s.users {
		o.wrong("%d users were answered, not %d", o.asked, s.users)
	}
	if len(s.grants) != o.blocked {
		o.wrong("%d grants for %d winners", len(s.grants), o.blocked)
	}
	if booked != o.booked {
		o.wrong("%d seats are booked, but %d users were told so", booked, o.booked)
	}
	if o.expired < 0 {
		o.wrong("%d seats are held, more than the %d winners that did not book", o.held, o.blocked-o.booked)
	}
}

// checkFences checks that there were exactly as many grants and bookings as
// users were told of: their numbers are 1, 2, 3 and so on. Those of a seatmap.Map
// begin with the microseconds of the clock instead of 1. Those of a server rise with
// that clock, and so have gaps.
func (s *simulation) checkFences(o *outcome) {
	var fences []uint64
	for _, g := range s.grants {
		fences = append(fences, g.fence)
		if !g.booking.at.IsZero() {
			fences = append(fences, g.booking.fence)
		}
	}
	slices.Sort(fences)
	first := uint64(1)
	if len(fences) > 0 && fences[0] > 1<<48 {
		first = fences[0]
	}
	_, gaps := s.store.(serverStore)
	for i, fence := range fences {
		if !gaps && fence != first+uint64(i) || i > 0 && fence == fences[i-1] {
			o.wrong("grant %d has number %d: one was given twice, or to nobody", i+1, fence)
			return
		}
	}
}

// checkHolders checks that a seat, whose grants come in order, had one holder
// at any time.
func (s *simulation) checkHolders(o *outcome, grants []grant) {
	for i, g := range grants {
		switch {
		case g.at.Before(g.asked) || g.at.After(g.told) || !g.until.Equal(g.at.Add(s.hold)):
			o.wrong("seat %d: %s was given a hold from %v to %v between %v and %v", g.seat+1, g.user, g.at, g.until, g.asked, g.told)
		case g.tooLate && g.closed.Before(g.until):
			o.wrong("seat %d: %s could not book before the deadline", g.seat+1, g.user)
		case !g.booking.at.IsZero() && (g.booking.at.Before(g.at) || !g.booking.at.Before(g.until)):
			o.wrong("seat %d: %s booked outside the hold", g.seat+1, g.user)
		}
		if i == 0 {
			continue
		}
		if before := grants[i-1]; !before.booking.at.IsZero() {
			o.wrong("seat %d: %s got it although %s had booked it", g.seat+1, g.user, before.user)
		} else if g.at.Before(before.until) {
			o.wrong("seat %d: %s got it %v before the hold of %s ended", g.seat+1, g.user, before.until.Sub(g.at), before.user)
		}
	}
}

// checkRefusals checks that who was refused found the seat taken. Of most users
// the check knows only the wave in which they came; of those who came before the
// seat was sold, and of some others, when they asked and were told.
func (s *simulation) checkRefusals(o *outcome, bySeat [][]grant) {
	wrong := map[int]int{} // the first such user, by seat
	check := func(u int, call span) {
		seat, _ := s.choice(u)
		if first, found := wrong[seat]; (!found || u < first) && !takenBetween(bySeat[seat], span{call.begun.Add(-lag), call.ended}) {
			wrong[seat] = u
		}
	}
	for _, r := range s.refusals {
		check(r.user, r.span)
	}
	for u, a := range s.answers {
		if a == refused {
			check(u, s.waves[u/wave])
		}
	}
	for _, seat := range slices.Sorted(maps.Keys(wrong)) {
		o.wrong("seat %d: user%d was refused although nobody had it", seat+1, wrong[seat])
	}
}

// lag is how long after the end of a hold a user may still be refused: a store may
// read a clock that ticks, and a busy machine lets it tick late.
const lag = time.Second

// takenBetween says whether somebody had the seat, whose grants come in order, at
// some moment of the span.
func takenBetween(grants []grant, call span) bool {
	later, _ := slices.BinarySearchFunc(grants, call.ended, func(g grant, t time.Time) int {
		if g.at.After(t) {
			return 1
		}
		return -1
	})
	if later == 0 {
		return false
	}
	last := grants[later-1]
	return !last.booking.at.IsZero() || !last.until.Before(call.begun)
}

// checkStatus checks what is said of a seat at a moment between before and
// after, against its grants.
func (s *simulation) checkStatus(o *outcome, seat int, grants []grant, before, after time.Time) {
	if seat >= len(o.statuses) {
		return
	}
	status := o.statuses[seat]
	var last grant
	if len(grants) > 0 {
		last = grants[len(grants)-1]
	}
	held := SeatStatus{seatmap.SeatBlocked, last.user, last.at, last.fence}
	booked := SeatStatus{seatmap.SeatBooked, last.user, last.booking.at, last.booking.fence}
	right := false
	switch {
	case len(grants) == 0:
		right = status == SeatStatus{}
	case !last.booking.at.IsZero():
		right = status.same(booked)
	case status.State == seatmap.SeatAvailable:
		right = !last.until.After(after)
	default:
		right = status.same(held) && last.until.After(before)
	}
	if !right {
		o.wrong("seat %d is %v after %d grants, the last to %q", seat+1, status, len(grants), last.user)
	}
}

// same says whether both tell the same.
func (s SeatStatus) same(t SeatStatus) bool {
	return s.State == t.State && s.User == t.User && s.At.Equal(t.At) && s.fence == t.fence
}

// checkTokens tries every hold that is booked or over once more: none may work.
func (s *simulation) checkTokens(ctx context.Context, o *outcome) {
	for _, g := range s.grants {
		if g.booking.at.IsZero() && time.Now().Before(g.until) {
			continue
		}
		if _, err := s.store.book(ctx, g.hold); err == nil {
			o.wrong("seat %d: the hold of %s could be used after its end", g.seat+1, g.user)
		} else if !errors.Is(err, seatmap.ErrExpired) {
			o.wrong("seat %d: the hold of %s, used after its end: %v", g.seat+1, g.user, err)
		}
	}
	again, err := s.store.statuses(ctx)
	if err != nil || len(again) != len(o.statuses) {
		o.wrong("%d seats after that: %v", len(again), err)
		return
	}
	for seat, status := range o.statuses {
		if status.State == seatmap.SeatBooked && !again[seat].same(status) {
			o.wrong("seat %d was %v and now is %v", seat+1, status, again[seat])
		}
	}
}

// checkSale asks for every seat once more: those that are available can be had,
// and the others not before their hold ends.
func (s *simulation) checkSale(ctx context.Context, o *outcome, bySeat [][]grant) {
	for seat, status := range o.statuses {
		if seat >= s.seats || ctx.Err() != nil {
			return
		}
		_, err := s.store.block(ctx, "checker", seat)
		now := time.Now()
		switch {
		case err == nil && takenBetween(bySeat[seat], span{now, now}):
			o.wrong("seat %d is %v, and was sold once more", seat+1, status)
		case err != nil && !takenBetween(bySeat[seat], span{now.Add(-lag), now}):
			o.wrong("seat %d is available, but cannot be had: %v", seat+1, err)
		case err != nil && !errors.Is(err, seatmap.ErrTaken):
			o.wrong("unexpected answer: block seat %d: %v", seat+1, err)
		}
	}
}
