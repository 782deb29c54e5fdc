package stream_test

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/stream"
)

func TestMergeYieldsEverything(t *testing.T) {
	noLeak(t)
	got := collect(t, stream.Merge(upTo(100, nil), upTo(50, nil), upTo(0, nil)))
	slices.Sort(got)
	want := slices.Concat(ints(100), ints(50))
	slices.Sort(want)
	assert.Equal(t, want, got)
	assert.Empty(t, collect(t, stream.Merge[int]()))
}

func TestMergeIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		named := map[string]stream.Stream[int]{"a": count(), "b": count(), "c": count()}
		seen := map[string]int{}
		n := 0
		for v, err := range stream.SelectAll(named).All(t.Context()) {
			require.NoError(t, err)
			seen[v.Key]++
			synctest.Wait() // all have one ready
			if n++; n == 300 {
				break
			}
		}
		for _, n := range seen {
			assert.InDelta(t, 100, n, 2)
		}
	})
}

func TestSelectAllNamesTheStreamOfEachElement(t *testing.T) {
	noLeak(t)
	type named = stream.Keyed[string, int]
	got := collect(t, stream.SelectAll(map[string]stream.Stream[int]{
		"a": stream.Of(1, 2), "b": stream.Of(10), "none": stream.Of[int](),
	}))
	assert.ElementsMatch(t, []named{{"a", 1}, {"a", 2}, {"b", 10}}, got)
	got = collect(t, stream.SelectAll(map[string]stream.Stream[int]{
		"stuck": stuck[int](), "a": stream.Of(1), "none": stream.Of[int](),
	}).Take(1))
	assert.Equal(t, []named{{"a", 1}}, got, "one that has nothing holds nobody")
	assert.Empty(t, collect(t, stream.SelectAll(map[string]stream.Stream[int]{})))
}

func TestAnErrorEndsAMerge(t *testing.T) {
	noLeak(t)
	_, err := stream.Collect(t.Context(), stream.Merge(stuck[int](), upTo(3, errBoom), stuck[int]()))
	require.Equal(t, errBoom, err)
}

func TestZip(t *testing.T) {
	noLeak(t)
	got := collect(t, stream.Zip(count(), stream.Of("a", "b")))
	assert.Equal(t, []stream.Pair[int, string]{{0, "a"}, {1, "b"}}, got)
	assert.Empty(t, collect(t, stream.Zip(stuck[int](), stream.Of[int]())), "also while the other waits")
	assert.Empty(t, collect(t, stream.Zip(stream.Of[int](), stuck[int]())))
	_, err := stream.Collect(t.Context(), stream.Zip(stuck[int](), stream.Fail[int](errBoom)))
	require.Equal(t, errBoom, err)
}

func TestCombineLatest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		a, b := make(chan int), make(chan string)
		go func() {
			for _, step := range []any{1, 2, "x", 3, "y", 4} {
				synctest.Wait()
				switch v := step.(type) {
				case int:
					a <- v
				case string:
					b <- v
				}
			}
			synctest.Wait()
			close(b)
			synctest.Wait()
			a <- 5
			close(a)
		}()
		got := collect(t, stream.CombineLatest(stream.FromChan(a), stream.FromChan(b)))
		assert.Equal(t, []stream.Pair[int, string]{{2, "x"}, {3, "x"}, {3, "y"}, {4, "y"}, {5, "y"}}, got)
	})
}

func TestErrorsAndCancelInCombineLatest(t *testing.T) {
	noLeak(t)
	_, err := stream.Collect(t.Context(), stream.CombineLatest(stuck[int](), stream.Fail[int](errBoom)))
	require.Equal(t, errBoom, err)
	_, err = stream.Collect(t.Context(), stream.CombineLatest(stream.Fail[int](errBoom), stuck[int]()))
	require.Equal(t, errBoom, err)
	for _, err := range stream.CombineLatest(count(), count()).All(t.Context()) {
		require.NoError(t, err)
		break
	}
}

func TestTakeUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		stop := make(chan struct{})
		n := 0
		for _, err := range stream.TakeUntil(count(), stop).All(t.Context()) {
			require.NoError(t, err)
			if n++; n == 5 {
				close(stop)
				synctest.Wait()
			}
		}
		assert.Equal(t, 5, n)
		assert.Empty(t, collect(t, stream.TakeUntil(count(), stop)), "closed before")
		stop = make(chan struct{})
		go func() {
			synctest.Wait()
			close(stop)
		}()
		assert.Empty(t, collect(t, stream.TakeUntil(stuck[int](), stop)), "while it waits")
	})
}

func TestBufferLetsTheSourceRunAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		read := 0
		for _, err := range stream.Buffer(count().Inspect(func(int) { read++ }), 5).All(t.Context()) {
			require.NoError(t, err)
			synctest.Wait()
			assert.Equal(t, 1+5+1, read)
			break
		}
	})
}

func TestFlattenUnorderedRunsNStreamsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		for _, n := range []int{1, 3, 12} {
			var running, most, read atomic.Int64
			start := time.Now()
			got := collect(t, stream.FlatMapUnordered(upTo(12, nil).Inspect(func(int) { read.Add(1) }), n,
				func(v int) stream.Stream[int] {
					return stream.New(func(_ context.Context, yield func(int) bool) error {
						most.Store(max(most.Load(), running.Add(1)))
						defer running.Add(-1)
						assert.LessOrEqual(t, read.Load(), int64(v+n), "one is read only if it can begin")
						for i := range 2 {
							<-time.After(time.Second)
							if !yield(2*v + i) {
								return nil
							}
						}
						return nil
					})
				}))
			slices.Sort(got)
			assert.Equal(t, ints(24), got)
			assert.EqualValues(t, n, most.Load())
			assert.Equal(t, time.Duration(24/n)*time.Second, time.Since(start))
		}
	})
}

func TestFlattenUnorderedYieldsWhatComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		after := func(v int, d time.Duration) stream.Stream[int] {
			return stream.FromSeq(func(yield func(int) bool) {
				<-time.After(d)
				yield(v)
			})
		}
		got := collect(t, stream.FlattenUnordered(stream.Of(after(3, 3*sec), after(1, sec), after(2, 2*sec)), math.MaxInt))
		assert.Equal(t, []int{1, 2, 3}, got)
	})
}

func TestAnErrorEndsAFlatten(t *testing.T) {
	noLeak(t)
	for name, s := range map[string]stream.Stream[stream.Stream[int]]{
		"of a stream":     stream.Of(stuck[int](), upTo(3, errBoom), stuck[int]()),
		"of the source":   stream.Of(stuck[int](), upTo(3, nil)).Chain(stream.Fail[stream.Stream[int]](errBoom)),
		"of a later one":  stream.Of(upTo(3, nil), stream.Fail[int](errBoom)),
		"of a first one":  stream.Of(stream.Fail[int](errBoom)).Chain(stuck[stream.Stream[int]]()),
		"of nothing else": stream.Fail[stream.Stream[int]](errBoom),
	} {
		require.Equal(t, errBoom, drain(t.Context(), stream.FlattenUnordered(s, 3)), name)
	}
}

func TestAFlattenOfNothingIsEmpty(t *testing.T) {
	noLeak(t)
	assert.Empty(t, collect(t, stream.FlattenUnordered(stream.Of[stream.Stream[int]](), 3)))
	assert.Empty(t, collect(t, stream.FlattenUnordered(stream.Of(stream.Stream[int]{}, stream.Stream[int]{}), 1)))
}

type keyedChunk = stream.Keyed[int, []int]

// chunked makes a group's elements chunks that name the group.
func chunked(n int) func(int, stream.Stream[int]) stream.Stream[keyedChunk] {
	return func(k int, s stream.Stream[int]) stream.Stream[keyedChunk] {
		return stream.Map(stream.Chunks(s, n), 1, func(_ context.Context, vs []int) (keyedChunk, error) {
			return keyedChunk{Key: k, Value: vs}, nil
		})
	}
}

func mod(n int) func(int) int { return func(v int) int { return v % n } }

func TestGroupsKeepTheOrderOfTheirElements(t *testing.T) {
	noLeak(t)
	for n := 1; n <= 6; n++ {
		got := map[int][]int{}
		for c, err := range stream.GroupBy(upTo(300, nil), n, mod(5), chunked(7)).All(t.Context()) {
			require.NoError(t, err)
			got[c.Key] = append(got[c.Key], c.Value...)
			if n >= 5 && len(got[c.Key]) < 60 {
				assert.Len(t, c.Value, 7, "no group ended before")
			}
		}
		for k := range 5 {
			var want []int
			for v := k; v < 300; v += 5 {
				want = append(want, v)
			}
			assert.Equal(t, want, got[k])
		}
	}
}

func TestTheGroupThatHasWaitedLongestEnds(t *testing.T) {
	noLeak(t)
	s := stream.Of(11, 21, 12, 31, 22, 13, 32) // 1 and 2 | 3 in the place of 2 | 2 in that of 1 | 1 of 3 | 3 of 2
	got := collect(t, stream.GroupBy(s, 2, func(v int) int { return v / 10 }, chunked(9)))
	assert.Equal(t, []keyedChunk{{2, []int{21}}, {1, []int{11, 12}}, {3, []int{31}}, {2, []int{22}}}, got[:4])
	assert.ElementsMatch(t, []keyedChunk{{1, []int{13}}, {3, []int{32}}}, got[4:])
}

func TestAGroupWhoseStreamEndsBeginsAnew(t *testing.T) {
	noLeak(t)
	var begun atomic.Int64
	got := collect(t, stream.GroupBy(upTo(10, nil), 3, mod(1), func(_ int, s stream.Stream[int]) stream.Stream[int] {
		begun.Add(1)
		return s.Take(4)
	}))
	assert.Equal(t, ints(10), got)
	assert.GreaterOrEqual(t, begun.Load(), int64(3))
}

func TestWhatAGroupDoesNotAskForIsDropped(t *testing.T) {
	noLeak(t)
	got := collect(t, stream.GroupBy(upTo(10, nil), 3, mod(2), func(k int, s stream.Stream[int]) stream.Stream[int] {
		if k == 0 {
			return stream.Of[int]()
		}
		return s
	}))
	assert.Equal(t, []int{1, 3, 5, 7, 9}, got)
}

func TestGroupsThatAreOverMakeRoomBeforeOneIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		// Key 0 lasts, the others take one element each.
		ended := 0
		s := stream.Of(0, 1, 2, 3, 10, 4).Inspect(func(int) { synctest.Wait() })
		got := collect(t, stream.GroupBy(s, 2, func(v int) int { return v % 10 }, func(k int, s stream.Stream[int]) stream.Stream[int] {
			if k > 0 {
				return s.Take(1)
			}
			return s.Chain(stream.FromSeq(func(func(int) bool) { ended++ }))
		}))
		slices.Sort(got)
		assert.Equal(t, []int{0, 1, 2, 3, 4, 10}, got)
		assert.Equal(t, 1, ended)
	})
}

func TestAnErrorOfTheSourceComesAfterAllGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noLeak(t)
		var sums, told atomic.Int64
		slow := func(k int, s stream.Stream[int]) stream.Stream[keyedChunk] {
			return stream.New(func(ctx context.Context, yield func(keyedChunk) bool) error {
				for c, err := range chunked(100)(k, s).All(ctx) {
					if err != nil {
						told.Add(1)
						return err
					}
					<-time.After(time.Duration(k+1) * time.Second)
					if !yield(c) {
						return nil
					}
				}
				sums.Add(1)
				return nil
			})
		}
		got, err := stream.Collect(t.Context(), stream.GroupBy(upTo(9, errBoom), 3, mod(3), slow))
		require.Equal(t, errBoom, err)
		assert.Equal(t, []keyedChunk{{0, []int{0, 3, 6}}, {1, []int{1, 4, 7}}, {2, []int{2, 5, 8}}}, got)
		assert.EqualValues(t, 3, told.Load(), "each group knows that its elements are not all")
		assert.Zero(t, sums.Load())
	})
}

func TestGroupsThatAreLeftHaveNoError(t *testing.T) {
	noLeak(t)
	for n := 1; n <= 3; n++ {
		identity := func(_ int, s stream.Stream[int]) stream.Stream[int] { return s }
		assert.Len(t, collect(t, stream.GroupBy(heedless(), n, mod(2), identity).Take(3)), 3)
	}
}

func TestAnErrorOfAGroupEndsAll(t *testing.T) {
	noLeak(t)
	own := errors.New("own")
	got, err := stream.Collect(t.Context(), stream.GroupBy(count(), 3, mod(3), func(k int, s stream.Stream[int]) stream.Stream[int] {
		if k == 1 {
			return stream.Fail[int](own)
		}
		return s
	}))
	require.Equal(t, own, err)
	assert.LessOrEqual(t, len(got), 2)
}

func TestPanicsInGroupsPanicInTheLoop(t *testing.T) {
	noLeak(t)
	for name, s := range map[string]stream.Stream[int]{
		"key": stream.GroupBy(count(), 2, func(int) int { panic(errBoom) }, func(_ int, s stream.Stream[int]) stream.Stream[int] { return s }),
		"f":   stream.GroupBy(count(), 2, mod(2), func(int, stream.Stream[int]) stream.Stream[int] { panic(errBoom) }),
		"group": stream.GroupBy(count(), 2, mod(2), func(_ int, s stream.Stream[int]) stream.Stream[int] {
			return s.Inspect(func(int) { panic(errBoom) })
		}),
	} {
		err := testkit.PanicError(t, func() { _ = drain(t.Context(), s) })
		require.ErrorIs(t, err, errBoom, name)
	}
}

// TestManyKeysInBoundedGroups has far more keys than groups.
func TestManyKeysInBoundedGroups(t *testing.T) {
	noLeak(t)
	const keys, n = 500, 20
	var open, most atomic.Int64
	got := map[int]int{}
	s := stream.GroupBy(upTo(3*keys, nil), n, mod(keys), func(k int, s stream.Stream[int]) stream.Stream[stream.Keyed[int, int]] {
		return stream.New(func(ctx context.Context, yield func(stream.Keyed[int, int]) bool) error {
			most.Store(max(most.Load(), open.Add(1)))
			defer open.Add(-1)
			sum, err := stream.Count(ctx, s)
			if err == nil {
				yield(stream.Keyed[int, int]{Key: k, Value: sum})
			}
			return err
		})
	})
	for v, err := range s.All(t.Context()) {
		require.NoError(t, err)
		got[v.Key] += v.Value
	}
	assert.LessOrEqual(t, most.Load(), int64(n))
	assert.Len(t, got, keys)
	assert.Equal(t, []int{3}, slices.Compact(slices.Collect(maps.Values(got))))
}
