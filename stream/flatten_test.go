package stream_test

import (
	"context"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/stream"
)

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
