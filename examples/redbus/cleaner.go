package main

import (
	"context"
	"time"

	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/task"
)

// cleaner frees seats in the background when their holds are over. All holds of
// a store last equally long, so they end in the order in which they were given:
// the cleaner takes them from a channel and waits for one after the other. It
// needs no ticker, and costs nothing while nothing is held.
type cleaner struct {
	tx   *channel.Sender[hold]
	loop *task.Handle[struct{}]
}

// newCleaner starts a cleaner, which calls free for each hold when it is over,
// also when the seat has been booked meanwhile.
func newCleaner(free func(hold)) *cleaner {
	tx, rx := channel.NewUnbounded[hold]()
	return &cleaner{tx, task.Go(context.Background(), func(ctx context.Context) (struct{}, error) {
		defer rx.Close()
		for {
			h, err := rx.Recv(ctx)
			if err != nil {
				return struct{}{}, err
			}
			if err := sleepUntil(ctx, h.until); err != nil {
				return struct{}{}, err
			}
			free(h)
		}
	})}
}

// watch lets the cleaner free the hold's seat in time.
func (c *cleaner) watch(h hold) { _ = c.tx.Send(context.Background(), h) } // it fails only after close

// close ends the cleaner, whatever is still held.
func (c *cleaner) close() {
	c.loop.Abort(nil)
	_, _ = c.loop.Join(context.Background()) // it was aborted
	c.tx.Close()
}

// sleepUntil waits until t, or until ctx is done.
func sleepUntil(ctx context.Context, t time.Time) error {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
