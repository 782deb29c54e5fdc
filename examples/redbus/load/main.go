// Load measures the seat service under load of wrk, beside a bare handler of net/http that
// reads and writes JSON of the same size, on the same machine.
//
//	go run ./examples/redbus/load -rounds 6 -seconds 5
//
// The variants are
//
//	bare     a handler that decodes the request and encodes a refusal
//	store    the same with a seatmap.Map behind it, and nothing else
//	service  the whole service: ids, log, limits, keys, strict JSON, deadlines
//	metrics  the same, measured for Prometheus
//
// Each run is a server process of its own; the rounds take the variants in turn, since
// rates drift within minutes on shared machines. Compare the processor time of the server
// for one request: rates also depend on what the generator leaves of the processors.
//
// The mixes are refusals, of seats that are all booked, and rush, in which each request
// tries for one of a million seats that are free at first.
//
// With -rate, requests are due at fixed times, whether or not those before were answered,
// and the time of a request counts from when it was due. So a server that stops for a
// moment is seen. The whole service is measured, and the generator is this program:
//
//	go run ./examples/redbus/load -rate 5000 -connections 100 -idle 1000 -watchers 100
//
// One process can have about 20,000 connections here. So with -servers there are several
// generators and servers, each with an event of its own, and the result is that of all:
//
//	go run ./examples/redbus/load -servers 3 -rate 16667 -connections 50000 -mix refusals
//
// The mixes are then book, too, in which a user holds a seat and books it, and watch, in
// which seats are held and released while watchers look on. Each watcher must get each
// change, or a gap. Connections that are idle must be served in the end.
//
// Where to look:
//
//	concept                                    here
//	the variants in turn, and their medians    main.go: measure, medians
//	what the generator sends                   main.go: script
//	a server that ends with its stdin          main.go: launch, serve
//	a fixed rate                               rate.go: run, call
//	several generators at once                 spread.go: run, sum
//	watchers that miss nothing                 rate.go: watch
//	times over shares, as SVG                  plot.go: plot
//	the bare handler                           main.go: handler
package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/coderrange/ferrous/examples/internal/program"
	"github.com/coderrange/ferrous/examples/redbus/service"
	"github.com/coderrange/ferrous/limit"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/task"
)

// asServer makes the process a server: it names the variant and the mix.
const asServer = "REDBUS_LOAD_SERVER"

var (
	variants = []string{"bare", "store", "service", "metrics"}
	mixes    = []string{"refusals", "rush"}
)

const (
	bookedSeats = 1000
	freeSeats   = 1_000_000
	// watchedSeats are few, since each watcher gets them all first.
	watchedSeats = 100
	maxIdle      = 90
)

func main() {
	if what := os.Getenv(asServer); what != "" {
		program.Main("load", func(ctx context.Context, _ []string, out io.Writer) error { return serve(ctx, what, out) })
	}
	if share := os.Getenv(asShare); share != "" {
		program.Main("load", func(ctx context.Context, _ []string, out io.Writer) error { return doShare(ctx, share, os.Stdin, out) })
	}
	program.Main("load", run)
}

// options is what the flags say.
type options struct {
	rounds, seconds int
	connections     string
	json            bool
	counts          []int

	rate, idle, watchers int
	servers              int
	plot                 string
	mixes                []string
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	f := program.NewFlags("load", "load [flags]")
	f.Int(&o.rounds, "rounds", 3, 1, 100, "how often each variant is run; the medians are shown")
	f.Int(&o.seconds, "seconds", 3, 1, 600, "how long a run takes")
	f.StringVar(&o.connections, "connections", "64,1000", "numbers of connections")
	f.BoolVar(&o.json, "json", false, "report as JSON")
	f.Int(&o.rate, "rate", 0, 0, 1_000_000, "how many requests are due each second; 0 lets wrk send as many as it can")
	f.Int(&o.idle, "idle", 0, 0, 50_000, "with -rate, how many connections there are beside that do nothing")
	f.Int(&o.watchers, "watchers", 10, 1, 50_000, "with -rate, how many clients look on in the mix watch")
	f.Int(&o.servers, "servers", 1, 1, 100, "with -rate, how many servers with a generator each share all that; each has an event of its own")
	f.StringVar(&o.plot, "plot", "", "with -rate, a file for a plot, in SVG")
	chosen := f.String("mix", "refusals,rush,book,watch", "with -rate, the mixes")
	f.Check(func() error {
		if o.idle > 0 && o.seconds > maxIdle {
			return program.Usagef("-seconds %d: the service closes connections that are idle for two minutes, so with -idle at most %d", o.seconds, maxIdle)
		}
		for mix := range strings.SplitSeq(*chosen, ",") {
			if rateMixes[mix] == nil {
				return program.Usagef("-mix %q: %q is none of refusals, rush, book and watch", *chosen, mix)
			}
			o.mixes = append(o.mixes, mix)
		}
		return nil
	})
	f.Check(func() error {
		for text := range strings.SplitSeq(o.connections, ",") {
			n, err := strconv.Atoi(text)
			if err != nil || n < 2 || n > 50_000 {
				return program.Usagef("-connections %q: %q is not 2 to 50000", o.connections, text)
			}
			if n < o.servers {
				return program.Usagef("-connections %q: fewer than -servers %d", o.connections, o.servers)
			}
			o.counts = append(o.counts, n)
		}
		return nil
	})
	if goOn, err := f.Parse(args, out); err != nil || !goOn {
		return err
	}
	if o.rate > 0 {
		return reportRates(ctx, o, out)
	}
	wrk, err := exec.LookPath("wrk")
	if err != nil {
		return fmt.Errorf("the generator wrk is not installed; Debian's package is wrk: %w", err)
	}
	results, err := measure(ctx, o, wrk)
	if err != nil {
		return err
	}
	if o.json {
		return json.NewEncoder(out).Encode(results)
	}
	return table(out, results)
}

// reportRates measures at a fixed rate.
func reportRates(ctx context.Context, o options, out io.Writer) error {
	results, err := atRate(ctx, o)
	if err != nil {
		return err
	}
	if o.plot != "" {
		if err := writePlot(o.plot, results); err != nil {
			return err
		}
	}
	if o.json {
		return json.NewEncoder(out).Encode(results)
	}
	return rateTable(out, results)
}

// A result is the medians of some runs.
type result struct {
	Mix         string  `json:"mix"`
	Connections int     `json:"connections"`
	Variant     string  `json:"variant"`
	CPU         float64 `json:"server_us_per_request"`
	Rate        float64 `json:"requests_per_second"`
	P50         float64 `json:"p50_ms"`
	P99         float64 `json:"p99_ms"`
	Errors      int     `json:"errors"`
}

func measure(ctx context.Context, o options, wrk string) (all []result, err error) {
	dir, err := os.MkdirTemp("", "load")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for _, mix := range mixes {
		script := filepath.Join(dir, mix+".lua")
		if err := os.WriteFile(script, []byte(scripts[mix]), 0o600); err != nil {
			return nil, err
		}
		for _, connections := range o.counts {
			runs := map[string][]result{}
			for range o.rounds {
				for _, variant := range variants {
					r, err := once(ctx, o, wrk, script, mix, variant, connections)
					if err != nil {
						return nil, fmt.Errorf("%s with %s: %w", variant, mix, err)
					}
					runs[variant] = append(runs[variant], r)
				}
			}
			for _, variant := range variants {
				all = append(all, medians(runs[variant]))
			}
		}
	}
	return all, nil
}

// The requests of each mix, for wrk. All seeds are the same, so that all variants get the
// same requests.
var scripts = map[string]string{
	"refusals": script(bookedSeats),
	"rush":     script(freeSeats),
}

func script(seats int) string {
	return fmt.Sprintf(`
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local n = 0
function setup(thread) n = n + 1; thread:set("seed", n) end
function init(args) math.randomseed(seed) end
function request()
	wrk.headers["Authorization"] = "Bearer user" .. math.random(100000)
	return wrk.format(nil, "/v1/events/bus/block", nil, '{"seats":["' .. math.random(%d) .. '"],"ttl_ms":300000}')
end
`, seats)
}

// A launched is a server in a process of its own.
type launched struct {
	cmd *exec.Cmd
	in  io.WriteCloser // a line asks for its state, the end ends it
	out *bufio.Reader  // its address, and a line for each state
	url string
}

// A state is what a server holds.
type state struct {
	Memory     int64 // the live heap and the stacks, in bytes
	Goroutines int
}

// launch starts a server of a variant for a mix.
func launch(ctx context.Context, what string) (*launched, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	l := &launched{cmd: exec.CommandContext(ctx, self)}
	l.cmd.Env = append(os.Environ(), asServer+"="+what)
	l.cmd.Stderr = os.Stderr
	if l.in, err = l.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	said, err := l.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := l.cmd.Start(); err != nil {
		return nil, err
	}
	l.out = bufio.NewReader(said)
	if l.url, err = l.out.ReadString('\n'); err != nil {
		_, failed := l.end()
		return nil, errors.Join(err, failed)
	}
	l.url = strings.TrimSpace(l.url)
	return l, nil
}

// state asks the server for its state, after a collection.
func (l *launched) state() (s state, err error) {
	if _, err := fmt.Fprintln(l.in); err != nil {
		return s, err
	}
	line, err := l.out.ReadString('\n')
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal([]byte(line), &s)
}

// tellState answers each line with the state of this process.
func tellState(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		runtime.GC()
		runtime.GC() // what the first one has only marked as unused, such as pools
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		s := state{int64(stats.HeapAlloc + stats.StackInuse), runtime.NumGoroutine()} //nolint:gosec // it fits into memory
		if err := json.NewEncoder(out).Encode(s); err != nil {
			return err
		}
	}
	return lines.Err()
}

// end ends the server and returns the processor time that it used.
func (l *launched) end() (cpu time.Duration, err error) {
	err = errors.Join(l.in.Close(), l.cmd.Wait())
	return l.cmd.ProcessState.UserTime() + l.cmd.ProcessState.SystemTime(), err
}

// once runs the generator against a new server.
func once(ctx context.Context, o options, wrk, script, mix, variant string, connections int) (r result, err error) {
	server, err := launch(ctx, variant+" "+mix)
	if err != nil {
		return r, err
	}
	report, failed := exec.CommandContext(ctx, wrk, "-t2", "-c"+strconv.Itoa(connections), "-d"+strconv.Itoa(o.seconds)+"s",
		"--latency", "--timeout", "10s", "-s", script, server.url).CombinedOutput()
	cpu, err := server.end()
	if err := errors.Join(failed, err); err != nil {
		return r, fmt.Errorf("%w: %s", err, report)
	}
	requests, r, err := parse(string(report))
	if err != nil {
		return r, err
	}
	r.Mix, r.Variant, r.Connections = mix, variant, connections
	r.CPU = float64(cpu.Microseconds()) / requests
	return r, nil
}

var (
	requestsLine = regexp.MustCompile(`(\d+) requests in`)
	rateLine     = regexp.MustCompile(`Requests/sec:\s+([\d.]+)`)
	centile      = regexp.MustCompile(`(50|99)%\s+([\d.]+)(us|ms|s)\b`)
	socketErrors = regexp.MustCompile(`Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)`)
)

// parse reads wrk's report.
func parse(report string) (requests float64, r result, err error) {
	number := func(text string) float64 {
		v, failed := strconv.ParseFloat(text, 64)
		err = errors.Join(err, failed)
		return v
	}
	total, rate := requestsLine.FindStringSubmatch(report), rateLine.FindStringSubmatch(report)
	if total == nil || rate == nil || total[1] == "0" {
		return 0, r, fmt.Errorf("wrk reported no requests: %s", report)
	}
	requests, r.Rate = number(total[1]), number(rate[1])
	for _, m := range centile.FindAllStringSubmatch(report, -1) {
		v := number(m[2]) * map[string]float64{"us": 1e-3, "ms": 1, "s": 1e3}[m[3]]
		if m[1] == "50" {
			r.P50 = v
		} else {
			r.P99 = v
		}
	}
	if m := socketErrors.FindStringSubmatch(report); m != nil {
		for _, text := range m[1:] {
			r.Errors += int(number(text))
		}
	}
	return requests, r, err
}

// medians returns the median of each figure, and the sum of the errors.
func medians(runs []result) result {
	of := func(figure func(result) float64) float64 {
		list := make([]float64, len(runs))
		for i, r := range runs {
			list[i] = figure(r)
		}
		slices.Sort(list)
		return (list[(len(list)-1)/2] + list[len(list)/2]) / 2
	}
	m := runs[0]
	m.CPU = of(func(r result) float64 { return r.CPU })
	m.Rate = of(func(r result) float64 { return r.Rate })
	m.P50 = of(func(r result) float64 { return r.P50 })
	m.P99 = of(func(r result) float64 { return r.P99 })
	m.Errors = 0
	for _, r := range runs {
		m.Errors += r.Errors
	}
	return m
}

func table(out io.Writer, results []result) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "mix\tconnections\tvariant\tserver µs/request\t× bare\trequests/s\tp50 ms\tp99 ms\terrors\t") //nolint:errcheck // Flush tells
	bare := 0.0
	for _, r := range results {
		if r.Variant == "bare" {
			bare = r.CPU
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%.1f\t%.2f\t%.0f\t%.2f\t%.2f\t%d\t\n", r.Mix, r.Connections, r.Variant, r.CPU, r.CPU/bare, r.Rate, r.P50, r.P99, r.Errors) //nolint:errcheck // Flush tells
	}
	return w.Flush()
}

// serve is a server until stdin is closed.
func serve(ctx context.Context, what string, out io.Writer) error {
	variant, mix, _ := strings.Cut(what, " ")
	store := seatmap.NewMap(seatmap.MapOptions{})
	defer store.Close() //nolint:errcheck // it ends with the process
	seats := map[string]int{"refusals": bookedSeats, "rush": freeSeats, "book": freeSeats, "watch": watchedSeats}[mix]
	if _, err := store.Create(ctx, seatmap.CreateRequest{Event: "bus", Layout: seatmap.Layout{Count: seats}}); err != nil {
		return err
	}
	if mix == "refusals" {
		h, err := store.BlockAny(ctx, seatmap.BlockAnyRequest{Event: "bus", User: "first", N: seats - 1, TTL: time.Hour})
		if err == nil {
			_, err = store.Book(ctx, seatmap.BookRequest{Token: h.Token})
		}
		if err != nil {
			return err
		}
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "http://%s\n", listener.Addr()); err != nil {
		return err
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	return task.WithScope(context.WithoutCancel(ctx), func(s *task.Scope) error {
		s.SpawnErr(func(context.Context) error {
			defer end()
			return tellState(os.Stdin, out)
		})
		if variant == "service" || variant == "metrics" {
			much := limit.RateOptions{Events: 1_000_000_000, Burst: 1_000_000_000}
			log := slog.New(slog.NewJSONHandler(io.Discard, nil))
			o := service.Options{
				Store: store, Log: log, PerUser: much, PerAddress: much, Streams: 50_000,
				Timeout: time.Minute, ClientTimeout: time.Minute, Grace: time.Minute, // the generator tells how late an answer is
			}
			if variant == "metrics" {
				o.Metrics = prometheus.NewRegistry()
			}
			return service.New(o).Serve(ctx, listener)
		}
		server := &http.Server{Handler: handler(variant, store), ReadHeaderTimeout: 5 * time.Second}
		defer context.AfterFunc(ctx, func() { _ = server.Close() })()
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
}

type refusal struct {
	Type   string   `json:"type"`
	Title  string   `json:"title"`
	Status int      `json:"status"`
	Seats  []string `json:"seats"`
}

// handler is the bare handler, or the same with a store.
func handler(variant string, store seatmap.Store) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Seats []string `json:"seats"`
			TTL   int64    `json:"ttl_ms"`
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		status := http.StatusConflict
		answer, _ := json.Marshal(refusal{"urn:ferrous:seats:taken", "A seat is not available.", status, body.Seats})
		if variant == "store" {
			user := cmp.Or(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), "nobody")
			h, err := store.Block(r.Context(), seatmap.BlockRequest{Event: "bus", User: user, Seats: body.Seats, TTL: time.Duration(body.TTL) * time.Millisecond})
			if err == nil {
				status = http.StatusCreated
				answer, _ = json.Marshal(struct {
					Token     string    `json:"token"`
					Seats     []string  `json:"seats"`
					At, Until time.Time `json:",omitzero"`
					Left      int64     `json:"left_ms"`
				}{h.Token.Reveal(), h.Seats, h.At, h.Until, h.Left.Milliseconds()})
			} else if !errors.Is(err, seatmap.ErrTaken) {
				status = http.StatusBadRequest
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write(answer) // a client that has gone needs none
	})
}
