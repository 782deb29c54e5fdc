package redisseat_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit/outage"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/redisseat"
)

// TestTheKeyFindsTheOutcomeOfACallThatWasCut cuts each method in each place.
func TestTheKeyFindsTheOutcomeOfACallThatWasCut(t *testing.T) {
	s := startServer(t, "--appendonly", "no")
	direct := open(t, s.options())
	defer func() { require.NoError(t, direct.Close()) }()
	for _, c := range outage.Calls {
		for kind := passes; kind <= halfAnswer; kind++ { // the first call makes the server know the script
			p := startProxy(t, s.address)
			_, _ = direct.Remove(t.Context(), seatmap.RemoveRequest{Event: "e"})
			_, _ = direct.Remove(t.Context(), seatmap.RemoveRequest{Event: "new"})
			s.flush()
			store := open(t, p.options(s))
			_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 9}})
			require.NoError(t, err)
			run := c.Prepare(t, store)
			warm(t, store)
			if c.Name == "BlockAny" { // first it looks
				p.cutAfter(1, kind)
			} else {
				p.cutAfter(0, kind)
			}
			_, err = run(t.Context(), store)
			if kind == passes {
				require.NoError(t, err, c.Name)
			} else {
				require.ErrorIs(t, err, seatmap.ErrOutcomeUnknown, "%s, cut %d", c.Name, kind)
				require.NotErrorIs(t, err, seatmap.ErrUnavailable)
			}
			replayed := outage.UntilDone(t, func() (bool, error) { return run(t.Context(), store) })
			require.Equal(t, kind != beforeCall && kind != halfCall, replayed, "%s, cut %d", c.Name, kind)
			replayed = outage.UntilDone(t, func() (bool, error) { return run(t.Context(), store) })
			require.True(t, replayed)
			require.NoError(t, store.Close())
		}
	}
}

// warm makes a client know the event.
func warm(t *testing.T, s *redisseat.Store) {
	t.Helper()
	_, err := s.Counts(t.Context(), seatmap.CountsRequest{Event: "e"})
	require.NoError(t, err)
}

// warmBlock makes the server know the script of Block.
func warmBlock(t *testing.T, s *redisseat.Store) {
	t.Helper()
	_, err := s.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "cid", Seats: []string{"9"}, TTL: time.Hour})
	require.NoError(t, err)
}

func TestAReadThatWasCutIsUnavailable(t *testing.T) {
	s := startServer(t, "--appendonly", "no")
	p := startProxy(t, s.address)
	store := open(t, p.options(s))
	defer func() { require.NoError(t, store.Close()) }()
	_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 9}})
	require.NoError(t, err)
	for _, kind := range []cut{beforeCall, halfCall, beforeAnswer, halfAnswer} {
		for name, read := range map[string]func() error{
			"Counts": func() error { _, err := store.Counts(t.Context(), seatmap.CountsRequest{Event: "e"}); return err },
			"Seat": func() error {
				_, err := store.Seat(t.Context(), seatmap.SeatRequest{Event: "e", Seat: "1"})
				return err
			},
			"Seats": func() error { _, err := store.Seats(t.Context(), seatmap.SeatsRequest{Event: "e"}); return err },
			"Holds": func() error {
				_, err := store.Holds(t.Context(), seatmap.HoldsRequest{Event: "e", User: "ann"})
				return err
			},
			"Layout": func() error { _, err := store.Layout(t.Context(), seatmap.LayoutRequest{Event: "e"}); return err },
		} {
			outage.UntilDone(t, func() (bool, error) { return false, read() })
			p.cutAfter(0, kind)
			err := read()
			require.ErrorIs(t, err, seatmap.ErrUnavailable, "%s, cut %d", name, kind)
			require.NotErrorIs(t, err, seatmap.ErrOutcomeUnknown)
		}
	}
}

// TestACallWithoutAnAnswerEnds needs no fast machine: the timeouts only have to end.
func TestACallWithoutAnAnswerEnds(t *testing.T) {
	s := startServer(t, "--appendonly", "no")
	for _, kind := range []cut{swallowsCall, swallowsAnswer} {
		p := startProxy(t, s.address)
		s.flush()
		o := p.options(s)
		o.Client.ConnWriteTimeout = 200 * time.Millisecond
		o.Client.Dialer.KeepAlive = 20 * time.Millisecond
		patient := open(t, s.options())
		_, err := patient.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 9}})
		require.NoError(t, err)
		warmBlock(t, patient)
		var store *redisseat.Store
		for store == nil { // a slow machine may exceed the timeout
			store, err = redisseat.Open(t.Context(), o)
			require.True(t, err == nil || errors.Is(err, seatmap.ErrUnavailable), "%v", err)
		}
		outage.UntilDone(t, func() (bool, error) {
			_, err := store.Counts(t.Context(), seatmap.CountsRequest{Event: "e"})
			return false, err
		})
		block := func(ctx context.Context, user string) (bool, error) {
			h, err := store.Block(ctx, seatmap.BlockRequest{
				Event: "e", User: user, Seats: []string{"3"}, TTL: time.Hour, Key: seatmap.NewKey("k"),
			})
			return h.Replayed, err
		}
		p.cutAfter(0, kind)
		_, err = block(t.Context(), "ann")
		require.True(t, outage.Is(err), "%v", err)
		outage.UntilDone(t, func() (bool, error) { return block(t.Context(), "ann") })
		holds, err := patient.Holds(t.Context(), seatmap.HoldsRequest{Event: "e", User: "ann"})
		require.NoError(t, err)
		require.Len(t, holds, 1)
		require.NoError(t, store.Close())
		require.NoError(t, patient.Close())
	}
}

// TestAContextThatEndsInTheMiddleLeavesNoHoldThatNobodyCanFind ends the context when the
// server has, or has not, got the request.
func TestAContextThatEndsInTheMiddleLeavesNoHoldThatNobodyCanFind(t *testing.T) {
	s := startServer(t, "--appendonly", "no")
	cause := errors.New("the user has gone")
	for _, kind := range []cut{swallowsCall, swallowsAnswer} {
		for _, key := range []seatmap.Key{{}, seatmap.NewKey("k")} {
			s.flush()
			p := startProxy(t, s.address)
			store, patient := open(t, p.options(s)), open(t, s.options())
			_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 9}})
			require.NoError(t, err)
			warmBlock(t, store)
			ctx, cancel := context.WithCancelCause(t.Context())
			p.cutAfter(0, kind)
			go func() {
				<-p.reached
				cancel(cause)
			}()
			defer cancel(nil)
			r := seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"3"}, TTL: time.Hour, Key: key}
			_, err = store.Block(ctx, r)
			require.ErrorIs(t, err, seatmap.ErrOutcomeUnknown)
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, err, cause)
			holds, err := patient.Holds(t.Context(), seatmap.HoldsRequest{Event: "e", User: "ann"})
			require.NoError(t, err)
			require.Equal(t, kind == swallowsAnswer, len(holds) == 1, "the user's holds do not have it")
			again, err := patient.Block(t.Context(), r)
			if key.IsZero() && kind == swallowsAnswer {
				require.ErrorIs(t, err, seatmap.ErrTaken)
			} else {
				require.NoError(t, err)
				require.Equal(t, kind == swallowsAnswer, again.Replayed)
			}
			require.NoError(t, store.Close())
			require.NoError(t, patient.Close())
		}
	}
}

func TestAServerThatIsGoneIsUnavailable(t *testing.T) {
	s := startServer(t, "--appendonly", "no")
	p := startProxy(t, s.address)
	store := open(t, p.options(s))
	defer func() { require.NoError(t, store.Close()) }()
	_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 9}})
	require.NoError(t, err)
	require.NoError(t, p.listener.Close())
	p.disconnect()
	for unavailable := false; !unavailable; { // until the client has noticed the loss of its connection
		_, err := store.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"1"}, TTL: time.Hour})
		require.True(t, outage.Is(err), "%v", err)
		unavailable = errors.Is(err, seatmap.ErrUnavailable)
	}
	_, err = redisseat.Open(t.Context(), p.options(s))
	require.ErrorIs(t, err, seatmap.ErrUnavailable)
}
