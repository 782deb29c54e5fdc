package main

import (
	"context"
	"sync"
	"time"

	"github.com/coderrange/ferrous/seatmap"
)

// mutexStore is the first version: one mutex and a map. A hold that is over
// counts as available at once; the cleaner takes it off the map.
type mutexStore struct {
	ttl     time.Duration
	labels  []string
	cleaner *cleaner

	mu    sync.Mutex
	seats map[string]SeatStatus
	fence uint64
}

func openMutex(c config, labels []string) (store, error) {
	m := &mutexStore{ttl: c.hold, labels: labels, seats: make(map[string]SeatStatus, len(labels))}
	for _, label := range labels {
		m.seats[label] = SeatStatus{}
	}
	m.cleaner = newCleaner(m.free)
	return m, nil
}

func (m *mutexStore) block(_ context.Context, user string, seat int) (hold, error) {
	h, err := m.tryBlock(user, seat)
	if err == nil {
		m.cleaner.watch(h)
	}
	return h, err
}

func (m *mutexStore) tryBlock(user string, seat int) (hold, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	label := m.labels[seat]
	if m.seats[label].taken(m.ttl) {
		return hold{}, seatmap.ErrTaken
	}
	now := time.Now()
	m.fence++
	m.seats[label] = SeatStatus{State: seatmap.SeatBlocked, User: user, At: now, fence: m.fence}
	return hold{user: user, seat: seat, at: now, until: now.Add(m.ttl), fence: m.fence}, nil
}

func (m *mutexStore) book(_ context.Context, h hold) (booking, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now, label := time.Now(), m.labels[h.seat]
	if err := m.seats[label].bookable(h, now, m.ttl); err != nil {
		return booking{}, err
	}
	m.fence++
	m.seats[label] = SeatStatus{State: seatmap.SeatBooked, User: h.user, At: now, fence: m.fence}
	return booking{at: now, fence: m.fence}, nil
}

// free frees the seat of a hold that is over, unless it has been booked or won
// again since.
func (m *mutexStore) free(h hold) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if label := m.labels[h.seat]; m.seats[label].fence == h.fence {
		m.seats[label] = SeatStatus{}
	}
}

func (m *mutexStore) statuses(context.Context) ([]SeatStatus, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]SeatStatus, len(m.labels))
	for i, label := range m.labels {
		if s := m.seats[label]; s.taken(m.ttl) {
			out[i] = s
		}
	}
	return out, nil
}

func (m *mutexStore) close() error {
	m.cleaner.close()
	return nil
}
