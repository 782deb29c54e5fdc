package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/stream"
	"github.com/coderrange/ferrous/task"
)

// A rated is the result of a run at a fixed rate. Times are in milliseconds, from the
// moment at which the request was due to its answer.
type rated struct {
	Mix         string      `json:"mix"`
	Servers     int         `json:"servers"`
	Rate        int         `json:"due_per_second"`
	Connections int         `json:"connections"`
	Idle        int         `json:"idle_connections"`
	Watchers    int         `json:"watchers"`
	Sent        int64       `json:"sent"`
	Errors      int64       `json:"errors"`
	Answers     map[int]int `json:"answers"` // by status
	Seconds     float64     `json:"seconds"` // from the first request due to the last answer
	Changes     int64       `json:"changes"` // that the watchers got
	Gaps        int64       `json:"gaps"`
	CPU         float64     `json:"server_us_per_request"`
	// Memory is what one connection or watcher adds to the live heap and the stacks of a
	// server, in bytes, before the requests.
	Memory int64 `json:"server_bytes_per_connection"`
	// Goroutines is how many the servers have beside one for each connection and watcher,
	// once all was answered.
	Goroutines int      `json:"server_goroutines_more"`
	Times      []timeAt `json:"times"`
}

// A timeAt is the time that a share of the requests did not exceed.
type timeAt struct {
	Share float64 `json:"share"`
	Time  float64 `json:"ms"`
}

var shares = []float64{0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999, 1}

// at returns the time of a share.
func (r *rated) at(share float64) float64 {
	for _, t := range r.Times {
		if t.Share == share {
			return t.Time
		}
	}
	return 0
}

// rateMixes are the mixes at a fixed rate. One step of a mix is one request or two.
var rateMixes = map[string]func(ctx context.Context, c *caller, n int64) error{
	"refusals": func(ctx context.Context, c *caller, n int64) error {
		_, err := c.post(ctx, n, "block", fmt.Sprintf(`{"seats":["%d"],"ttl_ms":300000}`, 1+rand.IntN(bookedSeats-1)))
		return err
	},
	"rush": func(ctx context.Context, c *caller, n int64) error {
		_, err := c.post(ctx, n, "block", fmt.Sprintf(`{"seats":["%d"],"ttl_ms":300000}`, 1+rand.IntN(freeSeats)))
		return err
	},
	"book": func(ctx context.Context, c *caller, n int64) error {
		return c.two(ctx, n, fmt.Sprintf(`{"seats":["%d"],"ttl_ms":300000}`, 1+n%freeSeats), "book")
	},
	"watch": func(ctx context.Context, c *caller, n int64) error {
		return c.two(ctx, n, fmt.Sprintf(`{"seats":["%d"],"ttl_ms":300000}`, 1+n%(watchedSeats-1)), "release")
	},
}

// A caller sends one request after the other on a connection of its own.
type caller struct {
	address string
	conn    net.Conn // nil after an error
	in      *bufio.Reader
	tally   *arcmutex.Mutex[tally] // of all callers
}

// A tally is what was answered.
type tally struct {
	answers map[int]int
	changes int64 // requests that changed something
	times   *hdrhistogram.Histogram
	last    time.Time // of the last answer
}

func newTally() *arcmutex.Mutex[tally] {
	return arcmutex.NewMutex(tally{answers: map[int]int{}, times: hdrhistogram.New(1, int64(time.Hour/time.Microsecond), 3)})
}

// dial connects, unless there is a connection.
func (c *caller) dial(ctx context.Context) (err error) {
	if c.conn != nil {
		return nil
	}
	var d net.Dialer
	if c.conn, err = d.DialContext(ctx, "tcp", c.address); err != nil {
		return err
	}
	c.in = bufio.NewReaderSize(c.conn, 1024)
	return nil
}

func (c *caller) close() {
	if c.conn != nil {
		_ = c.conn.Close() // nothing more is sent
		c.conn = nil
	}
}

// send sends a request and reads its answer. An error ends the connection.
func (c *caller) send(q *http.Request) (status int, text []byte, err error) {
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if err := c.dial(q.Context()); err != nil {
		return 0, nil, err
	}
	conn := c.conn
	defer context.AfterFunc(q.Context(), func() { _ = conn.Close() })()
	if err := q.Write(conn); err != nil {
		return 0, nil, err
	}
	r, err := http.ReadResponse(c.in, q)
	if err != nil {
		return 0, nil, err
	}
	text, err = io.ReadAll(r.Body)
	return r.StatusCode, text, errors.Join(err, r.Body.Close())
}

// check requires the connection to be served.
func (c *caller) check(ctx context.Context) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.address+"/healthz", http.NoBody)
	if err != nil {
		return err
	}
	status, _, err := c.send(q)
	if err == nil && status != http.StatusNoContent {
		err = fmt.Errorf("/healthz is %d", status)
	}
	return err
}

// post sends a request of one of many users. All answers but those of a broken server are
// counted, and those that changed something.
func (c *caller) post(ctx context.Context, n int64, method, body string) (text []byte, err error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.address+"/v1/events/bus/"+method, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	q.Header.Set("Authorization", "Bearer user"+strconv.FormatInt(n%100_000, 10))
	q.Header.Set("Content-Type", "application/json")
	status, text, err := c.send(q)
	if err != nil {
		return nil, err
	}
	done := status < 300
	c.tally.With(func(t *tally) {
		t.answers[status]++
		t.last = time.Now()
		if done {
			t.changes++
		}
	})
	switch {
	case status >= 500:
		return nil, fmt.Errorf("%d: %s", status, text)
	case done:
		return text, nil
	}
	return nil, nil
}

// two holds a seat and then books or releases it.
func (c *caller) two(ctx context.Context, n int64, body, then string) error {
	text, err := c.post(ctx, n, "block", body)
	if err != nil || text == nil {
		return err
	}
	var hold struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal(text, &hold); err != nil {
		return err
	}
	_, err = c.post(ctx, n, then, fmt.Sprintf(`{"token":%q}`, hold.Token))
	return err
}

// A share is the part of a run that one generator sends to one server.
type share struct {
	Mix                         string
	Rate                        int // of all shares together
	Connections, Idle, Watchers int // of this one
	Seconds                     int
	First, Step                 int // which requests: First, First + Step, …
}

// A part is the result of a share.
type part struct {
	Sent, Errors  int64
	Answers       map[int]int
	Changes, Gaps int64 // that the watchers saw
	Began, Ended  time.Time
	Times         *hdrhistogram.Snapshot
	CPU           time.Duration // of the server
	Memory        int64         // that connections and watchers added to the server, in bytes
	Goroutines    int           // of the server, beside one for each connection
}

// run measures a share: first all connections and watchers are there, then begin is
// called, then requests are due at the rate, whether or not those before were answered,
// and in the end all connections and watchers must still be served.
func (o *share) run(ctx context.Context, begin func() error) (p *part, err error) {
	server, err := launch(ctx, "service "+o.Mix)
	if err != nil {
		return nil, err
	}
	defer func() {
		cpu, failed := server.end()
		if err = errors.Join(err, failed); err == nil {
			p.CPU = cpu
		}
	}()
	before, err := server.state()
	if err != nil {
		return nil, err
	}
	tally := newTally()
	callers := make([]*caller, o.Connections+o.Idle+1)
	for i := range callers {
		callers[i] = &caller{address: strings.TrimPrefix(server.url, "http://"), tally: tally}
		defer callers[i].close()
		if err := callers[i].check(ctx); err != nil {
			return nil, fmt.Errorf("connection %d: %w", i+1, err)
		}
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	p = &part{}
	return p, task.WithGroup(ctx, task.Unlimited, func(g *task.Scope) error {
		views := make([]view, o.Watchers)
		watching := make([]*task.Handle[struct{}], o.Watchers)
		var seeing atomic.Int64
		for i := range views {
			watching[i] = g.SpawnErr(func(ctx context.Context) error { return views[i].watch(ctx, client, server.url, &seeing) })
			for i-int(seeing.Load()) > 100 { // no more than the server can accept at once
				if err := until(g.Context(), time.Now().Add(time.Millisecond)); err != nil {
					return err
				}
			}
		}
		for seeing.Load() < int64(o.Watchers) {
			if err := until(g.Context(), time.Now().Add(10*time.Millisecond)); err != nil {
				return err
			}
		}
		full, err := server.state()
		if err != nil {
			return err
		}
		p.Memory = full.Memory - before.Memory
		if err := begin(); err != nil {
			return err
		}
		p.Began = time.Now().Add(10 * time.Millisecond)
		if p.Errors, err = o.call(g.Context(), p.Began, callers[:o.Connections]); err != nil {
			return err
		}
		last := callers[len(callers)-1]
		if o.Watchers > 0 { // the seat that only this one books ends the views
			if err := last.two(g.Context(), 0, fmt.Sprintf(`{"seats":["%d"],"ttl_ms":300000}`, watchedSeats), "book"); err != nil {
				return err
			}
		}
		seen, err := tally.Get()
		if err != nil {
			return err
		}
		for _, n := range seen.answers {
			p.Sent += int64(n)
		}
		p.Answers, p.Ended, p.Times = seen.answers, seen.last, seen.times.Export()
		for i, w := range watching {
			if _, err := w.Join(g.Context()); err != nil {
				return err
			}
			p.Changes, p.Gaps = p.Changes+views[i].changes, p.Gaps+views[i].gaps
			if views[i].gaps == 0 && views[i].changes != seen.changes {
				return fmt.Errorf("a watcher got %d changes of %d and no gap", views[i].changes, seen.changes)
			}
		}
		for i, c := range callers {
			if err := c.check(g.Context()); err != nil {
				return fmt.Errorf("connection %d is not served any more: %w", i+1, err)
			}
		}
		after, err := server.state()
		p.Goroutines = after.Goroutines - len(callers)
		return err
	})
}

// call sends requests at the rate and returns how many failed.
func (o *share) call(ctx context.Context, start time.Time, callers []*caller) (errs int64, err error) {
	step := rateMixes[o.Mix]
	total := int64(o.Rate) * int64(o.Seconds)
	var next, failed atomic.Int64
	next.Store(int64(o.First - o.Step))
	err = task.WithGroup(ctx, task.Unlimited, func(g *task.Scope) error {
		for _, c := range callers {
			g.SpawnErr(func(ctx context.Context) error {
				for n := next.Add(int64(o.Step)); n < total; n = next.Add(int64(o.Step)) {
					due := start.Add(time.Duration(n) * time.Second / time.Duration(o.Rate))
					if err := until(ctx, due); err != nil {
						return err
					}
					if err := step(ctx, c, n); err != nil {
						failed.Add(1)
					}
					late := max(time.Since(due).Microseconds(), 1)
					if err := c.tally.WithErr(func(t *tally) error { return t.times.RecordValue(late) }); err != nil {
						return err
					}
				}
				return nil
			})
		}
		return nil
	})
	return failed.Load(), err
}

// until waits for the time.
func until(ctx context.Context, t time.Time) error {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// A view is what a watcher has seen.
type view struct{ changes, gaps int64 }

// watch counts changes and gaps until the last seat is booked.
func (v *view) watch(ctx context.Context, client *http.Client, url string, seeing *atomic.Int64) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/v1/events/bus/changes", http.NoBody)
	if err != nil {
		return err
	}
	r, err := client.Do(q)
	if err != nil {
		return err
	}
	defer r.Body.Close() //nolint:errcheck // it is read only
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("a watcher got %s", r.Status)
	}
	lastSeat := fmt.Sprintf(`"seats":["%d"]`, watchedSeats)
	events := stream.SSE(func(context.Context) (io.ReadCloser, error) { return r.Body, nil }, 1<<20)
	for e, err := range events.All(ctx) {
		switch {
		case err != nil:
			return err
		case e.Name == "snapshot":
			if v.changes == 0 && v.gaps == 0 {
				seeing.Add(1)
			}
			if strings.Contains(e.Data, fmt.Sprintf(`{"seat":"%d","state":"booked"`, watchedSeats)) {
				return nil
			}
		case e.Name == "gap":
			v.gaps++
		case e.Name == "change":
			v.changes++
			if strings.Contains(e.Data, `"kind":"booked"`) && strings.Contains(e.Data, lastSeat) {
				return nil
			}
		}
	}
	return errors.New("the stream of a watcher ended")
}

// rateTable writes the results as text.
func rateTable(out io.Writer, results []rated) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "mix\tservers\tdue/s\tconnections\tidle\twatchers\tsent/s\terrors\tp50 ms\tp99 ms\tp99.9 ms\tmax ms\tserver µs/request\tB/connection\tgoroutines more\tchanges seen\tgaps\t") //nolint:errcheck // Flush tells
	for _, r := range results {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%.0f\t%d\t%.2f\t%.2f\t%.2f\t%.2f\t%.1f\t%d\t%d\t%d\t%d\t\n", //nolint:errcheck // Flush tells
			r.Mix, r.Servers, r.Rate, r.Connections, r.Idle, r.Watchers, float64(r.Sent)/r.Seconds, r.Errors,
			r.at(0.5), r.at(0.99), r.at(0.999), r.at(1), r.CPU, r.Memory, r.Goroutines, r.Changes, r.Gaps)
	}
	return w.Flush()
}

// writePlot draws the results into a file.
func writePlot(name string, results []rated) error {
	return os.WriteFile(name, []byte(plot(results)), 0o644) //nolint:gosec // a picture is no secret
}
