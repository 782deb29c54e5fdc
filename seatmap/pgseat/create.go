package pgseat

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"

	"github.com/jackc/pgx/v5"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/remote"
)

// Create and Remove lock the name of their event, since Create has no row to lock.

// naming is what Create and Remove find.
type naming struct {
	now   int64
	known bool
	id    int64
	key   []byte // of the Create of the event
	// revision is that of the event, or the highest of those that were removed.
	revision int64
}

// name runs a transaction that has locked the name of an event. The function decide adds
// what is to be written.
func (s *Store) name(
	ctx context.Context, event, key string, print remote.Print, load *loading, decide func(n *naming, b *pgx.Batch) error,
) (seatmap.Receipt, error) {
	return remote.Repeat(ctx, s.options.Retry, key != "", func(caller context.Context) (seatmap.Receipt, error) {
		s.mu.Lock()
		closed := s.closed
		if !closed {
			s.work.Add(1)
		}
		s.mu.Unlock()
		if closed {
			return seatmap.Receipt{}, seatmap.ErrClosed
		}
		defer s.work.Done()
		ctx, cancel := load.within(caller, s.options.Timeout)
		defer cancel()
		replayed, committing, refused, err := s.nameOnce(ctx, event, key, print, load, decide)
		switch {
		case refused != nil:
			return seatmap.Receipt{}, refused
		case err == nil:
			return seatmap.Receipt{Replayed: replayed}, nil
		}
		err = failure(err, committing)
		switch {
		case caller.Err() == nil:
			return seatmap.Receipt{}, err
		case errors.Is(err, seatmap.ErrOutcomeUnknown):
			return seatmap.Receipt{}, fmt.Errorf("%w: %w", seatmap.ErrOutcomeUnknown, remote.Ended(caller))
		}
		return seatmap.Receipt{}, remote.Ended(caller)
	})
}

func (s *Store) nameOnce(
	ctx context.Context, event, key string, print remote.Print, load *loading, decide func(n *naming, b *pgx.Batch) error,
) (replayed, committing bool, refused, err error) {
	pooled, err := s.pool.Acquire(ctx)
	if err != nil {
		return false, false, nil, err
	}
	defer pooled.Release()
	conn := pooled.Conn()
	n := &naming{}
	name := []byte(event)
	h := fnv.New64a()
	_, _ = h.Write(name)
	b := &pgx.Batch{}
	s.begin(b)
	if load != nil {
		refused, err := load.write(ctx, conn, b)
		if err != nil || refused != nil {
			return false, false, refused, err
		}
		b = &pgx.Batch{}
	}
	b.Queue("select pg_advisory_xact_lock($1, $2)", nameLock, int32(h.Sum64()))
	b.Queue("select id, revision, key from pgseat.event where name = $1 for update", name).QueryRow(func(row pgx.Row) error {
		err := row.Scan(&n.id, &n.revision, &n.key)
		n.known = err == nil
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	b.Queue("select " + epoch + ", last from pgseat.store").QueryRow(func(row pgx.Row) error {
		var last int64
		err := row.Scan(&n.now, &last)
		n.revision = max(n.revision, last)
		return err
	})
	q := &request{ask: ask{print: print}, key: key}
	before := &state{answers: map[string]*answer{}}
	b.Queue("select print from pgseat.naming where key = $1 and (ends = 0 or ends > "+epoch+")", []byte(key)).QueryRow(func(row pgx.Row) error {
		a := &answer{}
		err := row.Scan(&a.print)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		before.answers[key] = a
		return err
	})
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return false, false, nil, err
	}
	b = &pgx.Batch{}
	if !before.repeated(q) {
		q.err = decide(n, b)
	}
	if q.err != nil || q.replayed {
		_, _ = conn.Exec(ctx, "rollback") // else the connection is closed
		return q.replayed, false, q.err, nil
	}
	return false, true, nil, commit(ctx, conn, b)
}

// nameLock is the first half of the advisory locks of names.
const nameLock int32 = 0x7067_7365

// answerTo adds the answer to a Create or Remove with a key.
func answerTo(b *pgx.Batch, key string, print remote.Print, ends int64) {
	if key == "" {
		return
	}
	b.Queue(`insert into pgseat.naming (key, print, ends) values ($1, $2, $3)
		on conflict (key) do update set print = excluded.print, ends = excluded.ends`, []byte(key), print.Text(), ends)
}

// Create implements [seatmap.Store]. A layout with areas is refused with
// [seatmap.ErrInvalidLayout].
//
//ferrous:blocks
func (s *Store) Create(ctx context.Context, r seatmap.CreateRequest) (seatmap.Receipt, error) {
	s.check(ctx, "Create")
	if _, err := s.form.Counts(ctx, seatmap.CountsRequest{Event: "x"}); !remote.Formed(err) {
		return seatmap.Receipt{}, err
	}
	scratch := seatmap.NewMap(seatmap.MapOptions{Manual: true})
	defer func() { _ = scratch.Close() }()
	if _, err := scratch.Create(ctx, r); err != nil {
		return seatmap.Receipt{}, err
	}
	if len(r.Layout.Areas) > 0 {
		return seatmap.Receipt{}, fmt.Errorf("%w: pgseat has no areas", seatmap.ErrInvalidLayout)
	}
	layout, err := json.Marshal(r.Layout)
	if err != nil {
		return seatmap.Receipt{}, fmt.Errorf("pgseat: Create: %w", err)
	}
	sh, closed, err := remote.NewShape(0, r.Layout)
	if err != nil {
		return seatmap.Receipt{}, err
	}
	print := remote.PrintOf(r)
	key := s.hashOf(r.Key, r.Event)
	return s.name(ctx, r.Event, key, print, nil, func(n *naming, b *pgx.Batch) error {
		if n.known {
			return fmt.Errorf("%w: %q", seatmap.ErrExists, r.Event)
		}
		b.Queue(`with e as (insert into pgseat.event
				(name, life, seats, free, held, closed, max_seats, max_holds, lifetime, payment, ring, revision, key)
				values ($1, $2, $3, $4, 0, $5, $6, $7, $8, $9, $10, $11, $12) returning id),
			l as (insert into pgseat.layout select id, $13::bytea, '' from e)
			insert into pgseat.seat select id, seat, $14 from e, unnest($15::int[]) as seat`,
			[]byte(r.Event), newLife(), sh.Len(), sh.Len()-len(closed), len(closed), r.Limits.Seats, r.Limits.Holds,
			remote.Microseconds(r.Limits.Lifetime), remote.Microseconds(r.Limits.Payment), s.options.Ring, max(n.now, n.revision+1), []byte(key), layout, notForSale, closed)
		answerTo(b, key, print, 0)
		return nil
	})
}

// newLife draws the number of a life, which is not 0.
func newLife() int64 {
	var b [8]byte
	_, _ = crand.Read(b[:]) // never fails
	return int64(binary.BigEndian.Uint64(b[:]) | 1)
}

// Remove implements [seatmap.Store]. What the event leaves in the tables is deleted
// afterwards, in parts, by this client or any other.
//
//ferrous:blocks
func (s *Store) Remove(ctx context.Context, r seatmap.RemoveRequest) (seatmap.Receipt, error) {
	s.check(ctx, "Remove")
	if _, err := s.form.Remove(ctx, r); !remote.Formed(err) {
		return seatmap.Receipt{}, err
	}
	print, key := remote.PrintOf(r), s.hashOf(r.Key, r.Event)
	removed := int64(0)
	got, err := s.name(ctx, r.Event, key, print, nil, func(n *naming, b *pgx.Batch) error {
		if !n.known {
			return remote.UnknownEvent(r.Event)
		}
		removed = n.id
		b.Queue("update pgseat.store set last = greatest(last, $1)", n.revision)
		b.Queue("delete from pgseat.event where id = $1", n.id)
		b.Queue("insert into pgseat.garbage values ($1)", n.id)
		b.Queue("update pgseat.naming set ends = $1 where key = $2 and $2 <> ''", n.now+keyMemory, n.key)
		answerTo(b, key, print, n.now+keyMemory)
		return nil
	})
	if err == nil {
		s.tell(removed)
		s.notify(removed)
	}
	return got, err
}
