package tracing_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/goleak"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/seattest"
	"github.com/coderrange/ferrous/tracing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorded returns a provider and what keeps its spans.
func recorded(t *testing.T) (*sdk.TracerProvider, *tracetest.InMemoryExporter) {
	t.Helper()
	spans := tracetest.NewInMemoryExporter()
	p := sdk.NewTracerProvider(sdk.WithSyncer(spans), sdk.WithSampler(sdk.AlwaysSample()))
	t.Cleanup(func() { assert.NoError(t, p.Shutdown(context.Background())) })
	return p, spans
}

// opened returns a store with an event bus.
func opened(t *testing.T) *seatmap.Map {
	t.Helper()
	m := seatmap.NewMap(seatmap.MapOptions{})
	t.Cleanup(func() { assert.NoError(t, m.Close()) })
	_, err := m.Create(t.Context(), seatmap.CreateRequest{Event: "bus", Layout: seatmap.Layout{Count: 10}})
	require.NoError(t, err)
	return m
}

// attributes returns the attributes of a span as text.
func attributes(s tracetest.SpanStub) map[string]string {
	all := map[string]string{}
	for _, a := range s.Attributes {
		all[string(a.Key)] = a.Value.String()
	}
	return all
}

func TestACallIsASpanBelowThatOfItsContext(t *testing.T) {
	p, spans := recorded(t)
	store := tracing.Store(opened(t), tracing.StoreOptions{Provider: p})
	ctx, parent := p.Tracer("test").Start(t.Context(), "request")
	hold, err := store.Block(ctx, seatmap.BlockRequest{
		Event: "bus", User: "alice-user", Key: seatmap.NewKey("alice-key"), Seats: []string{"7"}, TTL: time.Hour,
	})
	require.NoError(t, err)
	_, err = store.Block(ctx, seatmap.BlockRequest{Event: "bus", User: "bob-user", Seats: []string{"7"}, TTL: time.Hour})
	require.ErrorIs(t, err, seatmap.ErrTaken)
	_, err = store.Book(ctx, seatmap.BookRequest{Token: hold.Token, User: "alice-user"})
	require.NoError(t, err)
	parent.End()
	all := spans.GetSpans()
	require.Len(t, all, 4)
	for i, want := range []struct{ name, result string }{{"seatmap.Block", "ok"}, {"seatmap.Block", "taken"}, {"seatmap.Book", "ok"}} {
		s := all[i]
		assert.Equal(t, want.name, s.Name)
		assert.Equal(t, parent.SpanContext().SpanID(), s.Parent.SpanID())
		assert.Equal(t, map[string]string{"seatmap.event": "bus", "seatmap.result": want.result}, attributes(s))
		assert.Equal(t, codes.Unset, s.Status.Code)
		assert.Empty(t, s.Events)
	}
	text := fmt.Sprintf("%+v", all)
	for _, secret := range []string{"alice-user", "alice-key", "bob-user", hold.Token.Reveal()} {
		assert.NotContains(t, text, secret)
	}
}

// lost is a store that fails with an error that names its user.
type lost struct{ seatmap.Store }

func (lost) Holds(_ context.Context, r seatmap.HoldsRequest) ([]seatmap.HoldInfo, error) {
	return nil, fmt.Errorf("%w: holds of %s", seatmap.ErrUnavailable, r.User)
}

func (lost) Seat(context.Context, seatmap.SeatRequest) (seatmap.SeatInfo, error) { panic("alice-user") }

func TestAFaultIsAnErrorOfTheSpanWithoutItsText(t *testing.T) {
	p, spans := recorded(t)
	store := tracing.Store(lost{}, tracing.StoreOptions{Provider: p})
	_, err := store.Holds(t.Context(), seatmap.HoldsRequest{Event: "bus", User: "alice-user"})
	require.ErrorIs(t, err, seatmap.ErrUnavailable)
	assert.Panics(t, func() { _, _ = store.Seat(t.Context(), seatmap.SeatRequest{Event: "bus"}) })
	all := spans.GetSpans()
	require.Len(t, all, 2)
	for i, want := range []string{"unavailable", "panicked"} {
		assert.Equal(t, sdk.Status{Code: codes.Error, Description: want}, all[i].Status)
	}
	assert.NotContains(t, fmt.Sprintf("%+v", all), "alice-user")
}

func TestAWatchIsOneSpanThatCountsItsChanges(t *testing.T) {
	p, spans := recorded(t)
	store := tracing.Store(opened(t), tracing.StoreOptions{Provider: p})
	seen := 0
	for _, err := range store.Watch(t.Context(), seatmap.WatchRequest{Event: "bus"}) {
		require.NoError(t, err)
		assert.Empty(t, spans.GetSpans())
		if seen++; seen == 3 {
			break
		}
		_, err := store.Block(t.Context(), seatmap.BlockRequest{Event: "bus", User: "a", Seats: []string{fmt.Sprint(seen)}, TTL: time.Hour})
		require.NoError(t, err)
		spans.Reset()
	}
	all := spans.GetSpans()
	require.Len(t, all, 1)
	assert.Equal(t, map[string]string{"seatmap.event": "bus", "seatmap.result": "ok", "seatmap.changes": "3"}, attributes(all[0]))
}

func TestEventsCanBeHidden(t *testing.T) {
	p, spans := recorded(t)
	store := tracing.Store(opened(t), tracing.StoreOptions{Provider: p, HideEvents: true})
	_, err := store.Counts(t.Context(), seatmap.CountsRequest{Event: "bus"})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"seatmap.result": "ok"}, attributes(spans.GetSpans()[0]))
}

func TestATracedStoreIsAStore(t *testing.T) {
	p, _ := recorded(t)
	seattest.Run(t, seattest.Options{Open: func(*testing.T) seatmap.Store {
		return tracing.Store(seatmap.NewMap(seatmap.MapOptions{}), tracing.StoreOptions{Provider: p})
	}})
}

func TestAStoreAndAProviderMustBeGiven(t *testing.T) {
	for _, f := range []func(){
		func() { tracing.Store(nil, tracing.StoreOptions{Provider: noop.NewTracerProvider()}) },
		func() { tracing.Store(opened(t), tracing.StoreOptions{}) },
	} {
		assert.EqualError(t, testkit.PanicError(t, f), "tracing: Store: no store, or no provider")
	}
}

func BenchmarkCounts(b *testing.B) {
	m := seatmap.NewMap(seatmap.MapOptions{})
	defer m.Close() //nolint:errcheck // it returns nil
	ctx := b.Context()
	if _, err := m.Create(ctx, seatmap.CreateRequest{Event: "bus", Layout: seatmap.Layout{Count: 10}}); err != nil {
		b.Fatal(err)
	}
	for name, store := range map[string]seatmap.Store{
		"bare":      m,
		"unsampled": tracing.Store(m, tracing.StoreOptions{Provider: noop.NewTracerProvider()}),
	} {
		b.Run("impl="+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = store.Counts(ctx, seatmap.CountsRequest{Event: "bus"})
			}
		})
	}
}
