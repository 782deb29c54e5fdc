package seatmap_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/coderrange/ferrous/seatmap"
)

func BenchmarkMap(b *testing.B) {
	ctx := context.Background()
	m := newMap(b, seatmap.Options{})
	labels := make([]string, 101)
	for i := range labels {
		labels[i] = "A-" + strconv.Itoa(i)
	}
	if err := m.Create(ctx, seatmap.CreateRequest{Event: "concert", Layout: seatmap.Layout{Seats: labels}}); err != nil {
		b.Fatal(err)
	}
	for i := range 100 {
		if _, err := m.Block(ctx, seatmap.BlockRequest{Event: "concert", User: "u" + strconv.Itoa(i), Key: "key", Seats: labels[i : i+1], TTL: time.Hour}); err != nil {
			b.Fatal(err)
		}
	}
	var store seatmap.Store = m
	for _, key := range []string{"", "some key"} {
		b.Run("refuse/key="+key, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i = (i + 37) % 100
				if _, err := store.Block(ctx, seatmap.BlockRequest{Event: "concert", User: "user17", Key: key, Seats: labels[i : i+1], TTL: time.Hour}); err == nil {
					b.Fatal()
				}
			}
		})
		b.Run("pair/key="+key, func(b *testing.B) {
			b.ReportAllocs()
			var n int
			buf := make([]byte, 0, 30)
			for b.Loop() {
				k := ""
				if key != "" {
					n++
					k = string(strconv.AppendInt(buf, int64(n), 10))
				}
				h, err := store.Block(ctx, seatmap.BlockRequest{Event: "concert", User: "user17", Key: k, Seats: labels[100:], TTL: time.Hour})
				if err != nil {
					b.Fatal(err)
				}
				if err := store.Release(ctx, seatmap.ReleaseRequest{Token: h.Token}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
