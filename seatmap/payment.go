package seatmap

import (
	"context"
	"log/slog"
	"time"
)

// Payer is a [Store] in which a hold does not end while its user pays. Between the
// moment when the card is charged and Book, the deadline of the hold could pass, and
// another user could get the seats.
//
// A payment keeps the hold until the payment is over: by Book, also of a part of the
// hold, by EndPayment, or when its time is over. From then on the deadline of the hold
// counts again. If it has passed, the seats that were not booked are lost. Begin the
// payment before you charge the card, charge it, and then book. If the charge fails, end
// the payment.
type Payer interface {
	// BeginPayment lets a hold last until TTL from now at least, whatever
	// [Limits.Lifetime] says. A payment that is in progress is extended; it lasts at
	// most [Limits.Payment] from its beginning. Its change is a [ChangePaying].
	BeginPayment(ctx context.Context, r PaymentRequest) (Hold, error)
	// EndPayment gives a payment up. If the hold has ended by that, Left is 0 in the
	// answer. If no payment is in progress, EndPayment changes nothing.
	EndPayment(ctx context.Context, r EndPaymentRequest) (Hold, error)
}

// PaymentRequest asks [Payer] to keep a hold while its user pays.
type PaymentRequest struct {
	Token Token // of the hold
	// User may be empty if there is no Key. A user who does not own the hold gets
	// [ErrToken].
	User string
	Key  Key           // makes the request safe to repeat; see [Store]
	TTL  time.Duration // above 0 and at most [MaxTTL]
}

// LogValue returns the request without the secrets of its token and key.
func (r PaymentRequest) LogValue() slog.Value { return ExtendRequest(r).LogValue() }

// EndPaymentRequest asks [Payer] to give a payment up.
type EndPaymentRequest struct {
	Token Token // of the hold
	// User may be empty if there is no Key. A user who does not own the hold gets
	// [ErrToken].
	User string
	Key  Key // makes the request safe to repeat; see [Store]
}

// LogValue returns the request without the secrets of its token and key.
func (r EndPaymentRequest) LogValue() slog.Value {
	return slog.GroupValue(slog.Any("token", r.Token), slog.String("user", r.User), slog.Any("key", r.Key))
}

// BeginPayment implements [Payer]. The error is as for [Map.Extend]. [ErrLimit] is
// about [Limits.Payment].
func (m *Map) BeginPayment(ctx context.Context, r PaymentRequest) (Hold, error) {
	if err := m.check(ctx, "BeginPayment"); err != nil {
		return Hold{}, err
	}
	if err := checkOwner(r.User, r.Key); err != nil {
		return Hold{}, err
	}
	if err := checkTTL(r.TTL); err != nil {
		return Hold{}, err
	}
	e, err := m.findToken(&r.Token)
	if err != nil {
		return Hold{}, err
	}
	return e.beginPayment(&r)
}

// EndPayment implements [Payer]. The error is [ErrClosed], the context's,
// [ErrInvalidUser], [ErrInvalidKey], [ErrUnknownEvent], a [*KeyError], [ErrExpired] or
// [ErrToken].
func (m *Map) EndPayment(ctx context.Context, r EndPaymentRequest) (Hold, error) {
	if err := m.check(ctx, "EndPayment"); err != nil {
		return Hold{}, err
	}
	if err := checkOwner(r.User, r.Key); err != nil {
		return Hold{}, err
	}
	e, err := m.findToken(&r.Token)
	if err != nil {
		return Hold{}, err
	}
	return e.giveUpPayment(&r)
}

// payment is a payment that keeps a hold. The deadline of the hold is the later one of
// own and until.
type payment struct {
	own   int64 // the deadline of the hold without the payment
	began int64
	until int64 // when the payment is over
}

// paying returns the payment that keeps a hold at that time, if there is one.
func (e *event) paying(now int64, fence uint64) (payment, bool) {
	if len(e.payments) == 0 {
		return payment{}, false
	}
	pay, ok := e.payments[fence]
	return pay, ok && now < pay.until
}

func (e *event) beginPayment(r *PaymentRequest) (Hold, error) {
	p := e.plan
	return e.decide(r.User, r.Key, printOfPayment(r), func(w wallTime, q *keyedRequest) (h Hold, err error) {
		if err := e.checkPayment(int64(r.TTL)); err != nil {
			return Hold{}, err
		}
		head, part, err := e.findPart(w.mono, &r.Token, r.User, SeatBlocked, nil, nil)
		if err != nil {
			return Hold{}, err
		}
		rec, until := p.rec(head), w.mono+int64(r.TTL)
		pay, ok := e.paying(w.mono, rec.fence)
		if !ok {
			pay = payment{own: p.deadline(head), began: w.mono}
		}
		if err := e.checkPayment(until - pay.began); err != nil {
			return Hold{}, err
		}
		pay.until = max(pay.until, until)
		p.touch(part)
		if e.payments == nil {
			e.payments = map[uint64]payment{}
		}
		e.payments[rec.fence] = pay
		if until := max(pay.own, pay.until); until > p.deadline(head) {
			p.setDeadline(part, until)
		}
		e.asks(q)
		e.changedPayment(head, part, pay.until)
		e.describe(w, head, part, &h)
		e.remembers(w.mono, q, &h)
		return h, nil
	})
}

// changedPayment reports that a payment began or ended, if paying is 0.
func (e *event) changedPayment(head uint32, seats []uint32, paying int64) {
	e.op = &operation{paying: paying}
	defer func() { e.op = nil }()
	e.plan.changed(ChangePaying, e.plan.rec(head), seats, e.plan.deadline(head))
}

func (e *event) giveUpPayment(r *EndPaymentRequest) (Hold, error) {
	return e.decide(r.User, r.Key, printOfEndPayment(r), func(w wallTime, q *keyedRequest) (h Hold, err error) {
		head, part, err := e.findPart(w.mono, &r.Token, r.User, SeatBlocked, nil, nil)
		if err != nil {
			return Hold{}, err
		}
		e.describe(w, head, part, &h)
		h.Paying = false
		e.asks(q)
		if until, ok := e.endPayment(w.mono, head); ok {
			h.Until, h.Left = w.deadline(until)
		} else {
			e.same(w, head)
		}
		e.remembers(w.mono, q, &h)
		return h, nil
	})
}

// endPayment ends the payment of the hold that begins at head, if there is one, and
// returns the deadline that the hold has then. If it has passed, the hold has ended.
func (e *event) endPayment(now int64, head uint32) (until int64, ok bool) {
	p := e.plan
	fence := p.rec(head).fence
	pay, ok := e.paying(now, fence)
	if !ok {
		return 0, false
	}
	p.seatBuf = p.seats(p.seatBuf[:0], head)
	p.touch(p.seatBuf)
	delete(e.payments, fence)
	until = max(pay.own, now)
	p.setDeadline(p.seatBuf, until)
	e.changedPayment(head, p.seatBuf, 0)
	if until <= now {
		p.expire(head)
	}
	return until, true
}

// renewed is called by the plan when a hold or booking has another fence.
func (e *event) renewed(before uint64, after grantName) {
	delete(e.granted, before)
	e.refs.renew(before, after)
	if pay, ok := e.payments[before]; ok {
		delete(e.payments, before)
		e.payments[after.fence] = pay
	}
}

// checkPayment returns an error if no payment may last so long.
func (e *event) checkPayment(lasts int64) error {
	if l := e.limits.Payment; l > 0 && lasts > int64(l) {
		return limitError("a payment", l)
	}
	return nil
}
