package seattest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coderrange/ferrous/seatmap"
)

// checks is all checks, by name. One that needs something is left out if it is not there.
var checks = []struct {
	name  string
	run   func(s *session) error
	needs func(o Options) bool
}{
	{"offers", offers, nil},
	{"events", events, nil},
	{"grants", grants, nil},
	{"choice", choice, nil},
	{"layouts", layouts, nil},
	{"areas", areas, func(o Options) bool { return !o.Lacks.Areas }},
	{"tokens", tokens, nil},
	{"keys", keys, nil},
	{"limits", limits, nil},
	{"names", names, nil},
	{"expiry", expiry, nil},
	{"pages", pages, nil},
	{"watch", watch, nil},
	{"audit", audit, nil},
	{"precedence", precedence, nil},
	{"snapshots", snapshots, nil},
	{"histories", histories, nil},
	{"cuts", cuts, func(o Options) bool { return o.Cut != nil }},
	{"failovers", failovers, func(o Options) bool { return o.Failover != nil }},
	{"exports", exports, func(o Options) bool { return !o.Lacks.Porter }},
	{"operators", operators, func(o Options) bool { return !o.Lacks.Operator }},
	{"operators of areas", operatorsOfAreas, func(o Options) bool { return !o.Lacks.Operator && !o.Lacks.Areas }},
	{"sales", sales, func(o Options) bool { return !o.Lacks.Closer }},
	{"quotas", quotas, func(o Options) bool { return !o.Lacks.Closer }},
	{"additions", additions, func(o Options) bool { return !o.Lacks.Adder }},
	{"payments", payments, func(o Options) bool { return !o.Lacks.Payer }},
	{"lists", lists, func(o Options) bool { return !o.Lacks.Lister }},
	{"clients", clients, func(o Options) bool { return o.Another != nil }},
	{"restarts", restarts, func(o Options) bool { return o.Restart != nil }},
	{"close", closing, nil},
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// want checks that err matches the wanted error; nil means none.
func want(what string, err, wanted error) error {
	if !errors.Is(err, wanted) {
		return failf("%s returned %v, not %v", what, err, wanted)
	}
	return nil
}

// failf returns an error with that text.
func failf(format string, args ...any) error { return fmt.Errorf(format, args...) }

// all returns the first error.
func all(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// events checks Create and Remove.
func events(s *session) error {
	remove := func() error {
		_, err := s.store.Remove(s.ctx, seatmap.RemoveRequest{Event: s.event})
		return err
	}
	if err := all(want("Remove of no event", remove(), seatmap.ErrUnknownEvent), s.create(3, seatmap.Limits{})); err != nil {
		return err
	}
	if err := want("a second Create", s.create(3, seatmap.Limits{}), seatmap.ErrExists); err != nil {
		return err
	}
	first, err := s.block("ann", "1")
	if err != nil {
		return wrap("Block", err)
	}
	if err := all(s.states("h.."), wrap("Remove", remove()), s.create(2, seatmap.Limits{}), s.states("..")); err != nil {
		return err
	}
	_, err = s.book(first.Token)
	if err := want("Book with a token of a removed event", err, seatmap.ErrExpired); err != nil {
		return err
	}
	second, err := s.block("ann", "1")
	if err != nil {
		return wrap("Block", err)
	}
	if second.Token.Fence <= first.Token.Fence {
		return failf("the fence %d of a new event is not above %d of the removed one", second.Token.Fence, first.Token.Fence)
	}
	return nil
}

// grants checks Block, Book, Release, Extend, Cancel and Holds.
func grants(s *session) error {
	_, err := s.store.Create(s.ctx, seatmap.CreateRequest{
		Event: s.event, Layout: seatmap.Layout{Count: 5, Closed: []string{"5", "5"}}, // once or twice is the same
	})
	if err != nil {
		return wrap("Create", err)
	}
	hold, err := s.block("ann", "1", "2", "3")
	if err != nil {
		return wrap("Block", err)
	}
	if hold.User != "ann" || !slices.Equal(hold.Seats, []string{"1", "2", "3"}) || hold.Replayed {
		return failf("Block returned %+v", hold)
	}
	if hold.Left <= 0 || hold.Left > ttl || !hold.Until.After(hold.At) {
		return failf("a hold of %v has %v left, from %v until %v", ttl, hold.Left, hold.At, hold.Until)
	}
	for _, seats := range [][]string{{"3"}, {"4", "3"}, {"5"}} {
		_, err := s.block("bob", seats...)
		if err := want(fmt.Sprintf("Block of %v", seats), err, seatmap.ErrTaken); err != nil {
			return err
		}
		taken, ok := errors.AsType[*seatmap.TakenError](err)
		if !ok || taken.Event() != s.event || taken.Seat() != seats[len(seats)-1] {
			return failf("Block of %v returned %v, which does not name the seat", seats, err)
		}
		if closed := errors.Is(err, seatmap.ErrNotForSale); closed != (taken.Seat() == "5") {
			return failf("Block of %v returned %v: that it is ErrNotForSale is %t", seats, err, closed)
		}
	}
	if err := s.states("hhh.x"); err != nil {
		return fmt.Errorf("after refusals: %w", err)
	}
	_, err = s.store.Block(s.ctx, seatmap.BlockRequest{
		Event: s.event, User: "bob", Seats: []string{"1", "4", "2"}, TTL: ttl, ListTaken: true,
	})
	if taken, ok := errors.AsType[*seatmap.TakenError](err); !ok || !slices.Equal(taken.Seats(), []string{"1", "2"}) {
		return failf("Block with ListTaken returned %v, not a list of seats 1 and 2", err)
	}
	holds, err := s.store.Holds(s.ctx, seatmap.HoldsRequest{Event: s.event, User: "ann"})
	if err != nil || len(holds) != 1 || holds[0].Fence != hold.Token.Fence || len(holds[0].Seats) != 3 {
		return failf("Holds returned %+v, %v", holds, err)
	}
	longer, err := s.store.Extend(s.ctx, seatmap.ExtendRequest{Token: hold.Token, TTL: 2 * ttl})
	if err != nil || longer.Token != hold.Token || longer.Left <= ttl {
		return failf("Extend returned %+v, %v", longer, err)
	}
	shorter, err := s.store.Extend(s.ctx, seatmap.ExtendRequest{Token: hold.Token, TTL: time.Minute})
	if err != nil || shorter.Left <= ttl {
		return failf("Extend to less than what is left returned %+v, %v", shorter, err)
	}
	booking, err := s.book(hold.Token, "1", "2")
	if err != nil || booking.User != "ann" || !slices.Equal(booking.Seats, []string{"1", "2"}) {
		return failf("Book returned %+v, %v", booking, err)
	}
	if booking.Token.Fence <= hold.Token.Fence {
		return failf("the fence %d of a booking is not above %d of its hold", booking.Token.Fence, hold.Token.Fence)
	}
	if err := all(s.states("BBh.x"), wrap("Release", s.release(hold.Token)), s.states("BB..x")); err != nil {
		return err
	}
	cancel := func(seats ...string) error {
		_, err := s.store.Cancel(s.ctx, seatmap.CancelRequest{Token: booking.Token, Seats: seats})
		return err
	}
	if err := all(wrap("Cancel", cancel("2")), s.states("B...x"), wrap("Cancel", cancel()), s.states("....x")); err != nil {
		return err
	}
	return all(
		want("a second Release", s.release(hold.Token), seatmap.ErrExpired),
		want("a second Cancel", cancel(), seatmap.ErrExpired),
	)
}

// choice checks BlockAny.
func choice(s *session) error {
	_, err := s.store.Create(s.ctx, seatmap.CreateRequest{
		Event: s.event, Layout: seatmap.Layout{Seats: []string{"A1", "A2", "A3", "B1", "B2", "B3"}},
	})
	if err != nil {
		return wrap("Create", err)
	}
	if _, err := s.block("ann", "A2"); err != nil {
		return wrap("Block", err)
	}
	for _, c := range []struct {
		n     int
		where seatmap.Where
		want  []string
		err   error
	}{
		{2, seatmap.Where{Prefix: "A", Adjacent: true}, nil, seatmap.ErrNotEnough},
		{7, seatmap.Where{}, nil, seatmap.ErrNotEnough},
		{2, seatmap.Where{Prefix: "A"}, []string{"A1", "A3"}, nil},
		{2, seatmap.Where{Adjacent: true}, []string{"B1", "B2"}, nil},
		{1, seatmap.Where{Prefix: "C"}, nil, seatmap.ErrNotEnough},
		{1, seatmap.Where{Prefix: "B"}, []string{"B3"}, nil},
		{1, seatmap.Where{}, nil, seatmap.ErrSoldOut},
	} {
		h, err := s.store.BlockAny(s.ctx, seatmap.BlockAnyRequest{Event: s.event, User: "bob", N: c.n, Where: c.where, TTL: ttl})
		if !errors.Is(err, c.err) || len(h.Seats) != len(c.want) {
			return failf("BlockAny of %d seats with %+v returned %v, %v, not %v, %v", c.n, c.where, h.Seats, err, c.want, c.err)
		}
		for _, seat := range h.Seats {
			if !strings.HasPrefix(seat, c.where.Prefix) {
				return failf("BlockAny with %+v chose %s", c.where, seat)
			}
		}
		if c.where.Adjacent && err == nil && !slices.Equal(h.Seats, c.want) {
			return failf("BlockAny with %+v chose %v, which are not adjacent", c.where, h.Seats)
		}
	}
	return nil
}

// layouts checks rows, tables, aisles, categories and ranks.
func layouts(s *session) error {
	layout := seatmap.Layout{
		Rows: []seatmap.Row{
			{Section: "stalls", Name: "A", Seats: []string{"A1", "A2", "A3", "A4"}, Aisles: []string{"A1"}, Category: "gold"},
			{Section: "stalls", Name: "B", Seats: []string{"B1", "B2", "B3", "B4", "B5"}, Ranks: []uint16{2, 1, 0, 1, 2}},
			{Section: "terrace", Name: "T", Seats: []string{"T1", "T2", "T3"}, Table: true},
		},
		Categories: []seatmap.Category{{Name: "silver", First: "A4", Last: "B2"}},
		Closed:     []string{"T2"},
	}
	_, err := s.store.Create(s.ctx, seatmap.CreateRequest{Event: s.event, Layout: layout})
	if err != nil {
		return wrap("Create", err)
	}
	got, err := s.store.Layout(s.ctx, seatmap.LayoutRequest{Event: s.event})
	if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", layout) {
		return failf("Layout returned %+v, %v, not %+v", got, err, layout)
	}
	adjacent := func(n int, w seatmap.Where) seatmap.BlockAnyRequest {
		w.Adjacent = true
		return seatmap.BlockAnyRequest{N: n, Where: w}
	}
	for _, c := range []struct {
		r    seatmap.BlockAnyRequest
		want []string
	}{
		{adjacent(4, seatmap.Where{Section: "stalls", Category: "gold"}), nil},
		{adjacent(4, seatmap.Where{Rows: []string{"A"}}), nil},
		{adjacent(3, seatmap.Where{Rows: []string{"B", "A"}}), []string{"B2", "B3", "B4"}},
		{adjacent(3, seatmap.Where{}), []string{"A2", "A3", "A4"}},
		{adjacent(3, seatmap.Where{Section: "terrace"}), nil},
		{adjacent(2, seatmap.Where{Section: "terrace"}), []string{"T3", "T1"}},
		{adjacent(2, seatmap.Where{Rows: []string{"A"}, Singles: seatmap.SinglesRefused}), nil},
		{adjacent(2, seatmap.Where{Rows: []string{"A"}, Singles: seatmap.SinglesAvoided}), []string{"A2", "A3"}},
		{adjacent(2, seatmap.Where{Rows: []string{"B"}, Singles: seatmap.SinglesAvoided}), []string{"B1", "B2"}},
		{adjacent(2, seatmap.Where{Rows: []string{"B"}}), []string{"B2", "B3"}},
		{seatmap.BlockAnyRequest{N: 3, Where: seatmap.Where{Category: "silver"}}, []string{"A4", "B2", "B1"}},
		{seatmap.BlockAnyRequest{N: 2, Where: seatmap.Where{Category: "silver", Section: "terrace"}}, nil},
		{seatmap.BlockAnyRequest{N: 1, Where: seatmap.Where{Rows: []string{"C"}}}, nil},
	} {
		r := c.r
		r.Event, r.User, r.TTL = s.event, "ann", ttl
		h, err := s.store.BlockAny(s.ctx, r)
		if c.want == nil {
			if err := want(fmt.Sprintf("BlockAny of %d seats with %+v", r.N, r.Where), err, seatmap.ErrNotEnough); err != nil {
				return err
			}
			continue
		}
		if err != nil || !slices.Equal(h.Seats, c.want) {
			return failf("BlockAny of %d seats with %+v returned %v, %v, not %v", r.N, r.Where, h.Seats, err, c.want)
		}
		if err := s.release(h.Token); err != nil {
			return wrap("Release", err)
		}
	}
	_, err = s.store.BlockAny(s.ctx, seatmap.BlockAnyRequest{
		Event: s.event, User: "ann", N: 1, TTL: ttl, Where: seatmap.Where{Singles: seatmap.SinglesAvoided},
	})
	return want("BlockAny that avoids singles and is not Adjacent", err, seatmap.ErrInvalidSeats)
}

// areas checks places of areas in all requests.
func areas(s *session) error {
	layout := seatmap.Layout{Count: 2, Areas: []seatmap.Area{
		{Name: "floor", Section: "arena", Category: "silver", Capacity: 5}, {Name: "lawn", Capacity: 2},
	}}
	_, err := s.store.Create(s.ctx, seatmap.CreateRequest{Event: s.event, Layout: layout, Limits: seatmap.Limits{Seats: 6}})
	if err != nil {
		return wrap("Create", err)
	}
	got, err := s.store.Layout(s.ctx, seatmap.LayoutRequest{Event: s.event})
	if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", layout) {
		return failf("Layout returned %+v, %v, not %+v", got, err, layout)
	}
	places := func(floor, lawn int) map[string]int {
		all := map[string]int{}
		if floor > 0 {
			all["floor"] = floor
		}
		if lawn > 0 {
			all["lawn"] = lawn
		}
		return all
	}
	// are checks how many places are held and booked.
	are := func(when string, want ...seatmap.Counts) error {
		all, err := s.store.Seats(s.ctx, seatmap.SeatsRequest{Event: s.event, Limit: 1})
		if err != nil || len(all.Areas) != 2 {
			return failf("%s: Seats returned %+v, %v, not two areas", when, all, err)
		}
		for i, area := range all.Areas {
			one, err := s.store.Counts(s.ctx, seatmap.CountsRequest{Event: s.event, Area: area.Area})
			if err != nil || area.Area != layout.Areas[i].Name || area.Counts != want[i] || one != want[i] {
				return failf("%s: Seats reports %+v, and Counts %+v, %v, not %+v", when, area, one, err, want[i])
			}
		}
		return nil
	}
	hold, err := s.store.Block(s.ctx, seatmap.BlockRequest{
		Event: s.event, User: "ann", Key: seatmap.NewKey("k"), Seats: []string{"1"}, Places: places(3, 1), TTL: ttl,
	})
	if err != nil || !slices.Equal(hold.Seats, []string{"1"}) || !maps.Equal(hold.Places, places(3, 1)) {
		return failf("Block of a seat and four places returned %+v, %v", hold, err)
	}
	one := func(c seatmap.Counts) error { return are("after Block", c, seatmap.Counts{Available: 1, Blocked: 1}) }
	if err := one(seatmap.Counts{Available: 2, Blocked: 3}); err != nil {
		return err
	}
	for _, c := range []struct {
		seats  []string
		places map[string]int
		want   error
	}{
		{[]string{"2"}, places(3, 0), seatmap.ErrNotEnough},
		{[]string{"1"}, places(1, 0), seatmap.ErrTaken},
		{nil, map[string]int{"floor": 1, "cellar": 1}, seatmap.ErrUnknownSeat},
		{nil, map[string]int{"floor": 0}, seatmap.ErrInvalidSeats},
		{nil, places(2, 0), seatmap.ErrLimit},
	} {
		user := "bob"
		if errors.Is(c.want, seatmap.ErrLimit) {
			user = "ann"
		}
		_, err := s.store.Block(s.ctx, seatmap.BlockRequest{Event: s.event, User: user, Seats: c.seats, Places: c.places, TTL: ttl})
		if err := want(fmt.Sprintf("Block of seats %v and places %v", c.seats, c.places), err, c.want); err != nil {
			return err
		}
		if area, ok := errors.AsType[*seatmap.AreaError](err); errors.Is(c.want, seatmap.ErrNotEnough) && (!ok || area.Area() != "floor") {
			return failf("Block of too many places returned %v, which does not name the area", err)
		}
	}
	again := seatmap.BlockRequest{
		Event: s.event, User: "ann", Key: seatmap.NewKey("k"), Seats: []string{"1"}, Places: places(2, 1), TTL: ttl,
	}
	_, err = s.store.Block(s.ctx, again)
	if err := want("Block of other places with the same key", err, seatmap.ErrKeyReused); err != nil {
		return err
	}
	booking, err := s.store.Book(s.ctx, seatmap.BookRequest{Token: hold.Token, Places: places(2, 0)})
	if err != nil || len(booking.Seats) != 0 || !maps.Equal(booking.Places, places(2, 0)) {
		return failf("Book of two of three places returned %+v, %v", booking, err)
	}
	holds, err := s.store.Holds(s.ctx, seatmap.HoldsRequest{Event: s.event, User: "ann"})
	if err != nil || len(holds) != 1 || !maps.Equal(holds[0].Places, places(1, 1)) {
		return failf("Holds returned %+v, %v", holds, err)
	}
	_, err = s.store.Cancel(s.ctx, seatmap.CancelRequest{Token: booking.Token, Places: places(3, 0)})
	if err := want("Cancel of more places than are booked", err, seatmap.ErrInvalidSeats); err != nil {
		return err
	}
	_, err = s.store.Cancel(s.ctx, seatmap.CancelRequest{Token: booking.Token, Places: places(1, 0)})
	if err != nil {
		return wrap("Cancel", err)
	}
	_, err = s.store.Release(s.ctx, seatmap.ReleaseRequest{Token: hold.Token, Places: places(0, 1)})
	if err != nil {
		return wrap("Release", err)
	}
	err = all(
		are("after Release", seatmap.Counts{Available: 3, Blocked: 1, Booked: 1}, seatmap.Counts{Available: 2}),
		wrap("Release", s.release(hold.Token)),
		are("at the end", seatmap.Counts{Available: 4, Booked: 1}, seatmap.Counts{Available: 2}),
	)
	if err != nil {
		return err
	}
	return all(s.placesInChanges(), s.placesEnd())
}

// placesEnd checks that the places of a hold end with it, and with no other.
func (s *session) placesEnd() error {
	const short = 50 * time.Millisecond
	event := s.event + "-ends"
	_, err := s.store.Create(s.ctx, seatmap.CreateRequest{
		Event: event, Layout: seatmap.Layout{Count: 1, Areas: []seatmap.Area{{Name: "floor", Capacity: 3}}},
	})
	if err != nil {
		return wrap("Create", err)
	}
	block := func(user string, n int, ttl time.Duration, seats ...string) (seatmap.Hold, error) {
		return s.store.Block(s.ctx, seatmap.BlockRequest{Event: event, User: user, Seats: seats, Places: map[string]int{"floor": n}, TTL: ttl})
	}
	hold, err := block("ann", 2, short, "1")
	if err != nil {
		return wrap("Block of two places", err)
	}
	if _, err := block("bob", 1, ttl); err != nil {
		return wrap("Block of a place", err)
	}
	s.Advance(hold.Left + s.Resolution)
	is := func(area string, want seatmap.Counts) error {
		got, err := s.store.Counts(s.ctx, seatmap.CountsRequest{Event: event, Area: area})
		if err != nil || got != want {
			return failf("after the deadline of a hold of two places, Counts of %q returned %+v, %v, not %+v", area, got, err, want)
		}
		return nil
	}
	if err := all(
		is("floor", seatmap.Counts{Available: 2, Blocked: 1}), is("", seatmap.Counts{Available: 3, Blocked: 1}),
		want("Book of places after the deadline", bookErr(s, hold.Token), seatmap.ErrExpired),
	); err != nil {
		return err
	}
	_, more := block("eve", 3, ttl)
	_, rest := block("eve", 2, ttl)
	return all(
		want("Block of more places than have ended", more, seatmap.ErrNotEnough), wrap("Block of the places that have ended", rest),
		is("floor", seatmap.Counts{Blocked: 3}),
	)
}

// placesInChanges checks that a watcher that begins with a snapshot can count places.
func (s *session) placesInChanges() error {
	counts := map[string]seatmap.Counts{}
	for change, err := range s.store.Watch(s.ctx, seatmap.WatchRequest{Event: s.event}) {
		if err != nil {
			return wrap("Watch", err)
		}
		if change.Kind == seatmap.ChangeSnapshot {
			for _, area := range change.Areas {
				counts[area.Area] = area.Counts
			}
			_, err := s.store.Block(s.ctx, seatmap.BlockRequest{
				Event: s.event, User: "eve", Places: map[string]int{"floor": 2, "lawn": 1}, TTL: ttl,
			})
			if err != nil {
				return wrap("Block", err)
			}
			continue
		}
		for area, n := range change.Places {
			c := counts[area]
			c.Available, c.Blocked = c.Available-n, c.Blocked+n
			counts[area] = c
		}
		break
	}
	for area, c := range counts {
		got, err := s.store.Counts(s.ctx, seatmap.CountsRequest{Event: s.event, Area: area})
		if err != nil || got != c {
			return failf("Counts of %s returns %+v, %v, but the changes add up to %+v", area, got, err, c)
		}
	}
	return nil
}

// tokens checks that a token is needed, and the right one.
func tokens(s *session) error {
	if err := s.create(4, seatmap.Limits{}); err != nil {
		return err
	}
	hold, err := s.block("ann", "1", "2")
	if err != nil {
		return wrap("Block", err)
	}
	other, err := s.block("bob", "3")
	if err != nil {
		return wrap("Block", err)
	}
	booking, err := s.book(other.Token)
	if err != nil {
		return wrap("Book", err)
	}
	parsed, err := seatmap.ParseToken(hold.Token.Reveal())
	if err != nil || parsed != hold.Token {
		return failf("the text of a token is read as %v, %v", parsed, err)
	}
	for what, token := range map[string]seatmap.Token{
		"the zero token":                  {},
		"a token with another fence":      seatmap.NewToken(s.event, hold.Token.Fence+1000, [16]byte{1}),
		"a token with another secret":     seatmap.NewToken(s.event, hold.Token.Fence, [16]byte{1}),
		"a booking's token, for its hold": booking.Token,
	} {
		_, err := s.book(token)
		_, extend := s.store.Extend(s.ctx, seatmap.ExtendRequest{Token: token, TTL: ttl})
		if err := all(
			want("Book with "+what, err, seatmap.ErrToken),
			want("Release with "+what, s.release(token), seatmap.ErrToken),
			want("Extend with "+what, extend, seatmap.ErrToken),
		); err != nil {
			return err
		}
	}
	_, cancel := s.store.Cancel(s.ctx, seatmap.CancelRequest{Token: hold.Token})
	_, eve := s.store.Book(s.ctx, seatmap.BookRequest{Token: hold.Token, User: "eve"})
	if err := all(
		want("Cancel with a hold's token", cancel, seatmap.ErrToken),
		want("Book as another user", eve, seatmap.ErrToken),
		want("Book of a seat that the token does not cover", bookErr(s, hold.Token, "4"), seatmap.ErrInvalidSeats),
		want("Book of no seat", bookErr(s, hold.Token, []string{}...), seatmap.ErrInvalidSeats),
		wrap("Book", bookErr(s, hold.Token)),
	); err != nil {
		return err
	}
	return all(
		want("a second Book", bookErr(s, hold.Token), seatmap.ErrExpired),
		s.states("BBB."),
	)
}

func bookErr(s *session, t seatmap.Token, seats ...string) error {
	_, err := s.book(t, seats...)
	return err
}

// keys checks that each request that changes something is carried out once per key.
func keys(s *session) error {
	key := func(text string) seatmap.Key { return seatmap.NewKey(text) }
	var hold seatmap.Hold
	var booking seatmap.Booking
	for _, c := range []struct {
		what string
		call func(other bool) (replayed bool, err error)
	}{
		{"Create", func(other bool) (bool, error) {
			r := seatmap.CreateRequest{Event: s.event, Key: key("c"), Layout: seatmap.Layout{Count: 4}}
			if other {
				r.Layout.Count = 5
			}
			got, err := s.store.Create(s.ctx, r)
			return got.Replayed, err
		}},
		{"Block", func(other bool) (bool, error) {
			r := seatmap.BlockRequest{Event: s.event, User: "ann", Key: key("b"), Seats: []string{"1", "2"}, TTL: ttl}
			if other {
				r.Seats = []string{"3"}
			}
			got, err := s.store.Block(s.ctx, r)
			if err == nil && hold.Token != (seatmap.Token{}) && got.Token != hold.Token {
				err = errors.New("a repetition got another token")
			}
			if err == nil {
				hold = got
			}
			return got.Replayed, err
		}},
		{"BlockAny", func(other bool) (bool, error) {
			r := seatmap.BlockAnyRequest{Event: s.event, User: "ann", Key: key("a"), N: 1, TTL: ttl}
			if other {
				r.N = 2
			}
			got, err := s.store.BlockAny(s.ctx, r)
			return got.Replayed, err
		}},
		{"Extend", func(other bool) (bool, error) {
			r := seatmap.ExtendRequest{Token: hold.Token, User: "ann", Key: key("e"), TTL: 2 * ttl}
			if other {
				r.TTL++
			}
			got, err := s.store.Extend(s.ctx, r)
			return got.Replayed, err
		}},
		{"Book", func(other bool) (bool, error) {
			r := seatmap.BookRequest{Token: hold.Token, User: "ann", Key: key("k"), Seats: []string{"1"}}
			if other {
				r.Seats = []string{"2"}
			}
			got, err := s.store.Book(s.ctx, r)
			if err == nil {
				booking = got
			}
			return got.Replayed, err
		}},
		{"Release", func(other bool) (bool, error) {
			r := seatmap.ReleaseRequest{Token: hold.Token, User: "ann", Key: key("r")}
			if other {
				r.Seats = []string{"2"}
			}
			got, err := s.store.Release(s.ctx, r)
			return got.Replayed, err
		}},
		{"Cancel", func(other bool) (bool, error) {
			r := seatmap.CancelRequest{Token: booking.Token, User: "ann", Key: key("x")}
			if other {
				r.Seats = []string{"1"}
			}
			got, err := s.store.Cancel(s.ctx, r)
			return got.Replayed, err
		}},
		{"Remove", func(other bool) (bool, error) {
			r := seatmap.RemoveRequest{Event: s.event, Key: key("d")}
			if other {
				r.Key = key("c")
			}
			got, err := s.store.Remove(s.ctx, r)
			return got.Replayed, err
		}},
	} {
		for _, wantReplayed := range []bool{false, true, true} {
			replayed, err := c.call(false)
			if err != nil {
				return wrap(c.what+" with a key", err)
			}
			if replayed != wantReplayed {
				return failf("%s with a key: Replayed is %v, not %v", c.what, replayed, wantReplayed)
			}
		}
		_, err := c.call(true)
		if err := want(c.what+" with the key of another request", err, seatmap.ErrKeyReused); err != nil {
			return err
		}
	}
	return nil
}

// limits checks Limits.
func limits(s *session) error {
	if err := s.create(9, seatmap.Limits{Seats: 3, Holds: 2, Lifetime: ttl}); err != nil {
		return err
	}
	first, err := s.block("ann", "1", "2")
	if err != nil {
		return wrap("Block", err)
	}
	_, seats := s.block("ann", "3", "4")
	_, second := s.block("ann", "3")
	_, bob := s.block("bob", "4")
	_, extend := s.store.Extend(s.ctx, seatmap.ExtendRequest{Token: first.Token, TTL: ttl + 1})
	_, long := s.store.Block(s.ctx, seatmap.BlockRequest{Event: s.event, User: "eve", Seats: []string{"9"}, TTL: ttl + 1})
	if err := all(
		want("Block beyond Seats", seats, seatmap.ErrLimit), want("Block within Seats", second, nil),
		want("Block of another user", bob, nil), want("Extend beyond Lifetime", extend, seatmap.ErrLimit),
		want("Block beyond Lifetime", long, seatmap.ErrLimit), wrap("Release", s.release(first.Token, "1")),
	); err != nil {
		return err
	}
	_, holds := s.block("ann", "5")
	return all(want("Block beyond Holds", holds, seatmap.ErrLimit), s.states(".hhh....."))
}

// names checks which names are accepted.
func names(s *session) error {
	if err := s.create(2, seatmap.Limits{}); err != nil {
		return err
	}
	good := []string{"séance {7}", "観客", strings.Repeat("x", seatmap.MaxName), "a'b\"c%_\\", " "}
	bad := []string{"", strings.Repeat("x", seatmap.MaxName+1), "a\x00b", "line\n", "\x7f", "\u0085", "\xff", "a\xc3"}
	for _, name := range good {
		h, err := s.store.Block(s.ctx, seatmap.BlockRequest{
			Event: s.event, User: name, Key: seatmap.NewKey(name), Seats: []string{"1"}, TTL: ttl,
		})
		if err != nil || h.User != name {
			return failf("Block by %q returned user %q, %v", name, h.User, err)
		}
		if err := s.release(h.Token); err != nil {
			return wrap("Release", err)
		}
	}
	for _, name := range bad {
		_, user := s.block(name, "1")
		_, label := s.store.Create(s.ctx, seatmap.CreateRequest{Event: s.event + "-2", Layout: seatmap.Layout{Seats: []string{name}}})
		if err := all(
			want(fmt.Sprintf("Block by %q", name), user, seatmap.ErrInvalidUser),
			want(fmt.Sprintf("Create with a seat %q", name), label, seatmap.ErrInvalidLayout),
		); err != nil {
			return err
		}
		if name != "" { // which is no key
			_, key := s.store.Block(s.ctx, seatmap.BlockRequest{
				Event: s.event, User: "ann", Key: seatmap.NewKey(name), Seats: []string{"1"}, TTL: ttl,
			})
			if err := want(fmt.Sprintf("Block with a key of %q", name), key, seatmap.ErrInvalidKey); err != nil {
				return err
			}
		}
	}
	for _, name := range append(bad, "a{b", "}") {
		_, err := s.store.Create(s.ctx, seatmap.CreateRequest{Event: name, Layout: seatmap.Layout{Count: 1}})
		_, seen := s.store.Counts(s.ctx, seatmap.CountsRequest{Event: name})
		if err := all(
			want(fmt.Sprintf("Create of %q", name), err, seatmap.ErrInvalidEvent),
			want(fmt.Sprintf("Counts of %q", name), seen, seatmap.ErrInvalidEvent),
		); err != nil {
			return err
		}
	}
	return s.states("..")
}

// expiry checks that a hold ends at its deadline, and not before.
func expiry(s *session) error {
	const short = 200 * time.Millisecond
	if err := s.create(2, seatmap.Limits{}); err != nil {
		return err
	}
	begin := time.Now()
	hold, err := s.store.Block(s.ctx, seatmap.BlockRequest{Event: s.event, User: "ann", Seats: []string{"1"}, TTL: short})
	if err != nil {
		return wrap("Block", err)
	}
	_, err = s.block("bob", "1")
	if time.Since(begin) < short {
		if err := want("Block before the deadline", err, seatmap.ErrTaken); err != nil {
			return err
		}
	}
	s.Advance(hold.Left + s.Resolution)
	if err := s.states(".."); err != nil {
		return fmt.Errorf("after the deadline: %w", err)
	}
	_, extend := s.store.Extend(s.ctx, seatmap.ExtendRequest{Token: hold.Token, TTL: ttl})
	_, bob := s.block("bob", "1")
	return all(
		want("Book after the deadline", bookErr(s, hold.Token), seatmap.ErrExpired),
		want("Release after the deadline", s.release(hold.Token), seatmap.ErrExpired),
		want("Extend after the deadline", extend, seatmap.ErrExpired),
		want("Block after the deadline", bob, nil), s.states("h."),
		want("Book of a seat that is another's now", bookErr(s, hold.Token), seatmap.ErrExpired),
	)
}

// pages checks Seats with After and Limit.
func pages(s *session) error {
	if err := s.create(7, seatmap.Limits{}); err != nil {
		return err
	}
	r, got := seatmap.SeatsRequest{Event: s.event, Limit: 3}, []string(nil)
	for more := true; more; {
		page, err := s.store.Seats(s.ctx, r)
		switch {
		case err != nil:
			return wrap("Seats", err)
		case len(page.Seats) == 0 || len(page.Seats) > 3:
			return failf("a page with a Limit of 3 has %d seats", len(page.Seats))
		}
		for _, seat := range page.Seats {
			got = append(got, seat.Seat)
		}
		r.After, more = got[len(got)-1], page.More
	}
	if !slices.Equal(got, []string{"1", "2", "3", "4", "5", "6", "7"}) {
		return failf("the pages have the seats %v", got)
	}
	_, unknown := s.store.Seats(s.ctx, seatmap.SeatsRequest{Event: s.event, After: "8"})
	_, negative := s.store.Seats(s.ctx, seatmap.SeatsRequest{Event: s.event, Limit: -1})
	return all(
		want("Seats after no seat", unknown, seatmap.ErrUnknownSeat),
		want("Seats with a negative Limit", negative, seatmap.ErrInvalidSeats),
	)
}

// watch checks that all changes come in order, and cursors of this and another life.
func watch(s *session) error {
	if err := s.create(4, seatmap.Limits{}); err != nil {
		return err
	}
	var seen []seatmap.ChangeKind
	var last, first seatmap.Cursor
	var hold seatmap.Hold
	var err error
	for change, watchErr := range s.store.Watch(s.ctx, seatmap.WatchRequest{Event: s.event}) {
		if watchErr != nil {
			return wrap("Watch", watchErr)
		}
		seen = append(seen, change.Kind)
		if change.Kind != seatmap.ChangeSnapshot && change.Previous != last {
			return failf("a change %v follows %v, but names %v as its predecessor", change.Kind, last, change.Previous)
		}
		last = change.Cursor
		switch len(seen) {
		case 1:
			first = change.Cursor
			hold, err = s.block("ann", "1", "2")
		case 2:
			_, err = s.store.Extend(s.ctx, seatmap.ExtendRequest{Token: hold.Token, TTL: 2 * ttl})
		case 3:
			_, err = s.book(hold.Token, "1")
		case 4:
			err = s.release(hold.Token)
		}
		if err != nil {
			return err
		}
		if len(seen) == 5 {
			break
		}
	}
	wanted := []seatmap.ChangeKind{
		seatmap.ChangeSnapshot, seatmap.ChangeBlocked, seatmap.ChangeExtended, seatmap.ChangeBooked, seatmap.ChangeReleased,
	}
	if !slices.Equal(seen, wanted) {
		return failf("the changes are %v, not %v", seen, wanted)
	}
	kinds := func(from seatmap.Cursor, n int) (kinds []seatmap.ChangeKind, err error) {
		for change, err := range s.store.Watch(s.ctx, seatmap.WatchRequest{Event: s.event, From: from}) {
			if err != nil {
				return nil, wrap("Watch", err)
			}
			if kinds = append(kinds, change.Kind); len(kinds) == n {
				break
			}
		}
		return kinds, nil
	}
	again, err := kinds(first, 4)
	if err != nil {
		return err
	}
	if gap := []seatmap.ChangeKind{seatmap.ChangeGap, seatmap.ChangeSnapshot}; !slices.Equal(again, wanted[1:]) && !slices.Equal(again[:2], gap) {
		return failf("a watch from a cursor has %v, neither all changes nor a gap and a snapshot", again)
	}
	other, err := kinds(seatmap.NewCursor(first.Life()+1, first.Revision()), 2)
	if err != nil {
		return err
	}
	if !slices.Equal(other, []seatmap.ChangeKind{seatmap.ChangeGap, seatmap.ChangeSnapshot}) {
		return failf("a watch from a cursor of another life has %v, not a gap and a snapshot", other)
	}
	done, cancel := context.WithCancelCause(s.ctx)
	cause := errors.New("enough")
	cancel(cause)
	for _, err := range s.store.Watch(done, seatmap.WatchRequest{Event: s.event}) {
		return all(want("Watch with a context that is done", err, cause), want("Watch with a context that is done", err, context.Canceled))
	}
	return errors.New("a watch whose context is done yields no error")
}

// snapshots checks that no snapshot shows part of a hold.
func snapshots(s *session) error {
	const seats = 40
	if err := s.create(seats, seatmap.Limits{}); err != nil {
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
			h, err := s.block("ann", "1", "20", "40")
			if err == nil {
				err = s.release(h.Token)
			}
			if err != nil {
				ended <- err
				return
			}
		}
	}()
	var broken error
	sights := 2000
	if testing.Short() {
		sights = 500
	}
	for range sights {
		all, err := s.store.Seats(s.ctx, seatmap.SeatsRequest{Event: s.event})
		if err != nil {
			broken = wrap("Seats", err)
			break
		}
		one, two, three := all.Seats[0], all.Seats[19], all.Seats[39]
		if one.Fence != two.Fence || two.Fence != three.Fence {
			broken = failf("a snapshot shows part of a hold: %v, %v, %v", one, two, three)
			break
		}
	}
	close(stop)
	return errors.Join(broken, <-ended)
}

// closing checks Close.
func closing(s *session) error {
	if err := all(s.create(1, seatmap.Limits{}), wrap("Close", s.store.Close()), wrap("a second Close", s.store.Close())); err != nil {
		return err
	}
	_, block := s.block("ann", "1")
	_, counts := s.store.Counts(s.ctx, seatmap.CountsRequest{})
	return all(
		want("Block after Close", block, seatmap.ErrClosed),
		want("Counts of no name after Close", counts, seatmap.ErrClosed),
		want("Create after Close", s.create(1, seatmap.Limits{}), seatmap.ErrClosed),
	)
}
