package stream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coderrange/ferrous/stream"
)

func Example() {
	open := func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("1\n2\n3\nfour\n5\n")), nil
	}
	numbers := stream.Map(stream.Lines(open, 1024), 4, func(_ context.Context, line string) (int, error) {
		return strconv.Atoi(line)
	})
	for v, err := range numbers.All(context.Background()) {
		fmt.Println(v, err)
	}
	// Output:
	// 1 <nil>
	// 2 <nil>
	// 3 <nil>
	// 0 strconv.Atoi: parsing "four": invalid syntax
}

func ExampleChunksTimeout() {
	s := stream.ChunksTimeout(stream.Of(1, 2, 3, 4, 5), 2, time.Minute)
	fmt.Println(stream.Collect(context.Background(), s))
	// Output: [[1 2] [3 4] [5]] <nil>
}

func ExampleTee() {
	ctx := context.Background()
	var sum, most int
	err := stream.Tee(ctx, stream.Of(3, 1, 2), 1,
		func(ctx context.Context, s stream.Stream[int]) (err error) {
			sum, err = stream.Reduce(ctx, s, 0, func(a, v int) (int, error) { return a + v, nil })
			return err
		},
		func(ctx context.Context, s stream.Stream[int]) (err error) {
			most, err = stream.Reduce(ctx, s, 0, func(a, v int) (int, error) { return max(a, v), nil })
			return err
		},
	)
	fmt.Println(sum, most, err)
	// Output: 6 3 <nil>
}

func ExampleBatches() {
	lines := stream.Of("a", "bb", "ccc", "dddd", "a line that is too long alone", "e")
	batches := stream.Batches(lines, stream.BatchOptions[string]{
		MaxElements: 500,
		MaxBytes:    6,
		Size:        func(line string) int { return len(line) },
		MaxAge:      time.Second,
	})
	for batch, err := range batches.All(context.Background()) {
		fmt.Printf("%q %v\n", batch, err)
	}
	// Output:
	// ["a" "bb" "ccc"] <nil>
	// ["dddd"] <nil>
	// ["a line that is too long alone"] <nil>
	// ["e"] <nil>
}

func ExampleReadyChunks() {
	// A slow loop writes all that has come since the last write.
	records := make(chan int, 10)
	for i := range cap(records) {
		records <- i
	}
	close(records)
	written := 0
	for chunk, err := range stream.ReadyChunks(stream.FromChan(records), 1000).All(context.Background()) {
		if err != nil {
			fmt.Println(err)
			return
		}
		written += len(chunk)
	}
	fmt.Println(written)
	// Output: 10
}

func ExampleGroupBy() {
	// At most two per batch, for each tenant, whose name is the first letter.
	records := stream.Of("a1", "b1", "a2", "a3", "b2", "b3")
	tenant := func(record string) string { return record[:1] }
	batches := stream.GroupBy(records, 100, tenant, func(_ string, s stream.Stream[string]) stream.Stream[[]string] {
		return stream.Chunks(s, 2)
	})
	all, err := stream.Collect(context.Background(), batches)
	slices.SortFunc(all, slices.Compare)
	fmt.Println(all, err)
	// Output: [[a1 a2] [a3] [b1 b2] [b3]] <nil>
}

func ExampleTimeWindows() {
	s := stream.TimeWindows(stream.Of(1, 2, 3), time.Minute, time.Minute)
	for w, err := range s.All(context.Background()) {
		fmt.Println(w.To.Sub(w.From), w.Values, err)
	}
	// Output: 1m0s [1 2 3] <nil>
}

func ExampleFlatMapUnordered() {
	ctx := context.Background()
	pages := func(site string) stream.Stream[string] { return stream.Of(site+"/1", site+"/2") }
	all, err := stream.Collect(ctx, stream.FlatMapUnordered(stream.Of("a", "b", "c"), 2, pages)) // two sites at once
	slices.Sort(all)
	fmt.Println(all, err)
	// Output: [a/1 a/2 b/1 b/2 c/1 c/2] <nil>
}

func ExampleFlattenUnordered() {
	streams := stream.Of(stream.Of(1), stream.Of(2, 3), stream.Of[int]())
	all, err := stream.Collect(context.Background(), stream.FlattenUnordered(streams, 2))
	slices.Sort(all)
	fmt.Println(all, err)
	// Output: [1 2 3] <nil>
}

func ExampleSources() {
	var clients stream.Sources[string, string]
	_ = clients.Insert("ann", stream.Of("hello"))
	for message, err := range clients.Stream().All(context.Background()) {
		fmt.Println(message.Key, message.Value, err)
		if message.Key == "ann" {
			_ = clients.Insert("bob", stream.Of("hi")) // while the loop runs
			clients.Close()                            // and nobody else
		}
	}
	// Output:
	// ann hello <nil>
	// bob hi <nil>
}

func ExampleForEachAhead() {
	jobs := make(chan int, 100)
	for i := range cap(jobs) {
		jobs <- i
	}
	ctx := context.Background()
	failed := errors.New("failed")
	err := stream.ForEachAhead(ctx, stream.FromChan(jobs), 1, 0, func(context.Context, int) error { return failed })
	fmt.Println(err, len(jobs)) // no job was taken that was not begun
	// Output: failed 99
}

func ExampleMapAhead() {
	read := 0
	s := stream.Of(1, 2, 3, 4, 5, 6, 7, 8).Inspect(func(int) { read++ })
	double := func(_ context.Context, v int) (int, error) { return 2 * v, nil }
	v, _, err := stream.First(context.Background(), stream.MapAhead(s, 2, 1, double))
	fmt.Println(v, err, read <= 3)
	// Output: 2 <nil> true
}

func ExampleFirst() {
	fmt.Println(stream.First(context.Background(), stream.Of(1, 2, 3)))
	fmt.Println(stream.First(context.Background(), stream.Of[int]()))
	// Output:
	// 1 true <nil>
	// 0 false <nil>
}

func ExampleAny() {
	isEven := func(v int) bool { return v%2 == 0 }
	fmt.Println(stream.Any(context.Background(), stream.Of(1, 2, 3), isEven))
	// Output: true <nil>
}

func ExampleAll() {
	isEven := func(v int) bool { return v%2 == 0 }
	fmt.Println(stream.All(context.Background(), stream.Of(1, 2, 3), isEven))
	// Output: false <nil>
}

func ExampleCount() {
	fmt.Println(stream.Count(context.Background(), stream.Of("a", "b")))
	// Output: 2 <nil>
}

func ExampleFile() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop() // an interrupt also ends the stream while a Read or an open waits
	for line, err := range stream.Lines(stream.File(os.DevNull), 1<<20).All(ctx) {
		fmt.Println(line, err)
	}
	// Output:
}
