package seattest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/coderrange/ferrous/seatmap"
)

// sales checks [seatmap.SeatCloser].
func sales(s *session) error {
	c, ok := s.store.(seatmap.SeatCloser)
	if !ok {
		return failf("the store is no SeatCloser, and Options.Lacks does not say so")
	}
	const actor, reason = "op", "why"
	layout := seatmap.Layout{Count: 6, Closed: []string{"6"}}
	if _, err := s.store.Create(s.ctx, seatmap.CreateRequest{Event: s.event, Layout: layout}); err != nil {
		return wrap("Create", err)
	}
	a := &auditor{session: s}
	hold, err := s.block("zoe", "1", "2")
	if err := all(wrap("Block", err), a.begin()); err != nil {
		return err
	}
	closing := seatmap.CloseSeatsRequest{
		Event: s.event, Seats: []string{"2", "3", "6"}, Actor: actor, Reason: reason, Key: seatmap.NewKey("c"),
	}
	first, err := c.CloseSeats(s.ctx, closing)
	if err != nil || first.Replayed {
		return failf("CloseSeats returned %+v, %v", first, err)
	}
	again, err := c.CloseSeats(s.ctx, closing)
	if err != nil || !again.Replayed {
		return failf("CloseSeats with the same key returned %+v, %v", again, err)
	}
	_, taken := s.block("bob", "2")
	_, named := s.block("bob", "4", "3")
	_, listed := s.store.Block(s.ctx, seatmap.BlockRequest{Event: s.event, User: "bob", Seats: []string{"2", "3", "4"}, TTL: ttl, ListTaken: true})
	_, free := s.store.BlockAny(s.ctx, seatmap.BlockAnyRequest{Event: s.event, User: "bob", N: 3, TTL: ttl})
	if err := all(
		s.states("hhx..x"),
		want("Block of a seat that is held, and closed", taken, seatmap.ErrTaken),
		want("Block of a closed seat", named, seatmap.ErrNotForSale), want("Block of a closed seat", named, seatmap.ErrTaken),
		want("Block with ListTaken of a closed seat", listed, seatmap.ErrNotForSale),
		want("BlockAny of more seats than are for sale", free, seatmap.ErrNotEnough),
	); err != nil {
		return err
	}
	if errors.Is(taken, seatmap.ErrNotForSale) {
		return failf("Block of a seat that is held returned %v", taken)
	}
	if one, ok := errors.AsType[*seatmap.TakenError](listed); !ok || !slices.Equal(one.Seats(), []string{"2", "3"}) {
		return failf("Block with ListTaken returned %v", listed)
	}
	seat := func(label string, closed bool, by string) error {
		got, err := s.store.Seat(s.ctx, seatmap.SeatRequest{Event: s.event, Seat: label})
		if err != nil || got.Closed != closed || got.ClosedBy != by || (got.ClosedReason == reason) != (by == actor) {
			return failf("Seat reports %+v, %v; that it is closed should be %t, by %q", got, err, closed, by)
		}
		return nil
	}
	any, err := s.store.BlockAny(s.ctx, seatmap.BlockAnyRequest{Event: s.event, User: "bob", N: 2, TTL: ttl})
	if err := all(
		wrap("BlockAny", err), s.states("hhxhhx"), seat("1", false, ""), seat("2", true, actor), seat("3", true, actor), seat("6", true, ""),
		wrap("Release", s.release(hold.Token, "2")), s.states("hxxhhx"),
		wrap("Release", s.release(any.Token)), s.states("hxx..x"),
	); err != nil {
		return err
	}
	got, err := s.store.Layout(s.ctx, seatmap.LayoutRequest{Event: s.event})
	if err != nil || !slices.Equal(got.Closed, closing.Seats) {
		return failf("Layout reports the closed seats %v, %v, not %v", got.Closed, err, closing.Seats)
	}
	_, err = c.OpenSeats(s.ctx, seatmap.OpenSeatsRequest{Event: s.event, Seats: []string{"1", "2", "3", "6"}, Actor: actor})
	if err := all(wrap("OpenSeats", err), s.states("h....."), seat("3", false, ""), seat("6", false, "")); err != nil {
		return err
	}
	return s.tellsSales(a)
}

// tellsSales checks that the changes say what was closed and opened, and by whom.
func (s *session) tellsSales(a *auditor) error {
	type step struct {
		kind  seatmap.ChangeKind
		seats string
		actor string
	}
	wanted := []step{{seatmap.ChangeClosed, "[2 3]", "op"}, {seatmap.ChangeOpened, "[2 3 6]", "op"}}
	var got []step
	for change, err := range s.store.Watch(s.ctx, seatmap.WatchRequest{Event: s.event, From: a.replay.Cursor()}) {
		if err != nil {
			return wrap("Watch", err)
		}
		if change.Kind == seatmap.ChangeGap {
			return nil // the store keeps no changes that nobody watched
		}
		if change.Kind == seatmap.ChangeClosed || change.Kind == seatmap.ChangeOpened {
			got = append(got, step{change.Kind, fmt.Sprint(slices.Sorted(slices.Values(change.Seats))), change.Actor})
		}
		if len(got) == len(wanted) {
			break
		}
	}
	if !slices.Equal(got, wanted) {
		return failf("the changes are %v, not %v", got, wanted)
	}
	return nil
}
