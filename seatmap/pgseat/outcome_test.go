package pgseat_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit/outage"
	"github.com/coderrange/ferrous/seatmap"
	"github.com/coderrange/ferrous/seatmap/pgseat"
)

// quiet returns options of a client that does nothing by itself.
func quiet(o pgseat.Options) pgseat.Options {
	o.SweepEvery = -1
	return o
}

// What a transaction sends: it locks the event or its name, and commits.
const (
	atLock   = " for update"
	atCommit = "commit\x00"
)

// TestTheKeyFindsTheOutcomeOfACallThatWasCut cuts each method where it locks, when nothing
// has happened, and where it commits.
func TestTheKeyFindsTheOutcomeOfACallThatWasCut(t *testing.T) {
	s := startServer(t)
	direct := open(t, quiet(s.options()))
	defer func() { require.NoError(t, direct.Close()) }()
	p := startProxy(t, s.address())
	for _, c := range slices.Concat(outage.Calls, moreCalls) {
		for _, place := range []string{atLock, atCommit} {
			for _, kind := range []cut{passes, beforeCall, beforeAnswer} {
				_, _ = direct.Remove(t.Context(), seatmap.RemoveRequest{Event: "e"})
				_, _ = direct.Remove(t.Context(), seatmap.RemoveRequest{Event: "new"})
				s.exec("delete from pgseat.answer; delete from pgseat.naming")
				store := open(t, quiet(p.options(t)))
				_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 9}})
				require.NoError(t, err)
				run := c.Prepare(t, store)
				warm(t, store)
				p.cutAt(place, kind)
				_, err = run(t.Context(), store)
				switch {
				case kind == passes:
					require.NoError(t, err, c.Name)
				case place == atLock:
					require.ErrorIs(t, err, seatmap.ErrUnavailable, "%s, cut %d", c.Name, kind)
					require.NotErrorIs(t, err, seatmap.ErrOutcomeUnknown)
				default:
					require.ErrorIs(t, err, seatmap.ErrOutcomeUnknown, "%s, cut %d", c.Name, kind)
					require.NotErrorIs(t, err, seatmap.ErrUnavailable)
				}
				replayed := outage.UntilDone(t, func() (bool, error) { return run(t.Context(), store) })
				require.Equal(t, kind == passes || place == atCommit && kind == beforeAnswer, replayed, "%s, %q, cut %d", c.Name, place, kind)
				replayed = outage.UntilDone(t, func() (bool, error) { return run(t.Context(), store) })
				require.True(t, replayed)
				require.NoError(t, store.Close())
			}
		}
	}
}

// moreCalls are those of the optional interfaces.
var moreCalls = []outage.Call{
	{Name: "BeginPayment", Prepare: func(t *testing.T, s seatmap.Store) func(context.Context, seatmap.Store) (bool, error) {
		h := outage.Hold(t, s)
		return func(ctx context.Context, s seatmap.Store) (bool, error) {
			r, err := s.(seatmap.Payer).BeginPayment(ctx, seatmap.PaymentRequest{Token: h.Token, User: "bob", TTL: time.Hour, Key: seatmap.NewKey("k")})
			return r.Replayed, err
		}
	}},
	{Name: "EndPayment", Prepare: func(t *testing.T, s seatmap.Store) func(context.Context, seatmap.Store) (bool, error) {
		h := outage.Hold(t, s)
		_, err := s.(seatmap.Payer).BeginPayment(t.Context(), seatmap.PaymentRequest{Token: h.Token, TTL: time.Hour})
		require.NoError(t, err)
		return func(ctx context.Context, s seatmap.Store) (bool, error) {
			r, err := s.(seatmap.Payer).EndPayment(ctx, seatmap.EndPaymentRequest{Token: h.Token, User: "bob", Key: seatmap.NewKey("k")})
			return r.Replayed, err
		}
	}},
	{Name: "CloseSeats", Prepare: func(*testing.T, seatmap.Store) func(context.Context, seatmap.Store) (bool, error) {
		return func(ctx context.Context, s seatmap.Store) (bool, error) {
			r, err := s.(seatmap.SeatCloser).CloseSeats(ctx, seatmap.CloseSeatsRequest{Event: "e", Seats: []string{"3"}, Actor: "op", Key: seatmap.NewKey("k")})
			return r.Replayed, err
		}
	}},
	{Name: "Move", Prepare: func(t *testing.T, s seatmap.Store) func(context.Context, seatmap.Store) (bool, error) {
		h := outage.Hold(t, s)
		return func(ctx context.Context, s seatmap.Store) (bool, error) {
			r, err := s.(seatmap.Operator).Move(ctx, seatmap.MoveRequest{
				Event: "e", Fence: h.Token.Fence, To: []string{"8", "9"}, Actor: "op", Key: seatmap.NewKey("k"),
			})
			return r.Replayed, err
		}
	}},
	{Name: "OpenSeats", Prepare: func(t *testing.T, s seatmap.Store) func(context.Context, seatmap.Store) (bool, error) {
		_, err := s.(seatmap.SeatCloser).CloseSeats(t.Context(), seatmap.CloseSeatsRequest{Event: "e", Seats: []string{"3"}, Actor: "op"})
		require.NoError(t, err)
		return func(ctx context.Context, s seatmap.Store) (bool, error) {
			r, err := s.(seatmap.SeatCloser).OpenSeats(ctx, seatmap.OpenSeatsRequest{Event: "e", Seats: []string{"3"}, Actor: "op", Key: seatmap.NewKey("k")})
			return r.Replayed, err
		}
	}},
	{Name: "Revoke", Prepare: func(t *testing.T, s seatmap.Store) func(context.Context, seatmap.Store) (bool, error) {
		h := outage.Hold(t, s)
		return func(ctx context.Context, s seatmap.Store) (bool, error) {
			r, err := s.(seatmap.Operator).Revoke(ctx, seatmap.RevokeRequest{Event: "e", Fence: h.Token.Fence, Actor: "op", Key: seatmap.NewKey("k")})
			return r.Replayed, err
		}
	}},
	{Name: "Reissue", Prepare: func(t *testing.T, s seatmap.Store) func(context.Context, seatmap.Store) (bool, error) {
		h := outage.Hold(t, s)
		return func(ctx context.Context, s seatmap.Store) (bool, error) {
			r, err := s.(seatmap.Operator).Reissue(ctx, seatmap.ReissueRequest{Event: "e", Fence: h.Token.Fence, Actor: "op", Key: seatmap.NewKey("k")})
			return r.Replayed, err
		}
	}},
	{Name: "Reserve", Prepare: func(*testing.T, seatmap.Store) func(context.Context, seatmap.Store) (bool, error) {
		return func(ctx context.Context, s seatmap.Store) (bool, error) {
			r, err := s.(seatmap.Operator).Reserve(ctx, seatmap.ReserveRequest{
				Event: "e", User: "bob", Seats: []string{"3"}, Actor: "op", Key: seatmap.NewKey("k"),
			})
			return r.Replayed, err
		}
	}},
	{Name: "ReserveAny", Prepare: func(*testing.T, seatmap.Store) func(context.Context, seatmap.Store) (bool, error) {
		return func(ctx context.Context, s seatmap.Store) (bool, error) {
			r, err := s.(seatmap.Operator).ReserveAny(ctx, seatmap.ReserveAnyRequest{Event: "e", User: "bob", N: 2, Actor: "op", Key: seatmap.NewKey("k")})
			return r.Replayed, err
		}
	}},
	{Name: "SetQuota", Prepare: func(*testing.T, seatmap.Store) func(context.Context, seatmap.Store) (bool, error) {
		return func(ctx context.Context, s seatmap.Store) (bool, error) {
			r, err := s.(seatmap.SeatCloser).SetQuota(ctx, seatmap.SetQuotaRequest{
				Event: "e", Seats: []string{"3"}, Quota: "club", Actor: "op", Key: seatmap.NewKey("k"),
			})
			return r.Replayed, err
		}
	}},
}

// warm makes a client know the event.
func warm(t *testing.T, s *pgseat.Store) {
	t.Helper()
	_, err := s.Counts(t.Context(), seatmap.CountsRequest{Event: "e"})
	require.NoError(t, err)
}

func TestAReadThatWasCutIsUnavailable(t *testing.T) {
	s := startServer(t)
	p := startProxy(t, s.address())
	store := open(t, quiet(p.options(t)))
	defer func() { require.NoError(t, store.Close()) }()
	_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 9}})
	require.NoError(t, err)
	for _, kind := range []cut{beforeCall, beforeAnswer} {
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
			p.cutAt(atCommit, kind)
			err := read()
			require.ErrorIs(t, err, seatmap.ErrUnavailable, "%s, cut %d", name, kind)
			require.NotErrorIs(t, err, seatmap.ErrOutcomeUnknown)
		}
	}
}

// TestACallWithoutAnAnswerEnds needs no fast machine: the timeouts only have to end.
func TestACallWithoutAnAnswerEnds(t *testing.T) {
	s := startServer(t)
	for i, kind := range []cut{swallowsCall, swallowsAnswer} {
		p := startProxy(t, s.address())
		patient := open(t, quiet(s.options()))
		event := []string{"e", "f"}[i]
		_, err := patient.Create(t.Context(), seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: 9}})
		require.NoError(t, err)
		o := quiet(p.options(t))
		o.Timeout = 200 * time.Millisecond
		var store *pgseat.Store
		for store == nil { // a slow machine may exceed the timeout
			store, err = pgseat.Open(t.Context(), o)
			require.True(t, err == nil || errors.Is(err, seatmap.ErrUnavailable), "%v", err)
		}
		outage.UntilDone(t, func() (bool, error) {
			_, err := store.Counts(t.Context(), seatmap.CountsRequest{Event: event})
			return false, err
		})
		block := func(ctx context.Context, user string) (bool, error) {
			h, err := store.Block(ctx, seatmap.BlockRequest{
				Event: event, User: user, Seats: []string{"3"}, TTL: time.Hour, Key: seatmap.NewKey("k"),
			})
			return h.Replayed, err
		}
		p.cutAt(atCommit, kind)
		_, err = block(t.Context(), "ann")
		require.True(t, outage.Is(err), "%v", err)
		outage.UntilDone(t, func() (bool, error) { return block(t.Context(), "ann") })
		holds, err := patient.Holds(t.Context(), seatmap.HoldsRequest{Event: event, User: "ann"})
		require.NoError(t, err)
		require.Len(t, holds, 1)
		p.disconnect() // Close would wait for the end of the lost connection
		require.NoError(t, store.Close())
		require.NoError(t, patient.Close())
	}
}

// TestAContextThatEndsInTheMiddleLeavesNoHoldThatNobodyCanFind ends the context when the
// server has, or has not, got the request.
func TestAContextThatEndsInTheMiddleLeavesNoHoldThatNobodyCanFind(t *testing.T) {
	s := startServer(t)
	cause := errors.New("the user has gone")
	for _, kind := range []cut{swallowsCall, swallowsAnswer} {
		for _, key := range []seatmap.Key{{}, seatmap.NewKey("k")} {
			p := startProxy(t, s.address())
			store, patient := open(t, quiet(p.options(t))), open(t, quiet(s.options()))
			event := fmt.Sprint("e", kind, key.IsZero())
			_, err := patient.Create(t.Context(), seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: 9}})
			require.NoError(t, err)
			outage.UntilDone(t, func() (bool, error) {
				_, err := store.Counts(t.Context(), seatmap.CountsRequest{Event: event})
				return false, err
			})
			ctx, cancel := context.WithCancelCause(t.Context())
			p.cutAt(atCommit, kind)
			go func() {
				<-p.reached
				cancel(cause)
			}()
			defer cancel(nil)
			r := seatmap.BlockRequest{Event: event, User: "ann", Seats: []string{"3"}, TTL: time.Hour, Key: key}
			_, err = store.Block(ctx, r)
			p.disconnect() // the store would wait for an answer until its timeout
			require.ErrorIs(t, err, seatmap.ErrOutcomeUnknown)
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, err, cause)
			require.NoError(t, store.Close())
			holds, err := patient.Holds(t.Context(), seatmap.HoldsRequest{Event: event, User: "ann"})
			require.NoError(t, err)
			require.Equal(t, kind == swallowsAnswer, len(holds) == 1, "the user's holds do not have it")
			again, err := patient.Block(t.Context(), r)
			if key.IsZero() && kind == swallowsAnswer {
				require.ErrorIs(t, err, seatmap.ErrTaken)
			} else {
				require.NoError(t, err)
				require.Equal(t, kind == swallowsAnswer, again.Replayed)
			}
			require.NoError(t, patient.Close())
		}
	}
}

// A context that ends while a request waits for its turn has changed nothing.
func TestAContextThatEndsInTheQueueHasChangedNothing(t *testing.T) {
	s := startServer(t)
	store := open(t, quiet(s.options()))
	defer func() { require.NoError(t, store.Close()) }()
	_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 9}})
	require.NoError(t, err)
	warm(t, store)
	lock := s.connect()
	_, err = lock.Exec(t.Context(), "begin; select from pgseat.event for update")
	require.NoError(t, err)
	first := make(chan error)
	go func() {
		_, err := store.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"1"}, TTL: time.Hour})
		first <- err
	}()
	s.untilLocked(1) // the first waits for the event's row, and what comes is queued
	cause := errors.New("the user has gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	second := make(chan error)
	go func() {
		_, err := store.Block(ctx, seatmap.BlockRequest{Event: "e", User: "bob", Seats: []string{"2"}, TTL: time.Hour})
		second <- err
	}()
	cancel(cause)
	err = <-second
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, cause)
	require.NotErrorIs(t, err, seatmap.ErrOutcomeUnknown)
	_, err = lock.Exec(t.Context(), "rollback")
	require.NoError(t, err)
	require.NoError(t, <-first)
	counts, err := store.Counts(t.Context(), seatmap.CountsRequest{Event: "e"})
	require.NoError(t, err)
	require.Equal(t, seatmap.Counts{Available: 8, Blocked: 1}, counts)
}

func TestAServerThatIsGoneIsUnavailable(t *testing.T) {
	s := startServer(t)
	p := startProxy(t, s.address())
	store := open(t, quiet(p.options(t)))
	defer func() { require.NoError(t, store.Close()) }()
	_, err := store.Create(t.Context(), seatmap.CreateRequest{Event: "e", Layout: seatmap.Layout{Count: 9}})
	require.NoError(t, err)
	warm(t, store)
	require.NoError(t, p.listener.Close())
	p.disconnect()
	_, err = store.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "ann", Seats: []string{"1"}, TTL: time.Hour})
	require.ErrorIs(t, err, seatmap.ErrUnavailable)
	_, err = pgseat.Open(t.Context(), p.options(t))
	require.ErrorIs(t, err, seatmap.ErrUnavailable)
}
