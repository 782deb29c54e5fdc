package stream_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/coderrange/ferrous/stream"
)

// BenchmarkPure runs b.N elements of a slice through a combinator; the time of
// the bare source is to be subtracted.
func BenchmarkPure(b *testing.B) {
	run := func(name string, through func(stream.Stream[int]) stream.Stream[int]) {
		b.Run("impl=ours/of="+name, func(b *testing.B) {
			b.ReportAllocs()
			s := through(stream.FromSlice(make([]int, b.N)))
			b.ResetTimer()
			sum := 0
			for v, err := range s.All(context.Background()) {
				if err != nil {
					b.Fatal(err)
				}
				sum += v
			}
		})
	}
	run("source", func(s stream.Stream[int]) stream.Stream[int] { return s })
	for _, name := range []string{
		"Filter", "Inspect", "Take", "Skip", "TakeWhile", "SkipWhile", "Chain", "FilterMap", "Scan", "Enumerate", "Map 1",
	} {
		run(name, combinators[name])
	}
	run("chunks", func(s stream.Stream[int]) stream.Stream[int] {
		return stream.Map(stream.Chunks(s, 100), 1, func(_ context.Context, vs []int) (int, error) { return len(vs), nil })
	})
}

// BenchmarkLines reads b.N lines of 32 bytes.
func BenchmarkLines(b *testing.B) {
	text := strings.Repeat(strings.Repeat("x", 31)+"\n", 1<<15)
	b.Run("impl=ours", func(b *testing.B) {
		b.ReportAllocs()
		ctx, cancel := context.WithCancel(b.Context())
		defer cancel()
		for done := 0; done < b.N; {
			s := stream.Lines(func(context.Context) (io.ReadCloser, error) {
				return io.NopCloser(strings.NewReader(text)), nil
			}, 100)
			for _, err := range s.Take(b.N - done).All(ctx) {
				if err != nil {
					b.Fatal(err)
				}
				done++
			}
		}
	})
}
