package stream_test

import (
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
