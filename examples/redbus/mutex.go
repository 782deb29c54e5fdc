package main

import (
	"context"
	"sync"
	"time"

	"github.com/coderrange/ferrous/seatmap"
)

// mutexStore is the first version: one mutex and a map. Holds end lazily: one
// that is over counts as available.
type mutexStore struct {
	ttl    time.Duration
	labels []string

	mu    sync.Mutex
	seats map[string]SeatStatus
	fence uint64
}

func openMutex(c config, labels []string) (store, error) {
	m := &mutexStore{ttl: c.hold, labels: labels, seats: make(map[string]SeatStatus, len(labels))}
	for _, label := range labels {
		m.seats[label] = SeatStatus{}
	}
	return m, nil
}

func (m *mutexStore) block(_ context.Context, user string, seat int) (hold, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	label := m.labels[seat]
	if m.seats[label].taken(m.ttl) {
		return hold{}, seatmap.ErrTaken
	}
	now := time.Now()
	m.fence++
	m.seats[label] = SeatStatus{State: seatmap.Blocked, User: user, At: now, fence: m.fence}
	return hold{user: user, seat: seat, at: now, until: now.Add(m.ttl), fence: m.fence}, nil
}

func (m *mutexStore) book(_ context.Context, h hold) (booking, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now, label := time.Now(), m.labels[h.seat]
	if m.seats[label].fence != h.fence || !now.Before(h.until) {
		return booking{}, seatmap.ErrExpired
	}
	m.fence++
	m.seats[label] = SeatStatus{State: seatmap.Booked, User: h.user, At: now, fence: m.fence}
	return booking{at: now, fence: m.fence}, nil
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

func (m *mutexStore) close() error { return nil }
