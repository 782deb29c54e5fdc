package seatmap

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/coderrange/ferrous/internal/park"
)

// WatchMemory is how long an event keeps its changes after its last watcher has left,
// so that a watcher can continue from its cursor.
const WatchMemory = 10 * time.Minute

// seatsPerPlace bounds how many seats the changes of a ring name on average.
const seatsPerPlace = 16

// changeLog is the last changes of an event, in a ring that the first Watch makes. The
// plan's lock guards everything except expires and changed.
type changeLog struct {
	life    uint64 // of the event, drawn at its making
	size    int
	entries []entry // of revision r at r % size; nil while no changes are kept
	first   uint64  // the oldest revision it has
	seats   int     // in the lists of entries

	watchers int
	expires  atomic.Int64 // when to drop the changes; 0 if they are not to be dropped

	changed park.Relay // opened by every change and by the end; a writer pays for one watcher
}

// entry is a Change in brief.
type entry struct {
	kind      ChangeKind
	seat      uint32   // if it is one
	seats     []uint32 // if they are several, or places, in their lasting form
	user      string
	fence     uint64
	from      uint64 // the fence before, if it had another one
	at, until int64
	op        *operation // of an operator, or with a reference; or nil
}

// addWatcher counts a watcher. The next change has the given revision.
func (l *changeLog) addWatcher(next uint64) {
	l.watchers++
	l.expires.Store(0)
	if l.entries == nil {
		l.entries = make([]entry, l.size)
		l.first = next
	}
}

// removeWatcher discounts a watcher.
func (l *changeLog) removeWatcher(now int64) {
	if l.watchers--; l.watchers == 0 {
		l.expires.Store(now + int64(WatchMemory))
	}
}

// due reports whether drop is due. It needs no lock.
func (l *changeLog) due(now int64) bool {
	expires := l.expires.Load()
	return expires != 0 && expires <= now
}

// drop forgets all changes. The event has no watchers.
func (l *changeLog) drop() {
	l.entries, l.seats = nil, 0
	l.expires.Store(0)
}

// enabled reports whether changes are kept. It drops them if that is due.
func (l *changeLog) enabled(clock *Clock) bool {
	if l.entries != nil && l.watchers == 0 && clock.passed(l.expires.Load()) {
		l.drop()
	}
	return l.entries != nil
}

// append keeps the change that has the plan's current revision.
func (l *changeLog) append(revision uint64, kind ChangeKind, rec *record, from uint64, user string, seats []uint32, until int64, op *operation) {
	e := entry{kind: kind, user: user, fence: rec.fence, from: from, at: rec.at, until: until, op: op}
	if len(seats) > 0 {
		e.seat = seats[0]
	}
	if len(seats) > 1 {
		e.seats = append([]uint32(nil), seats...)
	}
	if revision-l.first >= uint64(l.size) {
		l.dropFirst()
	}
	l.entries[revision%uint64(l.size)] = e
	l.seats += e.size()
	for l.seats > seatsPerPlace*l.size && l.first < revision {
		l.dropFirst()
	}
	l.changed.Open()
}

// size returns how many seats the entry has in lists.
func (e *entry) size() int {
	n := len(e.seats)
	if e.op != nil {
		n += len(e.op.from)
		if e.op.added != nil {
			n += e.op.added.size()
		}
	}
	return n
}

// dropFirst forgets the oldest change.
func (l *changeLog) dropFirst() {
	e := &l.entries[l.first%uint64(l.size)]
	l.seats -= e.size()
	*e = entry{}
	l.first++
}

// watch yields what follows a cursor; see [Map.Watch].
func (e *event) watch(ctx context.Context, from Cursor, yield func(Change, error) bool) {
	p := e.plan
	p.mu.Lock()
	if p.end != nil {
		p.mu.Unlock()
		yield(Change{}, p.end)
		return
	}
	e.log.addWatcher(p.revision + 1)
	p.mu.Unlock()
	defer func() { // also when yield panics
		p.mu.Lock()
		defer p.mu.Unlock()
		e.log.removeWatcher(p.clock.now())
		e.scheduleSweep()
	}()
	w := watcher{event: e, yield: yield, last: from, gap: !from.IsZero()}
	if from.life == e.log.life {
		w.next, w.gap = from.revision+1, true
	}
	for w.step(ctx) {
	}
}

// watcher is a running Watch.
type watcher struct {
	event *event
	yield func(Change, error) bool
	next  uint64 // revision; 0 for a snapshot
	last  Cursor // of what was yielded last, or where the watcher began
	gap   bool   // whether a snapshot is preceded by a gap
	batch []entry
}

// step yields a batch of changes, or a snapshot, or the error at the end, or waits for
// a change. It reports whether to go on.
func (w *watcher) step(ctx context.Context) (goOn bool) {
	const batch = 64
	e, p := w.event, w.event.plan
	p.mu.Lock()
	revision := p.revision
	switch err := done(ctx); {
	case err != nil:
		if errors.Is(p.end, ErrClosed) {
			err = ErrClosed
		}
		p.mu.Unlock()
		return w.yield(Change{}, err) && false
	case w.next == 0 || w.next < e.log.first || w.next > revision+1:
		p.mu.Unlock()
		return w.snapshot(ctx)
	case w.next <= revision:
		w.batch = w.batch[:0]
		for r := w.next; r <= revision && len(w.batch) < batch; r++ {
			w.batch = append(w.batch, e.log.entries[r%uint64(e.log.size)])
		}
		p.mu.Unlock()
		return w.changes(ctx)
	case p.end != nil && !p.moving:
		err := p.end
		p.mu.Unlock()
		return w.yield(Change{}, err) && false
	}
	round := e.log.changed.Join()
	p.mu.Unlock()
	round.Wait(ctx.Done())
	return true
}

// changes yields the batch.
func (w *watcher) changes(ctx context.Context) (goOn bool) {
	for i := range w.batch {
		if ctx.Err() != nil {
			return true // step says so
		}
		change := w.event.change(w.next, &w.batch[i])
		w.batch[i] = entry{}
		w.next++
		w.last = change.Cursor
		if !w.yield(change, nil) {
			return false
		}
	}
	return true
}

// snapshot yields a snapshot, after a gap marker if there is a gap.
func (w *watcher) snapshot(ctx context.Context) (goOn bool) {
	s, holders, err := w.event.seatInfos(0, MaxSeats, true, true)
	if err != nil {
		return w.yield(Change{}, err) && false
	}
	if w.gap {
		if !w.yield(Change{Event: s.Event, Revision: s.Revision, Previous: w.last, Kind: ChangeGap}, nil) {
			return false
		}
		if ctx.Err() != nil {
			return true // step says so
		}
	}
	w.next, w.last, w.gap = s.Revision+1, s.Cursor, true
	return w.yield(Change{
		Event: s.Event, Revision: s.Revision, Cursor: s.Cursor, Kind: ChangeSnapshot, Snapshot: s.Seats, Areas: s.Areas, Holders: holders,
	}, nil)
}

// change returns the entry as a Change.
func (e *event) change(revision uint64, entry *entry) Change {
	w := e.plan.clock.wallTime()
	seats := entry.seats
	if seats == nil && entry.kind != ChangeAdded {
		seats = []uint32{entry.seat}
	}
	c := Change{
		Event:     e.plan.name,
		Revision:  revision,
		Cursor:    Cursor{e.log.life, revision},
		Previous:  Cursor{e.log.life, revision - 1},
		Kind:      entry.kind,
		User:      entry.user,
		At:        w.time(entry.at),
		Fence:     entry.fence,
		FromFence: entry.from,
	}
	c.Until, _ = w.deadline(entry.until)
	if op := entry.op; op != nil {
		c.Actor, c.Reason, c.Reference, c.Quota = op.actor, op.reason, op.reference, op.quota
		c.Paying, _ = w.deadline(op.paying)
		if op.from != nil {
			c.From, c.FromPlaces = e.plan.labels().named(op.from)
		}
	}
	c.Seats, c.Places = e.plan.labels().named(seats)
	if entry.kind == ChangeAdded {
		added := entry.op.added.clone()
		c.Added = &added
		for i := range added.size() {
			c.Seats = append(c.Seats, e.plan.labels().label(entry.op.first+i))
		}
	}
	if entry.kind == ChangeExpired {
		c.At = c.Until
	}
	return c
}
