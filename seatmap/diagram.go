package seatmap

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

const (
	diagramSeats  = 64 // seats drawn of a plan
	diagramEvents = 16 // events drawn of a map
	diagramAreas  = 16 // areas drawn of a plan

	diagramLetters = ".hBx" // by state
)

// Diagram draws the plan, for package diagram: how many seats are in each state,
// the states of the first, and how many places of each area are available. Holders, tokens and keys are not drawn. While another
// goroutine changes the plan it is drawn as locked.
func (p *Plan) Diagram(draw func(name, state string, part any)) {
	switch {
	case p.shared.plan != p:
		draw("state", "zero or copied Plan", nil)
		return
	case !p.mu.TryLock():
		draw("state", "locked", nil)
		return
	}
	defer p.mu.Unlock()
	if p.end != nil {
		draw("state", "closed", nil)
		return
	}
	now := p.clock.now()
	var seats strings.Builder
	for i := range min(p.count, diagramSeats) {
		word := p.word(i)
		state := SeatState(word & stateMask)
		if state == SeatBlocked && int64(word>>stateBits) <= now {
			state = p.vacant(uint32(i))
		}
		seats.WriteByte(diagramLetters[state])
	}
	if more := p.count - diagramSeats; more > 0 {
		seats.WriteString(" and " + strconv.Itoa(more) + " more")
	}
	if p.count > 0 {
		draw("seats", seats.String(), nil)
	}
	over := p.overdue(now)
	totals := p.totals
	if over > 0 {
		closed := p.overdueClosed(now)
		totals[SeatAvailable], totals[SeatBlocked] = totals[SeatAvailable]+over-closed, totals[SeatBlocked]-over
		totals[SeatClosed] += closed
	}
	for state, n := range totals {
		if n > 0 {
			draw(diagramLetters[state:state+1]+" "+SeatState(state).String(), strconv.Itoa(n), nil)
		}
	}
	for i, area := range p.areaInfos(now) {
		if i == diagramAreas {
			draw("", strconv.Itoa(len(p.areas)-i)+" more", nil)
			break
		}
		draw(area.Area, strconv.Itoa(area.Available)+" available", nil)
	}
	draw("revision", strconv.FormatUint(p.revision, 10), nil)
}

// Diagram draws the map, for package diagram: its first events by name, each with its
// plan.
func (m *Map) Diagram(draw func(name, state string, part any)) {
	if m.self != m {
		draw("state", "zero or copied Map", nil)
		return
	}
	var all []*event
	m.events.Range(func(_ string, e *event) bool {
		all = append(all, e)
		return true
	})
	slices.SortFunc(all, func(a, b *event) int { return cmp.Compare(a.plan.name, b.plan.name) })
	state := strconv.Itoa(len(all))
	if m.closed.Load() {
		state += ", closed"
	}
	draw("events", state, nil)
	for _, e := range all[:min(len(all), diagramEvents)] {
		draw(e.plan.name, "", e.plan)
	}
	if more := len(all) - diagramEvents; more > 0 {
		draw("", strconv.Itoa(more)+" more", nil)
	}
}
