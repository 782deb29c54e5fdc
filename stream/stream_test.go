package stream_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/stream"
	"github.com/coderrange/ferrous/task"
)

func TestAStreamIsARecipe(t *testing.T) {
	runs := 0
	s := stream.New(func(_ context.Context, yield func(int) bool) error {
		runs++
		yield(runs)
		return nil
	})
	assert.Zero(t, runs)
	assert.Equal(t, []int{1}, collect(t, s))
	assert.Equal(t, []int{2}, collect(t, s))
}

func TestTheZeroStreamIsEmpty(t *testing.T) {
	var s stream.Stream[int]
	assert.Empty(t, collect(t, s))
	assert.Empty(t, collect(t, s.Filter(func(int) bool { return true })))
	assert.Empty(t, collect(t, stream.Map(s, 3, double)))
	assert.Equal(t, "Stream[int]", fmt.Sprint(s))
	assert.Equal(t, "Stream[error]", fmt.Sprintf("%#v", stream.Stream[error]{}))
	assert.Equal(t, "Stream[int]", s.LogValue().String())
}

func TestADoneContextIsNoticedByEmptyStreams(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errBoom)
	closed := make(chan int)
	close(closed)
	var zero stream.Stream[int]
	for name, s := range map[string]stream.Stream[int]{
		"zero":       zero,
		"of":         stream.Of[int](),
		"take none":  count().Take(0),
		"merge":      stream.Merge[int](),
		"chain":      zero.Chain(zero),
		"take until": stream.TakeUntil(count(), closed),
		"enumerate":  values(stream.Enumerate(zero)),
	} {
		_, err := stream.Collect(ctx, s)
		require.ErrorIs(t, err, errBoom, name)
		last := error(nil)
		for _, err := range s.All(ctx) {
			last = err
		}
		require.ErrorIs(t, last, errBoom, name)
		for _, n := range []int{1, 2} {
			err = stream.ForEach(ctx, s, n, func(context.Context, int) error { return nil })
			require.ErrorIs(t, err, errBoom, name)
		}
	}
}

func TestPureCombinators(t *testing.T) {
	even := func(v int) bool { return v%2 == 0 }
	small := func(v int) bool { return v < 3 }
	ten := upTo(10, nil)
	var seen []int
	for name, c := range map[string]struct{ got, want any }{
		"of":             {collect(t, stream.Of(1, 2)), []int{1, 2}},
		"seq2":           {collect(t, stream.FromSeq2(ten.All(t.Context()))), ints(10)},
		"filter":         {collect(t, ten.Filter(even)), []int{0, 2, 4, 6, 8}},
		"inspect":        {collect(t, upTo(3, nil).Inspect(func(v int) { seen = append(seen, v) })), ints(3)},
		"take":           {collect(t, ten.Take(3)), ints(3)},
		"take none":      {collect(t, ten.Take(0)), []int(nil)},
		"take minus":     {collect(t, ten.Take(-1)), []int(nil)},
		"take too many":  {collect(t, ten.Take(99)), ints(10)},
		"skip":           {collect(t, ten.Skip(8)), []int{8, 9}},
		"skip minus":     {collect(t, ten.Skip(-1)), ints(10)},
		"take while":     {collect(t, ten.TakeWhile(small)), ints(3)},
		"skip while":     {collect(t, ten.SkipWhile(small).Take(2)), []int{3, 4}},
		"chain":          {collect(t, stream.Of(1).Chain(stream.Of[int](), stream.Of(2, 3))), []int{1, 2, 3}},
		"chain is lazy":  {collect(t, stream.Of(1).Chain(stream.Fail[int](errBoom)).Take(1)), []int{1}},
		"scan":           {collect(t, stream.Scan(upTo(5, nil), 0, func(a, v int) int { return a + v })), []int{0, 1, 3, 6, 10}},
		"enumerate":      {collect(t, stream.Enumerate(stream.Of("a", "b"))), []stream.Indexed[string]{{0, "a"}, {1, "b"}}},
		"chunks":         {collect(t, stream.Chunks(upTo(5, nil), 2)), [][]int{{0, 1}, {2, 3}, {4}}},
		"chunks of many": {collect(t, stream.Chunks(upTo(2, nil), math.MaxInt)), [][]int{{0, 1}}},
		"no chunk":       {collect(t, stream.Chunks(upTo(0, nil), 2)), [][]int(nil)},
		"windows":        {collect(t, stream.Windows(upTo(5, nil), 3, 1)), [][]int{{0, 1, 2}, {1, 2, 3}, {2, 3, 4}}},
		"windows apart":  {collect(t, stream.Windows(upTo(8, nil), 2, 3)), [][]int{{0, 1}, {3, 4}, {6, 7}}},
		"filter map": {collect(t, stream.FilterMap(ten, func(_ context.Context, v int) (string, bool, error) {
			return fmt.Sprint(v), v > 7, nil
		})), []string{"8", "9"}},
		"flat map": {collect(t, stream.FlatMap(upTo(4, nil), func(v int) stream.Stream[int] { return upTo(v, nil) })), []int{0, 0, 1, 0, 1, 2}},
	} {
		assert.Equal(t, c.want, c.got, name)
	}
	assert.Equal(t, ints(3), seen)
}

// combinators are all that make a stream of ints from a stream of ints.
var combinators = map[string]func(s stream.Stream[int]) stream.Stream[int]{
	"Filter":    func(s stream.Stream[int]) stream.Stream[int] { return s.Filter(func(int) bool { return true }) },
	"Inspect":   func(s stream.Stream[int]) stream.Stream[int] { return s.Inspect(func(int) {}) },
	"Take":      func(s stream.Stream[int]) stream.Stream[int] { return s.Take(math.MaxInt) },
	"Skip":      func(s stream.Stream[int]) stream.Stream[int] { return s.Skip(0) },
	"TakeWhile": func(s stream.Stream[int]) stream.Stream[int] { return s.TakeWhile(func(int) bool { return true }) },
	"SkipWhile": func(s stream.Stream[int]) stream.Stream[int] { return s.SkipWhile(func(int) bool { return false }) },
	"Chain":     func(s stream.Stream[int]) stream.Stream[int] { return stream.Of[int]().Chain(s) },
	"FilterMap": func(s stream.Stream[int]) stream.Stream[int] {
		return stream.FilterMap(s, func(_ context.Context, v int) (int, bool, error) { return v, true, nil })
	},
	"FlatMap": func(s stream.Stream[int]) stream.Stream[int] {
		return stream.FlatMap(s, func(v int) stream.Stream[int] { return stream.Of(v) })
	},
	"Scan": func(s stream.Stream[int]) stream.Stream[int] {
		return stream.Scan(s, 0, func(_, v int) int { return v })
	},
	"Enumerate":      func(s stream.Stream[int]) stream.Stream[int] { return values(stream.Enumerate(s)) },
	"Chunks":         func(s stream.Stream[int]) stream.Stream[int] { return flat(stream.Chunks(s, 3)) },
	"Windows":        func(s stream.Stream[int]) stream.Stream[int] { return flat(stream.Windows(s, 1, 1)) },
	"Map 1":          func(s stream.Stream[int]) stream.Stream[int] { return stream.Map(s, 1, same) },
	"Map":            func(s stream.Stream[int]) stream.Stream[int] { return stream.Map(s, 4, same) },
	"MapAhead":       func(s stream.Stream[int]) stream.Stream[int] { return stream.MapAhead(s, 1, 1, same) },
	"MapUnordered 0": func(s stream.Stream[int]) stream.Stream[int] { return stream.MapUnorderedAhead(s, 2, 0, same) },
	"MapUnordered":   func(s stream.Stream[int]) stream.Stream[int] { return stream.MapUnordered(s, 4, same) },
	"Buffer":         func(s stream.Stream[int]) stream.Stream[int] { return stream.Buffer(s, 2) },
	"TakeUntil":      func(s stream.Stream[int]) stream.Stream[int] { return stream.TakeUntil[int, int](s, nil) },
	"Merge":          func(s stream.Stream[int]) stream.Stream[int] { return stream.Merge(s) },
	"Throttle":       func(s stream.Stream[int]) stream.Stream[int] { return stream.Throttle(s, 1) },
	"Timeout":        func(s stream.Stream[int]) stream.Stream[int] { return stream.Timeout(s, time.Hour, nil) },
	"ChunksTimeout":  func(s stream.Stream[int]) stream.Stream[int] { return flat(stream.ChunksTimeout(s, 3, time.Hour)) },
	"Sessions":       func(s stream.Stream[int]) stream.Stream[int] { return flat(stream.Sessions(s, 3, time.Hour)) },
	"FlattenUnordered": func(s stream.Stream[int]) stream.Stream[int] {
		return stream.FlattenUnordered(stream.Map(s, 1, func(_ context.Context, v int) (stream.Stream[int], error) {
			return stream.Of(v), nil
		}), 3)
	},
	"FlatMapUnordered 1": func(s stream.Stream[int]) stream.Stream[int] {
		return stream.FlatMapUnordered(s, 1, func(v int) stream.Stream[int] { return stream.Of(v) })
	},
	"ReadyChunks": func(s stream.Stream[int]) stream.Stream[int] { return flat(stream.ReadyChunks(s, 3)) },
	"Batches": func(s stream.Stream[int]) stream.Stream[int] {
		return flat(stream.Batches(s, stream.BatchOptions[int]{MaxBytes: 3, Size: func(int) int { return 1 }}))
	},
	"Batches with an age": func(s stream.Stream[int]) stream.Stream[int] {
		return flat(stream.Batches(s, stream.BatchOptions[int]{MaxElements: 3, MaxAge: time.Hour}))
	},
	"TimeWindows": func(s stream.Stream[int]) stream.Stream[int] {
		return stream.FlatMap(stream.TimeWindows(s, time.Millisecond, time.Millisecond),
			func(w stream.Window[int]) stream.Stream[int] { return stream.Of(w.Values...) })
	},
	"GroupBy": func(s stream.Stream[int]) stream.Stream[int] {
		return stream.GroupBy(s, 2, func(v int) int { return v % 3 },
			func(_ int, s stream.Stream[int]) stream.Stream[int] { return s })
	},
	"Sources": func(s stream.Stream[int]) stream.Stream[int] {
		return fresh(func() stream.Stream[int] {
			var ss stream.Sources[string, int]
			_ = ss.Insert("k", s)
			ss.Close()
			return unkeyed(ss.Stream())
		})
	},
	"Retry": func(s stream.Stream[int]) stream.Stream[int] {
		return stream.Retry(s, func(_ context.Context, _ int, err error) error { return err })
	},
	"SelectAll": func(s stream.Stream[int]) stream.Stream[int] {
		return unkeyed(stream.SelectAll(map[string]stream.Stream[int]{"k": s}))
	},
	"Zip": func(s stream.Stream[int]) stream.Stream[int] {
		return stream.Map(stream.Zip(s, count()), 1,
			func(_ context.Context, v stream.Pair[int, int]) (int, error) { return v.First, nil })
	},
	"Zip second": func(s stream.Stream[int]) stream.Stream[int] {
		return stream.Map(stream.Zip(count(), s), 1,
			func(_ context.Context, v stream.Pair[int, int]) (int, error) { return v.Second, nil })
	},
}

func same(_ context.Context, v int) (int, error) { return v, nil }

func flat(s stream.Stream[[]int]) stream.Stream[int] {
	return stream.FlatMap(s, func(vs []int) stream.Stream[int] { return stream.Of(vs...) })
}

func values(s stream.Stream[stream.Indexed[int]]) stream.Stream[int] {
	return stream.Map(s, 1, func(_ context.Context, v stream.Indexed[int]) (int, error) { return v.Value, nil })
}

func unkeyed[K comparable](s stream.Stream[stream.Keyed[K, int]]) stream.Stream[int] {
	return stream.Map(s, 1, func(_ context.Context, v stream.Keyed[K, int]) (int, error) { return v.Value, nil })
}

// every runs the test for each combinator, and for two of them in a row.
func every(t *testing.T, f func(t *testing.T, through func(stream.Stream[int]) stream.Stream[int])) {
	t.Helper()
	for name, c := range combinators {
		t.Run(name, func(t *testing.T) {
			noLeak(t)
			f(t, c)
			f(t, func(s stream.Stream[int]) stream.Stream[int] { return combinators["Map"](c(s)) })
		})
	}
}

func TestEveryCombinatorPassesElementsAndThenTheError(t *testing.T) {
	every(t, func(t *testing.T, through func(stream.Stream[int]) stream.Stream[int]) {
		got, err := stream.Collect(t.Context(), through(upTo(200, nil)))
		require.NoError(t, err)
		slices.Sort(got) // MapUnordered
		assert.Equal(t, ints(200), got)
		got, err = stream.Collect(t.Context(), through(upTo(200, errBoom)))
		require.Equal(t, errBoom, err)
		slices.Sort(got)
		if strings.HasSuffix(t.Name(), "/FlattenUnordered") { // which runs several to which the error may be first
			assert.True(t, isSubsequence(got, ints(200)))
			assert.GreaterOrEqual(t, len(got), 200-3)
			return
		}
		assert.Equal(t, ints(200), got)
	})
}

func TestEveryCombinatorStopsAtABreak(t *testing.T) {
	every(t, func(t *testing.T, through func(stream.Stream[int]) stream.Stream[int]) {
		for _, s := range []stream.Stream[int]{count(), heedless(), upTo(3, nil).Chain(stuck[int]())} {
			n := 0
			for _, err := range through(s).All(t.Context()) {
				require.NoError(t, err)
				if n++; n == 3 {
					break
				}
			}
			assert.Equal(t, 3, n)
		}
	})
}

func TestEveryCombinatorEndsWithItsContext(t *testing.T) {
	every(t, func(t *testing.T, through func(stream.Stream[int]) stream.Stream[int]) {
		for _, s := range []stream.Stream[int]{count(), upTo(12, nil).Chain(stuck[int]())} {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			var last error
			n := 0
			for _, err := range through(s).All(ctx) {
				last = err
				if n++; n == 10 {
					cancel(errBoom)
				}
			}
			require.ErrorIs(t, last, errBoom)
			n = 0
			for _, err := range through(s).All(ctx) {
				require.ErrorIs(t, err, errBoom, "noticed first")
				n++
			}
			assert.Equal(t, 1, n)
		}
	})
}

// TestEveryCombinatorKnowsACancelFromItsEnd breaks off a stream while one of its
// workers runs another one, whose source ends with the bare cause.
func TestEveryCombinatorKnowsACancelFromItsEnd(t *testing.T) {
	source := stream.New(func(ctx context.Context, _ func(int) bool) error {
		<-ctx.Done()
		return context.Cause(ctx)
	})
	every(t, func(t *testing.T, through func(stream.Stream[int]) stream.Stream[int]) {
		for range 20 {
			var inner error
			began := make(chan struct{})
			for _, err := range stream.MapUnordered(upTo(2, nil), 2, func(ctx context.Context, v int) (int, error) {
				if v == 0 {
					<-began
					return 0, nil
				}
				close(began)
				_, inner = stream.Collect(ctx, through(source))
				return 0, inner
			}).All(t.Context()) {
				require.NoError(t, err)
				break
			}
			require.Error(t, inner)
		}
	})
}

func TestEveryCombinatorSurvivesAPanicInTheLoop(t *testing.T) {
	every(t, func(t *testing.T, through func(stream.Stream[int]) stream.Stream[int]) {
		err := testkit.PanicError(t, func() {
			for _, err := range through(count()).All(t.Context()) {
				require.NoError(t, err)
				panic(errBoom)
			}
		})
		require.ErrorIs(t, err, errBoom)
	})
}

func TestEveryCombinatorPassesOnAPanicOfItsSource(t *testing.T) {
	every(t, func(t *testing.T, through func(stream.Stream[int]) stream.Stream[int]) {
		s := upTo(3, nil).Chain(stream.New(func(context.Context, func(int) bool) error { panic(errBoom) }))
		err := testkit.PanicError(t, func() { _, _ = stream.Collect(t.Context(), through(s)) })
		require.ErrorIs(t, err, errBoom)
	})
}

func TestGoexitInASourceEndsTheStream(t *testing.T) {
	exit := stream.New(func(context.Context, func(int) bool) error {
		runtime.Goexit()
		return nil
	})
	for _, name := range []string{"Map", "MapUnordered", "Buffer", "Merge", "Zip", "Timeout", "ChunksTimeout"} {
		noLeak(t)
		_, err := stream.Collect(t.Context(), combinators[name](exit))
		require.ErrorIs(t, err, task.ErrGoexit, name)
	}
}

func TestErrorsOfFunctionsEndTheStream(t *testing.T) {
	_, err := stream.Collect(t.Context(), stream.FilterMap(count(), func(context.Context, int) (int, bool, error) { return 0, false, errBoom }))
	require.Equal(t, errBoom, err)
	_, err = stream.Collect(t.Context(), stream.FlatMap(count(), func(int) stream.Stream[int] { return stream.Fail[int](errBoom) }))
	require.Equal(t, errBoom, err)
	_, err = stream.Collect(t.Context(), stream.FromSeq2(func(yield func(int, error) bool) { yield(0, errBoom) }))
	require.Equal(t, errBoom, err)
}

func TestAnErrorAfterABreakDoesNotCount(t *testing.T) {
	s := stream.New(func(_ context.Context, yield func(int) bool) error {
		yield(1)
		return errBoom
	})
	got, err := stream.Collect(t.Context(), s.Take(1))
	require.NoError(t, err)
	assert.Equal(t, []int{1}, got)
}

func TestChunksFlushBeforeAnError(t *testing.T) {
	got, err := stream.Collect(t.Context(), stream.Chunks(upTo(5, errBoom), 3))
	require.Equal(t, errBoom, err)
	assert.Equal(t, [][]int{{0, 1, 2}, {3, 4}}, got)
}

func TestRetryRunsTheRecipeAgain(t *testing.T) {
	runs := 0
	s := stream.New(func(_ context.Context, yield func(int) bool) error {
		runs++
		if runs%3 == 0 {
			yield(runs)
		}
		if runs == 7 {
			return nil
		}
		return errBoom
	})
	var failures []int
	got := collect(t, stream.Retry(s, func(_ context.Context, n int, err error) error {
		require.Equal(t, errBoom, err)
		failures = append(failures, n)
		return nil
	}))
	assert.Equal(t, []int{3, 6}, got)
	assert.Equal(t, []int{1, 2, 1, 2, 3, 1}, failures, "counted since the last element")
	enough := errors.New("enough")
	_, err := stream.Collect(t.Context(), stream.Retry(stream.Fail[int](errBoom), func(_ context.Context, n int, _ error) error {
		if n == 4 {
			return enough
		}
		return nil
	}))
	require.Equal(t, enough, err)
}

func TestSinksThatLeaveEarly(t *testing.T) {
	v, ok, err := stream.First(t.Context(), count().Skip(7))
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Equal(t, 7, v)
	_, ok, err = stream.First(t.Context(), upTo(0, nil))
	require.NoError(t, err)
	assert.False(t, ok)
	_, ok, err = stream.First(t.Context(), upTo(0, errBoom))
	require.Equal(t, errBoom, err)
	assert.False(t, ok)

	seen := 0
	until := func(n int) func(int) bool {
		return func(v int) bool {
			seen = v
			return v == n
		}
	}
	below := func(n int) func(int) bool {
		return func(v int) bool {
			seen = v
			return v < n
		}
	}
	for name, c := range map[string]struct {
		run  func(context.Context, stream.Stream[int], func(int) bool) (bool, error)
		s    stream.Stream[int]
		pred func(int) bool
		want bool
		err  error
		seen int
	}{
		"any, found":        {stream.Any[int], count(), until(5), true, nil, 5},
		"any, before error": {stream.Any[int], upTo(6, errBoom), until(5), true, nil, 5},
		"any, none":         {stream.Any[int], upTo(6, nil), until(9), false, nil, 5},
		"any, error":        {stream.Any[int], upTo(6, errBoom), until(9), false, errBoom, 5},
		"any, of nothing":   {stream.Any[int], upTo(0, nil), until(0), false, nil, -1},
		"all, not":          {stream.All[int], count(), below(5), false, nil, 5},
		"all":               {stream.All[int], upTo(6, nil), below(9), true, nil, 5},
		"all, error":        {stream.All[int], upTo(6, errBoom), below(9), false, errBoom, 5},
		"all, before error": {stream.All[int], upTo(6, errBoom), below(5), false, nil, 5},
		"all, of nothing":   {stream.All[int], upTo(0, nil), below(0), true, nil, -1},
	} {
		seen = -1
		got, err := c.run(t.Context(), c.s, c.pred)
		require.Equal(t, c.err, err, name)
		assert.Equal(t, c.want, got, name)
		assert.Equal(t, c.seen, seen, name)
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int]error{0: nil, 7: nil, 3: errBoom} {
		got, err := stream.Count(t.Context(), upTo(n, want))
		require.Equal(t, want, err)
		assert.Equal(t, n, got)
	}
}

func TestSinks(t *testing.T) {
	sum, err := stream.Reduce(t.Context(), upTo(5, nil), 0, func(a, v int) (int, error) { return a + v, nil })
	require.NoError(t, err)
	assert.Equal(t, 10, sum)
	sum, err = stream.Reduce(t.Context(), upTo(5, errBoom), 0, func(a, v int) (int, error) { return a + v, nil })
	require.Equal(t, errBoom, err)
	assert.Equal(t, 10, sum)
	sum, err = stream.Reduce(t.Context(), count(), 0, func(a, v int) (int, error) {
		if v == 3 {
			return 99, errBoom
		}
		return a + v, nil
	})
	require.Equal(t, errBoom, err)
	assert.Equal(t, 3, sum)
	var seen []int
	require.NoError(t, stream.ForEach(t.Context(), upTo(4, nil), 1, func(_ context.Context, v int) error {
		seen = append(seen, v)
		return nil
	}))
	assert.Equal(t, ints(4), seen)
	err = stream.ForEach(t.Context(), count(), 3, func(_ context.Context, v int) error {
		if v == 100 {
			return errBoom
		}
		return nil
	})
	require.Equal(t, errBoom, err)
}

func TestForEachCallsNAtOnceAndWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, n := range []int{1, 5} {
			noLeak(t)
			start := time.Now()
			var running, most, sum atomic.Int64
			work := func(_ context.Context, v int) error {
				most.Store(max(most.Load(), running.Add(1)))
				<-time.After(time.Second)
				running.Add(-1)
				sum.Add(int64(v))
				return nil
			}
			require.NoError(t, stream.ForEach(t.Context(), upTo(20, nil), n, work))
			assert.EqualValues(t, 190, sum.Load())
			assert.EqualValues(t, n, most.Load())
			assert.Equal(t, time.Duration(20/n)*time.Second, time.Since(start))
			require.Equal(t, errBoom, stream.ForEach(t.Context(), upTo(20, errBoom), n, work))
			assert.EqualValues(t, 2*190, sum.Load(), "an error of the source comes last")
		}
	})
}

func TestAnErrorInForEachStopsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, n := range []int{1, 5} {
			noLeak(t)
			start := time.Now()
			var calls atomic.Int64
			err := stream.ForEach(t.Context(), count(), n, func(ctx context.Context, v int) error {
				calls.Add(1)
				if v == 100 {
					<-time.After(time.Second / 2)
					return errBoom
				}
				select {
				case <-time.After(time.Second):
				case <-ctx.Done():
				}
				return nil
			})
			require.Equal(t, errBoom, err)
			assert.EqualValues(t, 100+n, calls.Load())
			assert.Equal(t, time.Duration(100/n)*time.Second+time.Second/2, time.Since(start), "the others were told")
		}
	})
}

func TestAPanicInForEachPanicsInTheCaller(t *testing.T) {
	for _, n := range []int{1, 5} {
		noLeak(t)
		err := testkit.PanicError(t, func() {
			_ = stream.ForEach(t.Context(), count(), n, func(_ context.Context, v int) error {
				if v == 50 {
					panic(errBoom)
				}
				return nil
			})
		})
		require.ErrorIs(t, err, errBoom)
	}
}

func TestSinksOfNothing(t *testing.T) {
	none := stream.FromSlice[int](nil)
	assert.Empty(t, collect(t, none))
	sum, err := stream.Reduce(t.Context(), none, 7, func(int, int) (int, error) { panic("called") })
	require.NoError(t, err)
	assert.Equal(t, 7, sum)
	for _, n := range []int{1, 5} {
		require.NoError(t, stream.ForEach(t.Context(), none, n, func(context.Context, int) error { panic("called") }))
	}
}
