// Package outage has what the tests of stores on servers have in common: calls that are cut
// off, and what they may return.
package outage

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/seatmap"
)

// Call is a method that changes something, with a key, after what it needs. The store has
// the event e with 9 seats, and no event new.
type Call struct {
	Name    string
	Prepare func(t *testing.T, s seatmap.Store) func(ctx context.Context, s seatmap.Store) (replayed bool, err error)
}

// Calls are all methods of a store that change something.
var Calls = []Call{
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
		h := Hold(t, s)
		return func(ctx context.Context, s seatmap.Store) (bool, error) {
			r, err := s.Book(ctx, seatmap.BookRequest{Token: h.Token, User: "bob", Key: seatmap.NewKey("k")})
			return r.Replayed, err
		}
	}},
	{"Release", func(t *testing.T, s seatmap.Store) func(context.Context, seatmap.Store) (bool, error) {
		h := Hold(t, s)
		return func(ctx context.Context, s seatmap.Store) (bool, error) {
			r, err := s.Release(ctx, seatmap.ReleaseRequest{Token: h.Token, User: "bob", Key: seatmap.NewKey("k")})
			return r.Replayed, err
		}
	}},
	{"Extend", func(t *testing.T, s seatmap.Store) func(context.Context, seatmap.Store) (bool, error) {
		h := Hold(t, s)
		return func(ctx context.Context, s seatmap.Store) (bool, error) {
			r, err := s.Extend(ctx, seatmap.ExtendRequest{Token: h.Token, User: "bob", TTL: 2 * time.Hour, Key: seatmap.NewKey("k")})
			return r.Replayed, err
		}
	}},
	{"Cancel", func(t *testing.T, s seatmap.Store) func(context.Context, seatmap.Store) (bool, error) {
		b, err := s.Book(t.Context(), seatmap.BookRequest{Token: Hold(t, s).Token})
		require.NoError(t, err)
		return func(ctx context.Context, s seatmap.Store) (bool, error) {
			r, err := s.Cancel(ctx, seatmap.CancelRequest{Token: b.Token, User: "bob", Key: seatmap.NewKey("k")})
			return r.Replayed, err
		}
	}},
}

// Hold holds the seats 1 and 2 for bob.
func Hold(t *testing.T, s seatmap.Store) seatmap.Hold {
	t.Helper()
	h, err := s.Block(t.Context(), seatmap.BlockRequest{Event: "e", User: "bob", Seats: []string{"1", "2"}, TTL: time.Hour})
	require.NoError(t, err)
	return h
}

// Is reports whether an error says that the call was not carried out, or may have
// been, and not both.
func Is(err error) bool {
	return errors.Is(err, seatmap.ErrUnavailable) != errors.Is(err, seatmap.ErrOutcomeUnknown)
}

// UntilDone repeats a call until the store can be reached again.
func UntilDone(t *testing.T, call func() (bool, error)) (replayed bool) {
	t.Helper()
	for {
		replayed, err := call()
		if err == nil {
			return replayed
		}
		require.True(t, Is(err), "%v", err)
	}
}
