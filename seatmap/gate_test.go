package seatmap_test

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
)

// When a gate has seen all changes, it is closed if and only if nothing is available.
func TestSoldOutGateFollowsTheEvent(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			m := seatmap.NewMap(seatmap.MapOptions{})
			_, err := m.Create(t.Context(), seatmap.CreateRequest{Event: "concert", Layout: seatmap.Layout{
				Seats: []string{"A1", "A2", "A3"}, Areas: []seatmap.Area{{Name: "floor", Capacity: 3}},
			}})
			require.NoError(t, err)
			var g gate
			ended, turns := make(chan error, 1), 0
			go func() { ended <- g.follow(t.Context(), m, "concert", func(bool) { turns++ }) }()

			var holds, bookings []seatmap.Token
			take := func(tokens *[]seatmap.Token) (token seatmap.Token) {
				if n := len(*tokens); n > 0 {
					i := random.IntN(n)
					token = (*tokens)[i]
					*tokens = append((*tokens)[:i], (*tokens)[i+1:]...)
				}
				return token
			}
			for range 200 {
				ttl := time.Duration(1+random.IntN(20)) * time.Second
				switch random.IntN(8) {
				case 0, 1:
					hold, err := m.BlockAny(t.Context(), seatmap.BlockAnyRequest{Event: "concert", User: "ann", N: 1 + random.IntN(2), TTL: ttl})
					if err == nil {
						holds = append(holds, hold.Token)
					}
				case 2, 3:
					hold, err := m.Block(t.Context(), seatmap.BlockRequest{
						Event: "concert", User: "ann", Places: map[string]int{"floor": 1 + random.IntN(2)}, TTL: ttl,
					})
					if err == nil {
						holds = append(holds, hold.Token)
					}
				case 4:
					booking, err := m.Book(t.Context(), seatmap.BookRequest{Token: take(&holds)})
					if err == nil {
						bookings = append(bookings, booking.Token)
					}
				case 5:
					_, _ = m.Release(t.Context(), seatmap.ReleaseRequest{Token: take(&holds)})
				case 6:
					_, _ = m.Cancel(t.Context(), seatmap.CancelRequest{Token: take(&bookings)})
				case 7:
					<-time.After(ttl)
				}
				_, err = m.Sweep(t.Context()) // a watch tells an expiry when it is swept
				require.NoError(t, err)
				synctest.Wait()
				counts, err := m.Counts(t.Context(), seatmap.CountsRequest{Event: "concert"})
				require.NoError(t, err)
				require.Equal(t, counts.Available == 0, g.soldOut.Load(), "%+v", counts)
			}
			assert.Positive(t, turns, "it was sold out at some time")

			require.NoError(t, m.Close())
			require.ErrorIs(t, <-ended, seatmap.ErrClosed)
			assert.False(t, g.soldOut.Load(), "without news, the gate is open")
		})
	}
}
