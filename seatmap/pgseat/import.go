package pgseat

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/port"
	"github.com/coderrange/ferrous/seatmap/internal/remote"
)

// Import creates an event from what [seatmap.Porter] has exported, as its Import does. One
// transaction writes all of it, which may take Options.Timeout for each 100,000 of its seats,
// holds, bookings and answers. It needs memory for all that is read. Each client keeps the
// tokens of the export, about 32 bytes for each, as long as it knows the event.
//
// An export that has what this store lacks, such as areas, is refused with
// [seatmap.ErrInvalidExport] and [errors.ErrUnsupported]; the error says what. If
// the outcome is unknown, another Import says [seatmap.ErrExists] if the event is there.
// Import panics if from is nil.
//
//ferrous:blocks
func (s *Store) Import(ctx context.Context, r seatmap.ImportRequest, from io.Reader) (seatmap.EventInfo, error) {
	s.check(ctx, "Import")
	if from == nil {
		panic(errors.New("pgseat: Store.Import: the reader is nil"))
	}
	if _, err := s.form.Counts(ctx, seatmap.CountsRequest{Event: "x"}); !remote.Formed(err) {
		return seatmap.EventInfo{}, err
	}
	e, err := port.Read(ctx, from)
	if err != nil {
		return seatmap.EventInfo{}, err
	}
	if err := remote.Lacking("pgseat", e.Beyond, port.References, port.Payments); err != nil {
		return seatmap.EventInfo{}, err
	}
	if max(e.Fence, e.Revision) >= 1<<62 {
		return seatmap.EventInfo{}, fmt.Errorf("%w: a number is too large", seatmap.ErrInvalidExport)
	}
	layout, err := json.Marshal(e.Layout)
	if err != nil {
		return seatmap.EventInfo{}, fmt.Errorf("pgseat: Import: %w", err)
	}
	l := &loading{store: s, e: e, lapse: r.Lapse, life: newLife(), layout: layout}
	limits := e.Limits.(seatmap.Limits)
	var key string
	if e.CreateKey != "" {
		key = s.hashOf(seatmap.NewKey(e.CreateKey), e.Name)
	}
	var revision int64
	_, err = s.name(ctx, e.Name, "", remote.Print{}, l, func(n *naming, b *pgx.Batch) error {
		if n.known {
			return fmt.Errorf("%w: %q", seatmap.ErrExists, e.Name)
		}
		revision = max(n.now, n.revision+1, int64(e.Fence), int64(e.Revision))
		b.Queue(`insert into pgseat.event
				(id, name, life, seats, free, held, closed, max_seats, max_holds, lifetime, payment, ring, revision, key) overriding system value
				values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
			l.id, []byte(e.Name), l.life, e.Count, l.free, l.held, len(e.Closed), limits.Seats, limits.Holds,
			remote.Microseconds(limits.Lifetime), remote.Microseconds(limits.Payment), s.options.Ring, revision, []byte(key))
		answerTo(b, key, remote.PrintFrom(e.Create), 0)
		return nil
	})
	if err != nil {
		return seatmap.EventInfo{}, err
	}
	return seatmap.EventInfo{
		Event: e.Name, Seats: e.Count, Limits: limits, Revision: uint64(revision),
		Cursor: seatmap.NewCursor(uint64(l.life), uint64(revision)),
	}, nil
}

// loading writes the rows of an event that is imported, in the transaction that makes the event,
// and before that locks its name. So a client that vanishes on the way keeps nothing locked.
type loading struct {
	store    *Store
	e        *port.Event
	lapse    bool
	id, life int64
	layout   []byte

	now, begin int64 // the time, and that from which holds have time left, microseconds
	free, held int
	ends       []due // answers that end by themselves
}

// timeout returns how long all may take, if one message may take so long.
func (l *loading) timeout(one time.Duration) time.Duration {
	if l == nil {
		return one
	}
	n := int64(1 + (l.e.Count+len(l.e.Grants)+len(l.e.Answers))/100_000)
	return time.Duration(min(int64(one), math.MaxInt64/n) * n)
}

// write writes the rows. The batch begins the transaction. Rows come in the order of the
// primary key, which makes them cheap to write.
func (l *loading) write(ctx context.Context, conn *pgx.Conn, b *pgx.Batch) error {
	b.Queue("select nextval(pg_get_serial_sequence('pgseat.event', 'id')), " + epoch).QueryRow(func(row pgx.Row) error {
		return row.Scan(&l.id, &l.now)
	})
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	l.ends = nil // it may be the second attempt
	if l.begin = l.now; l.lapse {
		l.begin = min(l.now, l.e.At.UnixMicro())
	}
	records := l.records()
	answers, keys := l.answers(records)
	seats := l.seats(records)
	dues := l.dues(records)
	slices.SortFunc(records, func(a, b *record) int { return cmp.Compare(a.id, b.id) })
	for _, table := range []struct {
		name    string
		columns []string
		rows    int
		row     func(i int) []any
	}{
		{"layout", []string{"layout", "former"}, 1, func(int) []any {
			return []any{l.layout, l.store.seal(l.e.Name, newFormer(l.e))}
		}},
		{"seat", []string{"seat", "record"}, len(seats), func(i int) []any { return []any{seats[i].seat, seats[i].record} }},
		{"record", []string{"id", "fence", "owner", "seats", "at", "until", "key", "reference", "more"}, len(records), func(i int) []any {
			r := records[i]
			return []any{r.id, r.fence, []byte(r.owner), pack(r.seats), r.at, r.until, []byte(r.key), []byte(r.reference), r.packMore()}
		}},
		{"answer", []string{"key", "print", "record", "fence", "owner", "seats", "at", "until", "paying"}, len(keys), func(i int) []any {
			a := answers[keys[i]]
			return []any{[]byte(keys[i]), a.print, a.id, a.fence, []byte(a.owner), pack(a.seats), a.at, a.until, a.paying}
		}},
		{"due", []string{"at", "revision", "holds", "keys"}, len(dues), func(i int) []any {
			return []any{dues[i].at, int64(0), dues[i].holds, dues[i].keys}
		}},
	} {
		rows := pgx.CopyFromSlice(table.rows, func(i int) ([]any, error) { return append([]any{l.id}, table.row(i)...), nil })
		if _, err := conn.CopyFrom(ctx, pgx.Identifier{"pgseat", table.name}, append([]string{"event"}, table.columns...), rows); err != nil {
			return err
		}
	}
	return nil
}

// deadline returns when the time that something has left will be over.
func (l *loading) deadline(left time.Duration) int64 {
	return max(l.begin+remote.Microseconds(left), 1)
}

// records returns the holds and bookings.
func (l *loading) records() []*record {
	l.free, l.held = l.e.Count-len(l.e.Closed), 0
	records := make([]*record, len(l.e.Grants))
	for i := range l.e.Grants {
		g := &l.e.Grants[i]
		r := &record{id: int64(g.Fence), fence: int64(g.Fence), owner: g.User, seats: signed(g.Seats), at: g.At.UnixMicro(), reference: g.Reference}
		l.free -= len(r.seats)
		if !g.Booked {
			r.until = l.deadline(g.Left)
			l.held += len(r.seats)
		}
		if p := g.Payment; p != nil {
			r.pay = payment{own: l.deadline(p.Own), began: l.begin + remote.Microseconds(p.Began), until: l.deadline(p.Left)}
		}
		records[i] = r
	}
	return records
}

// answers returns the answers that are remembered still, by key, and their keys in order. The
// records get the keys of theirs.
func (l *loading) answers(records []*record) (answers map[string]*answer, keys []string) {
	answers = make(map[string]*answer, len(l.e.Answers))
	for i := range l.e.Answers {
		a := &l.e.Answers[i]
		ends := l.deadline(a.Left)
		if a.Of < 0 && ends <= l.now {
			continue
		}
		key := l.store.hashOf(seatmap.NewKey(a.Key), l.e.Name, lifeText(uint64(l.life)), a.User)
		var got record
		if a.Fence != 0 {
			got = record{id: int64(a.Fence), fence: int64(a.Fence), owner: a.Owner, seats: signed(a.Seats), at: a.At.UnixMicro()}
		}
		if a.Holds {
			got.until = l.deadline(a.Until)
		}
		answers[key] = &answer{got, remote.PrintFrom(a.Print).Text(), a.Paying}
		if a.Of >= 0 {
			records[a.Of].key = key
		} else {
			l.ends = append(l.ends, due{at: ends, keys: [][]byte{[]byte(key)}})
		}
	}
	return answers, slices.Sorted(maps.Keys(answers))
}

// taken is a row of a seat.
type taken struct {
	seat   int32
	record int64
}

// seats returns the seats that are taken or closed, in order.
func (l *loading) seats(records []*record) []taken {
	var seats []taken
	for _, seat := range l.e.Closed {
		seats = append(seats, taken{int32(seat), notForSale})
	}
	for _, r := range records {
		for _, seat := range r.seats {
			seats = append(seats, taken{seat, r.id})
		}
	}
	slices.SortFunc(seats, func(a, b taken) int { return cmp.Compare(a.seat, b.seat) })
	return seats
}

// dues returns what ends and when, in order.
func (l *loading) dues(records []*record) (dues []due) {
	all := l.ends
	for _, r := range records {
		if r.until > 0 {
			all = append(all, due{at: r.until, holds: []int64{r.id}})
		}
	}
	slices.SortFunc(all, func(a, b due) int { return cmp.Compare(a.at, b.at) })
	for _, one := range all {
		if last := len(dues) - 1; last >= 0 && dues[last].at == one.at {
			dues[last].holds, dues[last].keys = append(dues[last].holds, one.holds...), append(dues[last].keys, one.keys...)
			continue
		}
		dues = append(dues, due{at: one.at, holds: append([]int64{}, one.holds...), keys: append([][]byte{}, one.keys...)}) // nil would be null
	}
	return dues
}

func signed(list []uint32) []int32 {
	seats := make([]int32, len(list))
	for i, seat := range list {
		seats[i] = int32(seat)
	}
	return seats
}
