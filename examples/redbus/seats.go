package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/journal"
)

// seatmapStore is the third version: a seatmap.Map through the Store interface
// that it shares with stores on a server, as a service would use it: with labels,
// names, a context and secret tokens. (seatmap.Plan, its core, is faster still.)
// Its sweeper frees holds that are over in the background.
type seatmapStore struct {
	ttl    time.Duration
	labels []string
	seats  seatmap.Store
	event  string
	dir    string // of a journal
}

const bus = "bus"

func openSeatmap(c config, labels []string) (store, error) {
	return openStore(seatmap.NewMap(seatmap.MapOptions{}), bus, "", c, labels)
}

// openJournal opens the version that has its bookings on a disk before it says so.
func openJournal(c config, labels []string) (store, error) {
	dir, err := os.MkdirTemp("", "redbus")
	if err != nil {
		return nil, err
	}
	j, err := journal.Open(dir, journal.Options{SegmentSize: 1 << 20})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return openStore(j, bus, dir, c, labels)
}

func openStore(m seatmap.Store, event, dir string, c config, labels []string) (*seatmapStore, error) {
	s := &seatmapStore{ttl: c.hold, labels: labels, seats: m, event: event, dir: dir}
	layout := seatmap.Layout{Count: len(labels)}
	if _, err := m.Create(context.Background(), seatmap.CreateRequest{Event: event, Layout: layout}); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *seatmapStore) block(ctx context.Context, user string, seat int) (hold, error) {
	h, err := s.seats.Block(ctx, seatmap.BlockRequest{Event: s.event, User: user, Seats: s.labels[seat : seat+1], TTL: s.ttl})
	if err != nil {
		return hold{}, err
	}
	return hold{user: user, seat: seat, at: h.At, until: h.Until, fence: h.Token.Fence, token: h.Token}, nil
}

func (s *seatmapStore) book(ctx context.Context, h hold) (booking, error) {
	b, err := s.seats.Book(ctx, seatmap.BookRequest{Token: h.token})
	if err != nil {
		return booking{}, err
	}
	return booking{at: b.At, fence: b.Token.Fence}, nil
}

func (s *seatmapStore) statuses(ctx context.Context) ([]SeatStatus, error) {
	snapshot, err := s.seats.Seats(ctx, seatmap.SeatsRequest{Event: s.event})
	if err != nil {
		return nil, err
	}
	out := make([]SeatStatus, len(s.labels))
	for i, seat := range snapshot.Seats {
		out[i] = SeatStatus{State: seat.State, User: seat.User, At: seat.At, fence: seat.Fence}
	}
	return out, nil
}

func (s *seatmapStore) close() error {
	err := s.seats.Close()
	if s.dir != "" {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}
