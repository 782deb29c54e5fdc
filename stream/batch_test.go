package stream_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/stream"
)

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
