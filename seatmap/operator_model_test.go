package seatmap_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/seatmap"
)

// This file is what the world of TestMapBehavesLikeTheOracle does as an operator.

const actor, reason = "op", "asked for"

// left returns how long the hold lasts; 0 if it has no deadline.
func (g *grant) left() time.Duration {
	if g.endless {
		return 0
	}
	return time.Until(g.until)
}

// target draws the hold or booking of an operator's request. g is nil if there is none
// like that. The seat is empty if the fence alone names it.
func (w *world) target(t *rapid.T) (o *oracle, name, seat string, fence uint64, g *grant) {
	name = someEvent.Draw(t, "event")
	o, seat = w.events[name], strconv.Itoa(rapid.IntRange(1, 5).Draw(t, "seat"))
	if len(w.grants) > 0 && rapid.Bool().Draw(t, "fenced") {
		one := rapid.SampledFrom(w.grants[max(0, len(w.grants)-6):]).Draw(t, "grant")
		fence = one.token.Fence
		if len(one.seats) > 0 {
			seat = one.seats[0]
		}
		if rapid.Bool().Draw(t, "by its fence alone") {
			seat = ""
		}
	}
	if o == nil {
		return o, name, seat, fence, nil
	}
	if seat == "" {
		live := o.live()
		if i := slices.IndexFunc(live, func(g *grant) bool { return g.token.Fence == fence }); i >= 0 {
			g = live[i]
		}
		return o, name, seat, fence, g
	}
	if _, g = o.state(seat); g != nil && fence != 0 && g.token.Fence != fence {
		g = nil
	}
	return o, name, seat, fence, g
}

// operated compares the answer to an operator's request. fresh is what it must answer if
// the key is new. It reports whether something was done.
func operated(t *rapid.T, o *oracle, key, request, fresh string, replayed bool, err error) (known *remembered, done bool) {
	want := fresh
	if fresh != seatmap.ErrUnknownSeat.Error() && o != nil {
		if r, answer := o.recall(actor, key, request); answer != "" {
			known, want = r, answer
		}
	}
	require.Equal(t, want, kind(err))
	require.Equal(t, known != nil, replayed)
	return known, err == nil && known == nil
}

// unknown says if one of the seats is not there. An empty one names nothing.
func (o *oracle) unknown(seats ...string) bool {
	return len(without(seats, append(o.all(), ""))) > 0
}

func (w *world) revoke(t *rapid.T) {
	o, name, seat, fence, g := w.target(t)
	k := someKey.Draw(t, "key")
	var seats []string
	if g != nil {
		seats = some(t, g.seats)
	}
	places := wantedPlaces(t)
	got, err := w.m.Revoke(ctx, seatmap.RevokeRequest{
		Event: name, Seat: seat, Fence: fence, Seats: seats, Places: places, Actor: actor, Reason: reason, Key: seatmap.NewKey(k),
	})
	want := "ok"
	switch {
	case namesNothing(seats, places):
		require.ErrorIs(t, err, seatmap.ErrInvalidSeats)
		return
	case o == nil:
		want = seatmap.ErrUnknownEvent.Error()
	case o.unknown(append(seats, seat)...) || o.lacks(places):
		want = seatmap.ErrUnknownSeat.Error()
	case g == nil:
		want = seatmap.ErrExpired.Error()
	case o.use(g, g.booked, seats, places) != "ok":
		want = seatmap.ErrInvalid.Error()
	}
	request := fmt.Sprint("revoke", seat, fence, seats == nil, seats, places == nil, places)
	if _, done := operated(t, o, k, request, want, got.Replayed, err); done {
		o.operations++
		o.take(g, seats, places)
		o.done(k, request, seatmap.Hold{})
	}
}

// done remembers the answer to an operator's request.
func (o *oracle) done(key, request string, h seatmap.Hold) {
	if key != "" {
		o.keys[actor+" "+key] = &remembered{request: request, answer: h, grant: &grant{over: true, ended: time.Now()}}
	}
}

// renewed notes that the hold or booking has a new token.
func (w *world) renewed(t *rapid.T, o *oracle, g *grant, h seatmap.Hold) {
	require.Greater(t, h.Token.Fence, w.fence[o.name])
	w.fence[o.name] = h.Token.Fence
	require.Equal(t, g.user, h.User)
	require.Equal(t, g.born.UnixNano(), h.At.UnixNano())
	require.ElementsMatch(t, g.seats, h.Seats)
	require.Equal(t, fmt.Sprint(g.places), fmt.Sprint(h.Places))
	if g.booked {
		require.Zero(t, h.Until)
	} else {
		require.Equal(t, g.until.UnixNano(), h.Until.UnixNano())
		require.Equal(t, g.left(), h.Left)
	}
	o.operations++
	before := *g
	before.over = true
	g.token, g.by = h.Token, true
	w.grants = append(w.grants, &before)
}

// same checks that an answer is one that was given before.
func same(t *rapid.T, known *remembered, h seatmap.Hold) {
	if known != nil {
		require.Equal(t, known.answer.Token, h.Token)
		require.Equal(t, known.answer.Seats, h.Seats)
		require.Equal(t, known.answer.Places, h.Places)
		require.Equal(t, known.answer.User, h.User)
		require.Equal(t, known.answer.Until.UnixNano(), h.Until.UnixNano())
	}
}

func (w *world) reissue(t *rapid.T) {
	o, name, seat, fence, g := w.target(t)
	k := someKey.Draw(t, "key")
	h, err := w.m.Reissue(ctx, seatmap.ReissueRequest{
		Event: name, Seat: seat, Fence: fence, Actor: actor, Reason: reason, Key: seatmap.NewKey(k),
	})
	want := "ok"
	switch {
	case o == nil:
		want = seatmap.ErrUnknownEvent.Error()
	case o.unknown(seat):
		want = seatmap.ErrUnknownSeat.Error()
	case g == nil:
		want = seatmap.ErrExpired.Error()
	}
	request := fmt.Sprint("reissue", seat, fence)
	known, done := operated(t, o, k, request, want, h.Replayed, err)
	same(t, known, h)
	if done {
		w.renewed(t, o, g, h)
		o.done(k, request, h)
	}
}

func (w *world) moveSeats(t *rapid.T) {
	o, name, seat, fence, g := w.target(t)
	k := someKey.Draw(t, "key")
	n := 2
	if g != nil && rapid.IntRange(0, 4).Draw(t, "number") > 0 {
		n = len(g.seats)
	}
	to := rapid.SliceOfNDistinct(rapid.Map(rapid.IntRange(1, 9), strconv.Itoa), n, n, rapid.ID).Draw(t, "to")
	if rapid.IntRange(0, 3).Draw(t, "seats stay") == 0 {
		to = nil
	}
	places := wantedPlaces(t)
	if g != nil && len(g.places) > 0 && rapid.Bool().Draw(t, "as many places") {
		floor := rapid.IntRange(0, total(g.places)).Draw(t, "floor")
		places = map[string]int{"floor": floor, "lawn": total(g.places) - floor}
		maps.DeleteFunc(places, func(_ string, n int) bool { return n == 0 })
	}
	h, err := w.m.Move(ctx, seatmap.MoveRequest{
		Event: name, Seat: seat, Fence: fence, To: to, Places: places, Actor: actor, Reason: reason, Key: seatmap.NewKey(k),
	})
	if len(to)+len(places) == 0 {
		require.ErrorIs(t, err, seatmap.ErrInvalidSeats)
		return
	}
	want := seatmap.ErrUnknownEvent.Error()
	if o != nil {
		want = o.move(g, seat, to, places)
	}
	request := fmt.Sprint("move", seat, fence, to == nil, to, places == nil, places)
	known, done := operated(t, o, k, request, want, h.Replayed, err)
	same(t, known, h)
	if done {
		if len(to) > 0 {
			g.seats = slices.Clone(to)
			require.Equal(t, to, h.Seats)
		}
		if len(places) > 0 {
			g.places = maps.Clone(places)
		}
		w.renewed(t, o, g, h)
		o.done(k, request, h)
	}
}

// move says what Move must answer. g is nil if the seat and fence name nothing.
func (o *oracle) move(g *grant, seat string, to []string, places map[string]int) string {
	if o.unknown(append(slices.Clone(to), seat)...) || o.lacks(places) {
		return seatmap.ErrUnknownSeat.Error()
	}
	own := g
	if g == nil {
		own = &grant{}
	}
	if len(without(without(to, own.seats), o.available())) > 0 {
		if o.soldOut() {
			return seatmap.ErrSoldOut.Error()
		}
		return seatmap.ErrTaken.Error()
	}
	for i := range o.layout.Areas {
		a := &o.layout.Areas[i]
		switch more := places[a.Name] - own.places[a.Name]; {
		case more <= max(0, o.area(a).Available):
		case o.soldOut():
			return seatmap.ErrSoldOut.Error()
		default:
			return seatmap.ErrNotEnough.Error()
		}
	}
	switch {
	case g == nil:
		return seatmap.ErrExpired.Error()
	case len(to) > 0 && len(to) != len(g.seats), len(places) > 0 && total(places) != total(g.places):
		return seatmap.ErrInvalid.Error()
	}
	return "ok"
}

func (w *world) reserveAny(t *rapid.T) {
	name, u, k := someEvent.Draw(t, "event"), someUser.Draw(t, "user"), someKey.Draw(t, "key")
	n, where := rapid.IntRange(1, 4).Draw(t, "n"), someWhere(t, "1", "9")
	where.Quotas = someQuotas.Draw(t, "quotas")
	h, err := w.m.ReserveAny(ctx, seatmap.ReserveAnyRequest{
		Event: name, User: u, N: n, Where: where, Actor: actor, Reason: reason, Key: seatmap.NewKey(k),
	})
	o, want, seats := w.events[name], seatmap.ErrUnknownEvent.Error(), []string(nil)
	if o != nil {
		seats, want = o.any(n, where)
	}
	w.reserved(t, o, u, k, fmt.Sprintf("reserve any %s %d %+v", u, n, where), want, seats, nil, h, err)
}

// addSeats adds seats, areas and places.
func (w *world) addSeats(t *rapid.T) {
	name, k := someEvent.Draw(t, "event"), someKey.Draw(t, "key")
	o, want := w.events[name], "ok"
	if o == nil {
		o, want = &oracle{}, seatmap.ErrUnknownEvent.Error()
	}
	var added seatmap.Layout
	var labels []string
	for i := range rapid.IntRange(0, 2).Draw(t, "seats") {
		labels = append(labels, strconv.Itoa(o.seats+i+1))
	}
	wrong := rapid.IntRange(0, 4).Draw(t, "wrong") == 0 && w.events[name] != nil
	switch {
	case o.layout.Rows != nil && len(labels) > 0:
		if wrong {
			labels[0] = "1"
		}
		added = someLayout(t, labels)
	case len(labels) > 0:
		added.Count = len(labels)
		wrong = false
	default:
		wrong = false
	}
	if len(labels) > 0 && rapid.Bool().Draw(t, "closed") {
		added.Closed = labels[len(labels)-1:]
	}
	areas := slices.Clone(o.layout.Areas)
	if area := rapid.SampledFrom([]string{"", "floor", "lawn"}).Draw(t, "area"); area != "" {
		n := rapid.IntRange(1, 9).Draw(t, "capacity")
		added.Areas = []seatmap.Area{{Name: area, Capacity: n}}
		if i := slices.IndexFunc(areas, func(a seatmap.Area) bool { return a.Name == area }); i >= 0 {
			wrong = wrong || n <= areas[i].Capacity
			areas[i].Capacity = n
		} else {
			areas = append(areas, added.Areas[0])
		}
	}
	if len(labels)+len(added.Areas) == 0 || o.seats > 9 {
		t.Skip("nothing is added, or there are many seats")
	}
	if wrong && want == "ok" {
		want = seatmap.ErrInvalid.Error()
	}
	request := fmt.Sprintf("add %+v", added)
	receipt, err := w.m.AddSeats(ctx, seatmap.AddSeatsRequest{Event: name, Layout: added, Actor: actor, Reason: reason, Key: seatmap.NewKey(k)})
	if _, done := operated(t, w.events[name], k, request, want, receipt.Replayed, err); !done {
		return
	}
	o.operations++
	o.done(k, request, seatmap.Hold{})
	o.seats += len(labels)
	o.closed = append(slices.Clone(o.closed), added.Closed...)
	o.layout.Rows, o.layout.Categories = append(slices.Clone(o.layout.Rows), added.Rows...), append(slices.Clone(o.layout.Categories), added.Categories...)
	o.layout.Areas = areas
	got, err := w.m.Layout(ctx, seatmap.LayoutRequest{Event: name})
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("%+v", o.layout.Rows), fmt.Sprintf("%+v", got.Rows))
	require.Equal(t, fmt.Sprint(o.layout.Areas, o.layout.Categories), fmt.Sprint(got.Areas, got.Categories))
	require.ElementsMatch(t, slices.DeleteFunc(o.all(), func(seat string) bool { return !slices.Contains(o.closed, seat) }), got.Closed)
}

func (w *world) closeSeats(t *rapid.T) { w.sell(t, "close") }

func (w *world) openSeats(t *rapid.T) { w.sell(t, "open") }

// sell takes seats off sale, or puts them on sale.
func (w *world) sell(t *rapid.T, what string) {
	name, k := someEvent.Draw(t, "event"), someKey.Draw(t, "key")
	seats := rapid.SliceOfNDistinct(rapid.Map(rapid.IntRange(1, 8), strconv.Itoa), 1, 3, rapid.ID).Draw(t, "seats")
	r := seatmap.CloseSeatsRequest{Event: name, Seats: seats, Actor: actor, Reason: reason, Key: seatmap.NewKey(k)}
	var receipt seatmap.Receipt
	var err error
	if what == "close" {
		receipt, err = w.m.CloseSeats(ctx, r)
	} else {
		receipt, err = w.m.OpenSeats(ctx, seatmap.OpenSeatsRequest(r))
	}
	o, want, request := w.events[name], "ok", fmt.Sprint(what, seats)
	switch {
	case o == nil:
		want = seatmap.ErrUnknownEvent.Error()
	case o.unknown(seats...):
		want = seatmap.ErrUnknownSeat.Error()
	}
	if _, done := operated(t, o, k, request, want, receipt.Replayed, err); !done {
		return
	}
	o.done(k, request, seatmap.Hold{})
	changed := without(seats, o.closed)
	if what == "open" {
		changed = without(seats, changed)
		o.closed = without(o.closed, seats)
	} else {
		o.closed = append(slices.Clone(o.closed), changed...)
	}
	if len(changed) > 0 {
		o.operations++
	}
}

func (w *world) reserve(t *rapid.T) {
	name, u, k := someEvent.Draw(t, "event"), someUser.Draw(t, "user"), someKey.Draw(t, "key")
	seats := rapid.SliceOfNDistinct(rapid.Map(rapid.IntRange(1, 8), strconv.Itoa), 0, 3, rapid.ID).Draw(t, "seats")
	places := wantedPlaces(t)
	if len(seats)+len(places) == 0 {
		t.Skip("nothing named")
	}
	h, err := w.m.Reserve(ctx, seatmap.ReserveRequest{
		Event: name, User: u, Seats: seats, Places: places, Actor: actor, Reason: reason, Key: seatmap.NewKey(k),
	})
	o, want := w.events[name], seatmap.ErrUnknownEvent.Error()
	if o != nil {
		unlimited := *o
		unlimited.limits = seatmap.Limits{}
		want = unlimited.block(u, seats, places, time.Hour)
	}
	w.reserved(t, o, u, k, fmt.Sprint("reserve", u, seats, places == nil, places), want, seats, places, h, err)
}

// reserved compares the answer to a request for a hold without a deadline.
func (w *world) reserved(
	t *rapid.T, o *oracle, u, k, request, want string, seats []string, places map[string]int, h seatmap.Hold, err error,
) {
	known, done := operated(t, o, k, request, want, h.Replayed, err)
	same(t, known, h)
	if done {
		require.Equal(t, fmt.Sprint(seats, places), fmt.Sprint(h.Seats, h.Places))
		require.Zero(t, h.Until)
		require.Zero(t, h.Left)
		o.operations++
		g := w.granted(t, o, &grant{token: h.Token, user: u, seats: slices.Clone(seats), places: maps.Clone(places), endless: true, by: true})
		if k != "" {
			o.keys[actor+" "+k] = &remembered{request: request, answer: h, grant: g}
		}
	}
}

// operator says who gave it its fence, if an operator did.
func (g *grant) operator() string {
	if g.by {
		return actor
	}
	return ""
}

// paying says if a payment keeps the hold.
func (g *grant) paying() bool { return !g.over && !g.booked && time.Now().Before(g.paid) }

// stopPaying ends the payment of a hold.
func (o *oracle) stopPaying(g *grant) {
	if g.over {
		return
	}
	g.paid = time.Time{}
	if !g.endless {
		if g.until = g.own; g.until.Before(time.Now()) {
			g.until = time.Now()
		}
	}
	o.live()
}

func (w *world) pay(t *rapid.T) {
	g, o, _, _, _ := w.pick(t, false)
	d := someTTL.Draw(t, "ttl")
	until := time.Now().Add(d)
	u, k := w.owner(t, g)
	h, err := w.m.BeginPayment(ctx, seatmap.PaymentRequest{Token: g.token, User: u, Key: seatmap.NewKey(k), TTL: d})
	if k != "" && u == "" {
		require.ErrorIs(t, err, seatmap.ErrInvalidUser)
		return
	}
	if o == nil {
		require.ErrorIs(t, err, seatmap.ErrUnknownEvent)
		return
	}
	began := time.Now()
	if g.paying() {
		began = g.began
	}
	want := owned(g, u, k, o.use(g, false, nil, nil))
	switch longest := o.limits.Payment; {
	case longest > 0 && d > longest, want == "ok" && longest > 0 && until.Sub(began) > longest:
		want = seatmap.ErrLimit.Error()
	}
	request, known := fmt.Sprint("pay", g.token.Reveal(), d), (*remembered)(nil)
	if r, answer := o.recall(u, k, request); answer != "" {
		known, want = r, answer
	}
	require.Equal(t, want, kind(err))
	require.Equal(t, known != nil, h.Replayed)
	same(t, known, h)
	if err != nil || known != nil {
		return
	}
	if !g.paying() {
		g.own, g.began, g.paid = g.until, began, time.Time{}
	}
	if until.After(g.paid) {
		g.paid = until
	}
	if g.paid.After(g.until) && !g.endless {
		g.until = g.paid
	}
	require.True(t, h.Paying)
	require.Equal(t, g.until.UnixNano(), h.Until.UnixNano())
	require.ElementsMatch(t, g.seats, h.Seats)
	if k != "" {
		o.keys[u+" "+k] = &remembered{request: request, answer: h, grant: &grant{over: true, ended: time.Now()}}
	}
}

func (w *world) giveUp(t *rapid.T) {
	g, o, _, _, _ := w.pick(t, false)
	u, k := w.owner(t, g)
	h, err := w.m.EndPayment(ctx, seatmap.EndPaymentRequest{Token: g.token, User: u, Key: seatmap.NewKey(k)})
	if k != "" && u == "" {
		require.ErrorIs(t, err, seatmap.ErrInvalidUser)
		return
	}
	if o == nil {
		require.ErrorIs(t, err, seatmap.ErrUnknownEvent)
		return
	}
	want := owned(g, u, k, o.use(g, false, nil, nil))
	request, known := fmt.Sprint("give up", g.token.Reveal()), (*remembered)(nil)
	if r, answer := o.recall(u, k, request); answer != "" {
		known, want = r, answer
	}
	require.Equal(t, want, kind(err))
	require.Equal(t, known != nil, h.Replayed)
	same(t, known, h)
	if err != nil || known != nil {
		return
	}
	if g.paying() {
		o.stopPaying(g)
	}
	require.False(t, h.Paying)
	require.Equal(t, g.until.UnixNano(), h.Until.UnixNano())
	if k != "" {
		o.keys[u+" "+k] = &remembered{request: request, answer: h, grant: &grant{over: true, ended: time.Now()}}
	}
}

// setQuota gives seats a quota, or frees them.
func (w *world) setQuota(t *rapid.T) {
	name, k, quota := someEvent.Draw(t, "event"), someKey.Draw(t, "key"), rapid.SampledFrom([]string{"", "club", "press"}).Draw(t, "quota")
	seats := rapid.SliceOfNDistinct(rapid.Map(rapid.IntRange(1, 8), strconv.Itoa), 1, 5, rapid.ID).Draw(t, "seats")
	receipt, err := w.m.SetQuota(ctx, seatmap.SetQuotaRequest{
		Event: name, Seats: seats, Quota: quota, Actor: actor, Reason: reason, Key: seatmap.NewKey(k),
	})
	o, want, request := w.events[name], "ok", fmt.Sprint("quota", seats, quota)
	switch {
	case o == nil:
		want = seatmap.ErrUnknownEvent.Error()
	case o.unknown(seats...):
		want = seatmap.ErrUnknownSeat.Error()
	}
	if _, done := operated(t, o, k, request, want, receipt.Replayed, err); !done {
		return
	}
	o.done(k, request, seatmap.Hold{})
	before := maps.Clone(o.quotas)
	o.quotas = map[string]string{}
	maps.Copy(o.quotas, before)
	changed := false
	for _, seat := range seats {
		changed = changed || before[seat] != quota
		o.quotas[seat] = quota
	}
	if changed {
		o.operations++
	}
}
