package main

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/seatmap"
)

// kept returns what a store has in memory of each seat, also of holds that are
// over.
func kept(t *testing.T, st store) (list []SeatStatus) {
	t.Helper()
	switch st := st.(type) {
	case threadStore:
		return kept(t, st.mutexStore)
	case *mutexStore:
		st.with(func(s *seats) {
			for _, label := range st.labels {
				list = append(list, s.byLabel[label])
			}
		})
	case *concurrentStore:
		for _, label := range st.labels {
			s, found := st.seats.Load(label)
			assert.Equal(t, s != SeatStatus{}, found, "a free seat is not in the map")
			list = append(list, s)
		}
	case *seatmapStore: // has its own tests
		var err error
		list, err = st.statuses(t.Context())
		require.NoError(t, err)
	}
	return list
}

// onFakeTime runs a test with each version, with four seats that are held for
// five minutes. The store is closed within the bubble: nothing outlives it.
func onFakeTime(t *testing.T, test func(t *testing.T, st store)) {
	t.Helper()
	for _, v := range versions {
		t.Run(v.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st, err := v.open(config{seats: 4, hold: 5 * time.Minute}, labels(4))
				require.NoError(t, err)
				test(t, st)
				require.NoError(t, st.close())
			})
		})
	}
}

func mustBlock(t *testing.T, st store, seat int) hold {
	t.Helper()
	h, err := st.block(t.Context(), fmt.Sprint("user", seat), seat)
	require.NoError(t, err)
	return h
}

func TestHoldsAreFreedInTheBackgroundAfterFiveMinutes(t *testing.T) {
	onFakeTime(t, func(t *testing.T, st store) {
		begun := time.Now()
		for seat := range 3 {
			mustBlock(t, st, seat)
			testkit.Advance(time.Minute)
		}
		for freed := range 3 {
			end := begun.Add(5*time.Minute + time.Duration(freed)*time.Minute)
			testkit.Advance(time.Until(end) - 1)
			assert.Equal(t, 3-freed, taken(kept(t, st)))
			testkit.Advance(1)
			assert.Equal(t, 2-freed, taken(kept(t, st)))
		}
	})
}

func taken(list []SeatStatus) (n int) {
	for _, s := range list {
		if s != (SeatStatus{}) {
			n++
		}
	}
	return n
}

func TestABookingIsNotFreed(t *testing.T) {
	onFakeTime(t, func(t *testing.T, st store) {
		b, err := st.book(t.Context(), mustBlock(t, st, 0))
		require.NoError(t, err)
		testkit.Advance(6 * time.Minute)
		assert.True(t, kept(t, st)[0].same(SeatStatus{seatmap.SeatBooked, "user0", b.at, b.fence}))
	})
}

func TestALaterHoldIsNotFreedForAnEarlierOne(t *testing.T) {
	onFakeTime(t, func(t *testing.T, st store) {
		first := mustBlock(t, st, 0)
		testkit.Advance(time.Until(first.until))
		second := mustBlock(t, st, 0)
		synctest.Wait()
		testkit.Advance(time.Until(second.until) - 1)
		assert.True(t, kept(t, st)[0].same(held(second)))
		testkit.Advance(time.Second)
		assert.Equal(t, SeatStatus{}, kept(t, st)[0])
	})
}

func TestACleanerEndsWithItsStore(t *testing.T) {
	onFakeTime(t, func(t *testing.T, st store) { // the bubble waits for it
		mustBlock(t, st, 0)
	})
}

func TestRulesHoldOnFakeTime(t *testing.T) {
	for _, v := range versions {
		synctest.Test(t, func(t *testing.T) {
			o := &outcome{version: v.name}
			require.NoError(t, o.checkRules(t.Context(), v))
			assert.Empty(t, o.problems)
		})
	}
}
