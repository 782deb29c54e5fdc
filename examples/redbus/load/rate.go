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

	"github.com/coderrange/ferrous/stream"
	"github.com/coderrange/ferrous/task"
)

// A rated is the result of a run at a fixed rate. Times are in milliseconds, from the
// moment at which the request was due to its answer.
type rated struct {
	Mix         string         `json:"mix"`
	Rate        int            `json:"due_per_second"`
	Connections int            `json:"connections"`
	Idle        int            `json:"idle_connections"`
	Watchers    int            `json:"watchers"`
	Sent        int64          `json:"sent"`
	Errors      int64          `json:"errors"`
	Answers     map[string]int `json:"answers"` // by status
	Changes     int64          `json:"changes"` // that the watchers got
	Gaps        int64          `json:"gaps"`
	CPU         float64        `json:"server_us_per_request"`
	Times       []timeAt       `json:"times"`
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

// A caller sends requests on one connection after the other, and counts the answers.
type caller struct {
	client  *http.Client
	url     string
	answers map[int]int
	changes int64
	times   *hdrhistogram.Histogram
}

// post sends a request of one of many users. All answers but those of a broken server are
// counted, and those that changed something.
func (c *caller) post(ctx context.Context, n int64, method, body string) (text []byte, err error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/v1/events/bus/"+method, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	q.Header.Set("Authorization", "Bearer user"+strconv.FormatInt(n%100_000, 10))
	q.Header.Set("Content-Type", "application/json")
	r, err := c.client.Do(q)
	if err != nil {
		return nil, err
	}
	text, err = io.ReadAll(r.Body)
	if err := errors.Join(err, r.Body.Close()); err != nil {
		return nil, err
	}
	c.answers[r.StatusCode]++
	switch {
	case r.StatusCode >= 500:
		return nil, fmt.Errorf("%s: %s", r.Status, text)
	case r.StatusCode < 300:
		c.changes++
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

// atRate runs each mix at the rate.
func atRate(ctx context.Context, o options) (all []rated, err error) {
	for _, mix := range o.mixes {
		for _, connections := range o.counts {
			r := rated{Mix: mix, Rate: o.rate, Connections: connections, Idle: o.idle, Answers: map[string]int{}}
			if mix == "watch" {
				r.Watchers = o.watchers
			}
			if err := r.run(ctx, o.seconds); err != nil {
				return nil, fmt.Errorf("%s at %d a second: %w", mix, o.rate, err)
			}
			all = append(all, r)
		}
	}
	return all, nil
}

// run measures: first the connections that do nothing and the watchers are there, then
// requests are due at the rate, whether or not those before were answered, and in the end
// all connections and watchers must still be served.
func (r *rated) run(ctx context.Context, seconds int) (err error) {
	server, err := launch(ctx, "service "+r.Mix)
	if err != nil {
		return err
	}
	defer func() {
		cpu, failed := server.end()
		if err = errors.Join(err, failed); err == nil {
			r.CPU = float64(cpu.Microseconds()) / float64(r.Sent)
		}
	}()
	idle, err := connect(ctx, server.url, r.Idle)
	defer closeAll(idle)
	if err != nil {
		return err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: r.Connections}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	return task.WithGroup(ctx, task.Unlimited, func(g *task.Scope) error {
		views := make([]view, r.Watchers)
		watching := make([]*task.Handle[struct{}], r.Watchers)
		var seeing atomic.Int64
		for i := range views {
			watching[i] = g.SpawnErr(func(ctx context.Context) error { return views[i].watch(ctx, client, server.url, &seeing) })
		}
		for seeing.Load() < int64(r.Watchers) {
			if err := until(g.Context(), time.Now().Add(10*time.Millisecond)); err != nil {
				return err
			}
		}
		last := &caller{client: client, url: server.url, answers: map[int]int{}}
		callers, err := r.call(g.Context(), last, seconds)
		if err != nil {
			return err
		}
		if r.Watchers > 0 { // the seat that only this one books ends the views
			if err := last.two(g.Context(), 0, fmt.Sprintf(`{"seats":["%d"],"ttl_ms":300000}`, watchedSeats), "book"); err != nil {
				return err
			}
			callers = append(callers, last)
		}
		changes := r.sum(callers)
		for i, w := range watching {
			if _, err := w.Join(g.Context()); err != nil {
				return err
			}
			r.Changes, r.Gaps = r.Changes+views[i].changes, r.Gaps+views[i].gaps
			if views[i].gaps == 0 && views[i].changes != changes {
				return fmt.Errorf("a watcher got %d changes of %d and no gap", views[i].changes, changes)
			}
		}
		return serveAll(idle)
	})
}

// call sends requests at the rate and returns who has sent them.
func (r *rated) call(ctx context.Context, first *caller, seconds int) (callers []*caller, err error) {
	step := rateMixes[r.Mix]
	total, start := int64(r.Rate)*int64(seconds), time.Now().Add(10*time.Millisecond)
	var next, failed atomic.Int64
	err = task.WithGroup(ctx, task.Unlimited, func(g *task.Scope) error {
		for range r.Connections {
			c := &caller{client: first.client, url: first.url, answers: map[int]int{}, times: hdrhistogram.New(1, int64(time.Hour/time.Microsecond), 3)}
			callers = append(callers, c)
			g.SpawnErr(func(ctx context.Context) error {
				for n := next.Add(1) - 1; n < total; n = next.Add(1) - 1 {
					due := start.Add(time.Duration(n) * time.Second / time.Duration(r.Rate))
					if err := until(ctx, due); err != nil {
						return err
					}
					if err := step(ctx, c, n); err != nil {
						failed.Add(1)
					}
					if err := c.times.RecordValue(max(time.Since(due).Microseconds(), 1)); err != nil {
						return err
					}
				}
				return nil
			})
		}
		return nil
	})
	r.Errors = failed.Load()
	return callers, err
}

// sum adds up what the callers have counted, and returns how many changes they made.
func (r *rated) sum(callers []*caller) (changes int64) {
	times := hdrhistogram.New(1, int64(time.Hour/time.Microsecond), 3)
	for _, c := range callers {
		changes += c.changes
		for status, n := range c.answers {
			r.Answers[strconv.Itoa(status)] += n
			r.Sent += int64(n)
		}
		if c.times != nil {
			times.Merge(c.times)
		}
	}
	for _, share := range shares {
		r.Times = append(r.Times, timeAt{share, float64(times.ValueAtQuantile(100*share)) / 1000})
	}
	return changes
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

// connect opens connections that have had one answer.
func connect(ctx context.Context, url string, n int) (all []net.Conn, err error) {
	var d net.Dialer
	for range n {
		c, err := d.DialContext(ctx, "tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			return all, fmt.Errorf("connection %d: %w", len(all)+1, err)
		}
		all = append(all, c)
	}
	return all, serveAll(all)
}

// serveAll requires each connection to be served.
func serveAll(all []net.Conn) error {
	for i, c := range all {
		_, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: load\r\n\r\n")
		if err == nil {
			var r *http.Response
			if r, err = http.ReadResponse(bufio.NewReader(c), nil); err == nil {
				err = r.Body.Close()
			}
		}
		if err != nil {
			return fmt.Errorf("connection %d is not served: %w", i+1, err)
		}
	}
	return nil
}

func closeAll(all []net.Conn) {
	for _, c := range all {
		_ = c.Close() // nothing more is sent
	}
}

// rateTable writes the results as text.
func rateTable(out io.Writer, results []rated) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "mix\tdue/s\tconnections\tidle\twatchers\tsent\terrors\tp50 ms\tp99 ms\tp99.9 ms\tmax ms\tserver µs/request\tchanges seen\tgaps\t") //nolint:errcheck // Flush tells
	for _, r := range results {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%.2f\t%.2f\t%.2f\t%.2f\t%.1f\t%d\t%d\t\n", //nolint:errcheck // Flush tells
			r.Mix, r.Rate, r.Connections, r.Idle, r.Watchers, r.Sent, r.Errors, r.at(0.5), r.at(0.99), r.at(0.999), r.at(1), r.CPU, r.Changes, r.Gaps)
	}
	return w.Flush()
}

// writePlot draws the results into a file.
func writePlot(name string, results []rated) error {
	return os.WriteFile(name, []byte(plot(results)), 0o644) //nolint:gosec // a picture is no secret
}
