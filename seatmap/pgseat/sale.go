package pgseat

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/remote"
)

// sale says who can have a seat that an operator has closed, or that is in a quota. Few seats have
// one.
type sale struct {
	closed bool
	by     doing  // who has closed it; empty if the layout did
	quota  string // empty if none
}

// doing is who did something as an operator, and why.
type doing struct{ actor, reason string }

// CloseSeats implements [seatmap.SeatCloser].
//
//ferrous:blocks
func (s *Store) CloseSeats(ctx context.Context, r seatmap.CloseSeatsRequest) (seatmap.Receipt, error) {
	s.check(ctx, "CloseSeats")
	if _, err := s.form.CloseSeats(ctx, r); !remote.Formed(err) {
		return seatmap.Receipt{}, err
	}
	return receipt(s.sell(ctx, r.Key, r.Seats, ask{
		decide: (*state).closeSeats, event: r.Event, by: doing{r.Actor, r.Reason}, print: remote.PrintOf(r),
	}))
}

// OpenSeats implements [seatmap.SeatCloser].
//
//ferrous:blocks
func (s *Store) OpenSeats(ctx context.Context, r seatmap.OpenSeatsRequest) (seatmap.Receipt, error) {
	s.check(ctx, "OpenSeats")
	if _, err := s.form.OpenSeats(ctx, r); !remote.Formed(err) {
		return seatmap.Receipt{}, err
	}
	return receipt(s.sell(ctx, r.Key, r.Seats, ask{
		decide: (*state).openSeats, event: r.Event, by: doing{r.Actor, r.Reason}, print: remote.PrintOf(r),
	}))
}

// SetQuota implements [seatmap.SeatCloser].
//
//ferrous:blocks
func (s *Store) SetQuota(ctx context.Context, r seatmap.SetQuotaRequest) (seatmap.Receipt, error) {
	s.check(ctx, "SetQuota")
	if _, err := s.form.SetQuota(ctx, r); !remote.Formed(err) {
		return seatmap.Receipt{}, err
	}
	return receipt(s.sell(ctx, r.Key, r.Seats, ask{
		decide: (*state).setQuota, event: r.Event, by: doing{r.Actor, r.Reason}, quota: r.Quota, print: remote.PrintOf(r),
	}))
}

// sell has a request about the sale of seats decided.
func (s *Store) sell(ctx context.Context, key seatmap.Key, seats []string, a ask) (*request, error) {
	return s.request(ctx, key, a, func(q *request, sh *shape) (err error) {
		q.seats, err = sh.Indices(seats, nil)
		return err
	})
}

// isClosed reports whether the seat is not for sale to anyone, also if it is held or booked. A
// seat without a sale that is not for sale was closed by the layout.
func (st *state) isClosed(seat int32) bool {
	if one := st.sales[seat]; one != nil {
		return one.closed
	}
	return st.seats[seat] == notForSale
}

// vacant returns the record of the seat if nobody has it.
func (st *state) vacant(seat int32) int64 {
	if st.sales[seat] != nil {
		return notForSale
	}
	return 0
}

// availableTo reports whether a request can have the seat.
func (st *state) availableTo(q *request, seat int32) bool {
	switch st.seats[seat] {
	case 0:
		return true
	case notForSale:
		one := st.sales[seat]
		return one != nil && !one.closed && slices.Contains(q.quotas, one.quota)
	}
	return false
}

// soldOutFor reports whether a request can have no seat at all.
func (st *state) soldOutFor(q *request) bool {
	if st.free > 0 {
		return false
	}
	for seat := range st.sales {
		if st.availableTo(q, seat) {
			return false
		}
	}
	return true
}

// resell changes the sale of a seat.
func (st *state) resell(seat int32, change func(one *sale)) {
	var one sale
	old := st.sales[seat]
	if old != nil {
		one = *old
	} else {
		one.closed = st.isClosed(seat)
	}
	if _, ok := st.dirty.sales[seat]; !ok {
		st.dirty.sales[seat] = old != nil
	}
	change(&one)
	if old != nil {
		st.marked--
	}
	if one.closed || one.quota != "" {
		st.sales[seat] = &one
		st.marked++
	} else {
		delete(st.sales, seat)
	}
	if record := st.seats[seat]; record == 0 || record == notForSale {
		st.set(seat, record, st.vacant(seat))
	}
	st.close()
}

// sell changes the sale of those of the seats of a request that differ.
func (st *state) sell(q *request, kind seatmap.ChangeKind, differs func(seat int32) bool, set func(one *sale)) {
	if st.repeated(q) {
		return
	}
	var list []int32
	for _, seat := range q.seats {
		if differs(seat) {
			list = append(list, seat)
			st.resell(seat, set)
		}
	}
	if len(list) > 0 {
		st.tells(change{kind: kind, seats: list, at: st.now, quota: q.quota})
	}
	st.remember(q, record{}, false)
}

func (st *state) closeSeats(_ context.Context, q *request) {
	open := func(seat int32) bool { return !st.isClosed(seat) }
	st.sell(q, seatmap.ChangeClosed, open, func(one *sale) { one.closed, one.by = true, q.by })
}

func (st *state) openSeats(_ context.Context, q *request) {
	st.sell(q, seatmap.ChangeOpened, st.isClosed, func(one *sale) { one.closed, one.by = false, doing{} })
}

func (st *state) setQuota(_ context.Context, q *request) {
	other := func(seat int32) bool {
		one := st.sales[seat]
		return one == nil && q.quota != "" || one != nil && one.quota != q.quota
	}
	st.sell(q, seatmap.ChangeQuota, other, func(one *sale) { one.quota = q.quota })
}

// loadSales reads the sales of events that have some: those of the seats that the requests may
// change, or all if all seats were read. If the event may be sold out, it reads the seats of the
// quotas that are named, too.
func loadSales(ctx context.Context, conn *pgx.Conn, groups []*group) error {
	b := &pgx.Batch{}
	for _, g := range groups {
		if g.st == nil || g.st.marked == 0 {
			continue
		}
		seats, quotas, whole := g.st.salesOf(g.requests)
		b.Queue(`select l.seat, l.closed, l.actor, l.reason, l.quota, s.record
			from pgseat.sale l join pgseat.seat s on s.event = l.event and s.seat = l.seat
			where l.event = $1 and ($2 or l.seat = any($3) or l.quota = any($4))`, g.id, whole, seats, quotas).
			Query(func(rows pgx.Rows) error { return g.st.readSales(rows) })
	}
	if b.Len() == 0 {
		return nil
	}
	return conn.SendBatch(ctx, b).Close()
}

// salesOf returns the seats of requests and records, the quotas that have to be looked through, and
// whether all sales are needed.
func (st *state) salesOf(requests []*request) (seats []int32, quotas [][]byte, whole bool) {
	wanted := 0
	for _, q := range requests {
		seats = append(seats, q.seats...)
		for _, quota := range q.quotas {
			quotas = append(quotas, []byte(quota))
		}
		whole = whole || q.any != nil
		wanted += len(q.seats)
	}
	for _, r := range st.records {
		seats = append(seats, r.seats...)
	}
	if wanted < st.free {
		quotas = nil // it cannot be sold out
	}
	return seats, quotas, whole
}

func (st *state) readSales(rows pgx.Rows) error {
	var seat int32
	var record int64
	var one sale
	var actor, reason, quota []byte
	_, err := pgx.ForEachRow(rows, []any{&seat, &one.closed, &actor, &reason, &quota, &record}, func() error {
		st.sales[seat] = &sale{one.closed, doing{string(actor), string(reason)}, string(quota)}
		st.seats[seat] = record
		return nil
	})
	return err
}

// writeSales writes the sales that have changed.
func writeSales(b *pgx.Batch, states []*state) {
	var gone, changed struct {
		events                 []int64
		seats                  []int32
		closed                 []bool
		actors, reasons, quota [][]byte
	}
	for _, st := range states {
		for seat, stored := range st.dirty.sales {
			switch one := st.sales[seat]; {
			case one != nil:
				changed.events, changed.seats, changed.closed = append(changed.events, st.id), append(changed.seats, seat), append(changed.closed, one.closed)
				changed.actors, changed.reasons = append(changed.actors, []byte(one.by.actor)), append(changed.reasons, []byte(one.by.reason))
				changed.quota = append(changed.quota, []byte(one.quota))
			case stored:
				gone.events, gone.seats = append(gone.events, st.id), append(gone.seats, seat)
			}
		}
	}
	if len(gone.seats) > 0 {
		b.Queue(`delete from pgseat.sale l using unnest($1::bigint[], $2::int[]) as u(event, seat)
			where l.event = u.event and l.seat = u.seat`, gone.events, gone.seats)
	}
	if len(changed.seats) > 0 {
		b.Queue(`insert into pgseat.sale (event, seat, closed, actor, reason, quota)
			select * from unnest($1::bigint[], $2::int[], $3::boolean[], $4::bytea[], $5::bytea[], $6::bytea[])
			on conflict (event, seat) do update set closed = excluded.closed, actor = excluded.actor, reason = excluded.reason, quota = excluded.quota`,
			changed.events, changed.seats, changed.closed, changed.actors, changed.reasons, changed.quota)
	}
}

// showSales adds to seats, by index, what their sales say.
func showSales(rows pgx.Rows, seats map[int]seatmap.SeatInfo) error {
	var seat int
	var closed bool
	var actor, reason, quota []byte
	_, err := pgx.ForEachRow(rows, []any{&seat, &closed, &actor, &reason, &quota}, func() error {
		info := seats[seat]
		info.Closed, info.ClosedBy, info.ClosedReason, info.Quota = closed, string(actor), string(reason), string(quota)
		seats[seat] = info
		return nil
	})
	return err
}
