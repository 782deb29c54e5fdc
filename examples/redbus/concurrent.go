package main

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/puzpuzpuz/xsync/v3"

	"github.com/coderrange/ferrous/seatmap"
)

// concurrentStore is the second version: a concurrent map whose Compute looks
// at a seat and changes it in one step, as Rust's entry().and_modify(). Holds end
// lazily.
type concurrentStore struct {
	ttl    time.Duration
	labels []string
	seats  *xsync.MapOf[string, SeatStatus]
	fence  atomic.Uint64
}

func openConcurrent(c config, labels []string) (store, error) {
	return &concurrentStore{
		ttl:    c.hold,
		labels: labels,
		seats:  xsync.NewMapOf[string, SeatStatus](xsync.WithPresize(len(labels))),
	}, nil
}

func (c *concurrentStore) block(_ context.Context, user string, seat int) (h hold, err error) {
	c.seats.Compute(c.labels[seat], func(s SeatStatus, _ bool) (SeatStatus, bool) {
		if s.taken(c.ttl) {
			err = seatmap.ErrTaken
			return s, false
		}
		now := time.Now()
		h = hold{user: user, seat: seat, at: now, until: now.Add(c.ttl), fence: c.fence.Add(1)}
		return SeatStatus{State: seatmap.Blocked, User: user, At: now, fence: h.fence}, false
	})
	return h, err
}

func (c *concurrentStore) book(_ context.Context, h hold) (b booking, err error) {
	c.seats.Compute(c.labels[h.seat], func(s SeatStatus, _ bool) (SeatStatus, bool) {
		now := time.Now()
		if s.fence != h.fence || !now.Before(h.until) {
			err = seatmap.ErrExpired
			return s, false
		}
		b = booking{at: now, fence: c.fence.Add(1)}
		return SeatStatus{State: seatmap.Booked, User: h.user, At: now, fence: b.fence}, false
	})
	return b, err
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

func (c *concurrentStore) close() error { return nil }
