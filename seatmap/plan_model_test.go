package seatmap_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
)

// planOp is a call on a Plan of a few seats; what it answered is a planAnswer.
type planOp struct {
	op    string
	seats []int
	fence uint64 // of the token used
}

type planAnswer struct {
	kind  string
	fence uint64
	seen  string // the whole plan, by fence
}

// planState is the fence that holds or has booked each seat; a booked one is
// negative.
type planState [4]int64

func (s planState) with(seats []int, fence int64) planState {
	for _, seat := range seats {
		s[seat] = fence
	}
	return s
}

func (s planState) of(fence int64) (seats []int) {
	for seat, f := range s {
		if f == fence {
			seats = append(seats, seat)
		}
	}
	return seats
}

// planModel says in which orders the history of a plan of n seats can have
// happened. Fences are the answers' own.
func planModel(n int) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return planState{} },
		Step: func(state, input, output any) (bool, any) {
			s, in, out := state.(planState), input.(planOp), output.(planAnswer)
			switch in.op {
			case "block":
				free := !slices.ContainsFunc(in.seats, func(seat int) bool { return s[seat] != 0 })
				if out.kind == "ok" {
					return free, s.with(in.seats, int64(out.fence))
				}
				soldOut := !slices.Contains(s[:n], 0)
				// A refusal that races with the sale of the last seat may still name its own.
				return !free && (soldOut || out.kind == seatmap.ErrTaken.Error()), s
			case "book":
				held := s.of(int64(in.fence))
				if out.kind == "ok" {
					return len(held) > 0, s.with(held, -int64(out.fence))
				}
				return len(held) == 0, s
			case "release":
				held := s.of(int64(in.fence))
				return (out.kind == "ok") == (len(held) > 0), s.with(held, 0)
			case "cancel":
				held := s.of(-int64(in.fence))
				return (out.kind == "ok") == (len(held) > 0), s.with(held, 0)
			default: // a snapshot
				return out.seen == s.String(), s
			}
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v → %+v", input, output) },
	}
}

func (s planState) String() string {
	for i := range s {
		s[i] = max(s[i], -s[i])
	}
	return fmt.Sprint([4]int64(s))
}

// TestPlanIsLinearizable lets a few clients loose on a plan of n seats and has
// porcupine look for an order that explains what they saw. With one seat,
// histories can be long; with several, the whole event is one object, and they
// are short.
func TestPlanIsLinearizable(t *testing.T) {
	for _, c := range []struct{ seats, clients, calls int }{{1, 6, 60}, {4, 4, 14}} {
		t.Run(fmt.Sprintf("seats=%d", c.seats), func(t *testing.T) {
			testkit.Stress(t, func(t *testing.T, round int) {
				clock := seatmap.NewClock()
				defer clock.Close()
				p := newPlan(t, c.seats, clock)
				var r testkit.Recorder
				var mu sync.Mutex // of the tokens, which clients use in turn
				var holds, bookings []seatmap.Token
				testkit.Parallel(c.clients, func(client int) {
					rng := rand.New(rand.NewPCG(uint64(round), uint64(client)))
					pick := func(tokens *[]seatmap.Token) (token seatmap.Token, ok bool) {
						mu.Lock()
						defer mu.Unlock()
						if len(*tokens) == 0 {
							return token, false
						}
						return (*tokens)[rng.IntN(len(*tokens))], true
					}
					keep := func(tokens *[]seatmap.Token, token seatmap.Token) {
						mu.Lock()
						defer mu.Unlock()
						*tokens = append(*tokens, token)
					}
					for range c.calls {
						callPlan(p, &r, client, rng, c.seats, pick, keep, &holds, &bookings)
					}
				})
				r.Linearizable(t, planModel(c.seats))
			})
		})
	}
}

func callPlan(
	p *seatmap.Plan, r *testkit.Recorder, client int, rng *rand.Rand, seats int,
	pick func(*[]seatmap.Token) (seatmap.Token, bool), keep func(*[]seatmap.Token, seatmap.Token),
	holds, bookings *[]seatmap.Token,
) {
	switch rng.IntN(6) {
	case 0, 1:
		in := planOp{op: "block", seats: rng.Perm(seats)[:1+rng.IntN(min(seats, 3))]}
		r.Do(client, in, func() any {
			token, err := p.Block(1, time.Hour, in.seats...)
			if err == nil {
				keep(holds, token)
			}
			return planAnswer{kind: kind(err), fence: token.Fence}
		})
	case 2:
		token, ok := pick(holds)
		if !ok {
			return
		}
		r.Do(client, planOp{op: "book", fence: token.Fence}, func() any {
			booking, err := p.Book(token)
			if err == nil {
				keep(bookings, booking)
			}
			return planAnswer{kind: kind(err), fence: booking.Fence}
		})
	case 3:
		if token, ok := pick(holds); ok {
			r.Do(client, planOp{op: "release", fence: token.Fence}, func() any {
				return planAnswer{kind: kind(p.Release(token))}
			})
		}
	case 4:
		if token, ok := pick(bookings); ok {
			r.Do(client, planOp{op: "cancel", fence: token.Fence}, func() any {
				return planAnswer{kind: kind(p.Cancel(token))}
			})
		}
	default:
		r.Do(client, planOp{op: "look"}, func() any {
			all, err := p.Seats()
			if err != nil {
				return planAnswer{kind: kind(err)}
			}
			var s planState
			for i := range all {
				s[i] = int64(all[i].Fence)
			}
			return planAnswer{kind: "ok", seen: s.String()}
		})
	}
}

// TestNoSeatHasTwoHoldersWhenHoldsExpire checks with real time, where porcupine's
// model has no clock: between the grant of a seat and its deadline, or the
// return of its release, no other grant of it may begin and end.
func TestNoSeatHasTwoHoldersWhenHoldsExpire(t *testing.T) {
	type tenure struct {
		from, to time.Time // surely held between these
		fence    uint64
	}
	testkit.Stress(t, func(t *testing.T, round int) {
		const seats = 3
		clock := seatmap.NewClock()
		defer clock.Close()
		p := newPlan(t, seats, clock)
		var mu sync.Mutex
		tenures := make([][]tenure, seats)
		var booked [seats]uint64
		testkit.Parallel(8, func(client int) {
			rng := rand.New(rand.NewPCG(uint64(round), uint64(client)))
			for range 300 {
				ttl := time.Duration(1+rng.IntN(50)) * time.Microsecond
				want := rng.Perm(seats)[:1+rng.IntN(seats)]
				before := time.Now()
				token, err := p.Block(uint64(client), ttl, want...)
				after := time.Now()
				if err != nil {
					if !errors.Is(err, seatmap.ErrTaken) {
						t.Error(err)
					}
					continue
				}
				held := tenure{from: after, to: before.Add(ttl), fence: token.Fence}
				switch rng.IntN(3) {
				case 0:
					start := time.Now()
					if err := p.Release(token); err == nil && start.Before(held.to) {
						held.to = start
					}
				case 1:
					booking, err := p.Book(token)
					switch done := time.Now(); {
					case err == nil && rng.IntN(4) > 0:
						start := time.Now()
						held.to = start
						if err := p.Cancel(booking); err != nil {
							t.Error("a booking is nobody else's to end:", err)
						}
					case err == nil:
						mu.Lock()
						for _, seat := range want {
							if booked[seat] != 0 {
								t.Error("booked twice")
							}
							booked[seat] = booking.Fence
						}
						mu.Unlock()
						held.to = done.Add(time.Hour)
					case !errors.Is(err, seatmap.ErrExpired):
						t.Error(err)
					case done.Before(held.to):
						t.Error("refused before the deadline:", held.to.Sub(done))
					}
				}
				mu.Lock()
				for _, seat := range want {
					tenures[seat] = append(tenures[seat], held)
				}
				mu.Unlock()
			}
		})
		for seat := range tenures {
			slices.SortFunc(tenures[seat], func(a, b tenure) int { return int(int64(a.fence) - int64(b.fence)) })
			for i := 1; i < len(tenures[seat]); i++ {
				a, b := tenures[seat][i-1], tenures[seat][i]
				from, to := a.from, a.to
				if b.from.After(from) {
					from = b.from
				}
				if b.to.Before(to) {
					to = b.to
				}
				require.Falsef(t, from.Before(to), "seat %d: grants %d and %d both held for %v", seat, a.fence, b.fence, to.Sub(from))
			}
		}
	})
}

// TestPlanBehavesLikeTheOracle uses all of a Plan together, in fake time. The
// oracle's label of a seat is one more than its index.
func TestPlanBehavesLikeTheOracle(t *testing.T) {
	testkit.Check(t, func(t *rapid.T) {
		o := &oracle{seats: rapid.IntRange(1, 8).Draw(t, "seats")}
		config := seatmap.PlanOptions{Name: "plan", Seats: o.seats}
		if o.seats > 1 && rapid.Bool().Draw(t, "closed") {
			o.closed, config.Closed = []string{"2"}, []int{1, 1}
		}
		p, err := seatmap.NewPlan(config)
		require.NoError(t, err)
		defer p.Close()
		invalid := func(seats []int) bool {
			return len(seats) == 0 || len(slices.Compact(slices.Sorted(slices.Values(seats)))) < len(seats)
		}
		labels := func(seats []int) (labels []string) {
			for _, seat := range seats {
				labels = append(labels, strconv.Itoa(seat+1))
			}
			return labels
		}
		granted := func(t *rapid.T, g *grant) {
			require.Equal(t, uint64(len(o.grants)+1), g.token.Fence)
			g.of, g.user, g.born = o, "1", time.Now()
			o.grants = append(o.grants, g)
		}
		someSeats := rapid.SliceOfN(rapid.IntRange(-1, o.seats), 0, 4)
		// pick draws a grant and seats, and says what a call must answer.
		pick := func(t *rapid.T, booked bool) (g *grant, seats []int, want string) {
			if len(o.grants) == 0 {
				t.Skip("no grant yet")
			}
			g = rapid.SampledFrom(o.grants).Draw(t, "grant")
			if rapid.Bool().Draw(t, "part") {
				seats = append([]int{}, someSeats.Draw(t, "some")...)
				if invalid(seats) {
					return g, seats, seatmap.ErrInvalid.Error()
				}
			}
			return g, seats, o.use(g, booked, labels(seats), nil)
		}
		t.Repeat(map[string]func(*rapid.T){
			"block": func(t *rapid.T) {
				seats, d := someSeats.Draw(t, "seats"), someTTL.Draw(t, "ttl")
				want := seatmap.ErrInvalid.Error()
				if !invalid(seats) {
					want = o.block("1", labels(seats), nil, d)
				}
				token, err := p.Block(1, d, seats...)
				require.Equal(t, want, kind(err))
				if err == nil {
					granted(t, &grant{token: token, seats: labels(seats), until: time.Now().Add(d)})
				}
			},
			"any": func(t *rapid.T) {
				n, adjacent, d := rapid.IntRange(0, 9).Draw(t, "n"), rapid.Bool().Draw(t, "adjacent"), someTTL.Draw(t, "ttl")
				chosen, want := []string(nil), seatmap.ErrInvalid.Error()
				if n > 0 {
					chosen, want = o.any(n, seatmap.Where{Adjacent: adjacent})
				}
				token, seats, err := p.BlockAny(1, d, n, adjacent)
				require.Equal(t, want, kind(err))
				if err == nil {
					require.Equal(t, chosen, labels(seats))
					granted(t, &grant{token: token, seats: chosen, until: time.Now().Add(d)})
				}
			},
			"book": func(t *rapid.T) {
				g, seats, want := pick(t, false)
				token, err := p.Book(g.token, seats...)
				require.Equal(t, want, kind(err))
				if err == nil {
					taken, _ := o.take(g, labels(seats), nil)
					granted(t, &grant{token: token, seats: slices.Clone(taken), booked: true})
				}
			},
			"release": func(t *rapid.T) {
				g, seats, want := pick(t, false)
				require.Equal(t, want, kind(p.Release(g.token, seats...)))
				if want == "ok" {
					o.take(g, labels(seats), nil)
				}
			},
			"cancel": func(t *rapid.T) {
				g, seats, want := pick(t, true)
				require.Equal(t, want, kind(p.Cancel(g.token, seats...)))
				if want == "ok" {
					o.take(g, labels(seats), nil)
				}
			},
			"extend": func(t *rapid.T) {
				g, _, _ := pick(t, false)
				d := someTTL.Draw(t, "ttl")
				want := o.use(g, false, nil, nil)
				left, err := p.Extend(g.token, d)
				require.Equal(t, want, kind(err))
				if err == nil {
					g.until = time.Now().Add(max(d, time.Until(g.until)))
					require.Equal(t, time.Until(g.until), left)
				}
			},
			"forge": func(t *rapid.T) {
				g, _, _ := pick(t, false)
				damaged := seatmap.Damaged(g.token, rapid.IntRange(0, seatmap.TokenBits-1).Draw(t, "bit"))
				require.ErrorIs(t, p.Release(damaged), seatmap.ErrToken)
				require.ErrorIs(t, p.Cancel(damaged), seatmap.ErrToken)
			},
			"time": func(t *rapid.T) {
				testkit.Advance(rapid.SampledFrom([]time.Duration{time.Second, 3 * time.Second, 24 * time.Hour}).Draw(t, "d"))
			},
			"sweep": func(t *rapid.T) {
				if holds, more := p.Sweep(rapid.IntRange(-1, 9).Draw(t, "limit")); more {
					require.Positive(t, holds)
				}
			},
			"": func(t *rapid.T) {
				all, err := p.Seats()
				require.NoError(t, err)
				for i, label := range o.all() {
					state, g := o.state(label)
					one, err := p.Seat(i)
					require.NoError(t, err)
					require.Equal(t, one, all[i])
					want := seatmap.PlanSeat{State: state}
					if g != nil {
						want.User, want.Fence = 1, g.token.Fence
						if !g.booked {
							want.Left = time.Until(g.until)
						}
					}
					require.Equal(t, want, one)
				}
			},
		})
		p.Close()
		for name, call := range planCalls {
			require.ErrorIs(t, call(&ask{p: p, ttl: hold, n: 1}), seatmap.ErrClosed, name)
		}
	})
}
