// Package tracing makes a span of each call of a [seatmap.Store], with OpenTelemetry. It
// needs OpenTelemetry's API only: which exporter there is, is up to the program.
//
//	store = tracing.Store(store, tracing.StoreOptions{Provider: otel.GetTracerProvider()})
//
// The span of a call is a child of the span in its context, and the parent of those that
// the store makes. It is named after the method, such as seatmap.Block, and has these
// attributes:
//
//	seatmap.event    the name of the event
//	seatmap.result   ok, taken, unavailable …, as the label of package metrics
//	seatmap.changes  of a watch: how many changes it yielded
//
// There are no names of users or seats, no keys and no tokens. The status of the span is an
// error only if the store failed or panicked: a seat that is taken is no fault. The text of
// the status is the result, and never the text of an error.
package tracing

import (
	"context"
	"errors"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/coderrange/ferrous/internal/storecall"
	"github.com/coderrange/ferrous/seatmap"
)

// StoreOptions configures [Store].
type StoreOptions struct {
	// Provider makes the tracer. It must be set.
	Provider trace.TracerProvider
	// HideEvents leaves out the names of events.
	HideEvents bool
}

// scope is the name of the tracer.
const scope = "github.com/coderrange/ferrous/tracing"

// Store returns a store that does what the given store does, and makes a span of each call,
// of a watch from the beginning of the loop to its end. Close makes no span. The store has
// those of the interfaces [seatmap.Lister], [seatmap.Operator], [seatmap.Payer],
// [seatmap.Porter], [seatmap.SeatAdder], [seatmap.SeatCloser] and [seatmap.Sweeper] that the given store has. It
// also has a method Unwrap() seatmap.Store, which returns the given store. Store panics if there is no store or no provider.
func Store(store seatmap.Store, o StoreOptions) seatmap.Store {
	if store == nil || o.Provider == nil {
		panic(errors.New("tracing: Store: no store, or no provider"))
	}
	tracer := o.Provider.Tracer(scope)
	return storecall.Wrap(store, storecall.Observer[*span](observer{tracer, o.HideEvents}))
}

type observer struct {
	tracer     trace.Tracer
	hideEvents bool
}

// span is a call that has not ended.
type span struct {
	trace.Span
	changes atomic.Int64
}

// Begin begins a span.
func (o observer) Begin(ctx context.Context, m storecall.Method, event string) (context.Context, *span) {
	ctx, s := o.tracer.Start(ctx, "seatmap."+m.String(), trace.WithSpanKind(trace.SpanKindClient))
	if event != "" && !o.hideEvents && s.IsRecording() {
		s.SetAttributes(attribute.String("seatmap.event", event))
	}
	return ctx, &span{Span: s}
}

// End ends the span.
func (o observer) End(s *span, m storecall.Method, r storecall.Result, _ error) {
	if s.IsRecording() {
		s.SetAttributes(attribute.String("seatmap.result", r.String()))
		if m == storecall.Watch {
			s.SetAttributes(attribute.Int64("seatmap.changes", s.changes.Load()))
		}
		if r.Fault() {
			s.SetStatus(codes.Error, r.String())
		}
	}
	s.End()
}

// Change counts the change.
func (o observer) Change(s *span, _ seatmap.ChangeKind) { s.changes.Add(1) }
