package redisseat

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/coderrange/ferrous/seatmap"
)

// shape is what of an event does not change in its life.
type shape struct {
	life   string // 16 hexadecimal digits
	layout seatmap.Layout
	labels []string
	index  map[string]int
}

// newShape makes the shape of a layout, which is valid.
func newShape(ctx context.Context, event, life string, layout seatmap.Layout) (*shape, []seatmap.SeatInfo, error) {
	m := seatmap.NewMap(seatmap.MapOptions{Manual: true})
	defer func() { _ = m.Close() }()
	if _, err := m.Create(ctx, seatmap.CreateRequest{Event: event, Layout: layout}); err != nil {
		return nil, nil, err
	}
	all, err := m.Seats(ctx, seatmap.SeatsRequest{Event: event})
	if err != nil {
		return nil, nil, err
	}
	sh := &shape{life: life, layout: layout, labels: make([]string, len(all.Seats)), index: make(map[string]int, len(all.Seats))}
	for i, seat := range all.Seats {
		sh.labels[i] = seat.Seat
		sh.index[seat.Seat] = i
	}
	return sh, all.Seats, nil
}

// lifeNumber returns the life as a number.
func (sh *shape) lifeNumber() uint64 {
	n, _ := strconv.ParseUint(sh.life, 16, 64) // it was written from one
	return n
}

// pack returns the indices of seats, 4 bytes each, or the label of one that there is not.
func (sh *shape) pack(seats []string) (list, unknown string) {
	b := make([]byte, 0, 4*len(seats))
	for _, seat := range seats {
		i, ok := sh.index[seat]
		if !ok {
			return "", seat
		}
		b = binary.BigEndian.AppendUint32(b, uint32(i))
	}
	return string(b), ""
}

// unpack returns the labels of a list of indices.
func (sh *shape) unpack(list string) []string {
	seats := make([]string, 0, len(list)/4)
	for ; len(list) >= 4; list = list[4:] {
		seats = append(seats, sh.labels[binary.BigEndian.Uint32([]byte(list[:4]))])
	}
	return seats
}

// shape returns the shape of an event, which may be that of a former life.
func (s *Store) shape(ctx context.Context, event string) (*shape, error) {
	s.mu.Lock()
	sh := s.shapes[event]
	s.mu.Unlock()
	if sh != nil {
		return sh, nil
	}
	var written []byte
	life := ""
	for size := 1; len(written) < size; {
		answer, err := s.run(ctx, layoutScript, s.keys(event, ""), []string{life, "", strconv.Itoa(len(written)), strconv.Itoa(chunk)})
		if err != nil {
			return nil, err
		}
		switch text(answer, 0) {
		case "unknown":
			return nil, unknownEvent(event)
		case "life": // it was removed and created again
			written, life = nil, ""
			continue
		}
		life, size = text(answer, 1), int(number(answer, 2))
		part := text(answer, 3)
		if part == "" {
			break
		}
		written = append(written, part...)
	}
	var layout seatmap.Layout
	if err := json.Unmarshal(written, &layout); err != nil {
		return nil, fmt.Errorf("%w: %w: its layout is damaged: %w", seatmap.ErrUnavailable, ErrFormat, err)
	}
	sh, _, err := newShape(ctx, event, life, layout)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.shapes[event] = sh
	s.mu.Unlock()
	return sh, nil
}

// forget forgets a shape that is of a former life.
func (s *Store) forget(event string, sh *shape) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shapes[event] == sh {
		delete(s.shapes, event)
	}
}

func unknownEvent(event string) error {
	return fmt.Errorf("%w: %q", seatmap.ErrUnknownEvent, event)
}
