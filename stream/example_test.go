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

	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/result"
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

// text returns an Open of a text.
func text(s string) stream.Open {
	return func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil }
}

func ExampleStream() {
	evens := stream.Of(1, 2, 3, 4, 5, 6).Filter(func(v int) bool { return v%2 == 0 }).Take(2)
	for v, err := range evens.All(context.Background()) {
		fmt.Println(v, err)
	}
	// Output:
	// 2 <nil>
	// 4 <nil>
}

// The source stops when yield returns false.
func ExampleNew() {
	naturals := stream.New(func(_ context.Context, yield func(int) bool) error {
		for i := 0; yield(i); i++ {
		}
		return nil
	})
	fmt.Println(stream.Collect(context.Background(), naturals.Take(3)))
	// Output: [0 1 2] <nil>
}

// Two at once, in order. The first error ends the stream.
func ExampleMap() {
	parse := func(_ context.Context, s string) (int, error) { return strconv.Atoi(s) }
	fmt.Println(stream.Collect(context.Background(), stream.Map(stream.Of("1", "2", "x", "4"), 2, parse)))
	// Output: [1 2] strconv.Atoi: parsing "x": invalid syntax
}

// Four at once, in order. A bad element is a value, so it does not end the stream.
func ExampleMap_skip() {
	parse := func(_ context.Context, s string) (result.Result[int], error) {
		return result.From(strconv.Atoi(s)), nil
	}
	good := func(_ context.Context, r result.Result[int]) (int, bool, error) {
		v, err := r.Get()
		if err != nil {
			fmt.Println("skipped:", err)
		}
		return v, err == nil, nil
	}
	numbers := stream.FilterMap(stream.Map(stream.Of("1", "2", "x", "4"), 4, parse), good)
	fmt.Println(stream.Collect(context.Background(), numbers))
	// Output:
	// skipped: strconv.Atoi: parsing "x": invalid syntax
	// [1 2 4] <nil>
}

func ExampleLines() {
	for line, err := range stream.Lines(text("one\ntwo\n"), 1024).All(context.Background()) {
		fmt.Println(line, err)
	}
	// Output:
	// one <nil>
	// two <nil>
}

func ExampleOpen() {
	var open stream.Open = func(context.Context) (io.ReadCloser, error) {
		return nil, errors.New("no such file")
	}
	_, err := stream.Collect(context.Background(), stream.Lines(open, 1024))
	fmt.Println(err)
	// Output: no such file
}

func ExampleSSE() {
	body := "id: 7\nevent: price\ndata: 42\n\n"
	for e, err := range stream.SSE(text(body), 1024).All(context.Background()) {
		fmt.Println(e.ID, e.Name, e.Data, err)
	}
	// Output: 7 price 42 <nil>
}

// A stream of a channel of this module. The end of the channel ends the stream.
func ExampleFromReceiver() {
	ctx := context.Background()
	tx, rx := channel.New[string](8)
	_ = tx.Send(ctx, "hello")
	tx.Close()
	fmt.Println(stream.Collect(ctx, stream.FromReceiver(rx)))
	// Output: [hello] <nil>
}

// twoRows stands for *sql.Rows.
type twoRows struct{ left int }

func (c *twoRows) Next() bool   { c.left--; return c.left >= 0 }
func (c *twoRows) Err() error   { return nil }
func (c *twoRows) Close() error { return nil }

func ExampleRows() {
	query := func(context.Context) (*twoRows, error) { return &twoRows{left: 2}, nil }
	scan := func(c *twoRows) (string, error) { return fmt.Sprint("row, left: ", c.left), nil }
	for row, err := range stream.Rows(query, scan).All(context.Background()) {
		fmt.Println(row, err)
	}
	// Output:
	// row, left: 1 <nil>
	// row, left: 0 <nil>
}

// A Cursor can be read to its end or left in between. It is closed in both cases.
func ExampleCursor() {
	var c stream.Cursor = &twoRows{left: 1}
	fmt.Println(c.Next(), c.Next())
	// Output: true false
}

func ExampleEnumerate() {
	for v, err := range stream.Enumerate(stream.Of("a", "b")).All(context.Background()) {
		fmt.Println(v.Index, v.Value, err)
	}
	// Output:
	// 0 a <nil>
	// 1 b <nil>
}

func ExampleZip() {
	for pair, err := range stream.Zip(stream.Of(1, 2), stream.Of("a", "b")).All(context.Background()) {
		fmt.Println(pair.First, pair.Second, err)
	}
	// Output:
	// 1 a <nil>
	// 2 b <nil>
}

func ExampleSelectAll() {
	both := stream.SelectAll(map[string]stream.Stream[int]{"a": stream.Of(1), "b": stream.Of(2)})
	for v, err := range both.All(context.Background()) {
		fmt.Println(v.Key, v.Value, err)
	}
	// Unordered output:
	// a 1 <nil>
	// b 2 <nil>
}

// A slow branch does not stop the source; it is told how many elements it has missed.
func ExampleBroadcast() {
	ready := make(chan struct{})
	slow := func(ctx context.Context, s stream.Stream[stream.Received[int]]) error {
		<-ready // all elements have been sent
		for v, err := range s.All(ctx) {
			if err != nil {
				return err
			}
			fmt.Println(v.Value, v.Missed)
		}
		return nil
	}
	source := stream.New(func(_ context.Context, yield func(int) bool) error {
		for i := range 5 {
			yield(i)
		}
		close(ready)
		return nil
	})
	fmt.Println(stream.Broadcast(context.Background(), source, 2, slow))
	// Output:
	// 3 3
	// 4 0
	// <nil>
}

// Run a source again when it fails, with a limit.
func ExampleRetry() {
	attempt := 0
	source := stream.New(func(_ context.Context, yield func(int) bool) error {
		attempt++
		if attempt < 3 {
			return errors.New("connection lost")
		}
		yield(attempt)
		return nil
	})
	again := func(_ context.Context, failures int, err error) error {
		if failures > 5 {
			return err
		}
		return nil
	}
	fmt.Println(stream.Collect(context.Background(), stream.Retry(source, again)))
	// Output: [3] <nil>
}

func ExampleTimeout() {
	silent := stream.New(func(ctx context.Context, _ func(int) bool) error {
		<-ctx.Done()
		return context.Cause(ctx)
	})
	_, err := stream.Collect(context.Background(), stream.Timeout(silent, time.Millisecond, nil))
	fmt.Println(errors.Is(err, stream.ErrTimeout))
	// Output: true
}
