package redisseat_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/redisseat"
)

// sale is what a client was told of one seat: its hold and, if it was quick enough, its
// booking.
type sale struct {
	seat string
	hold seatmap.Hold
	book seatmap.Booking
}

// sell has clients hold and book one seat after the other, until the server is killed. It
// calls told after each booking.
func sell(t *testing.T, store *redisseat.Store, clients, seats int, told func(n int64)) (all []sale) {
	t.Helper()
	var mu sync.Mutex
	var next, n atomic.Int64
	var ended sync.WaitGroup
	for c := range clients {
		ended.Go(func() {
			user := "user" + strconv.Itoa(c)
			for i := next.Add(1); i <= int64(seats); i = next.Add(1) {
				one := sale{seat: strconv.FormatInt(i, 10)}
				var err error
				one.hold, err = store.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: user, Seats: []string{one.seat}, TTL: time.Hour})
				if err != nil {
					return
				}
				one.book, err = store.Book(t.Context(), seatmap.BookRequest{Token: one.hold.Token})
				mu.Lock()
				all = append(all, one)
				mu.Unlock()
				if err != nil {
					return
				}
				told(n.Add(1))
			}
		})
	}
	ended.Wait()
	return all
}

// TestWhatAKillLosesWithEverysecIsConsistent kills a server that syncs once a second. What
// it has written and not synced yet is there if only the process ends; a loss of power takes
// it, which is what cutting the file stands for.
func TestWhatAKillLosesWithEverysecIsConsistent(t *testing.T) {
	for _, power := range []bool{false, true} {
		t.Run("power="+strconv.FormatBool(power), func(t *testing.T) {
			s := startServer(t, "--appendonly", "yes", "--appendfsync", "everysec")
			p := startProxy(t, s.address)
			store := open(t, p.options(s))
			defer func() { require.NoError(t, store.Close()) }()
			ctx := t.Context()
			const clients, seats = 64, 20_000
			kill := int64(3000)
			if testing.Short() {
				kill = 600
			}
			_, err := store.Create(ctx, seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: seats}})
			require.NoError(t, err)
			log := filepath.Join(s.dir, "appendonlydir", "appendonly.aof.1.incr.aof")
			var synced atomic.Int64 // bytes of the log
			all := sell(t, store, clients, seats, func(n int64) {
				switch n {
				case kill / 2:
					info, err := os.Stat(log)
					if err == nil {
						synced.Store(info.Size())
					}
				case kill:
					_ = s.process.Process.Kill()
				}
			})
			<-s.ended
			if power {
				require.Positive(t, synced.Load())
				require.NoError(t, os.Truncate(log, synced.Load()))
			}
			s.start()
			p.forwardTo(s.address)
			checkLoss(ctx, t, s, all, power)
		})
	}
}

// checkLoss checks what is left of the sales, and that what was lost is consistent.
func checkLoss(ctx context.Context, t *testing.T, s *server, all []sale, power bool) {
	t.Helper()
	store := open(t, s.options())
	defer func() { require.NoError(t, store.Close()) }()
	shot, err := store.Seats(ctx, seatmap.SeatsRequest{Event: "e"})
	require.NoError(t, err)
	now := map[string]seatmap.SeatInfo{}
	counts := seatmap.Counts{}
	held := map[string]uint64{}
	for _, seat := range shot.Seats {
		now[seat.Seat] = seat
		switch seat.State {
		case seatmap.SeatBlocked:
			held[seat.Seat] = seat.Fence
			counts.Blocked++
		case seatmap.SeatBooked:
			counts.Booked++
		default:
			counts.Available++
		}
	}
	got, err := store.Counts(ctx, seatmap.CountsRequest{Event: "e"})
	require.NoError(t, err)
	require.Equal(t, counts, got)

	holds, bookings, lostHolds, lostBookings := 0, 0, 0, 0
	var last uint64
	for _, one := range all {
		last = max(last, one.hold.Token.Fence, one.book.Token.Fence)
		seat := now[one.seat]
		isThere := seat.State == seatmap.SeatBooked && seat.Fence == one.book.Token.Fence
		if one.book.Token.Fence != 0 {
			if bookings++; !isThere {
				lostBookings++
			}
		}
		if holds++; seat.State == seatmap.SeatAvailable {
			lostHolds++
		}
		if seat.State != seatmap.SeatAvailable {
			require.Equal(t, one.hold.User, seat.User, "a seat has another owner")
		}
		if seat.State == seatmap.SeatBlocked { // its booking was lost, or not answered
			require.Equal(t, one.hold.Token.Fence, seat.Fence)
		}
	}
	t.Logf("of %d holds %d were lost, of %d bookings %d", holds, lostHolds, bookings, lostBookings)
	if power {
		require.Positive(t, lostBookings)
		require.Less(t, lostHolds, holds, "all is lost")
	}
	for _, user := range slices.Compact(slices.Sorted(func(yield func(string) bool) {
		for _, one := range all {
			if !yield(one.hold.User) {
				return
			}
		}
	})) {
		mine, err := store.Holds(ctx, seatmap.HoldsRequest{Event: "e", User: user})
		require.NoError(t, err)
		for _, h := range mine {
			for _, seat := range h.Seats {
				require.Equal(t, held[seat], h.Fence)
				delete(held, seat)
			}
		}
	}
	require.Empty(t, held, "seats are held and no user has them")

	for _, one := range all {
		seat := now[one.seat]
		if seat.State != seatmap.SeatAvailable {
			continue
		}
		_, err := store.Book(ctx, seatmap.BookRequest{Token: one.hold.Token})
		require.ErrorIs(t, err, seatmap.ErrExpired)
		if one.book.Token.Fence != 0 {
			_, err := store.Cancel(ctx, seatmap.CancelRequest{Token: one.book.Token})
			require.ErrorIs(t, err, seatmap.ErrExpired)
		}
		h, err := store.Block(ctx, seatmap.BlockRequest{Event: "e", User: "next", Seats: []string{one.seat}, TTL: time.Hour})
		require.NoError(t, err)
		require.Greater(t, h.Token.Fence, last, "a fence that was lost is used again")
	}
}
