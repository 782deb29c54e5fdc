package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/coderrange/ferrous/task"
)

// asShare makes the process a generator with a server: it is a share, as JSON.
const asShare = "REDBUS_LOAD_SHARE"

// atRate runs each mix at the rate. There are as many generators as servers, each a
// process, since a process can have no more than so many connections.
func atRate(ctx context.Context, o options) (all []rated, err error) {
	for _, mix := range o.mixes {
		for _, connections := range o.counts {
			r := rated{Mix: mix, Servers: o.servers, Rate: o.rate, Connections: connections, Idle: o.idle}
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

// run has each generator do its share, and all begin when the last one is ready.
func (r *rated) run(ctx context.Context, seconds int) error {
	generators := make([]*generator, r.Servers)
	of := func(n, i int) int { return (n + r.Servers - 1 - i) / r.Servers }
	err := task.WithGroup(ctx, task.Unlimited, func(s *task.Scope) error {
		for i := range generators {
			share := share{
				Mix: r.Mix, Rate: r.Rate, Seconds: seconds, First: i, Step: r.Servers,
				Connections: of(r.Connections, i), Idle: of(r.Idle, i), Watchers: of(r.Watchers, i),
			}
			g, err := generate(s.Context(), share)
			if err != nil {
				return err
			}
			generators[i] = g
			s.SpawnErr(func(context.Context) error { return g.wait() })
		}
		for _, g := range generators {
			select {
			case <-g.ready:
			case <-s.Context().Done():
				return nil // a generator has failed
			}
		}
		for _, g := range generators {
			if _, err := fmt.Fprintln(g.in); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.sum(generators)
}

// sum adds up what the generators have measured.
func (r *rated) sum(generators []*generator) error {
	times := hdrhistogram.Import(generators[0].result.Times)
	r.Answers = map[int]int{}
	began, ended := generators[0].result.Began, generators[0].result.Ended
	for i, g := range generators {
		p := &g.result
		if i > 0 {
			if dropped := times.Merge(hdrhistogram.Import(p.Times)); dropped > 0 {
				return fmt.Errorf("%d times are too long", dropped)
			}
		}
		for status, n := range p.Answers {
			r.Answers[status] += n
		}
		r.Sent, r.Errors = r.Sent+p.Sent, r.Errors+p.Errors
		r.Changes, r.Gaps = r.Changes+p.Changes, r.Gaps+p.Gaps
		r.CPU += float64(p.CPU.Microseconds())
		r.Memory += p.Memory
		r.Goroutines += p.Goroutines
		if p.Began.Before(began) {
			began = p.Began
		}
		if p.Ended.After(ended) {
			ended = p.Ended
		}
	}
	r.CPU /= float64(max(r.Sent, 1))
	r.Memory /= int64(r.Connections + r.Idle + r.Watchers)
	r.Seconds = ended.Sub(began).Seconds()
	for _, share := range shares {
		r.Times = append(r.Times, timeAt{share, float64(times.ValueAtQuantile(100*share)) / 1000})
	}
	return nil
}

// A generator is a process that does a share.
type generator struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	ready  chan struct{} // closed when the generator waits for a line
	result part
}

// generate starts a generator.
func generate(ctx context.Context, s share) (*generator, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	// A plain channel, since it is only closed, and waited for beside the end of a context.
	g := &generator{cmd: exec.CommandContext(ctx, self), ready: make(chan struct{})}
	g.cmd.Env = append(os.Environ(), asShare+"="+string(text))
	g.cmd.Stderr = os.Stderr
	if g.in, err = g.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := g.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	g.out = bufio.NewReader(out)
	return g, g.cmd.Start()
}

// wait reads what the generator says until it ends.
func (g *generator) wait() error {
	_, err := g.out.ReadString('\n')
	if err == nil {
		close(g.ready)
		err = json.NewDecoder(g.out).Decode(&g.result)
	}
	if failed := g.cmd.Wait(); failed != nil {
		return fmt.Errorf("a generator: %w", failed) // it has said why on stderr
	}
	return err
}

// doShare is the main function of a generator: it says when it is ready, waits for a line
// on stdin, and prints its result.
func doShare(ctx context.Context, text string, in io.Reader, out io.Writer) error {
	var s share
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	p, err := s.run(ctx, func() error {
		if _, err := fmt.Fprintln(out, "ready"); err != nil {
			return err
		}
		_, err := bufio.NewReader(in).ReadString('\n')
		return err
	})
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(p)
}
