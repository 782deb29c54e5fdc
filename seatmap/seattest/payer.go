package seattest

import "github.com/coderrange/ferrous/seatmap"

// payments checks [seatmap.Payer].
func payments(s *session) error {
	p, ok := s.store.(seatmap.Payer)
	if !ok {
		return failf("the store is no Payer, and Options.Lacks does not say so")
	}
	const own = ttl / 2 // the time of a hold without a payment
	if err := s.create(4, seatmap.Limits{Lifetime: ttl, Payment: ttl}); err != nil {
		return err
	}
	pay := func(t seatmap.Token) (seatmap.Hold, error) {
		return p.BeginPayment(s.ctx, seatmap.PaymentRequest{Token: t, TTL: ttl})
	}
	block := func(seats ...string) (seatmap.Hold, error) {
		return s.store.Block(s.ctx, seatmap.BlockRequest{Event: s.event, User: "ann", Seats: seats, TTL: own})
	}
	hold, err := block("1", "2")
	if err != nil {
		return wrap("Block", err)
	}
	request := seatmap.PaymentRequest{Token: hold.Token, User: "ann", Key: seatmap.NewKey("p"), TTL: ttl}
	paid, err := p.BeginPayment(s.ctx, request)
	if err != nil || !paid.Paying || paid.Left <= own || paid.Token != hold.Token {
		return failf("BeginPayment returned %+v, %v", paid, err)
	}
	again, err := p.BeginPayment(s.ctx, request)
	if err != nil || !again.Replayed {
		return failf("BeginPayment with the same key returned %+v, %v", again, err)
	}
	_, long := p.BeginPayment(s.ctx, seatmap.PaymentRequest{Token: hold.Token, TTL: ttl + 1})
	_, forged := pay(seatmap.NewToken(s.event, hold.Token.Fence, [16]byte{1}))
	if err := all(
		want("BeginPayment beyond Limits.Payment", long, seatmap.ErrLimit),
		want("BeginPayment with another secret", forged, seatmap.ErrToken),
	); err != nil {
		return err
	}
	two := func(paying bool) error {
		one, err := s.store.Seat(s.ctx, seatmap.SeatRequest{Event: s.event, Seat: "2"})
		if err != nil || one.Paying != paying || one.Left > own != paying {
			return failf("Seat reports %+v, %v; that a payment keeps it for longer than %v should be %v", one, err, own, paying)
		}
		return nil
	}
	if err := all(two(true), wrap("Book of a part", bookErr(s, hold.Token, "1")), two(false)); err != nil {
		return err
	}
	other, err := block("3")
	if err != nil {
		return wrap("Block", err)
	}
	if _, err := pay(other.Token); err != nil {
		return wrap("BeginPayment", err)
	}
	back, err := p.EndPayment(s.ctx, seatmap.EndPaymentRequest{Token: other.Token})
	if err != nil || back.Paying || back.Left > own {
		return failf("EndPayment returned %+v, %v, for a hold of %v", back, err, own)
	}
	return all(wrap("Book", bookErr(s, other.Token)), s.states("BhB."))
}
