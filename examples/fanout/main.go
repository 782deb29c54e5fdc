// Command fanout is a hub for server-sent events: what is published goes to all
// clients, and none of them holds up the others. It starts the hub and its clients on
// this machine. One client reads nothing for a while, so that it misses messages; it
// is told how many.
//
//	fanout -messages 3000 -clients 3
//
// Where to look:
//
//	concept                              here
//	broadcast to all, slow ones lag      hub.go: Publish, news; channel.NewBroadcast
//	a lagging client is told             hub.go: news, lagged; ServeHTTP after a reconnection
//	watch: only the latest state         hub.go: SetState, latest; channel.NewWatch
//	several sources, one writer          hub.go: ServeHTTP; stream.Merge
//	shutdown that drains                 hub.go: Close; main.go: run
//	a client that connects again         main.go: listen; sse.Connect
//	all ends with its scope              main.go: run; task.WithScope
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/examples/internal/program"
	"github.com/coderrange/ferrous/stream"
	"github.com/coderrange/ferrous/stream/sse"
	"github.com/coderrange/ferrous/task"
)

const (
	keep = 64    // messages for slow clients
	size = 16384 // bytes of a message, so that the system's buffers are soon full
	pace = 200 * time.Microsecond
)

func main() { program.Main("fanout", run) }

func run(ctx context.Context, args []string, out io.Writer) error {
	var messages, clients int
	flags := program.NewFlags("fanout", "fanout [flags]")
	flags.Int(&messages, "messages", 3000, 0, 1_000_000_000, "how many messages are published")
	flags.Int(&clients, "clients", 3, 1, 1000, "how many clients listen, beside a slow one")
	goOn, err := flags.Parse(args, out)
	if err != nil || !goOn {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	hub := NewHub(keep, "open")
	server := &http.Server{Handler: hub, ReadHeaderTimeout: 10 * time.Second}
	reports := make([]report, clients+1)
	connected, arrivals := channel.New[struct{}](len(reports))
	// Go's own channels, since they are closed once. They let the slow client read, and
	// the others.
	published, atOnce := make(chan struct{}), make(chan struct{})
	close(atOnce)
	err = task.WithScope(ctx, func(s *task.Scope) error {
		task.Spawn(s, func(context.Context) (struct{}, error) {
			_ = server.Serve(l) // until Close
			return struct{}{}, nil
		})
		defer func() { _ = server.Close() }()
		for i := range reports {
			goOn := atOnce
			if i == 0 {
				goOn = published
			}
			task.Spawn(s, func(ctx context.Context) (_ struct{}, err error) {
				reports[i], err = listen(ctx, "http://"+l.Addr().String(), goOn, sync.OnceFunc(func() { _ = connected.TrySend(struct{}{}) }))
				return struct{}{}, err
			})
		}
		for range reports {
			if _, err := arrivals.Recv(ctx); err != nil { // a task may not have begun
				return err
			}
		}
		text := strings.Repeat("x", size)
		for _, err := range stream.Ticker(pace).Take(messages).All(ctx) {
			if err == nil {
				err = hub.Publish(text)
			}
			if err != nil {
				return err
			}
		}
		close(published)
		if err := hub.SetState("closing"); err != nil {
			return err
		}
		hub.Close() // the clients get the rest, and their requests end
		return server.Shutdown(ctx)
	})
	if err != nil {
		return err
	}
	for i, r := range reports {
		if r.got+r.missed != messages || r.state != "closing" {
			return fmt.Errorf("client %d got %d of %d messages, was told that it missed %d, and saw %q last",
				i, r.got, messages, r.missed, r.state)
		}
	}
	_, err = fmt.Fprintf(out, "of %d messages the slow client missed %d, and another one %d, as they were told\nall saw the last state\n",
		messages, reports[0].missed, reports[1].missed)
	return err
}

// A report is what a client got.
type report struct {
	got, missed int
	state       string
}

// listen is a client. It calls connected when it has an event or has ended, and reads
// the next one when goOn is closed.
func listen(ctx context.Context, url string, goOn <-chan struct{}, connected func()) (r report, err error) {
	defer connected()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return r, err
	}
	events := sse.Connect(req, sse.Options{Client: &http.Client{Transport: transport}, Reconnect: time.Millisecond})
	for e, err := range events.All(ctx) {
		switch {
		case err != nil && r.state == "closing":
			return r, nil // the hub has gone
		case err != nil:
			return r, err
		case e.Name == "state":
			r.state = e.Data
		case e.Name == "lagged":
			n, err := strconv.Atoi(e.Data)
			if err != nil {
				return r, err
			}
			r.missed += n
		default:
			r.got++
		}
		connected()
		select {
		case <-goOn:
		case <-ctx.Done():
			return r, context.Cause(ctx)
		}
	}
	return r, nil
}
