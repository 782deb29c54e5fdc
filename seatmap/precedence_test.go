package seatmap_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
)

// ask is what a request of any method of a Map or a Plan is made of.
type ask struct {
	m           *seatmap.Map
	p           *seatmap.Plan
	ctx         context.Context
	event, user string
	limits      seatmap.Limits
	layout      seatmap.Layout
	key         seatmap.Key
	seats       []string // of a Map
	places      map[string]int
	area        string
	indices     []int // of a Plan
	list        bool
	n, limit    int
	where       seatmap.Where
	ttl         time.Duration
	hold        seatmap.Token
	booking     seatmap.Token
	export      string
	at, reason  string // of an operator
	house       string
	reference   string
	quotas      []string
	fence       uint64
}

// mapCalls are all methods of a Store that can fail for a reason.
var mapCalls = map[string]func(a *ask) error{
	"Create": func(a *ask) error {
		return errOf(a.m.Create(a.ctx, seatmap.CreateRequest{Event: a.event, Key: a.key, Layout: a.layout, Limits: a.limits}))
	},
	"Remove": func(a *ask) error { return errOf(a.m.Remove(a.ctx, seatmap.RemoveRequest{Event: a.event, Key: a.key})) },
	"Block": func(a *ask) error {
		_, err := a.m.Block(a.ctx, seatmap.BlockRequest{
			Event: a.event, User: a.user, Key: a.key, Seats: append(a.seats, "4"), Places: a.places, TTL: a.ttl, ListTaken: a.list,
			Reference: a.reference, Quotas: a.quotas,
		})
		return err
	},
	"BlockAny": func(a *ask) error {
		a.where.Quotas = a.quotas
		_, err := a.m.BlockAny(a.ctx, seatmap.BlockAnyRequest{
			Event: a.event, User: a.user, Key: a.key, N: a.n, TTL: a.ttl, Where: a.where, Reference: a.reference,
		})
		return err
	},
	"Book": func(a *ask) error {
		_, err := a.m.Book(a.ctx, seatmap.BookRequest{
			Token: a.hold, User: a.user, Key: a.key, Seats: a.seats, Places: a.places, Reference: a.reference,
		})
		return err
	},
	"Release": func(a *ask) error {
		return errOf(a.m.Release(a.ctx, seatmap.ReleaseRequest{Token: a.hold, User: a.user, Key: a.key, Seats: a.seats, Places: a.places}))
	},
	"Cancel": func(a *ask) error {
		return errOf(a.m.Cancel(a.ctx, seatmap.CancelRequest{
			Token: a.booking, User: strings.Replace(a.user, "ann", "bob", 1), Key: a.key, Seats: a.seats, Places: a.places,
		}))
	},
	"Extend": func(a *ask) error {
		_, err := a.m.Extend(a.ctx, seatmap.ExtendRequest{Token: a.hold, User: a.user, Key: a.key, TTL: a.ttl})
		return err
	},
	"Seat": func(a *ask) error {
		_, err := a.m.Seat(a.ctx, seatmap.SeatRequest{Event: a.event, Seat: strings.Join(a.seats, "")})
		return err
	},
	"Seats": func(a *ask) error {
		_, err := a.m.Seats(a.ctx, seatmap.SeatsRequest{Event: a.event, After: strings.Join(a.seats, ""), Limit: a.limit})
		return err
	},
	"Layout": func(a *ask) error {
		_, err := a.m.Layout(a.ctx, seatmap.LayoutRequest{Event: a.event})
		return err
	},
	"Counts": func(a *ask) error {
		_, err := a.m.Counts(a.ctx, seatmap.CountsRequest{Event: a.event, Area: a.area})
		return err
	},
	"Holds": func(a *ask) error {
		_, err := a.m.Holds(a.ctx, seatmap.HoldsRequest{Event: a.event, User: a.user})
		return err
	},
	"Watch": func(a *ask) error {
		for _, err := range a.m.Watch(a.ctx, seatmap.WatchRequest{Event: a.event}) {
			return err
		}
		return errors.New("nothing was yielded")
	},
	"Events": func(a *ask) error {
		return errOf(a.m.Events(a.ctx, seatmap.EventsRequest{Prefix: a.event, Limit: a.limit}))
	},
	"Grants": func(a *ask) error {
		return errOf(a.m.Grants(a.ctx, seatmap.GrantsRequest{Event: a.event, User: a.user, Reference: a.reference, Limit: a.limit}))
	},
	"Sweep": func(a *ask) error {
		_, err := a.m.Sweep(a.ctx)
		return err
	},
	"Revoke": func(a *ask) error {
		return errOf(a.m.Revoke(a.ctx, seatmap.RevokeRequest{
			Event: a.event, Seat: a.at, Fence: a.fence, Seats: a.seats, Places: a.places, Actor: a.user, Reason: a.reason, Key: a.key,
		}))
	},
	"Reissue": func(a *ask) error {
		return errOf(a.m.Reissue(a.ctx, seatmap.ReissueRequest{
			Event: a.event, Seat: a.at, Fence: a.fence, Actor: a.user, Reason: a.reason, Key: a.key,
		}))
	},
	"Move": func(a *ask) error {
		return errOf(a.m.Move(a.ctx, seatmap.MoveRequest{
			Event: a.event, Seat: a.at, Fence: a.fence, To: append(a.seats, "4"), Places: a.places, Actor: a.user, Reason: a.reason, Key: a.key,
		}))
	},
	"Reserve": func(a *ask) error {
		return errOf(a.m.Reserve(a.ctx, seatmap.ReserveRequest{
			Event: a.event, User: a.house, Seats: append(a.seats, "4"), Places: a.places, Actor: a.user, Reason: a.reason, Key: a.key,
		}))
	},
	"ReserveAny": func(a *ask) error {
		a.where.Quotas = a.quotas
		return errOf(a.m.ReserveAny(a.ctx, seatmap.ReserveAnyRequest{
			Event: a.event, User: a.house, N: a.n, Where: a.where, Actor: a.user, Reason: a.reason, Key: a.key,
		}))
	},
	"CloseSeats": func(a *ask) error {
		return errOf(a.m.CloseSeats(a.ctx, seatmap.CloseSeatsRequest{
			Event: a.event, Seats: append(a.seats, "4"), Actor: a.user, Reason: a.reason, Key: a.key,
		}))
	},
	"OpenSeats": func(a *ask) error {
		return errOf(a.m.OpenSeats(a.ctx, seatmap.OpenSeatsRequest{
			Event: a.event, Seats: append(a.seats, "4"), Actor: a.user, Reason: a.reason, Key: a.key,
		}))
	},
	"SetQuota": func(a *ask) error {
		return errOf(a.m.SetQuota(a.ctx, seatmap.SetQuotaRequest{
			Event: a.event, Seats: append(a.seats, "4"), Quota: strings.Join(a.quotas, ""), Actor: a.user, Reason: a.reason, Key: a.key,
		}))
	},
	"AddSeats": func(a *ask) error {
		return errOf(a.m.AddSeats(a.ctx, seatmap.AddSeatsRequest{Event: a.event, Layout: a.layout, Actor: a.user, Reason: a.reason, Key: a.key}))
	},
	"BeginPayment": func(a *ask) error {
		return errOf(a.m.BeginPayment(a.ctx, seatmap.PaymentRequest{Token: a.hold, User: a.user, Key: a.key, TTL: a.ttl}))
	},
	"EndPayment": func(a *ask) error {
		return errOf(a.m.EndPayment(a.ctx, seatmap.EndPaymentRequest{Token: a.hold, User: a.user, Key: a.key}))
	},
	"Export": func(a *ask) error {
		_, err := a.m.Export(a.ctx, seatmap.ExportRequest{Event: a.event}, io.Discard)
		return err
	},
	"Import": func(a *ask) error {
		_, err := a.m.Import(a.ctx, seatmap.ImportRequest{}, strings.NewReader(a.export))
		return err
	},
}

// planCalls are all methods of a Plan that can fail.
var planCalls = map[string]func(a *ask) error{
	"Block": func(a *ask) error { _, err := a.p.Block(1, a.ttl, append(a.indices, 3)...); return err },
	"BlockAny": func(a *ask) error {
		_, _, err := a.p.BlockAny(1, a.ttl, a.n, false)
		return err
	},
	"Book":    func(a *ask) error { _, err := a.p.Book(a.hold, a.indices...); return err },
	"Release": func(a *ask) error { return a.p.Release(a.hold, a.indices...) },
	"Cancel":  func(a *ask) error { return a.p.Cancel(a.booking, a.indices...) },
	"Extend":  func(a *ask) error { _, err := a.p.Extend(a.hold, a.ttl); return err },
	"Seat":    func(a *ask) error { _, err := a.p.Seat(append(a.indices, 0)[0]); return err },
	"Seats":   func(a *ask) error { _, err := a.p.Seats(); return err },
	"Counts":  func(a *ask) error { _, err := a.p.Counts(); return err },
}

// fault makes something of a request wrong.
type fault struct {
	want    error
	field   string // two faults of one field exclude each other
	methods string // all, or a list
	do      func(a *ask)
}

func (f *fault) applies(method string) bool {
	return f.methods == "all" || strings.Contains(" "+f.methods+" ", " "+method+" ")
}

func TestTheTablesOfPrecedenceHaveEveryMethod(t *testing.T) {
	without := func(calls map[string]func(*ask) error, of reflect.Type, but ...string) {
		for m := range of.Methods() {
			if calls[m.Name] == nil {
				assert.Contains(t, but, m.Name, "%v.%s", of, m.Name)
			}
		}
	}
	without(mapCalls, reflect.TypeFor[seatmap.Store](), "Close")
	without(mapCalls, reflect.TypeFor[seatmap.Sweeper]())
	without(mapCalls, reflect.TypeFor[seatmap.Porter]())
	without(mapCalls, reflect.TypeFor[seatmap.Operator]())
	without(mapCalls, reflect.TypeFor[seatmap.Payer]())
	without(mapCalls, reflect.TypeFor[seatmap.Lister]())
	without(mapCalls, reflect.TypeFor[seatmap.SeatAdder]())
	without(mapCalls, reflect.TypeFor[seatmap.SeatCloser]())
	without(planCalls, reflect.TypeFor[*seatmap.Plan](), "Close", "Sweep", "Name", "Len", "String", "Format", "LogValue", "Diagram")
}

func TestOfTwoErrorsOfAPlanTheFirstInPrecedenceComes(t *testing.T) {
	p, full, ended := newPlan(t, 8, nil), newPlan(t, 8, nil), newPlan(t, 8, nil)
	_, _, err := full.BlockAny(1, hold, 8, false)
	require.NoError(t, err)
	ended.Close()
	held, err := p.Block(1, hold, 4)
	require.NoError(t, err)
	over, err := p.Block(1, hold, 5)
	require.NoError(t, err)
	require.NoError(t, p.Release(over))
	toBook, err := p.Block(1, hold, 6)
	require.NoError(t, err)
	booked, err := p.Book(toBook)
	require.NoError(t, err)

	const ofTokens = "Book Release Cancel Extend"
	checkPairs(t, planCalls, func() *ask { return &ask{p: p, n: 1, ttl: hold, hold: held, booking: booked} }, []fault{
		{seatmap.ErrClosed, "p", "all", func(a *ask) { a.p = ended }},
		{seatmap.ErrInvalidSeats, "twice", "Block Book Release Cancel", func(a *ask) { a.indices = append(a.indices, 7, 7) }},
		{seatmap.ErrInvalidSeats, "n", "BlockAny", func(a *ask) { a.n = seatmap.MaxSeats + 1 }},
		{seatmap.ErrInvalidTTL, "ttl", "Block BlockAny Extend", func(a *ask) { a.ttl = seatmap.MaxTTL + 1 }},
		{seatmap.ErrUnknownSeat, "unknown", "Block Book Release Cancel Seat", func(a *ask) { a.indices = append([]int{8}, a.indices...) }},
		{seatmap.ErrUnknownSeat, "unknown", "Block Book Release Cancel Seat", func(a *ask) { a.indices = append([]int{-1}, a.indices...) }},
		{seatmap.ErrSoldOut, "p", "Block BlockAny", func(a *ask) { a.p = full }},
		{seatmap.ErrTaken, "taken", "Block", func(a *ask) { a.indices = append(a.indices, 6) }},
		{seatmap.ErrNotEnough, "n", "BlockAny", func(a *ask) { a.n = 9 }},
		{seatmap.ErrExpired, "token", ofTokens, func(a *ask) { a.hold, a.booking = over, over }},
		{seatmap.ErrToken, "token", ofTokens, func(a *ask) { a.hold, a.booking = seatmap.Token{}, seatmap.Token{} }},
		{seatmap.ErrToken, "token", ofTokens, func(a *ask) { a.hold, a.booking = a.booking, a.hold }},
		{seatmap.ErrInvalidSeats, "uncovered", "Book Release Cancel", func(a *ask) { a.indices = append(a.indices, 2) }},
	})
}

// checkPairs makes every call with every fault, and with every two of them. The
// faults are in the order of precedence.
func checkPairs(t *testing.T, calls map[string]func(*ask) error, good func() *ask, faults []fault) {
	t.Helper()
	for name, call := range calls {
		for i, first := range faults {
			for j, second := range faults[i:] {
				if !first.applies(name) || !second.applies(name) || j > 0 && first.field == second.field {
					continue
				}
				for _, swapped := range []bool{false, true} {
					a, one, other := good(), &first, &second
					if swapped {
						one, other = other, one
					}
					if one.do(a); j > 0 {
						other.do(a)
					}
					err := call(a)
					require.ErrorIs(t, err, first.want, "%s: %s and %s", name, first.field, second.field)
					if !errors.Is(first.want, seatmap.ErrSoldOut) {
						require.NotErrorIs(t, err, seatmap.ErrSoldOut, "%s: %s and %s", name, first.field, second.field)
					}
				}
			}
		}
	}
}

func TestTheErrorOfAContextMatchesItsErrAndItsCause(t *testing.T) {
	m := newEvent(t, 2, seatmap.Limits{}, seatmap.MapOptions{})
	cause := errors.New("the user left")
	withCause, stop := context.WithCancelCause(ctx)
	stop(cause)
	without, stopIt := context.WithCancel(ctx)
	stopIt()
	late, stopLate := context.WithDeadlineCause(ctx, time.Now(), cause)
	defer stopLate()
	wrapped, stopWrapped := context.WithCancelCause(ctx)
	stopWrapped(fmt.Errorf("because: %w", context.Canceled))
	for name, call := range mapCalls {
		for _, ended := range []context.Context{withCause, without, late, wrapped} {
			err := call(&ask{m: m, ctx: ended})
			require.ErrorIs(t, err, ended.Err(), name)
			require.ErrorIs(t, err, context.Cause(ended), name)
			require.ErrorContains(t, err, "seatmap: ", name)
		}
	}
	watched, stopWatch := context.WithCancelCause(ctx)
	defer stopWatch(nil)
	var last error
	for _, err := range m.Watch(watched, seatmap.WatchRequest{Event: event}) {
		last = err
		stopWatch(cause)
	}
	require.ErrorIs(t, last, context.Canceled, "on the way")
	require.ErrorIs(t, last, cause, "on the way")
}

func TestWhatWasNotMadeByItsConstructorSaysSo(t *testing.T) {
	made := newMap(t, seatmap.MapOptions{Manual: true})
	for name, call := range mapCalls {
		assert.EqualError(t, testkit.PanicError(t, func() { _ = call(&ask{m: new(seatmap.Map), ctx: ctx}) }),
			"seatmap: Map."+name+": not made by NewMap")
		assert.EqualError(t, testkit.PanicError(t, func() { _ = call(&ask{m: copyOf(made), ctx: ctx}) }),
			"seatmap: Map."+name+": a copy")
	}
	assert.EqualError(t, testkit.PanicError(t, func() { _ = copyOf(made).Close() }), "seatmap: Map.Close: a copy")
	clock := seatmap.NewClock()
	plan := newPlan(t, 2, clock)
	calls := map[string]func(a *ask) error{"Sweep": func(a *ask) error { a.p.Sweep(1); return nil }}
	maps.Copy(calls, planCalls)
	for name, call := range calls {
		assert.EqualError(t, testkit.PanicError(t, func() { _ = call(&ask{p: new(seatmap.Plan), ttl: hold, n: 1}) }),
			"seatmap: Plan."+name+": not made by NewPlan")
		assert.EqualError(t, testkit.PanicError(t, func() { _ = call(&ask{p: copyOf(plan), ttl: hold, n: 1}) }),
			"seatmap: Plan."+name+": a copy")
	}
	assert.EqualError(t, testkit.PanicError(t, func() { copyOf(plan).Close() }), "seatmap: Plan.Close: a copy")
	for state, c := range map[string]*seatmap.Clock{"not made by NewClock": {}, "a copy": copyOf(clock)} {
		err := testkit.PanicError(t, func() { _, _ = seatmap.NewPlan(seatmap.PlanOptions{Seats: 1, Clock: c}) })
		assert.EqualError(t, err, "seatmap: Clock: "+state)
	}
	assert.EqualError(t, testkit.PanicError(t, copyOf(clock).Close), "seatmap: Clock.Close: a copy")

	require.NoError(t, new(seatmap.Map).Close(), "nothing to end")
	new(seatmap.Plan).Close()
	new(seatmap.Clock).Close()
	assert.Equal(t, "Map(not made by NewMap)", fmt.Sprint(new(seatmap.Map)))
	assert.Equal(t, "Plan(not made by NewPlan)", fmt.Sprint(new(seatmap.Plan)))
	assert.Equal(t, "Clock(not made by NewClock)", fmt.Sprint(new(seatmap.Clock)))
	assert.Regexp(t, `^Clock\(\d.*s\)$`, fmt.Sprintf("%d", clock))
	assert.Equal(t, 0, new(seatmap.Plan).Len())
	assert.Empty(t, new(seatmap.Plan).Name())
}

// copyOf makes the copy that go vet warns of.
func copyOf[T any](v *T) *T {
	c := reflect.New(reflect.TypeFor[T]()).Elem()
	c.Set(reflect.ValueOf(v).Elem())
	return c.Addr().Interface().(*T)
}

func TestAPlansNameIsNotTooLongForItsTokens(t *testing.T) {
	_, err := seatmap.NewPlan(seatmap.PlanOptions{Name: strings.Repeat("x", seatmap.MaxName+1), Seats: 1})
	require.ErrorIs(t, err, seatmap.ErrInvalidEvent)
	p, err := seatmap.NewPlan(seatmap.PlanOptions{Name: strings.Repeat("x", seatmap.MaxName), Seats: 1})
	require.NoError(t, err)
	token, err := p.Block(1, hold, 0)
	require.NoError(t, err)
	parsed, err := seatmap.ParseToken(token.Reveal())
	require.NoError(t, err)
	require.NoError(t, p.Release(parsed))
}

func TestATokenTakenForACursorIsNotRepeated(t *testing.T) {
	text := block(t, newEvent(t, 1, seatmap.Limits{}, seatmap.MapOptions{}), "ann", "1").Token.Reveal()
	_, err := seatmap.ParseCursor(text)
	require.ErrorIs(t, err, seatmap.ErrInvalidCursor)
	assert.NotContains(t, err.Error(), text[:20])
}
