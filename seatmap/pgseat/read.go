package pgseat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/remote"
)

// shape is what of an event does not change in its life.
type shape struct {
	*remote.Shape
	id      int64   // of the row of the event; another life has another id
	limited bool    // what a user has is limited
	former  *former // nil if the event was not imported
}

// Weight returns what the shape weighs in [remote.Shapes].
func (sh *shape) Weight() int {
	if sh.former == nil {
		return sh.Shape.Weight()
	}
	return sh.Shape.Weight() + len(sh.former.tokens)/3
}

// head is the row of an event.
type head struct {
	known                     bool
	revision, now             int64
	seats, free, held, closed int
}

// query adds to what one look at an event reads. The first argument of its SQL is the id of
// the event.
type query struct {
	sql  string
	args []any
	read func(rows pgx.Rows, seats int) error // of an event with so many seats
}

// look reads an event at one moment. Holds that are due are ended first.
func (s *Store) look(ctx context.Context, event string, which func(sh *shape) ([]query, error)) (*shape, head, error) {
	type found struct {
		shape *shape
		head  head
	}
	f, err := remote.Repeat(ctx, s.options.Retry, true, func(ctx context.Context) (f found, err error) {
		for {
			sh, err := s.shape(ctx, event)
			if err != nil {
				return found{}, err
			}
			queries, wrong := which(sh)
			h, due, err := s.lookOnce(ctx, sh.id, queries)
			switch {
			case err != nil:
				return found{}, err
			case !h.known:
				s.shapes.Forget(event, sh)
				continue
			case wrong != nil:
				return found{}, wrong
			case !due:
				return found{sh, h}, nil
			}
			if err := s.submit(ctx, s.nothing(event, sh)); err != nil && !errors.Is(err, errLife) {
				return found{}, err
			}
		}
	})
	return f.shape, f.head, err
}

// nothing returns a request that only ends the holds that are due.
func (s *Store) nothing(event string, sh *shape) *request {
	return &request{ask: ask{decide: func(*state, context.Context, *request) {}, event: event}, shape: sh}
}

// isDue says whether holds are due at the moment now, of the event in the row e.
const isDue = `exists (select from pgseat.due d, unnest(d.holds) as h where d.event = e.id and d.at <= now
	and (select until between 1 and now from pgseat.record where event = e.id and id = h))`

func (s *Store) lookOnce(ctx context.Context, id int64, queries []query) (h head, due bool, err error) {
	b := &pgx.Batch{}
	b.Queue("begin isolation level repeatable read read only")
	b.Queue("select revision, seats, free, held, closed, now, "+isDue+", "+hexBytes+`
		from pgseat.event as e, (select `+epoch+` as now offset 0) as clock where id = $1`, id).QueryRow(func(row pgx.Row) error {
		err := row.Scan(&h.revision, &h.seats, &h.free, &h.held, &h.closed, &h.now, &due, nil)
		h.known = err == nil
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	for _, q := range queries {
		b.Queue(q.sql, append([]any{id}, q.args...)...).Query(func(rows pgx.Rows) error { return q.read(rows, h.seats) })
	}
	b.Queue("commit")
	return h, due, s.send(ctx, b)
}

// shape returns the shape of an event, which may be that of a former life.
func (s *Store) shape(ctx context.Context, event string) (*shape, error) {
	return s.shapes.Get(ctx, event, func(ctx context.Context) (*shape, error) { return s.loadShape(ctx, event) })
}

// loadShape reads the shape of an event from the server.
func (s *Store) loadShape(ctx context.Context, event string) (*shape, error) {
	var id, life int64
	var limited bool
	var written, sealed []byte
	b := &pgx.Batch{}
	b.Queue(begin)
	b.Queue("select " + hexBytes)
	b.Queue("select id, life, max_seats > 0 or max_holds > 0, layout, former from pgseat.event join pgseat.layout on event = id where name = $1", []byte(event)).
		QueryRow(func(row pgx.Row) error {
			err := row.Scan(&id, &life, &limited, &written, &sealed)
			if errors.Is(err, pgx.ErrNoRows) {
				return nil
			}
			return err
		})
	b.Queue("commit")
	err := s.send(ctx, b)
	switch {
	case err != nil:
		return nil, err
	case id == 0:
		return nil, remote.UnknownEvent(event)
	}
	var layout seatmap.Layout
	if err := json.Unmarshal(written, &layout); err != nil {
		return nil, fmt.Errorf("%w: %w: a layout is damaged: %w", seatmap.ErrUnavailable, ErrSchema, err)
	}
	made, _, err := remote.NewShape(uint64(life), layout)
	if err != nil {
		return nil, err
	}
	tokens, err := s.unseal(event, sealed)
	if err != nil {
		return nil, err
	}
	return &shape{made, id, limited, tokens}, nil
}

// page reads the seats of a range.
func (s *Store) page(ctx context.Context, event string, which func(sh *shape) (from, n int, err error)) (seatmap.Snapshot, error) {
	var from, n int
	var taken map[int]seatmap.SeatInfo
	sh, h, err := s.look(ctx, event, func(sh *shape) ([]query, error) {
		var err error
		from, n, err = which(sh)
		taken = map[int]seatmap.SeatInfo{}
		return []query{{
			sql: `select s.seat, s.record, r.fence, r.owner, r.at, r.until, r.reference, r.more
				from pgseat.seat s left join pgseat.record r on r.event = s.event and r.id = s.record
				where s.event = $1 and s.seat >= $2 and s.seat < $3`,
			args: []any{from, from + n},
			read: func(rows pgx.Rows, _ int) error { return readSeats(rows, taken) },
		}, {
			sql:  "select seat, closed, actor, reason, quota from pgseat.sale where event = $1 and seat >= $2 and seat < $3",
			args: []any{from, from + n},
			read: func(rows pgx.Rows, _ int) error { return showSales(rows, taken) },
		}}, err
	})
	if err != nil {
		return seatmap.Snapshot{}, err
	}
	page := seatmap.Snapshot{
		Event: event, Revision: uint64(h.revision), Cursor: seatmap.NewCursor(sh.Life, uint64(h.revision)),
		Seats: make([]seatmap.SeatInfo, 0, n), More: from+n < sh.Len(),
	}
	for i := from; i < from+n; i++ {
		info := taken[i]
		info.Seat = sh.Label(i)
		if !info.Until.IsZero() {
			info.Left = left(info.Until.UnixMicro(), h.now)
		}
		if info.Paying = info.PayingUntil.After(remote.Moment(h.now)); !info.Paying {
			info.PayingUntil = time.Time{}
		}
		page.Seats = append(page.Seats, info)
	}
	return page, nil
}

// left returns the time between now and a deadline.
func left(until, now int64) time.Duration {
	if until == endless {
		return 0
	}
	return max(time.Duration(until-now)*time.Microsecond, 0)
}

// endless is the deadline of a hold without one.
const endless = math.MaxInt64

// deadline returns a deadline; zero if there is none.
func deadline(until int64) time.Time {
	if until == endless {
		return time.Time{}
	}
	return remote.Moment(until)
}

// notForSale is the record of a seat that nobody has, and that is closed or in a quota.
const notForSale = -1

func readSeats(rows pgx.Rows, taken map[int]seatmap.SeatInfo) error {
	var seat int
	var id int64
	var owner, reference, more []byte
	var fence, at, until *int64
	_, err := pgx.ForEachRow(rows, []any{&seat, &id, &fence, &owner, &at, &until, &reference, &more}, func() error {
		switch {
		case id == notForSale:
			taken[seat] = seatmap.SeatInfo{State: seatmap.SeatClosed, Closed: true}
			return nil
		case fence == nil || at == nil || until == nil:
			return fmt.Errorf("%w: seat %d has no record", ErrSchema, seat)
		}
		var one record
		if err := one.unpackMore(more); err != nil {
			return err
		}
		info := seatmap.SeatInfo{State: seatmap.SeatBooked, User: string(owner), At: remote.Moment(*at), Fence: uint64(*fence), Reference: string(reference)}
		info.PayingUntil, info.Actor, info.Reason = remote.Moment(one.pay.until), one.by.actor, one.by.reason
		if *until > 0 {
			info.State, info.Until = seatmap.SeatBlocked, deadline(*until)
		}
		taken[seat] = info
		return nil
	})
	return err
}

// Seat implements [seatmap.Store].
//
//ferrous:blocks
func (s *Store) Seat(ctx context.Context, r seatmap.SeatRequest) (seatmap.SeatInfo, error) {
	s.check(ctx, "Seat")
	if _, err := s.form.Seat(ctx, r); !remote.Formed(err) {
		return seatmap.SeatInfo{}, err
	}
	page, err := s.page(ctx, r.Event, func(sh *shape) (from, n int, err error) {
		i, err := sh.Index(r.Seat)
		return i, 1, err
	})
	if err != nil {
		return seatmap.SeatInfo{}, err
	}
	return page.Seats[0], nil
}

// Seats implements [seatmap.Store].
//
//ferrous:blocks
func (s *Store) Seats(ctx context.Context, r seatmap.SeatsRequest) (seatmap.Snapshot, error) {
	s.check(ctx, "Seats")
	if _, err := s.form.Seats(ctx, r); !remote.Formed(err) {
		return seatmap.Snapshot{}, err
	}
	return s.page(ctx, r.Event, func(sh *shape) (from, n int, err error) {
		if r.After != "" {
			after, err := sh.Index(r.After)
			if err != nil {
				return 0, 0, err
			}
			from = after + 1
		}
		n = sh.Len() - from
		if r.Limit > 0 {
			n = min(n, r.Limit)
		}
		return from, n, nil
	})
}

// Layout implements [seatmap.Store].
//
//ferrous:blocks
func (s *Store) Layout(ctx context.Context, r seatmap.LayoutRequest) (seatmap.Layout, error) {
	s.check(ctx, "Layout")
	if _, err := s.form.Layout(ctx, r); !remote.Formed(err) {
		return seatmap.Layout{}, err
	}
	var closed []int32
	sh, _, err := s.look(ctx, r.Event, func(sh *shape) ([]query, error) {
		first, err := sh.Indices(sh.Layout.Closed, nil)
		return []query{{
			sql: `select seat from pgseat.sale where event = $1 and closed
				union select s.seat from pgseat.seat s left join pgseat.sale l on l.event = s.event and l.seat = s.seat
				where s.event = $1 and s.seat = any($2) and s.record = $3 and l.seat is null order by 1`,
			args: []any{first, notForSale},
			read: func(rows pgx.Rows, _ int) (err error) {
				closed, err = pgx.CollectRows(rows, pgx.RowTo[int32])
				return err
			},
		}}, err
	})
	if err != nil {
		return seatmap.Layout{}, err
	}
	layout := remote.CloneLayout(sh.Layout)
	layout.Closed = nil
	if len(closed) > 0 {
		layout.Closed = sh.LabelsOf(closed)
	}
	return layout, nil
}

// Counts implements [seatmap.Store].
//
//ferrous:blocks
func (s *Store) Counts(ctx context.Context, r seatmap.CountsRequest) (seatmap.Counts, error) {
	s.check(ctx, "Counts")
	if _, err := s.form.Counts(ctx, r); !remote.Formed(err) {
		return seatmap.Counts{}, err
	}
	_, h, err := s.look(ctx, r.Event, func(*shape) ([]query, error) {
		if r.Area != "" {
			return nil, remote.UnknownSeat(r.Area)
		}
		return nil, nil
	})
	if err != nil {
		return seatmap.Counts{}, err
	}
	return seatmap.Counts{Available: h.free, Blocked: h.held, Booked: h.seats - h.free - h.held - h.closed, Closed: h.closed}, nil
}

// Holds implements [seatmap.Store].
//
//ferrous:blocks
func (s *Store) Holds(ctx context.Context, r seatmap.HoldsRequest) ([]seatmap.HoldInfo, error) {
	s.check(ctx, "Holds")
	if _, err := s.form.Holds(ctx, r); !remote.Formed(err) {
		return nil, err
	}
	var found []record
	sh, h, err := s.look(ctx, r.Event, func(*shape) ([]query, error) {
		found = nil
		return []query{{
			sql: `select fence, seats, at, until, more from pgseat.record
				where event = $1 and owner = $2 and until > 0 order by fence`,
			args: []any{[]byte(r.User)},
			read: func(rows pgx.Rows, count int) error {
				var one record
				var seats, more []byte
				_, err := pgx.ForEachRow(rows, []any{&one.fence, &seats, &one.at, &one.until, &more}, func() (err error) {
					if one.seats, err = unpack(seats, count); err != nil {
						return err
					}
					if err := one.unpackMore(more); err != nil {
						return err
					}
					found = append(found, one)
					return nil
				})
				return err
			},
		}}, nil
	})
	if err != nil {
		return nil, err
	}
	var holds []seatmap.HoldInfo
	for _, one := range found {
		holds = append(holds, seatmap.HoldInfo{
			Fence: uint64(one.fence), Seats: sh.LabelsOf(one.seats), At: remote.Moment(one.at), Until: deadline(one.until),
			Left: left(one.until, h.now), Paying: one.pay.keeps(h.now),
		})
	}
	return holds, nil
}

// lifeText is the life of an event in the hash of its keys.
func lifeText(life uint64) string { return strconv.FormatUint(life, 16) }
