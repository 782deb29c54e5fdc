package main

import (
	"context"
	"time"

	"github.com/coderrange/ferrous/arcmutex"
	"github.com/coderrange/ferrous/seatmap"
)

// mutexStore is the version with one mutex: Rust's Arc<Mutex<HashMap>>. Each call, and
// the cleaner, is one more owner of the map for as long as it lasts. A hold that is over
// counts as available at once; the cleaner takes it off the map.
type mutexStore struct {
	ttl     time.Duration
	labels  []string
	cleaner *cleaner
	shared  *arcmutex.Arc[*arcmutex.Mutex[seats]]
}

// seats is what the mutex owns.
type seats struct {
	byLabel map[string]SeatStatus
	fence   uint64
}

// threadStore is a mutexStore whose users come on threads of the operating system.
type threadStore struct{ *mutexStore }

// maxThreads is how many threads there are at the same time. The source document has
// 100 to 200 of them, against millions of tasks.
const maxThreads = 200

func openThreads(c config, labels []string) (store, error) {
	return threadStore{newMutexStore(c, labels)}, nil
}

func openMutex(c config, labels []string) (store, error) { return newMutexStore(c, labels), nil }

func newMutexStore(c config, labels []string) *mutexStore {
	all := seats{byLabel: make(map[string]SeatStatus, len(labels))}
	for _, label := range labels {
		all.byLabel[label] = SeatStatus{}
	}
	m := &mutexStore{ttl: c.hold, labels: labels, shared: arcmutex.NewArc(arcmutex.NewMutex(all).WithName("seats"))}
	m.cleaner = newCleaner(m.free)
	return m
}

// with lets f have the seats alone.
func (m *mutexStore) with(f func(*seats)) {
	mine := m.shared.Clone()
	defer mine.Drop()
	(*mine.Ptr()).With(f)
}

func (m *mutexStore) block(_ context.Context, user string, seat int) (h hold, err error) {
	label := m.labels[seat]
	m.with(func(s *seats) {
		if s.byLabel[label].taken(m.ttl) {
			err = seatmap.ErrTaken
			return
		}
		now := time.Now()
		s.fence++
		s.byLabel[label] = SeatStatus{State: seatmap.SeatBlocked, User: user, At: now, fence: s.fence}
		h = hold{user: user, seat: seat, at: now, until: now.Add(m.ttl), fence: s.fence}
	})
	if err == nil {
		m.cleaner.watch(h)
	}
	return h, err
}

func (m *mutexStore) book(_ context.Context, h hold) (b booking, err error) {
	label := m.labels[h.seat]
	m.with(func(s *seats) {
		now := time.Now()
		if err = s.byLabel[label].bookable(h, now, m.ttl); err != nil {
			return
		}
		s.fence++
		s.byLabel[label] = SeatStatus{State: seatmap.SeatBooked, User: h.user, At: now, fence: s.fence}
		b = booking{at: now, fence: s.fence}
	})
	return b, err
}

// free frees the seat of a hold that is over, unless it has been booked or won
// again since.
func (m *mutexStore) free(h hold) {
	label := m.labels[h.seat]
	m.with(func(s *seats) {
		if s.byLabel[label].fence == h.fence {
			s.byLabel[label] = SeatStatus{}
		}
	})
}

func (m *mutexStore) statuses(context.Context) ([]SeatStatus, error) {
	out := make([]SeatStatus, len(m.labels))
	m.with(func(s *seats) {
		for i, label := range m.labels {
			if status := s.byLabel[label]; status.taken(m.ttl) {
				out[i] = status
			}
		}
	})
	return out, nil
}

func (m *mutexStore) close() error {
	m.cleaner.close()
	m.shared.Drop()
	return nil
}
