package pgseat

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/remote"
)

// sweepOn sweeps until Close is called.
func (s *Store) sweepOn() {
	every := time.NewTicker(s.options.SweepEvery)
	defer every.Stop()
	for {
		select {
		case <-s.ended.Done():
			return
		case <-every.C:
			_, _ = s.sweep(s.ended) // an outage passes
		}
	}
}

// Sweep implements [seatmap.Sweeper]. It also deletes what is not needed any more. Any number of clients may
// sweep at the same time.
//
//ferrous:blocks
func (s *Store) Sweep(ctx context.Context) (holds int, err error) {
	s.check(ctx, "Sweep")
	if _, err := s.form.Counts(ctx, seatmap.CountsRequest{Event: "x"}); !remote.Formed(err) {
		return 0, err
	}
	return s.sweep(ctx)
}

// chunk is how many rows of garbage one statement deletes.
const chunk = 10_000

func (s *Store) sweep(ctx context.Context) (holds int, err error) {
	var names [][]byte
	var garbage []int64
	read := &pgx.Batch{}
	read.Queue(begin)
	read.Queue("select " + hexBytes)
	read.Queue("select name from pgseat.event where id in (select distinct event from pgseat.due where at <= " + epoch + ")").
		Query(func(rows pgx.Rows) error {
			names, err = pgx.CollectRows(rows, pgx.RowTo[[]byte])
			return err
		})
	read.Queue("select event from pgseat.garbage").Query(func(rows pgx.Rows) error {
		garbage, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		return err
	})
	read.Queue("delete from pgseat.naming where ends > 0 and ends <= " + epoch)
	read.Queue("commit")
	if err := s.send(ctx, read); err != nil {
		return 0, err
	}
	for _, name := range names {
		event := string(name)
		sh, err := s.shape(ctx, event)
		if err == nil {
			q := s.nothing(event, sh)
			if err = s.submit(ctx, q); err == nil { // else it may still be on its way
				holds += q.swept
			}
		}
		if err != nil && !isGone(err) {
			return holds, err
		}
	}
	for _, id := range garbage {
		if err := s.clean(ctx, id); err != nil {
			return holds, err
		}
	}
	return holds, nil
}

// clean deletes what an event that was removed has left, part by part.
func (s *Store) clean(ctx context.Context, id int64) error {
	for {
		rows := int64(0)
		b := &pgx.Batch{}
		b.Queue(begin)
		for _, table := range []string{"seat", "sale", "record", "due", "change", "answer", "layout"} {
			b.Queue(fmt.Sprintf(`with gone as (delete from pgseat.%[1]s where ctid = any(array(
				select ctid from pgseat.%[1]s where event = $1 limit %[2]d for update skip locked)) returning 1)
				select count(*) from gone`, table, chunk), id).QueryRow(func(row pgx.Row) error {
				var n int64
				err := row.Scan(&n)
				rows += n
				return err
			})
		}
		b.Queue(`delete from pgseat.garbage where event = $1
			and not exists (select from pgseat.seat where event = $1) and not exists (select from pgseat.sale where event = $1) and not exists (select from pgseat.record where event = $1)
			and not exists (select from pgseat.due where event = $1) and not exists (select from pgseat.change where event = $1) and not exists (select from pgseat.answer where event = $1)
			and not exists (select from pgseat.layout where event = $1)`, id)
		b.Queue("commit")
		if err := s.send(ctx, b); err != nil || rows == 0 {
			return err
		}
	}
}

// send runs a batch, which begins and ends its transaction if it needs one.
func (s *Store) send(caller context.Context, b *pgx.Batch) error {
	ctx, cancel := context.WithTimeout(caller, s.options.Timeout)
	defer cancel()
	err := s.pool.SendBatch(ctx, b).Close()
	switch {
	case err == nil:
		return nil
	case s.ended.Err() != nil:
		return seatmap.ErrClosed
	case caller.Err() != nil:
		return remote.Ended(caller)
	}
	return failure(err, false)
}
