package seatmap_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
)

// BenchmarkGrants lists holds and bookings of an event of a million seats that are booked,
// two by a user and with a reference.
func BenchmarkGrants(b *testing.B) {
	const seats = 1_000_000
	m := newMap(b, seatmap.MapOptions{})
	_, err := m.Create(ctx, seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: seats}})
	require.NoError(b, err)
	for i := range seats {
		name := strconv.Itoa(i / 2)
		h, err := m.Block(ctx, seatmap.BlockRequest{
			Event: event, User: "user" + name, Seats: []string{strconv.Itoa(i + 1)}, TTL: hold, Reference: "order" + name,
		})
		require.NoError(b, err)
		_, err = book(m, h.Token)
		require.NoError(b, err)
	}
	for _, r := range []seatmap.GrantsRequest{
		{User: "user250000"}, {Reference: "order250000"}, {Limit: 100}, {Limit: 10_000},
	} {
		r.Event = event
		b.Run(fmt.Sprintf("user=%t/reference=%t/limit=%d", r.User != "", r.Reference != "", r.Limit), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				list, err := m.Grants(ctx, r)
				require.NoError(b, err)
				require.NotEmpty(b, list.Grants)
			}
		})
	}
}

// BenchmarkReferences blocks and books a seat, and cancels, with a reference and without.
func BenchmarkReferences(b *testing.B) {
	for _, reference := range []string{"", "order 1234567"} {
		b.Run(fmt.Sprintf("reference=%t", reference != ""), func(b *testing.B) {
			m := newEvent(b, 100, seatmap.Limits{}, seatmap.MapOptions{})
			seats := []string{"10"}
			b.ReportAllocs()
			for b.Loop() {
				h, err := m.Block(ctx, seatmap.BlockRequest{Event: event, User: "ann", Seats: seats, TTL: hold, Reference: reference})
				require.NoError(b, err)
				booked, err := m.Book(ctx, seatmap.BookRequest{Token: h.Token})
				require.NoError(b, err)
				_, err = m.Cancel(ctx, seatmap.CancelRequest{Token: booked.Token})
				require.NoError(b, err)
			}
		})
	}
}
