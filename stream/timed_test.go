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

func TestReadyChunksWaitForTheFirstElementOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		c := make(chan int, 10)
		var got [][]int
		c <- 0
		for chunk, err := range stream.ReadyChunks(stream.FromChan(c), 3).All(t.Context()) {
			require.NoError(t, err)
			got = append(got, chunk)
			switch len(got) {
			case 1: // more than a chunk comes while the loop is busy
				for i := range 4 {
					c <- 1 + i
				}
				synctest.Wait()
			case 3:
				time.AfterFunc(time.Hour, func() {
					c <- 5
					close(c)
				})
			}
		}
		assert.Equal(t, [][]int{{0}, {1, 2, 3}, {4}, {5}}, got)
	})
}

func TestReadyChunksFlushBeforeAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		for n, want := range map[int][][]int{1: {{0}, {1}, {2}}, 2: {{0}, {1, 2}}, math.MaxInt: {{0}, {1, 2}}} {
			var got [][]int
			var last error
			for chunk, err := range stream.ReadyChunks(upTo(3, errBoom), n).All(t.Context()) {
				if last = err; err == nil {
					got = append(got, chunk)
					synctest.Wait()
				}
			}
			require.Equal(t, errBoom, last)
			if len(got[0]) == 1 { // else all was ready at once
				assert.Equal(t, want, got)
			}
		}
	})
}

func TestBatchesAreFullAtEachBound(t *testing.T) {
	self := func(v int) int { return v }
	for name, c := range map[string]struct {
		s    []int
		o    stream.BatchOptions[int]
		want [][]int
	}{
		"elements":             {[]int{1, 1, 1, 1, 1}, stream.BatchOptions[int]{MaxElements: 2}, [][]int{{1, 1}, {1, 1}, {1}}},
		"bytes":                {[]int{3, 4, 5, 5, 1}, stream.BatchOptions[int]{MaxBytes: 10, Size: self}, [][]int{{3, 4}, {5, 5}, {1}}},
		"exactly":              {[]int{10, 9, 1, 1}, stream.BatchOptions[int]{MaxBytes: 10, Size: self}, [][]int{{10}, {9, 1}, {1}}},
		"a great one":          {[]int{1, 99, 1, 1}, stream.BatchOptions[int]{MaxBytes: 10, Size: self}, [][]int{{1}, {99}, {1, 1}}},
		"the greatest":         {[]int{1, math.MaxInt, 1}, stream.BatchOptions[int]{MaxBytes: math.MaxInt, Size: self}, [][]int{{1}, {math.MaxInt}, {1}}},
		"nothing has a size":   {[]int{0, 0, 0}, stream.BatchOptions[int]{MaxBytes: 1, Size: self}, [][]int{{0, 0, 0}}},
		"elements or bytes":    {[]int{1, 1, 9, 9, 0, 0}, stream.BatchOptions[int]{MaxElements: 2, MaxBytes: 10, Size: self}, [][]int{{1, 1}, {9}, {9, 0}, {0}}},
		"of nothing":           {nil, stream.BatchOptions[int]{MaxElements: 2}, nil},
		"none but with an age": {nil, stream.BatchOptions[int]{MaxAge: time.Hour}, nil},
	} {
		for _, age := range []time.Duration{0, time.Hour} {
			for _, end := range []error{nil, errBoom} {
				noLeak(t)
				o := c.o
				o.MaxAge = max(o.MaxAge, age)
				got, err := stream.Collect(t.Context(), stream.Batches(upToOf(c.s, end), o))
				require.Equal(t, end, err, name)
				assert.Equal(t, c.want, got, name)
			}
		}
	}
}

// TestBatchesWithoutAnAgeReadNothingAhead counts what is read for the first batch.
func TestBatchesWithoutAnAgeReadNothingAhead(t *testing.T) {
	size := func(n int) func(int) int { return func(int) int { return n } }
	for name, c := range map[string]struct {
		o    stream.BatchOptions[int]
		read int
	}{
		"elements":     {stream.BatchOptions[int]{MaxElements: 2}, 2},
		"bytes":        {stream.BatchOptions[int]{MaxBytes: 1, Size: size(1)}, 1},
		"exactly":      {stream.BatchOptions[int]{MaxBytes: 4, Size: size(2)}, 2},
		"with the one": {stream.BatchOptions[int]{MaxBytes: 3, Size: size(2)}, 2}, // that does not fit
	} {
		read := 0
		_, ok, err := stream.First(t.Context(), stream.Batches(heedless().Inspect(func(int) { read++ }), c.o))
		require.NoError(t, err)
		assert.True(t, ok)
		assert.Equal(t, c.read, read, name)
	}
}

func upToOf(vs []int, end error) stream.Stream[int] {
	s := stream.FromSlice(vs)
	if end != nil {
		s = s.Chain(stream.Fail[int](end))
	}
	return s
}

func TestTheAgeOfABatchCountsFromItsFirstElement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		start := time.Now()
		var when []time.Duration
		var got [][]int
		size := func(v int) int { return 1 + v } // 1, 2, 3, …
		// At 1, 2, 3 | 20, 29 | 35 | 36, where the third is full for the last one.
		s := timed(nil, sec, sec, sec, 17*sec, 9*sec, 6*sec, sec)
		for batch, err := range stream.Batches(s, stream.BatchOptions[int]{MaxBytes: 10, Size: size, MaxAge: 10 * sec}).All(t.Context()) {
			require.NoError(t, err)
			got = append(got, batch)
			when = append(when, time.Since(start))
		}
		assert.Equal(t, [][]int{{0, 1, 2}, {3, 4}, {5}, {6}}, got)
		assert.Equal(t, []time.Duration{11 * sec, 30 * sec, 36 * sec, 36 * sec}, when)
	})
}

// TestAFloodDoesNotHideTheAge has elements that are always ready. In a bubble no time
// would pass.
func TestAFloodDoesNotHideTheAge(t *testing.T) {
	noLeak(t)
	const n = 3_000_000
	for name, s := range map[string]stream.Stream[[]int]{
		"ChunksTimeout": stream.ChunksTimeout(upTo(n, nil), n, time.Millisecond),
		"Batches":       stream.Batches(upTo(n, nil), stream.BatchOptions[int]{MaxAge: time.Millisecond}),
	} {
		batch, ok, err := stream.First(t.Context(), s)
		require.NoError(t, err)
		assert.True(t, ok)
		assert.Less(t, len(batch), n, name)
	}
}
