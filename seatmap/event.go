package seatmap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"time"
)

// event is a Plan with all that a Map adds to it: users, limits, idempotency
// keys, watchers. Everything in it is guarded by the plan's lock, but for what
// says otherwise.
type event struct {
	plan     *Plan
	limits   Limits
	accounts accounts
	keys     keys
	log      changeLog
}

func newEvent(r *CreateRequest, clock *Clock, o *Options) (*event, error) {
	ls, closed, err := r.Layout.labels()
	if err != nil {
		return nil, err
	}
	e := &event{plan: newPlan(strings.Clone(r.Event), ls, closed, clock), limits: r.Limits}
	e.plan.event = e
	if e.keys.most = o.Keys; o.Keys == 0 {
		e.keys.most = 4096 + ls.count
	}
	e.keys.seed = maphash.MakeSeed()
	e.log.size = o.Ring
	return e, nil
}

// close ends the event, with what its calls get from then on, and returns the
// last fence that it gave out.
func (e *event) close(end error) (fence uint64) {
	e.plan.close(end)
	e.plan.mu.Lock()
	defer e.plan.mu.Unlock()
	e.log.ring()
	return e.plan.fence
}

// due says, without a lock, whether sweep may find something.
func (e *event) due(now int64) bool {
	return e.plan.earliest.Load() <= now || e.keys.due(now)
}

// sweep is as Plan.Sweep, and forgets old answers.
func (e *event) sweep(limit int) (holds int, more bool) {
	p := e.plan
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		return 0, false
	}
	now := p.clock.now()
	e.keys.forget(now)
	return p.sweep(now, limit)
}

// seats translates labels, of which no two are the same.
func (e *event) seats(to []int, labels []string) ([]int, error) {
	for _, label := range labels {
		seat, ok := e.plan.labels.seat(label)
		if !ok {
			return nil, fmt.Errorf("%w: %q", ErrUnknownSeat, clip(label))
		}
		to = append(to, seat)
	}
	return to, nil
}

func (e *event) block(r *BlockRequest) (Hold, error) {
	var few [8]int
	seats, err := e.seats(few[:0], r.Seats)
	if err != nil {
		return Hold{}, err
	}
	p := e.plan
	if !r.ListTaken {
		for _, seat := range seats {
			if err := p.refusal(seat); err != nil && !e.keys.has(r.User, r.Key) {
				return Hold{}, err
			}
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		return Hold{}, p.end
	}
	var asked *question
	if r.Key != "" {
		q := e.keys.question(r.User, r.Key, "block", r.Seats, uint64(r.TTL))
		asked = &q
		if old, err := e.keys.recall(asked); old != nil || err != nil {
			return old.again(), err
		}
	}
	w := p.clock.wall()
	if err := p.free(w.mono, seats); err != nil {
		if r.ListTaken && !errors.Is(err, ErrSoldOut) {
			err = e.allTaken(w.mono, seats)
		}
		return Hold{}, err
	}
	return e.grant(w, r.User, seats, r.TTL, asked)
}

// allTaken returns the error that names all seats which are not available.
func (e *event) allTaken(now int64, seats []int) error {
	var list []int
	for _, seat := range seats {
		if state, _ := e.plan.look(now, uint32(seat)); state != Available {
			list = append(list, seat)
		}
	}
	return &TakenError{of: &taken{plan: e.plan, list: list}, seat: int32(list[0])}
}

func (e *event) blockAny(r *BlockAnyRequest) (Hold, error) {
	p := e.plan
	if r.N > p.count {
		return Hold{}, fmt.Errorf("%w: %d of %d", ErrInvalidSeats, r.N, p.count)
	}
	if p.gate.Load() > p.clock.lately() && !e.keys.has(r.User, r.Key) {
		return Hold{}, ErrSoldOut
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		return Hold{}, p.end
	}
	var asked *question
	if r.Key != "" {
		op := "any"
		if r.Where.Adjacent {
			op = "adjacent"
		}
		q := e.keys.question(r.User, r.Key, op, []string{r.Where.Prefix}, uint64(r.N), uint64(r.TTL))
		asked = &q
		if old, err := e.keys.recall(asked); old != nil || err != nil {
			return old.again(), err
		}
	}
	var match func(int) bool
	if r.Where.Prefix != "" {
		match = func(seat int) bool { return strings.HasPrefix(p.labels.label(seat), r.Where.Prefix) }
	}
	w := p.clock.wall()
	seats, err := p.choose(w.mono, r.N, r.Where.Adjacent, match)
	if err != nil {
		return Hold{}, err
	}
	return e.grant(w, r.User, seats, r.TTL, asked)
}

// grant blocks the seats, which are available, if the user may have them.
func (e *event) grant(w wall, user string, seats []int, ttl time.Duration, asked *question) (Hold, error) {
	if err := e.allow(w.mono, user, len(seats), ttl); err != nil {
		return Hold{}, err
	}
	p := e.plan
	lead := p.grant(w.mono, w.mono+int64(ttl), e.accounts.open(user), seats, asked)
	return e.answer(w, lead, p.labels.labelsOf(seats)), nil
}

// answer describes the hold or booking that begins at lead and has just been
// made, and keeps the description if that is to be remembered.
func (e *event) answer(w wall, lead uint32, seats []string) Hold {
	h := e.describe(w, lead, seats)
	slot := e.plan.records[lead].slot
	if slot == noSlot {
		return h
	}
	kept := &e.keys.slots[slot].hold
	*kept = h
	kept.Seats = slices.Clone(seats) // the caller may change his
	return h
}

// describe describes the hold or booking that begins at lead.
func (e *event) describe(w wall, lead uint32, seats []string) Hold {
	p := e.plan
	r := &p.records[lead]
	return Hold{
		Token: p.token(lead),
		User:  e.accounts.list[r.user].name,
		Seats: seats,
		At:    w.time(r.at),
		Until: w.time(p.deadline(lead)),
	}
}

// allow says whether a user may have n more seats for so long.
func (e *event) allow(now int64, user string, n int, ttl time.Duration) error {
	l := e.limits
	if l.Lifetime > 0 && ttl > l.Lifetime {
		return fmt.Errorf("%w: a hold lasts %v at most", ErrLimit, l.Lifetime)
	}
	if l.Seats == 0 && l.Holds == 0 {
		return nil
	}
	within := func() bool {
		seats, holds := e.accounts.of(user)
		return (l.Seats == 0 || seats+n <= l.Seats) && (l.Holds == 0 || holds < l.Holds)
	}
	if within() {
		return nil
	}
	for _, lead := range e.accounts.leads(e.plan, user) {
		if e.plan.deadline(lead) <= now {
			e.plan.expire(lead)
		}
	}
	if within() {
		return nil
	}
	return fmt.Errorf("%w: %d seats and %d holds a user", ErrLimit, l.Seats, l.Holds)
}

func (e *event) book(r *BookRequest) (Booking, error) {
	var few [8]int
	seats, err := e.seats(few[:0], r.Seats)
	if err != nil {
		return Booking{}, err
	}
	p := e.plan
	p.mu.Lock()
	defer p.mu.Unlock()
	var asked *question
	if r.Key != "" && p.end == nil {
		q := e.keys.question(r.User, r.Key, "book", r.Seats, r.Token.Fence,
			binary.LittleEndian.Uint64(r.Token.Secret[:]), binary.LittleEndian.Uint64(r.Token.Secret[8:]))
		asked = &q
		if old, err := e.keys.recall(asked); old != nil || err != nil {
			return old.again().booking(), err
		}
	}
	now, lead, err := p.find(&r.Token, Blocked, seats)
	if err != nil {
		return Booking{}, err
	}
	if r.User != "" && r.User != e.accounts.list[p.records[lead].user].name {
		return Booking{}, ErrToken
	}
	part, err := p.part(lead, seats)
	if err != nil {
		return Booking{}, err
	}
	lead = p.book(now, lead, part, asked)
	return e.answer(p.clock.wall(), lead, e.labelsOf(part)).booking(), nil
}

// booking is what a Hold without a deadline says.
func (h Hold) booking() Booking {
	return Booking{Token: h.Token, User: h.User, Seats: h.Seats, At: h.At}
}

func (e *event) labelsOf(seats []uint32) []string {
	out := make([]string, len(seats))
	for i, seat := range seats {
		out[i] = e.plan.labels.label(int(seat))
	}
	return out
}

func (e *event) giveBack(t *Token, state State, kind Kind, labels []string) error {
	var few [8]int
	seats, err := e.seats(few[:0], labels)
	if err != nil {
		return err
	}
	return e.plan.giveBack(t, state, kind, seats)
}

func (e *event) extend(r *ExtendRequest) (Hold, error) {
	p := e.plan
	p.mu.Lock()
	defer p.mu.Unlock()
	now, lead, err := p.find(&r.Token, Blocked, nil)
	if err != nil {
		return Hold{}, err
	}
	until := now + int64(r.TTL)
	if l := e.limits.Lifetime; l > 0 && until-p.records[lead].at > int64(l) {
		return Hold{}, fmt.Errorf("%w: a hold lasts %v at most", ErrLimit, l)
	}
	p.extend(lead, until)
	p.scratch = p.ring(p.scratch[:0], lead)
	return e.describe(p.clock.wall(), lead, e.labelsOf(p.scratch)), nil
}

func (e *event) seat(label string) (SeatInfo, error) {
	p := e.plan
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		return SeatInfo{}, p.end
	}
	seat, ok := p.labels.seat(label)
	if !ok {
		return SeatInfo{}, fmt.Errorf("%w: %q", ErrUnknownSeat, clip(label))
	}
	w := p.clock.wall()
	state, head := p.look(w.mono, uint32(seat))
	return e.info(w, uint32(seat), state, head), nil
}

// info describes a seat.
func (e *event) info(w wall, seat uint32, state State, head *record) SeatInfo {
	i := SeatInfo{Seat: e.plan.labels.label(int(seat)), State: state}
	if head != nil {
		i.User, i.Fence, i.At = e.accounts.list[head.user].name, head.fence, w.time(head.at)
		i.Until = w.time(e.plan.deadline(seat)) // the zero time for a booking
	}
	return i
}

func (e *event) seatInfos() (Snapshot, error) {
	s := Snapshot{Event: e.plan.name, Seats: make([]SeatInfo, e.plan.count)}
	w := e.plan.clock.wall()
	_, revision, err := e.plan.snapshot(func(seat uint32, state State, head *record) {
		s.Seats[seat] = e.info(w, seat, state, head)
	})
	if err != nil {
		return Snapshot{}, err
	}
	s.Revision = revision
	return s, nil
}

func (e *event) holds(user string) ([]HoldInfo, error) {
	p := e.plan
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		return nil, p.end
	}
	w := p.clock.wall()
	var out []HoldInfo
	for _, lead := range e.accounts.leads(p, user) {
		if p.deadline(lead) <= w.mono {
			continue
		}
		r := &p.records[lead]
		p.scratch = p.ring(p.scratch[:0], lead)
		out = append(out, HoldInfo{
			Fence: r.fence,
			Seats: e.labelsOf(p.scratch),
			At:    w.time(r.at),
			Until: w.time(p.deadline(lead)),
		})
	}
	return out, nil
}

// remember is told by the plan that a hold or booking has been decided, before
// its seats are seen to be taken.
func (e *event) remember(now int64, q *question, user uint64) (slot uint32) {
	return e.keys.remember(now, q, e.accounts.list[user].name)
}

// over is told by the plan that a hold or booking is over.
func (e *event) over(now int64, state State, head *record) {
	if state == Blocked {
		e.accounts.dropHold(e.plan, head)
	}
	if head.slot != noSlot {
		e.keys.ended(now, head.slot)
	}
}

// moved is told by the plan that a hold now begins at another seat.
func (e *event) moved(from, to uint32) { e.accounts.moveHold(e.plan, from, to) }

// changed is told by the plan of every change.
func (e *event) changed(kind Kind, head *record, seats []uint32, until int64) {
	if e.log.on() {
		e.log.add(e.plan.revision, kind, head, e.accounts.list[head.user].name, seats, until)
	}
	switch kind {
	case KindBlocked:
		e.accounts.addHold(e.plan, seats[0])
		e.accounts.add(head.user, len(seats))
	case KindReleased, KindExpired, KindCancelled:
		e.accounts.add(head.user, -len(seats))
	case KindSnapshot, KindGap, KindExtended, KindBooked:
	}
}

// clip shortens a text for an error.
func clip(text string) string {
	if len(text) > 64 {
		return text[:64] + "…"
	}
	return text
}
