package seatmap_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
)

const linearSeats = 3

// mapOp is a call on a Map with one event of linearSeats seats, by one user.
type mapOp struct {
	op    string
	seats []int
	n     int
	short bool   // the hold is over before any other call
	fence uint64 // of the token used
	key   int    // 0 for none
}

// request is what a key stands for.
func (o mapOp) request() string { return fmt.Sprint(o.op, o.seats, o.n, o.short, o.fence) }

type mapAnswer struct {
	kind     string
	fence    uint64
	seats    []int
	replayed bool
	seen     [linearSeats]int64
}

// mapState is what the event is like.
type mapState struct {
	exists bool
	last   uint64 // the highest fence of all events of the name
	before uint64 // the highest fence when the event was made
	// seats has the fence of the hold of each seat; that of a booking is negative.
	seats [linearSeats]int64
	keys  [3]struct {
		request string
		fence   uint64
		seats   [linearSeats]bool
	}
}

func (s mapState) of(fence int64) (seats []int) {
	for seat, f := range s.seats {
		if f == fence {
			seats = append(seats, seat)
		}
	}
	return seats
}

// grant returns the state after seats were given to a new fence, which must be
// the highest.
func (s mapState) grant(in mapOp, out mapAnswer, seats []int, value int64) (bool, mapState) {
	ok := out.kind == "ok" && out.fence > s.last && !out.replayed && slices.Equal(seats, out.seats)
	s.last = out.fence
	if in.key > 0 {
		k := &s.keys[in.key]
		k.request, k.fence, k.seats = in.request(), out.fence, [linearSeats]bool{}
		for _, seat := range seats {
			k.seats[seat] = true
		}
	}
	for _, seat := range seats {
		s.seats[seat] = value
	}
	return ok, s
}

// recall says whether the key has an answer and if so, whether it is this one.
func (s mapState) recall(in mapOp, out mapAnswer) (known, same bool) {
	k := s.keys[in.key]
	if in.key == 0 || k.fence == 0 {
		return false, false
	}
	if k.request != in.request() {
		return true, out.kind == seatmap.ErrKeyReused.Error()
	}
	var seats [linearSeats]bool
	for _, seat := range out.seats {
		seats[seat] = true
	}
	return true, out.kind == "ok" && out.replayed && out.fence == k.fence && seats == k.seats
}

func (s mapState) step(in mapOp, out mapAnswer) (bool, mapState) {
	is := func(err error) bool { return out.kind == err.Error() }
	switch {
	case in.op == "create":
		if s.exists {
			return is(seatmap.ErrExists), s
		}
		return out.kind == "ok", mapState{exists: true, last: s.last, before: s.last}
	case !s.exists:
		return is(seatmap.ErrUnknownEvent), s
	case in.op == "remove":
		return out.kind == "ok", mapState{last: s.last}
	case in.op == "look":
		return out.kind == "ok" && out.seen == s.seats, s
	}
	if known, same := s.recall(in, out); known {
		return same, s
	}
	free := s.of(0)
	value := int64(out.fence)
	if in.short {
		value = 0
	}
	switch in.op {
	case "block":
		switch {
		case len(free) == 0: // a refusal that races with the sale of the last seat may name its own
			return is(seatmap.ErrSoldOut) || is(seatmap.ErrTaken), s
		case len(without2(in.seats, free)) > 0:
			return is(seatmap.ErrTaken), s
		}
		return s.grant(in, out, in.seats, value)
	case "any":
		switch {
		case len(free) == 0:
			return is(seatmap.ErrSoldOut), s
		case len(free) < in.n:
			return is(seatmap.ErrNotEnough), s
		}
		return s.grant(in, out, free[:in.n], value)
	}
	fence := int64(in.fence)
	if in.op == "cancel" {
		fence = -fence
	}
	held := s.of(fence)
	part := in.seats
	if part == nil {
		part = held
	}
	switch {
	case len(held) == 0 || in.fence <= s.before:
		return is(seatmap.ErrExpired), s
	case len(without2(part, held)) > 0:
		return is(seatmap.ErrInvalid), s
	case in.op == "extend":
		return out.kind == "ok" && out.fence == in.fence, s
	case in.op == "book":
		got := slices.Sorted(slices.Values(out.seats))
		ok, next := s.grant(in, out, part, -int64(out.fence))
		return ok || out.kind == "ok" && !out.replayed && out.fence > s.last && slices.Equal(got, slices.Sorted(slices.Values(part))), next
	}
	for _, seat := range part { // release, cancel
		s.seats[seat] = 0
	}
	return out.kind == "ok", s
}

func without2(all, some []int) []int {
	return slices.DeleteFunc(slices.Clone(all), func(s int) bool { return slices.Contains(some, s) })
}

var mapModel = porcupine.Model{
	Init: func() any { return mapState{exists: true} },
	Step: func(state, input, output any) (bool, any) {
		return state.(mapState).step(input.(mapOp), output.(mapAnswer))
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v → %+v", input, output) },
}

// mapClients is a map that several clients call, with the tokens that they use in
// turn.
type mapClients struct {
	m        *seatmap.Map
	fine     bool // the clock; otherwise there are no short holds
	r        testkit.Recorder
	mu       sync.Mutex
	holds    []seatmap.Token
	bookings []seatmap.Token
}

// clockIsFine reports whether the clock moves between any two calls.
func clockIsFine() bool {
	for range 10 { // this goroutine may be preempted
		testkit.NextTick()
		start := time.Now()
		testkit.NextTick()
		if time.Since(start) < 10*time.Microsecond {
			return true
		}
	}
	return false
}

// TestMapIsLinearizable has porcupine look for an order that explains what a few
// clients saw of an event: with several seats a request, keys, holds that are over
// at once, parts, and an event that is removed and made again.
func TestMapIsLinearizable(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, round int) {
		m := seatmap.NewMap(seatmap.MapOptions{Manual: true})
		defer func() { require.NoError(t, m.Close()) }()
		require.NoError(t, create(m, linearSeats))
		c := &mapClients{m: m, fine: clockIsFine()}
		testkit.Parallel(4, func(client int) {
			rng := rand.New(rand.NewPCG(uint64(round), uint64(client)))
			for range 16 {
				c.call(client, rng)
			}
		})
		c.r.Linearizable(t, mapModel)
	})
}

func (c *mapClients) call(client int, rng *rand.Rand) {
	in := mapOp{op: []string{
		"block", "block", "any", "any", "book", "book", "release", "extend", "cancel", "look", "create", "remove",
	}[rng.IntN(12)]}
	if in.op == "remove" && rng.IntN(3) > 0 {
		in.op = "block"
	}
	var token seatmap.Token
	switch in.op {
	case "block":
		in.seats, in.short, in.key = rng.Perm(linearSeats)[:1+rng.IntN(2)], rng.IntN(3) == 0, rng.IntN(3)
	case "any":
		in.n, in.short, in.key = 1+rng.IntN(linearSeats), rng.IntN(3) == 0, rng.IntN(3)
	case "book", "release", "extend", "cancel":
		c.mu.Lock()
		tokens := c.holds
		if in.op == "cancel" {
			tokens = c.bookings
		}
		c.mu.Unlock()
		if len(tokens) == 0 {
			return
		}
		token = tokens[max(0, len(tokens)-4)+rng.IntN(min(4, len(tokens)))]
		in.fence = token.Fence
		if in.op != "extend" && rng.IntN(2) == 0 {
			in.seats = []int{rng.IntN(linearSeats)}
		}
		if in.op == "book" {
			in.key = rng.IntN(3)
		}
	}
	in.short = in.short && c.fine
	c.r.Do(client, in, func() any { return c.do(in, token) })
}

func (c *mapClients) do(in mapOp, token seatmap.Token) (out mapAnswer) {
	var key seatmap.Key
	if in.key > 0 {
		key = seatmap.NewKey("key" + strconv.Itoa(in.key))
	}
	ttl := time.Hour
	if in.short {
		ttl = 1
	}
	var labels []string
	for _, seat := range in.seats {
		labels = append(labels, strconv.Itoa(seat+1))
	}
	var h seatmap.Hold
	var err error
	keep := &c.holds
	switch in.op {
	case "create":
		err = create(c.m, linearSeats)
	case "remove":
		err = remove(c.m)
	case "block":
		h, err = c.m.Block(ctx, seatmap.BlockRequest{Event: event, User: "ann", Key: key, Seats: labels, TTL: ttl})
	case "any":
		h, err = c.m.BlockAny(ctx, seatmap.BlockAnyRequest{Event: event, User: "ann", Key: key, N: in.n, TTL: ttl})
	case "book":
		var b seatmap.Booking
		b, err = c.m.Book(ctx, seatmap.BookRequest{Token: token, User: "ann", Key: key, Seats: labels})
		h, keep = seatmap.Hold{Token: b.Token, Seats: b.Seats, Replayed: b.Replayed}, &c.bookings
	case "release":
		err = release(c.m, token, labels...)
	case "cancel":
		err = cancel(c.m, token, labels...)
	case "extend":
		h, err = extend(c.m, token, time.Hour)
		keep = nil
	case "look":
		var s seatmap.Snapshot
		s, err = c.m.Seats(ctx, seatmap.SeatsRequest{Event: event})
		for i := range s.Seats {
			if out.seen[i] = int64(s.Seats[i].Fence); s.Seats[i].State == seatmap.SeatBooked {
				out.seen[i] = -out.seen[i]
			}
		}
	}
	out.kind, out.fence, out.replayed = kind(err), h.Token.Fence, h.Replayed
	for _, label := range h.Seats {
		seat, _ := strconv.Atoi(label)
		out.seats = append(out.seats, seat-1)
	}
	if err == nil && keep != nil && h.Token.Fence > 0 && !h.Replayed {
		c.mu.Lock()
		*keep = append(*keep, h.Token)
		c.mu.Unlock()
	}
	return out
}
