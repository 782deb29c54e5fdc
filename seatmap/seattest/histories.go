package seattest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coderrange/ferrous/seatmap"
)

// historySeats are the seats of a history: few, so that requests compete.
var historySeats = []string{"1", "2", "3"}

// histories checks that an order explains what several goroutines are answered, also if
// they use two clients.
func histories(s *session) error {
	rounds := 8
	if testing.Short() {
		rounds = 3
	}
	stores := []seatmap.Store{s.store}
	if s.Another != nil {
		other, err := s.Another(s.store)
		if err != nil {
			return wrap("Another", err)
		}
		defer func() { _ = other.Close() }()
		stores = append(stores, other)
	}
	for round := range rounds {
		if err := s.history(stores, fmt.Sprintf("%s-%d", s.event, round), nil); err != nil {
			return err
		}
	}
	return nil
}

// crowd is several goroutines that use one event.
type crowd struct {
	*session
	event    string
	cut      *cut // nil if the network is not cut
	now      atomic.Int64
	mu       sync.Mutex
	acts     []*act
	holds    []seatmap.Token
	bookings []seatmap.Token
	left     time.Duration // of the short hold that has the most
}

// history has several goroutines use an event, and checks what they are answered.
func (s *session) history(stores []seatmap.Store, event string, c *cut) error {
	_, err := s.store.Create(s.ctx, seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: len(historySeats)}})
	if err != nil {
		return wrap("Create", err)
	}
	const goroutines, requests = 4, 20
	all := &crowd{session: s, event: event, cut: c}
	seed := rand.Uint64()
	errs := make([]error, goroutines)
	var ended sync.WaitGroup
	for g := range goroutines {
		ended.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(g)))
			for i := range requests {
				a, call := all.next(random, stores[(g+i)%len(stores)], fmt.Sprintf("%d-%d", g, i))
				if a == nil {
					continue
				}
				if errs[g] = all.do(a, call); errs[g] != nil {
					break
				}
				if c != nil {
					c.did()
				}
			}
			if c != nil {
				c.ends()
			}
		})
	}
	if c != nil {
		err = c.run(s, goroutines)
	}
	ended.Wait()
	if err := errors.Join(append(errs, err)...); err != nil {
		return err
	}
	s.Advance(all.left + s.Resolution)
	h := &history{seats: historySeats, end: all.now.Add(1)}
	a, call := all.look(s.store)
	if err := all.do(a, call); err != nil {
		return err
	}
	h.acts = all.acts
	if err := h.check(); err != nil {
		return fmt.Errorf("with the seed %#x: %w", seed, err)
	}
	return nil
}

// answer is what a request of a history returns.
type answer struct {
	token    seatmap.Token
	seats    []string
	replayed bool
	left     time.Duration
	seen     []seatmap.SeatInfo
}

// next chooses a request; nil if there is nothing to do.
func (c *crowd) next(r *rand.Rand, store seatmap.Store, name string) (*act, func(context.Context) (answer, error)) {
	const user = "ann"
	a := &act{op: []string{opBlock, opBlock, opBlock, opAny, opBook, opBook, opRelease, opExtend, opCancel, opLook}[r.IntN(10)]}
	if c.cut != nil {
		a.key = name // so that its outcome can be found
	}
	token, ok := c.token(r, a.op)
	if !ok {
		a.op = opBlock
	}
	ttl := ttl
	switch a.op {
	case opLook:
		if l, ok := store.(seatmap.Lister); ok && r.IntN(2) == 0 {
			return c.list(l)
		}
		return c.look(store)
	case opBlock:
		choice := r.IntN(12)
		if a.short = choice%4 == 0; c.cut == nil && choice < 6 {
			a.key = strconv.Itoa(choice) // one of the requests that several clients make
		}
		a.part = []string{strconv.Itoa(1 + choice%len(historySeats))}
		if choice%2 == 1 {
			a.part = append(a.part, strconv.Itoa(1+(choice+1)%len(historySeats)))
		}
		if a.short {
			ttl = 20 * time.Millisecond
		}
	case opAny:
		ttl = 20 * time.Millisecond
		a.short = true
	default:
		a.token = token.Fence
		if a.op != opExtend && r.IntN(2) == 0 {
			a.part = []string{strconv.Itoa(1 + r.IntN(len(historySeats)))}
		}
	}
	key := seatmap.Key{}
	if a.key != "" {
		key = seatmap.NewKey(a.key)
	}
	n := 1 + r.IntN(2)
	part := slices.Clone(a.part)
	return a, func(ctx context.Context) (answer, error) {
		hold := func(h seatmap.Hold, err error) (answer, error) {
			return answer{token: h.Token, seats: h.Seats, replayed: h.Replayed, left: h.Left}, err
		}
		receipt := func(got seatmap.Receipt, err error) (answer, error) { return answer{replayed: got.Replayed}, err }
		switch a.op {
		case opBlock:
			return hold(store.Block(ctx, seatmap.BlockRequest{Event: c.event, User: user, Key: key, Seats: part, TTL: ttl}))
		case opAny:
			return hold(store.BlockAny(ctx, seatmap.BlockAnyRequest{Event: c.event, User: user, Key: key, N: n, TTL: ttl}))
		case opBook:
			b, err := store.Book(ctx, seatmap.BookRequest{Token: token, User: user, Key: key, Seats: part})
			return answer{token: b.Token, seats: b.Seats, replayed: b.Replayed}, err
		case opExtend:
			return hold(store.Extend(ctx, seatmap.ExtendRequest{Token: token, User: user, Key: key, TTL: ttl}))
		case opRelease:
			return receipt(store.Release(ctx, seatmap.ReleaseRequest{Token: token, User: user, Key: key, Seats: part}))
		}
		return receipt(store.Cancel(ctx, seatmap.CancelRequest{Token: token, User: user, Key: key, Seats: part}))
	}
}

// look is a request for all seats.
func (c *crowd) look(store seatmap.Store) (*act, func(context.Context) (answer, error)) {
	return &act{op: opLook}, func(ctx context.Context) (answer, error) {
		all, err := store.Seats(ctx, seatmap.SeatsRequest{Event: c.event})
		return answer{seen: all.Seats}, err
	}
}

// list is a request for all holds and bookings, which says the same.
func (c *crowd) list(l seatmap.Lister) (*act, func(context.Context) (answer, error)) {
	return &act{op: opLook}, func(ctx context.Context) (answer, error) {
		list, err := l.Grants(ctx, seatmap.GrantsRequest{Event: c.event})
		if err != nil {
			return answer{}, err
		}
		seen := map[string]seatmap.SeatInfo{}
		for _, g := range list.Grants {
			for _, seat := range g.Seats {
				if _, twice := seen[seat]; twice {
					return answer{}, failf("Grants has seat %s twice: %+v", seat, list.Grants)
				}
				seen[seat] = seatmap.SeatInfo{Seat: seat, State: g.State, Fence: g.Fence}
			}
		}
		var got answer
		for _, seat := range historySeats {
			one := seen[seat]
			one.Seat = seat
			got.seen = append(got.seen, one)
		}
		return got, nil
	}
}

// token returns one of the last tokens, as a client reads it.
func (c *crowd) token(r *rand.Rand, op string) (seatmap.Token, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	tokens := c.holds
	switch op {
	case opBlock, opAny, opLook:
		return seatmap.Token{}, true
	case opCancel:
		tokens = c.bookings
	}
	if len(tokens) == 0 {
		return seatmap.Token{}, false
	}
	last := min(4, len(tokens))
	return tokens[len(tokens)-last+r.IntN(last)], true
}

// do makes a request, again and again while the store is cut, and keeps its answer.
func (c *crowd) do(a *act, call func(context.Context) (answer, error)) error {
	a.from = c.now.Add(1)
	got, err := c.bounded(call)
	for attempt := 0; c.cut != nil && isCut(err); attempt++ {
		a.unsure = a.unsure || errors.Is(err, seatmap.ErrOutcomeUnknown)
		if err := c.cut.wait(c.session, attempt); err != nil {
			return err
		}
		got, err = c.bounded(call)
	}
	a.to = c.now.Add(1)
	a.fence, a.seats, a.replayed, a.err, a.seen = got.token.Fence, got.seats, got.replayed, err, got.seen
	if a.op == opExtend {
		a.fence = 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acts = append(c.acts, a)
	if err != nil || got.token == (seatmap.Token{}) || a.op == opExtend {
		return nil
	}
	token, err := seatmap.ParseToken(got.token.Reveal())
	if err != nil {
		return wrap("ParseToken", err)
	}
	if a.short {
		c.left = max(c.left, got.left)
	}
	if a.op == opBook {
		c.bookings = append(c.bookings, token)
	} else {
		c.holds = append(c.holds, token)
	}
	return nil
}
