package pgseat

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/remote"
)

// Events implements [seatmap.Lister]. Its cost is that of the events that it returns. The
// error is that of [seatmap.Map.Events], or [seatmap.ErrUnavailable].
//
//ferrous:blocks
func (s *Store) Events(ctx context.Context, r seatmap.EventsRequest) (seatmap.EventList, error) {
	s.check(ctx, "Events")
	if _, err := s.form.Events(ctx, r); err != nil {
		return seatmap.EventList{}, err
	}
	from, to := []byte(r.Prefix), afterPrefix(r.Prefix)
	return remote.Repeat(ctx, s.options.Retry, true, func(ctx context.Context) (list seatmap.EventList, err error) {
		b := &pgx.Batch{}
		b.Queue(begin)
		b.Queue("select " + hexBytes)
		b.Queue(`select name, life, seats, max_seats, max_holds, lifetime, payment, revision from pgseat.event
			where name > $1 and name >= $2 and ($3::bytea is null or name < $3) order by name limit $4`,
			[]byte(r.After), from, to, oneMore(r.Limit)).Query(func(rows pgx.Rows) error {
			var name []byte
			var life, lifetime, payment, revision int64
			var one seatmap.EventInfo
			_, err := pgx.ForEachRow(rows, []any{&name, &life, &one.Seats, &one.Limits.Seats, &one.Limits.Holds, &lifetime, &payment, &revision}, func() error {
				one.Event, one.Limits.Lifetime, one.Limits.Payment = string(name), remote.Duration(lifetime), remote.Duration(payment)
				one.Revision, one.Cursor = uint64(revision), seatmap.NewCursor(uint64(life), uint64(revision))
				list.Events = append(list.Events, one)
				return nil
			})
			return err
		})
		b.Queue("commit")
		if err := s.send(ctx, b); err != nil {
			return seatmap.EventList{}, err
		}
		list.Events, list.More = firstOf(list.Events, r.Limit)
		return list, nil
	})
}

// afterPrefix returns the first name that is above all names with that prefix, or nil if there
// is none. A name is UTF-8, so that its last byte is not the highest.
func afterPrefix(prefix string) []byte {
	if prefix == "" {
		return nil
	}
	b := []byte(prefix)
	b[len(b)-1]++
	return b
}

// oneMore returns the limit of a query for a page, which reads one row more to know whether
// there are more; nil for all.
func oneMore(limit int) *int64 {
	if limit == 0 {
		return nil
	}
	return new(min(int64(limit), math.MaxInt64-1) + 1)
}

// firstOf cuts off what oneMore has read more.
func firstOf[E any](list []E, limit int) (page []E, more bool) {
	if limit == 0 || len(list) <= limit {
		return list, false
	}
	return list[:limit:limit], true
}

// Grants implements [seatmap.Lister]. With a User or a Reference its cost is that of the holds
// and bookings of that user, or with that reference. For all of an event the server looks at
// all of them for each page, and sends the page: no index has their fences, since each booking
// would have to change it. The error is that of [seatmap.Map.Grants], or
// [seatmap.ErrUnavailable].
//
//ferrous:blocks
func (s *Store) Grants(ctx context.Context, r seatmap.GrantsRequest) (seatmap.GrantList, error) {
	s.check(ctx, "Grants")
	if _, err := s.form.Grants(ctx, r); !remote.Formed(err) {
		return seatmap.GrantList{}, err
	}
	var found []record
	sh, h, err := s.look(ctx, r.Event, func(*shape) ([]query, error) {
		found = nil
		q := query{
			args: []any{int64(min(r.After, math.MaxInt64)), oneMore(r.Limit)},
			read: func(rows pgx.Rows, count int) (err error) {
				found, err = readGrants(rows, count)
				return err
			},
		}
		where := []string{"event = $1 and fence > $2"}
		if r.User != "" {
			q.args = append(q.args, []byte(r.User))
			where = append(where, fmt.Sprintf("owner = $%d", len(q.args)+1))
		}
		if r.Reference != "" {
			q.args = append(q.args, []byte(r.Reference))
			where = append(where, fmt.Sprintf("reference <> '' and reference = $%d", len(q.args)+1)) // as the index says
		}
		q.sql = "select fence, owner, seats, at, until, reference, more from pgseat.record where " + strings.Join(where, " and ") + " order by fence limit $3"
		return []query{q}, nil
	})
	if err != nil {
		return seatmap.GrantList{}, err
	}
	found, more := firstOf(found, r.Limit)
	list := seatmap.GrantList{Event: r.Event, Revision: uint64(h.revision), Cursor: seatmap.NewCursor(sh.Life, uint64(h.revision)), More: more}
	for i := range found {
		list.Grants = append(list.Grants, found[i].listed(sh, h.now))
	}
	return list, nil
}

func readGrants(rows pgx.Rows, count int) (found []record, err error) {
	var one record
	var owner, seats, reference, more []byte
	_, err = pgx.ForEachRow(rows, []any{&one.fence, &owner, &seats, &one.at, &one.until, &reference, &more}, func() (err error) {
		if one.seats, err = unpack(seats, count); err != nil {
			return err
		}
		if err := one.unpackMore(more); err != nil {
			return err
		}
		one.owner, one.reference = string(owner), string(reference)
		found = append(found, one)
		return nil
	})
	return found, err
}

// listed describes a hold or booking.
func (r *record) listed(sh *shape, now int64) seatmap.GrantInfo {
	g := seatmap.GrantInfo{
		Fence: uint64(r.fence), State: seatmap.SeatBooked, User: r.owner, Reference: r.reference, Seats: sh.LabelsOf(r.seats),
		At: remote.Moment(r.at), Actor: r.by.actor, Reason: r.by.reason,
	}
	if r.until > 0 {
		g.State, g.Until, g.Left = seatmap.SeatBlocked, deadline(r.until), left(r.until, now)
	}
	if g.Paying = r.pay.keeps(now); g.Paying {
		g.PayingUntil = remote.Moment(r.pay.until)
	}
	return g
}
