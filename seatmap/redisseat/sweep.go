package redisseat

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/remote"
	"github.com/coderrange/ferrous/task"
)

const (
	sweepers  = 16  // how many buckets are swept at once
	dueEvents = 100 // how many events of a bucket are asked for at once
)

// sweepOn sweeps until Close is called. Of all clients, only the first one sweeps in each half
// of SweepEvery: it makes a key that ends then.
func (s *Store) sweepOn() {
	every := time.NewTicker(s.options.SweepEvery)
	defer every.Stop()
	turn := s.client.B().Set().Key(s.sweepingKey()).Value("").Nx().
		PxMilliseconds(max(s.options.SweepEvery.Milliseconds()/2, 1)).Build().Pin()
	for {
		select {
		case <-s.ended.Done():
			return
		case <-every.C:
			if s.client.Do(s.ended, turn).Error() == nil {
				_, _ = s.sweep(s.ended) // an outage passes
			}
		}
	}
}

func (s *Store) sweepingKey() string { return "{" + s.options.Prefix + "}sweeping" }

// Sweep implements [seatmap.Sweeper]. Any number of clients may sweep at the same time. If an
// event has another format, the others are swept, and the error is [ErrFormat]. An event that
// the version before has changed last is passed by until its next change. Sweep sends a script
// for each of Options.Buckets, and one for each event and 100 holds that are due. If an answer
// was lost and Options.Retry tries again, the holds that ended by it are not counted.
//
//ferrous:blocks
func (s *Store) Sweep(ctx context.Context) (holds int, err error) {
	s.check(ctx, "Sweep")
	if _, err := s.form.Counts(ctx, seatmap.CountsRequest{Event: "x"}); !remote.Formed(err) {
		return 0, err
	}
	return s.sweep(ctx)
}

func (s *Store) sweep(ctx context.Context) (holds int, err error) {
	var ended atomic.Int64
	var foreign atomic.Pointer[error] // of an event of another format
	err = task.WithGroup(ctx, sweepers, func(g *task.Scope) error {
		for bucket := range s.options.Buckets {
			g.SpawnErr(func(ctx context.Context) error {
				n, err := s.sweepBucket(ctx, s.bucket(uint32(bucket)))
				ended.Add(int64(n))
				if errors.Is(err, ErrFormat) {
					foreign.Store(&err)
					return nil
				}
				return err
			})
		}
		return nil
	})
	if one := foreign.Load(); err == nil && one != nil {
		err = *one
	}
	return int(ended.Load()), err
}

// sweepBucket sweeps the events of a bucket. Those of another format stay due, so it leaves
// them out.
func (s *Store) sweepBucket(ctx context.Context, base string) (holds int, err error) {
	for left := 0; ; {
		names, failed := s.due(ctx, base+"due", left)
		if failed != nil {
			return holds, failed
		}
		for _, event := range names {
			n, failed := s.sweepEvent(ctx, base, event)
			holds += n
			switch {
			case errors.Is(failed, ErrFormat):
				err = failed
				left++
			case failed != nil:
				return holds, failed
			}
		}
		if len(names) < dueEvents {
			return holds, err
		}
	}
}

// due returns the names of some events of which a hold may be due.
func (s *Store) due(ctx context.Context, index string, leave int) ([]string, error) {
	return remote.Repeat(ctx, s.options.Retry, false, func(attempt context.Context) ([]string, error) {
		answer, err := s.exec(attempt, dueEventsScript, []string{index}, []string{strconv.Itoa(leave), strconv.Itoa(dueEvents)})
		if err != nil {
			return nil, s.failure(ctx, true, err)
		}
		names := make([]string, len(answer))
		for i := range answer {
			names[i] = text(answer, i)
		}
		return names, nil
	})
}

// sweepEvent ends the holds of an event that are due, in parts, and puts it into the index for
// the next.
func (s *Store) sweepEvent(ctx context.Context, base, event string) (holds int, err error) {
	for {
		answer, err := s.run(ctx, sweepScript, keysIn(base, event, ""), []string{"", ""})
		if err != nil {
			return holds, err
		}
		holds += int(number(answer, 1))
		if text(answer, 0) != "more" {
			return holds, nil
		}
	}
}
