package redisseat_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/redisseat"
)

// call is a method that changes something, with a key, after what it needs.
type call struct {
	name    string
	prepare func(t *testing.T, s seatmap.Store) func(ctx context.Context, s seatmap.Store) (replayed bool, err error)
}

var calls = []call{
	{"Create", func(*testing.T, seatmap.Store) func(context.Context, seatmap.Store) (bool, error) {
		return func(ctx context.Context, s seatmap.Store) (bool, error) {
			r, err := s.Create(ctx, seatmap.CreateRequest{Event: "new", Layout: seatmap.Layout{Count: 3}, Key: seatmap.NewKey("k")})
			return r.Replayed, err
		}
	}},
	{"Remove", func(*testing.T, seatmap.Store) func(context.Context, seatmap.Store) (bool, error) {
		return func(ctx context.Context, s seatmap.Store) (bool, error) {
			r, err := s.Remove(ctx, seatmap.RemoveRequest{Event: "e", Key: seatmap.NewKey("k")})
			return r.Replayed, err
		}
	}},
	{"Block", func(*testing.T, seatmap.Store) func(context.Context, seatmap.Store) (bool, error) {
		return func(ctx context.Context, s seatmap.Store) (bool, error) {
			r, err := s.Block(ctx, seatmap.BlockRequest{
				Event: "e", User: "ann", Seats: []string{"3"}, TTL: time.Hour, Key: seatmap.NewKey("k"),
			})
			return r.Replayed, err
		}
	}},
	{"BlockAny", func(*testing.T, seatmap.Store) func(context.Context, seatmap.Store) (bool, error) {
		return func(ctx context.Context, s seatmap.Store) (bool, error) {
			r, err := s.BlockAny(ctx, seatmap.BlockAnyRequest{Event: "e", User: "ann", N: 2, TTL: time.Hour, Key: seatmap.NewKey("k")})
			return r.Replayed, err
		}
	}},
	{"Book", func(t *testing.T, s seatmap.Store) func(context.Context, seatmap.Store) (bool, error) {
		h := hold(t, s)
		return func(ctx context.Context, s seatmap.Store) (bool, error) {
			r, err := s.Book(ctx, seatmap.BookRequest{Token: h.Token, User: "bob", Key: seatmap.NewKey("k")})
			return r.Replayed, err
		}
	}},
	{"Release", func(t *testing.T, s seatmap.Store) func(context.Context, seatmap.Store) (bool, error) {
		h := hold(t, s)
		return func(ctx context.Context, s seatmap.Store) (bool, error) {
			r, err := s.Release(ctx, seatmap.ReleaseRequest{Token: h.Token, User: "bob", Key: seatmap.NewKey("k")})
			return r.Replayed, err
		}
	}},
	{"Extend", func(t *testing.T, s seatmap.Store) func(context.Context, seatmap.Store) (bool, error) {
		h := hold(t, s)
		return func(ctx context.Context, s seatmap.Store) (bool, error) {
			r, err := s.Extend(ctx, seatmap.ExtendRequest{Token: h.Token, User: "bob", TTL: 2 * time.Hour, Key: seatmap.NewKey("k")})
			return r.Replayed, err
		}
	}},
	{"Cancel", func(t *testing.T, s seatmap.Store) func(context.Context, seatmap.Store) (bool, error) {
		b, err := s.Book(t.Context(), seatmap.BookRequest{Token: hold(t, s).Token})
		require.NoError(t, err)
		return func(ctx context.Context, s seatmap.Store) (bool, error) {
			r, err := s.Cancel(ctx, seatmap.CancelRequest{Token: b.Token, User: "bob", Key: seatmap.NewKey("k")})
			return r.Replayed, err
		}
	}},
}

func hold(t *testing.T, s seatmap.Store) seatmap.Hold {
	t.Helper()
	h, err := s.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "bob", Seats: []string{"1", "2"}, TTL: time.Hour})
	require.NoError(t, err)
	return h
}

// isOutage reports whether an error says that the call was not carried out, or may have
// been, and not both.
func isOutage(err error) bool {
	return errors.Is(err, seatmap.ErrUnavailable) != errors.Is(err, seatmap.ErrOutcomeUnknown)
}

// untilDone repeats a call until the store can be reached again.
func untilDone(t *testing.T, call func() (bool, error)) (replayed bool) {
	t.Helper()
	for {
		replayed, err := call()
		if err == nil {
			return replayed
		}
		require.True(t, isOutage(err), "%v", err)
	}
}

// TestTheKeyFindsTheOutcomeOfACallThatWasCut cuts each method in each place.
func TestTheKeyFindsTheOutcomeOfACallThatWasCut(t *testing.T) {
	s := startServer(t, "--appendonly", "no")
	direct := open(t, s.options())
	defer func() { require.NoError(t, direct.Close()) }()
	for _, c := range calls {
		for kind := passes; kind <= halfAnswer; kind++ { // the first call makes the server know the script
			p := startProxy(t, s.address)
			_, _ = direct.Remove(t.Context(), seatmap.RemoveRequest{Event: "e"})
			_, _ = direct.Remove(t.Context(), seatmap.RemoveRequest{Event: "new"})
			s.flush()
			store := open(t, p.options(s))
			_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 9}})
			require.NoError(t, err)
			run := c.prepare(t, store)
			warm(t, store)
			if c.name == "BlockAny" { // first it looks
				p.cutAfter(1, kind)
			} else {
				p.cutAfter(0, kind)
			}
			_, err = run(t.Context(), store)
			if kind == passes {
				require.NoError(t, err, c.name)
			} else {
				require.ErrorIs(t, err, seatmap.ErrOutcomeUnknown, "%s, cut %d", c.name, kind)
				require.NotErrorIs(t, err, seatmap.ErrUnavailable)
			}
			replayed := untilDone(t, func() (bool, error) { return run(t.Context(), store) })
			require.Equal(t, kind != beforeCall && kind != halfCall, replayed, "%s, cut %d", c.name, kind)
			replayed = untilDone(t, func() (bool, error) { return run(t.Context(), store) })
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
			untilDone(t, func() (bool, error) { return false, read() })
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
		untilDone(t, func() (bool, error) {
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
		require.True(t, isOutage(err), "%v", err)
		untilDone(t, func() (bool, error) { return block(t.Context(), "ann") })
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
		require.True(t, isOutage(err), "%v", err)
		unavailable = errors.Is(err, seatmap.ErrUnavailable)
	}
	_, err = redisseat.Open(t.Context(), p.options(s))
	require.ErrorIs(t, err, seatmap.ErrUnavailable)
}
