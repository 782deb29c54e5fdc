// Package remote is what stores on servers have in common: the shape of an event, which
// clients cache, the print of a request, and how calls are repeated.
package remote

import (
	"context"
	"fmt"
	"slices"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/internal/port"
)

// Shape is what of an event does not change in its life.
type Shape struct {
	Life   uint64
	Layout seatmap.Layout
	names  port.Names
}

// NewShape makes the shape of a layout, and returns the seats that are not for sale. The
// error is that of [seatmap.Map.Create].
func NewShape(life uint64, layout seatmap.Layout) (sh *Shape, closed []int, err error) {
	names, closed, err := port.NamesOf(layout)
	return &Shape{life, layout, names}, closed, err
}

// Len returns how many seats there are.
func (sh *Shape) Len() int { return sh.names.Len() }

// Label returns the label of a seat.
func (sh *Shape) Label(seat int) string { return sh.names.Label(seat) }

// Weight returns what the shape weighs in [Shapes]: labels that are numbers are not kept.
func (sh *Shape) Weight() int { return 1 + sh.Len() - sh.Layout.Count + len(sh.Layout.Closed) }

// Index returns the index of a seat, or [seatmap.ErrUnknownSeat].
func (sh *Shape) Index(label string) (int, error) {
	i, ok := sh.names.Seat(label)
	if !ok {
		return 0, UnknownSeat(label)
	}
	return i, nil
}

// Indices returns the indices of seats. No area is known.
func (sh *Shape) Indices(seats []string, places map[string]int) ([]int32, error) {
	list := make([]int32, 0, len(seats))
	for _, label := range seats {
		i, err := sh.Index(label)
		if err != nil {
			return nil, err
		}
		list = append(list, int32(i))
	}
	for area := range places {
		return nil, UnknownSeat(area)
	}
	return list, nil
}

// LabelsOf returns the labels of seats.
func (sh *Shape) LabelsOf(list []int32) []string {
	labels := make([]string, len(list))
	for i, seat := range list {
		labels[i] = sh.Label(int(seat))
	}
	return labels
}

// Chooser is a map with one event, whose seats are chosen as a map does.
type Chooser struct {
	m     *seatmap.Map
	shape *Shape
	event string
}

// NewChooser returns a chooser in which these seats are taken. It must be closed.
func (sh *Shape) NewChooser(ctx context.Context, event string, taken func(seat int) bool) (*Chooser, error) {
	layout := sh.Layout
	layout.Closed = nil
	for i := range sh.Len() {
		if taken(i) {
			layout.Closed = append(layout.Closed, sh.Label(i))
		}
	}
	c := &Chooser{seatmap.NewMap(seatmap.MapOptions{Manual: true}), sh, event}
	if _, err := c.m.Create(ctx, seatmap.CreateRequest{Event: event, Layout: layout}); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Close ends the chooser.
func (c *Chooser) Close() { _ = c.m.Close() }

// Choose chooses seats, which are taken from then on.
func (c *Chooser) Choose(ctx context.Context, r seatmap.BlockAnyRequest) ([]int32, error) {
	r.Event, r.Key, r.Where.Quotas = c.event, seatmap.Key{}, nil // what they allow is not taken
	h, err := c.m.BlockAny(ctx, r)
	if err != nil {
		return nil, err
	}
	return c.shape.Indices(h.Seats, nil)
}

// UnknownSeat returns the error of a seat or area that the event does not have.
func UnknownSeat(name string) error { return fmt.Errorf("%w: %q", seatmap.ErrUnknownSeat, name) }

// UnknownEvent returns the error of an event that there is not.
func UnknownEvent(event string) error { return fmt.Errorf("%w: %q", seatmap.ErrUnknownEvent, event) }

// CloneLayout returns a copy that has nothing in common with the layout.
func CloneLayout(l seatmap.Layout) seatmap.Layout {
	l.Seats, l.Closed, l.Categories = slices.Clone(l.Seats), slices.Clone(l.Closed), slices.Clone(l.Categories)
	l.Rows, l.Areas = slices.Clone(l.Rows), slices.Clone(l.Areas)
	for i := range l.Rows {
		row := &l.Rows[i]
		row.Seats, row.Aisles, row.Ranks = slices.Clone(row.Seats), slices.Clone(row.Aisles), slices.Clone(row.Ranks)
	}
	return l
}
