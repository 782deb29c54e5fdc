package pgseat

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/remote"
)

// Requests that change an event are collected: while one transaction is on its way, those
// that come wait, and go together in the next. So a hot event commits once for many
// requests. A request is decided in memory, so that one that is refused does not abort the
// transaction of the others.

// most is how many requests go in one transaction.
const most = 512

// ask is what a caller asks for.
type ask struct {
	decide      func(st *state, ctx context.Context, q *request)
	event, user string
	print       remote.Print
	part        bool // the seats of a token are named
	listTaken   bool
	any         *seatmap.BlockAnyRequest
	ttl         int64 // microseconds; 0 if the method has none
	fence       int64 // of the token
	genuine     bool  // the token was made by this store
}

// request is an ask on its way.
type request struct {
	ask
	shape *remote.Shape
	seats []int32
	wrong error  // what the shape tells, if it is that of the event still
	key   string // hash of the key; empty if none

	phase atomic.Int32 // queued, running or abandoned
	done  chan struct{}

	// The answer.
	err      error
	got      record
	now      int64
	replayed bool
	changes  bool // it has changed something, if the transaction is committed
	swept    int  // how many holds that were due the transaction has ended
}

const (
	queued int32 = iota
	running
	abandoned // its caller does not wait any more
)

// errLife is the error of a request whose shape is of a former life of the event.
var errLife = errors.New("pgseat: another life")

// queue is the requests of one event that wait.
type queue struct {
	waiting []*request
}

// submit has a request decided and returns its error.
func (s *Store) submit(ctx context.Context, q *request) error {
	q.done = make(chan struct{})
	if err := s.enqueue(q); err != nil {
		return err
	}
	select {
	case <-q.done:
		return q.err
	case <-ctx.Done():
	}
	if q.phase.CompareAndSwap(queued, abandoned) {
		return remote.Ended(ctx)
	}
	select {
	case <-q.done: // both at once
		return q.err
	default:
		return fmt.Errorf("%w: %w", seatmap.ErrOutcomeUnknown, remote.Ended(ctx))
	}
}

// enqueue adds a request to the queue of its event, which it makes if there is none.
func (s *Store) enqueue(q *request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return seatmap.ErrClosed
	}
	line := s.queues[q.event]
	if line == nil {
		line = &queue{}
		s.queues[q.event] = line
		s.work.Go(func() { s.serve(q.event, line) })
	}
	line.waiting = append(line.waiting, q)
	return nil
}

// serve carries out the requests of a queue until it is empty.
func (s *Store) serve(event string, line *queue) {
	for {
		s.mu.Lock()
		n := min(len(line.waiting), most)
		if n == 0 {
			delete(s.queues, event)
			s.mu.Unlock()
			return
		}
		batch := line.waiting[:n:n]
		line.waiting = line.waiting[n:]
		s.mu.Unlock()
		s.carryOut(event, batch)
	}
}

// carryOut decides about the requests of a batch that are still waited for.
func (s *Store) carryOut(event string, batch []*request) {
	var all []*request
	for _, q := range batch {
		if q.phase.CompareAndSwap(queued, running) {
			all = append(all, q)
		}
	}
	if len(all) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.options.Timeout)
	defer cancel()
	committing, err := s.transact(ctx, event, all)
	for _, q := range all {
		switch {
		case err == nil:
		case committing && q.changes:
			q.err = failure(err, true)
		default: // also a refusal, which may be by what was not committed
			q.err = failure(err, false)
		}
		close(q.done)
	}
}

// transact decides about requests in one transaction. If it fails, committing says whether
// COMMIT was sent.
func (s *Store) transact(ctx context.Context, event string, all []*request) (committing bool, err error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Release() // which closes it if a transaction is open
	for {
		more, committing, err := s.once(ctx, conn.Conn(), event, all)
		if !more {
			return committing, err
		}
	}
}

// mostDue is how many holds one transaction ends.
const mostDue = 5000

// once is one transaction. There is more to do if not all holds that are due have ended:
// then nothing was decided.
func (s *Store) once(ctx context.Context, conn *pgx.Conn, event string, all []*request) (more, committing bool, err error) {
	st := newState()
	defer st.close()
	known, due, err := s.load(ctx, conn, st, event, all)
	if err != nil {
		return false, false, err
	}
	if !known {
		for _, q := range all {
			q.err = remote.UnknownEvent(event)
		}
		_, err := conn.Exec(ctx, "rollback")
		return false, false, err
	}
	all[0].swept += st.sweep()
	if more = due > mostDue; !more {
		for _, q := range all {
			before := st.changeCount
			switch {
			case uint64(st.life) != q.shape.Life:
				q.err = errLife
			case q.wrong != nil:
				q.err = q.wrong
			default:
				q.decide(st, ctx, q)
			}
			q.now = st.now
			q.changes = st.changeCount != before || q.key != "" && q.err == nil && !q.replayed
		}
	}
	if err := context.Cause(ctx); err != nil { // the choice of seats may have failed by it
		return false, false, err
	}
	err = st.write(ctx, conn)
	if err == nil && st.dirty.event {
		s.tell(event)
	}
	return more, true, err
}

// begin begins a transaction that changes something. What it commits is on disk, whatever the
// default of the database is. If this client vanishes, the server does not keep the event
// locked for longer than a call takes.
func (s *Store) begin(b *pgx.Batch) {
	b.Queue("begin")
	b.Queue(`select set_config('idle_in_transaction_session_timeout', $1, true), set_config('lock_timeout', $1, true),
		set_config('synchronous_commit', case current_setting('synchronous_commit') when 'off' then 'on'
			else current_setting('synchronous_commit') end, true)`, strconv.FormatInt(max(s.options.Timeout.Milliseconds(), 1), 10))
}

// epoch is the time of the server in microseconds.
const epoch = "(extract(epoch from clock_timestamp()) * 1000000)::bigint"

// load locks the event and reads what the decisions need. due is how many holds are due, or
// more than mostDue.
func (s *Store) load(ctx context.Context, conn *pgx.Conn, st *state, event string, all []*request) (known bool, due int, err error) {
	var fences []int64
	var seats []int32
	var owners, keys [][]byte
	every := false
	for _, q := range all {
		seats = append(seats, q.seats...)
		every = every || q.any != nil
		if q.genuine {
			fences = append(fences, q.fence)
		}
		if q.user != "" && !q.genuine {
			owners = append(owners, []byte(q.user))
			st.owners[q.user] = &owner{}
		}
		if q.key != "" {
			keys = append(keys, []byte(q.key))
		}
	}
	name := []byte(event)
	const of = "(select id from pgseat.event where name = $1)"
	b := &pgx.Batch{}
	s.begin(b)
	b.Queue(`select id, life, seats, free, held, closed, max_seats, max_holds, lifetime, ring, revision, changes
		from pgseat.event where name = $1 for update`, name).QueryRow(func(row pgx.Row) error {
		err := row.Scan(&st.id, &st.life, &st.count, &st.free, &st.held, &st.closed, &st.maxSeats, &st.maxHolds,
			&st.lifetime, &st.ring, &st.revision, &st.changeCount)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		known = err == nil
		return err
	})
	b.Queue("select " + epoch).QueryRow(func(row pgx.Row) error { return row.Scan(&st.now) })
	// The clock has gone on since, so some may be read that are not due yet.
	const columns = "select fence, owner, seats, at, until, key from pgseat.record where event = " + of
	b.Queue(columns+" and until > 0 and until <= "+epoch+" order by until limit $2", name, mostDue+1).
		Query(func(rows pgx.Rows) error {
			n, err := st.readRecords(rows)
			due = n
			return err
		})
	if len(fences) > 0 {
		b.Queue(columns+" and fence = any($2)", name, fences).Query(func(rows pgx.Rows) error {
			_, err := st.readRecords(rows)
			return err
		})
	}
	readSeats := func(rows pgx.Rows) error {
		var seat int32
		var fence int64
		_, err := pgx.ForEachRow(rows, []any{&seat, &fence}, func() error {
			st.seats[seat] = fence
			return nil
		})
		return err
	}
	switch {
	case every:
		b.Queue("select seat, fence from pgseat.seat where event = "+of, name).Query(readSeats)
	case len(seats) > 0:
		b.Queue("select seat, fence from pgseat.seat where event = "+of+" and seat = any($2)", name, seats).Query(readSeats)
	}
	if len(owners) > 0 {
		b.Queue(`select owner, coalesce(sum(length(seats)), 0)::bigint / 4, count(*) filter (where until > 0)
			from pgseat.record where event = (select id from pgseat.event where name = $1 and (max_seats > 0 or max_holds > 0))
			and owner = any($2) group by owner`, name, owners).Query(func(rows pgx.Rows) error {
			var name []byte
			var seats, holds int
			_, err := pgx.ForEachRow(rows, []any{&name, &seats, &holds}, func() error {
				*st.owners[string(name)] = owner{seats, holds}
				return nil
			})
			return err
		})
	}
	if len(keys) > 0 {
		b.Queue("select key, print, fence, owner, seats, at, until, ends from pgseat.answer where key = any($1)", keys).
			Query(st.readAnswers)
	}
	return known, due, conn.SendBatch(ctx, b).Close()
}

func (st *state) readRecords(rows pgx.Rows) (n int, err error) {
	var r record
	var name, seats, key []byte
	_, err = pgx.ForEachRow(rows, []any{&r.fence, &name, &seats, &r.at, &r.until, &key}, func() (err error) {
		one := r
		if one.seats, err = unpack(seats, st.count); err != nil {
			return err
		}
		one.owner, one.key = string(name), string(key)
		st.records[one.fence] = &one
		n++
		return nil
	})
	return n, err
}

func (st *state) readAnswers(rows pgx.Rows) error {
	var a answer
	var name, seats, key []byte
	_, err := pgx.ForEachRow(rows, []any{&key, &a.print, &a.fence, &name, &seats, &a.at, &a.until, &a.ends}, func() (err error) {
		one := a
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
func (st *state) write(ctx context.Context, conn *pgx.Conn) error {
	b := &pgx.Batch{}
	st.writeSeats(b)
	st.writeRecords(b)
	st.writeAnswers(b)
	st.writeChanges(b)
	committed := pgconn.CommandTag{}
	b.Queue("commit").Exec(func(tag pgconn.CommandTag) error {
		committed = tag
		return nil
	})
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	if committed.String() != "COMMIT" {
		return pgx.ErrTxCommitRollback
	}
	return nil
}

func (st *state) writeSeats(b *pgx.Batch) {
	var gone, taken []int32
	var fences []int64
	for seat := range st.dirty.seats {
		if fence := st.seats[seat]; fence == 0 {
			gone = append(gone, seat)
		} else {
			taken, fences = append(taken, seat), append(fences, fence)
		}
	}
	if len(gone) > 0 {
		b.Queue("delete from pgseat.seat where event = $1 and seat = any($2)", st.id, gone)
	}
	if len(taken) > 0 {
		b.Queue(`insert into pgseat.seat select $1, * from unnest($2::int[], $3::bigint[])
			on conflict (event, seat) do update set fence = excluded.fence`, st.id, taken, fences)
	}
}

func (st *state) writeRecords(b *pgx.Batch) {
	var gone []int64
	var c columns
	for fence := range st.dirty.records {
		if r := st.records[fence]; r == nil {
			gone = append(gone, fence)
		} else {
			c.add(r)
			c.keys = append(c.keys, []byte(r.key))
		}
	}
	if len(gone) > 0 {
		b.Queue("delete from pgseat.record where event = $1 and fence = any($2)", st.id, gone)
	}
	if len(c.fences) > 0 {
		b.Queue(`insert into pgseat.record (event, fence, owner, seats, at, until, key)
			select $1, * from unnest($2::bigint[], $3::bytea[], $4::bytea[], $5::bigint[], $6::bigint[], $7::bytea[])
			on conflict (event, fence) do update set seats = excluded.seats, until = excluded.until`,
			st.id, c.fences, c.owners, c.seats, c.at, c.until, c.keys)
	}
}

func (st *state) writeAnswers(b *pgx.Batch) {
	var c columns
	for key := range st.dirty.answers {
		a := st.answers[key]
		c.add(&a.record)
		c.keys, c.prints, c.ends = append(c.keys, []byte(key)), append(c.prints, a.print), append(c.ends, a.ends)
	}
	if len(c.keys) > 0 {
		b.Queue(`insert into pgseat.answer (event, key, print, fence, owner, seats, at, until, ends)
			select $1, * from unnest($2::bytea[], $3::text[], $4::bigint[], $5::bytea[], $6::bytea[], $7::bigint[], $8::bigint[], $9::bigint[])
			on conflict (key) do update set event = excluded.event, print = excluded.print, fence = excluded.fence,
			owner = excluded.owner, seats = excluded.seats, at = excluded.at, until = excluded.until, ends = excluded.ends`,
			st.id, c.keys, c.prints, c.fences, c.owners, c.seats, c.at, c.until, c.ends)
	}
	var ended [][]byte
	for key := range st.dirty.ended {
		if a := st.answers[key]; a == nil || !st.dirty.answers[key] {
			ended = append(ended, []byte(key))
		}
	}
	if len(ended) > 0 {
		b.Queue("update pgseat.answer set ends = $1 where key = any($2)", st.now+keyMemory, ended)
	}
}

// trimEvery is how many changes more than the ring are kept at most, before the oldest are
// deleted together.
const trimEvery = 256

func (st *state) writeChanges(b *pgx.Batch) {
	if !st.dirty.event {
		return
	}
	var c columns
	var revisions, previous []int64
	var kinds []int16
	for i := range st.dirty.changes {
		one := &st.dirty.changes[i]
		c.add(&record{fence: one.fence, owner: one.owner, seats: one.seats, at: one.at, until: one.until})
		revisions, previous, kinds = append(revisions, one.revision), append(previous, one.previous), append(kinds, int16(one.kind))
	}
	b.Queue(`insert into pgseat.change (event, revision, previous, kind, fence, owner, seats, at, until)
		select $1, * from unnest($2::bigint[], $3::bigint[], $4::smallint[], $5::bigint[], $6::bytea[], $7::bytea[], $8::bigint[], $9::bigint[])`,
		st.id, revisions, previous, kinds, c.fences, c.owners, c.seats, c.at, c.until)
	b.Queue("update pgseat.event set free = $2, held = $3, revision = $4, changes = $5 where id = $1",
		st.id, st.free, st.held, st.revision, st.changeCount)
	if before := st.changeCount - int64(len(revisions)); before/trimEvery != st.changeCount/trimEvery {
		b.Queue(`delete from pgseat.change where event = $1 and revision <=
			(select revision from pgseat.change where event = $1 order by revision desc offset $2 limit 1)`, st.id, st.ring)
	}
}

// columns are rows of a table, column by column.
type columns struct {
	fences, at, until, ends []int64
	owners, seats, keys     [][]byte
	prints                  []string
}

func (c *columns) add(r *record) {
	c.fences, c.at, c.until = append(c.fences, r.fence), append(c.at, r.at), append(c.until, r.until)
	c.owners, c.seats = append(c.owners, []byte(r.owner)), append(c.seats, pack(r.seats))
}
