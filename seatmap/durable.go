package seatmap

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/coderrange/ferrous/seatmap/internal/durable"
)

// This file tells a journal what a Map does, and carries it out again. A record of seats
// says what they are after a change, not what was asked for. So one form does for all
// kinds of changes, and what a recovery makes does not depend on limits or clocks.

// The kinds of records, the first byte of each.
const (
	recordBegin  = 'B' // once: the key of the tokens
	recordCreate = 'C'
	recordRemove = 'R'
	recordSeats  = 'S'
	recordBounds = 'F' // which fences and revisions may be given out
)

// boundStep is how many fences and revisions are made sure of at once. The next ones are
// asked for when half of them are used, so that nobody waits.
const boundStep = 1 << 20

// durableMap is a [durable.State].
type durableMap struct {
	*Map
	options durable.Options
	log     durable.Log // nil until Start

	restored map[string]bounds // by event
	lost     map[string]bool   // events of which there are records, but no beginning
	begun    bool
	idle     *sweeper          // of the Map, until Start
	reading  *checkpointReader // an event of a checkpoint, of which a part was read
	seatBuf  []uint32
}

type bounds struct{ fence, revision uint64 }

// eventJournal is what an event has to do with a journal. The lock of its plan guards it.
type eventJournal struct {
	of     *durableMap
	bounds bounds
	asked  *keyedRequest // of the change that comes next, if its answer is not a hold or booking
	record seatsRecord

	last, bounded atomic.Uint64 // the records of the last change, and of the bounds
}

func init() {
	durable.Of = func(m any, o durable.Options) durable.State {
		d := &durableMap{Map: m.(*Map), options: o, restored: map[string]bounds{}, lost: map[string]bool{}}
		d.durable = d
		d.idle = d.sweeper
		d.sweeper = nil // until Start
		return d
	}
}

// asks notes the request whose change comes next, if its answer is no hold or booking.
func (e *event) asks(keyed *keyedRequest) {
	if e.journal != nil {
		e.journal.asked = keyed
	}
}

// bytesRecord is a record that was made before.
type bytesRecord []byte

// AppendTo implements [durable.Record].
func (r bytesRecord) AppendTo(b []byte) []byte { return append(b, r...) }

// journal begins the journal of an event that is new or was restored.
func (d *durableMap) journal(e *event, b bounds) {
	e.journal = &eventJournal{of: d, bounds: b}
}

// created records a Create. The event is not visible yet.
func (d *durableMap) created(e *event, r *CreateRequest) {
	p := e.plan
	d.journal(e, bounds{p.fence + boundStep, p.revision + boundStep})
	n := d.log.Append(d.createRecord(e, r))
	e.journal.last.Store(n)
	e.journal.bounded.Store(n)
}

type createdLayout struct {
	Layout Layout
	Limits Limits
}

func (d *durableMap) createRecord(e *event, r *CreateRequest) bytesRecord {
	b := appendText([]byte{recordCreate}, r.Event)
	b = binary.AppendUvarint(b, e.plan.fence)
	b = binary.AppendUvarint(b, e.plan.revision)
	b = binary.AppendUvarint(b, e.journal.bounds.fence)
	b = binary.AppendUvarint(b, e.journal.bounds.revision)
	b = appendText(b, r.Key.Reveal())
	layout, err := json.Marshal(createdLayout{r.Layout, r.Limits})
	if err != nil {
		panic(fmt.Errorf("seatmap: Map.Create: %w", err)) // it is plain data
	}
	return append(binary.AppendUvarint(b, uint64(len(layout))), layout...)
}

// removed records a Remove, after the last change of the event.
func (d *durableMap) removed(e *event, revision uint64, removed *eventResult) {
	b := appendText([]byte{recordRemove}, e.plan.name)
	b = binary.AppendUvarint(b, max(e.plan.fence, e.journal.bounds.fence))
	b = binary.AppendUvarint(b, revision)
	b = binary.AppendVarint(b, time.Now().UnixNano())
	key := ""
	if removed != nil {
		key = removed.key
	}
	d.log.Append(bytesRecord(appendText(b, key)))
}

// seatsRecord is a [durable.Record] of a change of seats.
type seatsRecord struct {
	event     *event
	rec       *record
	seats     []uint32
	state     SeatState
	at, until int64 // of the wall clock, in nanoseconds
	asked     *keyedRequest
}

// AppendTo implements [durable.Record].
func (r *seatsRecord) AppendTo(b []byte) []byte {
	p := r.event.plan
	b = appendText(append(b, recordSeats), p.name)
	b = binary.AppendUvarint(b, p.revision)
	b = append(b, byte(r.state))
	b = binary.AppendVarint(b, r.at)
	b = appendSeats(b, r.seats)
	if r.state == SeatBlocked || r.state == SeatBooked {
		b = binary.AppendUvarint(b, r.rec.fence)
		b = binary.AppendUvarint(b, uint64(r.rec.first))
		b = binary.AppendVarint(b, r.until)
		b = appendText(b, r.event.users.list[r.rec.user].name)
	}
	return appendAsked(b, r.asked)
}

// appendAsked appends a request with a key, or that there is none.
func appendAsked(b []byte, q *keyedRequest) []byte {
	if q == nil {
		return append(b, 0)
	}
	f := &q.fingerprint
	b = append(b, 1+byte(f.method))
	b = appendText(b, q.user)
	b = appendText(b, *q.key.text)
	b = binary.AppendUvarint(b, uint64(f.n))
	b = binary.AppendVarint(b, int64(f.ttl))
	b = binary.LittleEndian.AppendUint64(b, f.seats)
	b = binary.LittleEndian.AppendUint64(b, f.where)
	b = binary.LittleEndian.AppendUint64(b, f.places)
	b = binary.AppendUvarint(b, f.token.fence)
	b = binary.AppendUvarint(b, uint64(f.token.seat))
	secret := f.token.tag.secret()
	return append(b, secret[:]...)
}

func (r *recordReader) asked() *keyedRequest {
	kind := r.byte()
	if kind == 0 {
		return nil
	}
	q := &keyedRequest{user: r.text(), key: NewKey(r.text())}
	f := &q.fingerprint
	f.method, f.n, f.ttl = method(kind-1), int(r.uint()), time.Duration(r.int())
	if hashes := r.bytes(24); hashes != nil {
		f.seats, f.where = binary.LittleEndian.Uint64(hashes), binary.LittleEndian.Uint64(hashes[8:])
		f.places = binary.LittleEndian.Uint64(hashes[16:])
	}
	f.token.fence, f.token.seat = r.uint(), uint32(r.uint())
	if secret := r.bytes(16); secret != nil {
		if f.token != (tokenPrint{}) {
			f.token.tag = tagOfSecret(secret)
		}
	}
	if q.key.IsZero() || q.user == "" {
		r.fail()
	}
	return q
}

// changed records a change of seats, which has been made.
func (j *eventJournal) changed(e *event, kind ChangeKind, rec *record, seats []uint32, until int64) {
	p := e.plan
	if b := &j.bounds; p.fence+boundStep/2 > b.fence || p.revision+boundStep/2 > b.revision {
		*b = bounds{p.fence + boundStep, p.revision + boundStep}
		r := appendText([]byte{recordBounds}, p.name)
		r = binary.AppendUvarint(binary.AppendUvarint(r, b.fence), b.revision)
		j.bounded.Store(j.of.log.Append(bytesRecord(r)))
	}
	asked := j.asked
	j.asked = nil
	if !j.of.keeps(kind, until) {
		return
	}
	state := SeatState(p.word(int(seats[0])) & stateMask)
	w := p.clock.wallTime()
	r := &j.record
	*r = seatsRecord{event: e, rec: rec, seats: seats, state: state, asked: asked}
	switch state {
	case SeatBlocked, SeatBooked:
		r.at = w.time(rec.at).UnixNano()
		if until != 0 {
			r.until = w.time(until).UnixNano()
		}
		if rec.slot != noSlot && asked == nil {
			r.asked = &e.keys.slots[rec.slot].keyedRequest
		}
	case SeatAvailable, SeatClosed:
		r.at = w.at.UnixNano()
	}
	j.last.Store(j.of.log.Append(r))
	*r = seatsRecord{}
}

// keeps reports whether a change is recorded. That a hold has reached its deadline is
// known without a record.
func (d *durableMap) keeps(kind ChangeKind, until int64) bool {
	switch kind {
	case ChangeExpired:
		return false
	case ChangeBlocked, ChangeExtended, ChangeReleased, ChangePaying:
		return d.options.Holds || until == endless
	case ChangeSnapshot, ChangeGap, ChangeBooked, ChangeCanceled, ChangeReissued, ChangeMoved:
	}
	return true
}

// Record implements [durable.State].
func (d *durableMap) Record(name string) (last, volatile uint64, ok bool) {
	e := d.event(name)
	if e == nil {
		return 0, 0, false
	}
	return e.journal.last.Load(), e.journal.bounded.Load(), true
}

// Apply implements [durable.State].
func (d *durableMap) Apply(b []byte) error {
	r := &recordReader{b: b}
	switch r.byte() {
	case recordBegin:
		return d.applyBegin(r)
	case recordCreate:
		return d.applyCreate(r)
	case recordRemove:
		return d.applyRemove(r)
	case recordSeats:
		return d.applySeats(r)
	case recordBounds:
		name, b := r.text(), bounds{r.uint(), r.uint()}
		d.raiseBounds(name, b)
		return r.end()
	}
	return errRecord
}

func (d *durableMap) raiseBounds(name string, b bounds) {
	old := d.restored[name]
	d.restored[name] = bounds{max(old.fence, b.fence), max(old.revision, b.revision)}
}

func (d *durableMap) applyBegin(r *recordReader) error {
	key := r.bytes(uint64(len(d.key)))
	if err := r.end(); err != nil {
		return err
	}
	copy(d.key[:], key)
	d.begun = true
	return nil
}

func (d *durableMap) applyCreate(r *recordReader) error {
	name, fence, revision, b, key := r.text(), r.uint(), r.uint(), bounds{r.uint(), r.uint()}, r.text()
	text := r.bytes(r.uint())
	if err := r.end(); err != nil {
		return err
	}
	delete(d.lost, name)
	d.raiseBounds(name, b)
	if old := d.event(name); old != nil {
		if old.plan.revision >= revision {
			return nil // it is in the checkpoint
		}
		return fmt.Errorf("%w: event %q exists", errRecord, truncate(name))
	}
	var of createdLayout
	if err := json.Unmarshal(text, &of); err != nil {
		return errors.Join(errRecord, err)
	}
	request := CreateRequest{Event: name, Key: NewKey(key), Layout: of.Layout, Limits: of.Limits}
	labels, closed, err := checkCreate(&request)
	if err != nil {
		return errors.Join(errRecord, err)
	}
	e := newEvent(&request, labels, closed, d.Map)
	e.created = d.keys.created(&request)
	e.plan.fence, e.plan.revision = fence, revision
	d.events.Store(name, e)
	return nil
}

func (d *durableMap) applyRemove(r *recordReader) error {
	name, fence, revision, at, key := r.text(), r.uint(), r.uint(), r.int(), r.text()
	if err := r.end(); err != nil {
		return err
	}
	now := d.clock.wallTime()
	ended := now.mono - (now.at.UnixNano() - at)
	raise(&d.fence, fence)
	raise(&d.revision, revision)
	e := d.event(name)
	if e == nil {
		delete(d.lost, name)
	} else if e.plan.revision < revision {
		e.close(ErrUnknownEvent)
		d.events.Delete(name)
		delete(d.restored, name)
		d.keys.remember(ended, e.created)
	}
	if key != "" {
		d.keys.remember(ended, d.keys.removed(&RemoveRequest{Event: name, Key: NewKey(key)}))
	}
	return nil
}

func (d *durableMap) applySeats(r *recordReader) error {
	name := r.bytes(r.uint())
	e := d.event(string(name))
	if e == nil {
		// A checkpoint does not have it because it was removed, which has to come.
		d.lost[string(name)] = true
		return nil
	}
	p := e.plan
	revision := r.uint()
	if revision <= p.revision {
		return nil // it is in the checkpoint
	}
	state, at := SeatState(r.byte()), r.int()
	d.seatBuf = r.seats(d.seatBuf[:0], p.count)
	seats := d.seatBuf
	w := p.clock.wallTime()
	mono := func(wall int64) int64 {
		if t := w.mono - (w.at.UnixNano() - wall); t != 0 {
			return t
		}
		return -1 // 0 is no time
	}
	if r.bad || len(seats) == 0 || state > SeatClosed {
		return errRecord
	}
	e.vacateAll(mono(at), seats)
	word := uint64(state)
	h := Hold{At: time.Unix(0, at)}
	head := seats[0]
	taken := state == SeatBlocked || state == SeatBooked
	if taken {
		fence, first, until, user := r.uint(), uint32(r.uint()), r.int(), r.text()
		if r.bad || fence == 0 || checkUser(user) != nil || int64(first) >= int64(p.count) {
			return errRecord
		}
		if state == SeatBlocked {
			deadline := max(mono(until), 1)
			word |= uint64(deadline) << stateBits
			h.Until = time.Unix(0, until)
			p.earliest.Store(min(p.earliest.Load(), deadline))
		}
		rec := p.rec(head)
		rec.fence, rec.first, rec.at, rec.slot = fence, first, mono(at), noSlot
		rec.tag, rec.user = p.tags.seal(p.tags.of(fence).with(first)), e.users.open(user)
		p.fence = max(p.fence, fence)
		if first != head {
			if p.headOf == nil {
				p.headOf = map[uint64]uint32{}
			}
			p.headOf[fence] = head
		}
	}
	for _, seat := range seats {
		p.set(seat, word)
	}
	if taken {
		p.link(seats)
		rec := p.rec(head)
		if state == SeatBlocked {
			e.users.addHold(p, head)
		}
		e.users.add(rec.user, len(seats))
		h.Token, h.User = p.token(head), e.users.list[rec.user].name
		h.Seats, h.Places = p.labels.named(seats)
	}
	p.setAvailableAt()
	p.revision = revision
	asked := r.asked()
	if err := r.end(); err != nil {
		return err
	}
	if asked != nil {
		e.answer(mono(at), asked, head, taken, &h)
	}
	return nil
}

// vacateAll makes seats available, whatever they are.
func (e *event) vacateAll(now int64, seats []uint32) {
	p := e.plan
	for i, seat := range seats {
		word := p.word(int(seat))
		switch SeatState(word & stateMask) {
		case SeatBlocked, SeatBooked:
			head := p.rec(seat).head
			part := []uint32{seat}
			for _, other := range seats[i+1:] {
				if state := SeatState(p.word(int(other)) & stateMask); (state == SeatBlocked || state == SeatBooked) &&
					p.rec(other).head == head {
					part = append(part, other)
				}
			}
			p.vacate(now, head, part, ChangeReleased)
		case SeatClosed:
			p.set(seat, uint64(SeatAvailable))
		case SeatAvailable:
		}
	}
}

// answer remembers the answer to a request.
func (e *event) answer(now int64, asked *keyedRequest, head uint32, taken bool, h *Hold) {
	q := e.keys.request(asked.user, asked.key, asked.fingerprint)
	switch asked.fingerprint.method {
	case methodBlock, methodBlockAny, methodBook, methodReserve:
		if taken {
			slot := e.keys.remember(now, &q, h.User)
			e.plan.rec(head).slot = slot
			e.keep(head, h)
			return
		}
	case methodRelease, methodCancel, methodRevoke:
		h = &Hold{}
	case methodExtend, methodReissue, methodMove, methodBeginPayment, methodEndPayment:
	}
	slot := e.keys.remember(now, &q, asked.user)
	e.keys.slots[slot].keep(h)
	e.keys.ended(now, slot)
}

// Start implements [durable.State].
func (d *durableMap) Start(log durable.Log) error {
	if err := d.Stop(); err != nil {
		return err
	}
	d.sweeper = d.idle
	if !d.begun {
		log.Append(bytesRecord(append([]byte{recordBegin}, d.key[:]...)))
	}
	d.log = log
	d.events.Range(func(name string, e *event) bool {
		p := e.plan
		p.mu.Lock()
		defer p.mu.Unlock()
		if !d.options.Holds {
			e.dropHolds()
		}
		b := d.restored[name]
		p.fence, p.revision = max(p.fence, b.fence), max(p.revision, b.revision)
		d.journal(e, bounds{p.fence, p.revision})
		e.sweeper = d.sweeper
		e.scheduleSweep()
		return true
	})
	d.restored, d.lost = nil, nil
	return nil
}

// Stop implements [durable.State].
func (d *durableMap) Stop() error {
	if d.reading != nil {
		err := d.reading.stop()
		d.reading = nil
		return errors.Join(errRecord, err)
	}
	for name := range d.lost {
		return fmt.Errorf("%w: the beginning of event %q is missing", errRecord, truncate(name))
	}
	return nil
}

// dropHolds ends the holds of a former life, whose answers are forgotten, too.
func (e *event) dropHolds() {
	p := e.plan
	forgotten := p.clock.now() - int64(KeyMemory)
	for seat := range uint32(p.count) {
		if word := p.word(int(seat)); SeatState(word&stateMask) == SeatBlocked && word>>stateBits != endless {
			head := p.rec(seat).head
			p.seatBuf = p.seats(p.seatBuf[:0], head)
			p.vacate(forgotten, head, p.seatBuf, ChangeExpired)
		}
	}
	e.keys.forget(p.clock.now())
}

// The kinds of parts of a checkpoint, the first byte of each.
const (
	partMap    = 'M'
	partEvent  = 'E' // of the export of an event
	partEnd    = 'X' // the export is complete; with the bounds of the event
	partAnswer = 'A' // of an event that was removed
)

// Checkpoint implements [durable.State].
func (d *durableMap) Checkpoint(part func([]byte) error) error {
	head := append([]byte{partMap}, d.key[:]...)
	if err := part(head); err != nil {
		return err
	}
	var names []string
	d.events.Range(func(name string, _ *event) bool {
		names = append(names, name)
		return true
	})
	slices.Sort(names)
	for _, name := range names {
		e := d.event(name)
		if e == nil {
			continue // it was removed, which is in a record after the checkpoint
		}
		_, err := d.export(context.Background(), e, &ExportRequest{Event: name}, partsWriter{part})
		ended := errors.Is(err, ErrUnknownEvent)
		if err != nil && !ended {
			return err
		}
		e.plan.mu.Lock()
		b := e.journal.bounds
		e.plan.mu.Unlock()
		end := []byte{partEnd, 1}
		if ended {
			end[1] = 0
		}
		end = appendText(end, name)
		if err := part(binary.AppendUvarint(binary.AppendUvarint(end, b.fence), b.revision)); err != nil {
			return err
		}
	}
	return d.checkpointAnswers(part)
}

// checkpointAnswers writes what is left of events that were removed. It comes last, so
// that no event was removed after it that is not in a record either.
func (d *durableMap) checkpointAnswers(part func([]byte) error) error {
	b := []byte{partAnswer}
	w := d.clock.wallTime()
	d.keys.mu.Lock()
	for _, r := range d.keys.queue {
		if d.keys.byKey[r.eventKey] != r {
			continue
		}
		remove := byte(0)
		if r.remove {
			remove = 1
		}
		b = append(b, 1, remove)
		b = appendText(appendText(b, r.event), r.key)
		b = binary.LittleEndian.AppendUint64(b, r.layout)
		b = binary.AppendVarint(b, int64(r.limits.Seats))
		b = binary.AppendVarint(b, int64(r.limits.Holds))
		b = binary.AppendVarint(b, int64(r.limits.Lifetime))
		b = binary.AppendVarint(b, int64(r.limits.Payment))
		b = binary.AppendVarint(b, w.time(r.until).UnixNano())
	}
	d.keys.mu.Unlock()
	b = append(b, 0)
	b = binary.AppendUvarint(binary.AppendUvarint(b, d.fence.Load()), d.revision.Load())
	return part(b)
}

// partsWriter writes an export as parts.
type partsWriter struct{ part func([]byte) error }

// Write implements [io.Writer].
func (w partsWriter) Write(b []byte) (int, error) {
	if err := w.part(append([]byte{partEvent}, b...)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// checkpointReader imports an event from parts that come one after the other.
type checkpointReader struct {
	to   *io.PipeWriter
	done chan error
}

func (d *durableMap) readEventParts() *checkpointReader {
	from, to := io.Pipe()
	c := &checkpointReader{to: to, done: make(chan error, 1)}
	go func() {
		_, err := d.readEvent(context.Background(), &ImportRequest{Lapse: true}, from)
		_ = from.CloseWithError(errors.Join(io.ErrClosedPipe, err))
		c.done <- err
	}()
	return c
}

// stop waits for the end of the import.
func (c *checkpointReader) stop() error {
	_ = c.to.Close()
	return <-c.done
}

// ApplyCheckpoint implements [durable.State].
func (d *durableMap) ApplyCheckpoint(b []byte) error {
	r := &recordReader{b: b}
	switch r.byte() {
	case partMap:
		return d.applyBegin(r)
	case partEvent:
		if d.reading == nil {
			d.reading = d.readEventParts()
		}
		if _, err := d.reading.to.Write(r.b); err != nil {
			reading := d.reading
			d.reading = nil
			return errors.Join(reading.stop(), err)
		}
		return nil
	case partEnd:
		whole, name, b := r.byte(), r.text(), bounds{r.uint(), r.uint()}
		if err := r.end(); err != nil {
			return err
		}
		if d.reading != nil {
			err := d.reading.stop()
			d.reading = nil
			if whole == 1 && err != nil {
				return err
			}
		}
		if whole == 1 {
			d.raiseBounds(name, b)
		}
		return nil
	case partAnswer:
		return d.applyAnswers(r)
	}
	return errRecord
}

func (d *durableMap) applyAnswers(r *recordReader) error {
	w := d.clock.wallTime()
	for r.byte() == 1 {
		a := &eventResult{remove: r.byte() == 1, eventKey: eventKey{r.text(), r.text()}}
		if hash := r.bytes(8); hash != nil {
			a.layout = binary.LittleEndian.Uint64(hash)
		}
		a.limits = Limits{int(r.int()), int(r.int()), time.Duration(r.int()), time.Duration(r.int())}
		until := w.mono - (w.at.UnixNano() - r.int())
		if !r.bad {
			d.keys.remember(until-int64(KeyMemory), a)
		}
	}
	raise(&d.fence, r.uint())
	raise(&d.revision, r.uint())
	return r.end()
}

// Check implements [durable.State].
func (d *durableMap) Check(request any) error {
	switch r := request.(type) {
	case *CreateRequest:
		_, _, err := checkCreate(r)
		return err
	case *RemoveRequest:
		return checkRemove(r)
	case *BlockRequest:
		return firstError(checkGrant(nil, r.Event, r.User, r.Key), checkWanted(r.Seats, r.Places), checkTTL(r.TTL))
	case *BlockAnyRequest:
		return firstError(checkGrant(nil, r.Event, r.User, r.Key), checkN(r.N), checkTTL(r.TTL))
	case *BookRequest:
		return firstError(checkOwner(r.User, r.Key), checkPart(r.Seats, r.Places))
	case *ReleaseRequest:
		return firstError(checkOwner(r.User, r.Key), checkPart(r.Seats, r.Places))
	case *CancelRequest:
		return firstError(checkOwner(r.User, r.Key), checkPart(r.Seats, r.Places))
	case *ExtendRequest:
		return firstError(checkOwner(r.User, r.Key), checkTTL(r.TTL))
	case *SeatRequest:
		return checkEvent(r.Event)
	case *SeatsRequest:
		if err := checkEvent(r.Event); err != nil || r.Limit >= 0 {
			return err
		}
		return fmt.Errorf("%w: a page of %d", ErrInvalidSeats, r.Limit)
	case *LayoutRequest:
		return checkEvent(r.Event)
	case *CountsRequest:
		return checkEvent(r.Event)
	case *HoldsRequest:
		return firstError(checkEvent(r.Event), checkUser(r.User))
	case *WatchRequest:
		return checkEvent(r.Event)
	}
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Size implements [durable.State].
func (d *durableMap) Size(request any) int {
	const base = 5*MaxName + 256 // names, numbers, and a record of bounds
	switch r := request.(type) {
	case *CreateRequest:
		layout, _ := json.Marshal(createdLayout{r.Layout, r.Limits}) // it is plain data
		return base + len(layout)
	case *BlockRequest:
		return base + 5*len(r.Seats)
	case *BlockAnyRequest:
		return base + 5*min(max(r.N, 0), MaxSeats)
	case *BookRequest:
		return base + d.sizeOf(&r.Token, r.Seats)
	case *ReleaseRequest:
		return base + d.sizeOf(&r.Token, r.Seats)
	case *CancelRequest:
		return base + d.sizeOf(&r.Token, r.Seats)
	case *ExtendRequest:
		return base + d.sizeOf(&r.Token, nil)
	}
	return base
}

// sizeOf returns how many bytes name seats of a hold or booking, at most.
func (d *durableMap) sizeOf(t *Token, seats []string) int {
	const a, few = 5, 256 // bytes a seat
	n := min(len(seats), MaxSeats)
	if e := d.event(t.Event); e != nil && seats == nil {
		if n = e.plan.count; n > few {
			n = e.size(t)
		}
	}
	return a * n
}

// size returns the number of seats of a hold or booking.
func (e *event) size(t *Token) int {
	p := e.plan
	p.mu.Lock()
	defer p.mu.Unlock()
	head, ok := p.headOfToken(t)
	if !ok {
		return 0
	}
	p.seatBuf = p.seats(p.seatBuf[:0], head)
	return len(p.seatBuf)
}

// Erase implements [durable.State].
func (d *durableMap) Erase(user, by string) (seats int) {
	d.events.Range(func(_ string, e *event) bool {
		e.plan.mu.Lock()
		defer e.plan.mu.Unlock()
		seats += e.erase(user, by)
		return true
	})
	return seats
}

// erase replaces the name of a user, and the keys of the user's requests by others.
func (e *event) erase(user, by string) (seats int) {
	if i, ok := e.users.byName[user]; ok {
		delete(e.users.byName, user)
		e.users.byName[by] = i
		e.users.list[i].name = by
		seats = e.users.list[i].seats
	}
	for i := range e.log.entries {
		if e.log.entries[i].user == user {
			e.log.entries[i].user = by
		}
	}
	k := &e.keys
	for i := range k.slots {
		if a := &k.slots[i]; a.user == user {
			k.tally(a.hash).Add(^uint32(0))
			k.unlink(a.hash, uint32(i))
			a.keyedRequest = k.request(by, NewKey(rand.Text()), fingerprint{})
			a.hold.User = by
			a.nextSameHash = k.first(a.hash)
			k.byHash[a.hash] = uint32(i)
			k.tally(a.hash).Add(1)
		}
	}
	return seats
}
