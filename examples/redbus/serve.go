package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/redis/rueidis"

	"github.com/coderrange/ferrous/examples/internal/program"
	"github.com/coderrange/ferrous/examples/redbus/service"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/journal"
	"github.com/coderrange/ferrous/seatmap/pgseat"
	"github.com/coderrange/ferrous/seatmap/redisseat"
	"github.com/coderrange/ferrous/task"
)

// serving is what the flags of serve say.
type serving struct {
	addr, debug, metrics string
	store                string
	replicas             int
	keys                 string
	event                string
	seats                int
	drain                time.Duration
	proxies              []netip.Prefix
}

// serve is the command that serves the seats over HTTP until a signal.
func serve(ctx context.Context, args []string, out io.Writer, stderr io.Writer) error {
	var o serving
	f := program.NewFlags("redbus serve", "redbus serve [flags]")
	f.StringVar(&o.addr, "addr", "127.0.0.1:8080", "where it listens; port 0 is a free one")
	f.StringVar(&o.debug, "debug", "", "where it serves profiles: a loopback address, or empty for none")
	f.StringVar(&o.metrics, "metrics", "", "where it serves metrics for Prometheus, such as 127.0.0.1:9090, or empty for none")
	f.StringVar(&o.store, "store", "memory", "memory, journal:DIR, or the URL of a server, redis://… or postgres://…")
	f.Int(&o.replicas, "replicas", 0, 0, maxReplicas, "with Redis, how many replicas must have a change before it is acknowledged")
	f.StringVar(&o.keys, "keys", "", "a file of keys; without it each name is a key")
	f.StringVar(&o.event, "event", bus, "an event that is there from the beginning")
	f.Int(&o.seats, "seats", 100, 1, maxSeats, "how many seats it has, if it is new")
	f.Check(func() error {
		if o.replicas > 0 && !strings.HasPrefix(o.store, "redis") && !strings.HasPrefix(o.store, "valkey") {
			return program.Usagef("-replicas is for a store on Redis only")
		}
		return nil
	})
	f.DurationVar(&o.drain, "drain", 0, "for how long it says that it is not ready before it ends")
	f.Check(func() error {
		if o.drain < 0 || o.drain > maxHold {
			return program.Usagef("-drain %v is not 0 to %v", o.drain, maxHold)
		}
		return nil
	})
	trusted := f.String("trusted-proxies", "", "networks of proxies whose X-Forwarded-For counts, as 10.0.0.0/8,fd00::/8")
	f.Check(func() error { return o.loopback() })
	f.Check(func() (err error) {
		o.proxies, err = networks(*trusted)
		return err
	})
	if goOn, err := f.Parse(args, out); err != nil || !goOn {
		return err
	}
	return o.run(ctx, out, stderr)
}

// loopback refuses profiles for others than this machine.
func (o serving) loopback() error {
	if o.debug == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(o.debug)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return program.Usagef("-debug %q is not a loopback address with a port", o.debug)
	}
	return nil
}

// networks reads what -trusted-proxies says: networks and single addresses.
func networks(text string) (all []netip.Prefix, err error) {
	if text == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		network, err := netip.ParsePrefix(part)
		if addr, failed := netip.ParseAddr(part); failed == nil && addr.Zone() == "" {
			network, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		switch {
		case err != nil:
			return nil, program.Usagef("-trusted-proxies: %q is not a network or an address", part)
		case network.Bits() == 0:
			return nil, program.Usagef("-trusted-proxies: %q is everyone, and so anyone could give any address", part)
		}
		all = append(all, network)
	}
	return all, nil
}

// maxReplicas is more than anyone has: a call waits for the slowest of them.
const maxReplicas = 9

// open opens the store.
func (o serving) open(ctx context.Context) (seatmap.Store, error) {
	if o.store == "memory" {
		return seatmap.NewMap(seatmap.MapOptions{}), nil
	}
	if dir, is := strings.CutPrefix(o.store, "journal:"); is && dir != "" {
		return journal.Open(dir, journal.Options{})
	}
	if strings.HasPrefix(o.store, "postgres://") || strings.HasPrefix(o.store, "postgresql://") {
		pool, err := pgxpool.ParseConfig(o.store)
		if err != nil {
			return nil, program.Usagef("-store is not the URL of a PostgreSQL database: %v", err)
		}
		return pgseat.Open(ctx, pgseat.Options{Pool: pool})
	}
	if client, err := rueidis.ParseURL(o.store); err == nil {
		return redisseat.Open(ctx, redisseat.Options{Client: client, Replicas: o.replicas})
	}
	kind, _, _ := strings.Cut(o.store, "://") // what follows may be a password
	return nil, program.Usagef("-store %q is none of memory, journal:DIR, redis://… and postgres://…", kind)
}

func (o serving) run(ctx context.Context, out, stderr io.Writer) (err error) {
	var keys *service.Keys
	if o.keys != "" {
		if keys, err = readKeys(o.keys); err != nil {
			return err
		}
	}
	store, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	_, err = store.Create(ctx, seatmap.CreateRequest{Event: o.event, Layout: seatmap.Layout{Count: o.seats}})
	if err != nil && !errors.Is(err, seatmap.ErrExists) {
		return err
	}
	var net4 net.ListenConfig
	listener, err := net4.Listen(ctx, "tcp", o.addr)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(stderr, nil))
	options := service.Options{Store: store, Keys: keys, Log: log, Event: o.event, Drain: o.drain, Proxies: o.proxies}
	told := fmt.Sprintf("http://%s serves the event %s\n", listener.Addr(), o.event)
	var beside []side
	listening := []net.Listener{listener}
	// for the case that nothing is served
	closeAll := func(err error) error {
		for _, l := range listening {
			err = errors.Join(err, l.Close())
		}
		return err
	}
	add := func(addr, path, what string, handler http.Handler) error {
		l, err := net4.Listen(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		listening = append(listening, l)
		beside = append(beside, side{l, handler})
		told += fmt.Sprintf("http://%s%s shows %s\n", l.Addr(), path, what)
		return nil
	}
	if o.debug != "" {
		if err := add(o.debug, "/debug/pprof/", "profiles", profiles()); err != nil {
			return closeAll(err)
		}
	}
	if o.metrics != "" {
		registry := prometheus.NewRegistry()
		options.Metrics = registry
		if err := add(o.metrics, "/metrics", "metrics", measures(registry, log)); err != nil {
			return closeAll(err)
		}
	}
	s := service.New(options)
	if _, err := io.WriteString(out, told); err != nil {
		return closeAll(err)
	}
	if len(beside) == 0 {
		return s.Serve(ctx, listener)
	}
	// A side that has not begun by the end must still close its listener. So no side is aborted.
	sides, end := context.WithCancel(ctx)
	return task.WithGroup(context.WithoutCancel(ctx), task.Unlimited, func(g *task.Scope) error {
		for _, b := range beside {
			g.SpawnErr(func(context.Context) error { return b.serve(sides, log) })
		}
		defer end()
		return s.Serve(ctx, listener)
	})
}

func readKeys(name string) (*service.Keys, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	keys, err := service.ParseKeys(file)
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return keys, errors.Join(err, file.Close())
}

// profiles shows profiles.
func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// measures shows the metrics of a registry, to which it adds those of the process.
func measures(registry *prometheus.Registry, log *slog.Logger) http.Handler {
	registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewBuildInfoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		Registry:            registry,
		MaxRequestsInFlight: maxScrapes,
	}))
	return mux
}

// maxScrapes is how many scrapes there can be at once: each may ask the store.
const maxScrapes = 4

// A side is a server of its own, so that the address of the service never shows what it
// shows.
type side struct {
	listener net.Listener
	handler  http.Handler
}

// serve serves until ctx ends.
func (s side) serve(ctx context.Context, log *slog.Logger) error {
	server := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
