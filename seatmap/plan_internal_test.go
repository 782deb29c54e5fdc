package seatmap

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
)

func TestOverdueHoldsDoNotSendEveryRefusalToTheLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := NewPlan(PlanOptions{Seats: 2000})
		require.NoError(t, err)
		for seat := range 1999 {
			_, err := p.Block(1, time.Minute, seat)
			require.NoError(t, err)
		}
		_, err = p.Block(2, time.Hour, 1999)
		require.NoError(t, err)
		require.ErrorIs(t, p.refusal(1999), ErrSoldOut)
		testkit.Advance(time.Minute)
		require.NoError(t, p.refusal(1999), "only the lock can tell")
		_, err = p.Block(3, time.Minute, 1999)
		require.ErrorIs(t, err, ErrTaken)
		require.NotErrorIs(t, err, ErrSoldOut)
		require.ErrorIs(t, p.refusal(1999), ErrTaken, "it told all")
	})
}
