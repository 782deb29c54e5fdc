package seatmap_test

import (
	"bytes"
	"io"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
)

// BenchmarkExport moves an event with 100,000 bookings, each of another user.
func BenchmarkExport(b *testing.B) {
	const seats = 100_000
	m := newMap(b, seatmap.MapOptions{})
	_, err := m.Create(ctx, seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: seats}})
	require.NoError(b, err)
	for i := range seats {
		h, err := m.Block(ctx, seatmap.BlockRequest{Event: event, User: "user" + strconv.Itoa(i), Seats: []string{strconv.Itoa(i + 1)}, TTL: hold})
		require.NoError(b, err)
		_, err = book(m, h.Token)
		require.NoError(b, err)
	}
	var export bytes.Buffer
	_, err = m.Export(ctx, seatmap.ExportRequest{Event: event}, &export)
	require.NoError(b, err)
	perSeat := func(b *testing.B) {
		b.Helper()
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/seats, "ns/seat")
		b.ReportMetric(float64(export.Len())/seats, "B/seat")
	}
	b.Run("export", func(b *testing.B) {
		for b.Loop() {
			_, err := m.Export(ctx, seatmap.ExportRequest{Event: event}, io.Discard)
			require.NoError(b, err)
		}
		perSeat(b)
	})
	b.Run("import", func(b *testing.B) {
		for b.Loop() {
			to := seatmap.NewMap(seatmap.MapOptions{})
			require.NoError(b, imported(to, export.Bytes()))
			require.NoError(b, to.Close())
		}
		perSeat(b)
	})
}
