package seattest

import (
	"time"

	"github.com/coderrange/ferrous/seatmap"
)

// audit checks that an event can be made from its changes, step by step, and that a watch
// that begins later can go on from its snapshot.
func audit(s *session) error {
	a, steps, err := s.steps()
	if err != nil {
		return err
	}
	for _, one := range steps {
		if err := all(wrap(one.name, one.do()), a.check(one.name)); err != nil {
			return err
		}
	}
	return all(errOf(s.store.Remove(s.ctx, seatmap.RemoveRequest{Event: s.event})), s.create(9, seatmap.Limits{}), errOf(s.block("zoe", "9")),
		a.check("Create after Remove"))
}

// steps creates an event, and returns steps that change it in all ways that the store has.
func (s *session) steps() (*auditor, []auditStep, error) {
	layout := seatmap.Layout{Count: 9}
	places := func(int) map[string]int { return nil }
	if !s.Lacks.Areas {
		layout.Areas = []seatmap.Area{{Name: "floor", Capacity: 9}, {Name: "lawn", Capacity: 9}}
		places = func(n int) map[string]int { return map[string]int{"floor": n} }
	}
	if _, err := s.store.Create(s.ctx, seatmap.CreateRequest{Event: s.event, Layout: layout}); err != nil {
		return nil, nil, wrap("Create", err)
	}
	// The last seat has a hold that lasts, which tells the time of the store.
	if _, err := s.block("zoe", "9"); err != nil {
		return nil, nil, wrap("Block", err)
	}
	a := &auditor{session: s}
	if err := a.begin(); err != nil {
		return nil, nil, err
	}
	var ann, bob, late seatmap.Hold
	var booking seatmap.Booking
	order, other := "order 1", "order 2"
	if s.Lacks.References {
		order, other = "", ""
	}
	block := func(h *seatmap.Hold, user string, ttl time.Duration, n int, seats ...string) func() error {
		return func() (err error) {
			*h, err = s.store.Block(s.ctx, seatmap.BlockRequest{
				Event: s.event, User: user, Seats: seats, Places: places(n), TTL: ttl, Reference: order,
			})
			return err
		}
	}
	steps := []auditStep{
		{"Block", block(&ann, "ann", ttl, 3, "1", "2", "3")},
		{"Block of a user's second hold", block(&bob, "ann", ttl, 2, "4", "5")},
		{"Extend", func() error {
			return errOf(s.store.Extend(s.ctx, seatmap.ExtendRequest{Token: bob.Token, TTL: ttl + time.Hour}))
		}},
		{"Book of a part", func() (err error) {
			booking, err = s.store.Book(s.ctx, seatmap.BookRequest{Token: ann.Token, Seats: []string{"1", "2"}, Places: places(2)})
			return err
		}},
		{"Release of a part", func() error {
			return errOf(s.store.Release(s.ctx, seatmap.ReleaseRequest{Token: bob.Token, Seats: []string{"4"}, Places: places(1)}))
		}},
		{"Cancel of a part", func() error {
			return errOf(s.store.Cancel(s.ctx, seatmap.CancelRequest{Token: booking.Token, Seats: []string{"2"}, Places: places(1)}))
		}},
		{"Book of the rest", func() error {
			return errOf(s.store.Book(s.ctx, seatmap.BookRequest{Token: ann.Token, Reference: other}))
		}},
		{"the end of a hold", func() error {
			err := block(&late, "bob", time.Second, 1, "6")()
			s.Advance(time.Second + s.Resolution)
			return err
		}},
	}
	steps = append(steps, a.payments(&bob)...)
	steps = append(steps, a.operations(places)...)
	steps = append(steps, a.sales()...)
	steps = append(steps, a.additions()...)
	return a, append(steps, auditStep{"Release", func() error { return s.release(bob.Token) }}), nil
}

type auditStep struct {
	name string
	do   func() error
}

// payments returns steps with a hold, if the store has payments.
func (a *auditor) payments(h *seatmap.Hold) []auditStep {
	p, ok := a.store.(seatmap.Payer)
	if !ok {
		return nil
	}
	return []auditStep{
		{"BeginPayment", func() error {
			return errOf(p.BeginPayment(a.ctx, seatmap.PaymentRequest{Token: h.Token, TTL: 3 * ttl}))
		}},
		{"EndPayment", func() error { return errOf(p.EndPayment(a.ctx, seatmap.EndPaymentRequest{Token: h.Token})) }},
		{"BeginPayment again", func() error { return errOf(p.BeginPayment(a.ctx, seatmap.PaymentRequest{Token: h.Token, TTL: ttl})) }},
	}
}

// operations returns steps of an operator, if the store has some.
func (a *auditor) operations(places func(int) map[string]int) []auditStep {
	o, ok := a.store.(seatmap.Operator)
	if !ok {
		return nil
	}
	const actor, reason = "op", "why"
	steps := []auditStep{
		{"Reserve", func() error {
			return errOf(o.Reserve(a.ctx, seatmap.ReserveRequest{
				Event: a.event, User: "house", Seats: []string{"7", "8"}, Places: places(2), Actor: actor, Reason: reason,
			}))
		}},
		{"Revoke of a part", func() error {
			return errOf(o.Revoke(a.ctx, seatmap.RevokeRequest{
				Event: a.event, Seat: "7", Seats: []string{"8"}, Places: places(1), Actor: actor,
			}))
		}},
		{"Move", func() error {
			return errOf(o.Move(a.ctx, seatmap.MoveRequest{Event: a.event, Seat: "1", To: []string{"4"}, Actor: actor, Reason: reason}))
		}},
		{"Reissue", func() error {
			return errOf(o.Reissue(a.ctx, seatmap.ReissueRequest{Event: a.event, Seat: "7", Actor: actor, Reason: "lost"}))
		}},
		{"ReserveAny", func() error {
			return errOf(o.ReserveAny(a.ctx, seatmap.ReserveAnyRequest{Event: a.event, User: "press", N: 1, Actor: actor, Reason: reason}))
		}},
	}
	if !a.Lacks.Areas {
		steps = append(steps, auditStep{"Move of places", func() error {
			return errOf(o.Move(a.ctx, seatmap.MoveRequest{
				Event: a.event, Seat: "7", Places: map[string]int{"lawn": 1}, Actor: actor, Reason: reason,
			}))
		}})
	}
	return steps
}

// sales returns steps of an operator that closes seats, if the store has some.
func (a *auditor) sales() []auditStep {
	c, ok := a.store.(seatmap.SeatCloser)
	if !ok {
		return nil
	}
	return []auditStep{
		{"CloseSeats", func() error {
			return errOf(c.CloseSeats(a.ctx, seatmap.CloseSeatsRequest{Event: a.event, Seats: []string{"2", "3", "5"}, Actor: "op", Reason: "why"}))
		}},
		{"OpenSeats", func() error {
			return errOf(c.OpenSeats(a.ctx, seatmap.OpenSeatsRequest{Event: a.event, Seats: []string{"2"}, Actor: "op"}))
		}},
		{"SetQuota", func() error {
			return errOf(c.SetQuota(a.ctx, seatmap.SetQuotaRequest{Event: a.event, Seats: []string{"2", "3", "9"}, Quota: "club", Actor: "op"}))
		}},
		{"SetQuota to none", func() error {
			return errOf(c.SetQuota(a.ctx, seatmap.SetQuotaRequest{Event: a.event, Seats: []string{"2", "9"}, Actor: "op"}))
		}},
	}
}

// additions returns steps that add seats, if the store has some. The last seat has a hold
// that lasts again after each of them.
func (a *auditor) additions() []auditStep {
	d, ok := a.store.(seatmap.SeatAdder)
	if !ok {
		return nil
	}
	add := func(last string, l seatmap.Layout) func() error {
		return func() error {
			_, err := d.AddSeats(a.ctx, seatmap.AddSeatsRequest{Event: a.event, Layout: l, Actor: "op", Reason: "more"})
			if err != nil || last == "" {
				return err
			}
			return errOf(a.block("zoe", last))
		}
	}
	steps := []auditStep{{"AddSeats", add("12", seatmap.Layout{Count: 3, Closed: []string{"11"}})}}
	if !a.Lacks.Areas {
		steps = append(steps, auditStep{"AddSeats of areas", add("", seatmap.Layout{
			Areas: []seatmap.Area{{Name: "floor", Capacity: 11}, {Name: "stairs", Capacity: 2}},
		})})
	}
	return steps
}

// auditor follows the changes of an event from its first snapshot on.
type auditor struct {
	*session
	replay seatmap.Replay
}

// begin begins with a snapshot.
func (a *auditor) begin() error {
	first, err := a.first()
	if err != nil {
		return err
	}
	return a.replay.Apply(first)
}

// first returns what a new watch begins with.
func (a *auditor) first() (seatmap.Change, error) {
	for change, err := range a.store.Watch(a.ctx, seatmap.WatchRequest{Event: a.event}) {
		if err == nil && change.Kind != seatmap.ChangeSnapshot {
			err = failf("a watch begins with %v", change.Kind)
		}
		return change, wrap("Watch", err)
	}
	return seatmap.Change{}, failf("Watch yields nothing")
}

// check follows the changes until now, and compares what they make with what the store
// reports and with the snapshot of a new watch.
func (a *auditor) check(after string) error {
	all, err := a.store.Seats(a.ctx, seatmap.SeatsRequest{Event: a.event})
	if err != nil {
		return wrap("Seats", err)
	}
	if err := a.follow(all.Cursor); err != nil {
		return wrap("Watch after "+after, err)
	}
	last := all.Seats[len(all.Seats)-1]
	now := last.Until.Add(-last.Left)
	got := a.replay.Snapshot(now)
	if len(got.Snapshot) != len(all.Seats) {
		return failf("after %s, the changes make %d seats, not %d", after, len(got.Snapshot), len(all.Seats))
	}
	for i, want := range all.Seats {
		if !sameOwner(got.Snapshot[i], want) || got.Snapshot[i].Seat != want.Seat {
			return failf("after %s, the changes make %+v, not %+v", after, got.Snapshot[i], want)
		}
	}
	first, err := a.first()
	if err != nil {
		return err
	}
	for i, want := range all.Seats {
		if !sameOwner(first.Snapshot[i], want) {
			return failf("after %s, a new watch begins with %+v, not %+v", after, first.Snapshot[i], want)
		}
	}
	return sameHolders(after, got, first)
}

// follow applies the changes up to that position.
func (a *auditor) follow(to seatmap.Cursor) error {
	if a.replay.Cursor() == to {
		return nil
	}
	for change, err := range a.store.Watch(a.ctx, seatmap.WatchRequest{Event: a.event, From: a.replay.Cursor()}) {
		if err == nil {
			err = a.replay.Apply(change)
		}
		if err != nil || change.Kind != seatmap.ChangeGap && change.Revision >= to.Revision() {
			return err
		}
	}
	return nil
}

// sameHolders compares places that the changes have made with those of a new watch.
func sameHolders(after string, got, want seatmap.Change) error {
	if len(got.Holders) != len(want.Holders) || len(got.Areas) != len(want.Areas) {
		return failf("after %s, the changes make the places %+v, a new watch %+v", after, got.Holders, want.Holders)
	}
	for i := range got.Areas {
		if got.Areas[i] != want.Areas[i] {
			return failf("after %s, the changes make %+v, a new watch %+v", after, got.Areas[i], want.Areas[i])
		}
		c := got.Areas[i].Counts
		for _, p := range want.Holders {
			switch {
			case p.Area != got.Areas[i].Area:
			case p.State == seatmap.SeatBooked:
				c.Booked -= p.Places
			default:
				c.Blocked -= p.Places
			}
		}
		if c.Blocked != 0 || c.Booked != 0 {
			return failf("after %s, the holders of area %q have not all places of %+v", after, got.Areas[i].Area, got.Areas[i].Counts)
		}
	}
	for i, p := range got.Holders {
		q := want.Holders[i]
		if p.Area != q.Area || p.Places != q.Places || !sameOwner(ownerOf(p), ownerOf(q)) {
			return failf("after %s, the changes make %+v, a new watch %+v", after, p, q)
		}
	}
	return nil
}

// ownerOf returns places as a seat.
func ownerOf(p seatmap.PlacesInfo) seatmap.SeatInfo {
	return seatmap.SeatInfo{
		State: p.State, Paying: p.Paying, User: p.User, At: p.At, Until: p.Until, Fence: p.Fence,
		PayingUntil: p.PayingUntil, Actor: p.Actor, Reason: p.Reason, Reference: p.Reference,
	}
}

// sameOwner reports whether two reports of a seat say the same. The clock by which a store
// reports times may have been corrected between them.
func sameOwner(a, b seatmap.SeatInfo) bool {
	const corrected = time.Minute
	for _, two := range [][2]time.Time{{a.At, b.At}, {a.Until, b.Until}, {a.PayingUntil, b.PayingUntil}} {
		if two[0].IsZero() != two[1].IsZero() || two[0].Sub(two[1]).Abs() > corrected {
			return false
		}
	}
	return a.State == b.State && a.User == b.User && a.Fence == b.Fence && a.Paying == b.Paying && a.Actor == b.Actor && a.Reason == b.Reason &&
		a.Reference == b.Reference &&
		a.Closed == b.Closed && a.ClosedBy == b.ClosedBy && a.ClosedReason == b.ClosedReason && a.Quota == b.Quota
}
