package seatmap_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
)

func create(m *seatmap.Map, seats int) error {
	return errOf(m.Create(ctx, seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: seats}}))
}

func remove(m *seatmap.Map) error { return errOf(m.Remove(ctx, seatmap.RemoveRequest{Event: event})) }

func TestWhoHearsThatAnEventIsGoneCanMakeItAnew(t *testing.T) {
	m := newMap(t, seatmap.MapOptions{})
	testkit.Stress(t, func(t *testing.T, _ int) {
		require.NoError(t, create(m, 1))
		heard := make(chan error, 1)
		go func() {
			var err error
			for err == nil {
				_, err = m.Counts(ctx, seatmap.CountsRequest{Event: event})
			}
			heard <- create(m, 1)
		}()
		require.NoError(t, remove(m))
		require.NoError(t, <-heard)
		require.NoError(t, remove(m))
	})
}

func TestFencesRiseWhileEventsOfOneNameComeAndGo(t *testing.T) {
	m := newMap(t, seatmap.MapOptions{})
	for range 5 {
		large := make(chan error, 1) // takes long enough for many small ones
		go func() { large <- create(m, 1<<19) }()
		var last uint64
		var err error
		for done := false; !done; {
			select {
			case err = <-large:
				done = true
			default:
				if create(m, 1) != nil {
					continue // the large one is there
				}
				last = block(t, m, "ann", "1").Token.Fence
				require.NoError(t, remove(m))
			}
		}
		if err != nil {
			require.ErrorIs(t, err, seatmap.ErrExists)
			continue
		}
		require.Greater(t, block(t, m, "bob", "1").Token.Fence, last)
		require.NoError(t, remove(m))
	}
}
