package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/dustin/go-humanize"
)

// report is what the program has to say.
type report struct {
	config   config
	all      bool // list the seats
	outcomes []*outcome
	delays   []*hdrhistogram.Histogram
}

func (r *report) add(o *outcome) {
	h := hdrhistogram.New(1, int64(time.Minute), 3)
	for _, d := range o.delays {
		_ = h.RecordValue(min(max(int64(d), 1), int64(time.Minute))) // always within the bounds
	}
	r.outcomes = append(r.outcomes, o)
	r.delays = append(r.delays, h)
}

// verdict prints the first few things that are wrong, and is an error if there are
// any.
func (r *report) verdict(w io.Writer) error {
	faults := 0
	for _, o := range r.outcomes {
		for _, problem := range o.problems {
			if _, err := fmt.Fprintln(w, "redbus: "+problem); err != nil {
				return err
			}
		}
		faults += o.faults
	}
	if faults > 0 {
		return fmt.Errorf("the check found %d faults", faults)
	}
	return nil
}

func (o *outcome) perSecond(users int) float64 { return float64(users) / o.cost.elapsed.Seconds() }

// text writes the report for people: the seats if they are listed, and then all
// else, with a column for each version.
func (r *report) text(w io.Writer) error {
	var b strings.Builder
	row := func(name string, cell func(i int, o *outcome) string) {
		b.WriteString(name)
		for i, o := range r.outcomes {
			b.WriteString("\t" + cell(i, o))
		}
		b.WriteByte('\n')
	}
	number := func(name string, of func(o *outcome) int) {
		row(name, func(_ int, o *outcome) string { return humanize.Comma(int64(of(o))) })
	}
	listed := r.config.seats
	if r.all {
		row("seat", func(_ int, o *outcome) string { return o.version })
	} else {
		listed = 0
		fmt.Fprintf(&b, "The %s seats are listed with -all.\n", humanize.Comma(int64(r.config.seats)))
	}
	for seat := range listed {
		row(strconv.Itoa(seat+1), func(_ int, o *outcome) string {
			if seat >= len(o.statuses) {
				return "missing"
			}
			return o.statuses[seat].String()
		})
	}
	b.WriteByte('\n')
	row("", func(_ int, o *outcome) string { return o.version })
	number("users", func(o *outcome) int { return o.asked })
	number("refused", func(o *outcome) int { return o.refused })
	number("blocked", func(o *outcome) int { return o.blocked })
	number("  of them won again", func(o *outcome) int { return o.rewon })
	number("  booked", func(o *outcome) int { return o.booked })
	number("  expired", func(o *outcome) int { return o.expired })
	number("  still held", func(o *outcome) int { return o.held })
	number("seats available", func(o *outcome) int { return o.free })
	row("elapsed", func(_ int, o *outcome) string { return o.cost.elapsed.Round(time.Millisecond).String() })
	number("users a second", func(o *outcome) int { return int(o.perSecond(r.config.users)) })
	for _, q := range quantiles {
		row("latency "+q.name, func(i int, _ *outcome) string {
			return time.Duration(r.delays[i].ValueAtQuantile(q.percent)).String()
		})
	}
	number("goroutines started", func(o *outcome) int { return int(o.cost.goroutines) })
	number("allocations", func(o *outcome) int { return int(o.cost.allocs) })
	row("allocated", func(_ int, o *outcome) string { return humanize.Bytes(o.cost.bytes) })
	number("threads at most", func(o *outcome) int { return int(o.cost.threads) })
	row("peak memory", func(_ int, o *outcome) string { return humanize.Bytes(o.cost.peak) })
	row("one holder a seat", func(_ int, o *outcome) string {
		if o.faults > 0 {
			return "NO"
		}
		return "yes"
	})
	fmt.Fprintf(&b, `
Latency is that of the call that blocks a seat, of one user in %d, and one reading
of the clock. The rest is of everything, users' goroutines and names included.
%s
`, 1+r.config.users/samples, r.remark())
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if _, err := io.WriteString(columns, b.String()); err != nil {
		return err
	}
	return columns.Flush()
}

// remark says what most of the cost is.
func (r *report) remark() string {
	if _, isServer := servers[r.outcomes[0].version]; isServer {
		return fmt.Sprintf("It is this program's, without the server. Its users came %d at a time.", cmp.Or(r.config.workers, maxClients))
	}
	return "Most of it is the goroutines: see -workers 2."
}

var quantiles = []struct {
	name    string
	percent float64
}{{"p50", 50}, {"p90", 90}, {"p99", 99}, {"p99.9", 99.9}, {"max", 100}}

// The report for programs.
type (
	jsonReport struct {
		Users    int           `json:"users"`
		Seats    int           `json:"seats"`
		Hold     string        `json:"hold"`
		Seed     uint64        `json:"seed"`
		Workers  int           `json:"workers"`
		Versions []jsonOutcome `json:"versions"`
	}
	jsonOutcome struct {
		Version    string           `json:"version"`
		Refused    int              `json:"refused"`
		Blocked    int              `json:"blocked"`
		Rewon      int              `json:"rewon"`
		Booked     int              `json:"booked"`
		Expired    int              `json:"expired"`
		Held       int              `json:"held"`
		Available  int              `json:"available"`
		ElapsedNs  int64            `json:"elapsed_ns"`
		PerSecond  float64          `json:"users_per_second"`
		LatencyNs  map[string]int64 `json:"latency_ns"`
		Timed      int64            `json:"timed"` // calls that the latencies are of
		Goroutines uint64           `json:"goroutines"`
		Allocs     uint64           `json:"allocs"`
		Bytes      uint64           `json:"allocated_bytes"`
		Peak       uint64           `json:"peak_bytes"`
		Threads    uint64           `json:"threads"` // of the operating system, at most
		Faults     int              `json:"faults"`
		Problems   []string         `json:"problems"` // the first few
		Seats      []jsonSeat       `json:"seats,omitempty"`
	}
	jsonSeat struct {
		Seat  int       `json:"seat"`
		State string    `json:"state"`
		User  string    `json:"user,omitempty"`
		At    time.Time `json:"at,omitzero"`
	}
)

// json writes the report for programs.
func (r *report) json(w io.Writer) error {
	c := r.config
	out := jsonReport{Users: c.users, Seats: c.seats, Hold: c.hold.String(), Seed: c.seed, Workers: c.workers}
	for i, o := range r.outcomes {
		j := jsonOutcome{
			Version: o.version, Refused: o.refused, Blocked: o.blocked, Rewon: o.rewon,
			Booked: o.booked, Expired: o.expired, Held: o.held, Available: o.free,
			ElapsedNs: int64(o.cost.elapsed), PerSecond: o.perSecond(c.users),
			LatencyNs: map[string]int64{}, Timed: r.delays[i].TotalCount(), Goroutines: o.cost.goroutines,
			Allocs: o.cost.allocs, Bytes: o.cost.bytes, Peak: o.cost.peak, Threads: o.cost.threads,
			Faults: o.faults, Problems: append([]string{}, o.problems...),
		}
		for _, q := range quantiles {
			j.LatencyNs[q.name] = r.delays[i].ValueAtQuantile(q.percent)
		}
		for seat, s := range o.statuses {
			if !r.all {
				break
			}
			j.Seats = append(j.Seats, jsonSeat{Seat: seat + 1, State: s.State.String(), User: s.User, At: s.At})
		}
		out.Versions = append(out.Versions, j)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(out)
}
