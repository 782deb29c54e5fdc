package pgseat

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/port"
	"github.com/coderrange/ferrous/seatmap/internal/remote"
)

// noTarget is no seat, in a request that names a hold or booking by its fence alone.
const noTarget = seatmap.MaxSeats

// Revoke implements [seatmap.Operator]. Without a seat the server looks at all holds and bookings
// of the event that are as old as the fence.
//
//ferrous:blocks
func (s *Store) Revoke(ctx context.Context, r seatmap.RevokeRequest) (seatmap.Receipt, error) {
	s.check(ctx, "Revoke")
	if _, err := s.form.Revoke(ctx, r); !remote.Formed(err) {
		return seatmap.Receipt{}, err
	}
	a := ask{decide: (*state).revoke, event: r.Event, by: doing{r.Actor, r.Reason}, part: r.Seats != nil}
	return receipt(s.operate(ctx, r.Key, a, port.PrintOf(r), r.Seat, r.Fence, r.Seats, r.Places))
}

// Reissue implements [seatmap.Operator]. Its cost is that of Revoke.
//
//ferrous:blocks
func (s *Store) Reissue(ctx context.Context, r seatmap.ReissueRequest) (seatmap.Hold, error) {
	s.check(ctx, "Reissue")
	if _, err := s.form.Reissue(ctx, r); !remote.Formed(err) {
		return seatmap.Hold{}, err
	}
	a := ask{decide: (*state).reissue, event: r.Event, by: doing{r.Actor, r.Reason}}
	return s.held(s.operate(ctx, r.Key, a, port.PrintOf(r), r.Seat, r.Fence, nil, nil))
}

// Move implements [seatmap.Operator]. Its cost is that of Revoke.
//
//ferrous:blocks
func (s *Store) Move(ctx context.Context, r seatmap.MoveRequest) (seatmap.Hold, error) {
	s.check(ctx, "Move")
	if _, err := s.form.Move(ctx, r); !remote.Formed(err) {
		return seatmap.Hold{}, err
	}
	a := ask{decide: (*state).move, event: r.Event, by: doing{r.Actor, r.Reason}}
	return s.held(s.operate(ctx, r.Key, a, port.PrintOf(r), r.Seat, r.Fence, r.To, r.Places))
}

// Reserve implements [seatmap.Operator].
//
//ferrous:blocks
func (s *Store) Reserve(ctx context.Context, r seatmap.ReserveRequest) (seatmap.Hold, error) {
	s.check(ctx, "Reserve")
	if _, err := s.form.Reserve(ctx, r); !remote.Formed(err) {
		return seatmap.Hold{}, err
	}
	a := ask{decide: (*state).block, event: r.Event, user: r.User, by: doing{r.Actor, r.Reason}, print: remote.PrintOf(r)}
	return s.held(s.request(ctx, r.Key, a, func(q *request, sh *shape) (err error) {
		q.seats, err = sh.Indices(r.Seats, r.Places)
		return err
	}))
}

// ReserveAny implements [seatmap.Operator]. Its cost is that of BlockAny.
//
//ferrous:blocks
func (s *Store) ReserveAny(ctx context.Context, r seatmap.ReserveAnyRequest) (seatmap.Hold, error) {
	s.check(ctx, "ReserveAny")
	if _, err := s.form.ReserveAny(ctx, r); !remote.Formed(err) {
		return seatmap.Hold{}, err
	}
	a := ask{
		decide: (*state).blockAny, event: r.Event, user: r.User, by: doing{r.Actor, r.Reason}, quotas: r.Where.Quotas, print: remote.PrintOf(r),
		any: &seatmap.BlockAnyRequest{User: r.User, N: r.N, Where: r.Where, TTL: time.Hour}, // for the choice only
	}
	return s.held(s.request(ctx, r.Key, a, func(*request, *shape) error { return nil }))
}

func (s *Store) held(q *request, err error) (seatmap.Hold, error) {
	if err != nil {
		return seatmap.Hold{}, err
	}
	return s.hold(q), nil
}

// operate has a request decided that names a hold or booking by one of its seats or its fence.
func (s *Store) operate(
	ctx context.Context, key seatmap.Key, a ask, print port.Print, seat string, fence uint64, seats []string, places map[string]int,
) (*request, error) {
	a.named, a.fence = true, int64(fence)
	return s.request(ctx, key, a, func(q *request, sh *shape) (err error) {
		if q.seats, err = sh.Indices(seats, places); err != nil {
			return err
		}
		if q.at = noTarget; seat != "" {
			at, err := sh.Index(seat)
			if err != nil {
				return err
			}
			q.at = int32(at)
		}
		own := print
		own.Token = port.Proof{Fence: fence, First: uint32(q.at)}
		q.print = remote.PrintFrom(own)
		return nil
	})
}

// targets are the holds and bookings that requests of operators name.
type targets struct {
	seatEvents, fenceEvents, fences []int64
	seats                           []int32
}

func (t *targets) add(event int64, q *request) {
	switch {
	case !q.named || q.wrong != nil:
	case q.at == noTarget:
		t.fenceEvents, t.fences = append(t.fenceEvents, event), append(t.fences, q.fence)
	default:
		t.seatEvents, t.seats = append(t.seatEvents, event), append(t.seats, q.at)
	}
}

// load reads their records, and those of the seats.
func (t *targets) load(b *pgx.Batch, read func(rows pgx.Rows) error) {
	const columns = "select r.event, r.id, r.fence, r.owner, r.seats, r.at, r.until, r.key, r.reference, r.more from "
	if len(t.seats) > 0 {
		b.Queue(columns+`unnest($1::bigint[], $2::int[]) as u(event, seat)
			join pgseat.seat s on s.event = u.event and s.seat = u.seat
			join pgseat.record r on r.event = s.event and r.id = s.record`, t.seatEvents, t.seats).Query(read)
	}
	if len(t.fences) > 0 { // a fence is never below the id
		b.Queue(columns+`unnest($1::bigint[], $2::bigint[]) as u(event, fence)
			join pgseat.record r on r.event = u.event and r.id <= u.fence and r.fence = u.fence`, t.fenceEvents, t.fences).Query(read)
	}
}

// target returns the hold or booking that a request names.
func (st *state) target(q *request) (*record, bool) {
	for _, r := range st.records {
		if (q.fence == 0 || r.fence == q.fence) && (q.at == noTarget || slices.Contains(r.seats, q.at)) {
			return r, true
		}
	}
	return nil, false
}

// errNone is the error of a request that names no hold or booking.
var errNone = fmt.Errorf("%w: there is no such hold or booking", seatmap.ErrExpired)

// targeted returns what a request names that is no repetition. Else it has its answer.
func (st *state) targeted(q *request) (r *record, ok bool) {
	if st.repeated(q) {
		return nil, false
	}
	if r, ok = st.target(q); !ok {
		q.err = errNone
	}
	return r, ok
}

func (st *state) revoke(_ context.Context, q *request) {
	r, ok := st.targeted(q)
	if !ok {
		return
	}
	part, ok := st.partOf(q, r)
	if !ok {
		return
	}
	kind := seatmap.ChangeReleased
	if r.until == 0 {
		kind = seatmap.ChangeCanceled
	}
	st.vacate(r, part, kind)
	st.remember(q, record{}, false)
}

func (st *state) reissue(_ context.Context, q *request) {
	r, ok := st.targeted(q)
	if !ok {
		return
	}
	st.reseat(q, r, r.seats, seatmap.ChangeReissued)
}

func (st *state) move(_ context.Context, q *request) {
	if st.repeated(q) {
		return
	}
	r, ok := st.target(q)
	others := q.seats
	if ok {
		others = slices.DeleteFunc(slices.Clone(q.seats), func(seat int32) bool { return slices.Contains(r.seats, seat) })
	}
	switch {
	case !st.canHave(q, others):
	case !ok:
		q.err = errNone
	case len(q.seats) != len(r.seats):
		q.err = fmt.Errorf("%w: %d seats to move %d to", seatmap.ErrInvalidSeats, len(q.seats), len(r.seats))
	default:
		st.reseat(q, r, q.seats, seatmap.ChangeMoved)
	}
}

// reseat gives a record a new fence, and other seats if it moves. If its id is too far from that for
// a token, another record takes its place.
func (st *state) reseat(q *request, r *record, to []int32, kind seatmap.ChangeKind) {
	before := *r
	fence := st.next()
	st.changing(r)
	if !fits(r.id, fence) {
		delete(st.records, r.id)
		r = &record{}
		*r = before
		r.id = fence
		st.add(r)
	}
	r.fence, r.seats, r.by = fence, to, q.by
	for _, seat := range before.seats {
		if !slices.Contains(to, seat) {
			st.set(seat, before.id, st.vacant(seat))
		}
	}
	for _, seat := range to {
		was := before.id
		if !slices.Contains(before.seats, seat) {
			was = st.seats[seat]
		}
		st.set(seat, was, r.id)
	}
	st.close()
	c := change{kind: kind, owner: r.owner, seats: to, fence: fence, at: r.at, until: r.until, reference: r.reference, fromFence: before.fence}
	if kind == seatmap.ChangeMoved {
		c.from = before.seats
	}
	st.tells(c)
	st.remember(q, *r, false)
}
