package redisseat

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/remote"
)

// kinds are the kinds of changes by their names in the stream.
var kinds = map[string]seatmap.ChangeKind{
	"Blocked": seatmap.ChangeBlocked, "Extended": seatmap.ChangeExtended, "Booked": seatmap.ChangeBooked,
	"Released": seatmap.ChangeReleased, "Expired": seatmap.ChangeExpired, "Canceled": seatmap.ChangeCanceled,
}

// Watch implements [seatmap.Store]. Each watch has a connection of its own, which takes some 400 KB;
// above BlockingPoolSize of the client's options, 1,024 if it is zero, watches take turns and hear
// later. So have one watch of an event in each process. A watch ends holds
// that are due twice in a second while nothing else happens.
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
	sh    *shape
	last  uint64 // the revision that was yielded last
}

// run returns nil if the caller has enough.
func (w *watch) run(from seatmap.Cursor) error {
	sh, answer, err := w.state()
	if err != nil {
		return err
	}
	w.sh, w.last = sh, from.Revision()
	switch {
	case from.IsZero():
		if more, err := w.snapshot(); !more {
			return err
		}
	case from.Life() != sh.Life || from.Revision() > uint64(number(answer, 2)):
		if more, err := w.gap(from); !more {
			return err
		}
	}
	for missing := 0; ; {
		entries, err := w.read()
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			sh, answer, err := w.state()
			switch {
			case err != nil:
				return err
			case sh.life != w.sh.life:
				return remote.UnknownEvent(w.event) // it was removed and created again
			case uint64(number(answer, 2)) == w.last:
				missing = 0
				continue
			}
			if missing++; missing < 2 { // it may have come since
				continue
			}
		}
		missing = 0
		more, err := w.forward(entries)
		if !more {
			return err
		}
	}
}

// forward yields changes, or a gap and a snapshot if they do not follow the last.
func (w *watch) forward(entries []rueidis.XRangeEntry) (more bool, err error) {
	for _, entry := range entries {
		field := func(name string) int64 {
			n, _ := strconv.ParseInt(entry.FieldValues[name], 10, 64)
			return n
		}
		before := uint64(field("p"))
		if before != w.last {
			return w.gap(w.cursor(w.last))
		}
		kind, known := kinds[entry.FieldValues["k"]]
		if !known {
			return false, remote.UnknownEvent(w.event)
		}
		revision := revisionOf(entry.ID)
		change := seatmap.Change{
			Event: w.event, Revision: revision, Cursor: w.cursor(revision), Previous: w.cursor(before), Kind: kind,
			Seats: w.sh.unpack(entry.FieldValues["s"]), User: entry.FieldValues["u"], At: remote.Moment(field("a")),
			Until: remote.Moment(field("t")), Fence: uint64(field("f")), FromFence: uint64(field("o")),
		}
		if kind == seatmap.ChangeExpired {
			change.At = change.Until
		}
		w.last = revision
		if !w.yield(change, nil) {
			return false, nil
		}
	}
	if len(entries) == 0 {
		return w.gap(w.cursor(w.last))
	}
	return true, nil
}

func (w *watch) cursor(revision uint64) seatmap.Cursor {
	return seatmap.NewCursor(w.sh.Life, revision)
}

// revisionOf returns the revision in the name of an entry, such as 7-0.
func revisionOf(id string) uint64 {
	var revision uint64
	_, _ = fmt.Sscanf(id, "%d-", &revision)
	return revision
}

// state returns the event's shape and the answer of the script.
func (w *watch) state() (*shape, []rueidis.RedisMessage, error) {
	return w.store.request(w.ctx, stateScript, w.event, "", seatmap.Key{}, remote.Print{}, func(*shape) ([]string, error) { return nil, nil })
}

// read waits up to half a second for changes after the last.
func (w *watch) read() ([]rueidis.XRangeEntry, error) {
	s := w.store
	keys := s.keys(w.event, "")
	base := keys[0][:len(keys[0])-len("e:")-len(w.event)]
	stream := base + "w:" + w.sh.life + ":" + w.event
	command := s.client.B().Xread().Count(128).Block(500).Streams().Key(stream).Id(strconv.FormatUint(w.last, 10) + "-0").Build().Pin()
	return remote.Repeat(w.ctx, s.options.Retry, false, func(context.Context) ([]rueidis.XRangeEntry, error) {
		ctx, cancel := context.WithTimeout(w.ctx, 500*time.Millisecond+s.patience)
		defer cancel()
		got, err := s.client.Do(ctx, command).AsXRead()
		switch {
		case rueidis.IsRedisNil(err):
			return nil, nil
		case err != nil:
			return nil, s.failure(w.ctx, true, err)
		}
		return got[stream], nil
	})
}

// gap yields a gap and a snapshot.
func (w *watch) gap(previous seatmap.Cursor) (more bool, err error) {
	page, sh, err := w.page()
	if err != nil {
		return false, err
	}
	if !w.yield(seatmap.Change{Event: w.event, Revision: page.Revision, Previous: previous, Kind: seatmap.ChangeGap}, nil) {
		return false, nil
	}
	return w.begin(page, sh), nil
}

// snapshot yields a snapshot.
func (w *watch) snapshot() (more bool, err error) {
	page, sh, err := w.page()
	if err != nil {
		return false, err
	}
	return w.begin(page, sh), nil
}

func (w *watch) page() (seatmap.Snapshot, *shape, error) {
	return w.store.page(w.ctx, w.event, func(sh *shape) (from, n int, err error) { return 0, sh.Len(), nil })
}

func (w *watch) begin(page seatmap.Snapshot, sh *shape) bool {
	w.sh, w.last = sh, page.Revision
	return w.yield(seatmap.Change{
		Event: w.event, Revision: page.Revision, Cursor: page.Cursor, Kind: seatmap.ChangeSnapshot, Snapshot: page.Seats,
	}, nil)
}
