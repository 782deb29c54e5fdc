package seatmap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// This file is every check of a request, in the order in which the errors come:
//
//	ErrClosed                    Map.check; under the lock, Plan.end
//	the context's error          Map.check
//	ErrInvalid…                  check with the name of the method; in it, the order is that
//	                             of the event, user, key, seats, duration
//	ErrUnknownEvent              Map.find, Map.findToken, which says ErrToken of the zero Token
//	ErrExists                    Map.Create
//	ErrUnknownSeat               event.seats, Plan.checkKnown
//	ErrKeyReused                 event.recall
//	ErrSoldOut                   Plan.free, Plan.choose, and without a lock Plan.refusal
//	*TakenError, ErrNotEnough    likewise
//	ErrLimit                     event.allow, event.allowExtend
//	ErrExpired, ErrToken         Plan.find
//	ErrInvalidSeats              Plan.part: seats that the token does not cover
//
// The last one needs a token that is good, so it comes after the others.

// check returns why the method can do nothing.
func (m *Map) check(ctx context.Context, method string) error {
	m.mustBeMade(method)
	if m.closed.Load() {
		return ErrClosed
	}
	return done(ctx)
}

// mustBeMade panics if NewMap did not make m.
func (m *Map) mustBeMade(method string) {
	if m.self != m {
		m.panicNotMade(method)
	}
}

func (m *Map) panicNotMade(method string) { panic(notMade("Map", method, m.self != nil)) }

// notMade returns what a method panics with when its object was not made by its
// constructor, or is a copy of one that was.
func notMade(kind, method string, copied bool) error {
	state := "not made by New" + kind
	if copied {
		state = "a copy"
	}
	if method != "" {
		method = "." + method
	}
	return fmt.Errorf("seatmap: %s%s: %s", kind, method, state)
}

// done returns an error that wraps the error of a context that is done, and its
// cause.
func done(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); !errors.Is(cause, err) {
		return fmt.Errorf("seatmap: %w: %w", err, cause)
	}
	return fmt.Errorf("seatmap: %w", context.Cause(ctx))
}

// mustBeValid panics if an option of NewMap is out of range.
func mustBeValid(o *MapOptions) {
	switch {
	case o.SweepEvery < 0:
		panic(fmt.Errorf("seatmap: NewMap: SweepEvery is %v, which is negative", o.SweepEvery))
	case o.Ring < 0 || o.Ring > maxRing:
		panic(fmt.Errorf("seatmap: NewMap: Ring is %d, not 0 to %d", o.Ring, maxRing))
	case o.Keys < 0:
		panic(fmt.Errorf("seatmap: NewMap: Keys is %d, which is negative", o.Keys))
	}
}

// checkPlan checks what NewPlan is given. It panics about the clock.
func checkPlan(c *PlanOptions) error {
	if c.Clock != nil && c.Clock.self != c.Clock {
		panic(notMade("Clock", "", c.Clock.self != nil))
	}
	if len(c.Name) > MaxName {
		return fmt.Errorf("%w: %d bytes, more than %d", ErrInvalidEvent, len(c.Name), MaxName)
	}
	if c.Seats < 1 || c.Seats > MaxSeats {
		return fmt.Errorf("%w: %d seats, not 1 to %d", ErrInvalidLayout, c.Seats, MaxSeats)
	}
	for _, seat := range c.Closed {
		if seat < 0 || seat >= c.Seats {
			return fmt.Errorf("%w: closes seat %d of %d", ErrInvalidLayout, seat, c.Seats)
		}
	}
	return nil
}

func checkCreate(r *CreateRequest) (*labels, []int, error) {
	if err := checkEvent(r.Event); err != nil {
		return nil, nil, err
	}
	if r.Limits.Seats < 0 || r.Limits.Holds < 0 || r.Limits.Lifetime < 0 {
		return nil, nil, fmt.Errorf("%w: %+v", ErrInvalidLimits, r.Limits)
	}
	return r.Layout.labels()
}

func checkBlock(r *BlockRequest) error {
	if err := checkGrant(r.Event, r.User, r.Key); err != nil {
		return err
	}
	if err := checkNamed(r.Seats); err != nil {
		return err
	}
	return checkTTL(r.TTL)
}

func checkBlockAny(r *BlockAnyRequest) error {
	if err := checkGrant(r.Event, r.User, r.Key); err != nil {
		return err
	}
	if err := checkN(r.N); err != nil {
		return err
	}
	return checkTTL(r.TTL)
}

func checkBook(r *BookRequest) error {
	if !r.Key.IsZero() || r.User != "" {
		if err := checkUser(r.User); err != nil {
			return err
		}
	}
	if err := checkKey(r.Key); err != nil {
		return err
	}
	return checkPart(r.Seats)
}

func checkHolds(r *HoldsRequest) error {
	if err := checkEvent(r.Event); err != nil {
		return err
	}
	return checkUser(r.User)
}

// checkGrant checks what Block and BlockAny have in common.
func checkGrant(event, user string, key Key) error {
	if err := checkEvent(event); err != nil {
		return err
	}
	if err := checkUser(user); err != nil {
		return err
	}
	return checkKey(key)
}

func checkEvent(name string) error { return checkName(name, ErrInvalidEvent) }

func checkUser(name string) error { return checkName(name, ErrInvalidUser) }

func checkName(name string, invalid error) error {
	if name == "" || len(name) > MaxName {
		return fmt.Errorf("%w: %d bytes, not 1 to %d", invalid, len(name), MaxName)
	}
	return nil
}

func checkKey(key Key) error {
	if !key.IsZero() && len(*key.text) > MaxName {
		return fmt.Errorf("%w: %d bytes, more than %d", ErrInvalidKey, len(*key.text), MaxName)
	}
	return nil
}

// checkNamed says whether seats, of a request that must name some, are a choice:
// at least one, each once.
func checkNamed[T cmp.Ordered](seats []T) error {
	if len(seats) == 0 {
		return fmt.Errorf("%w: none named", ErrInvalidSeats)
	}
	return checkOnce(seats)
}

// checkPart says whether seats, of a request in which nil means all, are a choice.
func checkPart[T cmp.Ordered](seats []T) error {
	if seats == nil {
		return nil
	}
	return checkNamed(seats)
}

// checkOnce says whether each seat is named once.
func checkOnce[T cmp.Ordered](seats []T) error {
	if len(seats) > 16 {
		if len(seats) > MaxSeats {
			return fmt.Errorf("%w: %d named, more than %d", ErrInvalidSeats, len(seats), MaxSeats)
		}
		seats = slices.Sorted(slices.Values(seats))
		for i := range seats[1:] {
			if seats[i] == seats[i+1] {
				return namedTwice(seats[i])
			}
		}
		return nil
	}
	for i := 1; i < len(seats); i++ {
		if slices.Contains(seats[:i], seats[i]) {
			return namedTwice(seats[i])
		}
	}
	return nil
}

func namedTwice[T any](seat T) error {
	return fmt.Errorf("%w: seat %s named twice", ErrInvalidSeats, truncate(fmt.Sprint(seat)))
}

func checkN(n int) error {
	if n < 1 || n > MaxSeats {
		return fmt.Errorf("%w: %d asked for, not 1 to %d", ErrInvalidSeats, n, MaxSeats)
	}
	return nil
}

func checkTTL(ttl time.Duration) error {
	if ttl <= 0 || ttl > MaxTTL {
		return fmt.Errorf("%w: %v, not above 0 and at most %v", ErrInvalidTTL, ttl, MaxTTL)
	}
	return nil
}

// find returns the event that a request names.
func (m *Map) find(name string) (*event, error) {
	e, ok := m.events.Load(name)
	if !ok {
		return nil, unknownEvent(name)
	}
	return e, nil
}

// findToken returns the event of a token.
func (m *Map) findToken(t *Token) (*event, error) {
	if *t == (Token{}) {
		return nil, fmt.Errorf("%w: it is zero", ErrToken)
	}
	return m.find(t.Event)
}

func unknownEvent(name string) error { return fmt.Errorf("%w: %q", ErrUnknownEvent, truncate(name)) }

// look finds the event of a request that asks for nothing else.
func (m *Map) look(ctx context.Context, method, name string) (*event, error) {
	if err := m.check(ctx, method); err != nil {
		return nil, err
	}
	if err := checkEvent(name); err != nil {
		return nil, err
	}
	return m.find(name)
}

// seats translates labels, of which no two are the same. Nil stays nil.
func (e *event) seats(to []int, labels []string) ([]int, error) {
	if labels == nil {
		return nil, nil
	}
	for _, label := range labels {
		seat, ok := e.plan.labels.seat(label)
		if !ok {
			return nil, fmt.Errorf("%w: %q", ErrUnknownSeat, truncate(label))
		}
		to = append(to, seat)
	}
	return to, nil
}

// checkKnown says whether there are such seats.
func (p *Plan) checkKnown(seats []int) error {
	for _, seat := range seats {
		if uint(seat) >= uint(p.count) {
			return fmt.Errorf("%w: %d of %d", ErrUnknownSeat, seat, p.count)
		}
	}
	return nil
}

// checkPart says whether seats, where nil means all, can be acted upon.
func (p *Plan) checkPart(seats []int) error {
	if p.end != nil || seats == nil {
		return p.end
	}
	if err := checkNamed(seats); err != nil {
		return err
	}
	return p.checkKnown(seats)
}

// findResult returns the answer that the same question got before, or nil.
func (e *event) findResult(now int64, q *keyedRequest) (*result, error) {
	a := e.keys.find(q)
	if a == nil {
		return nil, nil
	}
	if a.until == 0 && e.plan.expireToken(now, &a.hold.Token) {
		a = e.keys.find(q) // it moved in the queue, or out of it
	}
	if a == nil || a.until != 0 && a.until <= now {
		return nil, nil
	}
	if a.fingerprint != q.fingerprint {
		return nil, &KeyError{differs: q.fingerprint.differs(a.fingerprint)}
	}
	return a, nil
}

// checkFree says why not all of the seats are available, or returns nil. On its way
// it ends holds that are over.
func (p *Plan) checkFree(now int64, seats []int) error {
	for _, seat := range seats {
		if p.expireIfDue(now, seat) {
			continue
		}
		if p.soldOut(now) {
			return ErrSoldOut
		}
		return p.takenError(seat)
	}
	return nil
}

// allTaken returns the error that names all seats which are not available.
func (e *event) allTaken(now int64, seats []int) error {
	var list []int
	for _, seat := range seats {
		if state, _ := e.plan.stateAt(now, uint32(seat)); state != SeatAvailable {
			list = append(list, seat)
		}
	}
	return &TakenError{of: &taken{plan: e.plan, list: list}, seat: int32(list[0])}
}

// checkLimits says whether a user may have n more seats for so long.
func (e *event) checkLimits(now int64, user string, n int, ttl time.Duration) error {
	l := e.limits
	if err := e.checkLifetime(int64(ttl)); err != nil {
		return err
	}
	if l.Seats == 0 && l.Holds == 0 {
		return nil
	}
	within := func() bool {
		seats, holds := e.users.of(user)
		return (l.Seats == 0 || n <= l.Seats-seats) && (l.Holds == 0 || holds < l.Holds)
	}
	if within() {
		return nil
	}
	for _, head := range e.users.heads(e.plan, user) {
		if e.plan.deadline(head) <= now {
			e.plan.expire(head)
		}
	}
	if within() {
		return nil
	}
	return fmt.Errorf("%w: %d seats and %d holds a user", ErrLimit, l.Seats, l.Holds)
}

// checkLifetime says whether a hold may last so long after its grant.
func (e *event) checkLifetime(lasts int64) error {
	if l := e.limits.Lifetime; l > 0 && lasts > int64(l) {
		return fmt.Errorf("%w: a hold lasts %v at most", ErrLimit, l)
	}
	return nil
}

// find returns where the hold or booking of the token begins.
//
// A token that the plan did not give out, changed be it by a bit, is ErrToken,
// whether or not what it names is over. One that it did give out, whose hold or
// booking is not known or over, is ErrExpired.
func (p *Plan) find(now int64, t *Token, state SeatState) (head uint32, err error) {
	head, live := p.headOfToken(t)
	if !live {
		if t.Fence == 0 || t.Event != p.name || !t.tag.is(p.tags.of(t.Fence).with(t.seat)) {
			return 0, ErrToken
		}
		return 0, ErrExpired
	}
	word := p.word(int(head))
	switch SeatState(word & stateMask) {
	case state:
		if state != SeatBlocked || int64(word>>stateBits) > now {
			return head, nil
		}
	case SeatBlocked:
		if int64(word>>stateBits) > now {
			return 0, fmt.Errorf("%w: of a hold, not of a booking", ErrToken)
		}
	case SeatBooked:
		return 0, fmt.Errorf("%w: of a booking, not of a hold", ErrToken)
	case SeatAvailable, SeatClosed:
	}
	p.expire(head)
	return 0, ErrExpired
}

// headOfToken returns where the hold or booking of the token begins, if the plan knows
// it and the token is good. It may be one that is over and not swept.
func (p *Plan) headOfToken(t *Token) (head uint32, ok bool) {
	head = t.seat
	if t.Fence == 0 {
		return 0, false
	}
	if int64(head) >= int64(p.count) || p.records[head].fence != t.Fence {
		if head, ok = p.headOf[t.Fence]; !ok {
			return 0, false
		}
	}
	r := &p.records[head]
	return head, r.tag.is(t.tag) && r.first == t.seat && t.Event == p.name
}

// expireToken ends the hold of the token if it is over, and says whether it was.
func (p *Plan) expireToken(now int64, t *Token) bool {
	head, ok := p.headOfToken(t)
	if !ok {
		return false
	}
	if word := p.word(int(head)); SeatState(word&stateMask) != SeatBlocked || int64(word>>stateBits) > now {
		return false
	}
	p.expire(head)
	return true
}

// part returns the seats to act upon: those named, which must belong to the
// hold or booking that begins at head, or all of it.
func (p *Plan) part(head uint32, seats []int) ([]uint32, error) {
	if seats == nil {
		p.seatBuf = p.seats(p.seatBuf[:0], head)
		return p.seatBuf, nil
	}
	part := p.seatBuf[:0]
	state := p.word(int(head)) & stateMask
	for _, seat := range seats {
		if p.records[seat].head != head || p.word(seat)&stateMask != state {
			return nil, fmt.Errorf("%w: seat %s is not covered by the token", ErrInvalidSeats, truncate(p.labels.label(seat)))
		}
		part = append(part, uint32(seat))
	}
	p.seatBuf = part
	return part, nil
}
