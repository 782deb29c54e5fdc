package redisseat_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit/outage"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/redisseat"
	"github.com/coderrange/ferrous/seatmap/seattest"
)

var lacks = seattest.Lacks{Areas: true, References: true, Operator: true, Payer: true, Porter: true, Closer: true}

func TestStore(t *testing.T) {
	s := startServer(t)
	seattest.Run(t, seattest.Options{
		Open:  func(t *testing.T) seatmap.Store { return open(t, s.options()) },
		Lacks: lacks,
		Another: func(seatmap.Store) (seatmap.Store, error) {
			return redisseat.Open(t.Context(), s.options())
		},
		Restart: func(seatmap.Store) (seatmap.Store, error) {
			s.kill()
			s.start()
			return redisseat.Open(t.Context(), s.options())
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
