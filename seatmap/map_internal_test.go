package seatmap

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
)

func TestNoEventOutlivesItsMap(t *testing.T) {
	for range 2000 {
		m := NewMap(MapOptions{Manual: true})
		testkit.Parallel(2, func(i int) {
			if i == 0 {
				assert.NoError(t, m.Close())
				return
			}
			err := errOf(m.Create(t.Context(), CreateRequest{Event: "e", Layout: Layout{Count: 1}}))
			if err != nil && !errors.Is(err, ErrClosed) {
				t.Error(err)
			}
		})
		m.events.Range(func(_ string, e *event) bool {
			require.ErrorIs(t, e.plan.end, ErrClosed)
			return true
		})
	}
}

func TestARefusalThatAsksTheLockForNothingDoesNotAllocate(t *testing.T) {
	m := NewMap(MapOptions{Manual: true})
	require.NoError(t, errOf(m.Create(t.Context(), CreateRequest{Event: "e", Layout: Layout{Count: 2}})))
	r := BlockRequest{Event: "e", User: "ann", Key: NewKey("hers"), Seats: []string{"1"}, TTL: time.Hour}
	_, err := m.Block(t.Context(), r)
	require.NoError(t, err)
	e := m.event("e")
	for i := range *e.keys.filter.Load() {
		(*e.keys.filter.Load())[i].Add(1)
	}
	ctx := t.Context()
	r.Key = NewKey("another")
	testkit.NoAllocs(t, "a refusal", func() {
		if _, err := m.Block(ctx, r); err == nil {
			t.Fatal("not refused")
		}
	})
	require.NoError(t, m.Close())
}
