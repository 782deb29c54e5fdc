package seatmap_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
)

var ctx = context.Background()

// oracle is a seat map as one would write it without a thought for speed: a list
// of grants, each with its seats, looked through from end to end for every
// question.
type oracle struct {
	name   string
	seats  int
	closed []string
	quotas map[string]string // by seat; changed only as a whole
	layout seatmap.Layout    // what else it says
	limits seatmap.Limits
	grants []*grant
	keys   map[string]*remembered // by user and key
	gone   bool                   // the event was removed

	created *eventKeyed // nil if it was created without a key
	moves   int         // how often it was exported and imported

	operations int // how many changes operators have made
}

type grant struct {
	of      *oracle
	token   seatmap.Token
	user    string
	seats   []string
	places  map[string]int
	booked  bool
	born    time.Time
	until   time.Time // of a hold
	endless bool      // a hold without a deadline
	by      bool      // an operator gave it its fence
	ref     string    // its reference
	over    bool
	ended   time.Time // once it is over
	// Of a payment: the deadline without it, its beginning and end; paid is zero if none is there.
	own, began, paid time.Time
}

type remembered struct {
	request string
	answer  seatmap.Hold // or booking
	grant   *grant
}

func (o *oracle) live() (grants []*grant) {
	for _, g := range o.grants {
		if !g.over && !g.booked && !g.endless && !time.Now().Before(g.until) {
			g.over, g.ended = true, g.until
		}
		if !g.over {
			grants = append(grants, g)
		}
	}
	return grants
}

func (o *oracle) holder(seat string) *grant {
	for _, g := range o.live() {
		if slices.Contains(g.seats, seat) {
			return g
		}
	}
	return nil
}

func (o *oracle) state(seat string) (seatmap.SeatState, *grant) {
	switch g := o.holder(seat); {
	case g == nil && (slices.Contains(o.closed, seat) || o.quotas[seat] != ""):
		return seatmap.SeatClosed, nil
	case g == nil:
		return seatmap.SeatAvailable, nil
	case g.booked:
		return seatmap.SeatBooked, g
	default:
		return seatmap.SeatBlocked, g
	}
}

func (o *oracle) all() (seats []string) {
	for i := range o.seats {
		seats = append(seats, strconv.Itoa(i+1))
	}
	return seats
}

// area returns how many places of an area are in each state.
func (o *oracle) area(a *seatmap.Area) seatmap.Counts {
	c := seatmap.Counts{Available: a.Capacity}
	for _, g := range o.live() {
		n := g.places[a.Name]
		c.Available -= n
		if g.booked {
			c.Booked += n
		} else {
			c.Blocked += n
		}
	}
	return c
}

// soldOut says whether no seat and no place is available to a request that names quotas.
func (o *oracle) soldOut(quotas ...string) bool {
	for i := range o.layout.Areas {
		if o.area(&o.layout.Areas[i]).Available > 0 {
			return false
		}
	}
	return len(o.available(quotas...)) == 0
}

// lacks says whether the event does not have an area.
func (o *oracle) lacks(places map[string]int) bool {
	for name := range places {
		if !slices.ContainsFunc(o.layout.Areas, func(a seatmap.Area) bool { return a.Name == name }) {
			return true
		}
	}
	return false
}

func total(places map[string]int) (n int) {
	for _, some := range places {
		n += some
	}
	return n
}

// available returns the seats that a request can have that names quotas.
func (o *oracle) available(quotas ...string) []string {
	return slices.DeleteFunc(o.all(), func(s string) bool {
		state, g := o.state(s)
		return state != seatmap.SeatAvailable &&
			(g != nil || slices.Contains(o.closed, s) || !slices.Contains(quotas, o.quotas[s]))
	})
}

func (o *oracle) limit(user string, n int, ttl time.Duration) string {
	seats, holds := n, 1
	for _, g := range o.live() {
		if g.user == user {
			seats += len(g.seats) + total(g.places)
			if !g.booked {
				holds++
			}
		}
	}
	l := o.limits
	if l.Seats > 0 && seats > l.Seats || l.Holds > 0 && holds > l.Holds || l.Lifetime > 0 && ttl > l.Lifetime {
		return seatmap.ErrLimit.Error()
	}
	return "ok"
}

// block says what Block must answer.
func (o *oracle) block(user string, seats []string, places map[string]int, ttl time.Duration, quotas ...string) string {
	if len(without(seats, o.all())) > 0 || o.lacks(places) {
		return seatmap.ErrUnknownSeat.Error()
	}
	free := o.available(quotas...)
	if o.soldOut(quotas...) {
		return seatmap.ErrSoldOut.Error()
	}
	for _, s := range seats {
		if !slices.Contains(free, s) {
			return seatmap.ErrTaken.Error()
		}
	}
	for i := range o.layout.Areas {
		if a := &o.layout.Areas[i]; o.area(a).Available < places[a.Name] {
			return seatmap.ErrNotEnough.Error()
		}
	}
	return o.limit(user, len(seats)+total(places), ttl)
}

// any says which seats BlockAny must take.
func (o *oracle) any(n int, w seatmap.Where) ([]string, string) {
	free := o.available(w.Quotas...)
	if o.soldOut(w.Quotas...) {
		return nil, seatmap.ErrSoldOut.Error()
	}
	layout := o.layout
	if layout.Rows == nil {
		layout.Count = o.seats
	}
	if n > o.seats {
		return nil, seatmap.ErrNotEnough.Error()
	}
	if seats := chosen(&layout, free, n, &w); seats != nil {
		return seats, "ok"
	}
	return nil, seatmap.ErrNotEnough.Error()
}

// use says what a call with the token of a grant must answer.
func (o *oracle) use(g *grant, booked bool, seats []string, places map[string]int) string {
	o.live()
	switch {
	case len(without(seats, o.all())) > 0 || o.lacks(places):
		return seatmap.ErrUnknownSeat.Error()
	case g.over || g.of != o:
		return seatmap.ErrExpired.Error()
	case g.booked != booked:
		return seatmap.ErrToken.Error()
	case len(without(seats, g.seats)) > 0:
		return seatmap.ErrInvalid.Error()
	}
	for name, n := range places {
		if n > g.places[name] {
			return seatmap.ErrInvalid.Error()
		}
	}
	return "ok"
}

// take removes seats and places, or all of them when both are nil, from a grant.
func (o *oracle) take(g *grant, seats []string, places map[string]int) ([]string, map[string]int) {
	if seats == nil && places == nil {
		seats, places = g.seats, maps.Clone(g.places)
	}
	g.seats = without(g.seats, seats)
	for name, n := range places {
		if g.places[name] -= n; g.places[name] == 0 {
			delete(g.places, name)
		}
	}
	if len(g.seats) == 0 && len(g.places) == 0 {
		g.over, g.ended = true, time.Now()
	}
	return seats, places
}

// recall returns what the user's request with the key got before, or the error
// of a key that stands for another one.
func (o *oracle) recall(user, key, request string) (r *remembered, want string) {
	if r = o.keys[user+" "+key]; key == "" || r == nil {
		return nil, ""
	}
	o.live()
	switch g := r.grant; {
	case g.over && !time.Now().Before(g.ended.Add(seatmap.KeyMemory)):
		return nil, ""
	case r.request != request:
		return nil, seatmap.ErrKeyReused.Error()
	}
	return r, "ok"
}

func TestMapBehavesLikeTheOracle(t *testing.T) {
	for _, manual := range []bool{true, false} {
		t.Run(fmt.Sprintf("manual=%v", manual), func(t *testing.T) {
			testkit.Check(t, func(t *rapid.T) {
				ring := rapid.SampledFrom([]int{1, 3, 1024}).Draw(t, "ring")
				m := seatmap.NewMap(seatmap.MapOptions{Manual: manual, SweepEvery: time.Second, Ring: ring})
				w := &world{
					m: m, manual: manual, ring: ring, events: map[string]*oracle{}, watchers: map[string]*liveWatcher{},
					fence: map[string]uint64{}, revision: map[string]uint64{}, keys: map[string]*eventKeyed{},
				}
				defer func() { require.NoError(t, m.Close()) }() // also after a failure
				w.create(t)
				t.Repeat(map[string]func(*rapid.T){
					"": w.check, "create": w.create, "remove": w.remove, "block": w.block, "any": w.blockAny,
					"book": w.book, "release": w.release, "cancel": w.cancel, "extend": w.extend, "forge": w.forge,
					"dead context": w.deadContext, "time": w.time, "sweep": w.sweep, "watch": w.watch, "move": w.move, "revoke": w.revoke, "reissue": w.reissue, "move seats": w.moveSeats,
					"reserve": w.reserve, "reserve any": w.reserveAny, "add seats": w.addSeats, "pay": w.pay, "give up": w.giveUp, "close seats": w.closeSeats, "open seats": w.openSeats, "set quota": w.setQuota,
				})
				w.close(t)
			})
		})
	}
}

// world is a map with its oracles, one for each event that there is.
type world struct {
	m        *seatmap.Map
	manual   bool
	ring     int
	events   map[string]*oracle
	watchers map[string]*liveWatcher
	grants   []*grant // of all events that there ever were
	cursors  []placed
	keys     map[string]*eventKeyed // by event and key
	fence    map[string]uint64      // the last one of an event's name
	revision map[string]uint64      // likewise
}

// eventKeyed is a Create or Remove with a key.
type eventKeyed struct {
	request string
	until   time.Time // when to forget it; zero while the event exists
}

// placed is a cursor with the life of an event that it is of.
type placed struct {
	of     *oracle
	moves  int
	cursor seatmap.Cursor
}

var (
	someEvent = rapid.SampledFrom([]string{event, event, event, "opera"})
	someUser  = rapid.SampledFrom([]string{"ann", "bob"})
	someKey   = rapid.SampledFrom([]string{"", "", "k1", "k2"})
	someRef   = rapid.SampledFrom([]string{"", "", "order 1", "order 2"})
	// Mostly none.
	someQuotas = rapid.SampledFrom([][]string{nil, nil, {}, {"club"}, {"press"}, {"club", "press"}})
	someTTL    = rapid.Map(rapid.IntRange(1, 12), func(n int) time.Duration { return time.Duration(n) * time.Second })
)

func (w *world) create(t *rapid.T) {
	o := &oracle{name: someEvent.Draw(t, "event"), seats: rapid.IntRange(1, 8).Draw(t, "seats"), keys: map[string]*remembered{}}
	if o.seats > 1 && rapid.Bool().Draw(t, "closed") {
		o.closed = []string{"2"}
	}
	if rapid.Bool().Draw(t, "limited") {
		o.limits = seatmap.Limits{Seats: 4, Holds: 2, Lifetime: 10 * time.Second, Payment: 8 * time.Second}
	}
	if rapid.Bool().Draw(t, "rows") {
		o.layout = someLayout(t, o.all())
	}
	for _, name := range []string{"floor", "lawn"} {
		if rapid.Bool().Draw(t, name) {
			o.layout.Areas = append(o.layout.Areas, seatmap.Area{Name: name, Capacity: rapid.IntRange(1, 6).Draw(t, "capacity")})
		}
	}
	if o.layout.Areas != nil && rapid.IntRange(0, 3).Draw(t, "only areas") == 0 {
		o.seats, o.closed, o.layout = 0, nil, seatmap.Layout{Areas: o.layout.Areas}
	}
	layout := o.layout
	if layout.Closed = o.closed; layout.Rows == nil { // a Count of 0 is none
		layout.Count = o.seats
	}
	k := someKey.Draw(t, "key")
	receipt, err := w.m.Create(ctx, seatmap.CreateRequest{Event: o.name, Key: seatmap.NewKey(k), Layout: layout, Limits: o.limits})
	request := fmt.Sprintf("create %+v %+v", layout, o.limits)
	if w.repeats(t, o.name, k, request, receipt, err) {
		return
	}
	if w.events[o.name] != nil {
		require.ErrorIs(t, err, seatmap.ErrExists)
		return
	}
	require.NoError(t, err)
	w.events[o.name] = o
	if k != "" {
		o.created = &eventKeyed{request: request}
		w.keys[o.name+" "+k] = o.created
	}
	if rapid.IntRange(0, 2).Draw(t, "watched") == 0 {
		return // but for those who come and go
	}
	l := w.follow(o)
	if before, again := w.revision[o.name]; again {
		require.Greater(t, l.view.at, before)
	}
	w.watchers[o.name] = l
}

// repeats says whether a request about an event has a key that is known, and checks
// its answer if so.
func (w *world) repeats(t *rapid.T, name, key, request string, got seatmap.Receipt, err error) bool {
	known := w.keys[name+" "+key]
	switch {
	case key == "" || known == nil || !known.until.IsZero() && !time.Now().Before(known.until):
		require.False(t, got.Replayed)
		return false
	case known.request != request:
		require.ErrorIs(t, err, seatmap.ErrKeyReused)
		require.Zero(t, got)
	default:
		require.NoError(t, err)
		require.True(t, got.Replayed)
	}
	return true
}

func (w *world) remove(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "really") > 0 {
		t.Skip("events would be short")
	}
	name := someEvent.Draw(t, "event")
	k := someKey.Draw(t, "key")
	receipt, err := w.m.Remove(ctx, seatmap.RemoveRequest{Event: name, Key: seatmap.NewKey(k)})
	o := w.events[name]
	if w.repeats(t, name, k, "remove", receipt, err) {
		return
	}
	if o == nil {
		require.ErrorIs(t, err, seatmap.ErrUnknownEvent)
		return
	}
	require.NoError(t, err)
	o.gone = true
	delete(w.events, name)
	if o.created != nil {
		o.created.until = time.Now().Add(seatmap.KeyMemory)
	}
	if k != "" {
		w.keys[name+" "+k] = &eventKeyed{request: "remove", until: time.Now().Add(seatmap.KeyMemory)}
	}
	synctest.Wait()
	if l := w.watchers[name]; l != nil {
		l.ended(t, seatmap.ErrUnknownEvent)
		w.revision[name] = l.view.at
		delete(w.watchers, name)
	}
}

// move moves an event out of the map and into it again.
func (w *world) move(t *rapid.T) {
	o := w.events[someEvent.Draw(t, "event")]
	if o == nil {
		t.Skip("no such event")
	}
	export := exported(t, w.m, o.name, true)
	if rapid.Bool().Draw(t, "through another map") {
		other := seatmap.NewMap(seatmap.MapOptions{Manual: true})
		require.NoError(t, imported(other, export))
		compare(t, other, o)
		export = exported(t, other, o.name, true)
		require.NoError(t, other.Close())
	}
	require.NoError(t, imported(w.m, export))
	o.moves++
	synctest.Wait()
	if l := w.watchers[o.name]; l != nil {
		l.ended(t, seatmap.ErrUnknownEvent)
		w.watchers[o.name] = w.follow(o)
	}
}

// granted notes a hold or booking that was made just now.
func (w *world) granted(t *rapid.T, o *oracle, g *grant) *grant {
	require.Greater(t, g.token.Fence, w.fence[o.name])
	w.fence[o.name] = g.token.Fence
	g.of, g.born = o, time.Now()
	o.grants, w.grants = append(o.grants, g), append(w.grants, g)
	return g
}

// settle compares the answer to a request that may have a key with what the key
// or, if it is new, the oracle says. It returns whether something was granted.
func settle(t *rapid.T, o *oracle, user, key, request, fresh string, got seatmap.Hold, err error) bool {
	known, want := (*remembered)(nil), fresh
	if fresh != seatmap.ErrUnknownSeat.Error() {
		if r, answer := o.recall(user, key, request); answer != "" {
			known, want = r, answer
		}
	}
	require.Equal(t, want, kind(err))
	if known != nil {
		replay := known.answer
		replay.Replayed = true
		if !replay.Until.IsZero() {
			replay.Left = max(time.Until(replay.Until), 0)
		}
		require.Equal(t, fmt.Sprint(replay.Until.UnixNano(), replay.At.UnixNano()), fmt.Sprint(got.Until.UnixNano(), got.At.UnixNano()))
		got.Until, got.At = replay.Until, replay.At
		require.Equal(t, replay, got)
		return false
	}
	if err != nil {
		require.Zero(t, got)
		return false
	}
	require.False(t, got.Replayed)
	require.Equal(t, user, got.User)
	require.Equal(t, time.Now().UnixNano(), got.At.UnixNano())
	return true
}

func (w *world) block(t *rapid.T) {
	name, u, k, d := someEvent.Draw(t, "event"), someUser.Draw(t, "user"), someKey.Draw(t, "key"), someTTL.Draw(t, "ttl")
	seats := rapid.SliceOfN(rapid.Map(rapid.IntRange(0, 9), strconv.Itoa), 0, 4).Draw(t, "seats")
	places, ref, quotas := wantedPlaces(t), someRef.Draw(t, "reference"), someQuotas.Draw(t, "quotas")
	h, err := w.m.Block(ctx, seatmap.BlockRequest{
		Event: name, User: u, Key: seatmap.NewKey(k), Seats: seats, Places: places, TTL: d, ListTaken: rapid.Bool().Draw(t, "list"),
		Reference: ref, Quotas: quotas,
	})
	o := w.events[name]
	switch {
	case len(seats)+len(places) == 0 || len(slices.Compact(slices.Sorted(slices.Values(seats)))) < len(seats):
		require.ErrorIs(t, err, seatmap.ErrInvalidSeats)
		return
	case o == nil:
		require.ErrorIs(t, err, seatmap.ErrUnknownEvent)
		return
	}
	request := fmt.Sprintf("block %v %t %v %v %q %v", seats, places == nil, places, d, ref, quotas)
	if settle(t, o, u, k, request, o.block(u, seats, places, d, quotas...), h, err) {
		w.hold(t, o, k, request, h, seats, places, d).ref = ref
	}
}

func (w *world) blockAny(t *rapid.T) {
	name, u, k, d := someEvent.Draw(t, "event"), someUser.Draw(t, "user"), someKey.Draw(t, "key"), someTTL.Draw(t, "ttl")
	n := rapid.IntRange(1, 9).Draw(t, "n")
	where, ref := someWhere(t, "1", "9"), someRef.Draw(t, "reference")
	where.Quotas = someQuotas.Draw(t, "quotas")
	h, err := w.m.BlockAny(ctx, seatmap.BlockAnyRequest{Event: name, User: u, Key: seatmap.NewKey(k), N: n, Where: where, TTL: d, Reference: ref})
	o := w.events[name]
	if o == nil {
		require.ErrorIs(t, err, seatmap.ErrUnknownEvent)
		return
	}
	seats, want := o.any(n, where)
	if want == "ok" {
		want = o.limit(u, n, d)
	}
	request := fmt.Sprintf("any %d %+v %v %q", n, where, d, ref)
	if settle(t, o, u, k, request, want, h, err) {
		w.hold(t, o, k, request, h, seats, nil, d).ref = ref
	}
}

// wantedPlaces draws places to ask for; mostly none.
func wantedPlaces(t *rapid.T) map[string]int {
	area := rapid.SampledFrom([]string{"floor", "floor", "lawn", "cellar"})
	switch rapid.IntRange(0, 5).Draw(t, "places") {
	case 0, 1:
		return rapid.MapOfN(area, rapid.IntRange(1, 4), 1, 2).Draw(t, "of")
	case 2:
		return map[string]int{}
	}
	return nil
}

// hold notes a new hold.
func (w *world) hold(
	t *rapid.T, o *oracle, key, request string, h seatmap.Hold, seats []string, places map[string]int, ttl time.Duration,
) *grant {
	require.Equal(t, fmt.Sprint(seats, places), fmt.Sprint(h.Seats, h.Places))
	require.Equal(t, time.Now().Add(ttl).UnixNano(), h.Until.UnixNano())
	g := w.granted(t, o, &grant{token: h.Token, user: h.User, seats: seats, places: maps.Clone(places), until: time.Now().Add(ttl)})
	if key != "" {
		o.keys[h.User+" "+key] = &remembered{request: request, answer: h, grant: g}
	}
	return g
}

// pick draws a grant of any event that there ever was, and seats to ask for. It
// says what a call with the grant's token must answer.
func (w *world) pick(t *rapid.T, booked bool) (g *grant, o *oracle, seats []string, places map[string]int, want string) {
	if len(w.grants) == 0 {
		t.Skip("no grant yet")
	}
	g = rapid.SampledFrom(w.grants[max(0, len(w.grants)-6):]).Draw(t, "grant")
	seats, places, o = some(t, g.seats), wantedPlaces(t), w.events[g.of.name]
	switch {
	case namesNothing(seats, places):
		return g, o, seats, places, seatmap.ErrInvalid.Error()
	case o == nil:
		return g, o, seats, places, seatmap.ErrUnknownEvent.Error()
	}
	return g, o, seats, places, o.use(g, booked, seats, places)
}

// namesNothing says whether lists are there and empty.
func namesNothing(seats []string, places map[string]int) bool {
	return (seats != nil || places != nil) && len(seats)+len(places) == 0
}

func (w *world) book(t *rapid.T) {
	g, o, seats, places, want := w.pick(t, false)
	k := someKey.Draw(t, "key")
	u := rapid.SampledFrom([]string{g.user, g.user, "bob"}).Draw(t, "user")
	ref := someRef.Draw(t, "reference")
	b, err := w.m.Book(ctx, seatmap.BookRequest{Token: g.token, User: u, Key: seatmap.NewKey(k), Seats: seats, Places: places, Reference: ref})
	if namesNothing(seats, places) || o == nil {
		require.Equal(t, want, kind(err))
		return
	}
	if u != g.user && (want == "ok" || want == seatmap.ErrInvalid.Error()) {
		want = seatmap.ErrToken.Error()
	}
	request := fmt.Sprintf("book %s %t %v %t %v %q", g.token.Reveal(), seats == nil, seats, places == nil, places, ref)
	got := seatmap.Hold{Token: b.Token, User: b.User, Seats: b.Seats, Places: b.Places, At: b.At, Replayed: b.Replayed}
	if !settle(t, o, u, k, request, want, got, err) {
		return
	}
	taken, takenPlaces := o.take(g, seats, places)
	if g.paying() {
		o.stopPaying(g)
	}
	require.ElementsMatch(t, taken, b.Seats)
	require.Equal(t, fmt.Sprint(takenPlaces), fmt.Sprint(b.Places))
	booking := w.granted(t, o, &grant{
		token: b.Token, user: u, seats: slices.Clone(taken), places: maps.Clone(takenPlaces), booked: true,
		ref: cmp.Or(ref, g.ref),
	})
	if k != "" {
		o.keys[u+" "+k] = &remembered{request: request, answer: got, grant: booking}
	}
}

func (w *world) release(t *rapid.T) {
	g, o, seats, places, want := w.pick(t, false)
	u, k := w.owner(t, g)
	receipt, err := w.m.Release(ctx, seatmap.ReleaseRequest{Token: g.token, User: u, Key: seatmap.NewKey(k), Seats: seats, Places: places})
	w.giveBack(t, "release", g, o, u, k, seats, places, want, receipt, err)
}

// owner draws a user and a key of a request with the token of the grant.
func (w *world) owner(t *rapid.T, g *grant) (user, key string) {
	return rapid.SampledFrom([]string{"", g.user, g.user, "bob"}).Draw(t, "user"), someKey.Draw(t, "key")
}

// owned says what a request with the token of a grant must answer that has this user
// and key, if the oracle wants something without them.
func owned(g *grant, user, key, want string) string {
	switch {
	case user == "" && key != "":
		return seatmap.ErrInvalid.Error()
	case user != "" && user != g.user && (want == "ok" || want == seatmap.ErrInvalid.Error()):
		return seatmap.ErrToken.Error()
	}
	return want
}

func (w *world) giveBack(
	t *rapid.T, method string, g *grant, o *oracle, u, k string, seats []string, places map[string]int, want string,
	got seatmap.Receipt, err error,
) {
	if k != "" && u == "" || namesNothing(seats, places) || o == nil {
		if k != "" && u == "" {
			want = seatmap.ErrInvalid.Error()
		}
		require.Equal(t, want, kind(err))
		return
	}
	want = owned(g, u, k, want)
	request, known := fmt.Sprint(method, g.token.Reveal(), seats == nil, seats, places == nil, places), (*remembered)(nil)
	if want != seatmap.ErrUnknownSeat.Error() {
		if r, answer := o.recall(u, k, request); answer != "" {
			known, want = r, answer
		}
	}
	require.Equal(t, want, kind(err))
	require.Equal(t, known != nil, got.Replayed)
	if err != nil || got.Replayed {
		return
	}
	o.take(g, seats, places)
	if k != "" {
		o.keys[u+" "+k] = &remembered{request: request, grant: &grant{over: true, ended: time.Now()}}
	}
}

func (w *world) cancel(t *rapid.T) {
	g, o, seats, places, want := w.pick(t, true)
	u, k := w.owner(t, g)
	receipt, err := w.m.Cancel(ctx, seatmap.CancelRequest{Token: g.token, User: u, Key: seatmap.NewKey(k), Seats: seats, Places: places})
	w.giveBack(t, "cancel", g, o, u, k, seats, places, want, receipt, err)
}

func (w *world) extend(t *rapid.T) {
	g, o, seats, places, want := w.pick(t, false)
	if seats != nil || places != nil {
		t.Skip("all seats of a hold are extended")
	}
	d := someTTL.Draw(t, "ttl")
	until := time.Now().Add(d)
	if o != nil {
		longest := o.limits.Lifetime
		if longest > 0 && (d > longest || want == "ok" && until.Sub(g.born) > longest) {
			want = seatmap.ErrLimit.Error()
		}
	}
	u, k := w.owner(t, g)
	h, err := w.m.Extend(ctx, seatmap.ExtendRequest{Token: g.token, User: u, Key: seatmap.NewKey(k), TTL: d})
	if k != "" && u == "" {
		require.ErrorIs(t, err, seatmap.ErrInvalidUser)
		return
	}
	if o == nil {
		require.Equal(t, want, kind(err))
		return
	}
	// Whether a hold would last too long is said after whose it is, unless TTL alone
	// is too long.
	if longest := o.limits.Lifetime; want != seatmap.ErrLimit.Error() || longest == 0 || d <= longest && u != "" && u != g.user {
		if want == seatmap.ErrLimit.Error() {
			want = "ok"
		}
		want = owned(g, u, k, want)
	}
	request, known := fmt.Sprint("extend", g.token.Reveal(), d), (*remembered)(nil)
	if r, answer := o.recall(u, k, request); answer != "" {
		known, want = r, answer
	}
	require.Equal(t, want, kind(err))
	require.Equal(t, known != nil, h.Replayed)
	if err != nil {
		return
	}
	require.Equal(t, max(time.Until(h.Until), 0), h.Left)
	require.Equal(t, g.token, h.Token)
	if known != nil {
		require.Equal(t, known.answer.Until.UnixNano(), h.Until.UnixNano())
		require.Equal(t, known.answer.Seats, h.Seats)
		return
	}
	if g.paying() && until.After(g.own) {
		g.own = until
	}
	if until.After(g.until) && !g.endless {
		g.until = until
	}
	require.Equal(t, g.until.UnixNano(), h.Until.UnixNano())
	require.ElementsMatch(t, g.seats, h.Seats)
	require.Equal(t, fmt.Sprint(g.places), fmt.Sprint(h.Places))
	if k != "" {
		o.keys[u+" "+k] = &remembered{request: request, answer: h, grant: &grant{over: true, ended: time.Now()}}
	}
}

func (w *world) forge(t *rapid.T) {
	g, o, seats, _, _ := w.pick(t, false)
	if seats != nil || o == nil {
		t.Skip("the token is what is wrong")
	}
	damaged := seatmap.Damaged(g.token, rapid.IntRange(0, seatmap.TokenBits-1).Draw(t, "bit"))
	_, err := book(w.m, damaged)
	require.ErrorIs(t, err, seatmap.ErrToken)
	require.ErrorIs(t, release(w.m, damaged), seatmap.ErrToken)
	require.ErrorIs(t, cancel(w.m, damaged), seatmap.ErrToken)
	_, err = extend(w.m, damaged, time.Second)
	require.ErrorIs(t, err, seatmap.ErrToken)
}

func (w *world) deadContext(t *rapid.T) {
	cause := errors.New("left")
	dead, stop := context.WithCancelCause(ctx)
	stop(cause)
	name := rapid.SampledFrom(slices.Sorted(maps.Keys(mapCalls))).Draw(t, "method")
	a := &ask{m: w.m, ctx: dead, event: event, user: "ann", n: 1, ttl: hold, layout: seatmap.Layout{Count: 1}}
	if len(w.grants) > 0 {
		a.hold, a.booking = w.grants[len(w.grants)-1].token, w.grants[len(w.grants)-1].token
	}
	err := mapCalls[name](a)
	require.ErrorIs(t, err, cause)
	require.ErrorIs(t, err, context.Canceled)
}

func (w *world) time(t *rapid.T) {
	d := time.Duration(rapid.IntRange(1, 4000).Draw(t, "ms")) * time.Millisecond
	if rapid.IntRange(0, 3).Draw(t, "jump") == 0 {
		d = rapid.SampledFrom([]time.Duration{
			seatmap.KeyMemory - time.Second, seatmap.KeyMemory + time.Second, seatmap.WatchMemory, 24 * time.Hour,
		}).Draw(t, "far")
	}
	testkit.Advance(d)
}

func (w *world) sweep(t *rapid.T) {
	_, err := w.m.Sweep(ctx)
	require.NoError(t, err)
	synctest.Wait()
	for name, l := range w.watchers {
		l.view.same(t, w.events[name], true)
	}
}

// check compares all that the map reports with the oracles.
func (w *world) check(t *rapid.T) {
	synctest.Wait()
	seatmap.CheckSweeper(t, w.m)
	seatmap.CheckReferences(t, w.m)
	for _, name := range []string{event, "opera"} {
		o := w.events[name]
		if o == nil {
			_, err := w.m.Counts(ctx, seatmap.CountsRequest{Event: name})
			require.ErrorIs(t, err, seatmap.ErrUnknownEvent)
			continue
		}
		compare(t, w.m, o)
		s, err := w.m.Seats(ctx, seatmap.SeatsRequest{Event: name})
		require.NoError(t, err)
		synctest.Wait() // Seats has ended holds of places
		if l := w.watchers[name]; l != nil {
			l.caughtUp(t, o, s.Revision)
			l.replays(t, w.m, o)
		}
		w.cursors = append(w.cursors, placed{o, o.moves, s.Cursor})
	}
	compareEvents(t, w.m, slices.Sorted(maps.Keys(w.events)))
}

// close ends the map: the watchers are told all that was done before.
func (w *world) close(t *rapid.T) {
	require.NoError(t, w.m.Close())
	synctest.Wait()
	for _, l := range w.watchers {
		l.ended(t, seatmap.ErrClosed)
	}
	for name, call := range mapCalls {
		require.ErrorIs(t, call(&ask{m: w.m, ctx: ctx}), seatmap.ErrClosed, name)
	}
}

// some draws seats, mostly of those given; none at times.
func some(t *rapid.T, seats []string) []string {
	chosen := rapid.SliceOfNDistinct(rapid.SampledFrom(append(slices.Clone(seats), "1")), 0, 3, rapid.ID).Draw(t, "some")
	if len(chosen) == 0 && rapid.IntRange(0, 3).Draw(t, "nothing") > 0 {
		return nil // all
	}
	return chosen
}

// compare compares all that the map reports with the oracle.
func compare(t *rapid.T, m *seatmap.Map, o *oracle) {
	s, err := m.Seats(ctx, seatmap.SeatsRequest{Event: o.name})
	require.NoError(t, err)
	require.Len(t, s.Seats, o.seats)
	require.False(t, s.More)
	limit, pages := rapid.IntRange(1, 4).Draw(t, "limit"), []seatmap.SeatInfo(nil)
	for page := (seatmap.Snapshot{More: true}); page.More; pages = append(pages, page.Seats...) {
		r := seatmap.SeatsRequest{Event: o.name, Limit: limit}
		if len(page.Seats) > 0 {
			r.After = page.Seats[len(page.Seats)-1].Seat
		}
		page, err = m.Seats(ctx, r)
		require.NoError(t, err)
		require.True(t, len(page.Seats) > 0 || o.seats == 0)
		require.LessOrEqual(t, len(page.Seats), limit)
		require.Equal(t, s.Cursor, page.Cursor, "nothing has changed")
	}
	require.Equal(t, fmt.Sprint(s.Seats), fmt.Sprint(pages))
	var want seatmap.Counts
	require.Len(t, s.Areas, len(o.layout.Areas))
	for i := range o.layout.Areas {
		a := &o.layout.Areas[i]
		c := o.area(a)
		require.Equal(t, seatmap.AreaInfo{Area: a.Name, Counts: c}, s.Areas[i])
		one, err := m.Counts(ctx, seatmap.CountsRequest{Event: o.name, Area: a.Name})
		require.NoError(t, err)
		require.Equal(t, c, one)
		want.Available, want.Blocked, want.Booked = want.Available+c.Available, want.Blocked+c.Blocked, want.Booked+c.Booked
	}
	for i, seat := range o.all() {
		state, g := o.state(seat)
		got := s.Seats[i]
		one, err := m.Seat(ctx, seatmap.SeatRequest{Event: o.name, Seat: seat})
		require.NoError(t, err)
		require.Equal(t, one, got)
		require.Equal(t, seat, got.Seat)
		require.Equal(t, state, got.State, seat)
		require.Equal(t, slices.Contains(o.closed, seat), got.Closed, seat)
		require.Equal(t, o.quotas[seat], got.Quota, seat)
		if g != nil {
			require.Equal(t, g.user, got.User)
			require.Equal(t, g.paying(), got.Paying)
			require.Equal(t, g.operator(), got.Actor)
			require.Equal(t, g.ref, got.Reference)
			require.Equal(t, g.paying(), !got.PayingUntil.IsZero())
			if g.paying() {
				require.Equal(t, g.paid.UnixNano(), got.PayingUntil.UnixNano())
			}
			require.Equal(t, g.token.Fence, got.Fence)
			require.Equal(t, g.born.UnixNano(), got.At.UnixNano())
		}
		if state == seatmap.SeatBlocked {
			require.Equal(t, g.until.UnixNano(), got.Until.UnixNano())
			require.Equal(t, g.left(), got.Left)
		} else {
			require.Zero(t, got.Left)
		}
		switch state {
		case seatmap.SeatAvailable:
			want.Available++
		case seatmap.SeatBlocked:
			want.Blocked++
		case seatmap.SeatBooked:
			want.Booked++
		case seatmap.SeatClosed:
			want.Closed++
		}
	}
	c, err := m.Counts(ctx, seatmap.CountsRequest{Event: o.name})
	require.NoError(t, err)
	require.Equal(t, want, c)
	for _, user := range []string{"ann", "bob"} {
		held := map[uint64][]string{}
		for _, g := range o.live() {
			if g.user == user && !g.booked {
				held[g.token.Fence] = append(slices.Sorted(slices.Values(g.seats)), fmt.Sprint(g.places))
			}
		}
		infos, err := m.Holds(ctx, seatmap.HoldsRequest{Event: o.name, User: user})
		require.NoError(t, err)
		got := map[uint64][]string{}
		for _, h := range infos {
			got[h.Fence] = append(slices.Sorted(slices.Values(h.Seats)), fmt.Sprint(h.Places))
			require.Equal(t, max(time.Until(h.Until), 0), h.Left)
		}
		require.True(t, maps.EqualFunc(held, got, slices.Equal), "%v %v", held, got)
	}
	compareGrants(t, m, o)
}
