package seattest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/coderrange/ferrous/seatmap"
)

// isCut reports whether err is that of a server that cannot be reached.
func isCut(err error) bool {
	return errors.Is(err, seatmap.ErrUnavailable) || errors.Is(err, seatmap.ErrOutcomeUnknown)
}

const moment = 10 * time.Millisecond

// pause lets a moment pass between two attempts.
func pause() { <-time.After(moment) }

// attempts is how often a call is tried after a cut: connections that were lost may have to
// be noticed first.
func (s *session) attempts() int { return int(s.Patience / moment) }

// bounded makes a call that must not take longer than Patience.
func (s *session) bounded(call func(context.Context) (answer, error)) (answer, error) {
	ctx, cancel := context.WithTimeout(s.ctx, s.Patience)
	defer cancel()
	got, err := call(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return got, failf("a call did not end within %v: %v", s.Patience, err)
	}
	return got, err
}

// cut is a time in which several goroutines cannot reach the server.
type cut struct {
	answers chan struct{} // one for each request that was answered before
	stuck   chan struct{} // one of each goroutine: it is cut off, or has ended
	mended  chan struct{}
}

func (c *cut) did() {
	select {
	case c.answers <- struct{}{}:
	default: // nobody counts them any more
	}
}

func (c *cut) ends() { c.stuck <- struct{}{} }

// wait waits for the end of the cut, and between further attempts.
func (c *cut) wait(s *session, attempt int) error {
	switch {
	case attempt == 0:
		c.stuck <- struct{}{}
		<-c.mended
	case attempt > s.attempts():
		return failf("the store is still cut off after %d attempts after mend", attempt)
	default:
		pause()
	}
	return nil
}

// run cuts the store when some requests were answered, and mends it when no goroutine gets
// any further.
func (c *cut) run(s *session, goroutines int) error {
	for n := 0; n < 12; {
		select {
		case <-c.answers:
			n++
		case <-c.stuck: // it ended early
			c.stuck <- struct{}{}
			n = 12
		}
	}
	mend, err := s.Cut(s.store)
	if err == nil {
		for range goroutines {
			<-c.stuck
		}
		err = mend()
	}
	close(c.mended)
	return wrap("Cut", err)
}

// cuts checks what is said and done while the server cannot be reached, and after.
func cuts(s *session) error {
	if err := s.offersWhatItMust(); err != nil {
		return err
	}
	for round := range 3 {
		c := &cut{make(chan struct{}, 1000), make(chan struct{}, 1000), make(chan struct{})}
		if err := s.history([]seatmap.Store{s.store}, fmt.Sprintf("%s-cut%d", s.event, round), c); err != nil {
			return err
		}
	}
	if err := s.outcomes(); err != nil {
		return err
	}
	if err := s.agrees("after a cut"); err != nil {
		return err
	}
	off := *s
	off.event += "-off"
	return off.cutOff()
}

// cutOff checks the error of each method while the server cannot be reached, and that what is
// wrong with the form of a request is told all the same.
func (s *session) cutOff() error {
	good, _, err := s.faults()
	if err != nil {
		return err
	}
	done, stop := context.WithCancel(s.ctx)
	stop()
	mend, err := s.Cut(s.store)
	if err != nil {
		return wrap("Cut", err)
	}
	for name, call := range calls(s.Lacks) {
		for _, one := range formFaults(done) {
			if !one.applies(name) || s.Lacks.Areas && one.field == "places" {
				continue
			}
			a := good
			one.do(&a)
			if err := want(name+" with a wrong "+one.field+" while the store is cut off", call(&a), one.want); err != nil {
				return errors.Join(err, mend())
			}
		}
		_, err := s.bounded(func(ctx context.Context) (answer, error) {
			a := good
			a.ctx, a.seats = ctx, []string{"8"}
			return answer{}, call(&a)
		})
		if !isCut(err) {
			return errors.Join(failf("%s while the store is cut off returned %v", name, err), mend())
		}
	}
	return wrap("mend", mend())
}

// outcomes checks that after a cut a key finds out what has become of each request, that
// a request that was refused as ErrUnavailable was not carried out, and that watches go on.
func (s *session) outcomes() error {
	if err := s.create(7, seatmap.Limits{}); err != nil {
		return err
	}
	a, first := s.block("ann", "1", "2")
	b, second := s.block("bob", "3")
	c, third := s.block("cid", "4")
	if err := all(first, second, third); err != nil {
		return wrap("Block", err)
	}
	booking, err := s.book(b.Token)
	if err != nil {
		return wrap("Book", err)
	}
	key := func(name string) seatmap.Key { return seatmap.NewKey(name) }
	requests := []struct {
		name string
		call func(ctx context.Context) (answer, error)
	}{
		{"Create", func(ctx context.Context) (answer, error) {
			got, err := s.store.Create(ctx, seatmap.CreateRequest{Event: s.event + "-late", Key: key("c"), Layout: seatmap.Layout{Count: 1}})
			return answer{replayed: got.Replayed}, err
		}},
		{"Block", func(ctx context.Context) (answer, error) {
			got, err := s.store.Block(ctx, seatmap.BlockRequest{Event: s.event, User: "eve", Key: key("b"), Seats: []string{"5"}, TTL: ttl})
			return answer{token: got.Token, replayed: got.Replayed}, err
		}},
		{"Extend", func(ctx context.Context) (answer, error) {
			got, err := s.store.Extend(ctx, seatmap.ExtendRequest{Token: a.Token, User: "ann", Key: key("e"), TTL: 2 * ttl})
			return answer{token: got.Token, replayed: got.Replayed}, err
		}},
		{"Book", func(ctx context.Context) (answer, error) {
			got, err := s.store.Book(ctx, seatmap.BookRequest{Token: a.Token, User: "ann", Key: key("k"), Seats: []string{"1"}})
			return answer{token: got.Token, replayed: got.Replayed}, err
		}},
		{"Release", func(ctx context.Context) (answer, error) {
			got, err := s.store.Release(ctx, seatmap.ReleaseRequest{Token: c.Token, User: "cid", Key: key("r")})
			return answer{replayed: got.Replayed}, err
		}},
		{"Cancel", func(ctx context.Context) (answer, error) {
			got, err := s.store.Cancel(ctx, seatmap.CancelRequest{Token: booking.Token, User: "bob", Key: key("x")})
			return answer{replayed: got.Replayed}, err
		}},
	}
	mended, followed, watching := make(chan struct{}), make(chan error, 1), make(chan struct{})
	ctx, stop := context.WithTimeout(s.ctx, 10*s.Patience)
	defer stop()
	go func() { followed <- s.follow(ctx, "7", watching, mended) }()
	select {
	case <-watching:
	case err := <-followed:
		return err
	}
	mend, err := s.Cut(s.store)
	if err != nil {
		stop()
		return errors.Join(wrap("Cut", err), ignore(<-followed))
	}
	got := make([]error, len(requests))
	for i, r := range requests {
		_, got[i] = s.bounded(r.call)
	}
	_, noKey := s.bounded(func(ctx context.Context) (answer, error) {
		_, err := s.store.Block(ctx, seatmap.BlockRequest{Event: s.event, User: "eve", Seats: []string{"6"}, TTL: ttl})
		return answer{}, err
	})
	err = wrap("mend", mend())
	close(mended)
	for i, r := range requests {
		if err == nil && !isCut(got[i]) {
			err = failf("%s while the store is cut off returned %v", r.name, got[i])
		}
	}
	if err == nil && !isCut(noKey) {
		err = failf("Block while the store is cut off returned %v", noKey)
	}
	for i, r := range requests {
		if err == nil {
			err = s.outcome(r.name, r.call, got[i])
		}
	}
	state := "available"
	if err == nil {
		state, err = s.stateOf("6")
	}
	if err == nil && state != "available" && !errors.Is(noKey, seatmap.ErrOutcomeUnknown) {
		err = failf("Block while the store was cut off returned %v, but the seat is %s", noKey, state)
	}
	if err == nil {
		six := "."
		if state != "available" {
			six = "h"
		}
		err = s.states("Bh..h" + six + ".")
	}
	if err == nil {
		_, err = s.block("dan", "7")
	}
	if err != nil {
		stop()
		return errors.Join(err, ignore(<-followed))
	}
	return wrap("a watch across a cut", <-followed)
}

// ignore drops the error of what was stopped.
func ignore(error) error { return nil }

// stateOf returns whether a seat is available or taken.
func (s *session) stateOf(seat string) (string, error) {
	one, err := s.store.Seat(s.ctx, seatmap.SeatRequest{Event: s.event, Seat: seat})
	if err != nil || one.State == seatmap.SeatAvailable {
		return "available", wrap("Seat", err)
	}
	return "taken", nil
}

// outcome repeats a request that failed in a cut.
func (s *session) outcome(name string, call func(context.Context) (answer, error), failed error) error {
	again, err := s.bounded(call)
	for attempt := 1; isCut(err) && attempt < s.attempts(); attempt++ {
		pause()
		if errors.Is(err, seatmap.ErrOutcomeUnknown) {
			failed = err
		}
		again, err = s.bounded(call)
	}
	if err != nil {
		return failf("%s after a cut, in which it returned %v, returned %v", name, failed, err)
	}
	if again.replayed && !errors.Is(failed, seatmap.ErrOutcomeUnknown) {
		return failf("%s in a cut returned %v, but was carried out: a repetition with its key is Replayed", name, failed)
	}
	third, err := s.bounded(call)
	if err != nil || !third.replayed || third.token != again.token {
		return failf("%s with the same key once more after a cut returned %+v, %v, not %+v", name, third, err, again)
	}
	return nil
}

// follow watches until a seat is taken, and goes on from the last cursor after errors: each
// change must follow the one before, or a gap and a snapshot come.
func (s *session) follow(ctx context.Context, seat string, watching chan<- struct{}, mended <-chan struct{}) error {
	var from seatmap.Cursor
	begun, gap := false, false
	for attempt := 0; ; attempt++ {
		for change, err := range s.store.Watch(ctx, seatmap.WatchRequest{Event: s.event, From: from}) {
			if err != nil {
				if !begun || !isCut(err) || attempt == s.attempts() {
					return err
				}
				break
			}
			switch {
			case change.Kind == seatmap.ChangeGap:
				gap = true
			case change.Kind == seatmap.ChangeSnapshot && begun && !gap:
				return failf("a snapshot comes without a gap")
			case change.Kind == seatmap.ChangeSnapshot:
				gap = false
				taken := func(one seatmap.SeatInfo) bool {
					return one.Seat == seat && one.State != seatmap.SeatAvailable
				}
				if slices.ContainsFunc(change.Snapshot, taken) {
					return nil
				}
			case gap || change.Previous != from:
				return failf("a change %v follows %v, but names %v as its predecessor", change.Kind, from, change.Previous)
			case slices.Contains(change.Seats, seat):
				return nil
			}
			if from = change.Cursor; !begun {
				begun = true
				close(watching)
			}
		}
		select {
		case <-mended:
			pause()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
