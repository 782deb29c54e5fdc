package pgseat

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/remote"
)

// state is what a transaction knows of an event whose row it has locked, and what it is
// going to write. So all decisions are made in memory.
type state struct {
	now int64 // microseconds, by the clock of the server, read after the lock

	by doing // who makes the request that is decided, as an operator

	id                    int64 // 0 if the event is not locked
	count                 int
	free, held, closed    int
	marked                int // how many seats have a sale
	maxSeats, maxHolds    int
	lifetime, payment     int64
	ring                  int64
	revision, changeCount int64

	due     []due             // what ends at or before now, or a moment later
	records map[int64]*record // by id: those that are due, and those of the tokens
	seats   map[int32]int64   // records of seats that are taken; those of the requests, or all
	sales   map[int32]*sale   // of those seats that have one, and of those of the records
	owners  map[string]*owner // those whose limits matter
	answers map[string]*answer

	chooser   *remote.Chooser // nil until it is needed, and when seats have become available
	chooserOf []string        // the quotas that it is for

	ended *due // the last row of what is due that has ended
	dirty struct {
		event     bool
		seats     map[int32]int64 // and their records as they are stored
		sales     map[int32]bool  // seats, and whether their sales are stored
		records   map[int64]bool  // and whether they are stored
		answers   map[string]bool
		forgotten map[string]bool // keys of answers
		due       map[int64]*due  // by the moment
		changes   []change
	}
}

// due is what ends at a moment: holds, which may have been extended or booked since, and
// answers.
type due struct {
	at, revision int64
	holds        []int64
	keys         [][]byte
}

// record is a hold, or a booking if it has no deadline.
type record struct {
	id, fence int64
	owner     string
	seats     []int32
	at, until int64
	key       string // hash of the key of its request; empty if none
	reference string
	pay       payment // zero if there is none
	by        doing   // the operator that gave it its fence; zero if its user did
}

// owner is what a user has.
type owner struct{ seats, holds int }

// answer is what a request with a key was answered.
type answer struct {
	record
	print  string
	paying bool // the answer says that a payment keeps the hold
}

// change is a row of the table.
type change struct {
	revision, previous int64
	kind               seatmap.ChangeKind
	owner              string
	seats              []int32
	fence, at, until   int64
	reference          string
	paying             int64 // of a ChangePaying: until when; 0 if the payment is over
	by                 doing
	quota              string  // of a ChangeQuota
	from               []int32 // of a ChangeMoved: the seats before
	fromFence          int64   // of a ChangeMoved or ChangeReissued
}

func newState() *state {
	st := &state{records: map[int64]*record{}, seats: map[int32]int64{}, sales: map[int32]*sale{}, owners: map[string]*owner{}, answers: map[string]*answer{}}
	st.dirty.seats, st.dirty.sales, st.dirty.records = map[int32]int64{}, map[int32]bool{}, map[int64]bool{}
	st.dirty.answers, st.dirty.forgotten, st.dirty.due = map[string]bool{}, map[string]bool{}, map[int64]*due{}
	return st
}

// close gives back what the decisions needed.
func (st *state) close() {
	if st.chooser != nil {
		st.chooser.Close()
		st.chooser = nil
	}
}

// next returns the next revision or fence, which is not below the server's time. So one
// that was lost in a failover or restore is not used again.
func (st *state) next() int64 { return max(st.revision+1, st.now) }

func (st *state) changed(kind seatmap.ChangeKind, r *record, seats []int32, until int64) {
	c := change{kind: kind, owner: r.owner, seats: seats, fence: r.fence, at: r.at, until: until, reference: r.reference}
	if kind == seatmap.ChangePaying {
		c.paying = r.pay.until
	}
	st.tells(c)
}

// tells gives a change its revision.
func (st *state) tells(c change) {
	c.previous, c.by = st.revision, st.by
	st.revision = st.next()
	st.changeCount++
	st.dirty.event = true
	c.revision = st.revision
	st.dirty.changes = append(st.dirty.changes, c)
}

// set gives a seat of one record, or of none if it is 0, to another.
func (st *state) set(seat int32, was, record int64) {
	if was == record {
		return
	}
	if _, ok := st.dirty.seats[seat]; !ok {
		st.dirty.seats[seat] = was
	}
	if record == 0 {
		delete(st.seats, seat)
	} else {
		st.seats[seat] = record
	}
	for _, one := range [...]struct {
		record int64
		by     int
	}{{was, -1}, {record, 1}} {
		switch one.record {
		case 0:
			st.free += one.by
		case notForSale:
			st.closed += one.by
		}
	}
}

// add adds a record.
func (st *state) add(r *record) {
	st.records[r.id] = r
	st.dirty.records[r.id] = false
	if r.until > 0 {
		st.endsAt(r)
	}
}

// endsAt notes that the deadline of a hold is to be looked at when it has come.
func (st *state) endsAt(r *record) {
	if r.until == endless {
		return
	}
	d := st.dueAt(r.until)
	d.holds = append(d.holds, r.id)
}

// changing notes that a record is about to change or end.
func (st *state) changing(r *record) {
	if _, ok := st.dirty.records[r.id]; !ok {
		st.dirty.records[r.id] = true
	}
}

// dueAt returns what is going to be due at a moment, to add to it.
func (st *state) dueAt(at int64) *due {
	d := st.dirty.due[at]
	if d == nil {
		d = &due{at: at}
		st.dirty.due[at] = d
	}
	return d
}

// owns adds to what a user has, if that matters.
func (st *state) owns(name string, seats, holds int) {
	if o := st.owners[name]; o != nil {
		o.seats += seats
		o.holds += holds
	}
}

// over forgets a record that has no seats any more.
func (st *state) over(r *record) {
	st.changing(r)
	delete(st.records, r.id)
	if r.until > 0 {
		st.owns(r.owner, 0, -1)
	}
	st.end(r.key)
}

// end lets an answer end after [seatmap.KeyMemory].
func (st *state) end(key string) {
	if key != "" {
		d := st.dueAt(st.now + keyMemory)
		d.keys = append(d.keys, []byte(key))
	}
}

const keyMemory = int64(seatmap.KeyMemory / 1000)

// detach takes a part from a record.
func (st *state) detach(r *record, part []int32) {
	gone := make(map[int32]bool, len(part))
	for _, seat := range part {
		gone[seat] = true
	}
	rest := slices.DeleteFunc(slices.Clone(r.seats), func(seat int32) bool { return gone[seat] })
	if len(rest) == 0 {
		st.over(r)
		return
	}
	st.changing(r)
	r.seats = rest
}

// vacate makes a part of a record available again.
func (st *state) vacate(r *record, part []int32, kind seatmap.ChangeKind) {
	for _, seat := range part {
		st.set(seat, r.id, st.vacant(seat))
	}
	if r.until > 0 {
		st.held -= len(part)
	}
	st.owns(r.owner, -len(part), 0)
	st.close()
	st.detach(r, part)
	st.changed(kind, r, part, r.until)
}

// sweep ends the holds that are due, the oldest first, and forgets the answers that are due.
// There may be more if it has ended many.
func (st *state) sweep() (holds int, more bool) {
	var ending []*record
	items := 0
	for i := range st.due {
		d := &st.due[i]
		if d.at > st.now { // the clock has gone on between two statements
			break
		}
		if items > mostDue {
			more = true
			break
		}
		items += len(d.holds) + len(d.keys)
		st.ended = d
		more = i+1 == mostDueRows
		for _, id := range d.holds {
			if r := st.records[id]; r != nil && r.until > 0 && r.until <= st.now {
				ending = append(ending, r)
			}
		}
		for _, key := range d.keys {
			delete(st.answers, string(key))
			st.dirty.forgotten[string(key)] = true
		}
	}
	slices.SortFunc(ending, func(a, b *record) int {
		return cmp.Or(cmp.Compare(a.until, b.until), cmp.Compare(a.id, b.id))
	})
	for _, r := range slices.Compact(ending) {
		holds++
		st.vacate(r, r.seats, seatmap.ChangeExpired)
	}
	return holds, more
}

// repeated answers a request from its key, if that was used before.
func (st *state) repeated(q *request) bool {
	a := st.answers[q.key]
	if q.key == "" || a == nil {
		return false
	}
	if differs := q.print.Differs(a.print); a.print != q.print.Text() {
		q.err = seatmap.NewKeyError(differs...)
	} else {
		q.got, q.paying, q.replayed = a.record, a.paying, true
	}
	return true
}

// remember keeps the answer of a request with a key. If it is not the grant of the record, which
// it ends with, it ends after [seatmap.KeyMemory].
func (st *state) remember(q *request, r record, grant bool) {
	q.got, q.paying = r, r.pay.keeps(st.now)
	if q.key == "" {
		return
	}
	st.answers[q.key] = &answer{r, q.print.Text(), q.paying}
	st.dirty.answers[q.key] = true
	if !grant {
		st.end(q.key)
	}
}

// block decides about a request for named seats.
func (st *state) block(_ context.Context, q *request) {
	if st.repeated(q) {
		return
	}
	if st.canHave(q, q.seats) {
		st.grant(q, q.seats)
	}
}

// canHave reports whether a request can have these seats. If not, it has its error.
func (st *state) canHave(q *request, seats []int32) bool {
	var taken []int32
	taking := seatmap.NewTakenError
	for _, seat := range seats {
		if !st.availableTo(q, seat) {
			if taken = append(taken, seat); st.seats[seat] == notForSale {
				taking = seatmap.NewNotForSaleError
			}
			if !q.listTaken {
				break
			}
		}
	}
	switch {
	case len(taken) > 0 && st.soldOutFor(q):
		q.err = seatmap.ErrSoldOut
	case len(taken) > 0:
		q.err = taking(q.event, q.shape.LabelsOf(taken)...)
	}
	return q.err == nil
}

// blockAny decides about a request for any seats.
func (st *state) blockAny(ctx context.Context, q *request) {
	if st.repeated(q) {
		return
	}
	if st.chooser == nil || !slices.Equal(st.chooserOf, q.quotas) {
		st.close()
		c, err := q.shape.NewChooser(ctx, q.event, func(seat int) bool { return !st.availableTo(q, int32(seat)) })
		if err != nil {
			q.err = err
			return
		}
		st.chooser, st.chooserOf = c, q.quotas
	}
	seats, err := st.chooser.Choose(ctx, *q.any)
	if err != nil {
		q.err = err
		return
	}
	if st.grant(q, seats); q.err != nil {
		st.close() // the chooser has them
	}
}

// grant makes a hold of seats that are available, if the limits allow it.
func (st *state) grant(q *request, seats []int32) {
	until := st.now + q.ttl
	switch o := st.owners[q.user]; {
	case q.by != (doing{}): // an operator, whom no limit binds
		until = endless
	case st.lifetime > 0 && q.ttl > st.lifetime:
		q.err = errLifetime
		return
	case o != nil &&
		(st.maxSeats > 0 && o.seats+len(seats) > st.maxSeats || st.maxHolds > 0 && o.holds+1 > st.maxHolds):
		q.err = fmt.Errorf("%w: of seats or holds a user", seatmap.ErrLimit)
		return
	}
	st.held += len(seats)
	fence := st.next()
	r := &record{id: fence, fence: fence, owner: q.user, seats: seats, at: st.now, until: until, key: q.key, reference: q.reference, by: q.by}
	for _, seat := range seats {
		st.set(seat, st.seats[seat], r.id)
	}
	st.add(r)
	st.owns(q.user, len(seats), 1)
	st.remember(q, *r, true)
	st.changed(seatmap.ChangeBlocked, r, seats, r.until)
	if q.any == nil && st.chooser != nil {
		st.close()
	}
}

var errLifetime = fmt.Errorf("%w: of the time of a hold", seatmap.ErrLimit)

// owned returns the record of a request with a token, and the part that it is about.
func (st *state) owned(q *request, booking bool) (r *record, part []int32, ok bool) {
	if st.repeated(q) {
		return nil, nil, false
	}
	return st.named(q, booking)
}

// named is owned of a request that is no repetition.
func (st *state) named(q *request, booking bool) (r *record, part []int32, ok bool) {
	if q.record == 0 {
		q.err = seatmap.ErrToken
		return nil, nil, false
	}
	r = st.records[q.record]
	switch {
	case r == nil || r.fence != int64(q.token.Fence):
		q.err = seatmap.ErrExpired
		return nil, nil, false
	case (r.until == 0) != booking, q.user != "" && q.user != r.owner:
		q.err = seatmap.ErrToken
		return nil, nil, false
	}
	part, ok = st.partOf(q, r)
	return r, part, ok
}

// partOf returns the part of a record that a request is about.
func (st *state) partOf(q *request, r *record) (part []int32, ok bool) {
	if !q.part {
		return r.seats, true
	}
	has := make(map[int32]bool, len(r.seats))
	for _, seat := range r.seats {
		has[seat] = true
	}
	for _, seat := range q.seats {
		if !has[seat] {
			q.err = fmt.Errorf("%w: seat %s is not covered by the token", seatmap.ErrInvalidSeats, q.shape.Label(int(seat)))
			return nil, false
		}
	}
	return q.seats, true
}

func (st *state) book(_ context.Context, q *request) {
	r, part, ok := st.owned(q, false)
	if !ok {
		return
	}
	fence, reference, was := st.next(), cmp.Or(q.reference, r.reference), r
	st.held -= len(part)
	if len(part) == len(r.seats) && fits(r.id, fence) { // the record becomes the booking
		st.changing(r)
		st.end(r.key)
		st.owns(r.owner, 0, -1)
		r.fence, r.at, r.until, r.key, r.reference, r.pay, r.by = fence, st.now, 0, q.key, reference, payment{}, doing{}
	} else {
		r = &record{id: fence, fence: fence, owner: was.owner, seats: part, at: st.now, key: q.key, reference: reference}
		st.detach(was, part)
		for _, seat := range part {
			st.set(seat, was.id, r.id)
		}
		st.add(r)
	}
	st.remember(q, *r, true)
	st.changed(seatmap.ChangeBooked, r, r.seats, 0)
	if was != r && st.records[was.id] == was { // the rest of the hold is not paid for
		st.endPay(was)
	}
}

func (st *state) release(_ context.Context, q *request) {
	st.giveBack(q, false, seatmap.ChangeReleased)
}

func (st *state) cancel(_ context.Context, q *request) { st.giveBack(q, true, seatmap.ChangeCanceled) }

func (st *state) giveBack(q *request, booking bool, kind seatmap.ChangeKind) {
	r, part, ok := st.owned(q, booking)
	if !ok {
		return
	}
	st.vacate(r, part, kind)
	st.remember(q, record{}, false)
}

func (st *state) extend(_ context.Context, q *request) {
	switch {
	case st.repeated(q):
		return
	case st.lifetime > 0 && q.ttl > st.lifetime:
		q.err = errLifetime
		return
	}
	r, _, ok := st.named(q, false)
	if !ok {
		return
	}
	until := st.now + q.ttl
	if st.lifetime > 0 && until > r.at+st.lifetime {
		q.err = errLifetime
		return
	}
	if r.pay.keeps(st.now) && until > r.pay.own {
		st.changing(r)
		r.pay.own, q.changes = until, true
	}
	if until > r.until {
		st.changing(r)
		r.until = until
		st.endsAt(r)
		st.changed(seatmap.ChangeExtended, r, r.seats, until)
	}
	st.remember(q, *r, false)
}
