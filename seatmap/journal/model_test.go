package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/journal"
	"github.com/coderrange/ferrous/seatmap/journal/internal/faultfs"
)

// TestAJournalThatCrashesGoesOnLikeAMapThatDoesNot does the same to a Store, whose disk
// fails and whose machine crashes, and to a Map.
func TestAJournalThatCrashesGoesOnLikeAMapThatDoesNot(t *testing.T) {
	for name, o := range map[string]journal.Options{
		"volatile holds": small, "durable holds": {Holds: true, SegmentSize: 1 << 16},
	} {
		t.Run(name, func(t *testing.T) {
			testkit.Check(t, func(t *rapid.T) {
				w := &world{o: o, fs: &faultfs.FS{}, m: seatmap.NewMap(seatmap.MapOptions{}), r: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))}
				defer func() { require.NoError(t, w.m.Close()) }()
				w.open(t)
				defer func() { _ = w.s.Close() }() // its disk may have failed
				for _, s := range []all{w.s, w.m} {
					_, err := s.Create(ctx, layout)
					require.NoError(t, err)
				}
				t.Repeat(map[string]func(*rapid.T){
					"": w.check, "block": w.block, "any": w.blockAny, "book": w.book, "release": w.release, "cancel": w.cancel, "extend": w.extend,
					"revoke": w.revoke, "reissue": w.reissue, "move": w.move, "reserve": w.reserve, "reserve any": w.reserveAny, "add seats": w.addSeats, "close seats": w.closeSeats, "open seats": w.openSeats, "set quota": w.setQuota, "pay": w.pay, "unpay": w.unpay,
					"again": w.again, "reopen": w.reopenOne, "compact": w.compact, "flip": w.flip, "pass": w.pass, "carry": w.carry,
				})
			})
		})
	}
}

var layout = seatmap.CreateRequest{
	Event: event,
	Layout: seatmap.Layout{
		Count: 7, Closed: []string{"7"}, Areas: []seatmap.Area{{Name: "floor", Capacity: 6}, {Name: "lawn", Capacity: 5}},
	},
	Limits: seatmap.Limits{Seats: 9, Holds: 4, Lifetime: 3 * ttl, Payment: 2 * ttl},
}

// all is what a Store and a Map offer.
type all interface {
	seatmap.Store
	seatmap.Operator
	seatmap.SeatCloser
	seatmap.Lister
	seatmap.SeatAdder
	seatmap.Payer
	seatmap.Porter
}

// world is a Store and a Map to which the same is done.
type world struct {
	o      journal.Options
	fs     *faultfs.FS
	s      *journal.Store
	m      *seatmap.Map
	r      *rand.Rand
	grants []*given
	calls  []*call // with a key, which can be repeated
	keys   int
	dead   bool // the machine has crashed
}

// given is the tokens of one hold or booking in the Store and in the Map.
type given struct {
	tokens  [2]seatmap.Token
	endless bool
	seats   []string
	user    string
}

// call is a request with a key to the Store, which is the side 0, or to the Map.
type call struct {
	name    string
	do      func(s all, side int) (answer, error)
	durable bool // whatever the options say, its answer is remembered
	grants  grants
}

type grants int

const (
	something grants = iota
	endless          // a hold without a deadline
	nothingNew
)

type answer struct {
	token    seatmap.Token
	replayed bool
	seats    []string
	user     string
	text     string
}

func ofHold(h seatmap.Hold, err error) (answer, error) {
	return answer{h.Token, h.Replayed, h.Seats, h.User, fmt.Sprint(h.User, h.Seats, h.Places, h.At.UnixNano(), h.Left, h.Paying)}, err
}

func ofReceipt(r seatmap.Receipt, err error) (answer, error) {
	return answer{replayed: r.Replayed}, err
}

// kinds are the errors that the Store and the Map must both return.
var kinds = []error{
	seatmap.ErrExpired, seatmap.ErrToken, seatmap.ErrLimit, seatmap.ErrInvalidSeats, seatmap.ErrUnknownSeat, seatmap.ErrSoldOut,
	seatmap.ErrTaken, seatmap.ErrNotEnough, seatmap.ErrKeyReused, seatmap.ErrExists, seatmap.ErrUnknownEvent, seatmap.ErrInvalidTTL, seatmap.ErrInvalidLayout,
}

func kind(err error) string {
	for _, k := range kinds {
		if errors.Is(err, k) {
			return k.Error()
		}
	}
	return fmt.Sprint(err)
}

func (w *world) open(t *rapid.T) {
	s, err := journal.OpenFS(w.fs, w.o)
	require.NoError(t, err)
	w.s = s
}

func (w *world) key() seatmap.Key {
	w.keys++
	return seatmap.NewKey(fmt.Sprint("key ", w.keys))
}

// run does the same in the Store and in the Map. At times, the disk fails meanwhile.
func (w *world) run(t *rapid.T, c *call) {
	w.calls = append(w.calls, c)
	w.breakDisk(t)
	got, err := c.do(w.s, 0)
	synctest.Wait() // for what the journal does in the background
	w.fs.Break(nil)
	if !errors.Is(err, seatmap.ErrUnavailable) && !errors.Is(err, seatmap.ErrOutcomeUnknown) {
		w.same(t, c, got, err)
		if _, err := w.s.Counts(ctx, seatmap.CountsRequest{Event: event}); w.dead || errors.Is(err, seatmap.ErrUnavailable) {
			w.reopenOne(t) // it has failed since
		}
		return
	}
	nothing := !errors.Is(err, seatmap.ErrOutcomeUnknown)
	w.reopen(t)
	got, err = c.do(w.s, 0)
	if err == nil && got.replayed {
		require.False(t, nothing, "%s has happened, though it was unavailable", c.name)
		w.same(t, c, got, err)
		w.dropHolds()
		return
	}
	w.dropHolds()
	w.same(t, c, got, err)
}

// same makes a call to the Map, and compares the answers.
func (w *world) same(t *rapid.T, c *call, got answer, err error) {
	want, wantErr := c.do(w.m, 1)
	require.Equal(t, kind(wantErr), kind(err), c.name)
	if err != nil {
		return
	}
	require.Equal(t, want.text, got.text, c.name)
	if want.replayed {
		require.True(t, got.replayed, c.name)
		return
	}
	if got.token == (seatmap.Token{}) || c.grants == nothingNew {
		return
	}
	g := &given{tokens: [2]seatmap.Token{got.token, want.token}, seats: got.seats, user: got.user, endless: c.grants == endless}
	holds, err := w.m.Holds(ctx, seatmap.HoldsRequest{Event: event, User: g.user})
	require.NoError(t, err)
	for _, h := range holds {
		g.endless = g.endless || h.Fence == want.token.Fence && h.Until.IsZero()
	}
	w.grants = append(w.grants, g)
}

// breakDisk lets the disk fail soon, at times.
func (w *world) breakDisk(t *rapid.T) {
	var fault faultfs.Fault
	fails := func(string) bool { return true }
	switch rapid.IntRange(0, 11).Draw(t, "fault") {
	case 0:
		fault.Crash = true
	case 1:
		fault.Err, fault.Part = errIO, rapid.IntRange(0, 2).Draw(t, "part")
		fails = func(name string) bool { return name == "write" || name == "sync" }
	case 2:
		fault.Err = errFull
		fails = func(name string) bool { return name == "create" || name == "allocate" }
	default:
		return
	}
	after := rapid.IntRange(0, 5).Draw(t, "after")
	w.fs.Break(func(_ int, name string) faultfs.Fault {
		if after--; after < 0 && fails(name) {
			w.dead = w.dead || fault.Crash
			return fault
		}
		return faultfs.Fault{}
	})
}

// reopen ends the Store in some way and opens it again.
func (w *world) reopen(t *rapid.T) {
	if loss := rapid.IntRange(-1, int(faultfs.Losses)-1).Draw(t, "loss"); loss >= 0 || w.dead {
		after := w.fs.Crash(faultfs.Loss(max(loss, 0)), w.r)
		_ = w.s.Close()
		w.fs, w.dead = after, false
	} else {
		_ = w.s.Close() // its disk may have failed
	}
	w.open(t)
	synctest.Wait()
	if !w.o.Holds {
		w.calls = slices.DeleteFunc(w.calls, func(c *call) bool { return !c.durable })
	}
}

// dropHolds ends the holds of the Map that a Store forgets when it is opened again.
func (w *world) dropHolds() {
	for _, g := range w.grants {
		if !w.o.Holds && !g.endless {
			_, _ = w.m.Release(ctx, seatmap.ReleaseRequest{Token: g.tokens[1]}) // it may have ended
		}
	}
}

// check compares all that can be seen.
func (w *world) check(t *rapid.T) { require.Equal(t, seen(t, w.m), seen(t, w.s)) }

func seen(t *rapid.T, s all) string {
	var b strings.Builder
	snapshot, err := s.Seats(ctx, seatmap.SeatsRequest{Event: event})
	require.NoError(t, err)
	for _, one := range snapshot.Seats {
		fmt.Fprintln(&b, one.Seat, one.State, one.User, one.Paying, one.At.UnixNano(), one.Left, one.PayingUntil.UnixNano(), one.Actor, one.Reason, one.Closed, one.ClosedBy, one.ClosedReason, one.Quota, one.Reference)
	}
	fmt.Fprintln(&b, snapshot.Areas)
	var holders []string
	for change, err := range s.Watch(ctx, seatmap.WatchRequest{Event: event}) {
		require.NoError(t, err)
		for _, p := range change.Holders {
			holders = append(holders, fmt.Sprint(p.Area, p.Places, p.State, p.User, p.Paying, p.At.UnixNano(), p.Left, p.PayingUntil.UnixNano(), p.Actor, p.Reason, p.Reference))
		}
		break
	}
	slices.Sort(holders)
	fmt.Fprintln(&b, holders)
	list, err := s.Grants(ctx, seatmap.GrantsRequest{Event: event, Reference: "order 1"})
	require.NoError(t, err)
	var lines []string // the fences of the two differ, and so may their order
	for _, g := range list.Grants {
		require.Equal(t, "order 1", g.Reference)
		lines = append(lines, fmt.Sprint(g.State, g.User, slices.Sorted(slices.Values(g.Seats)), g.Places, g.At.UnixNano(), g.Left, g.Paying, g.Actor))
	}
	slices.Sort(lines)
	fmt.Fprintln(&b, lines)
	for _, user := range users {
		list, err := s.Grants(ctx, seatmap.GrantsRequest{Event: event, User: user})
		require.NoError(t, err)
		fmt.Fprintln(&b, user, len(list.Grants))
		holds, err := s.Holds(ctx, seatmap.HoldsRequest{Event: event, User: user})
		require.NoError(t, err)
		var lines []string
		for _, h := range holds {
			lines = append(lines, fmt.Sprint(slices.Sorted(slices.Values(h.Seats)), h.Places, h.At.UnixNano(), h.Left, h.Paying))
		}
		slices.Sort(lines)
		fmt.Fprintln(&b, user, lines)
	}
	return b.String()
}

var (
	users   = []string{"ann", "bob", "op"}
	someRef = rapid.SampledFrom([]string{"", "", "order 1", "order 2"})
	// Mostly none.
	someQuotas = rapid.SampledFrom([][]string{nil, nil, {"club"}, {"club", "press"}})
	someSeat   = rapid.SampledFrom([]string{"1", "2", "3", "4", "5", "6", "7", "7", "8", "9"})
	someSeats  = rapid.SliceOfNDistinct(someSeat, 0, 3, rapid.ID)
	someTTL    = rapid.SampledFrom([]time.Duration{time.Minute, ttl, 2 * ttl, 4 * ttl})
)

func drawPlaces(t *rapid.T) map[string]int {
	places := map[string]int{}
	for _, area := range []string{"floor", "lawn"} {
		if n := rapid.IntRange(0, 3).Draw(t, area); n > 0 {
			places[area] = n
		}
	}
	if len(places) == 0 {
		return nil
	}
	return places
}

// draw draws one of the last grants; nil if there is none.
func (w *world) draw(t *rapid.T) *given {
	if len(w.grants) == 0 {
		t.Skip("nothing was granted")
	}
	return rapid.SampledFrom(w.grants[max(0, len(w.grants)-6):]).Draw(t, "grant")
}

// drawPart draws a part of a grant; all of it if both are nil.
func drawPart(t *rapid.T, g *given) ([]string, map[string]int) {
	if rapid.Bool().Draw(t, "everything") {
		return nil, nil
	}
	seats, places := []string(nil), drawPlaces(t)
	if len(g.seats) > 0 {
		seats = g.seats[:rapid.IntRange(1, len(g.seats)).Draw(t, "seats")]
	}
	return seats, places
}

func (w *world) block(t *rapid.T) {
	r := seatmap.BlockRequest{
		Event: event, User: rapid.SampledFrom(users).Draw(t, "user"), Key: w.key(), Seats: someSeats.Draw(t, "seats"), Places: drawPlaces(t), TTL: someTTL.Draw(t, "ttl"),
		Reference: someRef.Draw(t, "reference"), Quotas: someQuotas.Draw(t, "quotas"),
	}
	w.run(t, &call{name: "Block", do: func(s all, _ int) (answer, error) { return ofHold(s.Block(ctx, r)) }})
}

func (w *world) blockAny(t *rapid.T) {
	r := seatmap.BlockAnyRequest{Event: event, User: rapid.SampledFrom(users).Draw(t, "user"), Key: w.key(), N: rapid.IntRange(1, 3).Draw(t, "n"), TTL: ttl, Reference: someRef.Draw(t, "reference")}
	r.Where.Quotas = someQuotas.Draw(t, "quotas")
	w.run(t, &call{name: "BlockAny", do: func(s all, _ int) (answer, error) { return ofHold(s.BlockAny(ctx, r)) }})
}

func (w *world) book(t *rapid.T) {
	g, key := w.draw(t), w.key()
	seats, places := drawPart(t, g)
	ref := someRef.Draw(t, "reference")
	w.run(t, &call{name: "Book", durable: true, do: func(s all, side int) (answer, error) {
		b, err := s.Book(ctx, seatmap.BookRequest{Token: g.tokens[side], User: g.user, Key: key, Seats: seats, Places: places, Reference: ref})
		return answer{b.Token, b.Replayed, b.Seats, b.User, fmt.Sprint(b.User, b.Seats, b.Places, b.At.UnixNano())}, err
	}})
}

func (w *world) release(t *rapid.T) {
	g, key := w.draw(t), w.key()
	seats, places := drawPart(t, g)
	w.run(t, &call{name: "Release", do: func(s all, side int) (answer, error) {
		return ofReceipt(s.Release(ctx, seatmap.ReleaseRequest{Token: g.tokens[side], User: g.user, Key: key, Seats: seats, Places: places}))
	}})
}

func (w *world) cancel(t *rapid.T) {
	g, key := w.draw(t), w.key()
	seats, places := drawPart(t, g)
	w.run(t, &call{name: "Cancel", durable: true, do: func(s all, side int) (answer, error) {
		return ofReceipt(s.Cancel(ctx, seatmap.CancelRequest{Token: g.tokens[side], User: g.user, Key: key, Seats: seats, Places: places}))
	}})
}

func (w *world) extend(t *rapid.T) {
	g, key, d := w.draw(t), w.key(), someTTL.Draw(t, "ttl")
	w.run(t, &call{name: "Extend", grants: nothingNew, do: func(s all, side int) (answer, error) {
		return ofHold(s.Extend(ctx, seatmap.ExtendRequest{Token: g.tokens[side], User: g.user, Key: key, TTL: d}))
	}})
}

func (w *world) pay(t *rapid.T) {
	g, key, d := w.draw(t), w.key(), someTTL.Draw(t, "ttl")
	w.run(t, &call{name: "BeginPayment", grants: nothingNew, do: func(s all, side int) (answer, error) {
		return ofHold(s.BeginPayment(ctx, seatmap.PaymentRequest{Token: g.tokens[side], User: g.user, Key: key, TTL: d}))
	}})
}

func (w *world) unpay(t *rapid.T) {
	g, key := w.draw(t), w.key()
	w.run(t, &call{name: "EndPayment", grants: nothingNew, do: func(s all, side int) (answer, error) {
		return ofHold(s.EndPayment(ctx, seatmap.EndPaymentRequest{Token: g.tokens[side], User: g.user, Key: key}))
	}})
}

// target draws a seat, or the fences of one of the last grants in the Store and the Map.
func (w *world) target(t *rapid.T) (seat string, fences [2]uint64) {
	if len(w.grants) == 0 || rapid.Bool().Draw(t, "by a seat") {
		return someSeat.Draw(t, "seat"), fences
	}
	for side, token := range w.draw(t).tokens {
		fences[side] = token.Fence
	}
	return "", fences
}

func (w *world) revoke(t *rapid.T) {
	seat, fences := w.target(t)
	key, places := w.key(), drawPlaces(t)
	w.run(t, &call{name: "Revoke", do: func(s all, side int) (answer, error) {
		return ofReceipt(s.Revoke(ctx, seatmap.RevokeRequest{Event: event, Seat: seat, Fence: fences[side], Actor: "op", Key: key, Places: places}))
	}})
}

func (w *world) reissue(t *rapid.T) {
	seat, fences := w.target(t)
	key := w.key()
	w.run(t, &call{name: "Reissue", do: func(s all, side int) (answer, error) {
		return ofHold(s.Reissue(ctx, seatmap.ReissueRequest{Event: event, Seat: seat, Fence: fences[side], Actor: "op", Key: key}))
	}})
}

func (w *world) move(t *rapid.T) {
	seat, fences := w.target(t)
	key, to, places := w.key(), someSeats.Draw(t, "to"), drawPlaces(t)
	w.run(t, &call{name: "Move", do: func(s all, side int) (answer, error) {
		return ofHold(s.Move(ctx, seatmap.MoveRequest{
			Event: event, Seat: seat, Fence: fences[side], Actor: "op", Key: key, To: to, Places: places,
		}))
	}})
}

// addSeats adds a seat or places, or what does not fit.
func (w *world) addSeats(t *rapid.T) {
	r := seatmap.AddSeatsRequest{Event: event, Actor: "op", Reason: "more", Key: w.key()}
	switch rapid.IntRange(0, 3).Draw(t, "what") {
	case 0:
		r.Layout.Count = rapid.IntRange(1, 2).Draw(t, "seats")
	case 1:
		r.Layout = seatmap.Layout{Count: 1, Closed: []string{strconv.Itoa(rapid.IntRange(7, 9).Draw(t, "closed"))}}
	case 2:
		r.Layout.Areas = []seatmap.Area{{Name: "lawn", Capacity: rapid.IntRange(5, 9).Draw(t, "capacity")}}
	default:
		r.Layout.Areas = []seatmap.Area{{Name: "stairs", Capacity: 2}}
	}
	w.run(t, &call{name: "AddSeats", durable: true, do: func(s all, _ int) (answer, error) { return ofReceipt(s.AddSeats(ctx, r)) }})
}

func (w *world) closeSeats(t *rapid.T) {
	r := seatmap.CloseSeatsRequest{Event: event, Seats: someSeats.Draw(t, "seats"), Actor: "op", Reason: "why", Key: w.key()}
	w.run(t, &call{name: "CloseSeats", durable: true, do: func(s all, _ int) (answer, error) { return ofReceipt(s.CloseSeats(ctx, r)) }})
}

func (w *world) openSeats(t *rapid.T) {
	r := seatmap.OpenSeatsRequest{Event: event, Seats: someSeats.Draw(t, "seats"), Actor: "op", Key: w.key()}
	w.run(t, &call{name: "OpenSeats", durable: true, do: func(s all, _ int) (answer, error) { return ofReceipt(s.OpenSeats(ctx, r)) }})
}

func (w *world) setQuota(t *rapid.T) {
	r := seatmap.SetQuotaRequest{
		Event: event, Seats: someSeats.Draw(t, "seats"), Quota: rapid.SampledFrom([]string{"", "club", "press"}).Draw(t, "quota"),
		Actor: "op", Reason: "why", Key: w.key(),
	}
	w.run(t, &call{name: "SetQuota", durable: true, do: func(s all, _ int) (answer, error) { return ofReceipt(s.SetQuota(ctx, r)) }})
}

func (w *world) reserve(t *rapid.T) {
	r := seatmap.ReserveRequest{
		Event: event, User: rapid.SampledFrom(users).Draw(t, "user"), Actor: "op", Key: w.key(), Seats: someSeats.Draw(t, "seats"), Places: drawPlaces(t),
	}
	w.run(t, &call{name: "Reserve", durable: true, grants: endless, do: func(s all, _ int) (answer, error) { return ofHold(s.Reserve(ctx, r)) }})
}

func (w *world) reserveAny(t *rapid.T) {
	r := seatmap.ReserveAnyRequest{
		Event: event, User: rapid.SampledFrom(users).Draw(t, "user"), Actor: "op", Key: w.key(), N: rapid.IntRange(1, 3).Draw(t, "n"),
	}
	w.run(t, &call{name: "ReserveAny", durable: true, grants: endless, do: func(s all, _ int) (answer, error) { return ofHold(s.ReserveAny(ctx, r)) }})
}

// again repeats a request.
func (w *world) again(t *rapid.T) {
	if len(w.calls) == 0 {
		t.Skip("nothing was asked for")
	}
	c := rapid.SampledFrom(w.calls).Draw(t, "call")
	got, err := c.do(w.s, 0)
	w.same(t, c, got, err)
}

func (w *world) reopenOne(t *rapid.T) {
	w.reopen(t)
	w.dropHolds()
}

func (w *world) compact(t *rapid.T) {
	w.breakDisk(t)
	err := w.s.Compact(ctx)
	synctest.Wait()
	w.fs.Break(nil)
	if _, failed := w.s.Counts(ctx, seatmap.CountsRequest{Event: event}); w.dead || err != nil || failed != nil {
		require.True(t, w.dead || errors.Is(errors.Join(err, failed), seatmap.ErrUnavailable), "%v %v", err, failed)
		w.reopenOne(t)
	}
}

// flip changes a bit of a copy of a file, which is found, or changes nothing.
func (w *world) flip(t *rapid.T) {
	require.NoError(t, w.s.Close())
	damaged := w.fs.Clone()
	names := damaged.Names()
	content := damaged.Content(names[w.r.IntN(len(names))])
	if len(content) > 0 {
		content[w.r.IntN(min(len(content), 1<<12))] ^= 1 << w.r.IntN(8)
	}
	w.dropHolds()
	if s, err := journal.OpenFS(damaged, w.o); err != nil {
		require.ErrorIs(t, err, journal.ErrDamaged)
	} else {
		require.Equal(t, seen(t, w.m), seen(t, s))
		require.NoError(t, s.Close())
	}
	w.reopen(t)
}

func (w *world) pass(t *rapid.T) {
	testkit.Advance(rapid.SampledFrom([]time.Duration{time.Second, 11 * time.Minute, ttl, 3 * ttl}).Draw(t, "time"))
}

// carry moves the event out and in again.
func (w *world) carry(t *rapid.T) {
	lapse := rapid.Bool().Draw(t, "lapse")
	for _, s := range []all{w.s, w.m} {
		var export bytes.Buffer
		_, err := s.Export(ctx, seatmap.ExportRequest{Event: event, Remove: true}, &export)
		require.NoError(t, err)
		_, err = s.Import(ctx, seatmap.ImportRequest{Lapse: lapse}, &export)
		require.NoError(t, err)
	}
}
