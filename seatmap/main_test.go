package seatmap_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/coderrange/ferrous/seatmap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	event = "concert"
	hold  = 5 * time.Minute
)

// newMap returns a map that the test closes.
func newMap(tb testing.TB, o seatmap.MapOptions) *seatmap.Map {
	tb.Helper()
	m := seatmap.NewMap(o)
	tb.Cleanup(func() { require.NoError(tb, m.Close()) })
	return m
}

// newEvent returns a map with one event of n seats, labelled from "1".
func newEvent(tb testing.TB, n int, limits seatmap.Limits, o seatmap.MapOptions) *seatmap.Map {
	tb.Helper()
	m := newMap(tb, o)
	r := seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: n}, Limits: limits}
	require.NoError(tb, errOf(m.Create(tb.Context(), r)))
	return m
}

// errOf returns the error of a call that also returns something else.
func errOf[T any](_ T, err error) error { return err }

func newPlan(tb testing.TB, seats int, clock *seatmap.Clock) *seatmap.Plan {
	tb.Helper()
	p, err := seatmap.NewPlan(seatmap.PlanOptions{Seats: seats, Clock: clock})
	require.NoError(tb, err)
	return p
}

func block(tb testing.TB, s seatmap.Store, user string, seats ...string) seatmap.Hold {
	tb.Helper()
	h, err := tryBlock(s, user, seats...)
	require.NoError(tb, err)
	return h
}

func tryBlock(s seatmap.Store, user string, seats ...string) (seatmap.Hold, error) {
	return s.Block(context.Background(), seatmap.BlockRequest{Event: event, User: user, Seats: seats, TTL: hold})
}

func book(s seatmap.Store, t seatmap.Token, seats ...string) (seatmap.Booking, error) {
	return s.Book(context.Background(), seatmap.BookRequest{Token: t, Seats: seats})
}

func release(s seatmap.Store, t seatmap.Token, seats ...string) error {
	return errOf(s.Release(context.Background(), seatmap.ReleaseRequest{Token: t, Seats: seats}))
}

func cancel(s seatmap.Store, t seatmap.Token, seats ...string) error {
	return errOf(s.Cancel(context.Background(), seatmap.CancelRequest{Token: t, Seats: seats}))
}

func extend(s seatmap.Store, t seatmap.Token, d time.Duration) (seatmap.Hold, error) {
	return s.Extend(context.Background(), seatmap.ExtendRequest{Token: t, TTL: d})
}

func state(tb testing.TB, s seatmap.Store, seat string) seatmap.SeatInfo {
	tb.Helper()
	info, err := s.Seat(context.Background(), seatmap.SeatRequest{Event: event, Seat: seat})
	require.NoError(tb, err)
	return info
}

func counts(tb testing.TB, s seatmap.Store) seatmap.Counts {
	tb.Helper()
	c, err := s.Counts(context.Background(), seatmap.CountsRequest{Event: event})
	require.NoError(tb, err)
	return c
}

// kind names an error by its sentinel.
func kind(err error) string {
	if err == nil {
		return "ok"
	}
	for _, sentinel := range []error{
		seatmap.ErrClosed, seatmap.ErrExists, seatmap.ErrUnknownEvent, seatmap.ErrUnknownSeat, seatmap.ErrSoldOut,
		seatmap.ErrNotEnough, seatmap.ErrTaken, seatmap.ErrLimit, seatmap.ErrExpired, seatmap.ErrToken,
		seatmap.ErrKeyReused, seatmap.ErrInvalid, context.Canceled,
	} {
		if errors.Is(err, sentinel) {
			return sentinel.Error()
		}
	}
	return err.Error()
}

func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(some, s) })
}
