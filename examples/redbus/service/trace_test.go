package service_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/coderrange/ferrous/examples/redbus/service"
	"github.com/coderrange/ferrous/seatmap"
)

const (
	parentTrace = "0af7651916cd43dd8448eb211c80319c"
	parentSpan  = "b7ad6b7169203331"
)

// traced returns a provider and what it has recorded, by name.
func traced(t *testing.T, sampler sdk.Sampler) (trace.TracerProvider, func() map[string]tracetest.SpanStub) {
	t.Helper()
	memory := tracetest.NewInMemoryExporter()
	provider := sdk.NewTracerProvider(sdk.WithSyncer(memory), sdk.WithSampler(sampler))
	t.Cleanup(func() { assert.NoError(t, provider.Shutdown(context.Background())) })
	return provider, func() map[string]tracetest.SpanStub {
		all := map[string]tracetest.SpanStub{}
		for _, s := range memory.GetSpans() {
			all[s.Name] = s
		}
		return all
	}
}

func attributes(s tracetest.SpanStub) map[attribute.Key]any {
	all := map[attribute.Key]any{}
	for _, a := range s.Attributes {
		all[a.Key] = a.Value.AsInterface()
	}
	return all
}

func TestARequestIsASpanWithTheCallsOfTheStoreBelow(t *testing.T) {
	provider, spans := traced(t, sdk.ParentBased(sdk.AlwaysSample()))
	var log bytes.Buffer
	r := serve(t, service.Options{Traces: provider, Log: slog.New(slog.NewJSONHandler(&log, nil))})
	got := r.do(ask{
		path: "/v1/events/bus/block", user: "alice", body: `{"seats":["1"],"ttl_ms":60000}`,
		header: http.Header{"Traceparent": {"00-" + parentTrace + "-" + parentSpan + "-01"}, "X-Request-Id": {"abc"}},
	})
	require.Equal(t, http.StatusCreated, got.status)
	require.NoError(t, r.stop())
	all := spans()
	request, call := all["POST /v1/events/{event}/block"], all["seatmap.Block"]
	require.NotEmpty(t, request.Name, all)
	require.NotEmpty(t, call.Name, all)
	assert.Equal(t, parentTrace, request.SpanContext.TraceID().String())
	assert.Equal(t, parentSpan, request.Parent.SpanID().String())
	assert.Equal(t, trace.SpanKindServer, request.SpanKind)
	assert.Equal(t, parentTrace, call.SpanContext.TraceID().String())
	assert.Equal(t, request.SpanContext.SpanID(), call.Parent.SpanID())
	assert.Equal(t, map[attribute.Key]any{
		"http.request.method": "POST", "http.route": "/v1/events/{event}/block", "http.response.status_code": int64(201), "request.id": "abc",
	}, attributes(request))
	assert.Equal(t, codes.Unset, request.Status.Code)
	assert.Contains(t, log.String(), `"trace":"`+parentTrace+`"`)
}

// Texts of a client get into no trace, and a parent that is nonsense is none.
func TestWhatAClientSendsIsInNoSpan(t *testing.T) {
	provider, spans := traced(t, sdk.AlwaysSample())
	r := serve(t, service.Options{Traces: provider, Store: broken{err: seatmap.ErrUnavailable}})
	r.send(ask{
		method: "EVIL", path: "/v1/events/secret-name", user: "secret-user",
		header: http.Header{"Traceparent": {"00-" + strings.Repeat("0", 32) + "-" + parentSpan + "-01"}},
	})
	assert.Equal(t, 503, r.do(ask{method: "GET", path: "/v1/events/bus", user: "secret-user"}).status)
	r.send(ask{method: "GET", path: "/secret"})
	require.NoError(t, r.stop())
	all := spans()
	require.Contains(t, all, "other /v1/events/{event}")
	require.Contains(t, all, "GET /v1/events/{event}")
	require.Contains(t, all, "GET /")
	assert.False(t, all["other /v1/events/{event}"].Parent.IsValid())
	assert.Equal(t, codes.Unset, all["other /v1/events/{event}"].Status.Code, "the client's fault")
	assert.Equal(t, codes.Error, all["GET /v1/events/{event}"].Status.Code)
	for _, s := range all {
		for _, a := range s.Attributes {
			assert.NotContains(t, a.Value.AsString(), "secret")
			assert.NotContains(t, a.Value.AsString(), "EVIL")
		}
	}
}

func TestATraceThatTheClientDoesNotSampleIsNotRecorded(t *testing.T) {
	provider, spans := traced(t, sdk.ParentBased(sdk.AlwaysSample()))
	var log bytes.Buffer
	r := serve(t, service.Options{Traces: provider, Log: slog.New(slog.NewJSONHandler(&log, nil))})
	r.do(ask{
		method: "GET", path: "/v1/events/bus", user: "bob",
		header: http.Header{"Traceparent": {"00-" + parentTrace + "-" + parentSpan + "-00"}},
	})
	require.NoError(t, r.stop())
	assert.Empty(t, spans())
	assert.NotContains(t, log.String(), parentTrace)
}
