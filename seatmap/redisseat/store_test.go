package redisseat_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit/outage"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/redisseat"
	"github.com/coderrange/ferrous/seatmap/seattest"
)

var lacks = seattest.Lacks{Areas: true, References: true, Operator: true, Payer: true, Porter: true, Closer: true, Lister: true, Adder: true}

func TestStore(t *testing.T) {
	s := startServer(t)
	seattest.Run(t, seattest.Options{
		Open:  func(t *testing.T) seatmap.Store { return open(t, sweeping(s.options())) },
		Lacks: lacks,
		Another: func(seatmap.Store) (seatmap.Store, error) {
			return redisseat.Open(t.Context(), sweeping(s.options()))
		},
		Restart: func(old seatmap.Store) (seatmap.Store, error) {
			if err := old.Close(); err != nil {
				return nil, err
			}
			s.kill()
			s.start()
			return redisseat.Open(t.Context(), sweeping(s.options()))
		},
	})
}

func TestWhatWasAcknowledgedIsThereAfterAKillAndRestart(t *testing.T) {
	s := startServer(t)
	p := startProxy(t, s.address)
	store := open(t, p.options(s))
	defer func() { require.NoError(t, store.Close()) }()
	ctx := t.Context()
	_, err := store.Create(ctx, seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 100}})
	require.NoError(t, err)
	holds := map[string]seatmap.Token{}
	for i := range 50 {
		seat := strconv.Itoa(i + 1)
		h, err := store.Block(ctx, seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{seat}, TTL: time.Hour})
		require.NoError(t, err)
		holds[seat] = h.Token
	}
	block := seatmap.BlockRequest{Event: "e", User: "bob", Key: seatmap.NewKey("k"), Seats: []string{"100"}, TTL: time.Hour}
	s.kill()
	_, err = store.Block(ctx, block)
	require.Error(t, err, "a server that is dead has answered")
	require.True(t, outage.Is(err), "%v", err)
	s.start()
	p.forwardTo(s.address)
	outage.UntilDone(t, func() (bool, error) {
		h, err := store.Block(ctx, block)
		return h.Replayed, err
	})
	counts, err := store.Counts(ctx, seatmap.CountsRequest{Event: "e"})
	require.NoError(t, err)
	require.Equal(t, seatmap.Counts{Available: 49, Blocked: 51}, counts)
	for seat, token := range holds {
		b, err := store.Book(ctx, seatmap.BookRequest{Token: token})
		require.NoError(t, err)
		require.Equal(t, []string{seat}, b.Seats)
	}
}

// TestHoldsGoOnWhenOneBetweenThemEnds ends the first, a middle and the last of a user's holds.
func TestHoldsGoOnWhenOneBetweenThemEnds(t *testing.T) {
	s := startServer(t, "--appendonly", "no")
	store := open(t, s.options())
	defer func() { require.NoError(t, store.Close()) }()
	ctx := t.Context()
	_, err := store.Create(ctx, seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 9}, Limits: seatmap.Limits{Seats: 5, Holds: 5}})
	require.NoError(t, err)
	var want []uint64
	var tokens []seatmap.Token
	block := func(seat int) error {
		h, err := store.Block(ctx, seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{strconv.Itoa(seat)}, TTL: time.Hour})
		if err == nil {
			tokens, want = append(tokens, h.Token), append(want, h.Token.Fence)
		}
		return err
	}
	for seat := range 5 {
		require.NoError(t, block(seat+1))
	}
	require.ErrorIs(t, block(6), seatmap.ErrLimit)
	for _, i := range []int{4, 2, 0} {
		_, err := store.Release(ctx, seatmap.ReleaseRequest{Token: tokens[i]})
		require.NoError(t, err)
		want = slices.Delete(want, i, i+1)
		holds, err := store.Holds(ctx, seatmap.HoldsRequest{Event: "e", User: "ann"})
		require.NoError(t, err)
		var got []uint64
		for _, h := range holds {
			got = append(got, h.Fence)
		}
		require.Equal(t, want, got)
	}
	for seat := 6; seat <= 8; seat++ {
		require.NoError(t, block(seat))
	}
	require.ErrorIs(t, block(9), seatmap.ErrLimit)
}

func TestTheClockOfTheServerIsSet(t *testing.T) {
	s := startServer(t)
	c := outage.NewClock(t, s.dir)
	s.kill()
	s.env = c.Environment()
	s.start()
	store := open(t, s.options())
	defer func() { require.NoError(t, store.Close()) }()
	outage.ClockSteps(t, store, c)
}
