package stream_test

import (
	"context"
	"errors"
	"maps"
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
