package seatmap_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
)

func TestOneOfManyUsersWinsASeat(t *testing.T) {
	m := newEvent(t, 1, seatmap.Limits{}, seatmap.MapOptions{})
	won := make([]bool, 1000)
	testkit.Parallel(len(won), func(i int) {
		_, err := tryBlock(m, fmt.Sprint("user", i), "1")
		if err != nil && !errors.Is(err, seatmap.ErrTaken) {
			t.Error(err)
		}
		won[i] = err == nil
	})
	winner := slices.Index(won, true)
	require.GreaterOrEqual(t, winner, 0)
	assert.NotContains(t, won[winner+1:], true)
	assert.Equal(t, fmt.Sprint("user", winner), state(t, m, "1").User)
}

func TestBlockBookCancel(t *testing.T) {
	m := newEvent(t, 3, seatmap.Limits{}, seatmap.MapOptions{})
	h := block(t, m, "ann", "1", "2")
	assert.Equal(t, seatmap.Counts{Available: 1, Blocked: 2}, counts(t, m))
	assert.WithinDuration(t, h.At.Add(hold), h.Until, time.Microsecond)

	b, err := book(m, h.Token)
	require.NoError(t, err)
	assert.Equal(t, []string{"1", "2"}, b.Seats)
	assert.Equal(t, "ann", b.User)
	assert.Greater(t, b.Token.Fence, h.Token.Fence)
	assert.Equal(t, seatmap.Counts{Available: 1, Booked: 2}, counts(t, m))

	_, err = book(m, h.Token)
	require.ErrorIs(t, err, seatmap.ErrExpired, "a hold that was booked is over")
	require.ErrorIs(t, release(m, h.Token), seatmap.ErrExpired)
	require.ErrorIs(t, release(m, b.Token), seatmap.ErrToken, "a booking is not a hold")
	require.ErrorIs(t, cancel(m, h.Token), seatmap.ErrExpired)

	require.NoError(t, cancel(m, b.Token, "2"))
	assert.Equal(t, seatmap.Counts{Available: 2, Booked: 1}, counts(t, m))
	require.NoError(t, cancel(m, b.Token))
	require.ErrorIs(t, cancel(m, b.Token), seatmap.ErrExpired)
	assert.Equal(t, seatmap.Counts{Available: 3}, counts(t, m))
}

func TestPartsOfAHoldLiveOnWhenItsFirstSeatLeaves(t *testing.T) {
	m := newEvent(t, 6, seatmap.Limits{}, seatmap.MapOptions{})
	h := block(t, m, "ann", "1", "2", "3", "4")
	require.NoError(t, release(m, h.Token, "1"))
	first, err := book(m, h.Token, "2")
	require.NoError(t, err)
	other := block(t, m, "bob", "1")
	second, err := book(m, h.Token, "4")
	require.NoError(t, err)
	infos, err := m.Holds(t.Context(), seatmap.HoldsRequest{Event: event, User: "ann"})
	require.NoError(t, err)
	require.Len(t, infos, 1)
	assert.Equal(t, []string{"3"}, infos[0].Seats)
	assert.Equal(t, h.Token.Fence, infos[0].Fence)
	require.NoError(t, release(m, h.Token))
	require.ErrorIs(t, release(m, h.Token), seatmap.ErrExpired)
	require.NoError(t, cancel(m, first.Token))
	require.NoError(t, cancel(m, second.Token))
	require.NoError(t, release(m, other.Token))
	assert.Equal(t, seatmap.Counts{Available: 6}, counts(t, m))
}

func TestHoldsOfAUserWhoseFirstSeatsLeave(t *testing.T) {
	for moved := range 3 {
		for ended := range 3 {
			if moved == ended {
				continue
			}
			m := newEvent(t, 6, seatmap.Limits{}, seatmap.MapOptions{Manual: true})
			left := [][]string{{"1", "2"}, {"3", "4"}, {"5", "6"}}
			var holds []seatmap.Hold
			for _, seats := range left {
				holds = append(holds, block(t, m, "ann", seats...))
			}
			require.NoError(t, release(m, holds[moved].Token, left[moved][0]))
			left[moved] = left[moved][1:]
			for _, i := range []int{ended, 3 - moved - ended, moved} {
				require.NoError(t, release(m, holds[i].Token))
				left[i] = nil
				infos, err := m.Holds(t.Context(), seatmap.HoldsRequest{Event: event, User: "ann"})
				require.NoError(t, err)
				var got, want [][]string
				for _, info := range infos {
					got = append(got, info.Seats)
				}
				for _, seats := range left {
					if seats != nil {
						want = append(want, seats)
					}
				}
				require.ElementsMatch(t, want, got)
			}
		}
	}
}

func TestSeatsThatTheTokenDoesNotCover(t *testing.T) {
	m := newEvent(t, 3, seatmap.Limits{}, seatmap.MapOptions{})
	h := block(t, m, "ann", "1", "2")
	block(t, m, "bob", "3")
	_, err := book(m, h.Token, "1", "3")
	require.ErrorIs(t, err, seatmap.ErrInvalidSeats)
	require.ErrorIs(t, release(m, h.Token, "3"), seatmap.ErrInvalidSeats)
	require.ErrorIs(t, release(m, h.Token, "9"), seatmap.ErrUnknownSeat)
	require.ErrorIs(t, release(m, h.Token, "1", "1"), seatmap.ErrInvalidSeats)
	assert.Equal(t, seatmap.Counts{Blocked: 3}, counts(t, m))
	require.NoError(t, release(m, h.Token, "1"))
	require.ErrorIs(t, release(m, h.Token, "1"), seatmap.ErrInvalidSeats, "it is no longer covered")
	require.NoError(t, release(m, h.Token))

	h = block(t, m, "ann", "1", "2")
	require.NoError(t, release(m, h.Token))
	h = block(t, m, "ann", "1")
	require.ErrorIs(t, release(m, h.Token, "2"), seatmap.ErrInvalidSeats, "it was covered by another")
	require.NoError(t, release(m, h.Token))
}

func TestARefusedRequestChangesNothing(t *testing.T) {
	m := newEvent(t, 4, seatmap.Limits{}, seatmap.MapOptions{})
	block(t, m, "ann", "3")
	_, err := tryBlock(m, "bob", "1", "2", "3")
	var taken *seatmap.TakenError
	require.ErrorAs(t, err, &taken)
	require.ErrorIs(t, err, seatmap.ErrTaken)
	assert.Equal(t, event, taken.Event())
	assert.Equal(t, "3", taken.Seat())
	assert.Equal(t, 2, taken.Index())
	assert.Equal(t, []string{"3"}, taken.Seats())
	assert.Equal(t, `seatmap: taken: event "concert" seat 3`, err.Error())
	assert.Equal(t, seatmap.Counts{Available: 3, Blocked: 1}, counts(t, m))
	block(t, m, "carl", "1")
}

func TestListTakenNamesAllOfThem(t *testing.T) {
	m := newEvent(t, 5, seatmap.Limits{}, seatmap.MapOptions{})
	block(t, m, "ann", "2", "4")
	_, err := m.Block(t.Context(), seatmap.BlockRequest{
		Event: event, User: "bob", Seats: []string{"1", "2", "3", "4"}, TTL: hold, ListTaken: true,
	})
	var taken *seatmap.TakenError
	require.ErrorAs(t, err, &taken)
	assert.Equal(t, []string{"2", "4"}, taken.Seats())
	assert.Equal(t, `seatmap: taken: event "concert" seat 2, 4`, err.Error())
}

func TestSoldOutComesBeforeTaken(t *testing.T) {
	m := newEvent(t, 2, seatmap.Limits{}, seatmap.MapOptions{})
	h := block(t, m, "ann", "1", "2")
	_, err := tryBlock(m, "bob", "1")
	require.ErrorIs(t, err, seatmap.ErrSoldOut)
	require.ErrorIs(t, err, seatmap.ErrTaken)
	_, err = m.BlockAny(t.Context(), seatmap.BlockAnyRequest{Event: event, User: "bob", N: 1, TTL: hold})
	require.ErrorIs(t, err, seatmap.ErrSoldOut)
	require.NoError(t, release(m, h.Token, "2"))
	_, err = tryBlock(m, "bob", "1")
	require.NotErrorIs(t, err, seatmap.ErrSoldOut)
	require.ErrorIs(t, err, seatmap.ErrTaken)
}

func TestClosedSeatsAreNotForSale(t *testing.T) {
	m := newMap(t, seatmap.MapOptions{})
	require.NoError(t, errOf(m.Create(t.Context(), seatmap.CreateRequest{
		Event: event, Layout: seatmap.Layout{Seats: []string{"A-1", "A-2", "B-1"}, Closed: []string{"A-2"}},
	})))
	_, err := tryBlock(m, "ann", "A-2")
	require.ErrorIs(t, err, seatmap.ErrTaken)
	assert.Equal(t, seatmap.SeatClosed, state(t, m, "A-2").State)
	h, err := m.BlockAny(t.Context(), seatmap.BlockAnyRequest{Event: event, User: "ann", N: 2, TTL: hold})
	require.NoError(t, err)
	assert.Equal(t, []string{"A-1", "B-1"}, h.Seats)
	_, err = tryBlock(m, "bob", "A-2")
	require.ErrorIs(t, err, seatmap.ErrSoldOut)
}

func TestBlockAnyFindsTheFirstThatFit(t *testing.T) {
	m := newMap(t, seatmap.MapOptions{})
	var labels []string
	for _, row := range []string{"A", "B"} {
		for i := range 5 {
			labels = append(labels, fmt.Sprintf("%s-%d", row, i+1))
		}
	}
	require.NoError(t, errOf(m.Create(t.Context(), seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Seats: labels}})))
	block(t, m, "x", "A-2", "B-2")
	ask := func(n int, w seatmap.Where) ([]string, error) {
		h, err := m.BlockAny(context.Background(), seatmap.BlockAnyRequest{Event: event, User: "ann", N: n, Where: w, TTL: hold})
		if err == nil {
			require.NoError(t, release(m, h.Token))
		}
		return h.Seats, err
	}
	for _, c := range []struct {
		n     int
		where seatmap.Where
		want  []string
	}{
		{2, seatmap.Where{}, []string{"A-1", "A-3"}},
		{2, seatmap.Where{Adjacent: true}, []string{"A-3", "A-4"}},
		{3, seatmap.Where{Prefix: "B-", Adjacent: true}, []string{"B-3", "B-4", "B-5"}},
		{4, seatmap.Where{Prefix: "B-"}, []string{"B-1", "B-3", "B-4", "B-5"}},
		{4, seatmap.Where{Adjacent: true}, []string{"A-3", "A-4", "A-5", "B-1"}},
	} {
		got, err := ask(c.n, c.where)
		require.NoError(t, err)
		assert.Equal(t, c.want, got)
	}
	for _, where := range []seatmap.Where{{Prefix: "B-"}, {Prefix: "C"}, {Adjacent: true}} {
		_, err := ask(5, where)
		require.ErrorIs(t, err, seatmap.ErrNotEnough)
	}
}

func TestLimits(t *testing.T) {
	m := newEvent(t, 9, seatmap.Limits{Seats: 3, Holds: 2, Lifetime: 10 * time.Minute}, seatmap.MapOptions{})
	one := block(t, m, "ann", "1")
	two := block(t, m, "ann", "2")
	_, err := tryBlock(m, "ann", "3")
	require.ErrorIs(t, err, seatmap.ErrLimit, "a third hold")
	_, err = book(m, one.Token)
	require.NoError(t, err)
	_, err = tryBlock(m, "ann", "3", "4")
	require.ErrorIs(t, err, seatmap.ErrLimit, "booked seats count")
	block(t, m, "ann", "3")
	require.NoError(t, release(m, two.Token))
	_, err = tryBlock(m, "ann", "1")
	require.ErrorIs(t, err, seatmap.ErrTaken, "taken comes before limit")
	block(t, m, "bob", "4", "5")

	_, err = m.Block(t.Context(), seatmap.BlockRequest{Event: event, User: "carl", Seats: []string{"9"}, TTL: 11 * time.Minute})
	require.ErrorIs(t, err, seatmap.ErrLimit)
	h := block(t, m, "carl", "9")
	_, err = extend(m, h.Token, 11*time.Minute)
	require.ErrorIs(t, err, seatmap.ErrLimit)
	longer, err := extend(m, h.Token, 9*time.Minute)
	require.NoError(t, err)
	assert.Equal(t, h.Token, longer.Token)
	assert.Greater(t, longer.Until.Sub(h.Until), 3*time.Minute)
	same, err := extend(m, h.Token, time.Minute)
	require.NoError(t, err)
	assert.WithinDuration(t, longer.Until, same.Until, time.Millisecond, "it does not get shorter")
}

// sameHold checks that two answers are the same, given one after the other.
func sameHold(t *testing.T, first, second seatmap.Hold) {
	t.Helper()
	assert.LessOrEqual(t, second.Left, first.Left)
	assert.InDelta(t, time.Until(second.Until), second.Left, float64(time.Minute))
	second.Left = first.Left
	assert.Equal(t, first, second)
}

func TestRepeatedRequestsGetTheSameAnswer(t *testing.T) {
	m := newEvent(t, 4, seatmap.Limits{Seats: 2}, seatmap.MapOptions{})
	r := seatmap.BlockRequest{Event: event, User: "ann", Key: seatmap.NewKey("k"), Seats: []string{"1", "2"}, TTL: hold}
	first, err := m.Block(t.Context(), r)
	require.NoError(t, err)
	assert.False(t, first.Replayed)
	again, err := m.Block(t.Context(), r)
	require.NoError(t, err)
	first.Replayed = true
	sameHold(t, first, again)
	again.Seats[0] = "spoiled"
	again, err = m.Block(t.Context(), r)
	require.NoError(t, err)
	assert.Equal(t, r.Seats, again.Seats, "the answer is not shared with the caller")

	other := r
	other.Seats = []string{"3"}
	_, err = m.Block(t.Context(), other)
	require.ErrorIs(t, err, seatmap.ErrKeyReused)
	_, err = m.BlockAny(t.Context(), seatmap.BlockAnyRequest{Event: event, User: "ann", Key: seatmap.NewKey("k"), N: 2, TTL: hold})
	require.ErrorIs(t, err, seatmap.ErrKeyReused)
	other = r
	other.User = "bob"
	_, err = m.Block(t.Context(), other)
	require.ErrorIs(t, err, seatmap.ErrTaken, "a key is its user's")

	pay := seatmap.BookRequest{Token: first.Token, User: "ann", Key: seatmap.NewKey("pay")}
	booking, err := m.Book(t.Context(), pay)
	require.NoError(t, err)
	same, err := m.Book(t.Context(), pay)
	require.NoError(t, err)
	assert.False(t, booking.Replayed)
	booking.Replayed = true
	assert.Equal(t, booking, same)
	forged := pay
	forged.Token = seatmap.Damaged(pay.Token, 100)
	_, err = m.Book(t.Context(), forged)
	require.ErrorIs(t, err, seatmap.ErrKeyReused, "the token is part of the request")
	again, err = m.Block(t.Context(), r)
	require.NoError(t, err)
	sameHold(t, first, again) // also when the hold has ended
	assert.Equal(t, seatmap.Counts{Available: 2, Booked: 2}, counts(t, m))

	any := seatmap.BlockAnyRequest{Event: event, User: "bob", Key: seatmap.NewKey("any"), N: 2, TTL: hold}
	chosen, err := m.BlockAny(t.Context(), any)
	require.NoError(t, err)
	repeated, err := m.BlockAny(t.Context(), any)
	require.NoError(t, err)
	chosen.Replayed = true
	sameHold(t, chosen, repeated) // also when the event is sold out
	any.Where.Adjacent = true
	_, err = m.BlockAny(t.Context(), any)
	require.ErrorIs(t, err, seatmap.ErrKeyReused)
}

func TestARefusalIsEvaluatedAfresh(t *testing.T) {
	m := newEvent(t, 2, seatmap.Limits{}, seatmap.MapOptions{})
	h := block(t, m, "ann", "1")
	r := seatmap.BlockRequest{Event: event, User: "bob", Key: seatmap.NewKey("k"), Seats: []string{"1"}, TTL: hold}
	_, err := m.Block(t.Context(), r)
	require.ErrorIs(t, err, seatmap.ErrTaken)
	require.NoError(t, release(m, h.Token))
	_, err = m.Block(t.Context(), r)
	require.NoError(t, err)
}

func TestAnotherUsersHoldCannotBeBookedInHisName(t *testing.T) {
	m := newEvent(t, 1, seatmap.Limits{}, seatmap.MapOptions{})
	h := block(t, m, "ann", "1")
	_, err := m.Book(t.Context(), seatmap.BookRequest{Token: h.Token, User: "bob"})
	require.ErrorIs(t, err, seatmap.ErrToken)
	require.NoError(t, release(m, h.Token))
}

func TestANewEventOfTheSameNameKnowsNoOldToken(t *testing.T) {
	m := newEvent(t, 2, seatmap.Limits{}, seatmap.MapOptions{})
	old := block(t, m, "ann", "1")
	require.NoError(t, errOf(m.Remove(t.Context(), seatmap.RemoveRequest{Event: event})))
	_, err := book(m, old.Token)
	require.ErrorIs(t, err, seatmap.ErrUnknownEvent)
	require.NoError(t, errOf(m.Create(t.Context(), seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: 2}})))
	h := block(t, m, "ann", "1")
	assert.Greater(t, h.Token.Fence, old.Token.Fence)
	_, err = book(m, old.Token)
	require.ErrorIs(t, err, seatmap.ErrExpired)
	require.NoError(t, release(m, h.Token))
}

func TestBadInputGetsANamedErrorAndChangesNothing(t *testing.T) {
	m := newEvent(t, 3, seatmap.Limits{}, seatmap.MapOptions{})
	taken := block(t, m, "ann", "3")
	before, err := m.Seats(t.Context(), seatmap.SeatsRequest{Event: event})
	require.NoError(t, err)
	long := strings.Repeat("x", seatmap.MaxName+1)
	canceled, cancelIt := context.WithCancelCause(context.Background())
	cause := errors.New("the client went away")
	cancelIt(cause)

	good := seatmap.BlockRequest{Event: event, User: "bob", Seats: []string{"1"}, TTL: hold}
	blockWith := func(change func(*seatmap.BlockRequest)) func(context.Context) error {
		return func(ctx context.Context) error {
			r := good
			change(&r)
			_, err := m.Block(ctx, r)
			return err
		}
	}
	anyWith := func(change func(*seatmap.BlockAnyRequest)) func(context.Context) error {
		return func(ctx context.Context) error {
			r := seatmap.BlockAnyRequest{Event: event, User: "bob", N: 1, TTL: hold}
			change(&r)
			_, err := m.BlockAny(ctx, r)
			return err
		}
	}
	create := func(name string, l seatmap.Layout, limits seatmap.Limits) func(context.Context) error {
		return func(ctx context.Context) error {
			return errOf(m.Create(ctx, seatmap.CreateRequest{Event: name, Layout: l, Limits: limits}))
		}
	}
	one := seatmap.Layout{Count: 1}
	many := make([]string, 20)
	for i := range many {
		many[i] = fmt.Sprint("no", i)
	}
	many[19] = many[0]
	for name, c := range map[string]struct {
		call func(context.Context) error
		want error
	}{
		"empty event":          {blockWith(func(r *seatmap.BlockRequest) { r.Event = "" }), seatmap.ErrInvalidEvent},
		"long event":           {blockWith(func(r *seatmap.BlockRequest) { r.Event = long }), seatmap.ErrInvalidEvent},
		"unknown event":        {blockWith(func(r *seatmap.BlockRequest) { r.Event = "opera" }), seatmap.ErrUnknownEvent},
		"empty user":           {blockWith(func(r *seatmap.BlockRequest) { r.User = "" }), seatmap.ErrInvalidUser},
		"long user":            {blockWith(func(r *seatmap.BlockRequest) { r.User = long }), seatmap.ErrInvalidUser},
		"long key":             {blockWith(func(r *seatmap.BlockRequest) { r.Key = seatmap.NewKey(long) }), seatmap.ErrInvalidKey},
		"no seats":             {blockWith(func(r *seatmap.BlockRequest) { r.Seats = nil }), seatmap.ErrInvalidSeats},
		"unknown seat":         {blockWith(func(r *seatmap.BlockRequest) { r.Seats = []string{"4"} }), seatmap.ErrUnknownSeat},
		"seat 0":               {blockWith(func(r *seatmap.BlockRequest) { r.Seats = []string{"0"} }), seatmap.ErrUnknownSeat},
		"seat 01":              {blockWith(func(r *seatmap.BlockRequest) { r.Seats = []string{"01"} }), seatmap.ErrUnknownSeat},
		"seat +1":              {blockWith(func(r *seatmap.BlockRequest) { r.Seats = []string{"+1"} }), seatmap.ErrUnknownSeat},
		"seat 1e9":             {blockWith(func(r *seatmap.BlockRequest) { r.Seats = []string{"1000000001"} }), seatmap.ErrUnknownSeat},
		"empty seat":           {blockWith(func(r *seatmap.BlockRequest) { r.Seats = []string{""} }), seatmap.ErrUnknownSeat},
		"long seat":            {blockWith(func(r *seatmap.BlockRequest) { r.Seats = []string{long} }), seatmap.ErrUnknownSeat},
		"seat twice":           {blockWith(func(r *seatmap.BlockRequest) { r.Seats = []string{"1", "2", "1"} }), seatmap.ErrInvalidSeats},
		"seat twice of many":   {blockWith(func(r *seatmap.BlockRequest) { r.Seats = many }), seatmap.ErrInvalidSeats},
		"taken seat twice":     {blockWith(func(r *seatmap.BlockRequest) { r.Seats = []string{"3", "3"} }), seatmap.ErrInvalidSeats},
		"seat twice, no event": {blockWith(func(r *seatmap.BlockRequest) { r.Event, r.Seats = "opera", []string{"1", "1"} }), seatmap.ErrInvalidSeats},
		"zero TTL":             {blockWith(func(r *seatmap.BlockRequest) { r.TTL = 0 }), seatmap.ErrInvalidTTL},
		"negative TTL":         {blockWith(func(r *seatmap.BlockRequest) { r.TTL = -1 }), seatmap.ErrInvalidTTL},
		"huge TTL":             {blockWith(func(r *seatmap.BlockRequest) { r.TTL = 1<<63 - 1 }), seatmap.ErrInvalidTTL},
		"any of none":          {anyWith(func(r *seatmap.BlockAnyRequest) { r.N = 0 }), seatmap.ErrInvalidSeats},
		"any of minus one":     {anyWith(func(r *seatmap.BlockAnyRequest) { r.N = -1 }), seatmap.ErrInvalidSeats},
		"any of too many":      {anyWith(func(r *seatmap.BlockAnyRequest) { r.N = seatmap.MaxSeats + 1 }), seatmap.ErrInvalidSeats},
		"any of more than all": {anyWith(func(r *seatmap.BlockAnyRequest) { r.N = 4 }), seatmap.ErrNotEnough},
		"any zero TTL":         {anyWith(func(r *seatmap.BlockAnyRequest) { r.TTL = 0 }), seatmap.ErrInvalidTTL},
		"any in no event":      {anyWith(func(r *seatmap.BlockAnyRequest) { r.Event = "opera" }), seatmap.ErrUnknownEvent},
		"create empty name":    {create("", one, seatmap.Limits{}), seatmap.ErrInvalidEvent},
		"create again":         {create(event, one, seatmap.Limits{}), seatmap.ErrExists},
		"create without seats": {create("x", seatmap.Layout{}, seatmap.Limits{}), seatmap.ErrInvalidLayout},
		"create -1 seats":      {create("x", seatmap.Layout{Count: -1}, seatmap.Limits{}), seatmap.ErrInvalidLayout},
		"create 1e9 seats":     {create("x", seatmap.Layout{Count: 1e9}, seatmap.Limits{}), seatmap.ErrInvalidLayout},
		"create both":          {create("x", seatmap.Layout{Count: 1, Seats: []string{"a"}}, seatmap.Limits{}), seatmap.ErrInvalidLayout},
		"create seat twice":    {create("x", seatmap.Layout{Seats: []string{"a", "a"}}, seatmap.Limits{}), seatmap.ErrInvalidLayout},
		"create empty seat":    {create("x", seatmap.Layout{Seats: []string{""}}, seatmap.Limits{}), seatmap.ErrInvalidLayout},
		"create long seat":     {create("x", seatmap.Layout{Seats: []string{long}}, seatmap.Limits{}), seatmap.ErrInvalidLayout},
		"create closing none":  {create("x", seatmap.Layout{Count: 1, Closed: []string{"2"}}, seatmap.Limits{}), seatmap.ErrInvalidLayout},
		"create bad limits":    {create("x", one, seatmap.Limits{Holds: -1}), seatmap.ErrInvalidLimits},
		"remove none":          {func(ctx context.Context) error { return errOf(m.Remove(ctx, seatmap.RemoveRequest{Event: "opera"})) }, seatmap.ErrUnknownEvent},
		"remove empty":         {func(ctx context.Context) error { return errOf(m.Remove(ctx, seatmap.RemoveRequest{})) }, seatmap.ErrInvalidEvent},
		"book no token": {func(ctx context.Context) error {
			_, err := m.Book(ctx, seatmap.BookRequest{})
			return err
		}, seatmap.ErrToken},
		"book with a key and no user": {func(ctx context.Context) error {
			_, err := m.Book(ctx, seatmap.BookRequest{Token: taken.Token, Key: seatmap.NewKey("k")})
			return err
		}, seatmap.ErrInvalidUser},
		"book with a long key": {func(ctx context.Context) error {
			_, err := m.Book(ctx, seatmap.BookRequest{Token: taken.Token, User: "ann", Key: seatmap.NewKey(long)})
			return err
		}, seatmap.ErrInvalidKey},
		"book a seat twice": {func(ctx context.Context) error {
			_, err := m.Book(ctx, seatmap.BookRequest{Token: seatmap.Token{Event: "opera"}, Seats: []string{"1", "1"}})
			return err
		}, seatmap.ErrInvalidSeats},
		"release a seat twice": {func(ctx context.Context) error {
			return errOf(m.Release(ctx, seatmap.ReleaseRequest{Seats: []string{"1", "1"}}))
		}, seatmap.ErrInvalidSeats},
		"release no token": {func(ctx context.Context) error { return errOf(m.Release(ctx, seatmap.ReleaseRequest{})) }, seatmap.ErrToken},
		"cancel no token":  {func(ctx context.Context) error { return errOf(m.Cancel(ctx, seatmap.CancelRequest{})) }, seatmap.ErrToken},
		"extend zero": {func(ctx context.Context) error {
			_, err := m.Extend(ctx, seatmap.ExtendRequest{Token: taken.Token})
			return err
		}, seatmap.ErrInvalidTTL},
		"extend no token": {func(ctx context.Context) error {
			_, err := m.Extend(ctx, seatmap.ExtendRequest{TTL: 1})
			return err
		}, seatmap.ErrToken},
		"unknown seat's state": {func(ctx context.Context) error {
			_, err := m.Seat(ctx, seatmap.SeatRequest{Event: event, Seat: "x"})
			return err
		}, seatmap.ErrUnknownSeat},
		"unknown event's seats": {func(ctx context.Context) error {
			_, err := m.Seats(ctx, seatmap.SeatsRequest{Event: "opera"})
			return err
		}, seatmap.ErrUnknownEvent},
		"no event's counts": {func(ctx context.Context) error {
			_, err := m.Counts(ctx, seatmap.CountsRequest{})
			return err
		}, seatmap.ErrInvalidEvent},
		"nobody's holds": {func(ctx context.Context) error {
			_, err := m.Holds(ctx, seatmap.HoldsRequest{Event: event})
			return err
		}, seatmap.ErrInvalidUser},
		"watch no event": {func(ctx context.Context) error {
			for _, err := range m.Watch(ctx, seatmap.WatchRequest{Event: "opera"}) {
				return err
			}
			return nil
		}, seatmap.ErrUnknownEvent},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, c.call(context.Background()), c.want)
			require.ErrorIs(t, c.call(canceled), cause, "a context that is done comes first")
		})
	}
	_, err = m.Sweep(canceled)
	require.ErrorIs(t, err, cause)
	after, err := m.Seats(t.Context(), seatmap.SeatsRequest{Event: event})
	require.NoError(t, err)
	for i := range after.Seats {
		assert.Equal(t, before.Seats[i].State, after.Seats[i].State)
	}
	assert.Equal(t, before.Revision, after.Revision)
	require.NoError(t, release(m, taken.Token))

	require.NoError(t, m.Close())
	require.NoError(t, m.Close())
	for name, call := range map[string]func() error{
		"block":  func() error { return blockWith(func(r *seatmap.BlockRequest) { r.Event = "" })(canceled) },
		"create": func() error { return create("new", one, seatmap.Limits{})(canceled) },
		"seats":  func() error { _, err := m.Seats(canceled, seatmap.SeatsRequest{}); return err },
		"sweep":  func() error { _, err := m.Sweep(canceled); return err },
		"book":   func() error { _, err := book(m, taken.Token); return err },
	} {
		require.ErrorIs(t, call(), seatmap.ErrClosed, "%s: closed comes before all else", name)
	}
}

func TestNewMapPanicsOnOptionsOutOfRange(t *testing.T) {
	for want, o := range map[string]seatmap.MapOptions{
		"seatmap: NewMap: SweepEvery is -1ns, which is negative": {SweepEvery: -1},
		"seatmap: NewMap: Ring is -1, not 0 to 1048576":          {Ring: -1},
		"seatmap: NewMap: Ring is 1048577, not 0 to 1048576":     {Ring: 1<<20 + 1},
		"seatmap: NewMap: Keys is -1, which is negative":         {Keys: -1},
		"seatmap: NewMap: SweepEvery is -1s, which is negative":  {SweepEvery: -time.Second, Ring: -1, Keys: -1},
	} {
		assert.PanicsWithError(t, want, func() { seatmap.NewMap(o) })
	}
	require.NoError(t, seatmap.NewMap(seatmap.MapOptions{Ring: 1 << 20}).Close())
}

func TestStatesAndKindsPrint(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	for want, s := range map[string]seatmap.SeatInfo{
		"7: Available":                          {Seat: "7"},
		"7: Closed":                             {Seat: "7", State: seatmap.SeatClosed},
		"7: Booked { user: ann, at: 03:04:05 }": {Seat: "7", State: seatmap.SeatBooked, User: "ann", At: at},
		"7: Blocked { user: ann, at: 03:04:05, until: 03:09:05 }": {Seat: "7", State: seatmap.SeatBlocked, User: "ann", At: at, Until: at.Add(hold)},
	} {
		assert.Equal(t, want, s.String())
	}
	assert.Equal(t, "SeatState(9)", seatmap.SeatState(9).String())
	assert.Equal(t, "Canceled", seatmap.ChangeCanceled.String())
	assert.Equal(t, "ChangeKind(99)", seatmap.ChangeKind(99).String())
}

func TestTheSameRequestManyTimesAtOnceGetsOneHold(t *testing.T) {
	m := newEvent(t, 200, seatmap.Limits{}, seatmap.MapOptions{})
	r := seatmap.BlockRequest{Event: event, User: "ann", TTL: hold}
	for i := range 200 {
		r.Seats = append(r.Seats, fmt.Sprint(i+1))
	}
	rounds := 0
	testkit.Stress(t, func(t *testing.T, _ int) {
		rounds++
		r.Key = seatmap.NewKey(fmt.Sprint("key", rounds))
		var got [4]seatmap.Hold
		var errs [4]error
		testkit.Parallel(len(got), func(i int) { got[i], errs[i] = m.Block(context.Background(), r) })
		for i := range got {
			require.NoError(t, errs[i])
			require.Equal(t, got[0].Token, got[i].Token)
		}
		require.NoError(t, release(m, got[0].Token))
	})
}
