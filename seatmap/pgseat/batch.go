package pgseat

import (
	"context"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// A transaction is two messages: one that locks the events and reads what the decisions
// need, one that writes and commits. If holds may be due, another one reads them. Each
// statement is for all events. Parsing and planning is most of what a statement costs beside its
// rows: what is rarely needed is not asked for, and the rest are functions, whose plans the
// server keeps (see migrations).

// transact decides about groups in one transaction. If it fails, committing says whether
// COMMIT was sent.
func (s *Store) transact(ctx context.Context, groups []*group) (committing bool, err error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Release() // which closes it if a transaction is open
	defer func() {
		for _, g := range groups {
			if g.st != nil {
				g.st.close()
			}
		}
	}()
	if err := s.load(ctx, conn.Conn(), groups); err != nil {
		return false, err
	}
	var states []*state
	for _, g := range groups {
		switch {
		case g.st != nil:
			g.decide(ctx)
			states = append(states, g.st)
		case len(groups) > 1: // it may be locked
			g.again = true
		default: // it is not there
			for _, q := range g.requests {
				q.err = errLife
			}
		}
	}
	if err := context.Cause(ctx); err != nil { // the choice of seats may have failed by it
		return false, err
	}
	err = write(ctx, conn.Conn(), states)
	if err == nil {
		var changed []int64
		for _, st := range states {
			if st.dirty.event {
				changed = append(changed, st.id)
			}
		}
		s.tell(changed...)
		s.notify(changed...)
	}
	return true, err
}

// decide decides about the requests of a group, unless there is more that is due.
func (g *group) decide(ctx context.Context) {
	st := g.st
	swept, more := st.sweep()
	g.requests[0].swept += swept
	if g.again = more; more {
		return
	}
	for _, q := range g.requests {
		before := st.changeCount
		q.changes, st.by = false, q.by
		if q.wrong != nil {
			q.err = q.wrong
		} else {
			q.decide(st, ctx, q)
		}
		q.now, st.by = st.now, doing{}
		q.changes = q.changes || st.changeCount != before || q.key != "" && q.err == nil && !q.replayed
	}
}

// begin begins a transaction whose statements see what was committed before them, whatever the
// default of the database is: one that waited for a lock must see what it waited for.
const begin = "begin isolation level read committed"

// hexBytes has the transaction write bytea as the driver reads it. A database can have another
// default.
const hexBytes = "set_config('bytea_output', 'hex', true)"

// begin begins a transaction that changes something. What it commits is on disk, whatever the
// default of the database is. If this client vanishes, the server does not keep the event
// locked for longer than a call takes. Rows are found by their index, also when the server
// does not know yet how large the tables are.
func (s *Store) begin(b *pgx.Batch) {
	b.Queue(begin)
	b.Queue(`select set_config('idle_in_transaction_session_timeout', $1, true), set_config('lock_timeout', $1, true),
		set_config('synchronous_commit', case current_setting('synchronous_commit') when 'off' then 'on'
			else current_setting('synchronous_commit') end, true), `+hexBytes+`,
		set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true), set_config('jit', 'off', true)`,
		strconv.FormatInt(milliseconds(s.options.Timeout), 10))
}

// milliseconds returns a duration as settings of the server have it: 0 would mean without end, and
// they have 31 bits.
func milliseconds(d time.Duration) int64 { return min(max(d.Milliseconds(), 1), math.MaxInt32) }

// epoch is the time of the server in microseconds.
const epoch = "(extract(epoch from clock_timestamp()) * 1000000)::bigint"

// mostDueRows and mostDue are how many rows of what is due, and how many holds and answers,
// end in one transaction, about.
const (
	mostDueRows = 256
	mostDue     = 5000
)

const selectRecords = "select event, id, fence, owner, seats, at, until, key, reference, more from pgseat.load_records($1, $2)"

// load locks the events and reads what the decisions need. An event that is not there, or, if
// there are several, that is locked, has no state then.
func (s *Store) load(ctx context.Context, conn *pgx.Conn, groups []*group) error {
	var ids, recordEvents, records, seatEvents, ownerEvents, keyEvents, whole, dueEvents, dueHolds []int64
	var seats []int32
	var owners, keys [][]byte
	var targets targets
	byID := make(map[int64]*state, len(groups))
	byGroup := make(map[int64]*group, len(groups))
	for _, g := range groups {
		g.st, g.again = nil, false
		st := newState()
		ids, byID[g.id], byGroup[g.id] = append(ids, g.id), st, g
		every := slices.ContainsFunc(g.requests, func(q *request) bool { return q.any != nil })
		if every {
			whole = append(whole, g.id)
		}
		for _, q := range g.requests {
			for _, seat := range q.seats {
				if !every {
					seatEvents, seats = append(seatEvents, g.id), append(seats, seat)
				}
			}
			if q.record != 0 {
				recordEvents, records = append(recordEvents, g.id), append(records, q.record)
			} else if q.shape.limited && q.by == (doing{}) && st.owners[q.user] == nil {
				ownerEvents, owners = append(ownerEvents, g.id), append(owners, []byte(q.user))
				st.owners[q.user] = &owner{}
			}
			targets.add(g.id, q)
			if q.key != "" {
				keyEvents, keys = append(keyEvents, g.id), append(keys, []byte(q.key))
			}
		}
	}
	b := &pgx.Batch{}
	s.begin(b)
	lock := `select id, seats, free, held, closed, marked, max_seats, max_holds, lifetime, payment, ring, revision, changes
		from pgseat.event where id = any($1) order by id for update`
	if len(groups) > 1 {
		lock += " skip locked" // one event must not keep the others waiting
	}
	b.Queue(lock, ids).Query(func(rows pgx.Rows) error {
		var one state
		_, err := pgx.ForEachRow(rows, []any{
			&one.id, &one.count, &one.free, &one.held, &one.closed, &one.marked, &one.maxSeats, &one.maxHolds, &one.lifetime, &one.payment, &one.ring, &one.revision, &one.changeCount,
		}, func() error {
			st := byID[one.id]
			st.id, st.count, st.maxSeats, st.maxHolds = one.id, one.count, one.maxSeats, one.maxHolds
			st.free, st.held, st.closed, st.marked = one.free, one.held, one.closed, one.marked
			st.lifetime, st.payment, st.ring, st.revision, st.changeCount = one.lifetime, one.payment, one.ring, one.revision, one.changeCount
			byGroup[one.id].st = st
			return nil
		})
		return err
	})
	b.Queue("select " + epoch).QueryRow(func(row pgx.Row) error {
		var now int64
		err := row.Scan(&now)
		for _, st := range byID {
			st.now = now
		}
		return err
	})
	b.Queue("select event, at, revision, holds, keys from pgseat.load_due($1, "+epoch+", $2)", ids, mostDueRows).Query(func(rows pgx.Rows) error {
		var event int64
		var d due
		_, err := pgx.ForEachRow(rows, []any{&event, &d.at, &d.revision, &d.holds, &d.keys}, func() error {
			for _, hold := range d.holds {
				dueEvents, dueHolds = append(dueEvents, event), append(dueHolds, hold)
			}
			byID[event].due = append(byID[event].due, due{d.at, d.revision, slices.Clone(d.holds), slices.Clone(d.keys)})
			return nil
		})
		return err
	})
	readRecords := func(rows pgx.Rows) error { return readRecords(rows, byID) }
	if len(records) > 0 {
		b.Queue(selectRecords, recordEvents, records).Query(readRecords)
	}
	targets.load(b, readRecords)
	readSeats := func(rows pgx.Rows) error {
		var event, record int64
		var seat int32
		_, err := pgx.ForEachRow(rows, []any{&event, &seat, &record}, func() error {
			byID[event].seats[seat] = record
			return nil
		})
		return err
	}
	if len(whole) > 0 {
		b.Queue("select event, seat, record from pgseat.seat where event = any($1)", whole).Query(readSeats)
	}
	if len(seats) > 0 {
		b.Queue("select event, seat, record from pgseat.load_seats($1, $2)", seatEvents, seats).Query(readSeats)
	}
	if len(owners) > 0 {
		b.Queue(`select r.event, r.owner, sum(length(r.seats)) / 4, count(*) filter (where r.until > 0)
			from unnest($1::bigint[], $2::bytea[]) as u(event, owner)
			join pgseat.record r on r.event = u.event and r.owner = u.owner group by r.event, r.owner`,
			ownerEvents, owners).Query(func(rows pgx.Rows) error {
			var event int64
			var name []byte
			var o owner
			_, err := pgx.ForEachRow(rows, []any{&event, &name, &o.seats, &o.holds}, func() error {
				*byID[event].owners[string(name)] = o
				return nil
			})
			return err
		})
	}
	if len(keys) > 0 {
		b.Queue("select event, key, print, record, fence, owner, seats, at, until, paying from pgseat.load_answers($1, $2)", keyEvents, keys).
			Query(func(rows pgx.Rows) error { return readAnswers(rows, byID) })
	}
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	if len(dueHolds) > 0 { // most transactions do not need it
		b = &pgx.Batch{}
		b.Queue(selectRecords, dueEvents, dueHolds).Query(readRecords)
		if err := conn.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
	}
	return loadSales(ctx, conn, groups)
}

func readRecords(rows pgx.Rows, byID map[int64]*state) error {
	var event int64
	var r record
	var name, seats, key, reference, more []byte
	_, err := pgx.ForEachRow(rows, []any{&event, &r.id, &r.fence, &name, &seats, &r.at, &r.until, &key, &reference, &more}, func() (err error) {
		one, st := r, byID[event]
		if st.id == 0 { // the event is not locked
			return nil
		}
		if one.seats, err = unpack(seats, st.count); err != nil {
			return err
		}
		if err := one.unpackMore(more); err != nil {
			return err
		}
		one.owner, one.key, one.reference = string(name), string(key), string(reference)
		st.records[one.id] = &one
		return nil
	})
	return err
}

func readAnswers(rows pgx.Rows, byID map[int64]*state) error {
	var event int64
	var a answer
	var name, seats, key []byte
	_, err := pgx.ForEachRow(rows, []any{&event, &key, &a.print, &a.id, &a.fence, &name, &seats, &a.at, &a.until, &a.paying}, func() (err error) {
		one, st := a, byID[event]
		if st.id == 0 {
			return nil
		}
		if one.seats, err = unpack(seats, st.count); err != nil {
			return err
		}
		one.owner = string(name)
		st.answers[string(key)] = &one
		return nil
	})
	return err
}

// write writes what has changed, and commits. An error can come after COMMIT was sent.
func write(ctx context.Context, conn *pgx.Conn, states []*state) error {
	b := &pgx.Batch{}
	writeSeats(b, states)
	writeSales(b, states)
	writeRecords(b, states)
	writeAnswers(b, states)
	writeDue(b, states)
	writeChanges(b, states)
	return commit(ctx, conn, b)
}

func writeSeats(b *pgx.Batch, states []*state) {
	type columns struct {
		events, records []int64
		seats           []int32
	}
	var gone, added, moved columns
	for _, st := range states {
		for seat, was := range st.dirty.seats {
			c, record := &added, st.seats[seat]
			switch {
			case record == was:
				continue
			case record == 0:
				c = &gone
			case was != 0:
				c = &moved
			}
			c.events, c.seats, c.records = append(c.events, st.id), append(c.seats, seat), append(c.records, record)
		}
	}
	if len(gone.seats) > 0 {
		b.Queue(`delete from pgseat.seat s using unnest($1::bigint[], $2::int[]) as u(event, seat)
			where s.event = u.event and s.seat = u.seat`, gone.events, gone.seats)
	}
	if len(moved.seats) > 0 {
		b.Queue(`update pgseat.seat s set record = u.record from unnest($1::bigint[], $2::int[], $3::bigint[]) as u(event, seat, record)
			where s.event = u.event and s.seat = u.seat`, moved.events, moved.seats, moved.records)
	}
	if len(added.seats) > 0 {
		b.Queue("select pgseat.add_seats($1, $2, $3)", added.events, added.seats, added.records)
	}
}

// columns are records, column by column.
type columns struct {
	events, ids, fences, at, until  []int64
	owners, seats, keys, refs, more [][]byte
}

func (c *columns) add(event int64, r *record, key string) {
	c.events, c.ids, c.fences = append(c.events, event), append(c.ids, r.id), append(c.fences, r.fence)
	c.owners, c.seats = append(c.owners, []byte(r.owner)), append(c.seats, pack(r.seats))
	c.at, c.until, c.keys = append(c.at, r.at), append(c.until, r.until), append(c.keys, []byte(key))
	c.refs, c.more = append(c.refs, []byte(r.reference)), append(c.more, r.packMore())
}

func writeRecords(b *pgx.Batch, states []*state) {
	var gone, added, changed columns
	for _, st := range states {
		for id, stored := range st.dirty.records {
			switch r := st.records[id]; {
			case r == nil && stored:
				gone.events, gone.ids = append(gone.events, st.id), append(gone.ids, id)
			case r == nil:
			case stored:
				changed.add(st.id, r, r.key)
			default:
				added.add(st.id, r, r.key)
			}
		}
	}
	if len(gone.ids) > 0 {
		b.Queue(`delete from pgseat.record r using unnest($1::bigint[], $2::bigint[]) as u(event, id)
			where r.event = u.event and r.id = u.id`, gone.events, gone.ids)
	}
	if len(changed.ids) > 0 {
		b.Queue("select pgseat.change_records($1, $2, $3, $4, $5, $6, $7, $8, $9)",
			changed.events, changed.ids, changed.fences, changed.seats, changed.at, changed.until, changed.keys, changed.refs, changed.more)
	}
	if len(added.ids) > 0 {
		b.Queue("select pgseat.add_records($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
			added.events, added.ids, added.fences, added.owners, added.seats, added.at, added.until, added.keys, added.refs, added.more)
	}
}

func writeAnswers(b *pgx.Batch, states []*state) {
	var gone, added columns
	var prints []string
	var paying []bool
	for _, st := range states {
		for key := range st.dirty.forgotten {
			gone.events, gone.keys = append(gone.events, st.id), append(gone.keys, []byte(key))
		}
		for key := range st.dirty.answers {
			a := st.answers[key]
			added.add(st.id, &a.record, key)
			prints, paying = append(prints, a.print), append(paying, a.paying)
		}
	}
	if len(gone.keys) > 0 { // first, since a key can be used again in the transaction that forgets it
		b.Queue(`delete from pgseat.answer a using unnest($1::bigint[], $2::bytea[]) as u(event, key)
			where a.event = u.event and a.key = u.key`, gone.events, gone.keys)
	}
	if len(added.keys) > 0 {
		b.Queue("select pgseat.add_answers($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
			added.events, added.keys, prints, added.ids, added.fences, added.owners, added.seats, added.at, added.until, paying)
	}
}

func writeDue(b *pgx.Batch, states []*state) {
	var done, added struct{ events, at, revisions []int64 }
	holds, keys := []int64{}, [][]byte{}         // nil would be null
	var holdFrom, holdTo, keyFrom, keyTo []int32 // the parts of holds and keys, from 1, to is the last
	for _, st := range states {
		if d := st.ended; d != nil {
			done.events, done.at, done.revisions = append(done.events, st.id), append(done.at, d.at), append(done.revisions, d.revision)
		}
		for at, d := range st.dirty.due {
			added.events, added.at, added.revisions = append(added.events, st.id), append(added.at, at), append(added.revisions, st.revision)
			holdFrom, keyFrom = append(holdFrom, int32(len(holds)+1)), append(keyFrom, int32(len(keys)+1))
			holds, keys = append(holds, d.holds...), append(keys, d.keys...)
			holdTo, keyTo = append(holdTo, int32(len(holds))), append(keyTo, int32(len(keys)))
		}
	}
	if len(done.events) > 0 {
		b.Queue(`delete from pgseat.due d using unnest($1::bigint[], $2::bigint[], $3::bigint[]) as u(event, at, revision)
			where d.event = u.event and (d.at, d.revision) <= (u.at, u.revision)`, done.events, done.at, done.revisions)
	}
	if len(added.events) > 0 {
		b.Queue("select pgseat.add_due($1, $2, $3, $4, $5, $6, $7, $8, $9)",
			added.events, added.at, added.revisions, holds, keys, holdFrom, holdTo, keyFrom, keyTo)
	}
}

// trimEvery is how many changes more than the ring are kept at most, before the oldest are
// deleted together.
const trimEvery = 256

func writeChanges(b *pgx.Batch, states []*state) {
	var events, revisions, numbers, free, held, closed, marked, trimmed, until []int64
	var all [][]byte
	for _, st := range states {
		if !st.dirty.event {
			continue
		}
		events, revisions, numbers = append(events, st.id), append(revisions, st.revision), append(numbers, st.changeCount)
		free, held, all = append(free, int64(st.free)), append(held, int64(st.held)), append(all, packChanges(st.dirty.changes))
		closed, marked = append(closed, int64(st.closed)), append(marked, int64(st.marked))
		if before := st.changeCount - int64(len(st.dirty.changes)); before/trimEvery != st.changeCount/trimEvery {
			trimmed, until = append(trimmed, st.id), append(until, st.changeCount-st.ring)
		}
	}
	if len(events) == 0 {
		return
	}
	b.Queue("select pgseat.add_changes($1, $2, $3, $4, $5, $6, $7, $8)", events, revisions, numbers, all, free, held, closed, marked)
	if len(trimmed) > 0 {
		b.Queue(`delete from pgseat.change c using unnest($1::bigint[], $2::bigint[]) as u(event, number)
			where c.event = u.event and c.number <= u.number`, trimmed, until)
	}
}
