package seatmap_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
)

// newArea returns a map with an event of some seats and an area "floor".
func newArea(tb testing.TB, seats, capacity int, limits seatmap.Limits) *seatmap.Map {
	tb.Helper()
	m := newMap(tb, seatmap.MapOptions{Manual: true})
	require.NoError(tb, errOf(m.Create(tb.Context(), seatmap.CreateRequest{
		Event: event, Limits: limits,
		Layout: seatmap.Layout{Count: seats, Areas: []seatmap.Area{{Name: "floor", Capacity: capacity}}},
	})))
	return m
}

// floor is places of the area "floor".
func floor(n int) map[string]int { return map[string]int{"floor": n} }

func blockFloor(m *seatmap.Map, user string, n int, seats ...string) (seatmap.Hold, error) {
	return m.Block(ctx, seatmap.BlockRequest{Event: event, User: user, Seats: seats, Places: floor(n), TTL: hold})
}

func onFloor(tb testing.TB, m *seatmap.Map) seatmap.Counts {
	tb.Helper()
	c, err := m.Counts(ctx, seatmap.CountsRequest{Event: event, Area: "floor"})
	require.NoError(tb, err)
	return c
}

func TestSeatsAndPlacesAreHeldAndBookedInOneStep(t *testing.T) {
	m := newArea(t, 3, 10, seatmap.Limits{})
	h, err := blockFloor(m, "ann", 4, "1", "2")
	require.NoError(t, err)
	assert.Equal(t, []string{"1", "2"}, h.Seats)
	assert.Equal(t, floor(4), h.Places)
	_, err = blockFloor(m, "bob", 7, "3")
	require.ErrorIs(t, err, seatmap.ErrNotEnough, "seat 3 is available, but not so many places")
	_, err = blockFloor(m, "bob", 1, "1")
	var taken *seatmap.TakenError
	require.ErrorAs(t, err, &taken)
	assert.Equal(t, seatmap.Counts{Available: 7, Blocked: 6}, counts(t, m), "the refused requests changed nothing")
	assert.Equal(t, seatmap.Counts{Available: 6, Blocked: 4}, onFloor(t, m))

	b, err := m.Book(ctx, seatmap.BookRequest{Token: h.Token, Seats: []string{"2"}, Places: floor(3)})
	require.NoError(t, err)
	assert.Equal(t, []string{"2"}, b.Seats)
	assert.Equal(t, floor(3), b.Places)
	assert.Equal(t, seatmap.Counts{Available: 6, Blocked: 1, Booked: 3}, onFloor(t, m))
	infos, err := m.Holds(ctx, seatmap.HoldsRequest{Event: event, User: "ann"})
	require.NoError(t, err)
	require.Len(t, infos, 1)
	assert.Equal(t, []string{"1"}, infos[0].Seats)
	assert.Equal(t, floor(1), infos[0].Places)

	longer, err := extend(m, h.Token, time.Hour)
	require.NoError(t, err)
	assert.Equal(t, floor(1), longer.Places)
	require.NoError(t, release(m, h.Token, "1"), "the place stays held")
	assert.Equal(t, seatmap.Counts{Available: 6, Blocked: 1, Booked: 3}, onFloor(t, m))
	rest, err := book(m, h.Token)
	require.NoError(t, err)
	assert.Empty(t, rest.Seats)
	assert.Equal(t, floor(1), rest.Places)

	part := seatmap.CancelRequest{Token: b.Token, Places: floor(2)}
	require.NoError(t, errOf(m.Cancel(ctx, part)))
	assert.Equal(t, seatmap.Counts{Available: 8, Booked: 2}, onFloor(t, m))
	require.ErrorIs(t, errOf(m.Cancel(ctx, part)), seatmap.ErrInvalidSeats, "one place is left")
	require.NoError(t, cancel(m, b.Token))
	require.NoError(t, cancel(m, rest.Token))
	assert.Equal(t, seatmap.Counts{Available: 13}, counts(t, m))
	require.ErrorIs(t, cancel(m, b.Token), seatmap.ErrExpired)
}

func TestPlacesThatARequestCannotName(t *testing.T) {
	m := newArea(t, 3, 10, seatmap.Limits{})
	h, err := blockFloor(m, "ann", 2, "1")
	require.NoError(t, err)
	for _, c := range []struct {
		seats  []string
		places map[string]int
		want   error
	}{
		{nil, floor(0), seatmap.ErrInvalidSeats},
		{nil, floor(-1), seatmap.ErrInvalidSeats},
		{[]string{"2"}, floor(seatmap.MaxSeats), seatmap.ErrInvalidSeats},
		{nil, map[string]int{"floor": seatmap.MaxSeats, "lawn": seatmap.MaxSeats}, seatmap.ErrInvalidSeats},
		{[]string{}, map[string]int{}, seatmap.ErrInvalidSeats},
		{[]string{"2", "2"}, floor(1), seatmap.ErrInvalidSeats},
		{nil, map[string]int{"floor": 1, "lawn": 1}, seatmap.ErrUnknownSeat},
		{nil, map[string]int{"": 1}, seatmap.ErrUnknownSeat},
	} {
		_, err := m.Block(ctx, seatmap.BlockRequest{Event: event, User: "bob", Seats: c.seats, Places: c.places, TTL: hold})
		require.ErrorIs(t, err, c.want, "Block of %v, %v", c.seats, c.places)
		_, err = m.Book(ctx, seatmap.BookRequest{Token: h.Token, Seats: c.seats, Places: c.places})
		require.ErrorIs(t, err, c.want, "Book of %v, %v", c.seats, c.places)
		require.ErrorIs(t, errOf(m.Release(ctx, seatmap.ReleaseRequest{Token: h.Token, Seats: c.seats, Places: c.places})), c.want)
		require.ErrorIs(t, errOf(m.Cancel(ctx, seatmap.CancelRequest{Token: h.Token, Seats: c.seats, Places: c.places})), c.want)
	}
	_, err = m.Block(ctx, seatmap.BlockRequest{Event: event, User: "bob", Places: map[string]int{"z": 1, "a": 1}, TTL: hold})
	require.EqualError(t, err, `seatmap: unknown seat: area "a"`)
	_, err = m.Book(ctx, seatmap.BookRequest{Token: h.Token, Places: floor(3)})
	require.EqualError(t, err, `seatmap: invalid seats: 3 places of area "floor" are not covered by the token`)
	_, err = m.Counts(ctx, seatmap.CountsRequest{Event: event, Area: "lawn"})
	require.ErrorIs(t, err, seatmap.ErrUnknownSeat)
	_, err = m.Book(ctx, seatmap.BookRequest{Token: h.Token, Seats: []string{}, Places: floor(1)})
	require.NoError(t, err, "an empty list is nothing beside places")
}

func TestAreasThatALayoutCannotHave(t *testing.T) {
	m := newMap(t, seatmap.MapOptions{Manual: true})
	for want, areas := range map[string][]seatmap.Area{
		"0 seats, not 1 to":           {},
		"0 bytes, not 1 to":           {{Capacity: 1}},
		"in area 1":                   {{Name: "a", Capacity: 1}, {Name: "\n", Capacity: 1}},
		"control character U+0001":    {{Name: "a", Section: "\x01", Capacity: 1}},
		"control character U+0002":    {{Name: "a", Category: "\x02", Capacity: 1}},
		"has 0 places, not 1 to":      {{Name: "a"}},
		"has -1 places":               {{Name: "a", Capacity: -1}},
		"has 1 places, not 1 to 0":    {{Name: "a", Capacity: seatmap.MaxSeats}, {Name: "b", Capacity: 1}},
		"1 of the areas are repeated": {{Name: "a", Capacity: 1}, {Name: "a", Capacity: 1}},
	} {
		_, err := m.Create(ctx, seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Areas: areas}})
		require.ErrorIs(t, err, seatmap.ErrInvalidLayout, want)
		assert.ErrorContains(t, err, want)
	}
	some := []seatmap.Area{{Name: "a", Capacity: 1}}
	for _, l := range []seatmap.Layout{
		{Count: -1, Areas: some},
		{Count: seatmap.MaxSeats, Areas: some},
		{Areas: some, Closed: []string{"1"}},
		{Areas: some, Categories: []seatmap.Category{{Name: "gold", First: "1", Last: "1"}}},
	} {
		require.ErrorIs(t, errOf(m.Create(ctx, seatmap.CreateRequest{Event: event, Layout: l})), seatmap.ErrInvalidLayout)
	}
	want := seatmap.Layout{Areas: []seatmap.Area{{Name: "a", Section: "s", Category: "c", Capacity: seatmap.MaxSeats}}}
	require.NoError(t, errOf(m.Create(ctx, seatmap.CreateRequest{Event: event, Layout: want})))
	got, err := m.Layout(ctx, seatmap.LayoutRequest{Event: event})
	require.NoError(t, err)
	assert.Equal(t, want, got)
	_, err = m.Block(ctx, seatmap.BlockRequest{Event: event, User: "ann", Places: map[string]int{"a": seatmap.MaxSeats}, TTL: hold})
	require.NoError(t, err)
	_, err = m.Block(ctx, seatmap.BlockRequest{Event: event, User: "bob", Places: map[string]int{"a": 1}, TTL: hold})
	require.ErrorIs(t, err, seatmap.ErrSoldOut)
}

func TestAnAreaErrorNamesTheArea(t *testing.T) {
	m := newArea(t, 1, 2, seatmap.Limits{})
	_, err := blockFloor(m, "ann", 3)
	require.EqualError(t, err, `seatmap: taken: not enough seats: event "concert" area "floor"`)
	var short *seatmap.AreaError
	require.ErrorAs(t, err, &short)
	assert.Equal(t, "concert floor", short.Event()+" "+short.Area())
	require.ErrorIs(t, err, seatmap.ErrNotEnough)
	require.ErrorIs(t, err, seatmap.ErrTaken)
	_, err = m.Block(ctx, seatmap.BlockRequest{Event: event, User: "ann", Seats: []string{"1"}, Places: floor(3), TTL: hold, ListTaken: true})
	require.ErrorAs(t, err, &short)
	assert.Equal(t, err.Error(), seatmap.NewAreaError("concert", "floor").Error())
	assert.EqualError(t, new(seatmap.AreaError), `seatmap: taken: not enough seats: event "" area ""`)
}

func TestLimitsCountPlaces(t *testing.T) {
	m := newArea(t, 3, 10, seatmap.Limits{Seats: 4})
	h, err := blockFloor(m, "ann", 3)
	require.NoError(t, err)
	_, err = blockFloor(m, "ann", 1, "1")
	require.ErrorIs(t, err, seatmap.ErrLimit)
	_, err = blockFloor(m, "ann", 1)
	require.NoError(t, err)
	require.ErrorIs(t, errOf(tryBlock(m, "ann", "1")), seatmap.ErrLimit)
	require.NoError(t, errOf(m.Release(ctx, seatmap.ReleaseRequest{Token: h.Token, Places: floor(1)})))
	require.NoError(t, errOf(tryBlock(m, "ann", "1")))
}

func TestAKeyIsOfOneNumberOfPlaces(t *testing.T) {
	m := newArea(t, 3, 10, seatmap.Limits{})
	r := seatmap.BlockRequest{Event: event, User: "ann", Key: seatmap.NewKey("k"), Places: floor(2), TTL: hold}
	first, err := m.Block(ctx, r)
	require.NoError(t, err)
	first.Places["floor"] = 9 // the caller's own
	again, err := m.Block(ctx, r)
	require.NoError(t, err)
	assert.True(t, again.Replayed)
	assert.Equal(t, floor(2), again.Places)
	again.Places["floor"] = 9
	again, err = m.Block(ctx, r)
	require.NoError(t, err)
	assert.Equal(t, floor(2), again.Places)
	r.Places = floor(3)
	_, err = m.Block(ctx, r)
	var key *seatmap.KeyError
	require.ErrorAs(t, err, &key)
	assert.Equal(t, []string{"Places"}, key.Differs())
	release := seatmap.ReleaseRequest{Token: first.Token, User: "ann", Key: seatmap.NewKey("r"), Places: floor(1)}
	for _, replayed := range []bool{false, true} {
		receipt, err := m.Release(ctx, release)
		require.NoError(t, err)
		assert.Equal(t, replayed, receipt.Replayed)
	}
	release.Places, release.Seats = nil, nil
	require.ErrorIs(t, errOf(m.Release(ctx, release)), seatmap.ErrKeyReused, "all is not one")
	assert.Equal(t, seatmap.Counts{Available: 9, Blocked: 1}, onFloor(t, m))
}

func TestPlacesAreFreeExactlyAtTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newArea(t, 1, 3, seatmap.Limits{})
		for i, ttl := range []time.Duration{3 * time.Second, time.Second, time.Hour} {
			_, err := m.Block(ctx, seatmap.BlockRequest{Event: event, User: fmt.Sprint(i), Places: floor(1), TTL: ttl})
			require.NoError(t, err)
		}
		_, err := blockFloor(m, "ann", 1)
		require.ErrorIs(t, err, seatmap.ErrNotEnough)
		testkit.Advance(time.Second - 1)
		_, err = blockFloor(m, "ann", 1)
		require.ErrorIs(t, err, seatmap.ErrNotEnough, "a nanosecond before")
		assert.Equal(t, seatmap.Counts{Blocked: 3}, onFloor(t, m))
		testkit.Advance(1)
		assert.Equal(t, seatmap.Counts{Available: 1, Blocked: 2}, onFloor(t, m))
		_, err = blockFloor(m, "ann", 2)
		require.ErrorIs(t, err, seatmap.ErrNotEnough)
		_, err = blockFloor(m, "ann", 1)
		require.NoError(t, err)
		testkit.Advance(2 * time.Second)
		_, err = blockFloor(m, "bob", 1)
		require.NoError(t, err)
		assert.Equal(t, seatmap.Counts{Blocked: 3}, onFloor(t, m))
	})
}

func TestABlockOfPlacesCostsTheSameWhateverItsSize(t *testing.T) {
	m := newArea(t, 1, seatmap.MaxSeats-1, seatmap.Limits{})
	cost := func(n int) float64 {
		return testing.AllocsPerRun(20, func() {
			h, err := blockFloor(m, "ann", n)
			if err == nil {
				err = errOf(m.Release(ctx, seatmap.ReleaseRequest{Token: h.Token, Places: floor((n + 1) / 2)}))
			}
			if err == nil && n > 1 {
				err = release(m, h.Token)
			}
			if err != nil {
				t.Fatal(err)
			}
		})
	}
	cost(2)
	assert.InDelta(t, cost(2), cost(seatmap.MaxSeats-1), 0.5)
	assert.Equal(t, seatmap.Counts{Available: seatmap.MaxSeats - 1}, onFloor(t, m))
}

func TestARefusalOfPlacesDoesNotAllocate(t *testing.T) {
	m := newArea(t, 2, 2, seatmap.Limits{})
	_, err := blockFloor(m, "ann", 2, "1")
	require.NoError(t, err)
	r := seatmap.BlockRequest{Event: event, User: "bob", Seats: []string{"2"}, Places: floor(1), TTL: hold}
	testkit.NoAllocs(t, "a refusal of places", func() {
		if _, err := m.Block(ctx, r); err == nil {
			t.Fatal("not refused")
		}
	})
	block(t, m, "carl", "2")
	r.Seats = nil
	testkit.NoAllocs(t, "a refusal of places of a sold-out event", func() {
		if _, err := m.Block(ctx, r); err == nil {
			t.Fatal("not refused")
		}
	})
}

func TestManyBlocksComeAndGo(t *testing.T) {
	const n = 1000
	m := newArea(t, 1, n, seatmap.Limits{})
	for range 3 {
		var holds []seatmap.Hold
		for i := range n {
			h, err := blockFloor(m, strconv.Itoa(i), 1)
			require.NoError(t, err)
			holds = append(holds, h)
		}
		require.ErrorIs(t, errOf(blockFloor(m, "late", 1)), seatmap.ErrNotEnough)
		rand.Shuffle(n, func(i, j int) { holds[i], holds[j] = holds[j], holds[i] })
		for _, h := range holds {
			require.NoError(t, release(m, h.Token))
			require.ErrorIs(t, release(m, h.Token), seatmap.ErrExpired)
		}
		assert.Equal(t, seatmap.Counts{Available: n}, onFloor(t, m))
	}
}

func TestADamagedTokenOfPlacesIsNeverExpired(t *testing.T) {
	m := newArea(t, 2, 5, seatmap.Limits{})
	h, err := blockFloor(m, "ann", 2)
	require.NoError(t, err)
	for range 2 {
		for bit := range seatmap.TokenBits {
			require.ErrorIs(t, release(m, seatmap.Damaged(h.Token, bit)), seatmap.ErrToken, bit)
		}
		if err := release(m, h.Token); err != nil {
			require.ErrorIs(t, err, seatmap.ErrExpired)
		}
	}
	parsed, err := seatmap.ParseToken(h.Token.Reveal())
	require.NoError(t, err)
	require.ErrorIs(t, release(m, parsed), seatmap.ErrExpired)
}

func TestADiagramShowsAreas(t *testing.T) {
	m := newArea(t, 0, 5, seatmap.Limits{})
	_, err := blockFloor(m, "ann", 2)
	require.NoError(t, err)
	var drawn []string
	var draw func(name, state string, part any)
	draw = func(name, state string, part any) {
		drawn = append(drawn, name+": "+state)
		if p, ok := part.(*seatmap.Plan); ok {
			p.Diagram(draw)
		}
	}
	m.Diagram(draw)
	assert.Equal(t, "events: 1, concert: , . Available: 3, h Blocked: 2, floor: 3 available, revision: 1", strings.Join(drawn, ", "))
}

// areaOp is a call about an area of linearPlaces places; what it answered is a
// planAnswer, which has the number of available places as its fence if the call is a
// look.
type areaOp struct {
	op    string
	n     int
	fence uint64 // of the token used
}

const linearPlaces = 3

// areaState is how many places each of the last holds has, by fence.
type areaState struct {
	fences [linearPlaces]uint64
	places [linearPlaces]int
}

func (s areaState) free() int { return linearPlaces - s.places[0] - s.places[1] - s.places[2] }

// set changes how many places a hold has.
func (s areaState) set(fence uint64, n int) areaState {
	i := slices.Index(s.fences[:], fence)
	if i < 0 {
		i = slices.Index(s.places[:], 0)
	}
	if s.fences[i], s.places[i] = fence, n; n == 0 {
		s.fences[i] = 0
	}
	return s
}

func (s areaState) of(fence uint64) int {
	if i := slices.Index(s.fences[:], fence); i >= 0 {
		return s.places[i]
	}
	return 0
}

var areaModel = porcupine.Model{
	Init: func() any { return areaState{} },
	Step: func(state, input, output any) (bool, any) {
		s, in, out := state.(areaState), input.(areaOp), output.(planAnswer)
		switch in.op {
		case "block":
			if fits := in.n <= s.free(); !fits || out.kind != "ok" {
				return fits == (out.kind == "ok"), s
			}
			return true, s.set(out.fence, in.n)
		case "release":
			left := s.of(in.fence) - in.n
			if left < 0 || out.kind != "ok" {
				return left >= 0 == (out.kind == "ok"), s
			}
			return true, s.set(in.fence, left)
		default:
			return int(out.fence) == s.free(), s
		}
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v → %+v", input, output) },
}

func TestAreasAreLinearizable(t *testing.T) {
	const clients, calls = 4, 14
	testkit.Stress(t, func(t *testing.T, round int) {
		m := newArea(t, 1, linearPlaces, seatmap.Limits{})
		var r testkit.Recorder
		var mu sync.Mutex // of the tokens, which clients use in turn
		var holds []seatmap.Token
		testkit.Parallel(clients, func(client int) {
			rng := rand.New(rand.NewPCG(uint64(round), uint64(client)))
			for range calls {
				n := 1 + rng.IntN(linearPlaces)
				mu.Lock()
				known := len(holds)
				var token seatmap.Token
				if known > 0 {
					token = holds[rng.IntN(known)]
				}
				mu.Unlock()
				switch op := rng.IntN(5); {
				case op < 2:
					r.Do(client, areaOp{op: "block", n: n}, func() any {
						h, err := blockFloor(m, "ann", n)
						if err == nil {
							mu.Lock()
							defer mu.Unlock()
							holds = append(holds, h.Token)
						}
						return planAnswer{kind: kind(err), fence: h.Token.Fence}
					})
				case op < 4 && known > 0:
					r.Do(client, areaOp{op: "release", n: n, fence: token.Fence}, func() any {
						return planAnswer{kind: kind(errOf(m.Release(ctx, seatmap.ReleaseRequest{Token: token, Places: floor(n)})))}
					})
				default:
					r.Do(client, areaOp{op: "look"}, func() any {
						c, err := m.Counts(ctx, seatmap.CountsRequest{Event: event, Area: "floor"})
						return planAnswer{kind: kind(err), fence: uint64(c.Available)}
					})
				}
			}
		})
		r.Linearizable(t, areaModel)
	})
}

// TestNoAreaHasTooManyHoldersWhenHoldsExpire checks with real time that what is held
// for certain never exceeds the capacity.
func TestNoAreaHasTooManyHoldersWhenHoldsExpire(t *testing.T) {
	const capacity = 5
	m := newArea(t, 1, capacity, seatmap.Limits{})
	var mu sync.Mutex
	booked := 0
	testkit.Parallel(8, func(client int) {
		rng := rand.New(rand.NewPCG(7, uint64(client)))
		for range 300 {
			n := 1 + rng.IntN(2)
			h, err := m.Block(ctx, seatmap.BlockRequest{
				Event: event, User: "ann", Places: floor(n), TTL: time.Duration(1+rng.IntN(50)) * time.Microsecond,
			})
			if err != nil {
				if !errors.Is(err, seatmap.ErrTaken) {
					t.Error(err)
				}
				continue
			}
			b, err := book(m, h.Token)
			if err != nil {
				if !errors.Is(err, seatmap.ErrExpired) {
					t.Error(err)
				}
				continue
			}
			mu.Lock()
			if booked += n; booked > capacity {
				t.Error("overbooked")
			}
			booked -= n
			if err := cancel(m, b.Token); err != nil {
				t.Error(err)
			}
			mu.Unlock()
		}
	})
	_, err := m.Sweep(ctx)
	require.NoError(t, err)
}

func TestAnExportHasThePlacesOfOneMoment(t *testing.T) {
	m := newArea(t, 2000, 100, seatmap.Limits{})
	holds := map[string]seatmap.Hold{}
	for user, r := range map[string]seatmap.BlockRequest{
		"ann": {Places: floor(1)}, "bob": {Seats: []string{"1", "1500"}, Places: floor(2)}, "carl": {Places: floor(4)},
	} {
		r.Event, r.User, r.TTL, r.Key = event, user, hold, seatmap.NewKey(user)
		h, err := m.Block(ctx, r)
		require.NoError(t, err)
		holds[user] = h
	}
	_, err := m.Book(ctx, seatmap.BookRequest{Token: holds["carl"].Token, Places: floor(3)})
	require.NoError(t, err)
	before := onFloor(t, m)
	var b bytes.Buffer
	changed := false
	_, err = m.Export(ctx, seatmap.ExportRequest{Event: event}, slowly{&b, func() error {
		if changed {
			return nil
		}
		changed = true
		require.NoError(t, release(m, holds["ann"].Token))
		require.NoError(t, errOf(m.Release(ctx, seatmap.ReleaseRequest{Token: holds["bob"].Token, Seats: []string{"1"}, Places: floor(1)})))
		return errOf(blockFloor(m, "dan", 5))
	}})
	require.NoError(t, err)
	to := newMap(t, seatmap.MapOptions{Manual: true})
	info, err := to.Import(ctx, seatmap.ImportRequest{}, &b)
	require.NoError(t, err)
	assert.Equal(t, "2000 seats, 100 places", fmt.Sprintf("%d seats, %d places", info.Seats, info.Places))
	assert.Equal(t, before, onFloor(t, to))
	assert.Equal(t, seatmap.Counts{Available: 93, Blocked: 4, Booked: 3}, before)
	for _, user := range []string{"ann", "bob"} {
		r := seatmap.BlockRequest{Event: event, User: user, Key: seatmap.NewKey(user), Seats: holds[user].Seats, Places: holds[user].Places, TTL: hold}
		again, err := to.Block(ctx, r)
		require.NoError(t, err)
		assert.True(t, again.Replayed)
		assert.Equal(t, holds[user].Places, again.Places)
		require.NoError(t, release(to, holds[user].Token))
	}
	assert.Equal(t, seatmap.Counts{Available: 96, Blocked: 1, Booked: 3}, onFloor(t, to))
	require.NoError(t, release(to, holds["carl"].Token))
}

func TestTheChangesAfterASnapshotAddUpToTheNumbersOfPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newArea(t, 1, 10, seatmap.Limits{})
		for _, ttl := range []time.Duration{time.Second, time.Second, time.Hour} {
			_, err := m.Block(ctx, seatmap.BlockRequest{Event: event, User: "ann", Places: floor(2), TTL: ttl})
			require.NoError(t, err)
		}
		testkit.Advance(time.Second)
		var c seatmap.Counts
		for change, err := range m.Watch(ctx, seatmap.WatchRequest{Event: event}) {
			require.NoError(t, err)
			switch change.Kind {
			case seatmap.ChangeSnapshot:
				c = change.Areas[0].Counts
				_, err = m.Sweep(ctx)
				require.NoError(t, err)
				_, err = blockFloor(m, "bob", 1)
				require.NoError(t, err)
			case seatmap.ChangeExpired:
				c.Available, c.Blocked = c.Available+change.Places["floor"], c.Blocked-change.Places["floor"]
			default:
				c.Available, c.Blocked = c.Available-change.Places["floor"], c.Blocked+change.Places["floor"]
			}
			if change.Kind == seatmap.ChangeBlocked {
				break
			}
		}
		assert.Equal(t, onFloor(t, m), c)
		assert.Equal(t, seatmap.Counts{Available: 7, Blocked: 3}, c)
	})
}
