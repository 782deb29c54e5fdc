package seattest

import (
	"fmt"
	"slices"

	"github.com/coderrange/ferrous/seatmap"
)

// additions checks [seatmap.SeatAdder].
func additions(s *session) error {
	d, ok := s.store.(seatmap.SeatAdder)
	if !ok {
		return failf("the store is no SeatAdder, and Options.Lacks does not say so")
	}
	layout := seatmap.Layout{Rows: []seatmap.Row{{Name: "B", Seats: []string{"B-1", "B-2"}}}}
	if _, err := s.store.Create(s.ctx, seatmap.CreateRequest{Event: s.event, Layout: layout}); err != nil {
		return wrap("Create", err)
	}
	if _, err := s.block("ann", "B-1", "B-2"); err != nil {
		return wrap("Block", err)
	}
	_, soldOut := s.block("bob", "B-1")
	_, unknown := s.block("bob", "A-1")
	add := seatmap.AddSeatsRequest{
		Event: s.event, Actor: "op", Reason: "why", Key: seatmap.NewKey("a"),
		Layout: seatmap.Layout{
			Rows:   []seatmap.Row{{Name: "A", Category: "gold", Seats: []string{"A-1", "A-2", "A-3", "A-4"}, Aisles: []string{"A-2"}}},
			Closed: []string{"A-4"},
		},
	}
	refused := func(what string, l seatmap.Layout) error {
		wrong := add
		wrong.Layout, wrong.Key = l, seatmap.Key{}
		_, err := d.AddSeats(s.ctx, wrong)
		return all(want("AddSeats of "+what, err, seatmap.ErrInvalidLayout), s.states("hh"))
	}
	if err := all(
		want("Block in a full event", soldOut, seatmap.ErrSoldOut), want("Block of a seat that is not added yet", unknown, seatmap.ErrUnknownSeat),
		refused("a seat that is there", seatmap.Layout{Rows: []seatmap.Row{{Seats: []string{"A-1", "B-2"}}}}),
		refused("seats without a row", seatmap.Layout{Count: 2}),
		refused("a seat that closes another", seatmap.Layout{Rows: []seatmap.Row{{Seats: []string{"A-1"}}}, Closed: []string{"B-1"}}),
	); err != nil {
		return err
	}
	for i := range 2 {
		if got, err := d.AddSeats(s.ctx, add); err != nil || got.Replayed != (i == 1) {
			return failf("AddSeats with the same key, call %d, returned %+v, %v", i+1, got, err)
		}
	}
	_, taken := s.block("bob", "B-1")
	_, apart := s.store.BlockAny(s.ctx, seatmap.BlockAnyRequest{
		Event: s.event, User: "bob", N: 3, Where: seatmap.Where{Adjacent: true}, TTL: ttl,
	})
	beside, err := s.store.BlockAny(s.ctx, seatmap.BlockAnyRequest{
		Event: s.event, User: "bob", N: 2, Where: seatmap.Where{Adjacent: true, Category: "gold"}, TTL: ttl,
	})
	if err := all(
		want("Block of a seat that is taken", taken, seatmap.ErrTaken), want("BlockAny across an aisle", apart, seatmap.ErrNotEnough),
		wrap("BlockAny in an added row", err), s.states("hhhh.x"),
	); err != nil {
		return err
	}
	page, err := s.store.Seats(s.ctx, seatmap.SeatsRequest{Event: s.event, After: "B-2", Limit: 2})
	if err != nil || len(page.Seats) != 2 || page.Seats[0].Seat != "A-1" || !page.More || !slices.Equal(beside.Seats, []string{"A-1", "A-2"}) {
		return failf("a page of added seats is %+v, %v; BlockAny chose %v", page, err, beside.Seats)
	}
	got, err := s.store.Layout(s.ctx, seatmap.LayoutRequest{Event: s.event})
	wanted := append(layout.Rows, add.Layout.Rows...)
	if err != nil || fmt.Sprintf("%+v %v", got.Rows, got.Closed) != fmt.Sprintf("%+v %v", wanted, add.Layout.Closed) {
		return failf("Layout reports %+v, %v, not the rows %+v", got, err, wanted)
	}
	return nil
}
