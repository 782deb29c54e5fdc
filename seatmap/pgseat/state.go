package pgseat

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/remote"
)

// state is what a transaction knows of an event whose row it has locked, and what it is
// going to write. So all decisions are made in memory.
type state struct {
	now int64 // microseconds, by the clock of the server, read after the lock

	id, life              int64
	count                 int
	free, held, closed    int
	maxSeats, maxHolds    int
	lifetime              int64
	ring                  int64
	revision, changeCount int64

	records map[int64]*record // by fence: those that are due, and those of the tokens
	seats   map[int32]int64   // fences of seats that are taken; those of the requests, or all
	owners  map[string]*owner // those whose limits matter
	answers map[string]*answer

	chooser *remote.Chooser // nil until it is needed, and when seats have become available

	dirty struct {
		event   bool
		seats   map[int32]bool
		records map[int64]bool
		answers map[string]bool
		ended   map[string]bool // keys of records that have ended
		changes []change
	}
}

// record is a hold, or a booking if it has no deadline.
type record struct {
	fence     int64
	owner     string
	seats     []int32
	at, until int64
	key       string // hash of the key of its request; empty if none
}

// owner is what a user has.
type owner struct{ seats, holds int }

// answer is what a request with a key was answered.
type answer struct {
	record
	print string
	ends  int64
}

// change is a row of the table.
type change struct {
	revision, previous int64
	kind               seatmap.ChangeKind
	owner              string
	seats              []int32
	fence, at, until   int64
}

func newState() *state {
	st := &state{records: map[int64]*record{}, seats: map[int32]int64{}, owners: map[string]*owner{}, answers: map[string]*answer{}}
	st.dirty.seats, st.dirty.records = map[int32]bool{}, map[int64]bool{}
	st.dirty.answers, st.dirty.ended = map[string]bool{}, map[string]bool{}
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
	before := st.revision
	st.revision = st.next()
	st.changeCount++
	st.dirty.event = true
	st.dirty.changes = append(st.dirty.changes, change{st.revision, before, kind, r.owner, seats, r.fence, r.at, until})
}

func (st *state) set(seats []int32, fence int64) {
	for _, seat := range seats {
		if fence == 0 {
			delete(st.seats, seat)
		} else {
			st.seats[seat] = fence
		}
		st.dirty.seats[seat] = true
	}
}

func (st *state) save(r *record) {
	st.records[r.fence] = r
	st.dirty.records[r.fence] = true
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
	delete(st.records, r.fence)
	st.dirty.records[r.fence] = true
	if r.until > 0 {
		st.owns(r.owner, 0, -1)
	}
	if r.key != "" {
		st.end(r.key)
	}
}

// end lets an answer end after [seatmap.KeyMemory].
func (st *state) end(key string) {
	if a := st.answers[key]; a != nil {
		a.ends = st.now + keyMemory
	}
	st.dirty.ended[key] = true
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
	r.seats = rest
	st.save(r)
}

// vacate makes a part of a record available again.
func (st *state) vacate(r *record, part []int32, kind seatmap.ChangeKind) {
	st.set(part, 0)
	st.free += len(part)
	if r.until > 0 {
		st.held -= len(part)
	}
	st.owns(r.owner, -len(part), 0)
	st.close()
	st.detach(r, part)
	st.changed(kind, r, part, r.until)
}

// sweep ends the holds that are due, the oldest first.
func (st *state) sweep() (holds int) {
	var due []*record
	for _, r := range st.records {
		if r.until > 0 && r.until <= st.now {
			due = append(due, r)
		}
	}
	slices.SortFunc(due, func(a, b *record) int {
		if a.until != b.until {
			return int(min(max(a.until-b.until, -1), 1))
		}
		return int(min(max(a.fence-b.fence, -1), 1))
	})
	for _, r := range due {
		st.vacate(r, r.seats, seatmap.ChangeExpired)
	}
	return len(due)
}

// repeated answers a request from its key, if that was used before.
func (st *state) repeated(q *request) bool {
	a := st.answers[q.key]
	if q.key == "" || a == nil || a.ends > 0 && a.ends <= st.now {
		return false
	}
	if differs := q.print.Differs(a.print); a.print != q.print.Text() {
		q.err = seatmap.NewKeyError(differs...)
	} else {
		q.got, q.replayed = a.record, true
	}
	return true
}

// remember keeps the answer of a request with a key. It ends memory later, or with the record
// that the request has made if memory is 0.
func (st *state) remember(q *request, r record, memory int64) {
	q.got = r
	if q.key == "" {
		return
	}
	a := &answer{record: r, print: q.print.Text()}
	if memory > 0 {
		a.ends = st.now + memory
	}
	st.answers[q.key] = a
	st.dirty.answers[q.key] = true
}

// block decides about a request for named seats.
func (st *state) block(_ context.Context, q *request) {
	if st.repeated(q) {
		return
	}
	var taken []int32
	for _, seat := range q.seats {
		if st.seats[seat] != 0 {
			taken = append(taken, seat)
			if !q.listTaken {
				break
			}
		}
	}
	switch {
	case len(taken) > 0 && st.free == 0:
		q.err = seatmap.ErrSoldOut
	case len(taken) > 0:
		q.err = seatmap.NewTakenError(q.event, q.shape.LabelsOf(taken)...)
	default:
		st.grant(q, q.seats)
	}
}

// blockAny decides about a request for any seats.
func (st *state) blockAny(ctx context.Context, q *request) {
	if st.repeated(q) {
		return
	}
	if st.chooser == nil {
		c, err := q.shape.NewChooser(ctx, q.event, func(seat int) bool { return st.seats[int32(seat)] != 0 })
		if err != nil {
			q.err = err
			return
		}
		st.chooser = c
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
	if st.lifetime > 0 && q.ttl > st.lifetime {
		q.err = errLifetime
		return
	}
	if o := st.owners[q.user]; o != nil &&
		(st.maxSeats > 0 && o.seats+len(seats) > st.maxSeats || st.maxHolds > 0 && o.holds+1 > st.maxHolds) {
		q.err = fmt.Errorf("%w: of seats or holds a user", seatmap.ErrLimit)
		return
	}
	st.free -= len(seats)
	st.held += len(seats)
	r := &record{fence: st.next(), owner: q.user, seats: seats, at: st.now, until: st.now + q.ttl, key: q.key}
	st.set(seats, r.fence)
	st.save(r)
	st.owns(q.user, len(seats), 1)
	st.remember(q, *r, 0)
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
	if q.ttl > 0 && st.lifetime > 0 && q.ttl > st.lifetime {
		q.err = errLifetime
		return nil, nil, false
	}
	if !q.genuine {
		q.err = seatmap.ErrToken
		return nil, nil, false
	}
	r = st.records[q.fence]
	switch {
	case r == nil:
		q.err = seatmap.ErrExpired
		return nil, nil, false
	case (r.until == 0) != booking, q.user != "" && q.user != r.owner:
		q.err = seatmap.ErrToken
		return nil, nil, false
	case !q.part:
		return r, r.seats, true
	}
	has := make(map[int32]bool, len(r.seats))
	for _, seat := range r.seats {
		has[seat] = true
	}
	for _, seat := range q.seats {
		if !has[seat] {
			q.err = fmt.Errorf("%w: seat %s is not covered by the token", seatmap.ErrInvalidSeats, q.shape.Labels[seat])
			return nil, nil, false
		}
	}
	return r, q.seats, true
}

func (st *state) book(_ context.Context, q *request) {
	r, part, ok := st.owned(q, false)
	if !ok {
		return
	}
	b := &record{fence: st.next(), owner: r.owner, seats: part, at: st.now, key: q.key}
	st.held -= len(part)
	st.detach(r, part)
	st.set(part, b.fence)
	st.save(b)
	st.remember(q, *b, 0)
	st.changed(seatmap.ChangeBooked, b, part, 0)
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
	st.remember(q, record{}, keyMemory)
}

func (st *state) extend(_ context.Context, q *request) {
	r, _, ok := st.owned(q, false)
	if !ok {
		return
	}
	until := st.now + q.ttl
	if st.lifetime > 0 && until > r.at+st.lifetime {
		q.err = errLifetime
		return
	}
	if until > r.until {
		r.until = until
		st.save(r)
		st.changed(seatmap.ChangeExtended, r, r.seats, until)
	}
	st.remember(q, *r, keyMemory)
}

// pack returns the bytes of a list of seats.
func pack(list []int32) []byte {
	b := make([]byte, 0, 4*len(list))
	for _, seat := range list {
		b = binary.BigEndian.AppendUint32(b, uint32(seat))
	}
	return b
}

// unpack is the inverse of pack. All seats are below count.
func unpack(b []byte, count int) ([]int32, error) {
	list := make([]int32, 0, len(b)/4)
	for ; len(b) >= 4; b = b[4:] {
		seat := binary.BigEndian.Uint32(b)
		if seat >= uint32(count) {
			return nil, fmt.Errorf("%w: seat %d of %d", ErrSchema, seat, count)
		}
		list = append(list, int32(seat))
	}
	return list, nil
}
