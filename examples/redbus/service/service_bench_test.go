package service

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/coderrange/ferrous/limit"
	"github.com/coderrange/ferrous/seatmap"
)

// BenchmarkRefusal is a request for a seat that is taken, without net/http's connections.
func BenchmarkRefusal(b *testing.B) {
	much := limit.RateOptions{Events: 1_000_000_000, Burst: 1_000_000_000}
	for _, impl := range []string{"service", "metrics"} {
		b.Run("impl="+impl, func(b *testing.B) {
			store := seatmap.NewMap(seatmap.MapOptions{})
			defer store.Close() //nolint:errcheck // it returns nil
			if _, err := store.Create(b.Context(), seatmap.CreateRequest{Event: "bus", Layout: seatmap.Layout{Count: 1}}); err != nil {
				b.Fatal(err)
			}
			if _, err := store.Block(b.Context(), seatmap.BlockRequest{Event: "bus", User: "first", Seats: []string{"1"}, TTL: seatmap.MaxTTL}); err != nil {
				b.Fatal(err)
			}
			o := Options{Store: store, Log: slog.New(slog.NewJSONHandler(io.Discard, nil)), PerUser: much, PerAddress: much}
			if impl == "metrics" {
				o.Metrics = prometheus.NewRegistry()
			}
			s := New(o)
			defer s.perAddress.Close()
			defer s.perUser.Close()
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/v1/events/bus/block", strings.NewReader(`{"seats":["1"],"ttl_ms":300000}`))
				r.Header = http.Header{"Authorization": {"Bearer alice"}, "Content-Type": {"application/json"}}
				w := httptest.NewRecorder()
				s.handler.ServeHTTP(w, r)
				if w.Code != http.StatusConflict {
					b.Fatal(w.Code, w.Body)
				}
			}
		})
	}
}
