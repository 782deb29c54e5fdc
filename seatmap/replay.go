package seatmap

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"
)

// Replay is the seats and places of an event, made from its changes: for an audit, a cache,
// or a copy in another process. Apply it to everything that [Store.Watch] yields. The zero
// Replay is ready for a [ChangeSnapshot]. A Replay is not safe for concurrent use.
type Replay struct { //nolint:recvcheck // a copy prints no users, either
	at     Change // of the last change: its event, revision and cursor
	seats  []SeatInfo
	index  map[string]int // of seats, by label
	areas  []AreaInfo     // with the capacity as Available
	places map[placesName]PlacesInfo
}

type placesName struct {
	area  string
	fence uint64
}

// Apply makes the change in r. After a [ChangeGap] r is empty until the snapshot that
// follows it. The error wraps [ErrMissed] if the change does not follow the last one; then
// nothing has changed. Its cost is that of the seats and areas that the change names.
func (r *Replay) Apply(c Change) error {
	switch {
	case c.Kind == ChangeSnapshot:
		r.begin(&c)
	case c.Kind == ChangeGap:
		*r = Replay{}
	case r.at.Cursor.IsZero() || c.Previous != r.at.Cursor || c.Event != r.at.Event:
		return fmt.Errorf("%w: between %#v and %#v", ErrMissed, r.at.Cursor, c.Previous)
	case c.Kind == ChangeAdded:
		r.add(&c)
	default:
		r.applySeats(&c)
		r.applyPlaces(&c)
	}
	r.at = Change{Event: c.Event, Revision: c.Revision, Cursor: c.Cursor}
	return nil
}

// Cursor returns the position after the last change, to go on watching from; zero if r is
// empty.
func (r *Replay) Cursor() Cursor { return r.at.Cursor }

// String returns the event and the last cursor, without users.
func (r Replay) String() string { return fmt.Sprintf("Replay(%s %v)", r.at.Event, r.at.Cursor) }

// Format prints [Replay.String], whatever the verb.
func (r Replay) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// LogValue is [Replay.String].
func (r Replay) LogValue() slog.Value { return slog.StringValue(r.String()) }

// Snapshot returns the event as a new Watch at that moment would begin: a [ChangeSnapshot].
// now is a time of the store's clock; holds that are over by then have ended, and payments,
// too. It is the zero Change if r is empty. Its cost is that of all seats and places.
func (r *Replay) Snapshot(now time.Time) Change {
	if r.at.Cursor.IsZero() {
		return Change{}
	}
	c := r.at
	c.Kind, c.Snapshot, c.Areas = ChangeSnapshot, slices.Clone(r.seats), slices.Clone(r.areas)
	for i := range c.Snapshot {
		passTime(&c.Snapshot[i], now)
	}
	for _, p := range r.places {
		s := p.seat()
		if passTime(&s, now); s.State == SeatAvailable {
			continue
		}
		p.set(&s)
		c.Holders = append(c.Holders, p)
		i := slices.IndexFunc(c.Areas, func(a AreaInfo) bool { return a.Area == p.Area })
		a := &c.Areas[i].Counts
		if a.Available -= p.Places; p.State == SeatBooked {
			a.Booked += p.Places
		} else {
			a.Blocked += p.Places
		}
	}
	sortHolders(c.Holders)
	return c
}

// passTime makes s what it is at that moment, if there is no change until then.
func passTime(s *SeatInfo, now time.Time) {
	if s.Left = 0; !s.Until.IsZero() {
		if s.Left = s.Until.Sub(now); s.Left <= 0 {
			vacate(s)
			return
		}
	}
	if s.Paying = now.Before(s.PayingUntil); !s.Paying {
		s.PayingUntil = time.Time{}
	}
}

// give gives a seat another owner; none, if owner is zero.
func give(s *SeatInfo, owner SeatInfo) {
	owner.Seat, owner.Closed, owner.ClosedBy, owner.ClosedReason, owner.Quota = s.Seat, s.Closed, s.ClosedBy, s.ClosedReason, s.Quota
	if owner.State == SeatAvailable && (s.Closed || s.Quota != "") {
		owner.State = SeatClosed
	}
	*s = owner
}

// vacate gives a seat no owner.
func vacate(s *SeatInfo) { give(s, SeatInfo{}) }

// sell makes a seat closed or open, or gives it another quota. It reports whether the change
// is such a one.
func (c *Change) sell(s *SeatInfo) bool {
	switch c.Kind {
	case ChangeClosed:
		s.Closed, s.ClosedBy, s.ClosedReason = true, c.Actor, c.Reason
	case ChangeOpened:
		s.Closed, s.ClosedBy, s.ClosedReason = false, "", ""
	case ChangeQuota:
		s.Quota = c.Quota
	default:
		return false
	}
	if s.Fence == 0 {
		vacate(s)
	}
	return true
}

// seat returns the places as a seat without a label.
func (p *PlacesInfo) seat() SeatInfo {
	return SeatInfo{
		State: p.State, Paying: p.Paying, User: p.User, At: p.At, Until: p.Until, Left: p.Left, Fence: p.Fence,
		PayingUntil: p.PayingUntil, Actor: p.Actor, Reason: p.Reason, Reference: p.Reference,
	}
}

// set is the inverse of seat.
func (p *PlacesInfo) set(s *SeatInfo) {
	*p = PlacesInfo{
		Area: p.Area, Places: p.Places, State: s.State, Paying: s.Paying, User: s.User, At: s.At, Until: s.Until, Left: s.Left,
		Fence: s.Fence, PayingUntil: s.PayingUntil, Actor: s.Actor, Reason: s.Reason, Reference: s.Reference,
	}
}

// begin makes r what the snapshot says.
func (r *Replay) begin(c *Change) {
	*r = Replay{
		seats: slices.Clone(c.Snapshot), areas: slices.Clone(c.Areas),
		index: make(map[string]int, len(c.Snapshot)), places: map[placesName]PlacesInfo{},
	}
	for i := range r.seats {
		r.index[r.seats[i].Seat] = i
	}
	for i := range r.areas {
		a := &r.areas[i].Counts
		*a = Counts{Available: a.Available + a.Blocked + a.Booked}
	}
	for _, p := range c.Holders {
		r.places[placesName{p.Area, p.Fence}] = p
	}
}

// step makes s, which is in the hold or booking that the change is about, what it is after
// the change.
func (c *Change) step(s *SeatInfo) {
	switch c.Kind {
	case ChangeBlocked:
		give(s, SeatInfo{
			State: SeatBlocked, User: c.User, At: c.At, Until: c.Until, Fence: c.Fence, Actor: c.Actor, Reason: c.Reason, Reference: c.Reference,
		})
	case ChangeBooked:
		give(s, SeatInfo{State: SeatBooked, User: c.User, At: c.At, Fence: c.Fence, Reference: c.Reference})
	case ChangeExtended:
		s.Until = c.Until
	case ChangePaying:
		s.Until, s.PayingUntil = c.Until, c.Paying
	case ChangeReissued, ChangeMoved:
		s.Fence, s.Actor, s.Reason = c.Fence, c.Actor, c.Reason
	case ChangeReleased, ChangeExpired, ChangeCanceled:
		vacate(s)
	case ChangeSnapshot, ChangeGap, ChangeClosed, ChangeOpened, ChangeQuota, ChangeAdded:
	}
}

// before is the fence of the hold or booking that the change is about, as it was before;
// 0 if there was none.
func (c *Change) before() uint64 {
	switch c.Kind {
	case ChangeBlocked:
		return 0
	case ChangeBooked, ChangeReissued, ChangeMoved:
		return c.FromFence
	case ChangeSnapshot, ChangeGap, ChangeExtended, ChangeReleased, ChangeExpired, ChangeCanceled, ChangePaying, ChangeClosed, ChangeOpened, ChangeQuota, ChangeAdded:
	}
	return c.Fence
}

func (r *Replay) applySeats(c *Change) {
	var moved SeatInfo
	if c.Kind == ChangeMoved {
		for _, label := range c.From {
			if s := r.seat(label); s != nil && s.Fence == c.FromFence {
				moved = *s
				vacate(s)
			}
		}
	}
	for _, label := range c.Seats {
		s := r.seat(label)
		if s == nil {
			continue
		}
		if c.Kind == ChangeMoved {
			give(s, moved)
		}
		if c.sell(s) {
			continue
		}
		// A snapshot shows a hold as over whose end is told later.
		if s.Fence == c.before() || c.Kind == ChangeBooked && c.FromFence == 0 {
			c.step(s)
		}
	}
}

// add adds seats and places. All of them are free.
func (r *Replay) add(c *Change) {
	for _, label := range c.Seats {
		r.index[label] = len(r.seats)
		r.seats = append(r.seats, SeatInfo{Seat: label})
	}
	if c.Added == nil {
		return
	}
	for _, label := range c.Added.Closed {
		if s := r.seat(label); s != nil {
			s.State, s.Closed = SeatClosed, true
		}
	}
	for _, a := range c.Added.Areas {
		i := slices.IndexFunc(r.areas, func(old AreaInfo) bool { return old.Area == a.Name })
		if i < 0 {
			i = len(r.areas)
			r.areas = append(r.areas, AreaInfo{Area: a.Name})
		}
		r.areas[i].Counts = Counts{Available: a.Capacity}
	}
}

// seat returns the seat with that label, or nil.
func (r *Replay) seat(label string) *SeatInfo {
	if i, ok := r.index[label]; ok {
		return &r.seats[i]
	}
	return nil
}

// movePlaces gives places to the hold or booking that has moved.
func (r *Replay) movePlaces(c *Change) {
	var moved SeatInfo
	for area := range c.FromPlaces {
		before := placesName{area, c.FromFence}
		if p, ok := r.places[before]; ok {
			moved = p.seat()
			delete(r.places, before)
		}
	}
	if moved.Fence == 0 {
		return // see applySeats
	}
	c.step(&moved)
	for area, n := range c.Places {
		p := PlacesInfo{Area: area, Places: n}
		p.set(&moved)
		r.places[placesName{area, c.Fence}] = p
	}
}

func (r *Replay) applyPlaces(c *Change) {
	if c.Kind == ChangeMoved {
		r.movePlaces(c)
		return
	}
	for area, n := range c.Places {
		from := placesName{area, c.before()}
		p, ok := r.places[from]
		switch {
		case !ok && c.Kind != ChangeBlocked:
			continue // see applySeats
		case p.Places > n:
			rest := p
			rest.Places -= n
			r.places[from] = rest
		default:
			delete(r.places, from)
		}
		s := p.seat()
		c.step(&s)
		if s.State != SeatAvailable {
			p.Area, p.Places = area, n
			p.set(&s)
			r.places[placesName{area, s.Fence}] = p
		}
	}
}
