package seattest

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/coderrange/ferrous/seatmap"
)

// ask is what a request of any method is made of.
type ask struct {
	store         seatmap.Store
	ctx           context.Context
	event, user   string
	limits        seatmap.Limits
	layout        seatmap.Layout
	key           seatmap.Key
	seats         []string
	places        map[string]int
	area          string
	list          bool
	n, limit      int
	where         seatmap.Where
	ttl           time.Duration
	hold, booking seatmap.Token
	export        string
	at, reason    string // of an operator
	house         string
	reference     string
	quotas        []string
	prefix        string
	fence         uint64
}

// calls returns all methods that can fail for a reason, by name. Those of an optional
// interface are only there if the store has it.
func calls(l Lacks) map[string]func(a *ask) error {
	of := map[string]func(a *ask) error{
		"Create": func(a *ask) error {
			return errOf(a.store.Create(a.ctx, seatmap.CreateRequest{Event: a.event, Key: a.key, Layout: a.layout, Limits: a.limits}))
		},
		"Remove": func(a *ask) error {
			return errOf(a.store.Remove(a.ctx, seatmap.RemoveRequest{Event: a.event, Key: a.key}))
		},
		"Block": func(a *ask) error {
			return errOf(a.store.Block(a.ctx, seatmap.BlockRequest{
				Event: a.event, User: a.user, Key: a.key, Seats: append(a.seats, "4"), Places: a.places, TTL: a.ttl, ListTaken: a.list,
				Reference: a.reference, Quotas: a.quotas,
			}))
		},
		"BlockAny": func(a *ask) error {
			a.where.Quotas = a.quotas
			return errOf(a.store.BlockAny(a.ctx, seatmap.BlockAnyRequest{
				Event: a.event, User: a.user, Key: a.key, N: a.n, TTL: a.ttl, Where: a.where, Reference: a.reference,
			}))
		},
		"Book": func(a *ask) error {
			return errOf(a.store.Book(a.ctx, seatmap.BookRequest{
				Token: a.hold, User: a.user, Key: a.key, Seats: a.seats, Places: a.places, Reference: a.reference,
			}))
		},
		"Release": func(a *ask) error {
			return errOf(a.store.Release(a.ctx, seatmap.ReleaseRequest{Token: a.hold, User: a.user, Key: a.key, Seats: a.seats, Places: a.places}))
		},
		"Cancel": func(a *ask) error {
			return errOf(a.store.Cancel(a.ctx, seatmap.CancelRequest{
				Token: a.booking, User: strings.Replace(a.user, "ann", "bob", 1), Key: a.key, Seats: a.seats, Places: a.places,
			}))
		},
		"Extend": func(a *ask) error {
			return errOf(a.store.Extend(a.ctx, seatmap.ExtendRequest{Token: a.hold, User: a.user, Key: a.key, TTL: a.ttl}))
		},
		"Seat": func(a *ask) error {
			return errOf(a.store.Seat(a.ctx, seatmap.SeatRequest{Event: a.event, Seat: strings.Join(a.seats, "")}))
		},
		"Seats": func(a *ask) error {
			return errOf(a.store.Seats(a.ctx, seatmap.SeatsRequest{Event: a.event, After: strings.Join(a.seats, ""), Limit: a.limit}))
		},
		"Layout": func(a *ask) error { return errOf(a.store.Layout(a.ctx, seatmap.LayoutRequest{Event: a.event})) },
		"Counts": func(a *ask) error {
			return errOf(a.store.Counts(a.ctx, seatmap.CountsRequest{Event: a.event, Area: a.area}))
		},
		"Holds": func(a *ask) error {
			return errOf(a.store.Holds(a.ctx, seatmap.HoldsRequest{Event: a.event, User: a.user}))
		},
		"Watch": func(a *ask) error {
			for _, err := range a.store.Watch(a.ctx, seatmap.WatchRequest{Event: a.event}) {
				return err
			}
			return errors.New("nothing was yielded")
		},
	}
	if !l.Operator {
		of["Revoke"] = func(a *ask) error {
			return errOf(a.store.(seatmap.Operator).Revoke(a.ctx, seatmap.RevokeRequest{
				Event: a.event, Seat: a.at, Fence: a.fence, Seats: a.seats, Places: a.places, Actor: a.user, Reason: a.reason, Key: a.key,
			}))
		}
		of["Reissue"] = func(a *ask) error {
			return errOf(a.store.(seatmap.Operator).Reissue(a.ctx, seatmap.ReissueRequest{
				Event: a.event, Seat: a.at, Fence: a.fence, Actor: a.user, Reason: a.reason, Key: a.key,
			}))
		}
		of["Move"] = func(a *ask) error {
			return errOf(a.store.(seatmap.Operator).Move(a.ctx, seatmap.MoveRequest{
				Event: a.event, Seat: a.at, Fence: a.fence, To: append(a.seats, "4"), Places: a.places, Actor: a.user, Reason: a.reason, Key: a.key,
			}))
		}
		of["Reserve"] = func(a *ask) error {
			return errOf(a.store.(seatmap.Operator).Reserve(a.ctx, seatmap.ReserveRequest{
				Event: a.event, User: a.house, Seats: append(a.seats, "4"), Places: a.places, Actor: a.user, Reason: a.reason, Key: a.key,
			}))
		}
		of["ReserveAny"] = func(a *ask) error {
			a.where.Quotas = a.quotas
			return errOf(a.store.(seatmap.Operator).ReserveAny(a.ctx, seatmap.ReserveAnyRequest{
				Event: a.event, User: a.house, N: a.n, Where: a.where, Actor: a.user, Reason: a.reason, Key: a.key,
			}))
		}
	}
	if !l.Closer {
		of["CloseSeats"] = func(a *ask) error {
			return errOf(a.store.(seatmap.SeatCloser).CloseSeats(a.ctx, seatmap.CloseSeatsRequest{
				Event: a.event, Seats: append(a.seats, "4"), Actor: a.user, Reason: a.reason, Key: a.key,
			}))
		}
		of["OpenSeats"] = func(a *ask) error {
			return errOf(a.store.(seatmap.SeatCloser).OpenSeats(a.ctx, seatmap.OpenSeatsRequest{
				Event: a.event, Seats: append(a.seats, "4"), Actor: a.user, Reason: a.reason, Key: a.key,
			}))
		}
		of["SetQuota"] = func(a *ask) error {
			return errOf(a.store.(seatmap.SeatCloser).SetQuota(a.ctx, seatmap.SetQuotaRequest{
				Event: a.event, Seats: append(a.seats, "4"), Quota: strings.Join(a.quotas, ""), Actor: a.user, Reason: a.reason, Key: a.key,
			}))
		}
	}
	if !l.Adder {
		of["AddSeats"] = func(a *ask) error {
			return errOf(a.store.(seatmap.SeatAdder).AddSeats(a.ctx, seatmap.AddSeatsRequest{
				Event: a.event, Layout: a.layout, Actor: a.user, Reason: a.reason, Key: a.key,
			}))
		}
	}
	if !l.Payer {
		of["BeginPayment"] = func(a *ask) error {
			return errOf(a.store.(seatmap.Payer).BeginPayment(a.ctx, seatmap.PaymentRequest{Token: a.hold, User: a.user, Key: a.key, TTL: a.ttl}))
		}
		of["EndPayment"] = func(a *ask) error {
			return errOf(a.store.(seatmap.Payer).EndPayment(a.ctx, seatmap.EndPaymentRequest{Token: a.hold, User: a.user, Key: a.key}))
		}
	}
	if !l.Lister {
		of["Events"] = func(a *ask) error {
			return errOf(a.store.(seatmap.Lister).Events(a.ctx, seatmap.EventsRequest{Prefix: a.prefix, Limit: a.limit}))
		}
		of["Grants"] = func(a *ask) error {
			return errOf(a.store.(seatmap.Lister).Grants(a.ctx, seatmap.GrantsRequest{
				Event: a.event, User: a.user, Reference: a.reference, Limit: a.limit,
			}))
		}
	}
	if !l.Porter {
		of["Export"] = func(a *ask) error {
			return errOf(a.store.(seatmap.Porter).Export(a.ctx, seatmap.ExportRequest{Event: a.event}, io.Discard))
		}
		of["Import"] = func(a *ask) error {
			return errOf(a.store.(seatmap.Porter).Import(a.ctx, seatmap.ImportRequest{}, strings.NewReader(a.export)))
		}
	}
	return of
}

func errOf[T any](_ T, err error) error { return err }

// fault makes something of a request wrong.
type fault struct {
	want    error
	field   string // two faults of one field exclude each other
	methods string // a list
	do      func(a *ask)
}

func (f *fault) applies(method string) bool {
	return f.methods == everyMethod || strings.Contains(" "+f.methods+" ", " "+method+" ")
}

// The methods that a fault can be in.
const (
	everyMethod = "all"
	ofTokens    = "Book Release Cancel Extend BeginPayment EndPayment"
	ofOperators = "Revoke Reissue Move Reserve ReserveAny CloseSeats OpenSeats SetQuota AddSeats"
	ofEvents    = "Remove Block BlockAny Seat Seats Layout Counts Holds Watch Export Grants " + ofOperators
	keyedByUser = "Block BlockAny " + ofTokens + " " + ofOperators
	keyed       = "Create Remove " + keyedByUser
	ofParts     = "Book Release Cancel"
)

// formFaults are those that a client sees without its server, in the order of precedence.
func formFaults(done context.Context) []fault {
	long := strings.Repeat("x", seatmap.MaxName+1)
	return []fault{
		{context.Canceled, "ctx", everyMethod, func(a *ask) { a.ctx = done }},
		{seatmap.ErrInvalidEvent, "event", "Create " + ofEvents, func(a *ask) { a.event = "" }},
		{seatmap.ErrInvalidEvent, "event", "Create " + ofEvents, func(a *ask) { a.event = "{" }},
		{seatmap.ErrInvalidEvent, "prefix", "Events", func(a *ask) { a.prefix = "{" }},
		{seatmap.ErrInvalidUser, "user", "Block BlockAny Holds Grants " + ofTokens, func(a *ask) { a.user = long }},
		{seatmap.ErrInvalidUser, "user", "Block BlockAny Holds Grants " + ofTokens, func(a *ask) { a.user = "\n" }},
		{seatmap.ErrInvalidUser, "house", "Reserve ReserveAny", func(a *ask) { a.house = "" }},
		{seatmap.ErrInvalidActor, "user", ofOperators, func(a *ask) { a.user = "" }},
		{seatmap.ErrInvalidActor, "reason", ofOperators, func(a *ask) { a.reason = "\n" }},
		{seatmap.ErrInvalidKey, "key", keyed, func(a *ask) { a.key = seatmap.NewKey(long) }},
		{seatmap.ErrInvalidKey, "key", keyed, func(a *ask) { a.key = seatmap.NewKey("\x00") }},
		{seatmap.ErrInvalidSeats, "places", "Block Revoke Move Reserve " + ofParts, func(a *ask) { a.places = map[string]int{"floor": 0} }},
		{seatmap.ErrInvalidSeats, "at", "Revoke Reissue Move", func(a *ask) { a.at = "" }},
		{seatmap.ErrInvalidSeats, "twice", "Block Revoke Move Reserve CloseSeats OpenSeats SetQuota " + ofParts, func(a *ask) { a.seats = append(a.seats, "8", "8") }},
		{seatmap.ErrInvalidSeats, "n", "BlockAny ReserveAny", func(a *ask) { a.n = 0 }},
		{seatmap.ErrInvalidSeats, "where", "BlockAny ReserveAny", func(a *ask) { a.where.Singles = seatmap.SinglesRefused }},
		{seatmap.ErrInvalidSeats, "limit", "Seats", func(a *ask) { a.limit = -1 }},
		{seatmap.ErrInvalidTTL, "ttl", "Block BlockAny Extend BeginPayment", func(a *ask) { a.ttl = 0 }},
		{seatmap.ErrInvalidReference, "reference", "Block BlockAny Book Grants", func(a *ask) { a.reference = "\n" }},
		{seatmap.ErrInvalidReference, "reference", "Block BlockAny Book Grants", func(a *ask) { a.reference = long }},
		{seatmap.ErrInvalidQuota, "quotas", "Block BlockAny ReserveAny SetQuota", func(a *ask) { a.quotas = []string{"\n"} }},
		{seatmap.ErrInvalidQuota, "quotas", "Block BlockAny ReserveAny SetQuota", func(a *ask) { a.quotas = []string{long} }},
		{seatmap.ErrInvalidPage, "limit", "Events Grants", func(a *ask) { a.limit = -1 }},
		{seatmap.ErrInvalidLimits, "limits", "Create", func(a *ask) { a.limits.Holds = -1 }},
		{seatmap.ErrInvalidLayout, "layout", "Create AddSeats", func(a *ask) { a.layout.Count = 0 }},
		{seatmap.ErrInvalidExport, "export", "Import", func(a *ask) { a.export = "" }},
	}
}

// precedence checks, for each method, that of any two faults of a request the first in
// the order of [seatmap.Store] is told.
func precedence(s *session) error {
	if err := s.offersWhatItMust(); err != nil {
		return err
	}
	good, faults, err := s.faults()
	if err != nil {
		return err
	}
	methods := calls(s.Lacks)
	for name, call := range methods {
		if err := pairs(name, call, good, faults); err != nil {
			return err
		}
	}
	if err := s.store.Close(); err != nil {
		return wrap("Close", err)
	}
	for name, call := range methods {
		for _, one := range faults {
			if !one.applies(name) {
				continue
			}
			a := good
			one.do(&a)
			if err := want(name+" of a closed store, with a wrong "+one.field, call(&a), seatmap.ErrClosed); err != nil {
				return err
			}
		}
	}
	return nil
}

// pairs makes a call with every fault, and with every two of them, in both orders.
func pairs(name string, call func(*ask) error, good ask, faults []fault) error {
	for i, first := range faults {
		for j, second := range faults[i:] {
			if !first.applies(name) || !second.applies(name) || j > 0 && first.field == second.field {
				continue
			}
			for _, two := range [][]fault{{first, second}, {second, first}} {
				a := good
				if two[0].do(&a); j > 0 {
					two[1].do(&a)
				}
				err := call(&a)
				if !errors.Is(err, first.want) || errors.Is(err, seatmap.ErrSoldOut) != errors.Is(first.want, seatmap.ErrSoldOut) {
					return failf("%s with a wrong %s (%v) and a wrong %s (%v) returned %v", name, first.field, first.want, second.field, second.want, err)
				}
			}
		}
	}
	return nil
}

// faults prepares events, and returns a request of which no method is refused for its
// form, and all faults in the order of precedence.
func (s *session) faults() (good ask, faults []fault, err error) {
	const (
		life  = time.Hour
		other = life - time.Minute
	)
	removed, gone, full := s.event+"-removed", s.event+"-gone", s.event+"-full"
	used, usedByEvent := seatmap.NewKey("used"), seatmap.NewKey("used by the event")
	place := map[string]int{"floor": 1}
	create := func(event string, seats int, limits seatmap.Limits) error {
		l := seatmap.Layout{Count: seats}
		if !s.Lacks.Areas {
			l.Areas = []seatmap.Area{{Name: "floor", Capacity: 1}}
		}
		return errOf(s.store.Create(s.ctx, seatmap.CreateRequest{Event: event, Key: usedByEvent, Layout: l, Limits: limits}))
	}
	remove := func(event string) error {
		return errOf(s.store.Remove(s.ctx, seatmap.RemoveRequest{Event: event}))
	}
	blockIn := func(event, user string, key seatmap.Key, seats ...string) (seatmap.Token, error) {
		h, err := s.store.Block(s.ctx, seatmap.BlockRequest{Event: event, User: user, Key: key, Seats: seats, TTL: life / 2})
		return h.Token, err
	}
	limits, ofMain := seatmap.Limits{Lifetime: life}, seatmap.Limits{Lifetime: life, Seats: 3}
	if !s.Lacks.Payer {
		ofMain.Payment = life
	}
	if err := all(
		create(removed, 1, limits), remove(removed), create(gone, 1, limits), create(full, 11, limits),
		create(s.event, 11, ofMain),
	); err != nil {
		return ask{}, nil, wrap("Create and Remove", err)
	}
	lost, err := blockIn(gone, "ann", seatmap.Key{}, "1")
	if err := all(err, remove(gone)); err != nil {
		return ask{}, nil, err
	}
	for _, r := range []seatmap.BlockAnyRequest{
		{Event: s.event, User: "ann", Key: used, N: 1, TTL: other}, // of seat 1
		{Event: s.event, User: "greedy", Key: used, N: 2, TTL: other},
		{Event: full, User: "ann", Key: used, N: 4, TTL: other},
		{Event: full, User: "greedy", Key: used, N: 7, TTL: other},
	} {
		if _, err := s.store.BlockAny(s.ctx, r); err != nil {
			return ask{}, nil, wrap("BlockAny", err)
		}
	}
	_, eve := blockIn(s.event, "eve", used, "9")
	_, bob := blockIn(s.event, "bob", used, "10")
	held, ann := blockIn(s.event, "ann", seatmap.Key{}, "5")
	over, cid := blockIn(s.event, "bob", seatmap.Key{}, "6")
	toBook, dan := blockIn(s.event, "bob", seatmap.Key{}, "7")
	if err := all(eve, bob, ann, cid, dan, s.release(over)); err != nil {
		return ask{}, nil, wrap("Block", err)
	}
	if !s.Lacks.Areas {
		_, err := s.store.Block(s.ctx, seatmap.BlockRequest{Event: full, User: "zoe", Places: place, TTL: other})
		if err != nil {
			return ask{}, nil, wrap("Block of a place", err)
		}
	}
	booked, err := s.book(toBook)
	if err != nil {
		return ask{}, nil, wrap("Book", err)
	}
	if c, ok := s.store.(seatmap.SeatCloser); ok && !s.Lacks.Closer {
		if _, err := c.CloseSeats(s.ctx, seatmap.CloseSeatsRequest{Event: s.event, Seats: []string{"11"}, Actor: "op"}); err != nil {
			return ask{}, nil, wrap("CloseSeats", err)
		}
		faults = append(faults, fault{seatmap.ErrNotForSale, "taken", "Block Move Reserve", func(a *ask) { a.seats = append(a.seats, "11") }})
		faults = append(faults, fault{seatmap.ErrNotForSale, "taken", "Block", func(a *ask) { a.seats, a.list = append(a.seats, "11"), true }})
	}
	var export strings.Builder
	if p, ok := s.store.(seatmap.Porter); ok && !s.Lacks.Porter {
		if _, err := p.Export(s.ctx, seatmap.ExportRequest{Event: s.event}, &export); err != nil {
			return ask{}, nil, wrap("Export", err)
		}
	}
	s.Advance(s.Resolution + time.Millisecond) // so that one life from now is beyond that of held
	done, cancel := context.WithCancel(s.ctx)
	cancel()
	wrong := func(t seatmap.Token) seatmap.Token { return seatmap.NewToken(t.Event, t.Fence, [16]byte{1}) }
	notForSale := faults
	faults = append(formFaults(done), []fault{
		{seatmap.ErrKeyReused, "key", "Create Remove", func(a *ask) { a.key = usedByEvent }},
		{seatmap.ErrUnknownEvent, "event", ofEvents, func(a *ask) { a.event = removed }},
		{seatmap.ErrUnknownEvent, "token", ofTokens, func(a *ask) { a.hold, a.booking = lost, lost }},
		{seatmap.ErrToken, "token", ofTokens, func(a *ask) { a.hold, a.booking = seatmap.Token{}, seatmap.Token{} }},
		{seatmap.ErrExists, "event", "Create", func(a *ask) { a.event = full }},
		{seatmap.ErrExists, "export", "Import", func(a *ask) { a.export = export.String() }},
		{seatmap.ErrUnknownSeat, "places", "Block Revoke Move Reserve " + ofParts, func(a *ask) { a.places = map[string]int{"lawn": 1} }},
		{seatmap.ErrUnknownSeat, "unknown", "Counts", func(a *ask) { a.area = "lawn" }},
		{seatmap.ErrUnknownSeat, "unknown", "Block Seat Seats Revoke Move Reserve CloseSeats OpenSeats SetQuota " + ofParts, func(a *ask) { a.seats = append(a.seats, "99") }},
		{seatmap.ErrUnknownSeat, "at", "Revoke Reissue Move", func(a *ask) { a.at = "99" }},
		{seatmap.ErrKeyReused, "key", keyedByUser, func(a *ask) { a.key = used }},
		{seatmap.ErrSoldOut, "event", "Block BlockAny Move Reserve ReserveAny", func(a *ask) { a.event = full }},
		{seatmap.ErrTaken, "taken", "Block Move Reserve", func(a *ask) { a.seats = append(a.seats, "7") }},
		{seatmap.ErrTaken, "taken", "Block", func(a *ask) { a.seats, a.list = append(a.seats, "7"), true }},
	}...)
	faults = append(faults, notForSale...)
	faults = append(faults, []fault{
		{seatmap.ErrNotEnough, "places", "Block Move Reserve", func(a *ask) { a.places = map[string]int{"floor": 2} }},
		{seatmap.ErrNotEnough, "places", "Block", func(a *ask) { a.places, a.list = map[string]int{"floor": 2}, true }},
		{seatmap.ErrNotEnough, "n", "BlockAny ReserveAny", func(a *ask) { a.n = 8 }},
		{seatmap.ErrNotEnough, "n", "BlockAny ReserveAny", func(a *ask) { a.n = 100 }},
		{seatmap.ErrLimit, "ttl", "Block BlockAny Extend BeginPayment", func(a *ask) { a.ttl = life + time.Second }},
		{seatmap.ErrLimit, "user", "Block BlockAny", func(a *ask) { // who has two of three seats
			if a.user, a.seats = "greedy", append(a.seats, "8"); a.n == 1 {
				a.n = 2
			}
		}},
		{seatmap.ErrExpired, "token", ofTokens, func(a *ask) { a.hold, a.booking = over, over }},
		{seatmap.ErrToken, "token", ofTokens, func(a *ask) { a.hold, a.booking = wrong(a.hold), wrong(a.booking) }},
		{seatmap.ErrExpired, "at", "Revoke Reissue Move", func(a *ask) { a.at = "6" }},
		{seatmap.ErrExpired, "at", "Revoke Reissue Move", func(a *ask) { a.fence = over.Fence }},
		{seatmap.ErrExpired, "at", "Revoke Reissue Move", func(a *ask) { a.at, a.fence = "", over.Fence }},
		{seatmap.ErrToken, "user", ofTokens, func(a *ask) { a.user = "eve" }},
		{seatmap.ErrToken, "token", ofTokens, func(a *ask) { a.hold, a.booking = a.booking, a.hold }},
		{seatmap.ErrInvalidSeats, "places", "Revoke Move " + ofParts, func(a *ask) { a.places = place }},
		{seatmap.ErrInvalidSeats, "uncovered", "Revoke " + ofParts, func(a *ask) { a.seats = append(a.seats, "3") }},
		{seatmap.ErrInvalidSeats, "uncovered", "Move", func(a *ask) { a.seats = append(a.seats, "8") }},
		{seatmap.ErrLimit, "ttl", "Extend", func(a *ask) { a.ttl = life }},
		{seatmap.ErrInvalidLayout, "layout", "AddSeats", func(a *ask) { a.layout = seatmap.Layout{Seats: []string{"A-1"}} }},
	}...)
	if s.Lacks.Areas {
		kept := faults[:0]
		for _, one := range faults {
			if one.field != "places" {
				kept = append(kept, one)
			}
		}
		faults = kept
	}
	return ask{
		store: s.store, ctx: s.ctx, event: s.event, user: "ann", n: 1, ttl: life / 2, hold: held, booking: booked.Token,
		layout: seatmap.Layout{Count: 1}, export: export.String(), at: "5", house: "house",
	}, faults, nil
}
