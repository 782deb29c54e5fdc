package seatmap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/coderrange/ferrous/seatmap/internal/durable"
)

// This file has the records of changes of seats and places.

// grantName names a hold or booking: its fence, and where it began.
type grantName struct {
	fence uint64
	first uint32
}

// The flags of a seatsRecord.
const (
	recordWhole     = 1 << iota // all of a hold or booking has changed
	recordFrom                  // it says what the seats or places were part of before
	recordPlaces                // it has places
	recordEndless               // the hold has no deadline
	recordPaying                // a payment keeps the hold
	recordActor                 // an operator gave the hold or booking its fence
	recordReference             // the hold or booking has a reference
)

// seatsRecord is a [durable.Record] of what seats and places are after a change. All
// times are of the wall clock, in nanoseconds.
type seatsRecord struct {
	name     string
	revision uint64
	state    SeatState
	flags    byte
	at       int64 // when the hold or booking began; or of the change, if there is none
	now      int64 // of the change, if at is not
	seats    []uint32
	places   []somePlaces
	from     grantName

	// If they are blocked or booked.
	grantName
	until int64
	user  string
	by    doing
	pay   payment
	asked *keyedRequest

	reference string
}

// AppendTo implements [durable.Record].
func (r *seatsRecord) AppendTo(b []byte) []byte {
	b = appendText(append(b, recordSeats), r.name)
	b = binary.AppendUvarint(b, r.revision)
	b = append(b, byte(r.state), r.flags)
	b = binary.AppendVarint(b, r.at)
	b = appendSeats(b, r.seats)
	if r.flags&recordWhole != 0 {
		b = binary.AppendVarint(b, r.now)
	}
	if r.flags&recordPlaces != 0 {
		b = binary.AppendUvarint(b, uint64(len(r.places)))
		for _, some := range r.places {
			b = binary.AppendUvarint(b, uint64(some.area))
			b = binary.AppendUvarint(b, uint64(some.n))
		}
	}
	if r.flags&recordFrom != 0 {
		b = appendGrantName(b, r.from)
	}
	if r.state == SeatBlocked || r.state == SeatBooked {
		b = appendGrantName(b, r.grantName)
		b = binary.AppendVarint(b, r.until)
		b = appendText(b, r.user)
		if r.flags&recordActor != 0 {
			b = appendText(appendText(b, r.by.actor), r.by.reason)
		}
		if r.flags&recordReference != 0 {
			b = appendText(b, r.reference)
		}
		if r.flags&recordPaying != 0 {
			b = binary.AppendVarint(b, r.pay.own)
			b = binary.AppendVarint(b, r.pay.began)
			b = binary.AppendVarint(b, r.pay.until)
		}
	}
	return appendAsked(b, r.asked)
}

func appendGrantName(b []byte, g grantName) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, g.fence), uint64(g.first))
}

func (r *recordReader) grantName() grantName { return grantName{r.uint(), uint32(r.uint())} }

// places reads the places of a record, which are in the order of their areas.
func (r *recordReader) places(areas int) (places []somePlaces) {
	n := r.uint()
	if n == 0 || n > uint64(areas) {
		r.fail()
		return nil
	}
	for range n {
		area, n := r.uint(), r.uint()
		if area >= uint64(areas) || n == 0 || n > MaxSeats {
			r.fail()
			return nil
		}
		places = append(places, somePlaces{uint32(area), int(n)})
	}
	return places
}

// read reads a record of the plan from its state on.
func (c *seatsRecord) read(r *recordReader, p *Plan) {
	c.state, c.flags, c.at = SeatState(r.byte()), r.byte(), r.int()
	c.seats, c.now = r.seats(nil, p.count), c.at
	if c.flags&recordWhole != 0 {
		c.now = r.int()
	}
	if c.flags&recordPlaces != 0 {
		c.places = r.places(len(p.areas))
	}
	if c.flags&recordFrom != 0 {
		c.from = r.grantName()
	}
	if c.state == SeatBlocked || c.state == SeatBooked {
		c.grantName, c.until, c.user = r.grantName(), r.int(), r.text()
		if c.flags&recordActor != 0 {
			c.by = doing{r.text(), r.text()}
		}
		if c.flags&recordReference != 0 {
			c.reference = r.text()
		}
		if c.flags&recordPaying != 0 {
			c.pay = payment{r.int(), r.int(), r.int()}
		}
		if c.fence == 0 || checkUser(c.user) != nil || checkReference(c.reference) != nil {
			r.fail()
		}
	}
	c.asked = r.asked()
	if len(c.seats)+len(c.places) == 0 || c.state >= SeatClosed {
		r.fail()
	}
}

// changed records a change of seats, which has been made.
func (j *eventJournal) changed(e *event, kind ChangeKind, rec *record, from grantName, entries []uint32, until int64) {
	p := e.plan
	j.extendBounds(p)
	asked := j.asked
	j.asked = nil
	if !j.of.keeps(kind, until) {
		return
	}
	if until == endless {
		j.reserved.Store(true)
	}
	w := p.clock.wallTime()
	r := &j.record
	*r = seatsRecord{
		name: p.name, revision: p.revision, state: SeatState(p.wordOf(entries[0]) & stateMask), at: w.at.UnixNano(), seats: entries, asked: asked,
	}
	if p.areas != nil {
		r.seats, r.places = p.divided(entries)
	}
	if r.places != nil {
		r.flags |= recordPlaces
	}
	whole := kind == ChangeExtended || kind == ChangePaying || kind == ChangeReissued || kind == ChangeMoved
	if r.state == SeatClosed {
		r.state = SeatAvailable // it depends on the seat, and is known without this record
	}
	if r.state == SeatBlocked || r.state == SeatBooked {
		if whole {
			r.flags, r.now = r.flags|recordWhole, r.at
		}
		r.at, r.grantName, r.user = w.time(rec.at).UnixNano(), grantName{rec.fence, rec.first}, e.users.list[rec.user].name
		if rec.slot != noSlot && asked == nil && !whole {
			r.asked = &e.keys.slots[rec.slot].keyedRequest
		}
		if r.by = e.granted[rec.fence]; r.by.actor != "" {
			r.flags |= recordActor
		}
		if r.reference = e.refs.of(rec.fence); r.reference != "" {
			r.flags |= recordReference
		}
		r.deadlines(e, w, until)
	}
	if whole || r.places != nil && kind != ChangeBlocked {
		if r.flags, r.from = r.flags|recordFrom, from; from.fence == 0 {
			r.from = grantName{rec.fence, rec.first}
		}
	}
	j.last.Store(j.of.log.Append(r))
	*r = seatsRecord{}
}

// extendBounds makes sure of the next fences and revisions.
func (j *eventJournal) extendBounds(p *Plan) {
	if b := &j.bounds; p.fence+boundStep/2 > b.fence || p.revision+boundStep/2 > b.revision {
		*b = bounds{p.fence + boundStep, p.revision + boundStep}
		r := appendText([]byte{recordBounds}, p.name)
		r = binary.AppendUvarint(binary.AppendUvarint(r, b.fence), b.revision)
		j.bounded.Store(j.of.log.Append(bytesRecord(r)))
	}
}

// deadlines fills in the deadline and payment of a hold.
func (c *seatsRecord) deadlines(e *event, w wallTime, until int64) {
	switch until {
	case 0:
		return
	case endless:
		c.flags |= recordEndless
	default:
		c.until = w.time(until).UnixNano()
	}
	if pay, ok := e.paying(w.mono, c.fence); ok {
		c.flags |= recordPaying
		c.pay = payment{0, w.time(pay.began).UnixNano(), w.time(pay.until).UnixNano()}
		if pay.own != endless {
			c.pay.own = w.time(pay.own).UnixNano()
		}
	}
}

// divided divides entries into seats and places.
func (p *Plan) divided(entries []uint32) (seats []uint32, places []somePlaces) {
	for _, entry := range entries {
		if entry < firstBlock {
			seats = append(seats, entry)
			continue
		}
		b, page := p.blockAt(entry)
		places = append(places, somePlaces{page.area, b.n})
	}
	return seats, places
}

// keeps reports whether a change is recorded. That a hold has reached its deadline is
// known without a record.
func (d *durableMap) keeps(kind ChangeKind, until int64) bool {
	switch kind {
	case ChangeExpired:
		return false
	case ChangeBlocked, ChangeExtended, ChangeReleased, ChangePaying, ChangeReissued, ChangeMoved:
		return d.options.Holds || until == endless || until == 0
	case ChangeSnapshot, ChangeGap, ChangeBooked, ChangeCanceled, ChangeClosed, ChangeOpened, ChangeQuota, ChangeAdded:
	}
	return true
}

// same records that the request that was noted has changed no seats of the hold that
// begins at head: the answer, and until when the hold lasts without its payment.
func (e *event) same(w wallTime, head uint32) {
	j := e.journal
	if j == nil {
		return
	}
	asked := j.asked
	j.asked = nil
	rec := e.plan.rec(head)
	if until := e.plan.deadline(head); !j.of.options.Holds && until != endless {
		return
	}
	own := int64(0)
	if pay, ok := e.paying(w.mono, rec.fence); ok && pay.own != endless {
		own = w.time(pay.own).UnixNano()
	}
	if own == 0 && asked == nil {
		return
	}
	b := appendText([]byte{recordSame}, e.plan.name)
	b = binary.AppendUvarint(b, e.plan.revision)
	b = appendGrantName(b, grantName{rec.fence, rec.first})
	b = binary.AppendVarint(binary.AppendVarint(b, w.at.UnixNano()), own)
	j.last.Store(j.of.log.Append(bytesRecord(appendAsked(b, asked))))
}

// known returns the event of a record, and whether its changes up to that revision have
// to be read.
func (d *durableMap) known(name []byte, revision uint64) (*event, bool) {
	e := d.event(string(name))
	if e == nil {
		// A checkpoint does not have it because it was removed, which has to come.
		d.lost[string(name)] = true
		return nil, false
	}
	return e, revision > e.plan.revision // otherwise it is in the checkpoint
}

func (d *durableMap) applySeats(r *recordReader) error {
	name, revision := r.bytes(r.uint()), r.uint()
	e, ok := d.known(name, revision)
	if !ok {
		return nil
	}
	c := seatsRecord{revision: revision}
	c.read(r, e.plan)
	if err := r.end(); err != nil {
		return err
	}
	return e.apply(&c)
}

func (d *durableMap) applySame(r *recordReader) error {
	name, revision := r.bytes(r.uint()), r.uint()
	e, _ := d.known(name, revision)
	if e == nil || revision < e.plan.revision {
		return nil
	}
	of, at, own, asked := r.grantName(), r.int(), r.int(), r.asked()
	if err := r.end(); err != nil {
		return err
	}
	p := e.plan
	head, ok := p.headOfFence(of.first, of.fence)
	if !ok {
		return nil
	}
	w := p.clock.wallTime()
	if pay, ok := e.payments[of.fence]; ok && own != 0 && pay.own != endless {
		pay.own = max(pay.own, w.monoOf(own))
		e.payments[of.fence] = pay
	}
	if asked != nil {
		var h Hold
		e.describe(w, head, p.seats(nil, head), &h)
		e.answer(w.monoOf(at), asked, head, false, &h)
	}
	return nil
}

// monoOf is the inverse of time. It never returns 0, which is no time.
func (w wallTime) monoOf(wall int64) int64 {
	if t := w.mono - (w.at.UnixNano() - wall); t != 0 {
		return t
	}
	return -1
}

// apply makes seats and places what the record says.
func (e *event) apply(c *seatsRecord) error {
	p := e.plan
	w := p.clock.wallTime()
	now := w.monoOf(c.now)
	hold := e.bookedFrom(c)
	before, err := e.leave(now, c)
	if err != nil {
		return err
	}
	e.vacateAll(now, c.seats)
	h := Hold{At: time.Unix(0, c.at)}
	head := noEntry
	switch c.state {
	case SeatBlocked, SeatBooked:
		if head, err = e.take(w, now, c, before); err != nil {
			return err
		}
		e.unpaid(hold)
		h.Token, h.User, h.Paying = p.token(head), e.users.list[p.rec(head).user].name, c.flags&recordPaying != 0
		h.Seats, h.Places = p.named(p.seats(nil, head))
		if c.state == SeatBlocked && c.flags&recordEndless == 0 {
			h.Until = time.Unix(0, c.until)
		}
	case SeatAvailable, SeatClosed:
	}
	p.setAvailableAt()
	p.revision = c.revision
	if c.asked != nil {
		e.answer(now, c.asked, head, head != noEntry, &h)
	}
	return nil
}

const noEntry = uint32(noSeat)

// leave takes what has changed out of the hold or booking that it was part of. It returns
// what is left of the record of one that has changed as a whole.
func (e *event) leave(now int64, c *seatsRecord) (before record, err error) {
	p := e.plan
	before.slot = noSlot
	head, ok := p.headOfFence(c.from.first, c.from.fence)
	if !ok {
		return before, nil // a hold that was not recorded
	}
	var part []uint32
	if c.flags&recordWhole != 0 {
		rec := p.rec(head)
		before = *rec
		rec.slot = noSlot // it goes on
		part = p.seats(nil, head)
	} else {
		if part, err = p.partOfPlaces(nil, head, c.places); err != nil {
			return before, errRecord
		}
		for _, seat := range c.seats {
			if state := SeatState(p.word(int(seat)) & stateMask); (state == SeatBlocked || state == SeatBooked) && p.rec(seat).head == head {
				part = append(part, seat)
			}
		}
	}
	p.vacate(now, head, part, ChangeReleased)
	return before, nil
}

// bookedFrom returns the hold of which the record books a part, or nothing. The record does not
// name that of seats.
func (e *event) bookedFrom(c *seatsRecord) grantName {
	p := e.plan
	switch {
	case c.state != SeatBooked:
		return grantName{}
	case c.from != grantName{} || len(c.seats) == 0:
		return c.from
	case SeatState(p.word(int(c.seats[0]))&stateMask) != SeatBlocked:
		return grantName{}
	}
	rec := p.rec(p.rec(c.seats[0]).head)
	return grantName{rec.fence, rec.first}
}

// unpaid ends the payment of what is left of a hold of which a part was booked. A record of that
// follows, which a crash can have lost.
func (e *event) unpaid(of grantName) {
	p := e.plan
	head, ok := p.headOfFence(of.first, of.fence)
	pay, paying := e.payments[of.fence]
	if !ok || !paying {
		return
	}
	delete(e.payments, of.fence)
	p.setDeadline(p.seats(nil, head), max(pay.own, 1))
}

// take makes the hold or booking of the record, and returns where it begins.
func (e *event) take(w wallTime, now int64, c *seatsRecord, before record) (head uint32, err error) {
	p := e.plan
	word := uint64(c.state)
	if c.state == SeatBlocked {
		deadline := int64(endless)
		if c.flags&recordEndless == 0 {
			deadline = max(w.monoOf(c.until), 1)
			p.earliest.Store(min(p.earliest.Load(), deadline))
		}
		word |= uint64(deadline) << stateBits
	}
	entries := c.seats
	for _, some := range c.places {
		if !p.makeRoom(now, some) {
			return 0, errRecord
		}
		entries = append(entries, p.addBlock(some))
	}
	for _, entry := range entries {
		p.set(entry, word)
	}
	p.link(entries)
	head = entries[0]
	rec := p.rec(head)
	rec.fence, rec.first, rec.at, rec.slot = c.fence, c.first, w.monoOf(c.at), before.slot
	if rec.tag = before.tag; before.fence != c.fence { // an imported one has a token of its own
		rec.tag = p.tags.seal(p.tags.of(c.fence).with(c.first))
	}
	rec.user = e.users.open(c.user)
	p.fence = max(p.fence, c.fence)
	if c.first != head {
		if p.headOf == nil {
			p.headOf = map[uint64]uint32{}
		}
		p.headOf[c.fence] = head
	}
	if c.flags&recordActor != 0 {
		e.grantedBy(c.fence, c.by)
	}
	if c.flags&recordReference != 0 {
		e.refs.add(c.reference, c.grantName)
	}
	if c.flags&recordPaying != 0 {
		pay := payment{endless, w.monoOf(c.pay.began), w.monoOf(c.pay.until)}
		if c.pay.own != 0 {
			pay.own = w.monoOf(c.pay.own)
		}
		if e.payments == nil {
			e.payments = map[uint64]payment{}
		}
		e.payments[c.fence] = pay
	}
	e.users.addGrant(p, head, c.state)
	e.users.add(rec.user, p.size(entries))
	return head, nil
}

// makeRoom makes sure that so many places are available: it ends holds that had ended
// when they were granted, of which there is no record. These are the ones whose deadline
// is the earliest, even if the wall clock was set back since.
func (p *Plan) makeRoom(now int64, some somePlaces) bool {
	a := p.areas[some.area]
	p.expireIn(now, a, some.n)
	for a.totals[SeatAvailable] < some.n {
		first, earliest := noEntry, int64(endless)
		for _, page := range a.pages {
			for i := range page.blocks {
				b := &page.blocks[i]
				if until := int64(b.word >> stateBits); SeatState(b.word&stateMask) == SeatBlocked && until < earliest {
					first, earliest = b.head, until
				}
			}
		}
		if first == noEntry {
			return false
		}
		p.vacate(now, first, p.seats(nil, first), ChangeExpired)
	}
	return true
}

// answer remembers the answer to a request.
func (e *event) answer(now int64, asked *keyedRequest, head uint32, taken bool, h *Hold) {
	q := e.keys.request(asked.user, asked.key, asked.fingerprint)
	user := asked.user
	if user == h.User {
		user = h.User // one copy of it
	}
	switch asked.fingerprint.method {
	case methodBlock, methodBlockAny, methodBook, methodReserve, methodReserveAny:
		if taken {
			slot := e.keys.remember(now, &q, user)
			e.plan.rec(head).slot = slot
			e.keep(head, h)
			return
		}
	case methodRelease, methodCancel, methodRevoke, methodCloseSeats, methodOpenSeats, methodSetQuota, methodAddSeats:
		h = &Hold{}
	case methodEndPayment:
		h.Paying = false
	case methodExtend, methodReissue, methodMove, methodBeginPayment:
	}
	slot := e.keys.remember(now, &q, user)
	e.keys.slots[slot].keep(h)
	e.keys.ended(now, slot)
}

// imported records an Import. The event is not visible yet; the caller holds its lock.
func (d *durableMap) imported(i *importer) {
	p := i.e.plan
	d.journal(i.e, bounds{p.fence + boundStep, p.revision + boundStep})
	b := appendText([]byte{recordImport}, p.name)
	b = binary.AppendUvarint(b, p.fence)
	b = binary.AppendUvarint(b, p.revision)
	b = binary.AppendUvarint(b, i.e.journal.bounds.fence)
	b = binary.AppendUvarint(b, i.e.journal.bounds.revision)
	b = binary.AppendVarint(b, i.at.at.UnixNano())
	lapse := byte(0)
	if i.r.Lapse {
		lapse = 1
	}
	n := d.log.Append(&importRecord{append(b, lapse), i.text()})
	i.e.journal.reserved.Store(i.reserved)
	i.e.journal.last.Store(n)
	i.e.journal.bounded.Store(n)
}

// importRecord is a [durable.Record] of an import, with the export.
type importRecord struct{ head, text []byte }

// AppendTo implements [durable.Record].
func (r *importRecord) AppendTo(b []byte) []byte { return append(append(b, r.head...), r.text...) }

func (i *importer) text() []byte { return i.from.(durable.Text).Text() }

func (d *durableMap) applyImport(r *recordReader) error {
	name, fence, revision, b := r.text(), r.uint(), r.uint(), bounds{r.uint(), r.uint()}
	at, lapse := r.int(), r.byte() == 1
	if r.bad {
		return errRecord
	}
	delete(d.lost, name)
	d.raiseBounds(name, b)
	if old := d.event(name); old != nil {
		if old.plan.revision >= revision {
			return nil // it is in the checkpoint
		}
		return fmt.Errorf("%w: event %q exists", errRecord, truncate(name))
	}
	i := &importer{
		m: d.Map, r: &ImportRequest{Lapse: lapse}, from: bytes.NewReader(r.b), at: d.clock.wallTime(), of: noSeat, again: at,
	}
	err := i.read(func() error { return nil })
	if err == nil {
		_, err = i.install()
	}
	if err != nil {
		return errors.Join(errRecord, err)
	}
	i.e.plan.fence, i.e.plan.revision = fence, revision
	return nil
}
