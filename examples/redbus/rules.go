package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coderrange/ferrous/seatmap"
)

// rules is a scene with a store of its own. It checks what a million users do
// not meet: strangers, and the end of a hold that lasts for minutes.
type rules struct {
	ctx   context.Context //nolint:containedctx // it is that of the scene
	store store
	o     *outcome
}

// checkRules plays the scenes with the version.
func (o *outcome) checkRules(ctx context.Context, v version) error {
	play := func(ttl time.Duration, scene func(*rules)) (err error) {
		st, err := v.open(config{seats: 4, hold: ttl}, labels(4))
		if err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
		defer func() { err = errors.Join(err, st.close()) }()
		scene(&rules{ctx, st, o})
		return context.Cause(ctx)
	}
	if err := play(maxHold, (*rules).strangers); err != nil {
		return err
	}
	// On a busy machine a short hold may end before the scene has looked at it.
	before := o.faults
	for ttl, sure := 5*time.Millisecond, false; !sure && o.faults == before && ttl < 10*time.Second; ttl *= 4 {
		if err := play(ttl, func(r *rules) { sure = r.deadlines() }); err != nil {
			return err
		}
	}
	return nil
}

// strangers checks that a hold is its owner's alone.
func (r *rules) strangers() {
	h := r.block("owner", 0)
	other := r.block("other", 1)
	for _, forged := range []hold{
		{user: "stranger", seat: 0, at: h.at, until: h.until, fence: h.fence, token: seatmap.Token{Event: h.token.Event, Fence: h.fence}},
		{user: "stranger", seat: 0, at: h.at, until: h.until, fence: h.fence + 100, token: seatmap.Token{Event: h.token.Event, Fence: h.fence + 100}},
		{user: "stranger", seat: 2, at: h.at, until: h.until, token: seatmap.Token{Event: h.token.Event}},
	} {
		if _, err := r.store.book(r.ctx, forged); err == nil {
			r.o.wrong("a stranger could book seat %d", forged.seat+1)
		} else if !errors.Is(err, seatmap.ErrToken) && !errors.Is(err, seatmap.ErrExpired) {
			r.o.wrong("a stranger who books gets: %v", err)
		}
	}
	r.refused("stranger", 0)
	r.is(0, held(h))
	b := r.book(h)
	r.overFor(h, "its booking")
	r.refused("stranger", 0)
	r.is(0, booked(h, b))
	r.is(1, held(other))
	r.is(2, SeatStatus{})
}

// deadlines checks what happens when holds end. It reports whether it was quick
// enough to see holds before their end.
func (r *rules) deadlines() (sure bool) {
	lapsed, paid := r.block("lapses", 0), r.block("pays", 1)
	b, err := r.store.book(r.ctx, paid)
	if !r.before(paid) {
		return false
	}
	if err != nil {
		r.o.wrong("a hold could not be booked before its end: %v", err)
		return true
	}
	ttl := lapsed.until.Sub(lapsed.at)
	r.waitUntil(lapsed.at.Add(ttl * 3 / 4))
	status := r.status(0)
	if !r.before(lapsed) {
		return false
	}
	if !status.same(held(lapsed)) {
		r.o.wrong("a seat is %v before its hold ends", status)
	}

	r.waitUntil(paid.until)
	r.is(0, SeatStatus{})
	r.is(1, booked(paid, b))
	forged := lapsed
	forged.until = time.Now().Add(maxHold)
	r.overFor(lapsed, "its end")
	r.overFor(forged, "its end")
	second := r.rewin("second", 0)
	r.overFor(lapsed, "somebody else has the seat")
	status = r.status(0)
	if !r.before(second) {
		return false
	}
	if !status.same(held(second)) {
		r.o.wrong("a seat is %v, but was given to %s", status, second.user)
	}

	r.waitUntil(second.until.Add(ttl)) // a clean-up has had its time
	r.is(0, SeatStatus{})
	r.is(1, booked(paid, b))
	r.refused("stranger", 1)
	return true
}

func (r *rules) waitUntil(t time.Time) { _ = sleepUntil(r.ctx, t) } // if ctx ends, so does the check

// before says whether the hold is not over yet.
func (r *rules) before(h hold) bool { return r.ctx.Err() != nil || time.Now().Before(h.until) }

func held(h hold) SeatStatus { return SeatStatus{seatmap.SeatBlocked, h.user, h.at, h.fence} }

func booked(h hold, b booking) SeatStatus {
	return SeatStatus{seatmap.SeatBooked, h.user, b.at, b.fence}
}

// block blocks a seat, which must be free.
func (r *rules) block(user string, seat int) hold {
	h, err := r.store.block(r.ctx, user, seat)
	if err != nil {
		r.o.wrong("seat %d is free, but cannot be had: %v", seat+1, err)
	}
	return h
}

// rewin blocks a seat whose hold has just ended.
func (r *rules) rewin(user string, seat int) hold {
	for latest := time.Now().Add(lag); time.Now().Before(latest) && r.ctx.Err() == nil; {
		h, err := r.store.block(r.ctx, user, seat)
		if err == nil {
			return h
		}
		r.waitUntil(time.Now().Add(time.Millisecond))
	}
	return r.block(user, seat)
}

// book books a hold, which must be possible.
func (r *rules) book(h hold) booking {
	b, err := r.store.book(r.ctx, h)
	if err != nil {
		r.o.wrong("a hold could not be booked: %v", err)
	}
	return b
}

// overFor checks that the hold cannot be booked after something.
func (r *rules) overFor(h hold, after string) {
	if _, err := r.store.book(r.ctx, h); err == nil {
		r.o.wrong("a hold could be booked after %s", after)
	} else if !errors.Is(err, seatmap.ErrExpired) {
		r.o.wrong("a hold that is booked after %s: %v", after, err)
	}
}

// refused checks that the user does not get the seat.
func (r *rules) refused(user string, seat int) {
	if _, err := r.store.block(r.ctx, user, seat); err == nil {
		r.o.wrong("a seat could be had twice")
	} else if !errors.Is(err, seatmap.ErrTaken) {
		r.o.wrong("a seat that is taken: %v", err)
	}
}

// is checks the status of a seat.
func (r *rules) is(seat int, want SeatStatus) {
	if got := r.status(seat); !got.same(want) {
		r.o.wrong("a seat is %v, not %v", got, want)
	}
}

func (r *rules) status(seat int) SeatStatus {
	list, err := r.store.statuses(r.ctx)
	if err != nil || len(list) <= seat {
		r.o.wrong("%d seats: %v", len(list), err)
		return SeatStatus{}
	}
	return list[seat]
}
