package seatmap

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Lister is a [Store] that lists its events, and the holds and bookings of an event. It
// does not check who calls: offer its methods to operators, and to a user with the user's
// own name.
//
// Both lists come as a whole or in pages. Each page shows its events or grants at one
// moment. What is there from the first page to the last is in exactly one of them; what was
// added or has ended in between may be in none. A page is the last one if More is not set.
type Lister interface {
	// Events returns the events of the store, or a page of them, in the order of the bytes
	// of their names.
	Events(ctx context.Context, r EventsRequest) (EventList, error)
	// Grants returns holds and bookings of an event, or a page of them, in the order of
	// their fences: those of a user, those with a reference, or all. It returns no secrets.
	Grants(ctx context.Context, r GrantsRequest) (GrantList, error)
}

// EventsRequest asks [Lister] for events.
type EventsRequest struct {
	// Prefix is how the names of the events begin. Empty means all events.
	Prefix string
	// After is the name of the last event of the previous page. Empty means that the page
	// begins with the first event. There need not be an event of that name any more.
	After string
	// Limit is the largest number of events of the page. 0 means all.
	Limit int
}

// EventList is events of a store. Each is as it was at a moment of its own.
type EventList struct {
	Events []EventInfo
	// More says that there are events after the last one.
	More bool
}

// GrantsRequest asks [Lister] for holds and bookings.
type GrantsRequest struct {
	Event string
	// User is whose holds and bookings to return. Empty means those of all users.
	User string
	// Reference is that of the holds and bookings to return; see [BlockRequest]. Empty means
	// all, with and without a reference.
	Reference string
	// After is the fence of the last hold or booking of the previous page. 0 means that the
	// page begins with the first one. A hold or booking that gets a new fence by [Operator]
	// meanwhile is found again, under that fence.
	After uint64
	// Limit is the largest number of holds and bookings of the page. 0 means all.
	Limit int
}

// GrantList is holds and bookings of an event at one moment.
type GrantList struct {
	Event    string
	Revision uint64 // of the last change it shows
	Cursor   Cursor // to watch what follows
	Grants   []GrantInfo
	// More says that there are holds and bookings with fences above the last one.
	More bool
}

// GrantInfo is a hold or booking, as non-owners may see it.
type GrantInfo struct {
	Fence     uint64
	State     SeatState // SeatBlocked or SeatBooked
	User      string
	Reference string // of the hold or booking; see [BlockRequest]
	Seats     []string
	Places    map[string]int // by area; nil if none
	At        time.Time      // when it was blocked or booked
	Until     time.Time      // the deadline of a hold, by the store's clock; zero if it has none
	Left      time.Duration  // the time from that moment to Until
	Paying    bool           // whether a payment keeps the hold; see [Payer]
	// PayingUntil is when the payment is over at the latest; zero if there is none.
	PayingUntil time.Time
	// Actor and Reason are those of the [Operator] that gave it its fence: by Reserve,
	// Reissue or Move. They are empty if its user did.
	Actor, Reason string
}

// Events implements [Lister]. Its cost is that of the names of all events, and one lock for
// each event that it returns. The error is [ErrClosed], the context's, [ErrInvalidEvent] for
// a Prefix or After that no name can be, or [ErrInvalidPage].
func (m *Map) Events(ctx context.Context, r EventsRequest) (EventList, error) {
	if err := m.check(ctx, "Events"); err != nil {
		return EventList{}, err
	}
	if err := checkEvents(&r); err != nil {
		return EventList{}, err
	}
	var list EventList
	for list.More = true; list.More && len(list.Events) == 0; {
		page := page[string, string]{after: r.After, limit: r.Limit, key: func(name string) string { return name }}
		m.events.Range(func(name string, _ *event) bool {
			if page.wants(name) && strings.HasPrefix(name, r.Prefix) {
				page.add(name)
			}
			return true
		})
		page.finish()
		for _, name := range page.list {
			r.After = name
			if info, ok := m.event(name).summary(); ok {
				list.Events = append(list.Events, info)
			}
		}
		list.More = page.more
	}
	return list, nil
}

// Grants implements [Lister]. With a User or a Reference its cost is that of the holds and
// bookings of that user, or with that reference, and it holds the event's lock meanwhile.
// For all holds and bookings of an event it looks at all seats for each page, about ten
// nanoseconds each, and holds the lock for at most 512 seats at a time, as Seats does; those
// that have places of areas are found under one lock.
//
// The error is [ErrClosed], the context's, [ErrInvalidEvent], [ErrInvalidUser],
// [ErrInvalidReference], [ErrInvalidPage] or [ErrUnknownEvent].
func (m *Map) Grants(ctx context.Context, r GrantsRequest) (GrantList, error) {
	if err := m.check(ctx, "Grants"); err != nil {
		return GrantList{}, err
	}
	if err := checkGrants(&r); err != nil {
		return GrantList{}, err
	}
	e := m.event(r.Event)
	switch err := e.exists(r.Event); {
	case err != nil:
		return GrantList{}, err
	case r.User != "" || r.Reference != "":
		return e.grantsOf(&r)
	}
	return e.allGrants(&r)
}

func checkEvents(r *EventsRequest) error {
	for _, text := range [...]string{r.Prefix, r.After} {
		if text != "" {
			if err := checkEvent(text); err != nil {
				return err
			}
		}
	}
	return checkPage(r.Limit)
}

func checkGrants(r *GrantsRequest) error {
	if err := checkEvent(r.Event); err != nil {
		return err
	}
	if r.User != "" {
		if err := checkUser(r.User); err != nil {
			return err
		}
	}
	if err := checkReference(r.Reference); err != nil {
		return err
	}
	return checkPage(r.Limit)
}

func checkPage(limit int) error {
	if limit < 0 {
		return fmt.Errorf("%w: of %d", ErrInvalidPage, limit)
	}
	return nil
}

// page collects those of some elements that are the first ones after a key, in the order of
// their keys. It never has more than twice as many as it keeps.
type page[K cmp.Ordered, E any] struct {
	after K
	limit int // 0 means all
	key   func(E) K
	list  []E
	last  K    // no element above it is wanted, if more is set
	more  bool // an element was left out
}

// wants reports whether an element with that key may be in the page.
func (p *page[K, E]) wants(key K) bool { return key > p.after && (!p.more || key < p.last) }

// add adds an element that is wanted.
func (p *page[K, E]) add(element E) {
	if p.list = append(p.list, element); p.limit > 0 && len(p.list) >= 2*p.limit {
		p.finish()
	}
}

// finish leaves what is in the page, in order.
func (p *page[K, E]) finish() {
	slices.SortFunc(p.list, func(a, b E) int { return cmp.Compare(p.key(a), p.key(b)) })
	if p.limit > 0 && len(p.list) > p.limit {
		clear(p.list[p.limit:])
		p.list, p.more = p.list[:p.limit], true
		p.last = p.key(p.list[p.limit-1])
	}
}

// summary describes the event. ok is false if there is none, or if it has ended.
func (e *event) summary() (info EventInfo, ok bool) {
	if e == nil {
		return EventInfo{}, false
	}
	p := e.plan
	p.mu.Lock()
	defer p.mu.Unlock()
	return e.about(), p.end == nil || p.moving
}

// newPage returns the page that a request asks for.
func (r *GrantsRequest) newPage() *page[uint64, GrantInfo] {
	return &page[uint64, GrantInfo]{after: r.After, limit: r.Limit, key: func(g GrantInfo) uint64 { return g.Fence }}
}

// grantsOf answers a GrantsRequest for a user or a reference.
func (e *event) grantsOf(r *GrantsRequest) (GrantList, error) {
	p := e.plan
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		return GrantList{}, p.end
	}
	w, page := p.clock.wallTime(), r.newPage()
	add := func(head uint32) {
		state, rec := p.stateOf(w.mono, head)
		if rec != nil && page.wants(rec.fence) && (r.User == "" || e.users.list[rec.user].name == r.User) {
			page.add(e.grantInfo(w, head, state, rec))
		}
	}
	if r.Reference != "" {
		for _, name := range e.refs.named(r.Reference) {
			if head, ok := p.headOfFence(name.first, name.fence); ok {
				add(head)
			}
		}
	} else {
		for _, state := range [...]SeatState{SeatBlocked, SeatBooked} {
			for _, head := range e.users.heads(p, r.User, state) {
				add(head)
			}
		}
	}
	return e.grantList(page, p.revision), nil
}

// allGrants answers a GrantsRequest for all holds and bookings.
func (e *event) allGrants(r *GrantsRequest) (GrantList, error) {
	p := e.plan
	w, page := p.clock.wallTime(), r.newPage()
	var areal map[uint64]bool // the fences of those that have places
	begin := func(now int64, _ int) { areal = e.arealGrants(w, now, page) }
	_, revision, _, err := p.snapshot(0, MaxSeats, false, begin, func(seat uint32, state SeatState, rec *record) {
		if rec != nil && rec == p.rec(seat) && page.wants(rec.fence) && !areal[rec.fence] {
			page.add(e.grantInfo(w, seat, state, rec))
		}
	})
	if err != nil {
		return GrantList{}, err
	}
	return e.grantList(page, revision), nil
}

// arealGrants adds the holds and bookings that have places, and returns their fences. A
// change of a block does not first save what the block was, so there is no other moment.
func (e *event) arealGrants(w wallTime, now int64, page *page[uint64, GrantInfo]) (fences map[uint64]bool) {
	p := e.plan
	for _, blocks := range p.pages {
		for i := range blocks.blocks {
			b := &blocks.blocks[i]
			state := SeatState(b.word & stateMask)
			if state == SeatAvailable || b.due(now) {
				continue
			}
			if rec := p.rec(b.head); page.wants(rec.fence) && !fences[rec.fence] {
				if fences == nil {
					fences = map[uint64]bool{}
				}
				fences[rec.fence] = true
				page.add(e.grantInfo(w, b.head, state, rec))
			}
		}
	}
	return fences
}

// grantList returns what is in the page.
func (e *event) grantList(page *page[uint64, GrantInfo], revision uint64) GrantList {
	page.finish()
	return GrantList{Event: e.plan.name, Revision: revision, Cursor: Cursor{e.log.life, revision}, Grants: page.list, More: page.more}
}

// stateOf returns the state of the hold or booking that begins at head, and its record; nil
// if it has ended.
func (p *Plan) stateOf(now int64, head uint32) (SeatState, *record) {
	word := p.wordOf(head)
	state := SeatState(word & stateMask)
	if state == SeatBlocked && int64(word>>stateBits) <= now {
		return SeatAvailable, nil
	}
	return state, p.rec(head)
}

// grantInfo describes the hold or booking that begins at head.
func (e *event) grantInfo(w wallTime, head uint32, state SeatState, rec *record) GrantInfo {
	var i SeatInfo
	e.describeOwner(w, head, rec, &i)
	g := GrantInfo{
		Fence: i.Fence, State: state, User: i.User, Reference: i.Reference, At: i.At, Until: i.Until, Left: i.Left,
		Paying: i.Paying, PayingUntil: i.PayingUntil, Actor: i.Actor, Reason: i.Reason,
	}
	g.Seats, g.Places = e.plan.named(e.plan.seats(nil, head))
	return g
}
