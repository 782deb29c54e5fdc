package seatmap

import (
	"cmp"
	"context"
	"encoding/binary"
	"log/slog"
	"slices"
)

// SeatCloser is a [Store] that can take seats of a live event off sale, for a camera or a
// broken chair, and put them on sale again, or set them aside for a quota. It does not check
// who calls: offer its methods to operators only.
//
// Each request names an actor and a reason, as those of [Operator] do, and its key belongs
// to the actor. The answer is remembered as that of Release.
//
// A hold or booking of a seat that is closed stays until it ends: it can be extended,
// booked and canceled as before. Then the seat is [SeatClosed]. A request for a closed seat is
// refused with a [*TakenError] that is [ErrNotForSale], and BlockAny passes by.
type SeatCloser interface {
	// CloseSeats takes seats off sale, all or none. Those that are closed already stay as
	// they are. Its change is a [ChangeClosed] of the others; there is none if all are
	// closed.
	CloseSeats(ctx context.Context, r CloseSeatsRequest) (Receipt, error)
	// OpenSeats puts seats on sale again, also those that the layout has closed. Its change
	// is a [ChangeOpened].
	OpenSeats(ctx context.Context, r OpenSeatsRequest) (Receipt, error)
	// SetQuota sets seats aside for a quota, such as those that a partner sells, or frees
	// them, all or none. Its change is a [ChangeQuota] of those that are not in that quota
	// yet; there is none if all are.
	SetQuota(ctx context.Context, r SetQuotaRequest) (Receipt, error)
}

// CloseSeatsRequest asks [SeatCloser] to take seats off sale.
type CloseSeatsRequest struct {
	Event string
	Seats []string
	// Actor is the name of the operator, Reason a name or empty. They are in the
	// change, and in [SeatInfo] while the seats are closed.
	Actor, Reason string
	Key           Key // makes the request safe to repeat; see [Store]
}

// LogValue returns the request without the text of its key.
func (r CloseSeatsRequest) LogValue() slog.Value {
	return logOperation(r.Event, r.Actor, r.Reason, r.Key, slog.Any("seats", r.Seats))
}

// OpenSeatsRequest asks [SeatCloser] to put seats on sale again.
type OpenSeatsRequest struct {
	Event string
	Seats []string
	// Actor is the name of the operator, Reason a name or empty. They are in the
	// change.
	Actor, Reason string
	Key           Key // makes the request safe to repeat; see [Store]
}

// LogValue returns the request without the text of its key.
func (r OpenSeatsRequest) LogValue() slog.Value { return CloseSeatsRequest(r).LogValue() }

// CloseSeats implements [SeatCloser]. The error is [ErrClosed], the context's,
// [ErrInvalidEvent], [ErrInvalidActor], [ErrInvalidKey], [ErrInvalidSeats],
// [ErrUnknownEvent], [ErrUnknownSeat] or a [*KeyError].
func (m *Map) CloseSeats(ctx context.Context, r CloseSeatsRequest) (Receipt, error) {
	return m.sell(ctx, "CloseSeats", methodCloseSeats, &r)
}

// OpenSeats implements [SeatCloser]. The error is as for [Map.CloseSeats].
func (m *Map) OpenSeats(ctx context.Context, r OpenSeatsRequest) (Receipt, error) {
	same := CloseSeatsRequest(r)
	return m.sell(ctx, "OpenSeats", methodOpenSeats, &same)
}

func (m *Map) sell(ctx context.Context, name string, method method, r *CloseSeatsRequest) (Receipt, error) {
	e, err := m.operation(ctx, name, r.Event, nil, r.Actor, r.Reason, r.Key, func() error { return checkNamed(r.Seats) })
	if err != nil {
		return Receipt{}, err
	}
	seats, err := e.seats(nil, r.Seats)
	if err != nil {
		return Receipt{}, err
	}
	h, err := e.decide(r.Actor, r.Key, printOfSale(method, r.Seats), func(w wallTime, q *keyedRequest) (Hold, error) {
		e.by(operation{actor: r.Actor, reason: r.Reason}, func() { e.sell(w.mono, seats, method == methodOpenSeats, q) })
		e.remembers(w.mono, q, &Hold{})
		return Hold{}, nil
	})
	return Receipt{Replayed: h.Replayed}, err
}

// sell puts seats on sale, or takes them off, if they are not yet.
func (e *event) sell(now int64, seats []int, open bool, q *keyedRequest) {
	p, by := e.plan, doing{e.op.actor, e.op.reason}
	var list []uint32
	for _, seat := range seats {
		if p.isClosed(uint32(seat), p.wordState(uint32(seat))) == open {
			list = append(list, uint32(seat))
		}
	}
	if len(list) > 0 {
		p.touch(list)
		p.sell(list, open, by)
		p.revision++
		kind := ChangeClosed
		if open {
			kind = ChangeOpened
		}
		if e.log.enabled(p.clock) {
			e.log.append(p.revision, kind, &record{at: now}, 0, "", list, 0, e.op)
		}
	}
	if e.journal != nil && (len(list) > 0 || q != nil) {
		e.journal.sold(e, list, open, by, q)
	}
}

// isClosed reports whether the seat, which is in that state, is not for sale to anyone, also
// if it is held or booked. A seat that the layout has closed is in p.closed only if it is in
// a quota, too: without one its state tells.
func (p *Plan) isClosed(seat uint32, state SeatState) bool {
	_, ok := p.closed[seat]
	return ok || state == SeatClosed && p.quotas[seat] == ""
}

// wordState returns the state that the seat's word tells.
func (p *Plan) wordState(seat uint32) SeatState { return SeatState(p.word(int(seat)) & stateMask) }

// sell puts seats on sale, or takes them off. The caller touches them.
func (p *Plan) sell(seats []uint32, open bool, by doing) {
	for _, seat := range seats {
		if open {
			delete(p.closed, seat)
		} else {
			p.closedBy(seat, by)
		}
		p.setVacant(seat)
	}
	p.setAvailableAt()
}

// closedBy notes that the seat is closed.
func (p *Plan) closedBy(seat uint32, by doing) {
	if p.closed == nil {
		p.closed = map[uint32]doing{}
	}
	p.closed[seat] = by
}

// setVacant sets the word of a seat after it was closed, opened or given another quota. A
// hold or booking stays.
func (p *Plan) setVacant(seat uint32) {
	if state := p.wordState(seat); state == SeatAvailable || state == SeatClosed {
		p.set(seat, uint64(p.vacant(seat)))
	}
}

// vacant returns the state of a seat that nobody has. That of a seat that only the layout
// has closed does not come from here: nobody can have it, so it does not become vacant.
func (p *Plan) vacant(seat uint32) SeatState {
	if len(p.closed) > 0 {
		if _, ok := p.closed[seat]; ok {
			return SeatClosed
		}
	}
	if len(p.quotas) > 0 && p.quotas[seat] != "" {
		return SeatClosed
	}
	return SeatAvailable
}

// overdueClosed returns how many blocked seats that are closed or in a quota belong to
// holds whose deadline has passed.
func (p *Plan) overdueClosed(now int64) (n int) {
	overdue := func(seat uint32) bool {
		word := p.word(int(seat))
		return SeatState(word&stateMask) == SeatBlocked && int64(word>>stateBits) <= now
	}
	for seat := range p.closed {
		if overdue(seat) {
			n++
		}
	}
	for seat := range p.quotas {
		if _, also := p.closed[seat]; !also && overdue(seat) {
			n++
		}
	}
	return n
}

// sold records what sell did.
func (j *eventJournal) sold(e *event, seats []uint32, open bool, by doing, q *keyedRequest) {
	j.extendBounds(e.plan)
	b := appendText([]byte{recordSale}, e.plan.name)
	b = binary.AppendUvarint(b, e.plan.revision)
	state := SeatClosed
	if open {
		state = SeatAvailable
	}
	b = appendText(appendText(append(b, byte(state)), by.actor), by.reason)
	b = binary.AppendVarint(appendSeats(b, seats), e.plan.clock.wallTime().at.UnixNano())
	b = appendAsked(b, q)
	j.last.Store(j.of.log.Append(bytesRecord(b)))
}

func (d *durableMap) applySale(r *recordReader) error {
	name, revision := r.bytes(r.uint()), r.uint()
	e, _ := d.known(name, revision)
	if e == nil || revision < e.plan.revision {
		return nil // it is in the checkpoint
	}
	p := e.plan
	open, by := r.byte() == byte(SeatAvailable), doing{r.text(), r.text()}
	seats, at, asked := r.seats(nil, p.count), r.int(), r.asked()
	if err := r.end(); err != nil {
		return err
	}
	if revision > p.revision {
		p.sell(seats, open, by)
		p.revision = revision
	}
	if asked != nil {
		e.answer(p.clock.wallTime().monoOf(at), asked, noEntry, false, &Hold{})
	}
	return nil
}

// sales adds the rows of the seats that operators have closed. Those of the layout that are
// in a quota are among them, without an actor.
func (x *exporter) sales() {
	byDoing := map[doing][]uint32{}
	for seat, by := range x.e.plan.closed {
		byDoing[by] = append(byDoing[by], seat)
	}
	doings := make([]doing, 0, len(byDoing))
	for by := range byDoing {
		doings = append(doings, by)
	}
	slices.SortFunc(doings, func(a, b doing) int {
		return cmp.Or(cmp.Compare(a.actor, b.actor), cmp.Compare(a.reason, b.reason))
	})
	o := &x.rows
	for _, by := range doings {
		seats := byDoing[by]
		slices.Sort(seats)
		for part := range slices.Chunk(seats, exportPart) {
			o.open()
			o.runs("off", part)
			if by.actor != "" {
				o.text("actor", by.actor)
			}
			if by.reason != "" {
				o.text("reason", by.reason)
			}
			o.shut()
		}
	}
}
