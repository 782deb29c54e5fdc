package pgseat

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/remote"
)

// isGone reports whether the event is not there, or is another one by now.
func isGone(err error) bool {
	return errors.Is(err, errLife) || errors.Is(err, seatmap.ErrUnknownEvent)
}

// news is how the watches of an event hear of changes that their own client makes.
type news struct {
	id      int64 // of the event, 0 until a watch knows it
	watches int
	next    chan struct{} // closed by the next change
}

// tell wakes the watches of events.
func (s *Store) tell(ids ...int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		s.newsOf[id].wake()
	}
}

func (n *news) wake() {
	if n != nil {
		close(n.next)
		n.next = make(chan struct{})
	}
}

// listen begins to listen for changes of an event, until leave is called.
func (s *Store) listen(event string) (leave func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.news[event]
	if n == nil {
		n = &news{next: make(chan struct{})}
		s.news[event] = n
	}
	n.watches++
	if s.options.Listen != nil && !s.listener && !s.closed {
		s.listener = true
		s.work.Go(s.listenOn)
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if n.watches--; n.watches == 0 {
			delete(s.news, event)
			if s.newsOf[n.id] == n {
				delete(s.newsOf, n.id)
			}
		}
	}
}

// learn notes the id of an event that the caller listens for, and reports whether it was
// not known: then changes may have gone unheard.
func (s *Store) learn(event string, id int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.news[event]
	if n.id == id {
		return false
	}
	if s.newsOf[n.id] == n {
		delete(s.newsOf, n.id)
	}
	n.id, s.newsOf[id] = id, n
	return true
}

// heard returns a channel that the next change by this client closes. The caller listens.
func (s *Store) heard(event string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.news[event].next
}

// Watch implements [seatmap.Store]. It asks the server again each time that its own client
// has changed the event, when another one notifies it, and else every Options.Poll.
//
//ferrous:blocks
func (s *Store) Watch(ctx context.Context, r seatmap.WatchRequest) iter.Seq2[seatmap.Change, error] {
	s.check(ctx, "Watch")
	return func(yield func(seatmap.Change, error) bool) {
		if _, err := s.form.Counts(ctx, seatmap.CountsRequest{Event: r.Event}); !remote.Formed(err) {
			yield(seatmap.Change{}, err)
			return
		}
		both, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		defer context.AfterFunc(s.ended, func() { cancel(seatmap.ErrClosed) })()
		defer s.listen(r.Event)()
		w := watch{store: s, ctx: both, event: r.Event, yield: yield}
		err := w.run(r.From)
		switch {
		case err == nil: // the caller has enough
		case ctx.Err() == nil && s.ended.Err() != nil:
			yield(seatmap.Change{}, seatmap.ErrClosed)
		default:
			yield(seatmap.Change{}, err)
		}
	}
}

// watch is a watch that runs.
type watch struct {
	store *Store
	ctx   context.Context
	event string
	yield func(seatmap.Change, error) bool
	shape *shape
	last  int64          // the revision that was yielded last
	at    seatmap.Cursor // where the watcher is
}

// run returns nil if the caller has enough.
func (w *watch) run(from seatmap.Cursor) error {
	w.last, w.at = int64(from.Revision()), from
	began := from.IsZero() // the watcher has got something of this life
	if began {
		if more, err := w.snapshot(); !more {
			return err
		}
	}
	for {
		news := w.store.heard(w.event)
		sh, h, changes, err := w.read()
		foreign := err == nil && sh.Life != w.at.Life()
		switch {
		case err != nil:
			return err
		case foreign && began:
			return remote.UnknownEvent(w.event) // it was removed and created again
		case foreign:
			changes = nil
		case h.revision == w.last:
			if w.store.learn(w.event, sh.id) {
				continue
			}
			if err := w.wait(news); err != nil {
				return err
			}
			continue
		}
		w.shape, began = sh, true
		if more, err := w.forward(changes); !more {
			return err
		}
	}
}

// wait waits for a change.
func (w *watch) wait(news <-chan struct{}) error {
	poll := time.NewTimer(w.store.pollEvery())
	defer poll.Stop()
	select {
	case <-news:
	case <-poll.C:
	case <-w.ctx.Done():
		return remote.Ended(w.ctx)
	}
	return nil
}

// read reads some changes after the last.
func (w *watch) read() (sh *shape, h head, changes []change, err error) {
	sh, h, err = w.store.look(w.ctx, w.event, func(*shape) ([]query, error) {
		changes = nil
		return []query{{
			sql:  "select packed from pgseat.change where event = $1 and revision > $2 order by revision limit 16",
			args: []any{w.last},
			read: func(rows pgx.Rows, count int) error {
				var packed []byte
				_, err := pgx.ForEachRow(rows, []any{&packed}, func() error {
					some, err := unpackChanges(packed, count)
					changes = append(changes, some...)
					return err
				})
				return err
			},
		}}, nil
	})
	return sh, h, slices.DeleteFunc(changes, func(c change) bool { return c.revision <= w.last }), err
}

// forward yields changes, or a gap and a snapshot if they do not follow the last.
func (w *watch) forward(changes []change) (more bool, err error) {
	if len(changes) == 0 {
		return w.gap()
	}
	for i := range changes {
		c := &changes[i]
		if c.previous != w.last {
			return w.gap()
		}
		out := seatmap.Change{
			Event: w.event, Revision: uint64(c.revision), Cursor: w.cursor(c.revision), Previous: w.cursor(c.previous), Kind: c.kind,
			Seats: w.shape.LabelsOf(c.seats), User: c.owner, At: remote.Moment(c.at), Until: deadline(c.until), Fence: uint64(c.fence),
			Paying: remote.Moment(c.paying), Reference: c.reference, Actor: c.by.actor, Reason: c.by.reason, Quota: c.quota,
			FromFence: uint64(c.fromFence),
		}
		if c.kind == seatmap.ChangeMoved {
			out.From = w.shape.LabelsOf(c.from)
		}
		if c.kind == seatmap.ChangeExpired {
			out.At = out.Until
		}
		w.last, w.at = c.revision, out.Cursor
		if !w.yield(out, nil) {
			return false, nil
		}
	}
	return true, nil
}

func (w *watch) cursor(revision int64) seatmap.Cursor {
	return seatmap.NewCursor(w.shape.Life, uint64(revision))
}

// gap yields a gap and a snapshot.
func (w *watch) gap() (more bool, err error) {
	page, err := w.page()
	if err != nil {
		return false, err
	}
	if !w.yield(seatmap.Change{Event: w.event, Revision: page.Revision, Previous: w.at, Kind: seatmap.ChangeGap}, nil) {
		return false, nil
	}
	return w.begin(page), nil
}

// snapshot yields a snapshot.
func (w *watch) snapshot() (more bool, err error) {
	page, err := w.page()
	if err != nil {
		return false, err
	}
	return w.begin(page), nil
}

func (w *watch) page() (page seatmap.Snapshot, err error) {
	return w.store.page(w.ctx, w.event, func(sh *shape) (from, n int, err error) { return 0, sh.Len(), nil })
}

func (w *watch) begin(page seatmap.Snapshot) bool {
	w.last, w.at = int64(page.Revision), page.Cursor
	return w.yield(seatmap.Change{
		Event: w.event, Revision: page.Revision, Cursor: page.Cursor, Kind: seatmap.ChangeSnapshot, Snapshot: page.Seats,
	}, nil)
}
