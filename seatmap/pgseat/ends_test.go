package pgseat_test

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/internal/testkit/outage"
	"github.com/coderrange/ferrous/seatmap"
)

// TestHoldsEndWhateverWasDoneToThem lets holds end that were paid for, moved, reissued and booked in
// part, and whose seats are closed or in a quota by then: in the store, and in a Map.
func TestHoldsEndWhateverWasDoneToThem(t *testing.T) {
	t.Run("Map", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := seatmap.NewMap(seatmap.MapOptions{})
			defer func() { require.NoError(t, m.Close()) }()
			ends(t, m, testkit.Advance)
		})
	})
	t.Run("store", func(t *testing.T) {
		s := startServer(t)
		c := outage.NewClock(t, filepath.Dir(s.data))
		s.kill()
		s.env = c.Environment()
		s.start()
		store := open(t, quiet(s.options()))
		defer func() { require.NoError(t, store.Close()) }()
		ahead := time.Duration(0)
		ends(t, store, func(d time.Duration) {
			ahead += d
			c.Set(int(ahead / time.Second))
		})
	})
}

func ends(t *testing.T, s both, advance func(d time.Duration)) {
	t.Helper()
	ctx := t.Context()
	const event, op = "e", "op"
	done := func(_ seatmap.Receipt, err error) { require.NoError(t, err) }
	got := func(h seatmap.Hold, err error) seatmap.Hold {
		t.Helper()
		require.NoError(t, err)
		return h
	}
	block := func(user, key string, quotas []string, seats ...string) (seatmap.Hold, error) {
		return s.Block(ctx, seatmap.BlockRequest{
			Event: event, User: user, Key: seatmap.NewKey(key), Quotas: quotas, Seats: seats, TTL: time.Hour,
		})
	}
	states := func(want string, counts seatmap.Counts) {
		t.Helper()
		all, err := s.Seats(ctx, seatmap.SeatsRequest{Event: event})
		require.NoError(t, err)
		text := ""
		for _, seat := range all.Seats {
			text += string(".hBx"[seat.State])
			if seat.Quota != "" {
				text += "q"
			}
			if seat.Paying {
				text += "p"
			}
		}
		require.Equal(t, want, text)
		counted, err := s.Counts(ctx, seatmap.CountsRequest{Event: event})
		require.NoError(t, err)
		require.Equal(t, counts, counted)
	}
	done(s.Create(ctx, seatmap.CreateRequest{
		Event: event, Layout: seatmap.Layout{Count: 9}, Limits: seatmap.Limits{Payment: 5 * time.Hour, Holds: 2},
	}))
	club := []string{"club"}
	done(s.SetQuota(ctx, seatmap.SetQuotaRequest{Event: event, Seats: []string{"1", "2"}, Quota: "club", Actor: op}))

	got(block("ann", "ann's", club, "1", "2"))
	done(s.CloseSeats(ctx, seatmap.CloseSeatsRequest{Event: event, Seats: []string{"2"}, Actor: op}))

	paid := got(block("bob", "bob's", nil, "3", "4"))
	pay := func(h seatmap.Hold) {
		t.Helper()
		got(s.BeginPayment(ctx, seatmap.PaymentRequest{Token: h.Token, TTL: 3 * time.Hour}))
	}
	pay(paid)
	moved := got(s.Move(ctx, seatmap.MoveRequest{Event: event, Fence: paid.Token.Fence, To: []string{"5", "6"}, Actor: op}))
	_, err := s.Book(ctx, seatmap.BookRequest{Token: moved.Token, Seats: []string{"5"}})
	require.NoError(t, err)

	kept := got(block("zoe", "zoe's", nil, "7"))
	pay(kept)
	kept = got(s.Reissue(ctx, seatmap.ReissueRequest{Event: event, Fence: kept.Token.Fence, Actor: op}))

	longer := got(block("zoe", "zoe's too", nil, "9"))
	pay(longer)
	got(s.Extend(ctx, seatmap.ExtendRequest{Token: longer.Token, TTL: 2 * time.Hour}))
	got(s.EndPayment(ctx, seatmap.EndPaymentRequest{Token: longer.Token}))

	got(s.Reserve(ctx, seatmap.ReserveRequest{Event: event, User: "house", Seats: []string{"8"}, Actor: op}))
	states("hqhq..Bhhphh", seatmap.Counts{Available: 2, Blocked: 6, Booked: 1})

	advance(90 * time.Minute)
	states("xqxq..B.hphh", seatmap.Counts{Available: 3, Blocked: 3, Booked: 1, Closed: 2})
	_, err = block("bob", "", nil, "1")
	require.ErrorIs(t, err, seatmap.ErrNotForSale, "it is in a quota again")
	again := got(block("bob", "", club, "1"))
	done(s.Release(ctx, seatmap.ReleaseRequest{Token: again.Token}))
	_, err = s.Book(ctx, seatmap.BookRequest{Token: moved.Token})
	require.ErrorIs(t, err, seatmap.ErrExpired)
	_, err = block("zoe", "", nil, "3")
	require.ErrorIs(t, err, seatmap.ErrLimit, "two holds of zoe go on")
	ended := got(s.EndPayment(ctx, seatmap.EndPaymentRequest{Token: kept.Token, User: "zoe", Key: seatmap.NewKey("end")}))
	require.Zero(t, ended.Left)
	states("xqxq..B..hh", seatmap.Counts{Available: 4, Blocked: 2, Booked: 1, Closed: 2})

	advance(time.Hour)
	states("xqxq..B..h.", seatmap.Counts{Available: 5, Blocked: 1, Booked: 1, Closed: 2})
	// The keys of what has ended more than KeyMemory ago can be used again.
	got(block("ann", "ann's", nil, "3"))
	repeated := got(block("ann", "ann's", nil, "3"))
	require.True(t, repeated.Replayed)

	advance(100 * 24 * time.Hour)
	states("xqxq..B..h.", seatmap.Counts{Available: 5, Blocked: 1, Booked: 1, Closed: 2})
}
