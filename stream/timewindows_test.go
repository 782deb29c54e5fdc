package stream_test

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/stream"
)

// windows returns the windows of s with their bounds and when they came, in seconds,
// and the error.
func windows(t *testing.T, s stream.Stream[int], size, step time.Duration) (got [][4]any, err error) {
	t.Helper()
	start := time.Now()
	for w, failure := range stream.TimeWindows(s, size, step).All(t.Context()) {
		if err = failure; err == nil {
			assert.Equal(t, size, w.To.Sub(w.From))
			got = append(got, [4]any{w.From.Sub(start), w.To.Sub(start), time.Since(start), w.Values})
		}
	}
	return got, err
}

func TestFixedWindowsOfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		// At 0, 5, 10 | 39 | 40 and the end, or an error, at 45.
		for _, end := range []error{nil, errBoom} {
			s := timed(end, 0, 5*sec, 5*sec, 29*sec, sec).Chain(stream.Stream[int]{})
			got, err := windows(t, s, 10*sec, 10*sec)
			require.Equal(t, end, err)
			assert.Equal(t, [][4]any{
				{0 * sec, 10 * sec, 10 * sec, []int{0, 1}},
				{10 * sec, 20 * sec, 20 * sec, []int{2}},
				{30 * sec, 40 * sec, 40 * sec, []int{3}},
				{40 * sec, 50 * sec, 40 * sec, []int{4}},
			}, got)
		}
	})
}

func TestSlidingWindowsOfTimeShareElements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		s := timed(nil, 0, 12*sec, 20*sec) // at 0, 12, 32
		got, err := windows(t, s, 10*sec, 5*sec)
		require.NoError(t, err)
		assert.Equal(t, [][4]any{
			{0 * sec, 10 * sec, 10 * sec, []int{0}},
			{5 * sec, 15 * sec, 15 * sec, []int{1}},
			{10 * sec, 20 * sec, 20 * sec, []int{1}},
			{25 * sec, 35 * sec, 32 * sec, []int{2}},
			{30 * sec, 40 * sec, 32 * sec, []int{2}},
		}, got)
		got, err = windows(t, timed(nil, sec, sec, sec), 4*sec, sec)
		require.NoError(t, err)
		assert.Equal(t, [][4]any{
			{0 * sec, 4 * sec, 3 * sec, []int{0, 1, 2}},
			{1 * sec, 5 * sec, 3 * sec, []int{0, 1, 2}},
			{2 * sec, 6 * sec, 3 * sec, []int{1, 2}},
			{3 * sec, 7 * sec, 3 * sec, []int{2}},
		}, got)
	})
}

func TestElementsBetweenWindowsAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		s := timed(nil, sec, sec, 8*sec, sec, sec) // at 1, 2, 10, 11, 12
		got, err := windows(t, s, 2*sec, 10*sec)
		require.NoError(t, err)
		assert.Equal(t, [][4]any{
			{0 * sec, 2 * sec, 2 * sec, []int{0}},
			{10 * sec, 12 * sec, 12 * sec, []int{2, 3}},
		}, got)
	})
}

// TestTimeWindowsModel compares all windows with those that the times say.
func TestTimeWindowsModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, size := range []time.Duration{1, 3, 7, 10} {
			for _, step := range []time.Duration{1, 2, 3, 7, 11} {
				var at []time.Duration
				var waits []time.Duration
				now := time.Duration(0)
				for i := range 40 {
					d := time.Duration(i*i%13) % 9
					now += d
					at, waits = append(at, now), append(waits, d)
				}
				var want [][]int
				for from := time.Duration(0); from <= now; from += step {
					var values []int
					for i, x := range at {
						if x >= from && x < from+size {
							values = append(values, i)
						}
					}
					if values != nil {
						want = append(want, values)
					}
				}
				var got [][]int
				for w, err := range stream.TimeWindows(timed(nil, waits...), size, step).All(t.Context()) {
					require.NoError(t, err)
					got = append(got, w.Values)
				}
				assert.Equal(t, want, got, "size %d, step %d", size, step)
			}
		}
	})
}

func TestASlowLoopGetsTheWindowsThatEndedInTheMeantime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		var got [][]int
		// At 0 s, 1 s | 2 s while the loop is busy until 7 s, so it comes at 7 s.
		for w, err := range stream.TimeWindows(timed(nil, 0, sec, sec), 2*sec, 2*sec).All(t.Context()) {
			require.NoError(t, err)
			got = append(got, w.Values)
			if len(got) == 1 {
				testkit.Advance(5 * sec)
			}
		}
		assert.Equal(t, [][]int{{0, 1}, {2}}, got)
	})
}

func TestWindowsOfTimeAreSlicesOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got [][]int
		for w, err := range stream.TimeWindows(timed(nil, 0, 1, 1, 1), 3, 1).All(t.Context()) {
			require.NoError(t, err)
			got = append(got, w.Values)
			clear(w.Values)
			_ = append(w.Values, -1)
			if len(got) == 1 {
				got[0] = []int{0, 1, 2}
			}
		}
		assert.Equal(t, []int{0, 1, 2}, got[0])
		assert.Len(t, got[1], 3)
	})
}

func TestTheEndOfTheContextEndsWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		for _, size := range []time.Duration{sec, math.MaxInt64} {
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errBoom)
			got, err := stream.Collect(ctx, stream.TimeWindows(stream.Of(1).Chain(stuck[int]()), size, size))
			require.ErrorIs(t, err, errBoom)
			require.Len(t, got, 1, "flushed")
			assert.Equal(t, []int{1}, got[0].Values)
			cancel()
		}
		for _, err := range stream.TimeWindows(timed(nil, 0, sec, sec), sec, sec).All(t.Context()) {
			require.NoError(t, err)
			break
		}
	})
}
