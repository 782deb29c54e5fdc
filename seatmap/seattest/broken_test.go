package seattest_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/seattest"
)

// Each of these is a Map with one fault. Every check must fail for at least one.
var broken = []struct {
	fault string
	fails string // the check that finds it
	store func(seatmap.Store) seatmap.Store
}{
	{"an event can be created twice", "events", func(s seatmap.Store) seatmap.Store { return createsTwice{s} }},
	{"a hold has only its first seat", "grants", func(s seatmap.Store) seatmap.Store { return blocksOne{s} }},
	{"a refusal does not name the seat", "grants", func(s seatmap.Store) seatmap.Store { return namesNoSeat{s} }},
	{"Adjacent is not heeded", "choice", func(s seatmap.Store) seatmap.Store { return choosesAny{s} }},
	{"aisles are not heeded", "layouts", func(s seatmap.Store) seatmap.Store {
		return &flattens{Store: s, forget: func(r *seatmap.Row) { r.Aisles = nil }}
	}},
	{"ranks are not heeded", "layouts", func(s seatmap.Store) seatmap.Store {
		return &flattens{Store: s, forget: func(r *seatmap.Row) { r.Ranks = nil }}
	}},
	{"a table is a row", "layouts", func(s seatmap.Store) seatmap.Store {
		return &flattens{Store: s, forget: func(r *seatmap.Row) { r.Table = false }}
	}},
	{"sections and categories are not heeded", "layouts", func(s seatmap.Store) seatmap.Store { return choosesAnywhere{s} }},
	{"single seats are left", "layouts", func(s seatmap.Store) seatmap.Store { return leavesSingles{s} }},
	{"places of areas are not counted", "areas", func(s seatmap.Store) seatmap.Store { return forgetsPlaces{s} }},
	{"part of the places means all of them", "areas", func(s seatmap.Store) seatmap.Store { return cancelsAll{s} }},
	{"an area that is full is not named", "areas", func(s seatmap.Store) seatmap.Store { return namesNoArea{s} }},
	{"places of holds do not end", "areas", func(s seatmap.Store) seatmap.Store { return &keepsPlaces{s, s.(whole)} }},
	{"changes have no places", "areas", func(s seatmap.Store) seatmap.Store { return hidesPlaces{s} }},
	{"the secret of a token is not compared", "tokens", func(s seatmap.Store) seatmap.Store {
		return &trustsFences{Store: s, tokens: map[uint64]seatmap.Token{}}
	}},
	{"the owner of a hold is not compared", "tokens", func(s seatmap.Store) seatmap.Store { return trustsUsers{s} }},
	{"Release has no keys", "keys", func(s seatmap.Store) seatmap.Store { return releasesAgain{s} }},
	{"a repetition is not marked", "keys", func(s seatmap.Store) seatmap.Store { return marksNothing{s} }},
	{"Limits are not heeded", "limits", func(s seatmap.Store) seatmap.Store { return unlimited{s} }},
	{"names are cleaned instead of refused", "names", func(s seatmap.Store) seatmap.Store { return cleansNames{s} }},
	{"holds last a minute longer", "expiry", func(s seatmap.Store) seatmap.Store { return holdsLonger{s} }},
	{"pages are not bounded", "pages", func(s seatmap.Store) seatmap.Store { return onePage{s} }},
	{"extensions are not seen by watchers", "watch", func(s seatmap.Store) seatmap.Store { return hidesExtensions{s} }},
	{"cursors of another life are taken for its own", "watch", func(s seatmap.Store) seatmap.Store { return oneLife{s} }},
	{"a change does not say which hold was booked", "audit", func(s seatmap.Store) seatmap.Store {
		return tellsLess{s, s.(whole), func(c *seatmap.Change) { c.FromFence = 0 }}
	}},
	{"a snapshot does not say who has places", "audit", func(s seatmap.Store) seatmap.Store {
		return tellsLess{s, s.(whole), func(c *seatmap.Change) { c.Holders = nil }}
	}},
	{"a snapshot does not say until when a payment keeps seats", "audit", func(s seatmap.Store) seatmap.Store {
		return tellsLess{s, s.(whole), func(c *seatmap.Change) {
			for i := range c.Snapshot {
				c.Snapshot[i].PayingUntil = time.Time{}
			}
		}}
	}},
	{"a snapshot does not say which operator reserved seats", "audit", func(s seatmap.Store) seatmap.Store {
		return tellsLess{s, s.(whole), func(c *seatmap.Change) {
			for i := range c.Snapshot {
				c.Snapshot[i].Actor = ""
			}
		}}
	}},
	{"a change does not say the reference of a booking", "audit", func(s seatmap.Store) seatmap.Store {
		return tellsLess{s, s.(whole), func(c *seatmap.Change) {
			if c.Kind == seatmap.ChangeBooked {
				c.Reference = ""
			}
		}}
	}},
	{"an unknown seat is found after a taken one", "precedence", func(s seatmap.Store) seatmap.Store { return looksInOrder{s, s.(whole)} }},
	{"an unknown event is found before a wrong duration", "precedence", func(s seatmap.Store) seatmap.Store { return looksAtEventsFirst{s, s.(whole)} }},
	{"a context is looked at last", "precedence", func(s seatmap.Store) seatmap.Store { return heedsNoContext{s, s.(whole)} }},
	{"a fence is used twice", "histories", func(s seatmap.Store) seatmap.Store { return repeatsFences{s, s.(whole)} }},
	{"a seat has an owner that never got it", "histories", func(s seatmap.Store) seatmap.Store { return inventsOwners{s, s.(whole)} }},
	{"a snapshot is read in two parts", "snapshots", func(s seatmap.Store) seatmap.Store { return &readsInParts{Store: s} }},
	{"keys are not exported", "exports", func(s seatmap.Store) seatmap.Store { return exportsNoKeys{s, s.(seatmap.Porter)} }},
	{"places are not imported", "exports", func(s seatmap.Store) seatmap.Store { return &importsNoPlaces{s, s.(whole), nil} }},
	{"damage is not seen by Import", "exports", func(s seatmap.Store) seatmap.Store { return importsAll{s, s.(seatmap.Porter)} }},
	{"the old token works after Reissue", "operators", func(s seatmap.Store) seatmap.Store { return reissuesNothing{s, s.(seatmap.Operator)} }},
	{"changes do not name the actor", "operators", func(s seatmap.Store) seatmap.Store { return hidesActors{s, s.(seatmap.Operator)} }},
	{"ReserveAny chooses single seats", "operators", func(s seatmap.Store) seatmap.Store { return reservesAny{s, s.(seatmap.Operator)} }},
	{"a fence does not name a hold", "operators of areas", func(s seatmap.Store) seatmap.Store { return needsSeats{s, s.(seatmap.Operator)} }},
	{"Move of places moves none", "operators of areas", func(s seatmap.Store) seatmap.Store { return movesNoPlaces{s, s.(seatmap.Operator)} }},
	{"a change does not say from where places were moved", "audit", func(s seatmap.Store) seatmap.Store {
		return tellsLess{s, s.(whole), func(c *seatmap.Change) { c.FromPlaces = nil }}
	}},
	{"a payment does not keep the hold", "payments", func(s seatmap.Store) seatmap.Store { return keepsNothing{s, s.(seatmap.Payer)} }},
	{"a hold of a closed seat makes it available again", "sales", func(s seatmap.Store) seatmap.Store { return &closesOnce{s, s.(whole), nil} }},
	{"bookings are not listed", "lists", func(s seatmap.Store) seatmap.Store {
		return listsOther{s, s.(seatmap.Lister), func(l seatmap.Lister, r seatmap.GrantsRequest) (seatmap.GrantList, error) {
			list, err := l.Grants(context.Background(), r)
			list.Grants = slices.DeleteFunc(list.Grants, func(g seatmap.GrantInfo) bool { return g.State == seatmap.SeatBooked })
			return list, err
		}}
	}},
	{"pages of holds and bookings are not bounded", "lists", func(s seatmap.Store) seatmap.Store {
		return listsOther{s, s.(seatmap.Lister), func(l seatmap.Lister, r seatmap.GrantsRequest) (seatmap.GrantList, error) {
			r.Limit = 0
			return l.Grants(context.Background(), r)
		}}
	}},
	{"a reference finds those of others", "lists", func(s seatmap.Store) seatmap.Store {
		return listsOther{s, s.(seatmap.Lister), func(l seatmap.Lister, r seatmap.GrantsRequest) (seatmap.GrantList, error) {
			if r.User != "" {
				r.Reference = ""
			}
			return l.Grants(context.Background(), r)
		}}
	}},
	{"a listed hold has no places", "lists", func(s seatmap.Store) seatmap.Store {
		return listsOther{s, s.(seatmap.Lister), func(l seatmap.Lister, r seatmap.GrantsRequest) (seatmap.GrantList, error) {
			list, err := l.Grants(context.Background(), r)
			for i := range list.Grants {
				list.Grants[i].Places = nil
			}
			return list, err
		}}
	}},
	{"holds and bookings are listed one after the other", "lists", func(s seatmap.Store) seatmap.Store {
		return listsOther{s, s.(seatmap.Lister), listsTwice(s)}
	}},
	{"events are listed from any name on", "lists", func(s seatmap.Store) seatmap.Store { return listsAllEvents{s, s.(seatmap.Lister)} }},
	{"references are not imported", "exports", func(s seatmap.Store) seatmap.Store { return importsNoReferences{s, s.(whole)} }},
	{"added seats come first", "additions", func(s seatmap.Store) seatmap.Store { return addsFirst{s, s.(whole)} }},
	{"AddSeats has no keys", "additions", func(s seatmap.Store) seatmap.Store { return addsAgain{s, s.(whole)} }},
	{"a quota ends with the first hold of its seats", "quotas", func(s seatmap.Store) seatmap.Store {
		return &freesQuotas{Store: s, whole: s.(whole)}
	}},
	{"whoever names a quota gets the seats of all", "quotas", func(s seatmap.Store) seatmap.Store {
		return allQuotas{s, s.(whole)}
	}},
	{"a change of a quota does not name the actor", "quotas", func(s seatmap.Store) seatmap.Store {
		return tellsLess{s, s.(whole), func(c *seatmap.Change) {
			if c.Kind == seatmap.ChangeQuota {
				c.Actor = ""
			}
		}}
	}},
	{"a change does not say which areas were added", "audit", func(s seatmap.Store) seatmap.Store {
		return tellsLess{s, s.(whole), func(c *seatmap.Change) { c.Added = nil }}
	}},
	{"the interfaces of operators and payments are gone", "offers", func(s seatmap.Store) seatmap.Store { return struct{ seatmap.Store }{s} }},
	{"areas are refused", "offers", func(s seatmap.Store) seatmap.Store { return refusesAreas{s, s.(whole)} }},
	{"Close does nothing", "close", func(s seatmap.Store) seatmap.Store { return staysOpen{s} }},
}

// Each of these is a Map whose declaration is wrong, or whose other client or restart has
// one fault.
var wronglyDeclared = []struct {
	fault   string
	fails   string
	options seattest.Options
}{
	{"a Payer is not declared", "offers", seattest.Options{Lacks: seattest.Lacks{Payer: true}}},
	{"a Lister is not declared", "offers", seattest.Options{Lacks: seattest.Lacks{Lister: true}}},
	{"references are not declared", "offers", seattest.Options{Lacks: seattest.Lacks{References: true}}},
	{"areas are not declared", "offers", seattest.Options{Lacks: seattest.Lacks{Areas: true}}},
	{"the other client has another store", "clients", seattest.Options{Another: func(seatmap.Store) (seatmap.Store, error) {
		m := seatmap.NewMap(seatmap.MapOptions{})
		_, err := m.Create(context.Background(), seatmap.CreateRequest{Event: "other", Layout: seatmap.Layout{Count: 1}})
		return m, err
	}}},
	{"the other client has its own keys", "clients", seattest.Options{Another: func(s seatmap.Store) (seatmap.Store, error) {
		return forgetsKeys{staysOpen{s}}, nil
	}}},
	{"the data are lost", "restarts", seattest.Options{Restart: func(seatmap.Store) (seatmap.Store, error) {
		return seatmap.NewMap(seatmap.MapOptions{}), nil
	}}},
	{"keys are lost", "restarts", seattest.Options{Restart: func(s seatmap.Store) (seatmap.Store, error) {
		return forgetsKeys{s}, nil
	}}},
	{"a cursor of before a restart begins anew", "restarts", seattest.Options{Restart: func(s seatmap.Store) (seatmap.Store, error) {
		return forgetsCursors{s}, nil
	}}},
	{"fences begin anew", "restarts", seattest.Options{Restart: func(s seatmap.Store) (seatmap.Store, error) {
		return fencesAnew{s}, nil
	}}},
	{"references are lost", "restarts", seattest.Options{Restart: func(s seatmap.Store) (seatmap.Store, error) {
		return forgetsReferences{s, s.(whole)}, nil
	}}},
	{"holds that are declared to end do not", "restarts", seattest.Options{
		Lacks: seattest.Lacks{Holds: true}, Restart: goesOn,
	}},
}

// goesOn is a restart after which everything is there.
func goesOn(s seatmap.Store) (seatmap.Store, error) { return s, nil }

func TestEveryCheckFindsAFault(t *testing.T) {
	found := map[string]bool{}
	for _, b := range wronglyDeclared {
		m := seatmap.NewMap(seatmap.MapOptions{})
		err := seattest.Check(t.Context(), b.options, m, b.fails)
		if assert.Error(t, err, b.fault) {
			t.Logf("%s: %v", b.fault, err)
		}
		found[b.fails] = true
		assert.NoError(t, m.Close())
	}
	for _, b := range broken {
		m := seatmap.NewMap(seatmap.MapOptions{})
		err := seattest.Check(t.Context(), seattest.Options{}, b.store(m), b.fails)
		if assert.Error(t, err, b.fault) {
			t.Logf("%s: %v", b.fault, err)
		}
		found[b.fails] = true
		assert.NoError(t, m.Close())
	}
	for _, b := range brokenNetworks {
		found[b.fails] = true
	}
	for _, name := range seattest.Names() {
		assert.True(t, found[name], "no fault for the check %q", name)
	}
}

// TestAFaultFailsItsCheckOnly holds stores that have one fault, and all interfaces, to all
// other checks.
func TestAFaultFailsItsCheckOnly(t *testing.T) {
	alone := 0
	for _, b := range broken {
		m := seatmap.NewMap(seatmap.MapOptions{})
		_, all := b.store(m).(whole)
		assert.NoError(t, m.Close())
		if !all || b.fails == "offers" {
			continue
		}
		alone++
		for _, name := range seattest.Names() {
			if name == b.fails || seattest.Needs(name) {
				continue
			}
			synctest.Test(t, func(t *testing.T) {
				m := seatmap.NewMap(seatmap.MapOptions{})
				err := seattest.Check(t.Context(), seattest.Options{Advance: testkit.Advance}, b.store(m), name)
				assert.NoError(t, err, "%s: %s", b.fault, name)
				assert.NoError(t, m.Close())
			})
		}
	}
	assert.GreaterOrEqual(t, alone, 5)
}

// tellsLess is a Map whose changes lack something.
type tellsLess struct {
	seatmap.Store
	whole
	less func(*seatmap.Change)
}

func (b tellsLess) Watch(ctx context.Context, r seatmap.WatchRequest) iter.Seq2[seatmap.Change, error] {
	return func(yield func(seatmap.Change, error) bool) {
		for change, err := range b.Store.Watch(ctx, r) {
			b.less(&change)
			if !yield(change, err) {
				return
			}
		}
	}
}

// whole is what a Map offers beside Store.
type whole interface {
	seatmap.Operator
	seatmap.Payer
	seatmap.Porter
	seatmap.SeatCloser
	seatmap.Lister
	seatmap.SeatAdder
}

// closesOnce opens seats when they are released.
type closesOnce struct {
	seatmap.Store
	whole
	closed []string
}

func (b *closesOnce) CloseSeats(ctx context.Context, r seatmap.CloseSeatsRequest) (seatmap.Receipt, error) {
	b.closed = r.Seats
	return b.whole.CloseSeats(ctx, r)
}

func (b *closesOnce) Release(ctx context.Context, r seatmap.ReleaseRequest) (seatmap.Receipt, error) {
	receipt, err := b.Store.Release(ctx, r)
	if err == nil && slices.ContainsFunc(r.Seats, func(seat string) bool { return slices.Contains(b.closed, seat) }) {
		_, err = b.OpenSeats(ctx, seatmap.OpenSeatsRequest{Event: r.Token.Event, Seats: r.Seats, Actor: "op"})
	}
	return receipt, err
}

// freesQuotas frees seats of quotas when their hold is released.
type freesQuotas struct {
	seatmap.Store
	whole
}

func (b *freesQuotas) Release(ctx context.Context, r seatmap.ReleaseRequest) (seatmap.Receipt, error) {
	receipt, err := b.Store.Release(ctx, r)
	if err == nil && len(r.Seats) > 0 {
		_, err = b.SetQuota(ctx, seatmap.SetQuotaRequest{Event: r.Token.Event, Seats: r.Seats, Actor: "op"})
	}
	return receipt, err
}

// allQuotas adds all quotas to a request that names one.
type allQuotas struct {
	seatmap.Store
	whole
}

func (b allQuotas) Block(ctx context.Context, r seatmap.BlockRequest) (seatmap.Hold, error) {
	if len(r.Quotas) > 0 {
		r.Quotas = append(r.Quotas, "club", "press")
	}
	return b.Store.Block(ctx, r)
}

// listsOther lists other holds and bookings.
type listsOther struct {
	seatmap.Store
	seatmap.Lister
	grants func(l seatmap.Lister, r seatmap.GrantsRequest) (seatmap.GrantList, error)
}

func (b listsOther) Grants(_ context.Context, r seatmap.GrantsRequest) (seatmap.GrantList, error) {
	return b.grants(b.Lister, r)
}

// listsTwice lets something change between holds and bookings.
func listsTwice(s seatmap.Store) func(l seatmap.Lister, r seatmap.GrantsRequest) (seatmap.GrantList, error) {
	of := func(list []seatmap.GrantInfo, state seatmap.SeatState) []seatmap.GrantInfo {
		return slices.DeleteFunc(list, func(g seatmap.GrantInfo) bool { return g.State != state })
	}
	return func(l seatmap.Lister, r seatmap.GrantsRequest) (seatmap.GrantList, error) {
		holds, err := l.Grants(context.Background(), r)
		before := holds.Revision
		if strings.HasSuffix(r.Event, "-moments") {
			for err == nil && holds.Revision == before { // a change is on its way
				runtime.Gosched()
				var now seatmap.Snapshot
				now, err = s.Seats(context.Background(), seatmap.SeatsRequest{Event: r.Event, Limit: 1})
				holds.Revision = now.Revision
			}
		}
		list, _ := l.Grants(context.Background(), r)
		list.Grants = append(of(holds.Grants, seatmap.SeatBlocked), of(list.Grants, seatmap.SeatBooked)...)
		slices.SortFunc(list.Grants, func(a, b seatmap.GrantInfo) int { return cmp.Compare(a.Fence, b.Fence) })
		return list, err
	}
}

type listsAllEvents struct {
	seatmap.Store
	seatmap.Lister
}

func (b listsAllEvents) Events(ctx context.Context, r seatmap.EventsRequest) (seatmap.EventList, error) {
	if r.Limit == 0 {
		r.After = ""
	}
	return b.Lister.Events(ctx, r)
}

// importsNoReferences leaves references out of what it imports.
type importsNoReferences struct {
	seatmap.Store
	whole
}

func (b importsNoReferences) Import(ctx context.Context, r seatmap.ImportRequest, from io.Reader) (seatmap.EventInfo, error) {
	all, err := io.ReadAll(from)
	if err != nil {
		return seatmap.EventInfo{}, err
	}
	if same, _ := io.ReadAll(edited(all, func(line string) string { return line })); !bytes.Equal(same, all) { // it is damaged
		return b.whole.Import(ctx, r, bytes.NewReader(all))
	}
	return b.whole.Import(ctx, r, edited(all, func(line string) string { return strings.ReplaceAll(line, `,"reference":"order 1"`, "") }))
}

// forgetsReferences has none.
type forgetsReferences struct {
	seatmap.Store
	whole
}

func (b forgetsReferences) Seat(ctx context.Context, r seatmap.SeatRequest) (seatmap.SeatInfo, error) {
	one, err := b.Store.Seat(ctx, r)
	one.Reference = ""
	return one, err
}

type addsFirst struct {
	seatmap.Store
	whole
}

func (b addsFirst) Seats(ctx context.Context, r seatmap.SeatsRequest) (seatmap.Snapshot, error) {
	s, err := b.Store.Seats(ctx, r)
	if len(s.Seats) == 0 || s.Seats[0].Seat[0] < 'A' {
		return s, err // one of another check
	}
	slices.SortStableFunc(s.Seats, func(x, y seatmap.SeatInfo) int { return strings.Compare(x.Seat[:1], y.Seat[:1]) })
	return s, err
}

type addsAgain struct {
	seatmap.Store
	whole
}

func (b addsAgain) AddSeats(ctx context.Context, r seatmap.AddSeatsRequest) (seatmap.Receipt, error) {
	if r.Key.Reveal() == "a" { // of this check
		r.Key = seatmap.Key{}
	}
	return b.whole.AddSeats(ctx, r)
}

type refusesAreas struct {
	seatmap.Store
	whole
}

func (b refusesAreas) Create(ctx context.Context, r seatmap.CreateRequest) (seatmap.Receipt, error) {
	if len(r.Layout.Areas) > 0 {
		return seatmap.Receipt{}, seatmap.ErrInvalidLayout
	}
	return b.Store.Create(ctx, r)
}

type forgetsKeys struct{ seatmap.Store }

func (b forgetsKeys) Block(ctx context.Context, r seatmap.BlockRequest) (seatmap.Hold, error) {
	r.Key = seatmap.Key{}
	return b.Store.Block(ctx, r)
}

func (b forgetsKeys) Book(ctx context.Context, r seatmap.BookRequest) (seatmap.Booking, error) {
	r.Key = seatmap.Key{}
	return b.Store.Book(ctx, r)
}

type forgetsCursors struct{ seatmap.Store }

func (b forgetsCursors) Watch(ctx context.Context, r seatmap.WatchRequest) iter.Seq2[seatmap.Change, error] {
	r.From = seatmap.Cursor{}
	return b.Store.Watch(ctx, r)
}

type fencesAnew struct{ seatmap.Store }

func (b fencesAnew) Block(ctx context.Context, r seatmap.BlockRequest) (seatmap.Hold, error) {
	h, err := b.Store.Block(ctx, r)
	h.Token.Fence = 1
	return h, err
}

type createsTwice struct{ seatmap.Store }

func (b createsTwice) Create(ctx context.Context, r seatmap.CreateRequest) (seatmap.Receipt, error) {
	got, err := b.Store.Create(ctx, r)
	if errors.Is(err, seatmap.ErrExists) {
		err = nil
	}
	return got, err
}

type blocksOne struct{ seatmap.Store }

func (b blocksOne) Block(ctx context.Context, r seatmap.BlockRequest) (seatmap.Hold, error) {
	seats := r.Seats
	r.Seats = r.Seats[:min(1, len(seats))]
	h, err := b.Store.Block(ctx, r)
	h.Seats = seats
	return h, err
}

type namesNoSeat struct{ seatmap.Store }

func (b namesNoSeat) Block(ctx context.Context, r seatmap.BlockRequest) (seatmap.Hold, error) {
	h, err := b.Store.Block(ctx, r)
	if _, ok := errors.AsType[*seatmap.TakenError](err); ok {
		err = seatmap.ErrTaken
	}
	return h, err
}

type choosesAny struct{ seatmap.Store }

func (b choosesAny) BlockAny(ctx context.Context, r seatmap.BlockAnyRequest) (seatmap.Hold, error) {
	r.Where.Adjacent = false
	return b.Store.BlockAny(ctx, r)
}

// flattens is a Map that does not keep something of the rows, but says that it does.
type flattens struct {
	seatmap.Store
	layout seatmap.Layout
	forget func(r *seatmap.Row)
}

func (b *flattens) Create(ctx context.Context, r seatmap.CreateRequest) (seatmap.Receipt, error) {
	b.layout = r.Layout
	r.Layout.Rows = slices.Clone(r.Layout.Rows)
	for i := range r.Layout.Rows {
		b.forget(&r.Layout.Rows[i])
	}
	return b.Store.Create(ctx, r)
}

func (b *flattens) Layout(context.Context, seatmap.LayoutRequest) (seatmap.Layout, error) {
	return b.layout, nil
}

type choosesAnywhere struct{ seatmap.Store }

func (b choosesAnywhere) BlockAny(ctx context.Context, r seatmap.BlockAnyRequest) (seatmap.Hold, error) {
	r.Where.Section, r.Where.Category = "", ""
	return b.Store.BlockAny(ctx, r)
}

type leavesSingles struct{ seatmap.Store }

func (b leavesSingles) BlockAny(ctx context.Context, r seatmap.BlockAnyRequest) (seatmap.Hold, error) {
	r.Where.Singles = seatmap.SinglesAllowed
	return b.Store.BlockAny(ctx, r)
}

type forgetsPlaces struct{ seatmap.Store }

func (b forgetsPlaces) Block(ctx context.Context, r seatmap.BlockRequest) (seatmap.Hold, error) {
	places := r.Places
	r.Places = nil
	h, err := b.Store.Block(ctx, r)
	h.Places = places
	return h, err
}

// keepsPlaces has holds of areas that last longer than they say.
type keepsPlaces struct {
	seatmap.Store
	whole
}

func (b *keepsPlaces) Block(ctx context.Context, r seatmap.BlockRequest) (seatmap.Hold, error) {
	longer := time.Duration(0)
	if len(r.Places) > 0 && r.TTL > 0 && r.TTL < time.Second {
		longer = time.Minute
	}
	r.TTL += longer
	h, err := b.Store.Block(ctx, r)
	h.Left = max(h.Left-longer, 0)
	return h, err
}

// importsNoPlaces says of an event that was imported that no place is taken.
type importsNoPlaces struct {
	seatmap.Store
	whole
	imported map[string]bool
}

func (b *importsNoPlaces) Import(ctx context.Context, r seatmap.ImportRequest, from io.Reader) (seatmap.EventInfo, error) {
	info, err := b.whole.Import(ctx, r, from)
	if b.imported == nil {
		b.imported = map[string]bool{}
	}
	b.imported[info.Event] = true
	return info, err
}

func (b *importsNoPlaces) Counts(ctx context.Context, r seatmap.CountsRequest) (seatmap.Counts, error) {
	c, err := b.Store.Counts(ctx, r)
	if r.Area != "" && b.imported[r.Event] {
		c = seatmap.Counts{Available: c.Available + c.Blocked + c.Booked}
	}
	return c, err
}

type cancelsAll struct{ seatmap.Store }

func (b cancelsAll) Cancel(ctx context.Context, r seatmap.CancelRequest) (seatmap.Receipt, error) {
	r.Places = nil
	return b.Store.Cancel(ctx, r)
}

type namesNoArea struct{ seatmap.Store }

func (b namesNoArea) Block(ctx context.Context, r seatmap.BlockRequest) (seatmap.Hold, error) {
	h, err := b.Store.Block(ctx, r)
	if _, ok := errors.AsType[*seatmap.AreaError](err); ok {
		err = seatmap.ErrNotEnough
	}
	return h, err
}

type hidesPlaces struct{ seatmap.Store }

func (b hidesPlaces) Watch(ctx context.Context, r seatmap.WatchRequest) iter.Seq2[seatmap.Change, error] {
	return func(yield func(seatmap.Change, error) bool) {
		for change, err := range b.Store.Watch(ctx, r) {
			change.Places = nil
			if !yield(change, err) {
				return
			}
		}
	}
}

type trustsFences struct {
	seatmap.Store
	tokens map[uint64]seatmap.Token
}

func (b *trustsFences) Block(ctx context.Context, r seatmap.BlockRequest) (seatmap.Hold, error) {
	h, err := b.Store.Block(ctx, r)
	b.tokens[h.Token.Fence] = h.Token
	return h, err
}

func (b *trustsFences) Book(ctx context.Context, r seatmap.BookRequest) (seatmap.Booking, error) {
	if known, ok := b.tokens[r.Token.Fence]; ok {
		r.Token = known
	}
	return b.Store.Book(ctx, r)
}

type trustsUsers struct{ seatmap.Store }

func (b trustsUsers) Book(ctx context.Context, r seatmap.BookRequest) (seatmap.Booking, error) {
	r.User = ""
	return b.Store.Book(ctx, r)
}

type releasesAgain struct{ seatmap.Store }

func (b releasesAgain) Release(ctx context.Context, r seatmap.ReleaseRequest) (seatmap.Receipt, error) {
	r.Key = seatmap.Key{}
	return b.Store.Release(ctx, r)
}

type marksNothing struct{ seatmap.Store }

func (b marksNothing) Cancel(ctx context.Context, r seatmap.CancelRequest) (seatmap.Receipt, error) {
	_, err := b.Store.Cancel(ctx, r)
	return seatmap.Receipt{}, err
}

type unlimited struct{ seatmap.Store }

func (b unlimited) Create(ctx context.Context, r seatmap.CreateRequest) (seatmap.Receipt, error) {
	r.Limits = seatmap.Limits{}
	return b.Store.Create(ctx, r)
}

type cleansNames struct{ seatmap.Store }

func (b cleansNames) Block(ctx context.Context, r seatmap.BlockRequest) (seatmap.Hold, error) {
	r.User = strings.ReplaceAll(r.User, "\x00", "")
	return b.Store.Block(ctx, r)
}

type holdsLonger struct{ seatmap.Store }

func (b holdsLonger) Block(ctx context.Context, r seatmap.BlockRequest) (seatmap.Hold, error) {
	r.TTL += time.Minute
	h, err := b.Store.Block(ctx, r)
	h.Left = max(h.Left-time.Minute, 0)
	return h, err
}

type onePage struct{ seatmap.Store }

func (b onePage) Seats(ctx context.Context, r seatmap.SeatsRequest) (seatmap.Snapshot, error) {
	r.Limit = 0
	return b.Store.Seats(ctx, r)
}

type hidesExtensions struct{ seatmap.Store }

func (b hidesExtensions) Watch(ctx context.Context, r seatmap.WatchRequest) iter.Seq2[seatmap.Change, error] {
	return func(yield func(seatmap.Change, error) bool) {
		for change, err := range b.Store.Watch(ctx, r) {
			if change.Kind != seatmap.ChangeExtended && !yield(change, err) {
				return
			}
			if change.Kind == seatmap.ChangeExtended && !yield(seatmap.Change{Kind: seatmap.ChangeBlocked}, nil) {
				return
			}
		}
	}
}

type oneLife struct{ seatmap.Store }

func (b oneLife) Watch(ctx context.Context, r seatmap.WatchRequest) iter.Seq2[seatmap.Change, error] {
	if !r.From.IsZero() {
		s, err := b.Seats(ctx, seatmap.SeatsRequest{Event: r.Event})
		if err == nil {
			r.From = seatmap.NewCursor(s.Cursor.Life(), r.From.Revision())
		}
	}
	return b.Store.Watch(ctx, r)
}

type looksInOrder struct {
	seatmap.Store
	whole
}

func (b looksInOrder) Block(ctx context.Context, r seatmap.BlockRequest) (seatmap.Hold, error) {
	h, err := b.Store.Block(ctx, r)
	if errors.Is(err, seatmap.ErrUnknownSeat) && slices.Contains(r.Seats, "7") {
		err = seatmap.NewTakenError(r.Event, "7")
	}
	return h, err
}

type looksAtEventsFirst struct {
	seatmap.Store
	whole
}

func (b looksAtEventsFirst) Extend(ctx context.Context, r seatmap.ExtendRequest) (seatmap.Hold, error) {
	if _, err := b.Counts(ctx, seatmap.CountsRequest{Event: r.Token.Event}); errors.Is(err, seatmap.ErrUnknownEvent) {
		return seatmap.Hold{}, err
	}
	return b.Store.Extend(ctx, r)
}

type heedsNoContext struct {
	seatmap.Store
	whole
}

func (b heedsNoContext) EndPayment(ctx context.Context, r seatmap.EndPaymentRequest) (seatmap.Hold, error) {
	h, err := b.whole.EndPayment(context.WithoutCancel(ctx), r)
	if err == nil {
		err = ctx.Err()
	}
	return h, err
}

// ofHistory reports whether an event is that of the first history of a check.
func ofHistory(event string) bool { return strings.HasSuffix(event, "-0") }

type repeatsFences struct {
	seatmap.Store
	whole
}

func (b repeatsFences) Block(ctx context.Context, r seatmap.BlockRequest) (seatmap.Hold, error) {
	h, err := b.Store.Block(ctx, r)
	if err == nil && ofHistory(r.Event) {
		h.Token.Fence = 1
	}
	return h, err
}

type inventsOwners struct {
	seatmap.Store
	whole
}

func (b inventsOwners) Seats(ctx context.Context, r seatmap.SeatsRequest) (seatmap.Snapshot, error) {
	s, err := b.Store.Seats(ctx, r)
	if err == nil && ofHistory(r.Event) {
		s.Seats[0].State, s.Seats[0].Fence = seatmap.SeatBlocked, 1<<40
	}
	return s, err
}

// readsInParts lets one request change the seats between two parts of a snapshot.
type readsInParts struct {
	seatmap.Store
	blocks, releases sync.Mutex
	done             atomic.Int64
}

func (b *readsInParts) Block(ctx context.Context, r seatmap.BlockRequest) (seatmap.Hold, error) {
	b.blocks.Lock()
	defer b.blocks.Unlock()
	defer b.done.Add(1)
	return b.Store.Block(ctx, r)
}

func (b *readsInParts) Release(ctx context.Context, r seatmap.ReleaseRequest) (seatmap.Receipt, error) {
	b.releases.Lock()
	defer b.releases.Unlock()
	defer b.done.Add(1)
	return b.Store.Release(ctx, r)
}

func (b *readsInParts) Seats(ctx context.Context, r seatmap.SeatsRequest) (seatmap.Snapshot, error) {
	b.blocks.Lock()
	b.releases.Lock()
	r.Limit = 10
	first, err := b.Store.Seats(ctx, r)
	next, last := &b.blocks, &b.releases
	if err == nil && first.Seats[0].State == seatmap.SeatBlocked {
		next, last = last, next
	}
	defer last.Unlock()
	done := b.done.Load()
	next.Unlock()
	if err != nil {
		return first, err
	}
	for b.done.Load() == done {
		runtime.Gosched()
	}
	rest, err := b.Store.Seats(ctx, seatmap.SeatsRequest{Event: r.Event, After: "10"})
	first.Seats = append(first.Seats, rest.Seats...)
	return first, err
}

type staysOpen struct{ seatmap.Store }

func (staysOpen) Close() error { return nil }

type exportsNoKeys struct {
	seatmap.Store
	seatmap.Porter
}

func (b exportsNoKeys) Import(ctx context.Context, r seatmap.ImportRequest, from io.Reader) (seatmap.EventInfo, error) {
	all, err := io.ReadAll(from)
	if err != nil {
		return seatmap.EventInfo{}, err
	}
	return b.Porter.Import(ctx, r, edited(all, func(line string) string {
		if strings.HasPrefix(line, `{"answer"`) {
			return ""
		}
		return line
	}))
}

type importsAll struct {
	seatmap.Store
	seatmap.Porter
}

func (b importsAll) Import(ctx context.Context, r seatmap.ImportRequest, from io.Reader) (seatmap.EventInfo, error) {
	all, err := io.ReadAll(from)
	if err != nil {
		return seatmap.EventInfo{}, err
	}
	return b.Porter.Import(ctx, r, edited(all, func(line string) string { return line }))
}

// edited returns an export that is changed line by line, with the right checksum.
func edited(export []byte, edit func(line string) string) io.Reader {
	var b strings.Builder
	for line := range strings.Lines(string(export)) {
		if !strings.HasPrefix(line, `{"sum"`) {
			b.WriteString(edit(line))
		}
	}
	return strings.NewReader(fmt.Sprintf("%s{\"sum\":\"%x\"}\n", b.String(), sha256.Sum256([]byte(b.String()))))
}

type reissuesNothing struct {
	seatmap.Store
	seatmap.Operator
}

func (b reissuesNothing) Reissue(ctx context.Context, r seatmap.ReissueRequest) (seatmap.Hold, error) {
	s, err := b.Seat(ctx, seatmap.SeatRequest{Event: r.Event, Seat: r.Seat})
	return seatmap.Hold{Token: seatmap.NewToken(r.Event, s.Fence+1, [16]byte{1}), User: s.User, Seats: []string{r.Seat}}, err
}

type reservesAny struct {
	seatmap.Store
	seatmap.Operator
}

func (b reservesAny) ReserveAny(ctx context.Context, r seatmap.ReserveAnyRequest) (seatmap.Hold, error) {
	r.Where = seatmap.Where{}
	return b.Operator.ReserveAny(ctx, r)
}

type needsSeats struct {
	seatmap.Store
	seatmap.Operator
}

func (b needsSeats) Reissue(ctx context.Context, r seatmap.ReissueRequest) (seatmap.Hold, error) {
	if r.Seat == "" {
		return seatmap.Hold{}, seatmap.ErrUnknownSeat
	}
	return b.Operator.Reissue(ctx, r)
}

type movesNoPlaces struct {
	seatmap.Store
	seatmap.Operator
}

func (b movesNoPlaces) Move(ctx context.Context, r seatmap.MoveRequest) (seatmap.Hold, error) {
	h, err := b.Operator.Move(ctx, r)
	if err == nil && len(r.Places) > 0 {
		r.Fence, r.Places = h.Token.Fence, map[string]int{"floor": 3}
		h, err = b.Operator.Move(ctx, r)
	}
	return h, err
}

type hidesActors struct {
	seatmap.Store
	seatmap.Operator
}

func (b hidesActors) Watch(ctx context.Context, r seatmap.WatchRequest) iter.Seq2[seatmap.Change, error] {
	return func(yield func(seatmap.Change, error) bool) {
		for change, err := range b.Store.Watch(ctx, r) {
			change.Actor = ""
			if !yield(change, err) {
				return
			}
		}
	}
}

type keepsNothing struct {
	seatmap.Store
	seatmap.Payer
}

func (b keepsNothing) BeginPayment(ctx context.Context, r seatmap.PaymentRequest) (seatmap.Hold, error) {
	h, err := b.Payer.BeginPayment(ctx, r)
	if err == nil && !h.Replayed {
		_, err = b.EndPayment(ctx, seatmap.EndPaymentRequest{Token: r.Token})
	}
	return h, err
}
