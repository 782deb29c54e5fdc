package seattest

import (
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
