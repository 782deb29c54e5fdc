package seattest

import (
	"errors"
	"slices"

	"github.com/coderrange/ferrous/seatmap"
)

// Lacks is what a store does not offer.
type Lacks struct {
	Areas    bool // Create refuses layouts with areas
	Operator bool // it is no [seatmap.Operator]
	Payer    bool // it is no [seatmap.Payer]
	Porter   bool // it is no [seatmap.Porter]
	Closer   bool // it is no [seatmap.SeatCloser]; a request with quotas is [seatmap.ErrInvalidQuota]
	Lister   bool // it is no [seatmap.Lister]
	Adder    bool // it is no [seatmap.SeatAdder]
	// References says that a request with a reference is [seatmap.ErrInvalidReference].
	References bool
	Holds      bool // holds end with a restart, and with a failover; bookings never do
	// Replication says that a failover may lose what was acknowledged last, bookings too.
	Replication bool
}

// offers checks that the store lacks what o.Lacks says, and nothing else.
func offers(s *session) error {
	_, operator := s.store.(seatmap.Operator)
	_, payer := s.store.(seatmap.Payer)
	_, porter := s.store.(seatmap.Porter)
	_, closer := s.store.(seatmap.SeatCloser)
	_, lister := s.store.(seatmap.Lister)
	_, adder := s.store.(seatmap.SeatAdder)
	layout := seatmap.Layout{Count: 1, Areas: []seatmap.Area{{Name: "floor", Capacity: 1}}}
	_, err := s.store.Create(s.ctx, seatmap.CreateRequest{Event: s.event, Layout: layout})
	event := s.event + "-seats"
	if err := errOf(s.store.Create(s.ctx, seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: 1}})); err != nil {
		return wrap("Create", err)
	}
	_, referred := s.store.Block(s.ctx, seatmap.BlockRequest{Event: event, User: "ann", Seats: []string{"1"}, TTL: ttl, Reference: "order 1"})
	if referred != nil {
		if err := want("Block with a reference", referred, seatmap.ErrInvalidReference); err != nil {
			return err
		}
	}
	_, quotas := s.store.BlockAny(s.ctx, seatmap.BlockAnyRequest{
		Event: event, User: "ann", N: 1, Where: seatmap.Where{Quotas: []string{"club"}}, TTL: ttl,
	})
	_, named := s.store.Block(s.ctx, seatmap.BlockRequest{Event: event, User: "ann", Seats: []string{"1"}, TTL: ttl, Quotas: []string{"club"}})
	for _, err := range []error{quotas, named} {
		if s.Lacks.Closer != errors.Is(err, seatmap.ErrInvalidQuota) {
			return failf("Options.Lacks.Closer is %t, and a request with quotas returns %v", s.Lacks.Closer, err)
		}
	}
	for _, one := range []struct {
		name       string
		lacks, has bool
	}{
		{"Areas", s.Lacks.Areas, err == nil},
		{"References", s.Lacks.References, referred == nil},
		{"Operator", s.Lacks.Operator, operator},
		{"Payer", s.Lacks.Payer, payer},
		{"Porter", s.Lacks.Porter, porter},
		{"Closer", s.Lacks.Closer, closer},
		{"Lister", s.Lacks.Lister, lister},
		{"Adder", s.Lacks.Adder, adder},
	} {
		if one.lacks == one.has {
			return failf("Options.Lacks.%s is %t, and that the store has it %t", one.name, one.lacks, one.has)
		}
	}
	return nil
}

// offersWhatItMust checks that the store has the optional interfaces that are not lacking.
func (s *session) offersWhatItMust() error {
	_, operator := s.store.(seatmap.Operator)
	_, payer := s.store.(seatmap.Payer)
	_, porter := s.store.(seatmap.Porter)
	_, closer := s.store.(seatmap.SeatCloser)
	_, lister := s.store.(seatmap.Lister)
	_, adder := s.store.(seatmap.SeatAdder)
	if !operator && !s.Lacks.Operator || !payer && !s.Lacks.Payer || !porter && !s.Lacks.Porter || !closer && !s.Lacks.Closer ||
		!lister && !s.Lacks.Lister || !adder && !s.Lacks.Adder {
		return failf("the store is no Operator, Payer, Porter, SeatCloser, Lister or SeatAdder, and Options.Lacks does not say so")
	}
	return nil
}

// clients checks that two clients of one store see the same.
func clients(s *session) error {
	other, err := s.Another(s.store)
	if err != nil {
		return wrap("Another", err)
	}
	defer func() { _ = other.Close() }()
	if err := s.create(4, seatmap.Limits{}); err != nil {
		return err
	}
	key := seatmap.NewKey("k")
	request := seatmap.BlockRequest{Event: s.event, User: "ann", Seats: []string{"1", "2"}, TTL: ttl, Key: key}
	var hold seatmap.Hold
	seen := 0
	for change, err := range other.Watch(s.ctx, seatmap.WatchRequest{Event: s.event}) {
		if err != nil {
			return wrap("Watch", err)
		}
		if seen++; seen == 2 {
			if change.Kind != seatmap.ChangeBlocked {
				return failf("the other client sees a change %v, not %v", change.Kind, seatmap.ChangeBlocked)
			}
			break
		}
		if hold, err = s.store.Block(s.ctx, request); err != nil {
			return wrap("Block", err)
		}
	}
	again, err := other.Block(s.ctx, request)
	if err != nil || !again.Replayed || again.Token.Reveal() != hold.Token.Reveal() {
		return failf("Block by the other client with the same key returned %+v, %v", again, err)
	}
	_, taken := other.Block(s.ctx, seatmap.BlockRequest{Event: s.event, User: "bob", Seats: []string{"2", "3"}, TTL: ttl})
	token, err := seatmap.ParseToken(hold.Token.Reveal())
	if err != nil {
		return wrap("ParseToken", err)
	}
	_, err = other.Book(s.ctx, seatmap.BookRequest{Token: token, Seats: []string{"1"}})
	return all(
		want("Block of a seat that the first client has blocked", taken, seatmap.ErrTaken),
		wrap("Book by the other client", err),
		s.states("Bh.."),
	)
}

// restarts checks what is left after a restart: bookings, the answers to keys, tokens,
// fences that rise, holds unless they are lacking, and cursors.
func restarts(s *session) error {
	if err := s.create(6, seatmap.Limits{}); err != nil {
		return err
	}
	hold, err := s.blockWith("order 1", "ann", "1", "2")
	if err != nil {
		return wrap("Block", err)
	}
	request := seatmap.BookRequest{Token: hold.Token, User: "ann", Seats: []string{"1"}, Key: seatmap.NewKey("k")}
	booking, err := s.store.Book(s.ctx, request)
	if err != nil {
		return wrap("Book", err)
	}
	held, err := s.block("bob", "3")
	if err != nil {
		return wrap("Block", err)
	}
	ended, err := s.block("cid", "4")
	if err == nil {
		err = s.release(ended.Token)
	}
	if err != nil {
		return wrap("Block and Release", err)
	}
	var from seatmap.Cursor
	for change, err := range s.store.Watch(s.ctx, seatmap.WatchRequest{Event: s.event}) {
		if err != nil {
			return wrap("Watch", err)
		}
		from = change.Cursor
		break
	}
	next, err := s.Restart(s.store)
	if err != nil {
		return wrap("Restart", err)
	}
	s.store = next // which Run closes

	states, ofHolds := "Bhh...", error(nil)
	if s.Lacks.Holds {
		states, ofHolds = "B.....", seatmap.ErrExpired
	}
	const after = "after a restart"
	if err := all(s.states(states), s.refers(after, "1", "order 1"), s.agrees(after)); err != nil {
		return err
	}
	again, err := s.store.Book(s.ctx, request)
	if err != nil || !again.Replayed || again.Token.Reveal() != booking.Token.Reveal() {
		return failf("Book with the same key after a restart returned %+v, %v", again, err)
	}
	if err := all(
		want("Book with the token of a hold after a restart", bookErr(s, held.Token), ofHolds),
		want("Release with a token that had ended before", s.release(ended.Token), seatmap.ErrExpired),
	); err != nil {
		return err
	}
	newest, err := s.block("dan", "6")
	if err != nil {
		return wrap("Block", err)
	}
	if newest.Token.Fence <= max(booking.Token.Fence, held.Token.Fence, ended.Token.Fence) {
		return failf("the fence %d after a restart is not above %d, one before it", newest.Token.Fence, ended.Token.Fence)
	}
	if err := s.changesAcross(from, "6"); err != nil {
		return err
	}
	token, err := seatmap.ParseToken(booking.Token.Reveal())
	if err != nil {
		return wrap("ParseToken", err)
	}
	_, err = s.store.Cancel(s.ctx, seatmap.CancelRequest{Token: token})
	return wrap("Cancel of a booking after a restart", err)
}

// changesAcross watches from a cursor of before a restart: all changes come, up to that of
// a seat, or a gap and a snapshot.
func (s *session) changesAcross(from seatmap.Cursor, seat string) error {
	gap := false
	for change, err := range s.store.Watch(s.ctx, seatmap.WatchRequest{Event: s.event, From: from}) {
		switch {
		case err != nil:
			return wrap("Watch", err)
		case gap && change.Kind == seatmap.ChangeSnapshot:
			return nil
		case gap || change.Kind == seatmap.ChangeSnapshot:
			return failf("a watch from a cursor of before a restart has a change %v: not one after another, nor a gap and a snapshot", change.Kind)
		case change.Kind == seatmap.ChangeGap:
			gap = true
		case change.Previous != from:
			return failf("a change %v after a restart follows %v, but names %v as its predecessor", change.Kind, from, change.Previous)
		case slices.Contains(change.Seats, seat):
			return nil
		}
		from = change.Cursor
	}
	return failf("a watch across a restart ended without an error")
}
