package pgseat_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
)

func TestAnImportKeepsWhatOperatorsHaveDone(t *testing.T) {
	ctx := t.Context()
	s, m := startServer(t), newMap(t)
	_, err := m.Create(ctx, seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 5}})
	require.NoError(t, err)
	reserve := seatmap.ReserveRequest{Event: "e", User: "house", Seats: []string{"1", "2"}, Actor: "op", Reason: "why", Key: seatmap.NewKey("r")}
	house, err := m.Reserve(ctx, reserve)
	require.NoError(t, err)
	_, err = m.BeginPayment(ctx, seatmap.PaymentRequest{Token: house.Token, TTL: time.Hour})
	require.NoError(t, err)
	_, err = m.Block(ctx, seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"3"}, TTL: time.Hour})
	require.NoError(t, err)
	move := seatmap.MoveRequest{Event: "e", Seat: "3", To: []string{"4"}, Actor: "op2", Key: seatmap.NewKey("m")}
	moved, err := m.Move(ctx, move)
	require.NoError(t, err)
	store := open(t, quiet(s.options()))
	defer func() { require.NoError(t, store.Close()) }()
	_, err = store.Import(ctx, seatmap.ImportRequest{}, bytes.NewReader(exported(t, m, "e")))
	require.NoError(t, err)
	list, err := store.Grants(ctx, seatmap.GrantsRequest{Event: "e"})
	require.NoError(t, err)
	require.Len(t, list.Grants, 2)
	require.Equal(t, []string{"op", "why"}, []string{list.Grants[0].Actor, list.Grants[0].Reason})
	require.True(t, list.Grants[0].Until.IsZero())
	require.Equal(t, "op2", list.Grants[1].Actor)
	again, err := store.Reserve(ctx, reserve)
	require.NoError(t, err)
	require.True(t, again.Replayed)
	require.Equal(t, house.Token, again.Token)
	again, err = store.Move(ctx, move)
	require.NoError(t, err)
	require.True(t, again.Replayed)
	require.Equal(t, moved.Token, again.Token)
	over, err := store.EndPayment(ctx, seatmap.EndPaymentRequest{Token: house.Token})
	require.NoError(t, err)
	require.True(t, over.Until.IsZero(), "it has no deadline again")
	_, err = store.Revoke(ctx, seatmap.RevokeRequest{Event: "e", Fence: house.Token.Fence, Seats: []string{"2"}, Actor: "op"})
	require.NoError(t, err)
	_, err = store.Book(ctx, seatmap.BookRequest{Token: house.Token})
	require.NoError(t, err)
	counts, err := store.Counts(ctx, seatmap.CountsRequest{Event: "e"})
	require.NoError(t, err)
	require.Equal(t, seatmap.Counts{Available: 3, Blocked: 1, Booked: 1}, counts)
}
