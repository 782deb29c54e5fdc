package seatmap

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
)

func TestNoEventOutlivesItsMap(t *testing.T) {
	testkit.Stress(t, func(t *testing.T, _ int) {
		m, err := NewMap(Options{Manual: true})
		require.NoError(t, err)
		testkit.Parallel(2, func(i int) {
			if i == 0 {
				assert.NoError(t, m.Close())
				return
			}
			err := m.Create(t.Context(), CreateRequest{Event: "e", Layout: Layout{Count: 1}})
			if err != nil && !errors.Is(err, ErrClosed) {
				t.Error(err)
			}
		})
		m.events.Range(func(_ string, e *event) bool {
			require.ErrorIs(t, e.plan.end, ErrClosed)
			return true
		})
	})
}
