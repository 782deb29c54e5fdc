package pgseat_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
)

func TestAnImportKeepsWhatIsClosedAndInQuotas(t *testing.T) {
	ctx := t.Context()
	s, m := startServer(t), newMap(t)
	_, err := m.Create(ctx, seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 6, Closed: []string{"5", "6"}}})
	require.NoError(t, err)
	h, err := m.Block(ctx, seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"1", "2"}, TTL: time.Hour})
	require.NoError(t, err)
	closing := seatmap.CloseSeatsRequest{Event: "e", Seats: []string{"2", "3"}, Actor: "op", Reason: "why", Key: seatmap.NewKey("c")}
	_, err = m.CloseSeats(ctx, closing)
	require.NoError(t, err)
	_, err = m.SetQuota(ctx, seatmap.SetQuotaRequest{Event: "e", Seats: []string{"1", "4", "5"}, Quota: "club", Actor: "op"})
	require.NoError(t, err)
	before, err := m.Seats(ctx, seatmap.SeatsRequest{Event: "e"})
	require.NoError(t, err)
	store := open(t, quiet(s.options()))
	defer func() { require.NoError(t, store.Close()) }()
	_, err = store.Import(ctx, seatmap.ImportRequest{}, bytes.NewReader(exported(t, m, "e")))
	require.NoError(t, err)
	after, err := store.Seats(ctx, seatmap.SeatsRequest{Event: "e"})
	require.NoError(t, err)
	for i, want := range before.Seats {
		got := after.Seats[i]
		require.Equal(t, []any{want.State, want.Closed, want.ClosedBy, want.ClosedReason, want.Quota},
			[]any{got.State, got.Closed, got.ClosedBy, got.ClosedReason, got.Quota}, want.Seat)
	}
	again, err := store.CloseSeats(ctx, closing)
	require.NoError(t, err)
	require.True(t, again.Replayed)
	_, err = store.Release(ctx, seatmap.ReleaseRequest{Token: h.Token})
	require.NoError(t, err)
	counts, err := store.Counts(ctx, seatmap.CountsRequest{Event: "e"})
	require.NoError(t, err)
	require.Equal(t, seatmap.Counts{Closed: 6}, counts)
	_, err = store.Block(ctx, seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"1", "4"}, TTL: time.Hour, Quotas: []string{"club"}})
	require.NoError(t, err)
	_, err = store.OpenSeats(ctx, seatmap.OpenSeatsRequest{Event: "e", Seats: []string{"2", "3", "6"}, Actor: "op"})
	require.NoError(t, err)
	_, err = store.Remove(ctx, seatmap.RemoveRequest{Event: "e"})
	require.NoError(t, err)
	_, err = store.Sweep(ctx)
	require.NoError(t, err)
	var left int
	require.NoError(t, s.connect().QueryRow(ctx, "select count(*) from pgseat.sale").Scan(&left))
	require.Zero(t, left)
}

// A hold that ends by itself gives a seat back to its quota, and a closed one to nobody.
func TestAHoldThatIsOverLeavesItsSeatsClosed(t *testing.T) {
	ctx := t.Context()
	s := startServer(t)
	store := open(t, quiet(s.options()))
	defer func() { require.NoError(t, store.Close()) }()
	_, err := store.Create(ctx, seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 4}})
	require.NoError(t, err)
	h, err := store.Block(ctx, seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"1", "2", "3"}, TTL: 300 * time.Millisecond})
	require.NoError(t, err)
	_, err = store.CloseSeats(ctx, seatmap.CloseSeatsRequest{Event: "e", Seats: []string{"1"}, Actor: "op"})
	require.NoError(t, err)
	_, err = store.SetQuota(ctx, seatmap.SetQuotaRequest{Event: "e", Seats: []string{"2"}, Quota: "club", Actor: "op"})
	require.NoError(t, err)
	s.until(h.Until)
	counts, err := store.Counts(ctx, seatmap.CountsRequest{Event: "e"})
	require.NoError(t, err)
	require.Equal(t, seatmap.Counts{Available: 2, Closed: 2}, counts)
	_, err = store.Block(ctx, seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"2"}, TTL: time.Hour})
	require.ErrorIs(t, err, seatmap.ErrNotForSale)
	_, err = store.Block(ctx, seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"2"}, TTL: time.Hour, Quotas: []string{"club"}})
	require.NoError(t, err)
}
