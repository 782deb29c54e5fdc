package service

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/retry"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/task"
)

// A feed is the changes of one event for all clients that watch it: one watch of the
// store, and each change encoded once. It begins with its first client and ends with the
// last. A client that was away for a short time finds what it missed in the backlog, or
// begins a feed at its own cursor, since the store remembers changes too.
type feed struct {
	event   string
	clients int // guarded by Service.feeds
	watch   *task.Handle[struct{}]
	log     *arcmutex.RWMutex[backlog]
	news    *channel.WatchSender[uint64] // counts the changes of the backlog
}

// A backlog is the last changes, of one life of the event.
type backlog struct {
	base   seatmap.Cursor // before the first frame; zero until it is known
	frames []frame
	err    error // why the watch has ended
}

// A frame is one change as it is sent.
type frame struct {
	cursor seatmap.Cursor
	text   []byte
}

// maxBacklog is how many changes a feed keeps.
const maxBacklog = 4096

// join returns the feed of an event, which leave ends.
func (s *Service) join(event string, from seatmap.Cursor) (f *feed, err error) {
	s.feeds.With(func(all *map[string]*feed) {
		if f = (*all)[event]; f != nil {
			f.clients++
			return
		}
		news, first := channel.NewWatch[uint64](0)
		first.Close()
		f = &feed{event: event, clients: 1, log: arcmutex.NewRWMutex(backlog{base: from}), news: news}
		if f.watch, err = s.scope.TrySpawnErr(func(ctx context.Context) error { return s.follow(ctx, f, from) }); err != nil {
			return
		}
		(*all)[event] = f
	})
	return f, err
}

// leave ends the feed if no client is left.
func (s *Service) leave(f *feed) {
	s.feeds.With(func(all *map[string]*feed) {
		if f.clients--; f.clients == 0 {
			f.watch.Abort(ErrEnding)
			s.forget(*all, f)
		}
	})
}

// forget makes the next client begin a feed of its own. The caller has locked feeds.
func (s *Service) forget(all map[string]*feed, f *feed) {
	if all[f.event] == f {
		delete(all, f.event)
	}
}

// patience is how a watch goes on when its store cannot be reached.
var patience = retry.Options{
	Attempts:  retry.Unlimited,
	Backoff:   retry.Exponential(100*time.Millisecond, 5*time.Second).FullJitter(),
	Retryable: func(err error) bool { return errors.Is(err, seatmap.ErrUnavailable) },
}

// follow copies the changes of the event to the backlog until the last client has left. A
// panic of the store ends the streams of this event only, as one in a handler of net/http
// ends its request only.
func (s *Service) follow(ctx context.Context, f *feed, from seatmap.Cursor) error {
	err := ErrEnding
	defer func() {
		if p := recover(); p != nil {
			s.measures.panics.Inc()
			s.o.Log.Error("panic", "event", f.event, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = errPanicked
		}
		f.log.With(func(b *backlog) { b.err = err })
		s.feeds.With(func(all *map[string]*feed) { s.forget(*all, f) })
		f.news.Close()
	}()
	err = retry.DoErr(ctx, s.patience, func(ctx context.Context) error {
		for change, err := range s.o.Store.Watch(ctx, seatmap.WatchRequest{Event: f.event, From: from}) {
			if err != nil {
				return err
			}
			f.add(change)
			s.measures.expiry(change)
			from = change.Cursor
		}
		return ctx.Err()
	})
	return nil
}

// errPanicked is the error of a watch that panicked. Clients see it as a fault.
var errPanicked = errors.New("service: the watch panicked")

// add adds a change.
func (f *feed) add(c seatmap.Change) {
	switch c.Kind {
	case seatmap.ChangeSnapshot: // clients fetch their own; it only says where changes begin
		f.log.With(func(b *backlog) { b.base, b.frames = c.Cursor, nil })
	case seatmap.ChangeGap:
		return // the snapshot that follows begins again
	default:
		next := frame{c.Cursor, event("change", c.Cursor, changeOf(c))}
		f.log.With(func(b *backlog) {
			if len(b.frames) >= maxBacklog { // readers may still have the old array
				b.base = b.frames[maxBacklog/2-1].cursor
				b.frames = slices.Clone(b.frames[maxBacklog/2:])
			}
			b.frames = append(b.frames, next)
		})
	}
	_ = f.news.SendModify(func(n *uint64) { *n++ })
}

// since returns the changes after a cursor, or that it is not in the backlog, as the zero
// cursor never is. Before the watch has begun, there is nothing.
func (f *feed) since(at seatmap.Cursor) (frames []frame, lost bool, err error) {
	f.log.RWith(func(b *backlog) {
		switch {
		case b.base.IsZero(): // the watch has not begun
		case at.Life() != b.base.Life() || at.Revision() < b.base.Revision():
			lost = true
		default:
			i, _ := slices.BinarySearchFunc(b.frames, at.Revision()+1, func(f frame, revision uint64) int {
				return int(min(max(int64(f.cursor.Revision()-revision), -1), 1)) // the difference is small
			})
			frames = b.frames[i:len(b.frames):len(b.frames)]
		}
		err = b.err
	})
	return frames, lost, err
}

// A changeBody is a change as everyone may see it: without users.
type changeBody struct {
	Kind   string         `json:"kind"`
	Seats  []string       `json:"seats,omitzero"`
	From   []string       `json:"from,omitzero"`
	Places map[string]int `json:"places,omitzero"`
	Until  time.Time      `json:"until,omitzero"`
}

func changeOf(c seatmap.Change) changeBody {
	return changeBody{strings.ToLower(c.Kind.String()), c.Seats, c.From, c.Places, c.Until}
}

// event encodes a server-sent event. JSON has no line breaks.
func event(name string, at seatmap.Cursor, data any) []byte {
	body, err := json.Marshal(data)
	if err != nil { // the types are ours
		panic(err)
	}
	return fmt.Appendf(nil, "id: %s\nevent: %s\ndata: %s\n\n", at, name, body)
}
