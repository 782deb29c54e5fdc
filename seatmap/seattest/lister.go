package seattest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/coderrange/ferrous/seatmap"
)

// lists checks [seatmap.Lister].
func lists(s *session) error {
	l, ok := s.store.(seatmap.Lister)
	if !ok {
		return failf("the store is no Lister, and Options.Lacks does not say so")
	}
	a, steps, err := s.steps()
	if err != nil {
		return err
	}
	for _, one := range steps {
		if err := all(wrap(one.name, one.do()), a.agrees("after "+one.name)); err != nil {
			return err
		}
	}
	_, unknown := l.Grants(s.ctx, seatmap.GrantsRequest{Event: s.event + "-none"})
	_, negative := l.Grants(s.ctx, seatmap.GrantsRequest{Event: s.event, Limit: -1})
	return all(
		want("Grants of no event", unknown, seatmap.ErrUnknownEvent), want("Grants with a negative Limit", negative, seatmap.ErrInvalidPage),
		s.listsEvents(l), s.listsMoments(l),
	)
}

// agrees checks that the holds and bookings that the store lists are those that its seats
// and the counts of its areas say, unless the store lists none.
func (s *session) agrees(when string) error {
	l, ok := s.store.(seatmap.Lister)
	if !ok {
		return nil
	}
	seats, err := s.store.Seats(s.ctx, seatmap.SeatsRequest{Event: s.event})
	if err != nil {
		return wrap("Seats", err)
	}
	whole, err := s.listed(l, seatmap.GrantsRequest{})
	if err := all(err, listsSeats(whole, &seats)); err != nil {
		return fmt.Errorf("%s: %w", when, err)
	}
	users, references := map[string]bool{"nobody": true}, map[string]bool{}
	for _, g := range whole {
		users[g.User] = true
		references[g.Reference] = true
	}
	requests := []seatmap.GrantsRequest{{Limit: 2}}
	for user := range users {
		for reference := range references {
			requests = append(requests, seatmap.GrantsRequest{User: user, Reference: reference})
		}
		requests = append(requests, seatmap.GrantsRequest{User: user, Limit: 1})
	}
	for reference := range references {
		requests = append(requests, seatmap.GrantsRequest{Reference: reference, Limit: 1})
	}
	for _, r := range requests {
		got, err := s.listed(l, r)
		of := slices.DeleteFunc(slices.Clone(whole), func(g seatmap.GrantInfo) bool {
			return r.User != "" && r.User != g.User || r.Reference != "" && r.Reference != g.Reference
		})
		if err == nil && !slices.EqualFunc(got, of, sameGrant) {
			err = failf("Grants of %+v are %+v, not %+v", r, got, of)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", when, err)
		}
	}
	return nil
}

// listed returns what is in all pages of a request.
func (s *session) listed(l seatmap.Lister, r seatmap.GrantsRequest) (got []seatmap.GrantInfo, err error) {
	r.Event = s.event
	for more := true; more; {
		page, err := l.Grants(s.ctx, r)
		switch more = page.More; {
		case err != nil:
			return nil, wrap("Grants", err)
		case page.Event != s.event || page.Cursor.IsZero():
			return nil, failf("Grants of %+v are of event %q, and their cursor is %v", r, page.Event, page.Cursor)
		case more && (len(page.Grants) == 0 || r.Limit == 0) || r.Limit > 0 && len(page.Grants) > r.Limit:
			return nil, failf("Grants of %+v have a page of %d, and that more follow is %t", r, len(page.Grants), more)
		}
		for _, g := range page.Grants {
			if g.Fence <= r.After {
				return nil, failf("Grants of %+v have the fence %d after %d", r, g.Fence, r.After)
			}
			r.After = g.Fence
		}
		got = append(got, page.Grants...)
	}
	return got, nil
}

// listsSeats compares a list of holds and bookings with all seats, and its places with the
// counts of the areas.
func listsSeats(list []seatmap.GrantInfo, snapshot *seatmap.Snapshot) error {
	taken := map[string]seatmap.SeatInfo{}
	for _, one := range snapshot.Seats {
		if one.Fence != 0 {
			one.Closed, one.ClosedBy, one.ClosedReason, one.Quota = false, "", "", ""
			taken[one.Seat] = one
		}
	}
	places := map[string]seatmap.Counts{}
	for _, g := range list {
		if len(g.Seats)+len(g.Places) == 0 {
			return failf("Grants have %+v, which has nothing", g)
		}
		for _, seat := range g.Seats {
			if one, ok := taken[seat]; !ok || !sameOwner(ownerOfGrant(g), one) {
				return failf("Grants have %+v, but seat %s is %+v", g, seat, one)
			}
			delete(taken, seat)
		}
		for area, n := range g.Places {
			c := places[area]
			if g.State == seatmap.SeatBooked {
				c.Booked += n
			} else {
				c.Blocked += n
			}
			places[area] = c
		}
	}
	if len(taken) > 0 {
		return failf("Grants do not have the seats %+v", taken)
	}
	for _, a := range snapshot.Areas {
		if c := places[a.Area]; c.Blocked != a.Blocked || c.Booked != a.Booked {
			return failf("Grants have the places %+v of area %q, which has %+v", c, a.Area, a.Counts)
		}
	}
	return nil
}

// sameGrant reports whether two reports of a hold or booking say the same.
func sameGrant(a, b seatmap.GrantInfo) bool {
	seats := func(g seatmap.GrantInfo) []string { return slices.Sorted(slices.Values(g.Seats)) }
	return sameOwner(ownerOfGrant(a), ownerOfGrant(b)) && slices.Equal(seats(a), seats(b)) && maps.Equal(a.Places, b.Places)
}

// ownerOfGrant returns a hold or booking as a seat.
func ownerOfGrant(g seatmap.GrantInfo) seatmap.SeatInfo {
	return seatmap.SeatInfo{
		State: g.State, Paying: g.Paying, User: g.User, At: g.At, Until: g.Until, Fence: g.Fence,
		PayingUntil: g.PayingUntil, Actor: g.Actor, Reason: g.Reason, Reference: g.Reference,
	}
}

// listsEvents checks Events.
func (s *session) listsEvents(l seatmap.Lister) error {
	prefix := s.event + "-of-"
	wanted := []string{prefix + "a", prefix + "aa", prefix + "b", prefix + "é"}
	for _, i := range []int{2, 0, 3, 1} {
		if _, err := s.store.Create(s.ctx, seatmap.CreateRequest{Event: wanted[i], Layout: seatmap.Layout{Count: i + 1}}); err != nil {
			return wrap("Create", err)
		}
	}
	for _, limit := range []int{0, 1, 3, 4} {
		r, got := seatmap.EventsRequest{Prefix: prefix, Limit: limit}, []string(nil)
		for more := true; more; {
			page, err := l.Events(s.ctx, r)
			if err != nil {
				return wrap("Events", err)
			}
			if more = page.More; len(page.Events) == 0 || limit > 0 && len(page.Events) > limit {
				return failf("a page with a Limit of %d has %d events", limit, len(page.Events))
			}
			for _, one := range page.Events {
				if got = append(got, one.Event); one.Seats != slices.Index(wanted, one.Event)+1 {
					return failf("Events reports %+v, not the number of its seats", one)
				}
			}
			r.After = got[len(got)-1]
		}
		if !slices.Equal(got, wanted) {
			return failf("Events with a Limit of %d returned %q, not %q", limit, got, wanted)
		}
	}
	everything, err := l.Events(s.ctx, seatmap.EventsRequest{})
	if err != nil {
		return wrap("Events", err)
	}
	found := slices.ContainsFunc(everything.Events, func(i seatmap.EventInfo) bool { return i.Event == wanted[1] })
	_, removed := s.store.Remove(s.ctx, seatmap.RemoveRequest{Event: wanted[1]})
	after, err := l.Events(s.ctx, seatmap.EventsRequest{Prefix: prefix, After: wanted[1]})
	if err := all(wrap("Remove", removed), wrap("Events", err)); err != nil {
		return err
	}
	if !found || len(after.Events) != 2 || after.Events[0].Event != wanted[2] {
		return failf("all events have %q: %t; the events after it, which was removed, are %+v", wanted[1], found, after.Events)
	}
	_, negative := l.Events(s.ctx, seatmap.EventsRequest{Limit: -1})
	_, invalid := l.Events(s.ctx, seatmap.EventsRequest{Prefix: "{"})
	return all(
		want("Events with a negative Limit", negative, seatmap.ErrInvalidPage),
		want("Events with a Prefix that no name has", invalid, seatmap.ErrInvalidEvent),
	)
}

// listsMoments checks that each answer of Grants shows one moment, while a hold of three
// seats is made, booked in part, and ended, again and again.
func (s *session) listsMoments(l seatmap.Lister) error {
	const seats = 1100
	other := *s
	other.event += "-moments"
	if err := other.create(seats, seatmap.Limits{}); err != nil {
		return err
	}
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
			h, err := other.blockWith("order", "ann", "1", "600", "1100")
			var b seatmap.Booking
			if err == nil {
				b, err = other.book(h.Token, "600")
			}
			if err == nil {
				_, err = other.store.Cancel(other.ctx, seatmap.CancelRequest{Token: b.Token})
			}
			if err == nil {
				err = other.release(h.Token)
			}
			if err != nil {
				ended <- err
				return
			}
		}
	}()
	requests := []seatmap.GrantsRequest{{}, {User: "ann"}}
	if !s.Lacks.References {
		requests = append(requests, seatmap.GrantsRequest{Reference: "order"})
	}
	var broken error
	for i := 0; i < 300 && broken == nil; i++ {
		for _, r := range requests {
			r.Event = other.event
			list, err := l.Grants(s.ctx, r)
			if broken = all(wrap("Grants", err), oneMoment(list.Grants)); broken != nil {
				break
			}
		}
	}
	close(stop)
	return errors.Join(broken, <-ended)
}

// oneMoment checks that there may have been such holds and bookings at one moment.
func oneMoment(list []seatmap.GrantInfo) error {
	var texts []string
	for _, g := range list {
		texts = append(texts, fmt.Sprint(g.State, slices.Sorted(slices.Values(g.Seats))))
	}
	switch text := strings.Join(texts, ", "); text {
	case "", "Blocked [1 1100 600]", "Blocked [1 1100], Booked [600]", "Blocked [1 1100]":
		return nil
	default:
		return failf("Grants shows what was there at no moment: %s", text)
	}
}

// blockWith is block with a reference, unless the store has none.
func (s *session) blockWith(reference, user string, seats ...string) (seatmap.Hold, error) {
	if s.Lacks.References {
		reference = ""
	}
	return s.store.Block(s.ctx, seatmap.BlockRequest{Event: s.event, User: user, Seats: seats, TTL: ttl, Reference: reference})
}

// refers checks that a seat has a reference, unless the store has none.
func (s *session) refers(when, seat, reference string) error {
	if s.Lacks.References {
		reference = ""
	}
	got, err := s.store.Seat(s.ctx, seatmap.SeatRequest{Event: s.event, Seat: seat})
	if err != nil || got.Reference != reference {
		return failf("%s, Seat reports %+v, %v; its reference should be %q", when, got, err, reference)
	}
	return nil
}
