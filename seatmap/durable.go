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
	recordSame   = 'P' // a request changed no seats, but has an answer
	recordImport = 'I'
	recordSale   = 'K' // seats are for sale, or no longer
	recordQuota  = 'Q' // seats are in a quota, or in none
	recordAdded  = 'A' // seats and areas were added
	recordBounds = 'F' // which fences and revisions may be given out
)

// boundStep is how many fences and revisions are made sure of at once. The next ones are
// asked for when half of them are used, so that nobody waits.
const boundStep = 1 << 20

// formerTimes is how long before the recovery the clock begins, so that it has the times
// of former lives: an answer is remembered from the end of its hold on.
const formerTimes = 366 * 24 * time.Hour

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
}

type bounds struct{ fence, revision uint64 }

// eventJournal is what an event has to do with a journal. The lock of its plan guards it.
type eventJournal struct {
	of     *durableMap
	bounds bounds
	asked  *keyedRequest // of the change that comes next, if its answer is not a hold or booking
	record seatsRecord

	last, bounded atomic.Uint64 // the records of the last change, and of the bounds
	reserved      atomic.Bool   // it has, or had, holds without a deadline
}

func init() {
	durable.Of = func(m any, o durable.Options) durable.State {
		d := &durableMap{Map: m.(*Map), options: o, restored: map[string]bounds{}, lost: map[string]bool{}}
		d.durable = d
		d.clock.base = d.clock.base.Add(-formerTimes)
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

// takesFrom notes that the next change makes another hold or booking of what is in the
// one that begins at head.
func (e *event) takesFrom(head uint32) {
	rec := e.plan.rec(head)
	e.from = grantName{rec.fence, rec.first}
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
	if d.log == nil {
		return
	}
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
	if d.log == nil {
		return
	}
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

// askedReference is a flag of the method of a request that has a reference.
const askedReference = 0x80

// appendAsked appends a request with a key, or that there is none.
func appendAsked(b []byte, q *keyedRequest) []byte {
	if q == nil {
		return append(b, 0)
	}
	f := &q.fingerprint
	kind := 1 + byte(f.method)
	if f.reference != 0 {
		kind |= askedReference
	}
	b = append(b, kind)
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
	b = append(b, secret[:]...)
	if f.reference != 0 {
		b = binary.LittleEndian.AppendUint64(b, f.reference)
	}
	return b
}

func (r *recordReader) asked() *keyedRequest {
	kind := r.byte()
	if kind == 0 {
		return nil
	}
	q := &keyedRequest{user: r.text(), key: NewKey(r.text())}
	f := &q.fingerprint
	f.method, f.n, f.ttl = method(kind&^askedReference-1), int(r.uint()), time.Duration(r.int())
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
	if kind&askedReference != 0 {
		if hash := r.bytes(8); hash != nil {
			f.reference = binary.LittleEndian.Uint64(hash)
		}
	}
	if q.key.IsZero() || q.user == "" {
		r.fail()
	}
	return q
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
	case recordSame:
		return d.applySame(r)
	case recordImport:
		return d.applyImport(r)
	case recordSale:
		return d.applySale(r)
	case recordQuota:
		return d.applyQuota(r)
	case recordAdded:
		return d.applyAdded(r)
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

// vacateAll makes seats available, whatever they are.
func (e *event) vacateAll(now int64, seats []uint32) {
	p := e.plan
	for i, seat := range seats {
		word := p.word(int(seat))
		switch SeatState(word & stateMask) {
		case SeatBlocked, SeatBooked:
			head := p.rec(seat).head
			if word&stateMask == uint64(SeatBlocked) && int64(word>>stateBits) <= now {
				p.expire(head)
				continue
			}
			part := []uint32{seat}
			for _, other := range seats[i+1:] {
				if state := SeatState(p.word(int(other)) & stateMask); (state == SeatBlocked || state == SeatBooked) &&
					p.rec(other).head == head {
					part = append(part, other)
				}
			}
			p.vacate(now, head, part, ChangeReleased)
		case SeatAvailable, SeatClosed:
		}
	}
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
		b := d.restored[name]
		j := &eventJournal{of: d}
		if !d.options.Holds {
			j.reserved.Store(e.dropHolds())
		}
		p.fence, p.revision = max(p.fence, b.fence), max(p.revision, b.revision)
		j.bounds = bounds{p.fence, p.revision}
		e.journal = j
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

// dropHolds ends the holds of a former life, whose answers are forgotten, too. It reports
// whether there are holds without a deadline, which it leaves.
func (e *event) dropHolds() (endlessLeft bool) {
	p := e.plan
	forgotten := p.clock.now() - int64(KeyMemory)
	drop := func(entry uint32) {
		word := p.wordOf(entry)
		switch {
		case SeatState(word&stateMask) != SeatBlocked:
		case word>>stateBits == endless:
			endlessLeft = true
		default:
			head := p.rec(entry).head
			p.seatBuf = p.seats(p.seatBuf[:0], head)
			p.vacate(forgotten, head, p.seatBuf, ChangeExpired)
		}
	}
	for seat := range p.count {
		drop(uint32(seat))
	}
	for block := range len(p.pages) * pageBlocks {
		drop(firstBlock + uint32(block))
	}
	e.keys.forget(p.clock.now())
	return endlessLeft
}

// The kinds of parts of a checkpoint, the first byte of each.
const (
	partMap    = 'M'
	partEvent  = 'E' // of the export of an event
	partEnd    = 'X' // the export is complete; with the bounds of the event
	partAnswer = 'A' // of an event that was removed
)

// Events implements [durable.State].
func (d *durableMap) Events() []string {
	var names []string
	d.events.Range(func(name string, _ *event) bool {
		names = append(names, name)
		return true
	})
	slices.Sort(names)
	return names
}

// Checkpoint implements [durable.State].
func (d *durableMap) Checkpoint(part func([]byte) error) error {
	head := append([]byte{partMap}, d.key[:]...)
	if err := part(head); err != nil {
		return err
	}
	for _, name := range d.Events() {
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
	case *RevokeRequest:
		return firstError(checkOperation(r.Event, nil, r.Actor, r.Reason, r.Key), r.checkSeats())
	case *ReissueRequest:
		return firstError(checkOperation(r.Event, nil, r.Actor, r.Reason, r.Key), r.checkSeats())
	case *MoveRequest:
		return firstError(checkOperation(r.Event, nil, r.Actor, r.Reason, r.Key), r.checkSeats())
	case *ReserveRequest:
		return firstError(checkOperation(r.Event, &r.User, r.Actor, r.Reason, r.Key), r.checkSeats())
	case *ReserveAnyRequest:
		return firstError(checkOperation(r.Event, &r.User, r.Actor, r.Reason, r.Key), r.checkSeats())
	case *CloseSeatsRequest:
		return firstError(checkOperation(r.Event, nil, r.Actor, r.Reason, r.Key), checkNamed(r.Seats))
	case *OpenSeatsRequest:
		return firstError(checkOperation(r.Event, nil, r.Actor, r.Reason, r.Key), checkNamed(r.Seats))
	case *SetQuotaRequest:
		return firstError(checkOperation(r.Event, nil, r.Actor, r.Reason, r.Key), r.check())
	case *AddSeatsRequest:
		return firstError(checkOperation(r.Event, nil, r.Actor, r.Reason, r.Key), r.check())
	case *PaymentRequest:
		return firstError(checkOwner(r.User, r.Key), checkTTL(r.TTL))
	case *EndPaymentRequest:
		return checkOwner(r.User, r.Key)
	case *ExportRequest:
		return checkEvent(r.Event)
	case *BlockRequest:
		return firstError(checkGrant(nil, r.Event, r.User, r.Key), checkWanted(r.Seats, r.Places), checkTTL(r.TTL), checkReference(r.Reference), checkQuotas(r.Quotas))
	case *BlockAnyRequest:
		return firstError(checkGrant(nil, r.Event, r.User, r.Key), checkN(r.N), checkWhere(&r.Where), checkTTL(r.TTL), checkReference(r.Reference), checkQuotas(r.Where.Quotas))
	case *BookRequest:
		return firstError(checkOwner(r.User, r.Key), checkPart(r.Seats, r.Places), checkReference(r.Reference))
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
	case *EventsRequest:
		return checkEvents(r)
	case *GrantsRequest:
		return checkGrants(r)
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
	const base = 8*MaxName + 256 // names, numbers, and a record of bounds
	switch r := request.(type) {
	case *CreateRequest:
		layout, _ := json.Marshal(createdLayout{r.Layout, r.Limits}) // it is plain data
		return base + len(layout)
	case *BlockRequest:
		return base + sizeOfEntries(len(r.Seats), len(r.Places))
	case *BlockAnyRequest:
		return base + sizeOfEntries(max(r.N, 0), 0)
	case *BookRequest:
		if r.Seats == nil && r.Places == nil {
			return base + d.sizeOf(&r.Token)
		}
		return 2*base + 2*d.sizeOf(&r.Token) // the rest of the hold is not being paid any more
	case *ReleaseRequest:
		return base + d.sizeOf(&r.Token)
	case *CancelRequest:
		return base + d.sizeOf(&r.Token)
	case *ExtendRequest:
		return base + d.sizeOf(&r.Token)
	case *PaymentRequest:
		return base + d.sizeOf(&r.Token)
	case *EndPaymentRequest:
		return base + d.sizeOf(&r.Token)
	case *RevokeRequest:
		return base + d.sizeOfAll(r.Event)
	case *ReissueRequest:
		return base + d.sizeOfAll(r.Event)
	case *MoveRequest:
		return base + d.sizeOfAll(r.Event)
	case *AddSeatsRequest:
		return base + len(r.Layout.encode())
	case *CloseSeatsRequest:
		return base + sizeOfEntries(len(r.Seats), 0)
	case *SetQuotaRequest:
		return base + sizeOfEntries(len(r.Seats), 0)
	case *OpenSeatsRequest:
		return base + sizeOfEntries(len(r.Seats), 0)
	case *ReserveRequest:
		return base + sizeOfEntries(len(r.Seats), len(r.Places))
	case *ReserveAnyRequest:
		return base + sizeOfEntries(max(r.N, 0), 0)
	}
	return base
}

// sizeOfEntries returns how many bytes so many seats and areas take, at most.
func sizeOfEntries(seats, areas int) int {
	return 5*min(seats, MaxSeats) + 10*min(areas, MaxAreas)
}

// sizeOf returns how many bytes the seats and places of a hold or booking take, at most.
func (d *durableMap) sizeOf(t *Token) int {
	const few = 256
	e := d.event(t.Event)
	if e == nil {
		return 0
	}
	ls := e.plan.labels()
	n := ls.count
	if n > few {
		n = e.size(t)
	}
	return sizeOfEntries(n, len(ls.areas))
}

// sizeOfAll returns how many bytes all seats and places of an event take, at most. A
// fence of 0 names a hold or booking that is known only when the request is carried out.
func (d *durableMap) sizeOfAll(event string) int {
	e := d.event(event)
	if e == nil {
		return 0
	}
	ls := e.plan.labels()
	return sizeOfEntries(ls.count, len(ls.areas))
}

// Reserved implements [durable.State].
func (d *durableMap) Reserved(event string) bool {
	e := d.event(event)
	return e != nil && e.journal.reserved.Load()
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

// erase replaces the name of a user, and the keys of the user's requests by others, and
// takes the references of the user's holds and bookings away.
func (e *event) erase(user, by string) (seats int) {
	if i, ok := e.users.byName[user]; ok {
		delete(e.users.byName, user)
		e.users.byName[by] = i
		e.users.list[i].name = by
		seats = e.users.list[i].seats
		e.eraseReferences(uint64(i))
	}
	for i := range e.log.entries {
		one := &e.log.entries[i]
		if one.user == user {
			one.user = by
			if one.op != nil && one.op.reference != "" {
				op := *one.op
				op.reference, one.op = "", &op
			}
		}
		if one.op != nil && one.op.actor == user {
			op := *one.op
			op.actor, one.op = by, &op
		}
	}
	for seat, one := range e.plan.closed {
		if one.actor == user {
			e.plan.closed[seat] = doing{by, one.reason}
		}
	}
	for fence, one := range e.granted {
		if one.actor == user {
			e.granted[fence] = doing{by, one.reason}
		}
	}
	k := &e.keys
	for i := range k.slots {
		a := &k.slots[i]
		if a.hold.User == user {
			a.hold.User = by
		}
		if a.user == user {
			k.tally(a.hash).Add(^uint32(0))
			k.unlink(a.hash, uint32(i))
			a.keyedRequest = k.request(by, NewKey(rand.Text()), fingerprint{})
			a.nextSameHash = k.first(a.hash)
			k.byHash[a.hash] = uint32(i)
			k.tally(a.hash).Add(1)
		}
	}
	return seats
}
