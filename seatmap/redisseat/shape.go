package redisseat

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/remote"
)

// shape is what of an event does not change in its life.
type shape struct {
	*remote.Shape
	life string // 16 hexadecimal digits
	// former is nil if the event was not imported.
	former *former
}

// newShape makes the shape of a layout, which is valid.
func newShape(life string, layout seatmap.Layout) (*shape, error) {
	n, _ := strconv.ParseUint(life, 16, 64) // it was written from one
	sh, _, err := remote.NewShape(n, layout)
	return &shape{Shape: sh, life: life}, err
}

// pack returns the bytes of a list of seats, 4 for each.
func pack(list []int32) string {
	b := make([]byte, 0, 4*len(list))
	for _, seat := range list {
		b = binary.BigEndian.AppendUint32(b, uint32(seat))
	}
	return string(b)
}

// unpack returns the labels of a list of indices.
func (sh *shape) unpack(list string) []string {
	seats := make([]string, 0, len(list)/4)
	for ; len(list) >= 4; list = list[4:] {
		seats = append(seats, sh.Label(int(binary.BigEndian.Uint32([]byte(list[:4])))))
	}
	return seats
}

// shape returns the shape of an event, which may be that of a former life.
func (s *Store) shape(ctx context.Context, event string) (*shape, error) {
	return s.shapes.Get(ctx, event, func(ctx context.Context) (*shape, error) { return s.loadShape(ctx, event) })
}

// loadShape reads the shape of an event from the server.
func (s *Store) loadShape(ctx context.Context, event string) (*shape, error) {
	var written []byte
	life, tokens := "", ""
	for size := 1; len(written) < size; {
		answer, err := s.run(ctx, layoutScript, s.keys(event, ""), []string{life, "", strconv.Itoa(len(written)), strconv.Itoa(chunk)})
		if err != nil {
			return nil, err
		}
		switch text(answer, 0) {
		case "unknown":
			return nil, remote.UnknownEvent(event)
		case "life": // it was removed and created again
			written, life = nil, ""
			continue
		}
		life, size = text(answer, 1), int(number(answer, 2))
		part := text(answer, 3)
		tokens = text(answer, 4)
		if part == "" {
			break
		}
		written = append(written, part...)
	}
	var layout seatmap.Layout
	if err := json.Unmarshal(written, &layout); err != nil {
		return nil, fmt.Errorf("%w: %w: its layout is damaged: %w", seatmap.ErrUnavailable, ErrFormat, err)
	}
	sh, err := newShape(life, layout)
	if err != nil {
		return nil, err
	}
	if sh.former, err = readFormer(tokens); err != nil {
		return nil, err
	}
	return sh, nil
}
