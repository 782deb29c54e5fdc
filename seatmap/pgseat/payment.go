package pgseat

import (
	"context"
	"fmt"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/remote"
)

// payment is a payment that keeps a hold. The deadline of the hold is the later one of own and
// until. Times are microseconds.
type payment struct {
	own   int64 // the deadline of the hold without the payment
	began int64
	until int64 // when the payment is over; 0 if there is none
}

// keeps reports whether the payment keeps the hold at that time.
func (p *payment) keeps(now int64) bool { return now < p.until }

// BeginPayment implements [seatmap.Payer]. The error is as for Extend. [seatmap.ErrLimit] is about
// the Payment of [seatmap.Limits].
//
//ferrous:blocks
func (s *Store) BeginPayment(ctx context.Context, r seatmap.PaymentRequest) (seatmap.Hold, error) {
	s.check(ctx, "BeginPayment")
	if _, err := s.form.BeginPayment(ctx, r); !remote.Formed(err) {
		return seatmap.Hold{}, err
	}
	q, err := s.owned(ctx, r.Token, r.Key, nil, nil, ask{
		decide: (*state).beginPayment, user: r.User, ttl: remote.Microseconds(r.TTL), print: remote.PrintOf(r),
	})
	if err != nil {
		return seatmap.Hold{}, err
	}
	return s.hold(q), nil
}

// EndPayment implements [seatmap.Payer].
//
//ferrous:blocks
func (s *Store) EndPayment(ctx context.Context, r seatmap.EndPaymentRequest) (seatmap.Hold, error) {
	s.check(ctx, "EndPayment")
	if _, err := s.form.EndPayment(ctx, r); !remote.Formed(err) {
		return seatmap.Hold{}, err
	}
	q, err := s.owned(ctx, r.Token, r.Key, nil, nil, ask{decide: (*state).endPayment, user: r.User, print: remote.PrintOf(r)})
	if err != nil {
		return seatmap.Hold{}, err
	}
	return s.hold(q), nil
}

var errPayment = fmt.Errorf("%w: of the time of a payment", seatmap.ErrLimit)

func (st *state) beginPayment(_ context.Context, q *request) {
	switch {
	case st.repeated(q):
		return
	case st.payment > 0 && q.ttl > st.payment:
		q.err = errPayment
		return
	}
	r, _, ok := st.named(q, false)
	if !ok {
		return
	}
	pay, until := r.pay, st.now+q.ttl
	if !pay.keeps(st.now) {
		pay = payment{own: r.until, began: st.now}
	}
	if st.payment > 0 && until > pay.began+st.payment {
		q.err = errPayment
		return
	}
	pay.until = max(pay.until, until)
	st.changing(r)
	if r.pay = pay; pay.until > r.until {
		r.until = pay.until
		st.endsAt(r)
	}
	st.changed(seatmap.ChangePaying, r, r.seats, r.until)
	st.remember(q, *r, false)
}

func (st *state) endPayment(_ context.Context, q *request) {
	r, _, ok := st.owned(q, false)
	if !ok {
		return
	}
	got := *r // the hold may end
	if until, ok := st.endPay(r); ok {
		got.until = until
	}
	got.pay = payment{}
	st.remember(q, got, false)
}

// endPay ends the payment of a hold, if there is one, and returns the deadline that the hold has
// then. If it has passed, the hold has ended.
func (st *state) endPay(r *record) (until int64, ok bool) {
	if !r.pay.keeps(st.now) {
		return 0, false
	}
	until = max(r.pay.own, st.now)
	st.changing(r)
	r.pay, r.until = payment{}, until
	st.endsAt(r) // its row for that moment may be gone
	st.changed(seatmap.ChangePaying, r, r.seats, until)
	if until <= st.now {
		st.vacate(r, r.seats, seatmap.ChangeExpired)
	}
	return until, true
}
