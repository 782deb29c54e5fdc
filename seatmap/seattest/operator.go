package seattest

import (
	"maps"
	"slices"

	"github.com/coderrange/ferrous/seatmap"
)

// operators checks [seatmap.Operator].
func operators(s *session) error {
	o, ok := s.store.(seatmap.Operator)
	if !ok {
		return failf("the store is no Operator, and Options.Lacks does not say so")
	}
	const actor, reason = "op", "why"
	if err := s.create(7, seatmap.Limits{Seats: 2}); err != nil {
		return err
	}
	hold, err := s.block("ann", "1", "2")
	if err != nil {
		return wrap("Block", err)
	}
	var start seatmap.Cursor
	for change, err := range s.store.Watch(s.ctx, seatmap.WatchRequest{Event: s.event}) { // so that changes are kept
		if err != nil {
			return wrap("Watch", err)
		}
		start = change.Cursor
		break
	}
	house, err := o.Reserve(s.ctx, seatmap.ReserveRequest{
		Event: s.event, User: "house", Seats: []string{"5", "6", "7"}, Actor: actor, Reason: reason,
	})
	if err != nil || !house.Until.IsZero() || house.Left != 0 {
		return failf("Reserve beyond the limits returned %+v, %v", house, err)
	}
	move := seatmap.MoveRequest{
		Event: s.event, Seat: "1", Fence: hold.Token.Fence, To: []string{"3", "2"}, Actor: actor, Reason: reason,
		Key: seatmap.NewKey("m"),
	}
	taken := move
	taken.To, taken.Key = []string{"3", "5"}, seatmap.Key{}
	_, err = o.Move(s.ctx, taken)
	if err := all(want("Move to a taken seat", err, seatmap.ErrTaken), s.states("hh..hhh")); err != nil {
		return err
	}
	moved, err := o.Move(s.ctx, move)
	if err != nil || moved.User != "ann" || moved.Token.Fence <= house.Token.Fence || !slices.Equal(moved.Seats, move.To) {
		return failf("Move returned %+v, %v", moved, err)
	}
	again, err := o.Move(s.ctx, move)
	if err != nil || !again.Replayed || again.Token != moved.Token {
		return failf("Move with the same key returned %+v, %v", again, err)
	}
	_, err = o.Revoke(s.ctx, seatmap.RevokeRequest{Event: s.event, Seat: "2", Fence: hold.Token.Fence, Actor: actor, Reason: reason})
	if err := all(
		s.states(".hh.hhh"),
		want("Release with the token from before Move", s.release(hold.Token), seatmap.ErrExpired),
		want("Revoke with the fence from before Move", err, seatmap.ErrExpired),
	); err != nil {
		return err
	}
	booking, err := s.book(moved.Token, "3")
	if err != nil {
		return wrap("Book with the token of Move", err)
	}
	renewed, err := o.Reissue(s.ctx, seatmap.ReissueRequest{Event: s.event, Seat: "3", Actor: actor, Reason: reason})
	if err != nil || renewed.Token.Fence <= booking.Token.Fence || !renewed.Until.IsZero() {
		return failf("Reissue of a booking returned %+v, %v", renewed, err)
	}
	_, old := s.store.Cancel(s.ctx, seatmap.CancelRequest{Token: booking.Token})
	_, revoke := o.Revoke(s.ctx, seatmap.RevokeRequest{Event: s.event, Seat: "5", Seats: []string{"6"}, Actor: actor, Reason: reason})
	_, none := o.Revoke(s.ctx, seatmap.RevokeRequest{Event: s.event, Seat: "4", Actor: actor})
	_, nobody := o.Revoke(s.ctx, seatmap.RevokeRequest{Event: s.event, Seat: "5"})
	_, cancel := s.store.Cancel(s.ctx, seatmap.CancelRequest{Token: renewed.Token})
	if err := all(
		want("Cancel with the token from before Reissue", old, seatmap.ErrExpired), wrap("Revoke", revoke),
		want("Revoke of an available seat", none, seatmap.ErrExpired),
		want("Revoke without an actor", nobody, seatmap.ErrInvalidActor),
		wrap("Cancel with the token of Reissue", cancel), s.states(".h..h.h"),
		wrap("Release of what was reserved", s.release(house.Token)), s.states(".h....."),
	); err != nil {
		return err
	}
	any := seatmap.ReserveAnyRequest{
		Event: s.event, User: "house", N: 3, Where: seatmap.Where{Adjacent: true}, Actor: actor, Reason: reason, Key: seatmap.NewKey("a"),
	}
	chosen, err := o.ReserveAny(s.ctx, any)
	if err != nil || !slices.Equal(chosen.Seats, []string{"3", "4", "5"}) || !chosen.Until.IsZero() || chosen.User != "house" {
		return failf("ReserveAny of adjacent seats beyond the limits returned %+v, %v", chosen, err)
	}
	if again, err = o.ReserveAny(s.ctx, any); err != nil || !again.Replayed || again.Token != chosen.Token {
		return failf("ReserveAny with the same key returned %+v, %v", again, err)
	}
	_, revoke = o.Revoke(s.ctx, seatmap.RevokeRequest{Event: s.event, Fence: chosen.Token.Fence, Actor: actor, Reason: reason})
	if err := all(wrap("Revoke by a fence alone", revoke), s.states(".h.....")); err != nil {
		return err
	}
	type step struct {
		kind          seatmap.ChangeKind
		actor, reason string
	}
	byUser := func(kind seatmap.ChangeKind) step { return step{kind, "", ""} }
	wanted := []step{
		{seatmap.ChangeBlocked, actor, reason},
		{seatmap.ChangeMoved, actor, reason},
		byUser(seatmap.ChangeBooked),
		{seatmap.ChangeReissued, actor, reason},
		{seatmap.ChangeReleased, actor, reason},
		byUser(seatmap.ChangeCanceled),
		byUser(seatmap.ChangeReleased),
		{seatmap.ChangeBlocked, actor, reason},
		{seatmap.ChangeReleased, actor, reason},
	}
	var got []step
	for change, err := range s.store.Watch(s.ctx, seatmap.WatchRequest{Event: s.event, From: start}) {
		if err != nil {
			return wrap("Watch", err)
		}
		if change.Kind == seatmap.ChangeGap {
			return nil // the store keeps no changes that nobody watched
		}
		if change.Kind == seatmap.ChangeMoved && !slices.Equal(change.From, []string{"1", "2"}) {
			return failf("the change of a Move is from %v", change.From)
		}
		if got = append(got, step{change.Kind, change.Actor, change.Reason}); len(got) == len(wanted) {
			break
		}
	}
	if !slices.Equal(got, wanted) {
		return failf("the changes are %v, not %v", got, wanted)
	}
	return nil
}

// operatorsOfAreas checks [seatmap.Operator] with places.
func operatorsOfAreas(s *session) error {
	o, ok := s.store.(seatmap.Operator)
	if !ok {
		return failf("the store is no Operator, and Options.Lacks does not say so")
	}
	layout := seatmap.Layout{Count: 1, Areas: []seatmap.Area{{Name: "floor", Capacity: 3}, {Name: "lawn", Capacity: 2}}}
	if _, err := s.store.Create(s.ctx, seatmap.CreateRequest{Event: s.event, Layout: layout}); err != nil {
		return wrap("Create", err)
	}
	counts := func(floor, lawn seatmap.Counts) error {
		for area, want := range map[string]seatmap.Counts{"floor": floor, "lawn": lawn} {
			got, err := s.store.Counts(s.ctx, seatmap.CountsRequest{Event: s.event, Area: area})
			if err != nil || got != want {
				return failf("Counts of area %q reports %+v, %v, not %+v", area, got, err, want)
			}
		}
		return nil
	}
	hold, err := s.store.Block(s.ctx, seatmap.BlockRequest{Event: s.event, User: "ann", Places: map[string]int{"floor": 3}, TTL: ttl})
	if err != nil {
		return wrap("Block", err)
	}
	move := seatmap.MoveRequest{Event: s.event, Fence: hold.Token.Fence, Places: map[string]int{"lawn": 3}, Actor: "op"}
	_, full := o.Move(s.ctx, move)
	move.Places = map[string]int{"lawn": 2}
	_, fewer := o.Move(s.ctx, move)
	move.Places = map[string]int{"floor": 1, "lawn": 2}
	moved, err := o.Move(s.ctx, move)
	if err := all(
		want("Move to an area that is too small", full, seatmap.ErrNotEnough), want("Move to fewer places", fewer, seatmap.ErrInvalidSeats),
		wrap("Move to places of which one is its own", err), counts(seatmap.Counts{Available: 2, Blocked: 1}, seatmap.Counts{Blocked: 2}),
	); err != nil {
		return err
	}
	if moved.Token.Fence <= hold.Token.Fence || len(moved.Seats) > 0 || !maps.Equal(moved.Places, move.Places) {
		return failf("Move of places returned %+v", moved)
	}
	_, old := o.Reissue(s.ctx, seatmap.ReissueRequest{Event: s.event, Fence: hold.Token.Fence, Actor: "op"})
	again, err := o.Reissue(s.ctx, seatmap.ReissueRequest{Event: s.event, Fence: moved.Token.Fence, Actor: "op"})
	if err := all(want("Reissue by the fence from before Move", old, seatmap.ErrExpired), wrap("Reissue by the fence", err)); err != nil {
		return err
	}
	_, part := o.Revoke(s.ctx, seatmap.RevokeRequest{Event: s.event, Fence: again.Token.Fence, Places: map[string]int{"lawn": 1}, Actor: "op"})
	_, err = s.book(again.Token)
	return all(
		wrap("Revoke of a place", part), wrap("Book with the token of Reissue", err),
		counts(seatmap.Counts{Available: 2, Booked: 1}, seatmap.Counts{Available: 1, Booked: 1}),
	)
}
