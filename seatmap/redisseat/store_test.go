package redisseat_test

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/seattest"
)

func TestStore(t *testing.T) {
	s := startServer(t)
	seattest.Run(t, seattest.Options{Open: func(t *testing.T) seatmap.Store {
		return s.open()
	}})
}

func TestWhatWasAcknowledgedIsThereAfterAKillAndRestart(t *testing.T) {
	s := startServer(t)
	store := s.open()
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
	for {
		_, err := store.Block(ctx, block)
		require.Error(t, err, "a server that is dead has answered")
		if errors.Is(err, seatmap.ErrUnavailable) {
			break
		}
		require.ErrorIs(t, err, seatmap.ErrOutcomeUnknown)
	}
	s.process = nil
	s.start()
	require.NotNil(t, s.process, "the server does not start again")
	for {
		_, err := store.Block(ctx, block)
		if err == nil {
			break
		}
		require.True(t, errors.Is(err, seatmap.ErrUnavailable) || errors.Is(err, seatmap.ErrOutcomeUnknown), err)
	}
	counts, err := store.Counts(ctx, seatmap.CountsRequest{Event: "e"})
	require.NoError(t, err)
	require.Equal(t, seatmap.Counts{Available: 49, Blocked: 51}, counts)
	for seat, token := range holds {
		b, err := store.Book(ctx, seatmap.BookRequest{Token: token})
		require.NoError(t, err)
		require.Equal(t, []string{seat}, b.Seats)
	}
}
