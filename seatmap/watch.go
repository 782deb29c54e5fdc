package seatmap

import (
	"context"
	"errors"
	"fmt"
)

// changeLog is the last changes of an event, in a ring that is made at the
// first Watch. Everything is guarded by the plan's lock.
//
// A writer that finds watchers parked leaves one token in bell, which wakes one
// of them; that one wakes the others. So a writer's cost does not depend on the
// number of watchers.
type changeLog struct {
	size    int
	entries []entry // of revision r at r % size
	first   uint64  // the oldest revision it has
	bell    chan struct{}
	parked  chan struct{} // closed to wake those who wait for a change; nil if none does
}

// entry is a Change in brief.
type entry struct {
	kind      Kind
	seat      uint32   // if it is one
	seats     []uint32 // if they are several
	user      string
	fence     uint64
	at, until int64
}

// on says whether changes are to be kept.
func (l *changeLog) on() bool { return l.entries != nil }

// start begins to keep changes, the next of which has the given revision.
func (l *changeLog) start(next uint64) {
	l.entries = make([]entry, l.size)
	l.first = next
	l.bell = make(chan struct{}, 1)
}

// add keeps the change that has the plan's present revision.
func (l *changeLog) add(revision uint64, kind Kind, head *record, user string, seats []uint32, until int64) {
	e := entry{kind: kind, seat: seats[0], user: user, fence: head.fence, at: head.at, until: until}
	if len(seats) > 1 {
		e.seats = append([]uint32(nil), seats...)
	}
	l.entries[revision%uint64(l.size)] = e
	if revision-l.first >= uint64(l.size) {
		l.first = revision - uint64(l.size) + 1
	}
	l.ring()
}

// ring wakes those who wait.
func (l *changeLog) ring() {
	if l.parked == nil {
		return
	}
	select {
	case l.bell <- struct{}{}:
	default: // there is a token on its way to one of them
	}
}

// watch yields the changes from a revision on; see [Store.Watch].
func (e *event) watch(ctx context.Context, from uint64, yield func(Change, error) bool) {
	const batch = 64
	p, next := e.plan, from
	changes := make([]entry, 0, batch)
	for {
		p.mu.Lock()
		err := done(ctx)
		if err == nil || errors.Is(p.end, ErrClosed) {
			err = p.end
		}
		if err != nil {
			p.mu.Unlock()
			yield(Change{}, err)
			return
		}
		if !e.log.on() {
			e.log.start(p.revision + 1)
		}
		switch {
		case next == 0 || next < e.log.first || next > p.revision+1:
			p.mu.Unlock()
			revision, goOn := e.watchSnapshot(next != 0, yield)
			if !goOn {
				return
			}
			next = revision + 1
		case next <= p.revision:
			changes = changes[:0]
			for r := next; r <= p.revision && len(changes) < batch; r++ {
				changes = append(changes, e.log.entries[r%uint64(e.log.size)])
			}
			p.mu.Unlock()
			for i := range changes {
				if !yield(e.change(next, &changes[i]), nil) {
					return
				}
				next++
			}
		default:
			if e.log.parked == nil {
				e.log.parked = make(chan struct{})
			}
			parked := e.log.parked
			p.mu.Unlock()
			select {
			case <-e.log.bell:
				p.mu.Lock()
				parked, e.log.parked = e.log.parked, nil
				p.mu.Unlock()
				if parked != nil {
					close(parked)
				}
			case <-parked:
			case <-ctx.Done():
			}
		}
	}
}

// watchSnapshot yields a snapshot, after a gap marker if there is a gap.
func (e *event) watchSnapshot(gap bool, yield func(Change, error) bool) (revision uint64, goOn bool) {
	s, err := e.seatInfos()
	if err != nil {
		yield(Change{}, err)
		return 0, false
	}
	if gap && !yield(Change{Event: s.Event, Revision: s.Revision, Kind: KindGap}, nil) {
		return 0, false
	}
	return s.Revision, yield(Change{Event: s.Event, Revision: s.Revision, Kind: KindSnapshot, Snapshot: s.Seats}, nil)
}

// change writes an entry out.
func (e *event) change(revision uint64, entry *entry) Change {
	w := e.plan.clock.wall()
	seats := entry.seats
	if seats == nil {
		seats = []uint32{entry.seat}
	}
	c := Change{
		Event:    e.plan.name,
		Revision: revision,
		Kind:     entry.kind,
		Seats:    e.labelsOf(seats),
		User:     entry.user,
		At:       w.time(entry.at),
		Until:    w.time(entry.until),
		Fence:    entry.fence,
	}
	if entry.kind == KindExpired {
		c.At = c.Until
	}
	return c
}

// done returns an error that wraps the cause of a context that is done.
func done(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("seatmap: %w", context.Cause(ctx))
}
