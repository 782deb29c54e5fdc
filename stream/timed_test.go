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

// timed is a stream of 0, 1, … each after the given wait, and then err.
func timed(err error, waits ...time.Duration) stream.Stream[int] {
	return stream.New(func(ctx context.Context, yield func(int) bool) error {
		for i, d := range waits {
			select {
			case <-time.After(d):
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			if !yield(i) {
				return nil
			}
		}
		return err
	})
}

const sec = time.Second

func TestTheTimerOfChunksTimeoutStartsAtTheFirstElement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		start := time.Now()
		var when []time.Duration
		var got [][]int
		// At 100, 103, 106 | 211 | 212, 213, 214, 215 | 216.
		s := timed(nil, 100*sec, 3*sec, 3*sec, 105*sec, 10*sec, 1, 1, 1, 1)
		for chunk, err := range stream.ChunksTimeout(s, 4, 10*sec).All(t.Context()) {
			require.NoError(t, err)
			got = append(got, chunk)
			when = append(when, time.Since(start))
		}
		assert.Equal(t, [][]int{{0, 1, 2}, {3}, {4, 5, 6, 7}, {8}}, got)
		assert.Equal(t, []time.Duration{110 * sec, 221 * sec, 221*sec + 3, 221*sec + 4}, when)
	})
}

func TestAFullChunkLeavesNoTimerBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		start := time.Now()
		var when []time.Duration
		var got [][]int
		// At 1, 2 | 10, 19, where the timer of the first chunk would end at 11.
		s := timed(nil, sec, sec, 8*sec, 9*sec)
		for chunk, err := range stream.ChunksTimeout(s, 2, 10*sec).All(t.Context()) {
			require.NoError(t, err)
			got = append(got, chunk)
			when = append(when, time.Since(start))
		}
		assert.Equal(t, [][]int{{0, 1}, {2, 3}}, got)
		assert.Equal(t, []time.Duration{2 * sec, 19 * sec}, when)
	})
}

func TestChunksTimeoutFlushesBeforeAnErrorAndIsNeverEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		got, err := stream.Collect(t.Context(), stream.ChunksTimeout(timed(errBoom, 0, 0), 10, sec))
		require.Equal(t, errBoom, err)
		assert.Equal(t, [][]int{{0, 1}}, got)
		got, err = stream.Collect(t.Context(), stream.ChunksTimeout(timed(errBoom, 0, 0), 2, sec))
		require.Equal(t, errBoom, err)
		assert.Equal(t, [][]int{{0, 1}}, got)
		assert.Empty(t, collect(t, stream.ChunksTimeout(timed(nil), 2, sec)))
		got = collect(t, stream.ChunksTimeout(timed(nil, time.Hour, time.Hour), 2, sec))
		assert.Equal(t, [][]int{{0}, {1}}, got)
		n := 0
		for _, err := range stream.ChunksTimeout(timed(errBoom, 0, 0), 10, sec).All(t.Context()) {
			require.NoError(t, err)
			n++
			break // at the flush
		}
		assert.Equal(t, 1, n)
	})
}

func TestSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		s := timed(errBoom, sec, 9*sec, 9*sec, 10*sec+1, 9*sec, 9*sec, 9*sec)
		got, err := stream.Collect(t.Context(), stream.Sessions(s, 3, 10*sec))
		require.Equal(t, errBoom, err)
		assert.Equal(t, [][]int{{0, 1, 2}, {3, 4, 5}, {6}}, got)
	})
}

func TestTimeoutFiresOncePerStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		start := time.Now()
		var stalls []time.Duration
		s := timed(nil, 5*sec, 100*sec, 5*sec, 5*sec, 20*sec)
		got := collect(t, stream.Timeout(s, 10*sec, func(context.Context) error {
			stalls = append(stalls, time.Since(start))
			return nil
		}))
		assert.Equal(t, ints(5), got)
		assert.Equal(t, []time.Duration{15 * sec, 125 * sec}, stalls)
	})
}

func TestTimeoutEndsTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		got, err := stream.Collect(t.Context(), stream.Timeout(timed(nil, sec, time.Hour), 10*sec, nil))
		require.Equal(t, stream.ErrTimeout, err)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, ints(1), got)
		_, err = stream.Collect(t.Context(), stream.Timeout(stuck[int](), 10*sec, func(context.Context) error { return errBoom }))
		require.Equal(t, errBoom, err)
	})
}

func TestASlowLoopIsNoStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		for _, err := range stream.Timeout(upTo(3, nil), sec, nil).All(t.Context()) {
			require.NoError(t, err)
			testkit.Advance(time.Hour)
		}
	})
}

func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var when []time.Duration
		for _, err := range stream.Throttle(timed(nil, 5*sec, 0, 0, 15*sec), 10*sec).All(t.Context()) {
			require.NoError(t, err)
			when = append(when, time.Since(start))
		}
		assert.Equal(t, []time.Duration{5 * sec, 15 * sec, 25 * sec, 40 * sec}, when)
	})
}

func TestADebouncedElementIsYieldedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		later := stream.New(func(context.Context, func(int) bool) error {
			<-time.After(time.Hour)
			return nil
		})
		assert.Equal(t, ints(2), collect(t, stream.Debounce(timed(nil, sec, time.Minute).Chain(later), sec)))
	})
}

func TestTheContextEndsTheWaitOfAThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), 15*sec, errBoom)
		defer cancel()
		got, err := stream.Collect(ctx, stream.Throttle(heedless(), 10*sec))
		require.ErrorIs(t, err, errBoom)
		assert.Equal(t, ints(2), got)
	})
}

func TestTimedStreamsReadOneElementAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		for name, through := range map[string]func(stream.Stream[int]) stream.Stream[int]{
			"Timeout":       func(s stream.Stream[int]) stream.Stream[int] { return stream.Timeout(s, sec, nil) },
			"ChunksTimeout": func(s stream.Stream[int]) stream.Stream[int] { return flat(stream.ChunksTimeout(s, 1, sec)) },
			"Sessions":      func(s stream.Stream[int]) stream.Stream[int] { return flat(stream.Sessions(s, 1, sec)) },
			"Merge":         func(s stream.Stream[int]) stream.Stream[int] { return stream.Merge(s) },
			"TimeWindows": func(s stream.Stream[int]) stream.Stream[int] {
				return stream.FlatMap(stream.TimeWindows(s, sec, sec), func(w stream.Window[int]) stream.Stream[int] {
					return stream.Of(w.Values...)
				})
			},
		} {
			read := 0
			paced := timed(nil, 0, 2*sec, 0, 0, 0).Inspect(func(int) { read++ })
			n := 0
			for _, err := range through(paced).All(t.Context()) {
				require.NoError(t, err)
				if n++; n == 1 {
					testkit.Advance(5 * sec)
					assert.Equal(t, 1+1, read, name)
				}
			}
			assert.Equal(t, 5, n)
		}
	})
}

func TestDebounce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		start := time.Now()
		var got []int
		var when []time.Duration
		var failure error
		s := timed(errBoom, sec, sec, sec, 100*sec, sec)
		for v, err := range stream.Debounce(s, 10*sec).All(t.Context()) {
			if failure = err; err == nil {
				got = append(got, v)
				when = append(when, time.Since(start))
			}
		}
		require.Equal(t, errBoom, failure)
		assert.Equal(t, []int{2, 4}, got)
		assert.Equal(t, []time.Duration{13 * sec, 104 * sec}, when, "the last one before the error")
		for _, err := range stream.Debounce(s, 10*sec).All(t.Context()) {
			require.NoError(t, err)
			break
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), 20*sec, errBoom)
		defer cancel()
		_, err := stream.Collect(ctx, stream.Debounce(stuck[int](), sec))
		require.ErrorIs(t, err, errBoom)
	})
}

func TestTickerAndPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		start := time.Now()
		ticks := collect(t, stream.Ticker(sec).Take(3))
		assert.Equal(t, start.Add(3*sec), ticks[2])

		start = time.Now()
		calls := 0
		s := stream.Poll(10*sec, func(context.Context) ([]int, error) {
			calls++
			switch calls {
			case 3:
				<-time.After(time.Minute) // longer than the period
			case 5:
				return []int{99}, errBoom
			}
			return ints(calls - 1), nil
		})
		got, err := stream.Collect(t.Context(), s)
		require.Equal(t, errBoom, err)
		assert.Equal(t, []int{0, 0, 1, 0, 1, 2, 99}, got)
		assert.Equal(t, 90*sec, time.Since(start)) // 0, 10, 20, 80, 90

		ctx, cancel := context.WithTimeoutCause(t.Context(), 5*sec, errBoom)
		defer cancel()
		_, err = stream.Collect(ctx, stream.Poll(time.Hour, func(context.Context) ([]int, error) { return nil, nil }))
		require.ErrorIs(t, err, errBoom)
	})
}

func TestHugeDurationsDoNotOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		const ever = time.Duration(math.MaxInt64)
		assert.Equal(t, ints(3), collect(t, stream.Timeout(timed(nil, sec, sec, sec), ever, nil)))
		assert.Equal(t, [][]int{{0, 1}, {2}}, collect(t, stream.ChunksTimeout(timed(nil, sec, sec, sec), 2, ever)))
		assert.Equal(t, ints(1), collect(t, stream.Throttle(upTo(2, nil), ever).Take(1)))
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Hour, errBoom)
		defer cancel()
		got, err := stream.Collect(ctx, stream.Throttle(upTo(2, nil), ever))
		require.ErrorIs(t, err, errBoom)
		assert.Equal(t, ints(1), got)
	})
}
