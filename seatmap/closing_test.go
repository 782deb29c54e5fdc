package seatmap_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
)

func closeSeats(t *testing.T, m *seatmap.Map, seats ...string) {
	t.Helper()
	_, err := m.CloseSeats(t.Context(), seatmap.CloseSeatsRequest{Event: event, Seats: seats, Actor: "op", Reason: "camera"})
	require.NoError(t, err)
}

func TestASeatThatIsClosedUnderAHoldIsNotSoldAgain(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, m *seatmap.Map, h seatmap.Hold){
		"Release": func(t *testing.T, m *seatmap.Map, h seatmap.Hold) {
			t.Helper()
			require.NoError(t, release(m, h.Token))
		},
		"Cancel": func(t *testing.T, m *seatmap.Map, h seatmap.Hold) {
			t.Helper()
			b, err := book(m, h.Token)
			require.NoError(t, err)
			require.NoError(t, cancel(m, b.Token))
		},
		"Move": func(t *testing.T, m *seatmap.Map, _ seatmap.Hold) {
			t.Helper()
			_, err := m.Move(ctx, seatmap.MoveRequest{Event: event, Seat: "1", To: []string{"2"}, Actor: "op"})
			require.NoError(t, err)
		},
		"its deadline": func(t *testing.T, _ *seatmap.Map, _ seatmap.Hold) {
			t.Helper()
			testkit.Advance(hold)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newEvent(t, 3, seatmap.Limits{}, seatmap.MapOptions{Manual: true})
				h := block(t, m, "ann", "1")
				closeSeats(t, m, "1")
				one := state(t, m, "1")
				assert.Equal(t, seatmap.SeatBlocked, one.State)
				assert.Equal(t, "true op camera", fmt.Sprintf("%t %s %s", one.Closed, one.ClosedBy, one.ClosedReason))
				end(t, m, h)
				assert.Equal(t, seatmap.SeatClosed, state(t, m, "1").State)
				assert.Equal(t, 1, counts(t, m).Closed)
				_, err := m.Block(ctx, seatmap.BlockRequest{Event: event, User: "bob", Seats: []string{"1"}, TTL: hold})
				require.ErrorIs(t, err, seatmap.ErrTaken)
				require.ErrorIs(t, err, seatmap.ErrNotForSale)
			})
		})
	}
}

func TestAnEventWhoseLastSeatIsClosedUnderAHoldThatEndsIsSoldOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newEvent(t, 2, seatmap.Limits{}, seatmap.MapOptions{Manual: true})
		block(t, m, "ann", "1")
		closeSeats(t, m, "1", "2")
		testkit.Advance(hold)
		for range 2 {
			_, err := m.BlockAny(ctx, seatmap.BlockAnyRequest{Event: event, User: "bob", N: 1, TTL: hold})
			require.ErrorIs(t, err, seatmap.ErrSoldOut)
		}
		assert.Equal(t, seatmap.Counts{Closed: 2}, counts(t, m))
		_, err := m.OpenSeats(ctx, seatmap.OpenSeatsRequest{Event: event, Seats: []string{"2"}, Actor: "op"})
		require.NoError(t, err)
		h, err := m.BlockAny(ctx, seatmap.BlockAnyRequest{Event: event, User: "bob", N: 1, TTL: hold})
		require.NoError(t, err)
		assert.Equal(t, []string{"2"}, h.Seats)
	})
}

func TestARefusalOfAClosedSeatDoesNotAllocate(t *testing.T) {
	m := newEvent(t, 2, seatmap.Limits{}, seatmap.MapOptions{})
	closeSeats(t, m, "1")
	r := seatmap.BlockRequest{Event: event, User: "bob", Seats: []string{"1"}, TTL: time.Minute}
	_, err := m.Block(ctx, r)
	require.ErrorIs(t, err, seatmap.ErrNotForSale)
	assert.Equal(t, `seatmap: taken: not for sale: event "concert" seat 1`, err.Error())
	testkit.NoAllocs(t, "a refusal", func() { _, _ = m.Block(ctx, r) })
}
