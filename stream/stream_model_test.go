package stream_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/coderrange/ferrous/internal/testkit"
	"github.com/coderrange/ferrous/stream"
)

// TestPipelineModel builds chains of combinators and compares them with slices,
// from a source that ends, fails or is broken off.
func TestPipelineModel(t *testing.T) {
	type step struct {
		s     stream.Stream[int]
		slice []int
		err   error // after the slice
	}
	testkit.Check(t, func(t *rapid.T) {
		now := step{slice: ints(rapid.IntRange(0, 300).Draw(t, "size"))}
		now.err = rapid.SampledFrom([]error{nil, errBoom}).Draw(t, "err")
		now.s = upTo(len(now.slice), now.err)
		for range rapid.IntRange(0, 5).Draw(t, "steps") {
			n := rapid.IntRange(1, 70).Draw(t, "n")
			switch rapid.IntRange(0, 9).Draw(t, "kind") {
			case 0:
				now.s = stream.Map(now.s, n, double)
				for i := range now.slice {
					now.slice[i] *= 2
				}
			case 1:
				now.s = now.s.Filter(func(v int) bool { return v%n != 0 })
				now.slice = slices.DeleteFunc(now.slice, func(v int) bool { return v%n == 0 })
			case 2:
				now.s = now.s.Take(n)
				if len(now.slice) >= n {
					now.slice, now.err = now.slice[:n], nil
				}
			case 3:
				now.s = now.s.Skip(n)
				now.slice = now.slice[min(n, len(now.slice)):]
			case 4:
				now.s = stream.Buffer(now.s, n)
			case 5:
				now.s = flat(stream.Chunks(now.s, n))
			case 6:
				now.s = flat(stream.ChunksTimeout(now.s, n, sec))
			case 7:
				now.s = stream.Map(stream.Zip(now.s, count()), 1,
					func(_ context.Context, p stream.Pair[int, int]) (int, error) { return p.First, nil })
			case 8:
				failAt := n * 3
				now.s = stream.Map(now.s, n, func(_ context.Context, v int) (int, error) {
					if v == failAt {
						return 0, errBoom
					}
					return v, nil
				})
				if i := slices.Index(now.slice, failAt); i >= 0 {
					now.slice, now.err = now.slice[:i], errBoom
				}
			case 9:
				now.s = stream.Merge(now.s)
			}
		}
		got, err := stream.Collect(context.Background(), now.s)
		assert.Equal(t, now.err, err)
		assert.True(t, slices.Equal(now.slice, got), "%v\n%v", now.slice, got)
		if at := rapid.IntRange(1, 100).Draw(t, "break"); at <= len(now.slice) {
			n := 0
			for v, err := range now.s.All(context.Background()) {
				assert.NoError(t, err)
				assert.Equal(t, now.slice[n], v)
				if n++; n == at {
					break
				}
			}
		}
	})
}
