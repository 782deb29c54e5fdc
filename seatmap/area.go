package seatmap

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
)

// This file has the places of general-admission areas. The places that one hold or
// booking has in one area are a block: one entry of its ring, whatever their number.
// Entries from firstBlock on are blocks; those before are seats.

// area is what a Plan keeps of one area. The plan's lock guards everything except
// word and full.
type area struct {
	// word is how many places are available, in the lowest bits, and above them the
	// time before which no hold of places ends, in units of 1<<areaTick nanoseconds. A
	// refusal reads it without the lock.
	word atomic.Uint64
	full *AreaError

	totals   [4]int       // places in each state, according to the words of the blocks
	earliest int64        // a lower bound of the deadlines; never if there is none
	pages    []*blockPage // of its blocks
	unused   []uint32     // entries
}

const (
	areaPlaces = 25 // bits of the number of available places
	areaTick   = 24 // 17 ms
	pageBlocks = 128
	firstBlock = MaxSeats // the first entry that is a block, so that seats can be added
)

// blockPage is blocks of one area.
type blockPage struct {
	area     uint32
	earliest int64 // a lower bound of the deadlines; never if there is none
	blocks   [pageBlocks]block
}

// block is places of one hold or booking in one area.
type block struct {
	record
	word uint64 // as that of a seat
	n    int
}

// somePlaces is how many places of an area a request is about.
type somePlaces struct {
	area uint32
	n    int
}

// setAreas makes the areas of the plan what the layout says: there can be more of them
// than before, and more places.
func (p *Plan) setAreas(areas []Area) {
	for i := range areas {
		if i == len(p.areas) {
			p.areas = append(p.areas, &area{full: NewAreaError(p.name, areas[i].Name), earliest: never})
		}
		a := p.areas[i]
		more := areas[i].Capacity - a.totals[SeatAvailable] - a.totals[SeatBlocked] - a.totals[SeatBooked]
		a.totals[SeatAvailable] += more
		a.publish()
		p.totals[SeatAvailable] += more
	}
}

// publish updates the word after totals or earliest have changed.
func (a *area) publish() {
	a.word.Store(uint64(a.totals[SeatAvailable]) | uint64(a.earliest>>areaTick)<<areaPlaces)
}

// lacks reports whether the area certainly has fewer than n available places. If it
// reports false, that can only be decided under the lock.
func (a *area) lacks(clock *Clock, n int) bool {
	word := a.word.Load()
	if n <= int(word&(1<<areaPlaces-1)) {
		return false
	}
	ends := int64(word >> areaPlaces)
	return ends == never>>areaTick || !clock.passed(ends<<areaTick)
}

// refusalOf returns why the places are certainly not available, or nil if that can
// only be decided under the lock.
func (p *Plan) refusalOf(places []somePlaces) error {
	if gate := p.availableAt.Load(); gate != 0 {
		if p.clock.passed(gate) {
			return nil
		}
		return ErrSoldOut
	}
	for _, some := range places {
		if a := p.labels().live[some.area]; a.lacks(p.clock, some.n) {
			return a.full
		}
	}
	return nil
}

// checkPlaces returns why not all of the places are available, or nil. It ends holds
// in these areas whose deadline has passed, as many as it needs.
func (p *Plan) checkPlaces(now int64, places []somePlaces, quotas []string) error {
	for _, some := range places {
		a := p.areas[some.area]
		if p.expireIn(now, a, some.n); a.totals[SeatAvailable] >= some.n {
			continue
		}
		if p.soldOutFor(now, quotas) {
			return ErrSoldOut
		}
		return a.full
	}
	return nil
}

// expireIn ends holds in an area whose deadline has passed, until n places are
// available or no such hold is left.
func (p *Plan) expireIn(now int64, a *area, n int) {
	if a.totals[SeatAvailable] >= n || a.earliest > now {
		return
	}
	for _, page := range a.pages {
		if page.earliest > now {
			continue
		}
		for i := range page.blocks {
			b := &page.blocks[i]
			if a.totals[SeatAvailable] >= n {
				return
			}
			if b.due(now) {
				p.expire(b.head)
			}
		}
		page.earliest, _ = page.scan(now)
	}
	a.setEarliest()
}

// setEarliest updates earliest after pages have been scanned.
func (a *area) setEarliest() {
	a.earliest = never
	for _, page := range a.pages {
		a.earliest = min(a.earliest, page.earliest)
	}
	a.publish()
}

// due reports whether the block is of a hold whose deadline has passed.
func (b *block) due(now int64) bool {
	return SeatState(b.word&stateMask) == SeatBlocked && int64(b.word>>stateBits) <= now
}

// scan returns the earliest deadline of the blocks, or never, and how many places
// belong to holds whose deadline has passed.
func (page *blockPage) scan(now int64) (earliest int64, over int) {
	earliest = never
	for i := range page.blocks {
		b := &page.blocks[i]
		if SeatState(b.word&stateMask) != SeatBlocked {
			continue
		}
		earliest = min(earliest, int64(b.word>>stateBits))
		if b.due(now) {
			over += b.n
		}
	}
	return earliest, over
}

// overdue returns how many held places of the area belong to holds whose deadline has
// passed.
func (a *area) overdue(now int64) (over int) {
	if a.earliest > now {
		return 0
	}
	for _, page := range a.pages {
		if page.earliest <= now {
			var n int
			page.earliest, n = page.scan(now)
			over += n
		}
	}
	a.setEarliest()
	return over
}

// sweepAreas ends holds of places whose deadline has passed; see Plan.sweep. It returns
// the earliest deadline that is left.
func (p *Plan) sweepAreas(now int64, limit int) (earliest int64, more bool) {
	earliest, limit = never, min(limit, MaxSeats+1)
	for i := range p.areas {
		a := p.areas[i]
		if a.earliest <= now {
			if limit <= 0 {
				return 0, true
			}
			available := a.totals[SeatAvailable]
			p.expireIn(now, a, min(available+limit, MaxSeats+1))
			limit -= a.totals[SeatAvailable] - available + len(a.pages)
		}
		earliest = min(earliest, a.earliest)
	}
	return earliest, earliest <= now
}

// counts returns how many places of the area are in each state.
func (a *area) counts(now int64) Counts {
	over := a.overdue(now)
	return Counts{
		Available: a.totals[SeatAvailable] + over,
		Blocked:   a.totals[SeatBlocked] - over,
		Booked:    a.totals[SeatBooked],
	}
}

// isEntry reports whether there is such a seat or block.
func (p *Plan) isEntry(entry uint32) bool {
	return int64(entry) < int64(p.count) || entry >= firstBlock && int64(entry) < firstBlock+int64(len(p.pages))*pageBlocks
}

// blockAt returns a block and its page.
func (p *Plan) blockAt(entry uint32) (*block, *blockPage) {
	at := entry - firstBlock
	page := p.pages[at/pageBlocks]
	return &page.blocks[at%pageBlocks], page
}

// rec returns the record of a seat or block.
func (p *Plan) rec(entry uint32) *record {
	if int(entry) < len(p.records) {
		return &p.records[entry]
	}
	return p.recSlow(entry)
}

func (p *Plan) recSlow(entry uint32) *record {
	if entry < firstBlock {
		return &p.newer[int(entry)-len(p.records)]
	}
	b, _ := p.blockAt(entry)
	return &b.record
}

// wordOf returns the word of a seat or block.
func (p *Plan) wordOf(entry uint32) uint64 {
	if entry < firstBlock {
		return p.word(int(entry))
	}
	b, _ := p.blockAt(entry)
	return b.word
}

// addBlock returns a new block of n available places.
func (p *Plan) addBlock(some somePlaces) uint32 {
	a := p.areas[some.area]
	if len(a.unused) == 0 {
		page := &blockPage{area: some.area, earliest: never}
		first := uint32(firstBlock + len(p.pages)*pageBlocks)
		p.pages, a.pages = append(p.pages, page), append(a.pages, page)
		for i := range uint32(pageBlocks) {
			a.unused = append(a.unused, first+pageBlocks-1-i)
		}
	}
	last := len(a.unused) - 1
	entry := a.unused[last]
	a.unused = a.unused[:last]
	b, _ := p.blockAt(entry)
	*b = block{word: uint64(SeatAvailable), n: some.n}
	return entry
}

// addBlocks appends new blocks to the seats of a grant.
func (p *Plan) addBlocks(seats []int, places []somePlaces) []int {
	for _, some := range places {
		seats = append(seats, int(p.addBlock(some)))
	}
	return seats
}

// setBlock is Plan.set for a block.
func (p *Plan) setBlock(entry uint32, word uint64) {
	b, page := p.blockAt(entry)
	a := p.areas[page.area]
	before, after := SeatState(b.word&stateMask), SeatState(word&stateMask)
	p.totals[before] -= b.n
	p.totals[after] += b.n
	a.totals[before] -= b.n
	a.totals[after] += b.n
	if after == SeatBlocked {
		deadline := int64(word >> stateBits)
		page.earliest, a.earliest = min(page.earliest, deadline), min(a.earliest, deadline)
	}
	b.word = word
	a.publish()
}

// split makes a block of n places out of a larger one, in the same ring. The caller
// takes it out of the ring at once, so no deadline of its page depends on it.
func (p *Plan) split(entry uint32, n int) uint32 {
	from, page := p.blockAt(entry)
	part := p.addBlock(somePlaces{page.area, n})
	b, _ := p.blockAt(part)
	from.n -= n
	b.word, b.head, b.next = from.word, from.head, from.next
	from.next = part
	return part
}

// freeBlocks gives back the blocks among entries that are no longer in a ring.
func (p *Plan) freeBlocks(entries []uint32) {
	for _, entry := range entries {
		if entry >= firstBlock {
			_, page := p.blockAt(entry)
			a := p.areas[page.area]
			a.unused = append(a.unused, entry)
		}
	}
}

// blockIn returns the block of the hold or booking in that area.
func (p *Plan) blockIn(head, area uint32) (entry uint32, ok bool) {
	for entry := head; ; {
		if entry >= firstBlock {
			if _, page := p.blockAt(entry); page.area == area {
				return entry, true
			}
		}
		if entry = p.rec(entry).next; entry == head {
			return 0, false
		}
	}
}

// partOfPlaces appends the entries that are the named places of the hold or booking
// that begins at head. The error says that it does not have so many.
func (p *Plan) partOfPlaces(part []uint32, head uint32, places []somePlaces) ([]uint32, error) {
	for _, some := range places {
		entry, ok := p.blockIn(head, some.area)
		if ok {
			b, _ := p.blockAt(entry)
			ok = b.n >= some.n
		}
		if !ok {
			return nil, fmt.Errorf("%w: %d places of area %q are not covered by the token",
				ErrInvalidSeats, some.n, truncate(p.labels().areas[some.area].Name))
		}
	}
	for _, some := range places { // nothing can fail any more
		entry, _ := p.blockIn(head, some.area)
		if b, _ := p.blockAt(entry); b.n > some.n {
			entry = p.split(entry, some.n)
		}
		part = append(part, entry)
	}
	return part, nil
}

// size returns how many seats and places the entries are.
func (p *Plan) size(entries []uint32) int {
	if p.areas == nil {
		return len(entries)
	}
	return p.sizeSlow(entries)
}

func (p *Plan) sizeSlow(entries []uint32) (n int) {
	for _, entry := range entries {
		if entry < firstBlock {
			n++
			continue
		}
		b, _ := p.blockAt(entry)
		n += b.n
	}
	return n
}

// lasting returns the entries in a form that does not depend on the blocks: seats as
// they are, and for each block its area plus areaFlag, followed by the number of
// places.
func (p *Plan) lasting(entries []uint32) []uint32 {
	if p.areas == nil {
		return entries
	}
	var out []uint32
	for _, entry := range entries {
		if entry < firstBlock {
			out = append(out, entry)
			continue
		}
		b, page := p.blockAt(entry)
		out = append(out, page.area|areaFlag, uint32(b.n))
	}
	return out
}

const areaFlag = 1 << 31

// named returns the labels of seats and the numbers of places of the entries.
func (p *Plan) named(entries []uint32) (seats []string, places map[string]int) {
	if p.areas != nil {
		return p.labels().named(p.lasting(entries))
	}
	return p.labels().namedSeats(entries), nil
}

// namedSeats returns the labels of seats.
func (ls *labels) namedSeats(list []uint32) []string {
	seats := make([]string, len(list))
	for i, seat := range list {
		seats[i] = ls.label(int(seat))
	}
	return seats
}

// named returns the labels of seats and the numbers of places in their lasting form.
func (ls *labels) named(list []uint32) (seats []string, places map[string]int) {
	if ls.areas == nil {
		return ls.namedSeats(list), nil
	}
	for i := 0; i < len(list); i++ {
		if list[i]&areaFlag == 0 {
			seats = append(seats, ls.label(int(list[i])))
			continue
		}
		if places == nil {
			places = map[string]int{}
		}
		places[ls.areas[list[i]&^areaFlag].Name] += int(list[i+1])
		i++
	}
	return seats, places
}

// places appends the places of a request, in the order of their areas.
func (e *event) places(to []somePlaces, places map[string]int) ([]somePlaces, error) {
	unknown, known := "", true
	for name, n := range places {
		i, ok := e.plan.labels().areaIndex[name]
		if !ok && (known || name < unknown) {
			unknown, known = name, false
		}
		to = append(to, somePlaces{i, n})
	}
	if !known {
		return nil, fmt.Errorf("%w: area %q", ErrUnknownSeat, truncate(unknown))
	}
	sortPlaces(to)
	return to, nil
}

// sortPlaces sorts places by their areas.
func sortPlaces(places []somePlaces) {
	slices.SortFunc(places, func(a, b somePlaces) int { return int(a.area) - int(b.area) })
}

// count returns how many places they are.
func count(places []somePlaces) (n int) {
	for _, some := range places {
		n += some.n
	}
	return n
}

// areaInfos describes all areas at one moment.
func (p *Plan) areaInfos(now int64) []AreaInfo {
	if p.areas == nil {
		return nil
	}
	out := make([]AreaInfo, len(p.areas))
	for i := range out {
		out[i] = AreaInfo{p.labels().areas[i].Name, p.areas[i].counts(now)}
	}
	return out
}

// holders describes who has places at that moment; holds that have ended have none.
func (e *event) holders(w wallTime, now int64) (out []PlacesInfo) {
	p := e.plan
	for _, page := range p.pages {
		for i := range page.blocks {
			b := &page.blocks[i]
			state := SeatState(b.word & stateMask)
			if state == SeatAvailable || b.due(now) {
				continue
			}
			var s SeatInfo
			e.describeOwner(w, b.head, p.rec(b.head), &s)
			out = append(out, PlacesInfo{
				Area: p.labels().areas[page.area].Name, Places: b.n, State: state, Paying: s.Paying, User: s.User, At: s.At,
				Until: s.Until, Left: s.Left, Fence: s.Fence, PayingUntil: s.PayingUntil, Actor: s.Actor, Reason: s.Reason, Reference: s.Reference,
			})
		}
	}
	return out
}

// sortHolders sorts by area and fence.
func sortHolders(holders []PlacesInfo) {
	slices.SortFunc(holders, func(a, b PlacesInfo) int {
		return cmp.Or(cmp.Compare(a.Area, b.Area), cmp.Compare(a.Fence, b.Fence))
	})
}

// counts answers a CountsRequest.
func (e *event) counts(r *CountsRequest) (Counts, error) {
	p := e.plan
	if r.Area == "" {
		return p.Counts()
	}
	i, ok := p.labels().areaIndex[r.Area]
	if !ok {
		return Counts{}, fmt.Errorf("%w: area %q", ErrUnknownSeat, truncate(r.Area))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		return Counts{}, p.end
	}
	return p.areas[i].counts(p.clock.now()), nil
}

// addAreas checks and keeps the areas of a layout with so many seats.
func (ls *labels) addAreas(areas []Area, seats int) error {
	if areas == nil {
		return nil
	}
	if len(areas) > MaxAreas {
		return fmt.Errorf("%w: %d areas, more than %d", ErrInvalidLayout, len(areas), MaxAreas)
	}
	ls.areas, ls.areaIndex = slices.Clone(areas), make(map[string]uint32, len(areas))
	total := seats
	for i, a := range areas {
		for at, name := range [...]string{a.Name, a.Section, a.Category} {
			if name == "" && at > 0 {
				continue
			}
			if err := checkName(name, ErrInvalidLayout); err != nil {
				return fmt.Errorf("%w in area %d", err, i)
			}
		}
		if a.Capacity < 1 || a.Capacity > MaxSeats-total {
			return fmt.Errorf("%w: area %d has %d places, not 1 to %d", ErrInvalidLayout, i, a.Capacity, MaxSeats-total)
		}
		total += a.Capacity
		ls.areaIndex[a.Name] = uint32(i)
	}
	if n := len(areas) - len(ls.areaIndex); n > 0 {
		return fmt.Errorf("%w: %s of the areas are repeated", ErrInvalidLayout, strconv.Itoa(n))
	}
	return nil
}
