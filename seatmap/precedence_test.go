package seatmap_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
)

// ask is what a request of any method is made of.
type ask struct {
	m           *seatmap.Map
	ctx         context.Context
	event, user string
	key         seatmap.Key
	seats       []string
	n           int
	ttl         time.Duration
	hold        seatmap.Token
	booking     seatmap.Token
}

func TestOfTwoErrorsTheFirstInPrecedenceComes(t *testing.T) {
	m := newEvent(t, 6, seatmap.Limits{Lifetime: time.Hour}, seatmap.Options{})
	require.NoError(t, m.Create(ctx, seatmap.CreateRequest{Event: "gone", Layout: seatmap.Layout{Count: 1}}))
	ended := newMap(t, seatmap.Options{})
	require.NoError(t, ended.Close())
	cancelled, stop := context.WithCancel(ctx)
	stop()
	long := strings.Repeat("x", seatmap.MaxName+1)
	lost, err := m.Block(ctx, seatmap.BlockRequest{Event: "gone", User: "ann", Seats: []string{"1"}, TTL: hold})
	require.NoError(t, err)
	require.NoError(t, m.Remove(ctx, seatmap.RemoveRequest{Event: "gone"}))
	held, over := block(t, m, "ann", "1"), block(t, m, "ann", "2")
	require.NoError(t, release(m, over.Token))
	booked, err := book(m, block(t, m, "ann", "3").Token)
	require.NoError(t, err)

	faults := []struct {
		want    error
		field   string // two faults of one field exclude each other
		methods string
		do      func(a *ask)
	}{
		{seatmap.ErrClosed, "m", "block any book release cancel extend seat seats counts holds", func(a *ask) { a.m = ended }},
		{context.Canceled, "ctx", "block any book release cancel extend seat seats counts holds", func(a *ask) { a.ctx = cancelled }},
		{seatmap.ErrInvalidEvent, "event", "block any seat seats counts holds", func(a *ask) { a.event = "" }},
		{seatmap.ErrInvalidUser, "user", "block any book holds", func(a *ask) { a.user = long }},
		{seatmap.ErrInvalidKey, "key", "block any book", func(a *ask) { a.key = seatmap.NewKey(long) }},
		{seatmap.ErrInvalidSeats, "twice", "block book release cancel", func(a *ask) { a.seats = append(a.seats, "6", "6") }},
		{seatmap.ErrInvalidSeats, "n", "any", func(a *ask) { a.n = 0 }},
		{seatmap.ErrInvalidTTL, "ttl", "block any extend", func(a *ask) { a.ttl = 0 }},
		{seatmap.ErrUnknownEvent, "event", "block any seat seats counts holds", func(a *ask) { a.event = "opera" }},
		{seatmap.ErrUnknownEvent, "token", "book release cancel extend", func(a *ask) { a.hold, a.booking = lost.Token, lost.Token }},
		{seatmap.ErrUnknownSeat, "unknown", "block book release cancel seat", func(a *ask) { a.seats = append(a.seats, "99") }},
		{seatmap.ErrTaken, "taken", "block", func(a *ask) { a.seats = append(a.seats, "3") }},
		{seatmap.ErrNotEnough, "n", "any", func(a *ask) { a.n = 6 }},
		{seatmap.ErrLimit, "ttl", "block any extend", func(a *ask) { a.ttl = time.Hour + 1 }},
		{seatmap.ErrExpired, "token", "book release cancel extend", func(a *ask) { a.hold, a.booking = over.Token, over.Token }},
		{seatmap.ErrToken, "token", "book release cancel extend", func(a *ask) {
			a.hold, a.booking = seatmap.Damaged(a.hold, 100), seatmap.Damaged(a.booking, 100)
		}},
		{seatmap.ErrInvalidSeats, "uncovered", "book release cancel", func(a *ask) { a.seats = append(a.seats, "5") }},
	}
	for name, call := range map[string]func(a *ask) error{
		"block": func(a *ask) error {
			_, err := a.m.Block(a.ctx, seatmap.BlockRequest{Event: a.event, User: a.user, Key: a.key, Seats: append(a.seats, "4"), TTL: a.ttl})
			return err
		},
		"any": func(a *ask) error {
			_, err := a.m.BlockAny(a.ctx, seatmap.BlockAnyRequest{Event: a.event, User: a.user, Key: a.key, N: a.n, TTL: a.ttl})
			return err
		},
		"book": func(a *ask) error {
			_, err := a.m.Book(a.ctx, seatmap.BookRequest{Token: a.hold, User: a.user, Key: a.key, Seats: a.seats})
			return err
		},
		"release": func(a *ask) error {
			return a.m.Release(a.ctx, seatmap.ReleaseRequest{Token: a.hold, Seats: a.seats})
		},
		"cancel": func(a *ask) error {
			return a.m.Cancel(a.ctx, seatmap.CancelRequest{Token: a.booking, Seats: a.seats})
		},
		"extend": func(a *ask) error {
			_, err := a.m.Extend(a.ctx, seatmap.ExtendRequest{Token: a.hold, TTL: a.ttl})
			return err
		},
		"seat": func(a *ask) error {
			_, err := a.m.Seat(a.ctx, seatmap.SeatRequest{Event: a.event, Seat: strings.Join(a.seats, "")})
			return err
		},
		"seats": func(a *ask) error {
			_, err := a.m.Seats(a.ctx, seatmap.SeatsRequest{Event: a.event})
			return err
		},
		"counts": func(a *ask) error {
			_, err := a.m.Counts(a.ctx, seatmap.CountsRequest{Event: a.event})
			return err
		},
		"holds": func(a *ask) error {
			_, err := a.m.Holds(a.ctx, seatmap.HoldsRequest{Event: a.event, User: a.user})
			return err
		},
	} {
		for i, first := range faults {
			for j, second := range faults[i:] {
				if !strings.Contains(first.methods, name) || !strings.Contains(second.methods, name) ||
					j > 0 && first.field == second.field {
					continue
				}
				a := &ask{
					m: m, ctx: ctx, event: event, user: "ann", n: 1, ttl: hold, hold: held.Token, booking: booked.Token,
				}
				first.do(a)
				if j > 0 {
					second.do(a)
				}
				require.ErrorIs(t, call(a), first.want, "%s: %s and %s", name, first.field, second.field)
			}
		}
	}
}
