package seatmap

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
)

// SeatAdder is a [Store] that can add seats and areas to a live event, such as rows that
// were kept back or a stage that needs less room. It does not check who calls: offer its
// methods to operators only.
//
// Each request names an actor and a reason, as those of [Operator] do, and its key belongs
// to the actor. The answer is remembered as that of Release.
type SeatAdder interface {
	// AddSeats adds seats and areas to the layout of an event, all or none. Seats and areas
	// that are there stay as they are, with their holds and bookings. The error is
	// [ErrInvalidLayout] if what is added is no layout, or does not fit to the event; that
	// it does not fit is told after all other errors. Its change is a [ChangeAdded].
	AddSeats(ctx context.Context, r AddSeatsRequest) (Receipt, error)
}

// AddSeatsRequest asks [SeatAdder] to add seats and areas to an event.
type AddSeatsRequest struct {
	Event string
	// Layout is what is added. Its seats come after those of the event, and have the same
	// form: Count more seats, whose labels go on after the last one, or Seats, or Rows. If
	// the event has no seats yet, each form will do. An area that the event has gets the
	// Capacity, which must be larger than before; its Section and Category stay. Categories
	// and Closed name only seats that are added.
	Layout Layout
	// Actor is the name of the operator, Reason a name or empty. They are in the
	// change.
	Actor, Reason string
	Key           Key // makes the request safe to repeat; see [Store]
}

// LogValue returns the request without the text of its key, and the number of its
// seats instead of their labels.
func (r AddSeatsRequest) LogValue() slog.Value {
	return logOperation(r.Event, r.Actor, r.Reason, r.Key, slog.Int("seats", r.Layout.size()), slog.Int("areas", len(r.Layout.Areas)))
}

// AddSeats implements [SeatAdder]. Its cost is that of a Create of all seats; under the
// event's lock it is that of the seats that were ever added, about 80 bytes each. The error is [ErrClosed], the context's,
// [ErrInvalidEvent], [ErrInvalidActor], [ErrInvalidKey], [ErrInvalidLayout],
// [ErrUnknownEvent] or a [*KeyError].
func (m *Map) AddSeats(ctx context.Context, r AddSeatsRequest) (Receipt, error) {
	e, err := m.operation(ctx, "AddSeats", r.Event, nil, r.Actor, r.Reason, r.Key, r.check)
	if err != nil {
		return Receipt{}, err
	}
	r.Layout = r.Layout.clone()
	before := e.plan.labels()
	after, closed, wrong := before.with(&r.Layout)
	asked := fingerprint{method: methodAddSeats, seats: r.Layout.print()}
	h, err := e.decide(r.Actor, r.Key, asked, func(w wallTime, q *keyedRequest) (Hold, error) {
		if e.plan.labels() != before { // other seats were added meanwhile
			after, closed, wrong = e.plan.labels().with(&r.Layout)
		}
		if wrong != nil {
			return Hold{}, wrong
		}
		e.by(operation{actor: r.Actor, reason: r.Reason}, func() { e.add(w.mono, &r.Layout, after, closed, q) })
		e.remembers(w.mono, q, &Hold{})
		return Hold{}, nil
	})
	return Receipt{Replayed: h.Replayed}, err
}

// check checks what is added by itself.
func (r AddSeatsRequest) check() error {
	l := r.Layout
	l.Categories, l.Closed = nil, nil // their labels depend on the event
	_, _, err := l.labels()
	return err
}

// add makes the layout of the event larger: after is all of it, of which l is added, and
// closed seats among them.
func (e *event) add(now int64, l *Layout, after *labels, closed []int, q *keyedRequest) {
	p := e.plan
	e.op.added, e.op.first = l, p.count
	e.enlarge(after, closed)
	p.revision++
	if e.log.enabled(p.clock) {
		e.log.append(p.revision, ChangeAdded, &record{at: now}, 0, "", nil, 0, e.op)
	}
	if e.journal != nil {
		e.journal.added(e, l, doing{e.op.actor, e.op.reason}, q)
	}
}

// enlarge gives the plan the seats and areas that the labels have more.
func (e *event) enlarge(after *labels, closed []int) {
	p := e.plan
	before := p.totals[SeatAvailable]
	p.grow(after.count - p.count)
	p.setAreas(after.areas)
	if e.keys.ofSize {
		e.keys.most += p.totals[SeatAvailable] - before
	}
	for _, seat := range closed {
		p.set(uint32(seat), uint64(SeatClosed))
	}
	p.setAvailableAt()
	p.rename(after) // last, so that a request that knows a label finds the seat
}

// clone returns a layout that shares no list with l.
func (l *Layout) clone() Layout {
	c := Layout{
		Count: l.Count, Seats: slices.Clone(l.Seats), Rows: slices.Clone(l.Rows), Areas: slices.Clone(l.Areas),
		Categories: slices.Clone(l.Categories), Closed: slices.Clone(l.Closed),
	}
	for i := range c.Rows {
		r := &c.Rows[i]
		r.Seats, r.Aisles, r.Ranks = slices.Clone(r.Seats), slices.Clone(r.Aisles), slices.Clone(r.Ranks)
	}
	return c
}

// with returns the labels of an event to which a layout was added, and the seats among
// them that are closed.
func (ls *labels) with(add *Layout) (*labels, []int, error) {
	l := ls.layout()
	if ls.count > 0 && (add.Count > 0 && l.Count == 0 || add.Seats != nil && l.Seats == nil || add.Rows != nil && l.Rows == nil) {
		return nil, nil, fmt.Errorf("%w: its seats have not the form of those of the event", ErrInvalidLayout)
	}
	l.Count += add.Count
	l.Seats, l.Rows = append(l.Seats, add.Seats...), append(l.Rows, add.Rows...)
	for _, a := range add.Areas {
		i, ok := ls.areaIndex[a.Name]
		if !ok {
			l.Areas = append(l.Areas, a)
			continue
		}
		if a.Capacity <= l.Areas[i].Capacity {
			return nil, nil, fmt.Errorf("%w: area %q has %d places already, not fewer than %d",
				ErrInvalidLayout, truncate(a.Name), l.Areas[i].Capacity, a.Capacity)
		}
		l.Areas[i].Capacity = a.Capacity
	}
	l.Categories, l.Closed = append(l.Categories, add.Categories...), add.Closed
	after, closed, err := l.labels()
	if err != nil {
		return nil, nil, err
	}
	for _, seat := range closed {
		if seat < ls.count {
			return nil, nil, fmt.Errorf("%w: closes %q, which it does not add", ErrInvalidLayout, truncate(after.label(seat)))
		}
	}
	for _, c := range add.Categories {
		if first, _ := after.seat(c.First); first < ls.count {
			return nil, nil, fmt.Errorf("%w: gives %q a category, which it does not add", ErrInvalidLayout, truncate(c.First))
		}
	}
	return after, closed, nil
}

// added records what add did.
func (j *eventJournal) added(e *event, l *Layout, by doing, q *keyedRequest) {
	j.extendBounds(e.plan)
	b := appendText([]byte{recordAdded}, e.plan.name)
	b = binary.AppendUvarint(b, e.plan.revision)
	b = appendText(appendText(b, by.actor), by.reason)
	b = binary.AppendVarint(b, e.plan.clock.wallTime().at.UnixNano())
	b = appendText(b, string(l.encode()))
	j.last.Store(j.of.log.Append(bytesRecord(appendAsked(b, q))))
}

// encode returns the layout as a journal has it.
func (l *Layout) encode() []byte {
	text, err := json.Marshal(l)
	if err != nil {
		panic(fmt.Errorf("seatmap: Map.AddSeats: %w", err)) // it is plain data
	}
	return text
}

func (d *durableMap) applyAdded(r *recordReader) error {
	name, revision := r.bytes(r.uint()), r.uint()
	e, _ := d.known(name, revision)
	if e == nil || revision < e.plan.revision {
		return nil // it is in the checkpoint
	}
	_, _ = r.text(), r.text() // the operator, for those who read the journal
	at, text, asked := r.int(), r.bytes(r.uint()), r.asked()
	if err := r.end(); err != nil {
		return err
	}
	p := e.plan
	if revision > p.revision {
		var l Layout
		if err := json.Unmarshal(text, &l); err != nil {
			return errors.Join(errRecord, err)
		}
		after, closed, err := p.labels().with(&l)
		if err != nil {
			return errors.Join(errRecord, err)
		}
		e.enlarge(after, closed)
		p.revision = revision
	}
	if asked != nil {
		e.answer(p.clock.wallTime().monoOf(at), asked, noEntry, false, &Hold{})
	}
	return nil
}
