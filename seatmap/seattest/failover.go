package seattest

import (
	"errors"

	"github.com/coderrange/ferrous/seatmap"
)

// failovers checks what is left after a replica has taken over: everything, or everything but
// what was acknowledged last, if Options.Lacks says so, and each hold and booking as a whole.
func failovers(s *session) error {
	if err := s.create(9, seatmap.Limits{}); err != nil {
		return err
	}
	early, one := s.block("ann", "1", "2")
	toBook, two := s.blockWith("order 1", "bob", "3")
	ended, three := s.block("cid", "4")
	toRelease, four := s.block("dan", "7")
	if err := all(one, two, three, four, s.release(ended.Token)); err != nil {
		return wrap("Block and Release", err)
	}
	request := seatmap.BookRequest{Token: toBook.Token, User: "bob", Key: seatmap.NewKey("k")}
	booking, err := s.store.Book(s.ctx, request)
	if err != nil {
		return wrap("Book", err)
	}
	block := seatmap.BlockRequest{Event: s.event, User: "eve", Key: seatmap.NewKey("b"), Seats: []string{"5", "6"}, TTL: ttl}
	book := seatmap.BookRequest{Token: early.Token, User: "ann", Key: seatmap.NewKey("k"), Seats: []string{"1"}}
	var lateHold seatmap.Hold
	var lateBooking seatmap.Booking
	var from seatmap.Cursor
	called := false
	next, err := s.Failover(s.store, func() (err error) {
		called = true
		if lateHold, err = s.store.Block(s.ctx, block); err != nil {
			return wrap("Block", err)
		}
		if lateBooking, err = s.store.Book(s.ctx, book); err != nil {
			return wrap("Book", err)
		}
		if err := s.release(toRelease.Token); err != nil {
			return wrap("Release", err)
		}
		seen, err := s.store.Seats(s.ctx, seatmap.SeatsRequest{Event: s.event})
		from = seen.Cursor
		return wrap("Seats", err)
	})
	if err != nil || !called {
		return failf("Failover returned %v; that it called late is %t", err, called)
	}
	s.store = next // which Run closes

	f := &failedOver{session: s, highest: max(lateHold.Token.Fence, lateBooking.Token.Fence)}
	// What was acknowledged before is there.
	again, err := s.store.Book(s.ctx, request)
	if err != nil || !again.Replayed || again.Token.Reveal() != booking.Token.Reveal() {
		return failf("Book with the same key after a failover returned %+v, %v", again, err)
	}
	if err := all(
		f.has("a booking", booking.Token, seatmap.SeatBooked, false, "3"),
		s.refers("after a failover", "3", "order 1"), s.agrees("after a failover"),
		want("Release with a token that had ended before a failover", s.release(ended.Token), seatmap.ErrExpired),
		f.has("a hold", early.Token, seatmap.SeatBlocked, s.Lacks.Holds || s.Lacks.Replication, "2"),
		f.has("a booking that was acknowledged last", lateBooking.Token, seatmap.SeatBooked, s.Lacks.Replication, "1"),
		f.has("a hold that was acknowledged last", lateHold.Token, seatmap.SeatBlocked, s.Lacks.Replication || s.Lacks.Holds, "5", "6"),
		f.tokens("Release", "a hold", s.release, lateHold.Token, "5"),
		f.tokens("Cancel", "a booking", f.cancel, lateBooking.Token, "1"),
	); err != nil {
		return err
	}
	if !s.Lacks.Replication {
		if err := want("Release with a token that had ended last", s.release(toRelease.Token), seatmap.ErrExpired); err != nil {
			return err
		}
	}
	newest, err := s.block("fay", "9")
	if err != nil {
		return wrap("Block", err)
	}
	if newest.Token.Fence <= f.highest {
		return failf("the fence %d after a failover is not above %d, one before it", newest.Token.Fence, f.highest)
	}
	_, forged := s.book(seatmap.NewToken(s.event, newest.Token.Fence, [16]byte{1}))
	if err := want("Book with another secret after a failover", forged, seatmap.ErrToken); err != nil {
		return err
	}
	if f.lost {
		if err := s.gapThenSnapshot(from); err != nil {
			return err
		}
	} else if err := s.changesAcross(from, "9"); err != nil {
		return err
	}
	return f.repeat(block, lateHold)
}

// failedOver is a store whose replica has taken over.
type failedOver struct {
	*session
	highest uint64          // the fence before
	lost    bool            // something was
	gone    map[uint64]bool // the fences that were
}

func (f *failedOver) cancel(t seatmap.Token, seats ...string) error {
	_, err := f.store.Cancel(f.ctx, seatmap.CancelRequest{Token: t, Seats: seats})
	return err
}

// has checks that a hold or booking is there, or lost as a whole if it may be.
func (f *failedOver) has(what string, token seatmap.Token, state seatmap.SeatState, maybe bool, seats ...string) error {
	there := 0
	for _, seat := range seats {
		one, err := f.store.Seat(f.ctx, seatmap.SeatRequest{Event: f.event, Seat: seat})
		if err != nil {
			return wrap("Seat", err)
		}
		switch {
		case one.Fence == token.Fence && one.State == state:
			there++
		case one.Fence == token.Fence:
			return failf("after a failover seat %v of %s is not %v", one, what, state)
		case one.Fence > token.Fence:
			return failf("after a failover seat %v has a later grant than %s", one, what)
		}
	}
	switch {
	case there == len(seats):
		return nil
	case there > 0:
		return failf("after a failover a part of %s is there", what)
	case !maybe:
		return failf("after a failover %s is lost, and Options.Lacks does not say so", what)
	}
	if f.gone == nil {
		f.gone = map[uint64]bool{}
	}
	f.lost, f.gone[token.Fence] = true, true
	return nil
}

// tokens checks that the token of what was lost is expired.
func (f *failedOver) tokens(name, what string, call func(seatmap.Token, ...string) error, token seatmap.Token, seat string) error {
	if !f.gone[token.Fence] {
		return nil
	}
	token, err := seatmap.ParseToken(token.Reveal())
	if err != nil {
		return wrap("ParseToken", err)
	}
	return want(name+" with the token of "+what+" that a failover has lost", call(token, seat), seatmap.ErrExpired)
}

// repeat checks that a request is carried out again if its grant was lost, and else not.
func (f *failedOver) repeat(r seatmap.BlockRequest, first seatmap.Hold) error {
	again, err := f.store.Block(f.ctx, r)
	lost := f.gone[first.Token.Fence]
	switch {
	case err != nil && lost && errors.Is(err, seatmap.ErrKeyReused):
		return failf("Block after a failover that has lost its grant returned %v", err)
	case err != nil || again.Replayed && again.Token.Reveal() != first.Token.Reveal():
		return failf("Block with the same key after a failover returned %+v, %v", again, err)
	case !lost && !again.Replayed:
		return failf("Block with the same key after a failover was carried out again, though its grant is not lost")
	case lost && !f.Lacks.Holds && (again.Replayed || again.Token.Fence <= f.highest):
		return failf("Block with the same key after a failover that has lost its grant returned %+v", again)
	}
	return nil
}

// gapThenSnapshot watches from a cursor of a history that was lost.
func (s *session) gapThenSnapshot(from seatmap.Cursor) error {
	kinds := []seatmap.ChangeKind{seatmap.ChangeGap, seatmap.ChangeSnapshot}
	for change, err := range s.store.Watch(s.ctx, seatmap.WatchRequest{Event: s.event, From: from}) {
		if err != nil {
			return wrap("Watch", err)
		}
		if change.Kind != kinds[0] {
			return failf("a watch from a cursor of before a failover has a change %v, not a gap and a snapshot", change.Kind)
		}
		if kinds = kinds[1:]; len(kinds) == 0 {
			break
		}
	}
	return nil
}
