package pgseat_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/pgseat"
)

// paysFor begins an event with a hold that has a short deadline and a long payment, and waits until
// the deadline has passed.
func paysFor(t *testing.T, s *server, store *pgseat.Store, event string) seatmap.Hold {
	t.Helper()
	_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: 2}})
	require.NoError(t, err)
	h, err := store.Block(t.Context(), seatmap.BlockRequest{Event: event, User: "ann", Seats: []string{"1", "2"}, TTL: 300 * time.Millisecond})
	require.NoError(t, err)
	_, err = store.BeginPayment(t.Context(), seatmap.PaymentRequest{Token: h.Token, TTL: time.Hour})
	require.NoError(t, err)
	s.until(h.Until)
	_, err = store.Sweep(t.Context())
	require.NoError(t, err)
	seat, err := store.Seat(t.Context(), seatmap.SeatRequest{Event: event, Seat: "1"})
	require.NoError(t, err)
	require.True(t, seat.Paying, "the hold is there after its deadline: %v", seat)
	return h
}

// until waits until the time of the server is after a moment.
func (s *server) until(moment time.Time) {
	s.t.Helper()
	c := s.connect()
	require.Eventually(s.t, func() bool {
		var now time.Time
		err := c.QueryRow(s.t.Context(), "select clock_timestamp()").Scan(&now)
		return err == nil && now.After(moment)
	}, time.Minute, 5*time.Millisecond)
}

func TestAPaymentKeepsAHoldUntilItEnds(t *testing.T) {
	s := startServer(t)
	store := open(t, quiet(s.options()))
	defer func() { require.NoError(t, store.Close()) }()
	counts := func(event string) seatmap.Counts {
		got, err := store.Counts(t.Context(), seatmap.CountsRequest{Event: event})
		require.NoError(t, err)
		return got
	}

	h := paysFor(t, s, store, "given up")
	over, err := store.EndPayment(t.Context(), seatmap.EndPaymentRequest{Token: h.Token})
	require.NoError(t, err)
	require.Zero(t, over.Left)
	require.False(t, over.Paying)
	require.Equal(t, seatmap.Counts{Available: 2}, counts("given up"))
	_, err = store.Book(t.Context(), seatmap.BookRequest{Token: h.Token})
	require.ErrorIs(t, err, seatmap.ErrExpired)

	h = paysFor(t, s, store, "booked in part")
	_, err = store.Book(t.Context(), seatmap.BookRequest{Token: h.Token, Seats: []string{"2"}})
	require.NoError(t, err)
	require.Equal(t, seatmap.Counts{Available: 1, Booked: 1}, counts("booked in part"), "what was not paid for is lost")

	h = paysFor(t, s, store, "extended for long")
	_, err = store.Extend(t.Context(), seatmap.ExtendRequest{Token: h.Token, TTL: 30 * time.Minute})
	require.NoError(t, err)
	ended, err := store.EndPayment(t.Context(), seatmap.EndPaymentRequest{Token: h.Token})
	require.NoError(t, err)
	require.Greater(t, ended.Left, 20*time.Minute)

	h = paysFor(t, s, store, "extended")
	longer, err := store.Extend(t.Context(), seatmap.ExtendRequest{Token: h.Token, TTL: 400 * time.Millisecond})
	require.NoError(t, err)
	require.True(t, longer.Paying)
	_, err = store.Release(t.Context(), seatmap.ReleaseRequest{Token: h.Token, Seats: []string{"2"}})
	require.NoError(t, err)
	ended, err = store.EndPayment(t.Context(), seatmap.EndPaymentRequest{Token: h.Token})
	require.NoError(t, err)
	require.Less(t, ended.Left, time.Second, "the deadline of Extend counts again")
	s.until(ended.Until)
	require.Equal(t, seatmap.Counts{Available: 2}, counts("extended"))
}

func TestAnImportKeepsPayments(t *testing.T) {
	ctx := t.Context()
	s, m := startServer(t), newMap(t)
	_, err := m.Create(ctx, seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 3}, Limits: seatmap.Limits{Payment: 3 * time.Hour}})
	require.NoError(t, err)
	h, err := m.Block(ctx, seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"1"}, TTL: time.Hour})
	require.NoError(t, err)
	r := seatmap.PaymentRequest{Token: h.Token, User: "ann", TTL: 2 * time.Hour, Key: seatmap.NewKey("p")}
	paid, err := m.BeginPayment(ctx, r)
	require.NoError(t, err)
	store := open(t, quiet(s.options()))
	defer func() { require.NoError(t, store.Close()) }()
	info, err := store.Import(ctx, seatmap.ImportRequest{}, bytes.NewReader(exported(t, m, "e")))
	require.NoError(t, err)
	require.Equal(t, 3*time.Hour, info.Limits.Payment)
	again, err := store.BeginPayment(ctx, r)
	require.NoError(t, err)
	require.True(t, again.Replayed)
	require.True(t, again.Paying)
	require.Equal(t, paid.Token, again.Token)
	seat, err := store.Seat(ctx, seatmap.SeatRequest{Event: "e", Seat: "1"})
	require.NoError(t, err)
	require.True(t, seat.Paying)
	require.WithinDuration(t, paid.Until, seat.PayingUntil, time.Minute)
	_, err = store.BeginPayment(ctx, seatmap.PaymentRequest{Token: h.Token, TTL: 3 * time.Hour})
	require.ErrorIs(t, err, seatmap.ErrLimit, "the payment began before the export")
	over, err := store.EndPayment(ctx, seatmap.EndPaymentRequest{Token: h.Token})
	require.NoError(t, err)
	require.WithinDuration(t, h.Until, over.Until, time.Minute, "the deadline of the hold counts again")
}

// A prefix is compared byte by byte.
func TestEventsAreThoseWithThePrefix(t *testing.T) {
	s := startServer(t)
	store := open(t, quiet(s.options()))
	defer func() { require.NoError(t, store.Close()) }()
	for _, event := range []string{"a", "a1", "aé", "b", "b1", "é", "A"} {
		_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: 1}, Limits: seatmap.Limits{Payment: time.Hour}})
		require.NoError(t, err)
	}
	for prefix, want := range map[string][]string{"a": {"a", "a1", "aé"}, "": {"A", "a", "a1", "aé", "b", "b1", "é"}, "é": {"é"}, "c": nil} {
		list, err := store.Events(t.Context(), seatmap.EventsRequest{Prefix: prefix})
		require.NoError(t, err)
		var got []string
		for _, one := range list.Events {
			got = append(got, one.Event)
			require.Equal(t, seatmap.Limits{Payment: time.Hour}, one.Limits)
		}
		require.Equal(t, want, got, prefix)
	}
}
