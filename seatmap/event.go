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

// event is a Plan with all that a Map adds to it: users, limits, idempotency keys,
// watchers. The plan's lock guards everything in it, except where a comment says
// otherwise.
type event struct {
	plan     *Plan
	limits   Limits
	created  *eventResult // of the Create with a key, or nil; not changed
	users    users
	keys     keys
	log      changeLog
	op       *operation // of the change that is being made, or nil
	from     grantName  // what the next change takes its seats from, if it has another fence
	refs     references
	payments map[uint64]payment // by the fence of the hold
	granted  map[uint64]doing   // by the fence that an operator gave
	// reference is that of the hold or booking that the next change makes or ends.
	reference string
	journal   *eventJournal // nil unless a journal keeps the event

	sweeper *sweeper  // nil in a Map that does not sweep by itself
	sweepAt int64     // when the sweeper is to come at the latest; never if it need not
	turn    sweepTurn // the sweeper's
}

func newEvent(r *CreateRequest, ls *labels, closed []int, m *Map) *event {
	o := &m.options
	e := &event{plan: newPlan(r.Event, ls, closed, m.clock, m.tagKey(r.Event)), limits: r.Limits}
	e.plan.event = e
	e.plan.tags.former, e.plan.tags.lasting = m.former.of(r.Event), m.durable != nil
	e.sweeper, e.sweepAt, e.turn.of = m.sweeper, never, e
	e.keys.most, e.keys.ofSize = o.Keys, o.Keys == 0
	if e.keys.ofSize {
		e.keys.most = 4096 + e.plan.totals[SeatAvailable] + e.plan.totals[SeatClosed]
	}
	e.keys.seed = maphash.MakeSeed()
	e.log.size = o.Ring
	for e.log.life == 0 {
		e.log.life = rand.Uint64()
	}
	return e
}

// close ends the event. Every later call returns the error end. close returns the
// last fence and the last revision that the event gave out.
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

// next returns a time before which sweep finds nothing to do. It needs no lock.
func (e *event) next() int64 {
	next := e.plan.earliest.Load()
	for _, at := range [...]int64{e.keys.next.Load(), e.log.expires.Load()} {
		if at != 0 {
			next = min(next, at)
		}
	}
	return next
}

// scheduleSweep schedules the sweep of the event for next, unless one is scheduled
// before.
func (e *event) scheduleSweep() {
	if next := e.next(); next < e.sweepAt && e.sweeper != nil && e.plan.end == nil {
		e.sweepAt = next
		e.sweeper.schedule(e, next)
	}
}

// afterSweep schedules the next sweep after a sweep.
func (e *event) afterSweep() {
	e.plan.mu.Lock()
	defer e.plan.mu.Unlock()
	e.sweepAt = never
	e.scheduleSweep()
}

// sweep is as Plan.Sweep, and forgets old results and changes.
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

// block carries out the request and fills in h.
func (e *event) block(r *BlockRequest, h *Hold) error {
	var buf [8]int
	seats, err := e.seats(buf[:0], r.Seats)
	if err != nil {
		return err
	}
	p := e.plan
	var places []somePlaces
	if len(r.Places) > 0 {
		var buf [4]somePlaces
		if places, err = e.places(buf[:0], r.Places); err != nil {
			return err
		}
	}
	if !r.ListTaken && len(r.Quotas) == 0 {
		for _, seat := range seats {
			if err := p.refusal(seat); err != nil && !e.keys.has(r.User, r.Key) {
				return err
			}
		}
		if places != nil {
			if err := p.refusalOf(places); err != nil && !e.keys.has(r.User, r.Key) {
				return err
			}
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		return p.end
	}
	w := p.clock.wallTime()
	var keyed *keyedRequest
	if !r.Key.IsZero() {
		q := e.keys.request(r.User, r.Key, printOfBlock(r))
		keyed = &q
		if old, err := e.repeats(w.mono, keyed); old != nil || err != nil {
			*h = old.replay(w)
			return err
		}
	}
	if err := p.checkFree(w.mono, seats, r.Quotas); err != nil {
		if r.ListTaken && !errors.Is(err, ErrSoldOut) {
			err = e.allTaken(w.mono, seats, r.Quotas)
		}
		return err
	}
	if err := p.checkPlaces(w.mono, places, r.Quotas); err != nil {
		return err
	}
	return e.grant(w, r.User, r.Reference, seats, places, r.TTL, keyed, h)
}

// blockAny carries out the request and fills in h.
func (e *event) blockAny(r *BlockAnyRequest, h *Hold) error {
	p := e.plan
	if at := p.availableAt.Load(); at != 0 && len(r.Where.Quotas) == 0 && !p.clock.passed(at) && !e.keys.has(r.User, r.Key) {
		return ErrSoldOut
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		return p.end
	}
	w := p.clock.wallTime()
	var keyed *keyedRequest
	if !r.Key.IsZero() {
		q := e.keys.request(r.User, r.Key, printOfBlockAny(r))
		keyed = &q
		if old, err := e.repeats(w.mono, keyed); old != nil || err != nil {
			*h = old.replay(w)
			return err
		}
	}
	where := r.Where // a copy, lest r escapes on 32 bits: a refusal does not allocate
	seats, err := p.chooseWhere(w.mono, r.N, &where)
	if err != nil {
		return err
	}
	return e.grant(w, r.User, r.Reference, seats, nil, r.TTL, keyed, h)
}

// grant blocks the seats and places, which are available, if the limits allow it.
func (e *event) grant(
	w wallTime, user, reference string, seats []int, places []somePlaces, ttl time.Duration, keyed *keyedRequest, h *Hold,
) error {
	if err := e.checkLimits(w.mono, user, len(seats)+count(places), ttl); err != nil {
		return err
	}
	p := e.plan
	e.refer(reference)
	head := p.grant(w.mono, w.mono+int64(ttl), e.users.open(user), p.addBlocks(seats, places), keyed)
	e.describe(w, head, p.seatBuf, h)
	e.keep(head, h)
	return nil
}

// keep fills in the result of the hold or booking that begins at head, if it has
// one.
func (e *event) keep(head uint32, h *Hold) {
	if slot := e.plan.rec(head).slot; slot != noSlot {
		e.keys.slots[slot].keep(h)
	}
}

// describe fills in h for these entries of the hold or booking that begins at head.
func (e *event) describe(w wallTime, head uint32, entries []uint32, h *Hold) {
	p := e.plan
	r := p.rec(head)
	h.Token, h.User, h.At = p.token(head), e.users.list[r.user].name, w.time(r.at)
	if p.areas == nil {
		h.Seats = p.labels().namedSeats(entries)
	} else {
		h.Seats, h.Places = p.named(entries)
	}
	h.Until, h.Left = w.deadline(p.deadline(head))
	_, h.Paying = e.paying(w.mono, r.fence)
}

func (e *event) book(r *BookRequest) (Booking, error) {
	var buf [8]int
	seats, err := e.seats(buf[:0], r.Seats)
	if err != nil {
		return Booking{}, err
	}
	p := e.plan
	var places []somePlaces
	if r.Places != nil {
		if places, err = e.places([]somePlaces{}, r.Places); err != nil {
			return Booking{}, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		return Booking{}, p.end
	}
	w := p.clock.wallTime()
	var keyed *keyedRequest
	if !r.Key.IsZero() {
		q := e.keys.request(r.User, r.Key, printOfBook(r))
		keyed = &q
		if old, err := e.repeats(w.mono, keyed); old != nil || err != nil {
			return old.replay(w).booking(), err
		}
	}
	head, part, err := e.findPart(w.mono, &r.Token, r.User, SeatBlocked, seats, places)
	if err != nil {
		return Booking{}, err
	}
	fence := p.rec(head).fence
	e.takesFrom(head)
	e.reference = e.refs.of(fence)
	e.refer(r.Reference)
	head = p.book(w.mono, head, part, keyed)
	var h Hold
	e.describe(w, head, part, &h)
	e.keep(head, &h)
	if _, ok := e.paying(w.mono, fence); ok { // the rest of the hold is not paid for
		rest, _ := p.headOfFence(r.Token.seat, fence)
		e.endPayment(w.mono, rest)
	}
	return h.booking(), nil
}

// booking is what a Hold without a deadline says.
func (h Hold) booking() Booking {
	return Booking{Token: h.Token, User: h.User, Seats: h.Seats, Places: h.Places, At: h.At, Replayed: h.Replayed}
}

// giveBack carries out a ReleaseRequest, or a CancelRequest in the form of one.
func (e *event) giveBack(r *ReleaseRequest, method method, state SeatState, kind ChangeKind) (Receipt, error) {
	var buf [8]int
	seats, err := e.seats(buf[:0], r.Seats)
	if err != nil {
		return Receipt{}, err
	}
	p := e.plan
	var places []somePlaces
	if r.Places != nil {
		if places, err = e.places([]somePlaces{}, r.Places); err != nil {
			return Receipt{}, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		return Receipt{}, p.end
	}
	now := p.clock.now()
	var keyed *keyedRequest
	if !r.Key.IsZero() {
		q := e.keys.request(r.User, r.Key, printOfPart(method, r))
		keyed = &q
		if old, err := e.repeats(now, keyed); old != nil || err != nil {
			return Receipt{Replayed: old != nil}, err
		}
	}
	head, part, err := e.findPart(now, &r.Token, r.User, state, seats, places)
	if err != nil {
		return Receipt{}, err
	}
	user := e.users.list[p.rec(head).user].name
	e.asks(keyed)
	p.vacate(now, head, part, kind)
	if keyed != nil {
		e.rememberDone(now, keyed, user, &Hold{})
	}
	return Receipt{}, nil
}

// rememberDone remembers the answer to a request that granted nothing. user equals
// keyed.user and is safe to keep.
func (e *event) rememberDone(now int64, keyed *keyedRequest, user string, h *Hold) {
	slot := e.keys.remember(now, keyed, user)
	e.keys.slots[slot].keep(h)
	e.keys.ended(now, slot)
	e.scheduleSweep()
}

func (e *event) extend(r *ExtendRequest) (Hold, error) {
	p := e.plan
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		return Hold{}, p.end
	}
	w := p.clock.wallTime()
	var keyed *keyedRequest
	if !r.Key.IsZero() {
		q := e.keys.request(r.User, r.Key, printOfExtend(r))
		keyed = &q
		if old, err := e.repeats(w.mono, keyed); old != nil || err != nil {
			return old.replay(w), err
		}
	}
	if err := e.checkLifetime(int64(r.TTL)); err != nil {
		return Hold{}, err
	}
	head, part, err := e.findPart(w.mono, &r.Token, r.User, SeatBlocked, nil, nil)
	if err != nil {
		return Hold{}, err
	}
	until := w.mono + int64(r.TTL)
	if err := e.checkLifetime(until - p.rec(head).at); err != nil {
		return Hold{}, err
	}
	var h Hold
	e.describe(w, head, part, &h)
	if pay, ok := e.paying(w.mono, p.rec(head).fence); ok {
		pay.own = max(pay.own, until)
		p.touch(part)
		e.payments[p.rec(head).fence] = pay
	}
	e.asks(keyed)
	before := p.revision
	h.Until, h.Left = w.deadline(p.extend(head, until))
	if p.revision == before { // the deadline is later already
		e.same(w, head)
	}
	if keyed != nil {
		e.rememberDone(w.mono, keyed, h.User, &h)
	}
	return h, nil
}

func (e *event) seat(label string) (SeatInfo, error) {
	p := e.plan
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		return SeatInfo{}, p.end
	}
	seat, ok := p.labels().seat(label)
	if !ok {
		return SeatInfo{}, fmt.Errorf("%w: %q", ErrUnknownSeat, truncate(label))
	}
	w := p.clock.wallTime()
	state, rec := p.stateAt(w.mono, uint32(seat))
	return e.info(w, uint32(seat), state, rec), nil
}

// info describes a seat.
func (e *event) info(w wallTime, seat uint32, state SeatState, rec *record) SeatInfo {
	i := SeatInfo{Seat: e.plan.labels().label(int(seat)), State: state}
	e.describeOwner(w, seat, rec, &i)
	i.Closed = e.plan.isClosed(seat, state)
	if by := e.plan.closed[seat]; i.Closed {
		i.ClosedBy, i.ClosedReason = by.actor, by.reason
	}
	i.Quota = e.plan.quotas[seat]
	return i
}

// describeOwner fills in what is the same for all entries of the hold or booking that rec
// is of. It does nothing if rec is nil.
func (e *event) describeOwner(w wallTime, entry uint32, rec *record, i *SeatInfo) {
	if rec != nil {
		i.User, i.Fence, i.At = e.users.list[rec.user].name, rec.fence, w.time(rec.at)
		i.Until, i.Left = w.deadline(e.plan.deadline(entry))
		if pay, ok := e.paying(w.mono, rec.fence); ok {
			i.Paying, i.PayingUntil = true, w.time(pay.until)
		}
		if len(e.granted) > 0 {
			by := e.granted[rec.fence]
			i.Actor, i.Reason = by.actor, by.reason
		}
		i.Reference = e.refs.of(rec.fence)
	}
}

// page answers a SeatsRequest.
func (e *event) page(r *SeatsRequest) (Snapshot, error) {
	from := 0
	if r.After != "" {
		after, ok := e.plan.labels().seat(r.After)
		if err := e.whileMoved(); !ok && err != nil {
			return Snapshot{}, err
		}
		if !ok {
			return Snapshot{}, fmt.Errorf("%w: %q", ErrUnknownSeat, truncate(r.After))
		}
		from = after + 1
	}
	to := MaxSeats
	if r.Limit > 0 && r.Limit < to-from {
		to = from + r.Limit
	}
	s, _, err := e.seatInfos(from, to, false, false)
	return s, err
}

// seatInfos describes the seats of that range. If ended is set, those of an event
// that has ended are described, too, as they were at its end. If places is set, who has
// places of areas is described, too.
func (e *event) seatInfos(from, to int, ended, places bool) (Snapshot, []PlacesInfo, error) {
	s := Snapshot{Event: e.plan.name}
	var holders []PlacesInfo
	w := e.plan.clock.wallTime()
	begin := func(now int64, to int) {
		s.Seats, s.More = make([]SeatInfo, to-from), to < e.plan.count
		if places {
			holders = e.holders(w, now)
		}
	}
	_, revision, areas, err := e.plan.snapshot(from, to, ended, begin, func(seat uint32, state SeatState, rec *record) {
		s.Seats[int(seat)-from] = e.info(w, seat, state, rec)
	})
	if err != nil {
		return Snapshot{}, nil, err
	}
	s.Areas, s.Revision, s.Cursor = areas, revision, Cursor{e.log.life, revision}
	sortHolders(holders)
	return s, holders, nil
}

// layout answers a LayoutRequest.
func (e *event) layout() (Layout, error) {
	p := e.plan
	var ls *labels
	var closed []int
	begin := func(int64, int) { ls = p.labels() }
	_, _, _, err := p.snapshot(0, MaxSeats, false, begin, func(seat uint32, state SeatState, _ *record) {
		if p.isClosed(seat, state) {
			closed = append(closed, int(seat))
		}
	})
	if err != nil {
		return Layout{}, err
	}
	l := ls.layout()
	if closed != nil {
		slices.Sort(closed)
		l.Closed = ls.labelsOf(closed)
	}
	return l, nil
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
	for _, head := range e.users.heads(p, user, SeatBlocked) {
		if p.deadline(head) <= w.mono {
			continue
		}
		r := p.rec(head)
		p.seatBuf = p.seats(p.seatBuf[:0], head)
		info := HoldInfo{Fence: r.fence, At: w.time(r.at)}
		info.Seats, info.Places = p.named(p.seatBuf)
		info.Until, info.Left = w.deadline(p.deadline(head))
		_, info.Paying = e.paying(w.mono, r.fence)
		out = append(out, info)
	}
	return out, nil
}

// remember is called by the plan when a hold or booking has been decided, before
// other goroutines can see that its seats are taken.
func (e *event) remember(now int64, q *keyedRequest, user uint64) (slot uint32) {
	name := e.users.list[user].name
	if q.user != name { // an operator
		name = strings.Clone(q.user)
	}
	return e.keys.remember(now, q, name)
}

// holdEnded is called by the plan when a hold or booking has ended.
func (e *event) holdEnded(now int64, state SeatState, rec *record) {
	if len(e.granted) > 0 {
		delete(e.granted, rec.fence)
	}
	if len(e.refs.byFence) > 0 {
		if text := e.refs.drop(rec.fence); e.reference == "" {
			e.reference = text
		}
	}
	if state == SeatBlocked && len(e.payments) > 0 {
		delete(e.payments, rec.fence)
	}
	e.users.dropGrant(e.plan, rec, state)
	if rec.slot != noSlot {
		e.keys.ended(now, rec.slot)
		e.scheduleSweep()
	}
}

// grantMoved is called by the plan when a hold or booking begins at another seat than before.
func (e *event) grantMoved(from, to uint32, state SeatState) {
	e.users.moveGrant(e.plan, from, to, state)
}

// changed is called by the plan after every change.
func (e *event) changed(kind ChangeKind, rec *record, seats []uint32, until int64) {
	from := e.from
	e.from = grantName{}
	if op := e.op; op != nil && op.actor != "" && (kind == ChangeBlocked || kind == ChangeReissued || kind == ChangeMoved) {
		e.grantedBy(rec.fence, doing{op.actor, op.reason})
	}
	reference := ""
	if e.reference != "" || len(e.refs.byFence) > 0 {
		reference = e.referred(kind, rec)
	}
	if e.log.enabled(e.plan.clock) {
		e.log.append(e.plan.revision, kind, rec, from.fence, e.users.list[rec.user].name, e.plan.lasting(seats), until, e.op.with(reference))
	}
	if e.journal != nil {
		e.journal.changed(e, kind, rec, from, seats, until)
	}
	switch kind {
	case ChangeBlocked:
		e.users.addGrant(e.plan, seats[0], SeatBlocked)
		e.users.add(rec.user, e.plan.size(seats))
	case ChangeBooked:
		e.users.addGrant(e.plan, seats[0], SeatBooked)
	case ChangeReleased, ChangeExpired, ChangeCanceled:
		e.users.add(rec.user, -e.plan.size(seats))
	case ChangeSnapshot, ChangeGap, ChangeExtended, ChangeReissued, ChangeMoved, ChangePaying,
		ChangeClosed, ChangeOpened, ChangeQuota, ChangeAdded:
	}
}
