package seatmap

import (
	"context"
	"encoding/binary"
	"log/slog"
	"maps"
	"slices"
	"strings"
)

// SetQuotaRequest asks [SeatCloser] to set seats aside for a quota.
//
// Only requests that name the quota, in the Quotas of [BlockRequest] or [Where], get such a
// seat; they get seats that are in no quota, too. To all others, also Reserve and Move of
// [Operator], it is [SeatClosed], and a refusal costs the same as that of a closed seat.
// When a hold or booking of it ends, the seat is the quota's again. A seat that is closed,
// too, is for nobody until it is opened; then it is the quota's.
//
// A quota is a name: there is one if a seat is in it, and a seat is in one at most. Whether a
// caller may name a quota is for the program to check. Areas have no quotas: make an area of
// its own for those places.
type SetQuotaRequest struct {
	Event string
	Seats []string
	Quota string // a name, or empty to free the seats
	// Actor is the name of the operator, Reason a name or empty. They are in the
	// change.
	Actor, Reason string
	Key           Key // makes the request safe to repeat; see [Store]
}

// LogValue returns the request without the text of its key.
func (r SetQuotaRequest) LogValue() slog.Value {
	return logOperation(r.Event, r.Actor, r.Reason, r.Key, slog.Any("seats", r.Seats), slog.String("quota", r.Quota))
}

// check checks the seats and the quota.
func (r SetQuotaRequest) check() error {
	if err := checkNamed(r.Seats); err != nil || r.Quota == "" {
		return err
	}
	return checkName(r.Quota, ErrInvalidQuota)
}

// SetQuota implements [SeatCloser]. The error is as for [Map.CloseSeats], or
// [ErrInvalidQuota].
func (m *Map) SetQuota(ctx context.Context, r SetQuotaRequest) (Receipt, error) {
	e, err := m.operation(ctx, "SetQuota", r.Event, nil, r.Actor, r.Reason, r.Key, r.check)
	if err != nil {
		return Receipt{}, err
	}
	seats, err := e.seats(nil, r.Seats)
	if err != nil {
		return Receipt{}, err
	}
	h, err := e.decide(r.Actor, r.Key, printOfSetQuota(&r), func(w wallTime, q *keyedRequest) (Hold, error) {
		quota := strings.Clone(r.Quota) // it may be part of something large
		e.by(operation{actor: r.Actor, reason: r.Reason, quota: quota}, func() { e.setQuota(w.mono, seats, q) })
		e.remembers(w.mono, q, &Hold{})
		return Hold{}, nil
	})
	return Receipt{Replayed: h.Replayed}, err
}

// setQuota gives the seats the quota of the operation, if they are not in it yet.
func (e *event) setQuota(now int64, seats []int, q *keyedRequest) {
	p := e.plan
	var list []uint32
	for _, seat := range seats {
		if p.quotas[uint32(seat)] != e.op.quota {
			list = append(list, uint32(seat))
		}
	}
	if len(list) > 0 {
		p.touch(list)
		p.setQuota(list, e.op.quota)
		p.revision++
		if e.log.enabled(p.clock) {
			e.log.append(p.revision, ChangeQuota, &record{at: now}, 0, "", list, 0, e.op)
		}
	}
	if e.journal != nil && (len(list) > 0 || q != nil) {
		e.journal.quotaSet(e, list, q)
	}
}

// setQuota gives seats a quota, or none if it is empty. The caller touches them.
func (p *Plan) setQuota(seats []uint32, quota string) {
	for _, seat := range seats {
		if _, by := p.closed[seat]; !by && p.isClosed(seat, p.wordState(seat)) {
			p.closedBy(seat, doing{}) // by the layout, which the word cannot tell from now on
		}
		switch {
		case quota == "":
			delete(p.quotas, seat)
		case p.quotas == nil:
			p.quotas = map[uint32]string{seat: quota}
		default:
			p.quotas[seat] = quota
		}
		p.setVacant(seat)
	}
	p.setAvailableAt()
}

// isFor reports whether the seat, which is in that state, is available to requests that name
// these quotas and to no others.
func (p *Plan) isFor(quotas []string, seat uint32, state SeatState) bool {
	return len(quotas) > 0 && state == SeatClosed && !p.isClosed(seat, state) && slices.Contains(quotas, p.quotas[seat])
}

// soldOutFor reports whether no seat is available at all to requests that name these quotas.
// If so, it has looked at all seats of all quotas.
func (p *Plan) soldOutFor(now int64, quotas []string) bool {
	if !p.soldOut(now) {
		return false
	}
	if len(quotas) > 0 {
		for seat := range p.quotas {
			if p.isFor(quotas, seat, p.wordState(seat)) {
				return false
			}
		}
	}
	return true
}

// quotaSet records what setQuota did.
func (j *eventJournal) quotaSet(e *event, seats []uint32, q *keyedRequest) {
	j.extendBounds(e.plan)
	b := appendText([]byte{recordQuota}, e.plan.name)
	b = binary.AppendUvarint(b, e.plan.revision)
	b = appendText(appendText(appendText(b, e.op.quota), e.op.actor), e.op.reason)
	b = binary.AppendVarint(appendSeats(b, seats), e.plan.clock.wallTime().at.UnixNano())
	j.last.Store(j.of.log.Append(bytesRecord(appendAsked(b, q))))
}

func (d *durableMap) applyQuota(r *recordReader) error {
	name, revision := r.bytes(r.uint()), r.uint()
	e, _ := d.known(name, revision)
	if e == nil || revision < e.plan.revision {
		return nil // it is in the checkpoint
	}
	p, quota := e.plan, r.text()
	_, _ = r.text(), r.text() // the operator, for those who read the journal
	seats, at, asked := r.seats(nil, p.count), r.int(), r.asked()
	if err := r.end(); err != nil {
		return err
	}
	if revision > p.revision {
		p.setQuota(seats, quota)
		p.revision = revision
	}
	if asked != nil {
		e.answer(p.clock.wallTime().monoOf(at), asked, noEntry, false, &Hold{})
	}
	return nil
}

// quotas adds the rows of the seats that are in quotas.
func (x *exporter) quotas() {
	byName := map[string][]uint32{}
	for seat, quota := range x.e.plan.quotas {
		byName[quota] = append(byName[quota], seat)
	}
	o := &x.rows
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		slices.Sort(byName[name])
		for part := range slices.Chunk(byName[name], exportPart) {
			o.open()
			o.runs("quota", part)
			o.text("name", name)
			o.shut()
		}
	}
}
