package seatmap_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
)

var ctx = context.Background()

// oracle is a seat map as one would write it without a thought for speed: a list
// of grants, each with its seats, looked through from end to end for every
// question.
type oracle struct {
	seats  int
	closed []string
	limits seatmap.Limits
	grants []*grant
	keys   map[string]*remembered
}

type grant struct {
	token  seatmap.Token
	user   string
	seats  []string
	booked bool
	born   time.Time
	until  time.Time // of a hold
	over   bool
}

type remembered struct {
	request string
	seats   []string
	token   seatmap.Token
	grant   *grant
	forget  time.Time // once the grant is over
}

func (o *oracle) live() (grants []*grant) {
	for _, g := range o.grants {
		if !g.over && !g.booked && !time.Now().Before(g.until) {
			g.over = true
		}
		if !g.over {
			grants = append(grants, g)
		}
	}
	return grants
}

func (o *oracle) holder(seat string) *grant {
	for _, g := range o.live() {
		if slices.Contains(g.seats, seat) {
			return g
		}
	}
	return nil
}

func (o *oracle) state(seat string) (seatmap.State, *grant) {
	if slices.Contains(o.closed, seat) {
		return seatmap.Closed, nil
	}
	switch g := o.holder(seat); {
	case g == nil:
		return seatmap.Available, nil
	case g.booked:
		return seatmap.Booked, g
	default:
		return seatmap.Blocked, g
	}
}

func (o *oracle) all() (seats []string) {
	for i := range o.seats {
		seats = append(seats, strconv.Itoa(i+1))
	}
	return seats
}

func (o *oracle) available() []string {
	return slices.DeleteFunc(o.all(), func(s string) bool { st, _ := o.state(s); return st != seatmap.Available })
}

func (o *oracle) limit(user string, n int, ttl time.Duration) string {
	seats, holds := n, 1
	for _, g := range o.live() {
		if g.user == user {
			seats += len(g.seats)
			if !g.booked {
				holds++
			}
		}
	}
	l := o.limits
	if l.Seats > 0 && seats > l.Seats || l.Holds > 0 && holds > l.Holds || l.Lifetime > 0 && ttl > l.Lifetime {
		return seatmap.ErrLimit.Error()
	}
	return "ok"
}

// block says what Block must answer.
func (o *oracle) block(user string, seats []string, ttl time.Duration) string {
	if len(slices.Compact(slices.Sorted(slices.Values(seats)))) < len(seats) {
		return seatmap.ErrInvalid.Error()
	}
	if len(without(seats, o.all())) > 0 {
		return seatmap.ErrUnknownSeat.Error()
	}
	free := o.available()
	if len(free) == 0 {
		return seatmap.ErrSoldOut.Error()
	}
	for _, s := range seats {
		if !slices.Contains(free, s) {
			return seatmap.ErrTaken.Error()
		}
	}
	return o.limit(user, len(seats), ttl)
}

// any says which seats BlockAny must take.
func (o *oracle) any(n int, prefix string, adjacent bool) ([]string, string) {
	free := o.available()
	if len(free) == 0 {
		return nil, seatmap.ErrSoldOut.Error()
	}
	var run []string
	for _, s := range o.all() {
		if slices.Contains(free, s) && strings.HasPrefix(s, prefix) {
			run = append(run, s)
		} else if adjacent {
			run = nil
		}
		if len(run) == n {
			return run, "ok"
		}
	}
	return nil, seatmap.ErrNotEnough.Error()
}

// use says what a call with the token of a grant must answer.
func (o *oracle) use(g *grant, booked bool, seats []string) string {
	o.live()
	switch {
	case seats != nil && len(seats) == 0:
		return seatmap.ErrInvalid.Error()
	case g.over:
		return seatmap.ErrExpired.Error()
	case g.booked != booked:
		return seatmap.ErrToken.Error()
	case len(without(seats, g.seats)) > 0:
		return seatmap.ErrInvalid.Error()
	}
	return "ok"
}

// take removes seats, or all of them when none is named, from a grant.
func (o *oracle) take(g *grant, seats []string) []string {
	if len(seats) == 0 {
		seats = g.seats
	}
	g.seats = without(g.seats, seats)
	if len(g.seats) == 0 {
		g.over = true
		for _, r := range o.keys {
			if r.grant == g {
				r.forget = time.Now().Add(seatmap.KeyMemory)
			}
		}
	}
	return seats
}

func TestMapBehavesLikeTheOracle(t *testing.T) {
	for _, manual := range []bool{true, false} {
		t.Run(fmt.Sprintf("manual=%v", manual), func(t *testing.T) {
			testkit.Check(t, func(t *rapid.T) {
				runModel(t, seatmap.Options{Manual: manual, SweepEvery: time.Second})
			})
		})
	}
}

func runModel(t *rapid.T, options seatmap.Options) {
	m, err := seatmap.NewMap(options)
	require.NoError(t, err)
	defer func() { require.NoError(t, m.Close()) }()
	o := &oracle{seats: rapid.IntRange(1, 8).Draw(t, "seats"), keys: map[string]*remembered{}}
	if o.seats > 1 && rapid.Bool().Draw(t, "closed") {
		o.closed = []string{"2"}
	}
	if rapid.Bool().Draw(t, "limited") {
		o.limits = seatmap.Limits{Seats: 4, Holds: 2, Lifetime: 10 * time.Second}
	}
	require.NoError(t, m.Create(ctx, seatmap.CreateRequest{
		Event: event, Layout: seatmap.Layout{Count: o.seats, Closed: o.closed}, Limits: o.limits,
	}))
	var fence uint64
	granted := func(user string, h seatmap.Hold, seats []string, ttl time.Duration) *grant {
		require.Greater(t, h.Token.Fence, fence)
		require.Equal(t, seats, h.Seats)
		require.Equal(t, user, h.User)
		require.Equal(t, time.Now().UnixNano(), h.At.UnixNano())
		require.Equal(t, time.Now().Add(ttl).UnixNano(), h.Until.UnixNano())
		fence = h.Token.Fence
		g := &grant{token: h.Token, user: user, seats: slices.Clone(seats), born: time.Now(), until: time.Now().Add(ttl)}
		o.grants = append(o.grants, g)
		return g
	}
	seat := rapid.Map(rapid.IntRange(0, o.seats+1), strconv.Itoa)
	user := rapid.SampledFrom([]string{"ann", "bob"})
	key := rapid.SampledFrom([]string{"", "", "", "k1", "k2"})
	ttl := rapid.Map(rapid.IntRange(1, 12), func(n int) time.Duration { return time.Duration(n) * time.Second })
	pick := func(t *rapid.T) *grant {
		if len(o.grants) == 0 {
			t.Skip("no grant yet")
		}
		return rapid.SampledFrom(o.grants).Draw(t, "grant")
	}
	// recall compares with what the same request with the same key got.
	recall := func(user, key, request string) (*remembered, string) {
		r := o.keys[user+" "+key]
		if key == "" || r == nil {
			return nil, ""
		}
		o.live()
		if r.grant.over && r.forget.IsZero() { // it ended by expiry
			r.forget = r.grant.until.Add(seatmap.KeyMemory)
		}
		if r.grant.over && !time.Now().Before(r.forget) {
			return nil, "forgotten"
		}
		if r.request != request {
			return nil, seatmap.ErrKeyReused.Error()
		}
		return r, "ok"
	}
	t.Repeat(map[string]func(*rapid.T){
		"block": func(t *rapid.T) {
			u, k, d := user.Draw(t, "user"), key.Draw(t, "key"), ttl.Draw(t, "ttl")
			seats := rapid.SliceOfN(seat, 1, 4).Draw(t, "seats")
			list := rapid.Bool().Draw(t, "list")
			request := fmt.Sprint("block", seats, d)
			h, err := m.Block(ctx, seatmap.BlockRequest{Event: event, User: u, Key: seatmap.NewKey(k), Seats: seats, TTL: d, ListTaken: list})
			want := o.block(u, seats, d)
			if want != seatmap.ErrUnknownSeat.Error() && want != seatmap.ErrInvalid.Error() {
				r, answer := recall(u, k, request)
				if answer == "forgotten" { // it may still be there
					if err == nil && h.Token == o.keys[u+" "+k].token || kind(err) == seatmap.ErrKeyReused.Error() {
						return
					}
					answer = ""
				}
				if r != nil {
					require.NoError(t, err)
					require.Equal(t, r.token, h.Token)
					require.Equal(t, r.seats, h.Seats)
					return
				}
				if answer != "" {
					want = answer
				}
			}
			require.Equal(t, want, kind(err))
			if err != nil {
				require.Zero(t, h)
				return
			}
			g := granted(u, h, seats, d)
			if k != "" {
				o.keys[u+" "+k] = &remembered{request: request, seats: seats, token: h.Token, grant: g}
			}
		},
		"any": func(t *rapid.T) {
			u, d, n := user.Draw(t, "user"), ttl.Draw(t, "ttl"), rapid.IntRange(1, o.seats).Draw(t, "n")
			where := seatmap.Where{
				Prefix:   rapid.SampledFrom([]string{"", "1", "9"}).Draw(t, "prefix"),
				Adjacent: rapid.Bool().Draw(t, "adjacent"),
			}
			seats, want := o.any(n, where.Prefix, where.Adjacent)
			if want == "ok" {
				want = o.limit(u, n, d)
			}
			h, err := m.BlockAny(ctx, seatmap.BlockAnyRequest{Event: event, User: u, N: n, Where: where, TTL: d})
			require.Equal(t, want, kind(err))
			if err == nil {
				granted(u, h, seats, d)
			}
		},
		"book": func(t *rapid.T) {
			g := pick(t)
			seats := some(t, g.seats)
			want := o.use(g, false, seats)
			b, err := book(m, g.token, seats...)
			require.Equal(t, want, kind(err))
			if err != nil {
				return
			}
			require.Greater(t, b.Token.Fence, fence)
			fence = b.Token.Fence
			taken := o.take(g, seats)
			require.ElementsMatch(t, taken, b.Seats)
			o.grants = append(o.grants, &grant{token: b.Token, user: g.user, seats: taken, booked: true, born: time.Now()})
		},
		"release": func(t *rapid.T) {
			g := pick(t)
			seats := some(t, g.seats)
			want := o.use(g, false, seats)
			require.Equal(t, want, kind(release(m, g.token, seats...)))
			if want == "ok" {
				o.take(g, seats)
			}
		},
		"cancel": func(t *rapid.T) {
			g := pick(t)
			seats := some(t, g.seats)
			want := o.use(g, true, seats)
			require.Equal(t, want, kind(cancel(m, g.token, seats...)))
			if want == "ok" {
				o.take(g, seats)
			}
		},
		"extend": func(t *rapid.T) {
			g, d := pick(t), ttl.Draw(t, "ttl")
			want := o.use(g, false, nil)
			until := time.Now().Add(d)
			if o.limits.Lifetime > 0 && d > o.limits.Lifetime {
				want = seatmap.ErrLimit.Error() // whatever the token
			}
			if want == "ok" && o.limits.Lifetime > 0 && until.Sub(g.born) > o.limits.Lifetime {
				want = seatmap.ErrLimit.Error()
			}
			h, err := extend(m, g.token, d)
			require.Equal(t, want, kind(err))
			if err == nil {
				if until.After(g.until) {
					g.until = until
				}
				require.Equal(t, g.until.UnixNano(), h.Until.UnixNano())
				require.ElementsMatch(t, g.seats, h.Seats)
			}
		},
		"forge": func(t *rapid.T) {
			g := pick(t)
			_, err := book(m, seatmap.Damaged(g.token, rapid.IntRange(0, seatmap.TokenBits-1).Draw(t, "bit")))
			require.ErrorIs(t, err, seatmap.ErrToken)
		},
		"time": func(t *rapid.T) {
			testkit.Advance(time.Duration(rapid.IntRange(1, 4000).Draw(t, "ms")) * time.Millisecond)
		},
		"much time": func(t *rapid.T) {
			if !options.Manual {
				t.Skip("a clock that ticks every millisecond takes long, even in fake time")
			}
			testkit.Advance(seatmap.KeyMemory + time.Minute)
		},
		"sweep": func(t *rapid.T) {
			_, err := m.Sweep(ctx)
			require.NoError(t, err)
		},
		"": func(t *rapid.T) { compare(t, m, o) },
	})
}

// some draws seats, mostly of those given; none at times.
func some(t *rapid.T, seats []string) []string {
	chosen := rapid.SliceOfNDistinct(rapid.SampledFrom(append(slices.Clone(seats), "1")), 0, 3, rapid.ID).Draw(t, "some")
	if len(chosen) == 0 && rapid.IntRange(0, 3).Draw(t, "nothing") > 0 {
		return nil // all
	}
	return chosen
}

// compare compares all that the map reports with the oracle.
func compare(t *rapid.T, m *seatmap.Map, o *oracle) {
	s, err := m.Seats(ctx, seatmap.SeatsRequest{Event: event})
	require.NoError(t, err)
	require.Len(t, s.Seats, o.seats)
	var want seatmap.Counts
	for i, seat := range o.all() {
		state, g := o.state(seat)
		got := s.Seats[i]
		one, err := m.Seat(ctx, seatmap.SeatRequest{Event: event, Seat: seat})
		require.NoError(t, err)
		require.Equal(t, one, got)
		require.Equal(t, seat, got.Seat)
		require.Equal(t, state, got.State, seat)
		if g != nil {
			require.Equal(t, g.user, got.User)
			require.Equal(t, g.token.Fence, got.Fence)
			require.Equal(t, g.born.UnixNano(), got.At.UnixNano())
		}
		if state == seatmap.Blocked {
			require.Equal(t, g.until.UnixNano(), got.Until.UnixNano())
		}
		switch state {
		case seatmap.Available:
			want.Available++
		case seatmap.Blocked:
			want.Blocked++
		case seatmap.Booked:
			want.Booked++
		case seatmap.Closed:
			want.Closed++
		}
	}
	c, err := m.Counts(ctx, seatmap.CountsRequest{Event: event})
	require.NoError(t, err)
	require.Equal(t, want, c)
	for _, user := range []string{"ann", "bob"} {
		held := map[uint64][]string{}
		for _, g := range o.live() {
			if g.user == user && !g.booked {
				held[g.token.Fence] = slices.Sorted(slices.Values(g.seats))
			}
		}
		infos, err := m.Holds(ctx, seatmap.HoldsRequest{Event: event, User: user})
		require.NoError(t, err)
		got := map[uint64][]string{}
		for _, h := range infos {
			got[h.Fence] = slices.Sorted(slices.Values(h.Seats))
		}
		require.True(t, maps.EqualFunc(held, got, slices.Equal), "%v %v", held, got)
	}
}
