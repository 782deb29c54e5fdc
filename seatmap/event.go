package seatmap

import (
	"errors"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// event is a Plan with all that a Map adds to it: users, limits, idempotency
// keys, watchers. Everything in it is guarded by the plan's lock, but for what
// says otherwise.
type event struct {
	plan   *Plan
	limits Limits
	users  users
	keys   keys
	log    changeLog

	sweeper *sweeper  // nil in a Map that does not sweep by itself
	sweepAt int64     // when the sweeper is to come at the latest; never if it need not
	turn    sweepTurn // the sweeper's
}

func newEvent(r *CreateRequest, ls *labels, closed []int, m *Map) *event {
	o := &m.options
	e := &event{plan: newPlan(strings.Clone(r.Event), ls, closed, m.clock, m.tagKey(r.Event)), limits: r.Limits}
	e.plan.event = e
	e.sweeper, e.sweepAt, e.turn.of = m.sweeper, never, e
	if e.keys.most = o.Keys; o.Keys == 0 {
		e.keys.most = 4096 + ls.count
	}
	e.keys.seed = maphash.MakeSeed()
	e.log.size = o.Ring
	for e.log.life == 0 {
		e.log.life = rand.Uint64()
	}
	return e
}

// close ends the event, with what its calls get from then on, and returns the
// last fence and the last revision that it gave out.
func (e *event) close(end error) (fence, revision uint64) {
	e.plan.close(end)
	e.plan.mu.Lock()
	defer e.plan.mu.Unlock()
	e.log.changed.Open()
	if e.sweeper != nil {
		e.sweeper.unschedule(e)
	}
	return e.plan.fence, e.plan.revision
}

// next returns a time before which sweep finds nothing. It needs no lock.
func (e *event) next() int64 {
	next := e.plan.earliest.Load()
	for _, at := range [...]int64{e.keys.next.Load(), e.log.expires.Load()} {
		if at != 0 {
			next = min(next, at)
		}
	}
	return next
}

// scheduleSweep asks the sweeper to come when sweep may find something, unless it comes
// before anyway.
func (e *event) scheduleSweep() {
	if next := e.next(); next < e.sweepAt && e.sweeper != nil && e.plan.end == nil {
		e.sweepAt = next
		e.sweeper.schedule(e, next)
	}
}

// afterSweep is scheduleSweep after the sweeper came.
func (e *event) afterSweep() {
	e.plan.mu.Lock()
	defer e.plan.mu.Unlock()
	e.sweepAt = never
	e.scheduleSweep()
}

// sweep is as Plan.Sweep, and forgets old answers and changes.
func (e *event) sweep(limit int) (holds int, more bool) {
	p := e.plan
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		return 0, false
	}
	now := p.clock.now()
	e.keys.forget(now)
	if e.log.due(now) {
		e.log.drop()
	}
	return p.sweep(now, limit)
}

func (e *event) block(r *BlockRequest) (Hold, error) {
	var buf [8]int
	seats, err := e.seats(buf[:0], r.Seats)
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
	w := p.clock.wallTime()
	var keyed *keyedRequest
	if !r.Key.IsZero() {
		q := e.keys.request(r.User, r.Key, fingerprint{method: methodBlock, seats: e.keys.seatsPrint(r.Seats), ttl: r.TTL})
		keyed = &q
		if old, err := e.findResult(w.mono, keyed); old != nil || err != nil {
			return old.replay(), err
		}
	}
	if err := p.checkFree(w.mono, seats); err != nil {
		if r.ListTaken && !errors.Is(err, ErrSoldOut) {
			err = e.allTaken(w.mono, seats)
		}
		return Hold{}, err
	}
	return e.grant(w, r.User, seats, r.TTL, keyed)
}

func (e *event) blockAny(r *BlockAnyRequest) (Hold, error) {
	p := e.plan
	if gate := p.availableAt.Load(); gate != 0 && !p.clock.passed(gate) && !e.keys.has(r.User, r.Key) {
		return Hold{}, ErrSoldOut
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		return Hold{}, p.end
	}
	w := p.clock.wallTime()
	var keyed *keyedRequest
	if !r.Key.IsZero() {
		q := e.keys.request(r.User, r.Key,
			fingerprint{method: methodBlockAny, n: r.N, where: e.keys.wherePrint(r.Where), ttl: r.TTL})
		keyed = &q
		if old, err := e.findResult(w.mono, keyed); old != nil || err != nil {
			return old.replay(), err
		}
	}
	var match func(int) bool
	if r.Where.Prefix != "" {
		match = func(seat int) bool { return strings.HasPrefix(p.labels.label(seat), r.Where.Prefix) }
	}
	seats, err := p.choose(w.mono, r.N, r.Where.Adjacent, match)
	if err != nil {
		return Hold{}, err
	}
	return e.grant(w, r.User, seats, r.TTL, keyed)
}

// grant blocks the seats, which are available, if the user may have them.
func (e *event) grant(w wallTime, user string, seats []int, ttl time.Duration, keyed *keyedRequest) (Hold, error) {
	if err := e.checkLimits(w.mono, user, len(seats), ttl); err != nil {
		return Hold{}, err
	}
	p := e.plan
	head := p.grant(w.mono, w.mono+int64(ttl), e.users.open(user), seats, keyed)
	return e.result(w, head, p.labels.labelsOf(seats)), nil
}

// answer describes the hold or booking that begins at head and has just been
// made, and keeps the description if that is to be remembered.
func (e *event) result(w wallTime, head uint32, seats []string) Hold {
	h := e.describe(w, head, seats)
	slot := e.plan.records[head].slot
	if slot == noSlot {
		return h
	}
	kept := &e.keys.slots[slot].hold
	*kept = h
	kept.Seats = slices.Clone(seats) // the caller may change its own
	return h
}

// describe describes the hold or booking that begins at head.
func (e *event) describe(w wallTime, head uint32, seats []string) Hold {
	p := e.plan
	r := &p.records[head]
	return Hold{
		Token: p.token(head),
		User:  e.users.list[r.user].name,
		Seats: seats,
		At:    w.time(r.at),
		Until: w.time(p.deadline(head)),
	}
}

func (e *event) book(r *BookRequest) (Booking, error) {
	var buf [8]int
	seats, err := e.seats(buf[:0], r.Seats)
	if err != nil {
		return Booking{}, err
	}
	p := e.plan
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		return Booking{}, p.end
	}
	now := p.clock.now()
	var keyed *keyedRequest
	if !r.Key.IsZero() {
		q := e.keys.request(r.User, r.Key,
			fingerprint{method: methodBook, seats: e.keys.seatsPrint(r.Seats), token: e.keys.tokenPrint(&r.Token)})
		keyed = &q
		if old, err := e.findResult(now, keyed); old != nil || err != nil {
			return old.replay().booking(), err
		}
	}
	head, err := p.find(now, &r.Token, SeatBlocked)
	if err != nil {
		return Booking{}, err
	}
	if r.User != "" && r.User != e.users.list[p.records[head].user].name {
		return Booking{}, fmt.Errorf("%w: of another user's hold", ErrToken)
	}
	part, err := p.part(head, seats)
	if err != nil {
		return Booking{}, err
	}
	head = p.book(now, head, part, keyed)
	return e.result(p.clock.wallTime(), head, e.labelsOf(part)).booking(), nil
}

// booking is what a Hold without a deadline says.
func (h Hold) booking() Booking {
	return Booking{Token: h.Token, User: h.User, Seats: h.Seats, At: h.At, Replayed: h.Replayed}
}

func (e *event) labelsOf(seats []uint32) []string {
	out := make([]string, len(seats))
	for i, seat := range seats {
		out[i] = e.plan.labels.label(int(seat))
	}
	return out
}

func (e *event) giveBack(t *Token, state SeatState, kind ChangeKind, labels []string) error {
	var buf [8]int
	seats, err := e.seats(buf[:0], labels)
	if err != nil {
		return err
	}
	return e.plan.giveBack("", t, state, kind, seats)
}

func (e *event) extend(r *ExtendRequest) (Hold, error) {
	p := e.plan
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		return Hold{}, p.end
	}
	if err := e.checkLifetime(int64(r.TTL)); err != nil {
		return Hold{}, err
	}
	now := p.clock.now()
	head, err := p.find(now, &r.Token, SeatBlocked)
	if err != nil {
		return Hold{}, err
	}
	until := now + int64(r.TTL)
	if err := e.checkLifetime(until - p.records[head].at); err != nil {
		return Hold{}, err
	}
	p.extend(head, until)
	p.seatBuf = p.seats(p.seatBuf[:0], head)
	return e.describe(p.clock.wallTime(), head, e.labelsOf(p.seatBuf)), nil
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
		return SeatInfo{}, fmt.Errorf("%w: %q", ErrUnknownSeat, truncate(label))
	}
	w := p.clock.wallTime()
	state, rec := p.stateAt(w.mono, uint32(seat))
	return e.info(w, uint32(seat), state, rec), nil
}

// info describes a seat.
func (e *event) info(w wallTime, seat uint32, state SeatState, rec *record) SeatInfo {
	i := SeatInfo{Seat: e.plan.labels.label(int(seat)), State: state}
	if rec != nil {
		i.User, i.Fence, i.At = e.users.list[rec.user].name, rec.fence, w.time(rec.at)
		i.Until = w.time(e.plan.deadline(seat)) // the zero time for a booking
	}
	return i
}

// seatInfos describes all seats; those of an event that has ended too, if asked
// for, as they were at its end.
func (e *event) seatInfos(ended bool) (Snapshot, error) {
	s := Snapshot{Event: e.plan.name, Seats: make([]SeatInfo, e.plan.count)}
	w := e.plan.clock.wallTime()
	_, revision, err := e.plan.snapshot(ended, func(seat uint32, state SeatState, rec *record) {
		s.Seats[seat] = e.info(w, seat, state, rec)
	})
	if err != nil {
		return Snapshot{}, err
	}
	s.Revision, s.Cursor = revision, Cursor{e.log.life, revision}
	return s, nil
}

func (e *event) holds(user string) ([]HoldInfo, error) {
	p := e.plan
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		return nil, p.end
	}
	w := p.clock.wallTime()
	var out []HoldInfo
	for _, head := range e.users.heads(p, user) {
		if p.deadline(head) <= w.mono {
			continue
		}
		r := &p.records[head]
		p.seatBuf = p.seats(p.seatBuf[:0], head)
		out = append(out, HoldInfo{
			Fence: r.fence,
			Seats: e.labelsOf(p.seatBuf),
			At:    w.time(r.at),
			Until: w.time(p.deadline(head)),
		})
	}
	return out, nil
}

// remember is told by the plan that a hold or booking has been decided, before
// its seats are seen to be taken.
func (e *event) remember(now int64, q *keyedRequest, user uint64) (slot uint32) {
	return e.keys.remember(now, q, e.users.list[user].name)
}

// over is told by the plan that a hold or booking is over.
func (e *event) holdEnded(now int64, state SeatState, rec *record) {
	if state == SeatBlocked {
		e.users.dropHold(e.plan, rec)
	}
	if rec.slot != noSlot {
		e.keys.ended(now, rec.slot)
		e.scheduleSweep()
	}
}

// moved is told by the plan that a hold now begins at another seat.
func (e *event) holdMoved(from, to uint32) { e.users.moveHold(e.plan, from, to) }

// changed is told by the plan of every change.
func (e *event) changed(kind ChangeKind, rec *record, seats []uint32, until int64) {
	if e.log.enabled(e.plan.clock) {
		e.log.append(e.plan.revision, kind, rec, e.users.list[rec.user].name, seats, until)
	}
	switch kind {
	case ChangeBlocked:
		e.users.addHold(e.plan, seats[0])
		e.users.add(rec.user, len(seats))
	case ChangeReleased, ChangeExpired, ChangeCanceled:
		e.users.add(rec.user, -len(seats))
	case ChangeSnapshot, ChangeGap, ChangeExtended, ChangeBooked:
	}
}
