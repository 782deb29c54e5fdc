package seatmap_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
)

func TestPlanKnowsSeatsByIndex(t *testing.T) {
	for _, n := range []int{1, 100, 4096, 4097, 10_000} {
		p, err := seatmap.NewPlan(seatmap.PlanOptions{Name: "hall", Seats: n, Closed: []int{n - 1, n - 1}})
		require.NoError(t, err)
		assert.Equal(t, n, p.Len())
		assert.Equal(t, "hall", p.Name())
		c, err := p.Counts()
		require.NoError(t, err)
		assert.Equal(t, seatmap.Counts{Available: n - 1, Closed: 1}, c)
		if n == 1 {
			_, err := p.Block(1, hold, 0)
			require.ErrorIs(t, err, seatmap.ErrSoldOut)
			continue
		}
		token, err := p.Block(7, hold, 0)
		require.NoError(t, err)
		s, err := p.Seat(0)
		require.NoError(t, err)
		assert.Equal(t, seatmap.SeatBlocked, s.State)
		assert.EqualValues(t, 7, s.User)
		assert.Equal(t, token.Fence, s.Fence)
		assert.InDelta(t, hold, s.Left, float64(time.Minute))
		_, err = p.Block(8, hold, 0)
		require.EqualError(t, err, `seatmap: taken: event "hall" seat 0`)
		all, err := p.Seats()
		require.NoError(t, err)
		assert.Len(t, all, n)
		assert.Equal(t, seatmap.SeatClosed, all[n-1].State)
		left, err := p.Extend(token, time.Hour)
		require.NoError(t, err)
		assert.Equal(t, time.Hour, left)
		booking, err := p.Book(token, 0)
		require.NoError(t, err)
		s, err = p.Seat(0)
		require.NoError(t, err)
		assert.Equal(t, seatmap.PlanSeat{State: seatmap.SeatBooked, User: 7, Fence: booking.Fence}, s)
		require.NoError(t, p.Cancel(booking))
		require.ErrorIs(t, p.Cancel(booking), seatmap.ErrExpired)
	}
}

func TestPlanRefusesBadInput(t *testing.T) {
	for _, c := range []seatmap.PlanOptions{
		{}, {Seats: -1}, {Seats: 1e9}, {Seats: seatmap.MaxSeats + 1}, {Seats: 3, Closed: []int{3}}, {Seats: 3, Closed: []int{-1}},
	} {
		_, err := seatmap.NewPlan(c)
		require.ErrorIs(t, err, seatmap.ErrInvalidLayout)
	}
	p := newPlan(t, 5, nil)
	token, err := p.Block(1, hold, 4)
	require.NoError(t, err)
	for want, call := range map[error]func() error{
		seatmap.ErrUnknownSeat:  func() error { _, err := p.Block(1, hold, 5); return err },
		seatmap.ErrInvalidSeats: func() error { _, err := p.Block(1, hold); return err },
		seatmap.ErrInvalidTTL:   func() error { _, err := p.Block(1, 0, 4); return err },
		seatmap.ErrToken:        func() error { return p.Release(seatmap.Token{}) },
	} {
		require.ErrorIs(t, call(), want)
	}
	_, err = p.Block(1, hold, -1)
	require.ErrorIs(t, err, seatmap.ErrUnknownSeat)
	_, err = p.Block(1, hold, 1, 2, 1)
	require.ErrorIs(t, err, seatmap.ErrInvalidSeats)
	_, err = p.Block(1, hold, 1, 2, 3, 4, 5, 6)
	require.ErrorIs(t, err, seatmap.ErrUnknownSeat)
	_, err = p.Seat(5)
	require.ErrorIs(t, err, seatmap.ErrUnknownSeat)
	_, _, err = p.BlockAny(1, hold, 0, false)
	require.ErrorIs(t, err, seatmap.ErrInvalidSeats)
	_, _, err = p.BlockAny(1, -1, 1, false)
	require.ErrorIs(t, err, seatmap.ErrInvalidTTL)
	_, err = p.Extend(token, 0)
	require.ErrorIs(t, err, seatmap.ErrInvalidTTL)
	other := newPlan(t, 5, nil)
	foreign, err := other.Block(1, hold, 4)
	require.NoError(t, err)
	require.ErrorIs(t, p.Release(foreign), seatmap.ErrToken)
	require.NoError(t, other.Release(foreign))
	foreign.Event = "elsewhere"
	require.ErrorIs(t, other.Release(foreign), seatmap.ErrToken, "not over, but never known here")
	c, err := p.Counts()
	require.NoError(t, err)
	assert.Equal(t, seatmap.Counts{Available: 4, Blocked: 1}, c)
}

func TestPlanAfterClose(t *testing.T) {
	p := newPlan(t, 2, nil)
	token, err := p.Block(1, hold, 0)
	require.NoError(t, err)
	p.Close()
	p.Close()
	for name, call := range map[string]func() error{
		"block taken":   func() error { _, err := p.Block(2, hold, 0); return err },
		"block free":    func() error { _, err := p.Block(2, hold, 1); return err },
		"block nothing": func() error { _, err := p.Block(2, 0); return err },
		"any":           func() error { _, _, err := p.BlockAny(2, 0, -1, false); return err },
		"book":          func() error { _, err := p.Book(token); return err },
		"extend":        func() error { _, err := p.Extend(token, 0); return err },
		"release":       func() error { return p.Release(token, 99) },
		"cancel":        func() error { return p.Cancel(token) },
		"seat":          func() error { _, err := p.Seat(99); return err },
		"seats":         func() error { _, err := p.Seats(); return err },
		"counts":        func() error { _, err := p.Counts(); return err },
	} {
		require.ErrorIs(t, call(), seatmap.ErrClosed, name)
	}
	n, more := p.Sweep(10)
	assert.Zero(t, n)
	assert.False(t, more)
}

func TestPlanBlockAny(t *testing.T) {
	p := newPlan(t, 2000, nil)
	_, err := p.Block(1, hold, 1, 600)
	require.NoError(t, err)
	_, seats, err := p.BlockAny(2, hold, 3, true)
	require.NoError(t, err)
	assert.Equal(t, []int{2, 3, 4}, seats)
	_, seats, err = p.BlockAny(2, hold, 1, false)
	require.NoError(t, err)
	assert.Equal(t, []int{0}, seats)
	_, seats, err = p.BlockAny(2, hold, 1300, true)
	require.NoError(t, err)
	assert.Equal(t, 601, seats[0])
	_, _, err = p.BlockAny(2, hold, 1300, false)
	require.ErrorIs(t, err, seatmap.ErrNotEnough)
	_, seats, err = p.BlockAny(2, hold, 694, false)
	require.NoError(t, err)
	assert.Len(t, seats, 694)
	_, _, err = p.BlockAny(2, hold, 1, false)
	require.ErrorIs(t, err, seatmap.ErrSoldOut)
}

func TestAdjacentSeatsDoNotSpanAFullStretch(t *testing.T) {
	p := newPlan(t, 1536, nil)
	middle := make([]int, 512)
	for i := range middle {
		middle[i] = 512 + i
	}
	_, err := p.Block(1, hold, middle...)
	require.NoError(t, err)
	_, _, err = p.BlockAny(2, hold, 513, true)
	require.ErrorIs(t, err, seatmap.ErrNotEnough)
	_, seats, err := p.BlockAny(2, hold, 513, false)
	require.NoError(t, err)
	assert.Equal(t, 1024, seats[512])
	_, seats, err = p.BlockAny(2, hold, 511, true)
	require.NoError(t, err)
	assert.Equal(t, 1025, seats[0])
}

func TestPlanDoesNotAllocate(t *testing.T) {
	clock := seatmap.NewClock()
	defer clock.Close()
	p := newPlan(t, 10, clock)
	_, err := p.Block(1, hold, 0)
	require.NoError(t, err)
	testkit.NoAllocs(t, "a refusal", func() {
		if _, err := p.Block(2, hold, 0); err == nil {
			t.Fatal("not refused")
		}
	})
	testkit.NoAllocs(t, "a grant of four seats and its release", func() {
		token, err := p.Block(2, hold, 5, 6, 7, 8)
		if err != nil || p.Release(token) != nil {
			t.Fatal("not granted")
		}
	})
	testkit.NoAllocs(t, "booking and canceling", func() {
		token, err := p.Block(2, hold, 5)
		if err != nil {
			t.Fatal(err)
		}
		booking, err := p.Book(token)
		if err != nil || p.Cancel(booking) != nil {
			t.Fatal("not booked")
		}
	})
}

func TestARefusalThroughTheStoreDoesNotAllocate(t *testing.T) {
	var s seatmap.Store = newEvent(t, 2, seatmap.Limits{}, seatmap.MapOptions{})
	_, err := s.Block(t.Context(), seatmap.BlockRequest{Event: event, User: "ann", Key: seatmap.NewKey("k"), Seats: []string{"1"}, TTL: hold})
	require.NoError(t, err)
	ctx, seats := t.Context(), []string{"1"}
	for _, key := range []seatmap.Key{{}, seatmap.NewKey("mine")} {
		testkit.NoAllocs(t, "a refusal with "+key.String(), func() {
			if _, err := s.Block(ctx, seatmap.BlockRequest{Event: event, User: "bob", Key: key, Seats: seats, TTL: hold}); err == nil {
				t.Fatal("not refused")
			}
		})
	}
	block(t, s, "carl", "2")
	testkit.NoAllocs(t, "a refusal of a sold-out event", func() {
		if _, err := s.BlockAny(ctx, seatmap.BlockAnyRequest{Event: event, User: "bob", N: 1, TTL: hold}); err == nil {
			t.Fatal("not refused")
		}
	})
}
