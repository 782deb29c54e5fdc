package seatmap

import (
	"context"
	"errors"
	"io"
)

// Porter is a [Store] that can write a whole event out and read it in: to move it to
// another store, or to keep a copy.
//
// An export is everything that an event is: its layout and limits, its holds with the
// time that they have left, its bookings, the users, the answers that are remembered
// by a key, and the last fence and revision. It has the secrets of all tokens and all
// keys. Whoever reads it can book, cancel and extend as its users, so it has to be kept
// as safe as a password. An export that is kept as a copy stays as dangerous as long as
// the event lives.
//
// After Import all tokens and keys work as before, and fences and revisions go on
// rising. A token that was given out before, and whose hold or booking has ended, is
// [ErrExpired], not [ErrToken]. Time does not pass between Export and Import, unless
// [ImportRequest.Lapse] is set: a hold that had a minute left has a minute left. The
// cursors of the store that exported the event are of another life: a watcher that
// comes with one gets a gap and a snapshot.
//
// An event must live in one store at a time: of two that were imported from one export,
// each would sell the same seats.
type Porter interface {
	// Export writes an event to to, as it is at one moment. If r.Remove is set, the
	// event is moved: it refuses every request with [ErrUnavailable] from that moment
	// on, and is removed when everything was written; then its watches end with
	// [ErrUnknownEvent]. If Export fails, the event goes
	// on, and what was written cannot be imported.
	Export(ctx context.Context, r ExportRequest, to io.Writer) (EventInfo, error)
	// Import creates an event from what Export wrote. It fails with [ErrExists] if
	// there is one of that name, and with [ErrInvalidExport] if what it reads is
	// damaged, incomplete, or of a version that the store does not know. It reads to
	// the end, and changes nothing unless all was well.
	Import(ctx context.Context, r ImportRequest, from io.Reader) (EventInfo, error)
}

// ExportRequest asks [Porter] to write an event out.
type ExportRequest struct {
	Event string
	// Remove asks to remove the event when it was written.
	Remove bool
}

// ImportRequest asks [Porter] to create an event from an export.
type ImportRequest struct {
	// Lapse says that the time since the export counts for holds and for remembered
	// answers, as the wall clocks of both stores have it. Holds that are over by now
	// expire after Import.
	Lapse bool
}

// EventInfo is an event at one moment.
type EventInfo struct {
	Event    string
	Seats    int // how many
	Places   int // how many in all areas
	Limits   Limits
	Revision uint64 // of the last change
	Cursor   Cursor // to watch what follows
}

// Export implements [Porter]. It holds the event's lock for at most 512 seats at a
// time, and needs memory for a few of those. A call that changes seats that are not
// written yet first keeps them in memory in the form in which they will be written; so
// if to is slow and everything changes, Export needs as much memory as the export is
// large. Holds and bookings that have places of areas are kept in memory from the
// beginning. It ends holds whose deadline has passed.
//
// The error is [ErrClosed], the context's, [ErrInvalidEvent], [ErrUnavailable] if the
// event is being moved, [ErrUnknownEvent], or wraps that of to. Export panics if to is
// nil.
//
//ferrous:blocks
func (m *Map) Export(ctx context.Context, r ExportRequest, to io.Writer) (EventInfo, error) {
	e, err := m.look(ctx, "Export", r.Event)
	if to == nil {
		panic(errors.New("seatmap: Map.Export: the writer is nil"))
	}
	if err != nil {
		return EventInfo{}, err
	}
	return m.export(ctx, e, &r, to)
}

// Import implements [Porter]. It needs memory for the event and a few rows of the
// export. The error is [ErrClosed], the context's, [ErrInvalidExport], [ErrExists] as
// soon as the name of the event was read, or wraps that of from. Import panics if from
// is nil.
//
//ferrous:blocks
func (m *Map) Import(ctx context.Context, r ImportRequest, from io.Reader) (EventInfo, error) {
	err := m.check(ctx, "Import")
	if from == nil {
		panic(errors.New("seatmap: Map.Import: the reader is nil"))
	}
	if err != nil {
		return EventInfo{}, err
	}
	return m.readEvent(ctx, &r, from)
}

// about describes the event. The caller holds the lock of its plan.
func (e *event) about() EventInfo {
	p := e.plan
	places := 0
	for i := range p.labels().areas {
		places += p.labels().areas[i].Capacity
	}
	return EventInfo{
		Event: p.name, Seats: p.count, Places: places, Limits: e.limits, Revision: p.revision, Cursor: Cursor{e.log.life, p.revision},
	}
}
