package seatmap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// This file has every check of a request, in the order in which the errors come:
//
//	ErrClosed                    Map.check; under the lock, Plan.end
//	the context's error          Map.check
//	ErrInvalid…                  the function check… of the method, which checks the event,
//	                             user, key, seats, duration, reference and quotas in that order
//	ErrUnavailable               under the lock, Plan.end; event.whileMoved
//	ErrKeyReused                 eventKeys.repeats, of Create and Remove
//	ErrUnknownEvent              check…, or Map.findToken, which returns ErrToken for the zero Token
//	ErrExists                    Map.Create
//	ErrUnknownSeat               event.seats, event.places, event.page, event.counts, Plan.checkKnown
//	ErrKeyReused                 event.repeats
//	ErrSoldOut                   Plan.checkFree, Plan.choose, Plan.chooseWhere, and without a lock Plan.refusal
//	*TakenError, ErrNotEnough    likewise; of places Plan.checkPlaces, and without a lock Plan.refusalOf
//	ErrLimit                     event.checkLimits, event.checkLifetime
//	ErrExpired, ErrToken         Plan.find, event.findPart
//	ErrInvalidSeats              Plan.part: seats and places that the token does not cover
//
// The last one needs a valid token, so it comes after the others.

// check returns why the method can do nothing.
func (m *Map) check(ctx context.Context, method string) error {
	m.mustBeMade(method)
	if m.closed.Load() {
		return ErrClosed
	}
	if ctx == nil {
		panic(fmt.Errorf("seatmap: Map.%s: the context is nil", method))
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
	if c.Name != "" {
		if err := checkEvent(c.Name); err != nil {
			return err
		}
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
	if err := checkKey(r.Key); err != nil {
		return nil, nil, err
	}
	if r.Limits.Seats < 0 || r.Limits.Holds < 0 || r.Limits.Lifetime < 0 || r.Limits.Payment < 0 {
		return nil, nil, fmt.Errorf("%w: %+v", ErrInvalidLimits, r.Limits)
	}
	return r.Layout.labels()
}

func checkRemove(r *RemoveRequest) error {
	if err := checkEvent(r.Event); err != nil {
		return err
	}
	return checkKey(r.Key)
}

// The checks of requests about an event get the event, or nil if there is none. An
// event that exists has a valid name, which saves looking at the name.

func checkBlock(e *event, r *BlockRequest) error {
	if err := checkGrant(e, r.Event, r.User, r.Key); err != nil {
		return err
	}
	if err := checkWanted(r.Seats, r.Places); err != nil {
		return err
	}
	if err := checkTTL(r.TTL); err != nil {
		return err
	}
	if r.Reference != "" {
		if err := checkReference(r.Reference); err != nil {
			return err
		}
	}
	if r.Quotas != nil {
		if err := checkQuotas(r.Quotas); err != nil {
			return err
		}
	}
	return e.exists(r.Event)
}

func checkBlockAny(e *event, r *BlockAnyRequest) error {
	if err := checkGrant(e, r.Event, r.User, r.Key); err != nil {
		return err
	}
	if err := checkN(r.N); err != nil {
		return err
	}
	if err := checkWhere(&r.Where); err != nil {
		return err
	}
	if err := checkTTL(r.TTL); err != nil {
		return err
	}
	if r.Reference != "" {
		if err := checkReference(r.Reference); err != nil {
			return err
		}
	}
	if err := checkQuotas(r.Where.Quotas); err != nil {
		return err
	}
	return e.exists(r.Event)
}

func checkWhere(w *Where) error {
	if w.Singles > SinglesRefused || w.Singles != SinglesAllowed && !w.Adjacent {
		return fmt.Errorf("%w: singles %v, adjacent %t", ErrInvalidSeats, w.Singles, w.Adjacent)
	}
	return nil
}

func checkSeats(e *event, r *SeatsRequest) error {
	if err := e.checkName(r.Event); err != nil {
		return err
	}
	if r.Limit < 0 {
		return fmt.Errorf("%w: a page of %d", ErrInvalidSeats, r.Limit)
	}
	return e.exists(r.Event)
}

func checkHolds(e *event, r *HoldsRequest) error {
	if err := e.checkName(r.Event); err != nil {
		return err
	}
	if err := checkUser(r.User); err != nil {
		return err
	}
	return e.exists(r.Event)
}

// checkGrant checks what Block and BlockAny have in common.
func checkGrant(e *event, name, user string, key Key) error {
	if err := e.checkName(name); err != nil {
		return err
	}
	if err := checkUser(user); err != nil {
		return err
	}
	return checkKey(key)
}

// checkOwner checks the user and the key of a request with a token.
func checkOwner(user string, key Key) error {
	if key.IsZero() && user == "" {
		return nil
	}
	if err := checkUser(user); err != nil {
		return err
	}
	return checkKey(key)
}

func checkUser(name string) error { return checkName(name, ErrInvalidUser) }

// checkReference checks a reference, which may be empty.
func checkReference(text string) error {
	if text == "" {
		return nil
	}
	return checkName(text, ErrInvalidReference)
}

// checkQuotas checks the quotas of a request.
func checkQuotas(names []string) error {
	for _, name := range names {
		if err := checkName(name, ErrInvalidQuota); err != nil {
			return err
		}
	}
	return nil
}

func checkKey(key Key) error {
	if key.IsZero() || key.plain {
		return nil
	}
	return checkRunes(*key.text, ErrInvalidKey)
}

// checkNamed checks the seats of a request that must name some: at least one, and
// each once.
func checkNamed[T cmp.Ordered](seats []T) error {
	switch len(seats) {
	case 0:
		return fmt.Errorf("%w: none named", ErrInvalidSeats)
	case 1:
		return nil
	}
	return checkOnce(seats)
}

// checkWanted checks the seats and places of a request that must name some.
func checkWanted(seats []string, places map[string]int) error {
	if len(places) == 0 {
		return checkNamed(seats)
	}
	if len(seats) > 1 {
		if err := checkOnce(seats); err != nil {
			return err
		}
	}
	total := len(seats)
	for _, n := range places {
		if n < 1 || n > MaxSeats-total {
			return fmt.Errorf("%w: %d places, not 1 to %d with all others", ErrInvalidSeats, n, MaxSeats)
		}
		total += n
	}
	return nil
}

// checkPart checks the seats and places of a request in which nil means all.
func checkPart(seats []string, places map[string]int) error {
	if seats == nil && places == nil {
		return nil
	}
	return checkWanted(seats, places)
}

// checkOnce checks that each seat is named once.
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

// event returns the event of that name, or nil.
func (m *Map) event(name string) *event {
	e, _ := m.events.Load(name)
	return e
}

// checkName returns an error if e is nil and no event can have that name.
func (e *event) checkName(name string) error {
	if e != nil {
		return nil
	}
	return checkEvent(name)
}

// exists returns an error if e is nil, because there is no event of that name.
func (e *event) exists(name string) error {
	if e != nil {
		return nil
	}
	return unknownEvent(name)
}

// findToken returns the event of a token.
func (m *Map) findToken(t *Token) (*event, error) {
	if *t == (Token{}) {
		return nil, fmt.Errorf("%w: it is zero", ErrToken)
	}
	e := m.event(t.Event)
	return e, e.exists(t.Event)
}

func unknownEvent(name string) error { return fmt.Errorf("%w: %q", ErrUnknownEvent, truncate(name)) }

// look finds the event of a request that asks for nothing else.
func (m *Map) look(ctx context.Context, method, name string) (*event, error) {
	if err := m.check(ctx, method); err != nil {
		return nil, err
	}
	e := m.event(name)
	if err := e.checkName(name); err != nil {
		return nil, err
	}
	return e, e.exists(name)
}

// seats appends the indices of the labels, of which no two are the same. Nil stays
// nil.
func (e *event) seats(to []int, labels []string) ([]int, error) {
	if labels == nil {
		return nil, nil
	}
	for _, label := range labels {
		seat, ok := e.plan.labels().seat(label)
		if !ok {
			if err := e.whileMoved(); err != nil {
				return nil, err
			}
			return nil, fmt.Errorf("%w: %q", ErrUnknownSeat, truncate(label))
		}
		to = append(to, seat)
	}
	return to, nil
}

// whileMoved returns [ErrUnavailable] while the event is moved to another store.
func (e *event) whileMoved() error {
	if e == nil {
		return nil
	}
	e.plan.mu.Lock()
	defer e.plan.mu.Unlock()
	if e.plan.moving {
		return e.plan.end
	}
	return nil
}

// checkKnown checks that there are such seats.
func (p *Plan) checkKnown(seats []int) error {
	for _, seat := range seats {
		if uint(seat) >= uint(p.count) {
			return fmt.Errorf("%w: %d of %d", ErrUnknownSeat, seat, p.count)
		}
	}
	return nil
}

// checkPart checks the seats of a call in which nil means all.
func (p *Plan) checkPart(seats []int) error {
	if p.end != nil || seats == nil {
		return p.end
	}
	if err := checkNamed(seats); err != nil {
		return err
	}
	return p.checkKnown(seats)
}

// repeats returns the result of the same request with the same key if it was carried
// out before, or nil.
func (e *event) repeats(now int64, q *keyedRequest) (*result, error) {
	r := e.keys.find(q)
	if r != nil && r.until == 0 {
		if head, ok := e.plan.headOfToken(&r.hold.Token); ok {
			e.plan.expireHold(now, head)
		} else { // an operator has given the hold another token
			e.expireOf(now, r.hold.User)
		}
		r = e.keys.find(q) // it may have been queued, or forgotten
	}
	switch {
	case r == nil || r.until != 0 && r.until <= now:
		return nil, nil
	case r.fingerprint != q.fingerprint:
		return nil, &KeyError{differs: q.fingerprint.differs(r.fingerprint)}
	}
	return r, nil
}

// checkFree returns why not all of the seats are available, or nil. Those of these quotas
// are. It ends the holds of these seats whose deadline has passed.
func (p *Plan) checkFree(now int64, seats []int, quotas []string) error {
	for _, seat := range seats {
		if p.expireIfDue(now, seat) || p.isFor(quotas, uint32(seat), p.wordState(uint32(seat))) {
			continue
		}
		if p.soldOutFor(now, quotas) {
			return ErrSoldOut
		}
		if SeatState(p.word(seat)&stateMask) == SeatClosed {
			return p.closedError(seat)
		}
		return p.takenError(seat)
	}
	return nil
}

// allTaken returns the error that names all seats that are not available.
func (e *event) allTaken(now int64, seats []int, quotas []string) error {
	var list []int
	closed := false
	for _, seat := range seats {
		if state, _ := e.plan.stateAt(now, uint32(seat)); state != SeatAvailable && !e.plan.isFor(quotas, uint32(seat), state) {
			list = append(list, seat)
			closed = closed || state == SeatClosed
		}
	}
	return &TakenError{of: &taken{plan: e.plan, list: list, closed: closed}, seat: int32(list[0])}
}

// checkLimits returns an error if the user may not hold n more seats for ttl.
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
	if e.expireOf(now, user); within() {
		return nil
	}
	return fmt.Errorf("%w: at most %s", ErrLimit, l.perUser())
}

// expireOf ends the holds of the user whose deadline has passed.
func (e *event) expireOf(now int64, user string) {
	for _, head := range e.users.heads(e.plan, user, SeatBlocked) {
		e.plan.expireHold(now, head)
	}
}

// checkLifetime returns an error if no hold may last so long after its grant.
func (e *event) checkLifetime(lasts int64) error {
	if l := e.limits.Lifetime; l > 0 && lasts > int64(l) {
		return limitError("a hold", l)
	}
	return nil
}

func limitError(what string, l time.Duration) error {
	return fmt.Errorf("%w: %s lasts at most %v", ErrLimit, what, l)
}

// find returns where the hold or booking of the token begins.
//
// A token that the plan did not give out, even if only one bit was changed, is
// ErrToken, whether or not its hold or booking has ended. A token that the plan did
// give out, and whose hold or booking is not known or has ended, is ErrExpired.
func (p *Plan) find(now int64, t *Token, state SeatState) (head uint32, err error) {
	head, live := p.headOfToken(t)
	if !live {
		if t.Fence == 0 || t.Event != p.name || !p.tags.gaveOut(t) {
			return 0, ErrToken
		}
		return 0, ErrExpired
	}
	word := p.wordOf(head)
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

// findPart returns where the hold or booking of the token begins and which of its
// seats a request is about: those named, or all of them if seats is nil. If user is
// not empty, it must be the owner.
func (e *event) findPart(
	now int64, t *Token, user string, state SeatState, seats []int, places []somePlaces,
) (head uint32, part []uint32, err error) {
	p := e.plan
	head, err = p.find(now, t, state)
	if err != nil {
		return 0, nil, err
	}
	if user != "" && user != e.users.list[p.rec(head).user].name {
		return 0, nil, fmt.Errorf("%w: of another user", ErrToken)
	}
	part, err = p.part(head, seats, places)
	return head, part, err
}

// headOfToken returns where the hold or booking of the token begins, if the plan
// knows it and the token is valid. The hold may have ended and not be swept yet.
func (p *Plan) headOfToken(t *Token) (head uint32, ok bool) {
	if head, ok = p.headOfFence(t.seat, t.Fence); !ok {
		return 0, false
	}
	r := p.rec(head)
	return head, r.tag.is(t.tag) && r.first == t.seat && t.Event == p.name
}

// headOfFence returns where the hold or booking of a fence begins that began at that
// seat.
func (p *Plan) headOfFence(first uint32, fence uint64) (head uint32, ok bool) {
	if fence == 0 {
		return 0, false
	}
	if p.isEntry(first) && p.rec(first).fence == fence {
		return first, true
	}
	head, ok = p.headOf[fence]
	return head, ok
}

// expireHold ends the hold that begins at head if its deadline has passed, and reports
// whether it has.
func (p *Plan) expireHold(now int64, head uint32) bool {
	if word := p.wordOf(head); SeatState(word&stateMask) != SeatBlocked || int64(word>>stateBits) > now {
		return false
	}
	p.expire(head)
	return true
}

// part returns the seats and blocks to act upon: those named, which must belong to the
// hold or booking that begins at head, or all of it. The caller must be sure to act.
func (p *Plan) part(head uint32, seats []int, places []somePlaces) ([]uint32, error) {
	if seats == nil && places == nil {
		p.seatBuf = p.seats(p.seatBuf[:0], head)
		return p.seatBuf, nil
	}
	part := p.seatBuf[:0]
	state := p.wordOf(head) & stateMask
	for _, seat := range seats {
		if p.rec(uint32(seat)).head != head || p.word(seat)&stateMask != state {
			return nil, fmt.Errorf("%w: seat %s is not covered by the token", ErrInvalidSeats, truncate(p.labels().label(seat)))
		}
		part = append(part, uint32(seat))
	}
	part, err := p.partOfPlaces(part, head, places)
	if err == nil {
		p.seatBuf = part
	}
	return part, err
}
