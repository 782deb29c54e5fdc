package seatmap_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
)

const mostSeats = 6

// growOp is a call on a Map with one event that gets more seats.
type growOp struct {
	op    string
	seat  int
	fence uint64 // of the token used
}

type growAnswer struct {
	kind  string
	fence uint64
	seen  []uint64
}

// growState is what the event is like: how many seats it has, and the fences of their holds.
type growState struct {
	count int
	seats [mostSeats]uint64
}

func (s growState) step(in growOp, out growAnswer) (bool, growState) {
	free := false
	for _, fence := range s.seats[:s.count] {
		free = free || fence == 0
	}
	switch in.op {
	case "add":
		s.count++
		return out.kind == "ok", s
	case "look":
		return fmt.Sprint(out.seen) == fmt.Sprint(s.seats[:s.count]), s
	case "release":
		for i := range s.seats {
			if s.seats[i] == in.fence {
				s.seats[i] = 0
				return out.kind == "ok", s
			}
		}
		return out.kind == seatmap.ErrExpired.Error(), s
	}
	switch {
	case in.seat >= s.count:
		return out.kind == seatmap.ErrUnknownSeat.Error(), s
	case !free: // a refusal that races with the sale of the last seat may name its own
		return out.kind == seatmap.ErrSoldOut.Error() || out.kind == seatmap.ErrTaken.Error(), s
	case s.seats[in.seat] != 0:
		return out.kind == seatmap.ErrTaken.Error(), s
	}
	s.seats[in.seat] = out.fence
	return out.kind == "ok", s
}

// TestAddingSeatsIsLinearizable has one client add seats, and others get and give back old
// and new ones. Most of them are refused without the lock.
func TestAddingSeatsIsLinearizable(t *testing.T) {
	model := porcupine.Model{
		Init: func() any { return growState{count: 1} },
		Step: func(state, input, output any) (bool, any) {
			return state.(growState).step(input.(growOp), output.(growAnswer))
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v → %+v", input, output) },
	}
	testkit.Stress(t, func(t *testing.T, round int) {
		m := seatmap.NewMap(seatmap.MapOptions{Manual: true})
		defer func() { require.NoError(t, m.Close()) }()
		require.NoError(t, create(m, 1))
		var r testkit.Recorder
		var mu sync.Mutex
		var tokens []seatmap.Token
		do := func(in growOp, token seatmap.Token) (out growAnswer) {
			var err error
			switch in.op {
			case "add":
				_, err = m.AddSeats(ctx, seatmap.AddSeatsRequest{Event: event, Layout: seatmap.Layout{Count: 1}, Actor: "op"})
			case "look":
				var s seatmap.Snapshot
				s, err = m.Seats(ctx, seatmap.SeatsRequest{Event: event})
				for _, seat := range s.Seats {
					out.seen = append(out.seen, seat.Fence)
				}
			case "release":
				err = release(m, token)
			default:
				var h seatmap.Hold
				h, err = m.Block(ctx, seatmap.BlockRequest{Event: event, User: "ann", Seats: []string{strconv.Itoa(in.seat + 1)}, TTL: time.Hour})
				if out.fence = h.Token.Fence; err == nil {
					mu.Lock()
					tokens = append(tokens, h.Token)
					mu.Unlock()
				}
			}
			out.kind = kind(err)
			return out
		}
		testkit.Parallel(4, func(client int) {
			rng := rand.New(rand.NewPCG(uint64(round), uint64(client)))
			for i := range 16 {
				in, token := growOp{op: []string{"block", "block", "block", "release", "look"}[rng.IntN(5)]}, seatmap.Token{}
				switch {
				case client == 0 && i%3 == 2:
					in.op = "add"
				case in.op == "block":
					in.seat = rng.IntN(mostSeats)
				case in.op == "release":
					mu.Lock()
					if len(tokens) > 0 {
						token = tokens[max(0, len(tokens)-3)+rng.IntN(min(3, len(tokens)))]
					}
					mu.Unlock()
					if in.fence = token.Fence; in.fence == 0 {
						continue
					}
				}
				r.Do(client, in, func() any { return do(in, token) })
			}
		})
		r.Linearizable(t, model)
	})
}

// TestSeatsThatAreAddedAreSoldOnce has many goroutines get, give back and be refused seats
// of an event that grows over several blocks of 512.
func TestSeatsThatAreAddedAreSoldOnce(t *testing.T) {
	const first, most = 700, 2000
	m := newEvent(t, first, seatmap.Limits{}, seatmap.MapOptions{Manual: true})
	var owners [most]sync.Mutex
	var mu sync.Mutex
	known := first
	testkit.Parallel(4, func(client int) {
		rng := rand.New(rand.NewPCG(1, uint64(client)))
		for range 3000 {
			mu.Lock()
			n := known
			mu.Unlock()
			if more := rng.IntN(7); client == 0 && n+more <= most && more > 0 {
				_, err := m.AddSeats(ctx, seatmap.AddSeatsRequest{Event: event, Layout: seatmap.Layout{Count: more}, Actor: "op"})
				if err != nil {
					t.Error(err)
				}
				n += more
				mu.Lock()
				known = n
				mu.Unlock()
			}
			seat := rng.IntN(4)
			if rng.IntN(2) == 0 {
				seat = n - 1 - rng.IntN(4)
			}
			h, err := m.Block(ctx, seatmap.BlockRequest{Event: event, User: "ann", Seats: []string{strconv.Itoa(seat + 1)}, TTL: time.Hour})
			if err != nil {
				if kind(err) != seatmap.ErrTaken.Error() {
					t.Error(err)
				}
				continue
			}
			if !owners[seat].TryLock() {
				t.Errorf("seat %d has two owners", seat+1)
				return
			}
			runtime.Gosched()
			owners[seat].Unlock()
			if err := release(m, h.Token); err != nil {
				t.Error(err)
			}
		}
	})
	counts, err := m.Counts(ctx, seatmap.CountsRequest{Event: event})
	require.NoError(t, err)
	require.Equal(t, seatmap.Counts{Available: known}, counts)
	require.Greater(t, known, 1500)
}
