package main

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/puzpuzpuz/xsync/v3"

	"github.com/coderrange/ferrous/seatmap"
)

// concurrentStore is the second version: a concurrent map whose Compute looks
// at a seat and changes it in one step, as Rust's entry().and_modify(). A seat
// that nobody has is not in the map. A hold that is over counts as available at
// once; the cleaner takes it off the map.
type concurrentStore struct {
	ttl     time.Duration
	labels  []string
	cleaner *cleaner
	seats   *xsync.MapOf[string, SeatStatus]
	fence   atomic.Uint64
}

func openConcurrent(c config, labels []string) (store, error) {
	s := &concurrentStore{
		ttl:    c.hold,
		labels: labels,
		seats:  xsync.NewMapOf[string, SeatStatus](xsync.WithPresize(len(labels))),
	}
	s.cleaner = newCleaner(s.free)
	return s, nil
}

func (c *concurrentStore) block(_ context.Context, user string, seat int) (h hold, err error) {
	c.seats.Compute(c.labels[seat], func(s SeatStatus, _ bool) (SeatStatus, bool) {
		if s.taken(c.ttl) {
			err = seatmap.ErrTaken
			return s, false
		}
		now := time.Now()
		h = hold{user: user, seat: seat, at: now, until: now.Add(c.ttl), fence: c.fence.Add(1)}
		return SeatStatus{State: seatmap.SeatBlocked, User: user, At: now, fence: h.fence}, false
	})
	if err == nil {
		c.cleaner.watch(h)
	}
	return h, err
}

func (c *concurrentStore) book(_ context.Context, h hold) (b booking, err error) {
	c.seats.Compute(c.labels[h.seat], func(s SeatStatus, found bool) (SeatStatus, bool) {
		now := time.Now()
		if err = s.bookable(h, now, c.ttl); err != nil {
			return s, !found
		}
		b = booking{at: now, fence: c.fence.Add(1)}
		return SeatStatus{State: seatmap.SeatBooked, User: h.user, At: now, fence: b.fence}, false
	})
	return b, err
}

// free frees the seat of a hold that is over, unless it has been booked or won
// again since.
func (c *concurrentStore) free(h hold) {
	c.seats.Compute(c.labels[h.seat], func(s SeatStatus, found bool) (SeatStatus, bool) {
		return s, !found || s.fence == h.fence
	})
}

func (c *concurrentStore) statuses(context.Context) ([]SeatStatus, error) {
	out := make([]SeatStatus, len(c.labels))
	for i, label := range c.labels {
		if s, _ := c.seats.Load(label); s.taken(c.ttl) {
			out[i] = s
		}
	}
	return out, nil
}

func (c *concurrentStore) close() error {
	c.cleaner.close()
	return nil
}
