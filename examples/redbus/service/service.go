// Package service serves a [seatmap.Store] over HTTP: seats are held, booked and
// released by requests in JSON, and changes are streamed as server-sent events. The
// description of all requests and answers is openapi.yaml, which the service serves as
// /openapi.yaml.
//
// Who stands where in the chain of a request:
//
//	id, log, panics     observe.go, with measure.go and trace.go
//	limit of addresses  limithttp, keyed by address
//	who is it           keys.go
//	limit of users      limithttp, keyed by user
//	what is asked       body.go: bounded, strict JSON
//	the store           api.go
//	what went wrong     problem.go: a type for each error
//	streams             stream.go, feed.go
//
// The web page at / is package page. It has no way in but these requests.
package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/net/netutil"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/limit"
	"github.com/coderrange/ferrous/limit/limithttp"
	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/task"
	"github.com/coderrange/ferrous/tracing"
)

// Options configures a [Service]. Zero fields have defaults.
type Options struct {
	// Store keeps the seats. The service does not close it.
	Store seatmap.Store
	// Keys says who may call. Without it, whatever stands in Authorization after Bearer
	// is the name of a user, and [Anyone] may do what operators do: good for a try only.
	Keys *Keys
	// Log gets one line for each request, without secrets. Nil means none.
	Log *slog.Logger
	// Metrics is where the metrics of the service are registered; docs/metrics.md lists
	// them. Nil means none. Two services need a registry each.
	Metrics prometheus.Registerer
	// Traces makes a span of each request and of each call of the store. The span of a
	// request is a child of the one that its header field traceparent names, so a
	// parent-based sampler lets clients choose what is recorded. Nil means none.
	Traces trace.TracerProvider
	// PerUser and PerAddress bound the requests of each user and of each address. Zero
	// means 50 a second with a burst of 100, and twenty times that.
	PerUser, PerAddress limit.RateOptions
	// Proxies are the networks of the proxies in front of the service, whose
	// X-Forwarded-For counts: see [limithttp.ForwardedFor]. Without them, the address of a
	// client is that from which it connects, whatever its header says.
	Proxies []netip.Prefix
	// Connections and Streams are how many there can be at once: 19,000 and 10,000.
	Connections, Streams int
	// Timeout is how long the store may take for a request: 5 seconds.
	Timeout time.Duration
	// ClientTimeout is how long a client may take to send a header, to send a body, and to
	// read an answer or what a stream writes at once: 5 seconds each.
	ClientTimeout time.Duration
	// Frame is the shortest time between two writes to a stream: 250 ms. The changes of
	// that time are written together.
	Frame time.Duration
	// Event is what the page at / shows if its address does not say ?event=NAME, and Hold
	// for how long it holds seats: 5 minutes.
	Event string
	Hold  time.Duration
	// Drain is for how long the service says that it is not ready before it ends, so that
	// a load balancer sends it nothing more. Grace is how long requests may take then: 10
	// seconds.
	Drain, Grace time.Duration
}

// The defaults of [Options].
const (
	defaultConnections = 19_000
	defaultStreams     = 10_000
	defaultTimeout     = 5 * time.Second
	defaultFrame       = 250 * time.Millisecond
	defaultHold        = 5 * time.Minute
	defaultGrace       = 10 * time.Second
)

// ErrEnding is the cause of what the end of a service ends.
var ErrEnding = errors.New("service: ending")

// A Service is an HTTP server over a store. It must be made by [New].
type Service struct {
	o          Options
	handler    http.Handler
	address    func(*http.Request) string // of the client
	perAddress *limit.Keyed[string]
	perUser    *limit.Keyed[string]
	streams    *limit.Concurrency
	feeds      *arcmutex.Mutex[map[string]*feed]
	patience   *retry.Policy
	measures   *measures
	tracer     trace.Tracer // nil means that nothing is traced
	pictures   task.Flight[string, picture]
	ready      atomic.Bool
	live       context.Context // of the streams
	end        context.CancelCauseFunc
	scope      *task.Scope // of the feeds; set by Serve
}

// New returns a service, which [Service.Serve] begins. It panics without a store, or if a
// number is negative, a network invalid, or what it registers is there already.
func New(o Options) *Service {
	if o.Store == nil {
		panic(errors.New("service: New: no store"))
	}
	for name, n := range map[string]int64{
		"Connections": int64(o.Connections), "Streams": int64(o.Streams), "Timeout": int64(o.Timeout),
		"ClientTimeout": int64(o.ClientTimeout), "Frame": int64(o.Frame), "Hold": int64(o.Hold), "Drain": int64(o.Drain), "Grace": int64(o.Grace),
	} {
		if n < 0 {
			panic(fmt.Errorf("service: New: %s is %d, which is negative", name, n))
		}
	}
	set(&o.Connections, defaultConnections)
	set(&o.Streams, defaultStreams)
	set(&o.Timeout, defaultTimeout)
	set(&o.ClientTimeout, defaultTimeout)
	set(&o.Frame, defaultFrame)
	set(&o.Hold, defaultHold)
	set(&o.Grace, defaultGrace)
	set(&o.PerUser, limit.RateOptions{Events: 50, Burst: 100})
	set(&o.PerAddress, limit.RateOptions{Events: 1000, Burst: 2000})
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{
		o:          o,
		perAddress: limit.NewKeyed[string](limit.KeyedOptions{Rate: o.PerAddress}),
		perUser:    limit.NewKeyed[string](limit.KeyedOptions{Rate: o.PerUser}),
		streams:    limit.NewConcurrency(limit.ConcurrencyOptions{Limit: o.Streams}),
		feeds:      arcmutex.NewMutex(map[string]*feed{}),
		measures:   newMeasures(),
	}
	s.patience = retry.New(s.measures.watch.Options(patience))
	if o.Traces != nil {
		s.tracer = o.Traces.Tracer("github.com/coderrange/ferrous/examples/redbus/service")
		s.o.Store = tracing.Store(s.o.Store, tracing.StoreOptions{Provider: o.Traces})
	}
	if o.Metrics != nil {
		s.o.Store = s.measures.store.Wrap(s.o.Store)
		s.register(o.Metrics)
	}
	s.address = limithttp.RemoteAddr
	if len(o.Proxies) > 0 {
		s.address = limithttp.ForwardedFor(o.Proxies...)
	}
	s.live, s.end = context.WithCancelCause(context.Background())
	s.handler = s.observe(s.routes(func(next http.Handler) http.Handler {
		return limited(s.identify(limited(next, s.measures.user, limithttp.HandlerOptions{
			Keyed: s.perUser, Key: callerName, Name: "user",
		})), s.measures.address, limithttp.HandlerOptions{
			Keyed: s.perAddress, Key: s.address, Name: "address", Quiet: true,
		})
	}))
	return s
}

// set gives an option its default.
func set[T comparable](v *T, byDefault T) {
	if *v == *new(T) {
		*v = byDefault
	}
}

// Serve answers the requests that come to the listener, and closes it. It is called once,
// and returns when ctx has ended and then, in this order: the service was not ready for
// [Options.Drain]; the streams were told to come back; the requests have ended, or
// [Options.Grace] is over. All goroutines but those of net/http belong to its scope.
func (s *Service) Serve(ctx context.Context, listener net.Listener) error {
	defer s.perAddress.Close()
	defer s.perUser.Close()
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: s.o.ClientTimeout,
		ReadTimeout:       2 * s.o.ClientTimeout,
		WriteTimeout:      2*s.o.ClientTimeout + s.o.Timeout, // of a stream: each write's own
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ConnState:         s.measures.connection,
		ErrorLog:          slog.NewLogLogger(s.o.Log.Handler(), slog.LevelWarn),
	}
	return task.WithScope(context.WithoutCancel(ctx), func(scope *task.Scope) error {
		s.scope = scope
		broken := make(chan error, 1) // of net/http, which ends with its own channel
		serving := scope.SpawnErr(func(context.Context) error {
			if err := server.Serve(netutil.LimitListener(listener, s.o.Connections)); !errors.Is(err, http.ErrServerClosed) {
				broken <- err
			}
			return nil
		})
		s.ready.Store(true)
		var failed error
		select {
		case <-ctx.Done():
			s.ready.Store(false)
			select {
			case <-time.After(s.o.Drain):
			case failed = <-broken:
			}
		case failed = <-broken:
			s.ready.Store(false)
		}
		s.end(ErrEnding)
		grace, cancel := context.WithTimeout(scope.Context(), s.o.Grace)
		defer cancel()
		if err := server.Shutdown(grace); err != nil {
			failed = errors.Join(failed, err, server.Close())
		}
		<-serving.Done() // it closes the listener, also if it has only begun now
		scope.Abort(ErrEnding)
		return failed
	})
}
