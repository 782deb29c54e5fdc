package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/stream"
)

// writeTimeout is how long a client may take to receive one event.
const writeTimeout = 10 * time.Second

// A Hub passes on what is published, and the latest state, to all clients that are
// connected. It waits for none of them.
type Hub struct{ feed *arcmutex.Mutex[feed] }

// feed is where messages and states go.
type feed struct {
	messages *channel.BroadcastSender[stream.Event]
	state    *channel.WatchSender[string]
	last     uint64 // ID of the last message
	closed   bool
}

// NewHub returns a hub that keeps so many messages for slow clients.
func NewHub(keep int, state string) *Hub {
	messages, nobody := channel.NewBroadcast[stream.Event](keep)
	nobody.Close()
	states, none := channel.NewWatch(state)
	none.Close()
	return &Hub{arcmutex.NewMutex(feed{messages: messages, state: states}).WithName("hub")}
}

// Publish sends a message to all clients.
func (h *Hub) Publish(text string) error {
	return h.feed.WithErr(func(f *feed) error {
		if f.closed {
			return channel.ErrClosed
		}
		f.last++
		_, err := f.messages.Send(stream.Event{ID: strconv.FormatUint(f.last, 10), Name: "message", Data: text})
		if f.messages.ReceiverCount() == 0 {
			return nil // nobody is there
		}
		return err
	})
}

// SetState replaces the state. Clients that are slow see the last one only.
func (h *Hub) SetState(state string) error {
	return h.feed.WithErr(func(f *feed) error {
		if f.closed {
			return channel.ErrClosed
		}
		return f.state.Send(state)
	})
}

// Close refuses new clients and messages. Clients get what they have not got yet, and
// then their streams end.
func (h *Hub) Close() {
	h.feed.With(func(f *feed) {
		f.closed = true
		f.messages.Close()
		f.state.Close()
	})
}

// ServeHTTP sends a client the state and the messages from now on.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	messages, states, last, err := h.subscribe()
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer messages.Close()
	defer states.Close()
	w.Header().Set("Content-Type", "text/event-stream")
	all := stream.Merge(news(messages), latest(states))
	if seen, err := strconv.ParseUint(r.Header.Get("Last-Event-ID"), 10, 64); err == nil && seen < last {
		all = stream.Of(lagged(last - seen)).Chain(all) // while the client was away
	}
	control := http.NewResponseController(w)
	for e, err := range all.All(r.Context()) {
		if err != nil {
			return // the client has gone
		}
		_ = control.SetWriteDeadline(time.Now().Add(writeTimeout))
		if err := errors.Join(write(w, e), control.Flush()); err != nil {
			return
		}
	}
}

// subscribe returns what a new client gets, and the ID of the last message before.
func (h *Hub) subscribe() (
	messages *channel.BroadcastReceiver[stream.Event], states *channel.WatchReceiver[string], last uint64, err error,
) {
	err = h.feed.WithErr(func(f *feed) error {
		if f.closed {
			return channel.ErrClosed
		}
		messages, states, last = f.messages.Subscribe(), f.state.Subscribe(), f.last
		return nil
	})
	return messages, states, last, err
}

// news is what a client gets of the messages. If it is too slow, it is told how many
// it has missed.
func news(rx *channel.BroadcastReceiver[stream.Event]) stream.Stream[stream.Event] {
	return stream.New(func(ctx context.Context, yield func(stream.Event) bool) error {
		for e, err := range rx.All(ctx) {
			missed := new(channel.LaggedError)
			switch {
			case errors.As(err, &missed):
				e = lagged(missed.Missed)
			case err != nil:
				return err
			}
			if !yield(e) {
				break
			}
		}
		return nil
	})
}

func lagged(n uint64) stream.Event {
	return stream.Event{Name: "lagged", Data: strconv.FormatUint(n, 10)}
}

// latest is the state now and whenever it has changed since it was sent.
func latest(rx *channel.WatchReceiver[string]) stream.Stream[stream.Event] {
	return stream.New(func(ctx context.Context, yield func(stream.Event) bool) error {
		for yield(stream.Event{Name: "state", Data: rx.GetAndUpdate()}) {
			if err := rx.Changed(ctx); errors.Is(err, channel.ErrClosed) {
				return nil
			} else if err != nil {
				return err
			}
		}
		return nil
	})
}

// write writes an event as the HTML standard has it.
func write(w io.Writer, e stream.Event) error {
	id := ""
	if e.ID != "" {
		id = "id: " + e.ID + "\n"
	}
	_, err := fmt.Fprintf(w, "%sevent: %s\ndata: %s\n\n", id, e.Name, strings.ReplaceAll(e.Data, "\n", "\ndata: "))
	return err
}
