package seatmap_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
)

func pay(m *seatmap.Map, t seatmap.Token, d time.Duration) (seatmap.Hold, error) {
	return m.BeginPayment(ctx, seatmap.PaymentRequest{Token: t, TTL: d})
}

func giveUp(m *seatmap.Map, t seatmap.Token) (seatmap.Hold, error) {
	return m.EndPayment(ctx, seatmap.EndPaymentRequest{Token: t})
}

func TestAHoldDoesNotEndUnderAPayment(t *testing.T) {
	limits := seatmap.Limits{Lifetime: 10 * time.Minute, Payment: 5 * time.Minute}
	start := func(t *testing.T) (*seatmap.Map, seatmap.Token) {
		t.Helper()
		m := newEvent(t, 2, limits, seatmap.MapOptions{})
		h, err := m.Block(ctx, seatmap.BlockRequest{Event: event, User: "ann", Seats: []string{"1", "2"}, TTL: 10 * time.Minute})
		require.NoError(t, err)
		testkit.Advance(9 * time.Minute)
		h, err = pay(m, h.Token, 5*time.Minute)
		require.NoError(t, err)
		assert.True(t, h.Paying)
		assert.Equal(t, 5*time.Minute, h.Left)
		testkit.Advance(5*time.Minute - 1)
		assert.True(t, state(t, m, "2").Paying)
		_, err = m.Block(ctx, seatmap.BlockRequest{Event: event, User: "bob", Seats: []string{"1"}, TTL: hold})
		require.ErrorIs(t, err, seatmap.ErrTaken)
		_, err = pay(m, h.Token, time.Second)
		require.ErrorIs(t, err, seatmap.ErrLimit, "of the whole payment")
		return m, h.Token
	}
	for name, end := range map[string]func(t *testing.T, m *seatmap.Map, token seatmap.Token){
		"its time is over": func(t *testing.T, m *seatmap.Map, token seatmap.Token) {
			t.Helper()
			testkit.Advance(1)
			assert.Equal(t, seatmap.Counts{Available: 2}, counts(t, m))
			_, err := book(m, token)
			require.ErrorIs(t, err, seatmap.ErrExpired)
		},
		"it is booked": func(t *testing.T, m *seatmap.Map, token seatmap.Token) {
			t.Helper()
			_, err := book(m, token)
			require.NoError(t, err)
			testkit.Advance(time.Hour)
			assert.Equal(t, seatmap.Counts{Booked: 2}, counts(t, m))
		},
		"part of it is booked": func(t *testing.T, m *seatmap.Map, token seatmap.Token) {
			t.Helper()
			_, err := book(m, token, "1")
			require.NoError(t, err)
			assert.Equal(t, seatmap.Counts{Available: 1, Booked: 1}, counts(t, m), "the rest had a deadline, which has passed")
		},
		"it is given up": func(t *testing.T, m *seatmap.Map, token seatmap.Token) {
			t.Helper()
			h, err := giveUp(m, token)
			require.NoError(t, err)
			assert.Zero(t, h.Left)
			assert.Equal(t, seatmap.Counts{Available: 2}, counts(t, m))
			_, err = giveUp(m, token)
			require.ErrorIs(t, err, seatmap.ErrExpired)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, token := start(t)
				end(t, m, token)
			})
		})
	}
}

func TestAPaymentThatEndsEarlyLeavesTheHoldItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newEvent(t, 2, seatmap.Limits{}, seatmap.MapOptions{})
		h := block(t, m, "ann", "1")
		for range 2 {
			paid, err := pay(m, h.Token, 2*hold)
			require.NoError(t, err)
			assert.Equal(t, 2*hold, paid.Left)
			back, err := giveUp(m, h.Token)
			require.NoError(t, err)
			assert.False(t, back.Paying)
			assert.Equal(t, hold, back.Left)
		}
		_, err := pay(m, h.Token, time.Second)
		require.NoError(t, err)
		longer, err := extend(m, h.Token, 3*hold)
		require.NoError(t, err)
		assert.Equal(t, 3*hold, longer.Left)
		require.NoError(t, imported(m, exported(t, m, event, true)))
		assert.True(t, state(t, m, "1").Paying)
		testkit.Advance(time.Second)
		assert.False(t, state(t, m, "1").Paying)
		unchanged, err := giveUp(m, h.Token)
		require.NoError(t, err)
		assert.Equal(t, 3*hold-time.Second, unchanged.Left)
	})
}
