package service

import (
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// traced returns the request with a span, which is a child of the one that its header field
// traceparent names. The span of [Service.observe] knows the route when it ends.
func (s *Service) traced(r *http.Request) (*http.Request, trace.Span) {
	if s.tracer == nil {
		return r, nil
	}
	ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	ctx, span := s.tracer.Start(ctx, known(r.Method), trace.WithSpanKind(trace.SpanKindServer))
	return r.WithContext(ctx), span
}

// endSpan ends the span of a request. What a client did wrong is no error of the service.
func endSpan(span trace.Span, seen *recorder, method, id string) {
	if span == nil {
		return
	}
	if span.IsRecording() {
		span.SetName(known(method) + " " + seen.route)
		span.SetAttributes(
			attribute.String("http.request.method", known(method)),
			attribute.String("http.route", seen.route),
			attribute.Int("http.response.status_code", seen.status),
			attribute.String("request.id", id),
		)
		if seen.status == 0 || seen.status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
	}
	span.End()
}
