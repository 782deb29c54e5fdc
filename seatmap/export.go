package seatmap

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"math"
	"slices"
	"strconv"
	"sync"
)

// This file writes exports. An export is lines of JSON, each an object, and each as this
// file writes it, without any other spaces or escapes:
//
//	{"seatmap":1,…}   first: the version, the event, the moment in nanoseconds of Unix
//	                  time, fence, revision, limits, and the number of seats: "count" if
//	                  they are labeled from 1, or "labels"
//	{"labels":[…]}    the labels
//	{"row":…}         a row, by the number of its seats; more of it is in the next lines:
//	{"aisles":[…]}    seats that are followed by an aisle
//	{"ranks":[…]}     ranks
//	{"category":…}    a price category and its range of seats
//	{"area":…}        an area, by its capacity
//	{"keys":[…]}      with which tokens were made: pairs of a key of tags and of secrets
//	{"create":…}      the key of Create
//	{"closed":[…]}    seats not for sale
//	{"off":[…],…}     seats that an operator has closed, also held or booked ones
//	{"quota":[…],…}   seats of a quota, by its name
//	{"hold":…}        a hold, by its fence
//	{"booking":…}     a booking, by its fence
//	{"answer":…}      to a request with a key, by its method. If it has no "left", it is
//	                  the answer that granted the hold or booking before it
//	{"seats":[…]}     more seats of the line before
//	{"sum":…}         last: SHA-256 of all lines before
//
// Seats are numbered from 0; [7,9] stands for 7, 8 and 9. "places" is numbers of areas,
// from 0, each followed by how many places. Times that are "left" are
// nanoseconds from the moment of the export, other times are of Unix. Fields that are
// zero are left out.

const (
	exportVersion = 1
	exportPart    = 512 // the most labels, or seats, of a line
)

// exporter is an export that is being made.
type exporter struct {
	e      *event
	at     wallTime
	labels *labels
	to     io.Writer
	sum    hash.Hash

	// The lock of the event guards these.
	snapshot *snapshot
	answers  *answerExport
	rows     row             // not written yet
	areal    map[uint64]bool // the fences of the holds and bookings that have places
	closed   []uint32
	seats    []uint32

	written row // the last ones that were written
}

// export carries out an ExportRequest.
func (m *Map) export(ctx context.Context, e *event, r *ExportRequest, to io.Writer) (EventInfo, error) {
	for more := true; more; { // so that little is left to sweep under one lock
		if err := m.check(ctx, "Export"); err != nil {
			return EventInfo{}, err
		}
		_, more = e.sweep(sweepStep)
	}
	x := &exporter{e: e, to: to, sum: sha256.New()}
	info, err := x.begin(r.Remove)
	if err != nil {
		return EventInfo{}, err
	}
	defer x.end() // also if to panics
	if err := x.write(func() error { return m.check(ctx, "Export") }); err != nil {
		return EventInfo{}, err
	}
	if r.Remove {
		m.events.Compute(e.plan.name, func(*event, bool) (*event, bool) {
			m.end(m.clock.now(), e, nil)
			return nil, true
		})
	}
	return info, nil
}

// begin begins the export at the moment now. If moving is set, the event refuses every
// request from then on.
func (x *exporter) begin(moving bool) (EventInfo, error) {
	e, p := x.e, x.e.plan
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		return EventInfo{}, p.end
	}
	x.at, x.labels = p.clock.wallTime(), p.labels()
	now := x.at.mono
	p.sweep(now, math.MaxInt)
	e.keys.forget(now)
	x.head()
	x.keys()
	x.sales()
	x.quotas()
	x.ofAreas()
	x.snapshot = p.beginSnapshot(now, 0, p.count, x.seat)
	x.answers = e.keys.beginExport(func(r *result) { x.answer(r, r.until) })
	if moving {
		p.stop(ErrUnavailable, now)
		p.moving = true
	}
	return e.about(), nil
}

// end ends the export. If the event is still there, it goes on.
func (x *exporter) end() {
	e, p := x.e, x.e.plan
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endSnapshot(x.snapshot)
	e.keys.endExport(x.answers)
	if p.moving {
		p.end, p.moving = nil, false
		p.availableAt.Store(0)
		p.setAvailableAt()
		e.scheduleSweep()
	}
}

// write writes all rows. It calls check often, and stops at its error.
func (x *exporter) write(check func() error) error {
	p := x.e.plan
	if err := x.put(); err != nil {
		return err
	}
	for part := range slices.Chunk(x.labels.list, exportPart) {
		x.written.open()
		x.written.texts("labels", part)
		x.written.shut()
		if err := x.put(); err != nil {
			return err
		}
	}
	if err := x.floor(); err != nil {
		return err
	}
	if err := x.areas(); err != nil {
		return err
	}
	for i := range x.snapshot.saved {
		if err := check(); err != nil {
			return err
		}
		if err := x.flush(func() { p.save(x.snapshot, i) }); err != nil {
			return err
		}
	}
	for more := true; more; {
		if err := check(); err != nil {
			return err
		}
		if err := x.flush(func() {
			x.e.keys.export(x.answers, exportPart)
			more = x.answers.left > 0
		}); err != nil {
			return err
		}
	}
	if err := x.flush(x.closedRow); err != nil {
		return err
	}
	x.written.open()
	x.written.text("sum", hex.EncodeToString(x.sum.Sum(nil)))
	x.written.shut()
	return x.put()
}

// floor writes the rows about rows and categories.
func (x *exporter) floor() error {
	f, o := x.labels.floor, &x.written
	if f == nil {
		return nil
	}
	for i := range f.rows {
		r := &f.rows[i]
		o.open()
		o.int("row", int64(r.to-r.from))
		for _, field := range [...]struct{ name, value string }{
			{"section", r.Section}, {"name", r.Name}, {"category", r.Category},
		} {
			if field.value != "" {
				o.text(field.name, field.value)
			}
		}
		if r.Table {
			o.int("table", 1)
		}
		o.shut()
		for part := range slices.Chunk(r.Aisles, exportPart) {
			o.open()
			o.runs("aisles", x.numbers(part))
			o.shut()
		}
		for part := range slices.Chunk(r.Ranks, exportPart) {
			o.open()
			o.name("ranks")
			o.b = append(o.b, '[')
			for _, rank := range part {
				o.comma('[')
				o.b = strconv.AppendUint(o.b, uint64(rank), 10)
			}
			o.b = append(o.b, ']')
			o.shut()
			if err := x.put(); err != nil {
				return err
			}
		}
		if err := x.put(); err != nil {
			return err
		}
	}
	for _, c := range f.ranges {
		ends := x.numbers([]string{c.First, c.Last})
		o.open()
		o.text("category", c.Name)
		o.uint("first", uint64(ends[0]))
		o.uint("last", uint64(ends[1]))
		o.shut()
	}
	return x.put()
}

// numbers returns the numbers of seats.
func (x *exporter) numbers(labels []string) []uint32 {
	out := make([]uint32, len(labels))
	for i, label := range labels {
		seat, _ := x.labels.seat(label)
		out[i] = uint32(seat)
	}
	return out
}

// flush calls more under the lock, which may add rows, and then writes them.
func (x *exporter) flush(more func()) error {
	p := x.e.plan
	p.mu.Lock()
	more()
	x.rows, x.written = x.written, x.rows
	p.mu.Unlock()
	return x.put()
}

// put writes x.written and empties it.
func (x *exporter) put() error {
	out := x.written.b
	x.written.b = out[:0]
	if len(out) == 0 {
		return nil
	}
	x.sum.Write(out)
	n, err := x.to.Write(out)
	if err == nil && n < len(out) {
		err = io.ErrShortWrite
	}
	clear(out) // it has secrets
	if err != nil {
		return fmt.Errorf("seatmap: Export: %w", err)
	}
	return nil
}

// head makes the first row the one to be written.
func (x *exporter) head() {
	e, p, o := x.e, x.e.plan, &x.written
	o.open()
	o.int("seatmap", exportVersion)
	o.text("event", p.name)
	o.int("at", x.at.at.UnixNano())
	o.uint("fence", p.fence)
	o.uint("revision", p.revision)
	if e.limits != (Limits{}) {
		o.begin("limits")
		o.int("seats", int64(e.limits.Seats))
		o.int("holds", int64(e.limits.Holds))
		o.int("lifetime", int64(e.limits.Lifetime))
		o.int("payment", int64(e.limits.Payment))
		o.end()
	}
	if x.labels.list == nil {
		o.int("count", int64(x.labels.count))
	} else {
		o.int("labels", int64(x.labels.count))
	}
	o.shut()
}

// keys adds the rows about keys of the whole event.
func (x *exporter) keys() {
	e, p, o := x.e, x.e.plan, &x.rows
	keys := []string{}
	for _, key := range append([]formerKey{p.tags.own()}, p.tags.former...) {
		keys = append(keys, hex.EncodeToString(key.tags[:]), hex.EncodeToString(key.secrets[:]))
	}
	o.open()
	o.texts("keys", keys)
	o.shut()
	if e.created != nil {
		o.open()
		o.text("create", e.created.key)
		o.uint("layout", e.created.layout)
		o.shut()
	}
}

// seat adds the rows of a seat, if it is closed or the first one of a hold or booking.
func (x *exporter) seat(seat uint32, state SeatState, rec *record) {
	p := x.e.plan
	switch {
	case state == SeatClosed:
		if !p.isClosed(seat, state) {
			return
		}
		if x.closed = append(x.closed, seat); len(x.closed) == exportPart {
			x.closedRow()
		}
		return
	case rec != p.rec(seat) || x.areal[rec.fence]:
		return
	}
	x.hold(seat, state, rec)
}

// hold adds the rows of the hold or booking that begins at head.
func (x *exporter) hold(head uint32, state SeatState, rec *record) {
	e, p := x.e, x.e.plan
	var places []somePlaces
	x.seats, places = p.apart(x.seats[:0], head)
	o := &x.rows
	o.open()
	if state == SeatBlocked {
		o.uint("hold", rec.fence)
		if until := p.deadline(head); until == endless {
			o.int("endless", 1)
		} else {
			o.int("left", until-x.at.mono)
		}
		if pay, ok := e.paying(x.at.mono, rec.fence); ok {
			o.begin("payment")
			if pay.own != endless {
				o.int("own", pay.own-x.at.mono)
			}
			o.int("began", pay.began-x.at.mono)
			o.int("left", pay.until-x.at.mono)
			o.end()
		}
	} else {
		o.uint("booking", rec.fence)
	}
	x.proof(rec.first, rec.tag)
	o.text("user", e.users.list[rec.user].name)
	if by := e.granted[rec.fence]; by.actor != "" {
		o.text("actor", by.actor)
		if by.reason != "" {
			o.text("reason", by.reason)
		}
	}
	if reference := e.refs.of(rec.fence); reference != "" {
		o.text("reference", reference)
	}
	o.int("at", x.at.time(rec.at).UnixNano())
	o.places(places)
	x.seatsRows()
	if rec.slot != noSlot {
		x.answer(&e.keys.slots[rec.slot], 0)
	}
}

// proof adds what a token proves itself with, as fields.
func (x *exporter) proof(first uint32, t tag) {
	secret := t.secret()
	x.rows.uint("first", uint64(first))
	x.rows.text("secret", hex.EncodeToString(secret[:]))
}

// seatsRows ends a row with x.seats, if there are any, and adds more rows if they are
// many.
func (x *exporter) seatsRows() {
	o := &x.rows
	for i, part := range slices.Collect(slices.Chunk(x.seats, exportPart)) {
		if i > 0 {
			o.shut()
			o.open()
		}
		o.runs("seats", part)
	}
	o.shut()
}

func (x *exporter) closedRow() {
	if len(x.closed) > 0 {
		x.rows.open()
		x.rows.runs("closed", x.closed)
		x.rows.shut()
		x.closed = x.closed[:0]
	}
}

// answer adds the rows of a result, which is forgotten at that time, or with its hold or
// booking if until is 0.
func (x *exporter) answer(r *result, until int64) {
	e, o := x.e, &x.rows
	o.open()
	o.text("answer", methodNames[r.fingerprint.method])
	o.text("user", r.user)
	o.text("key", *r.key.text)
	if until != 0 {
		o.int("left", until-x.at.mono)
	}
	o.begin("request")
	o.optional("n", uint64(r.fingerprint.n))
	o.optional("ttl", uint64(r.fingerprint.ttl))
	o.optional("seats", r.fingerprint.seats)
	o.optional("places", r.fingerprint.places)
	o.optional("where", r.fingerprint.where)
	o.optional("reference", r.fingerprint.reference)
	if token := r.fingerprint.token; token != (tokenPrint{}) {
		o.uint("fence", token.fence)
		x.proof(token.seat, token.tag)
	}
	o.end()
	x.seats = nil
	if h := &r.hold; h.Token != (Token{}) {
		o.uint("fence", h.Token.Fence)
		x.proof(h.Token.seat, h.Token.tag)
		if h.User != r.user {
			o.text("for", h.User)
		}
		o.int("at", h.At.UnixNano())
		if !h.Until.IsZero() {
			o.int("until", int64(h.Until.Sub(x.at.at)))
		}
		if h.Paying {
			o.int("paying", 1)
		}
		places, _ := e.places(nil, h.Places)
		o.places(places)
		x.seats = x.numbers(h.Seats)
	}
	x.seatsRows()
}

// formerKeys are the keys with which tokens of events of a Map were made that were
// imported. The events may have been removed since. At most formerMost are kept for each
// name.
type formerKeys struct {
	mu     sync.Mutex
	byName map[string][]formerKey
}

const formerMost = 16

// of returns the keys of an event. They must not be changed.
func (f *formerKeys) of(event string) []formerKey {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.byName[event]
}

// add adds keys of an event and returns all keys. The most recent are the first.
func (f *formerKeys) add(event string, keys []formerKey) []formerKey {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byName == nil {
		f.byName = map[string][]formerKey{}
	}
	all := slices.Clone(keys)
	for _, old := range f.byName[event] {
		if !slices.Contains(all, old) {
			all = append(all, old)
		}
	}
	all = all[:min(len(all), formerMost)]
	if len(all) > 0 {
		f.byName[event] = all
	}
	return all
}
