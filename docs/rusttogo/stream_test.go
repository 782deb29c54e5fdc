package rusttogo

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coderrange/ferrous/channel"
	"github.com/coderrange/ferrous/stream"
)

// drain prints the elements of a stream and its error.
func drain[T any](s stream.Stream[T]) {
	all, err := stream.Collect(context.Background(), s)
	fmt.Println(all, err)
}

func Example_stream() {
	ctx := context.Background()
	s := stream.Of(1, 2, 3)
	for v, err := range s.All(ctx) {
		fmt.Print(v, " ", err, "; ")
	}
	all, err := stream.Collect(ctx, s)
	fmt.Println(all, err)
	sum, err := stream.Reduce(ctx, s, 0, func(sum, n int) (int, error) { return sum + n, nil })
	fmt.Println(sum, err)
	err = stream.ForEach(ctx, s, 1, func(_ context.Context, n int) error { fmt.Print(n, " "); return nil })
	fmt.Println(err)
	// Output:
	// 1 <nil>; 2 <nil>; 3 <nil>; [1 2 3] <nil>
	// 6 <nil>
	// 1 2 3 <nil>
}

func Example_streamSources() {
	c := make(chan int, 2)
	c <- 1
	c <- 2
	close(c)
	drain(stream.FromChan(c))
	tx, rx := channel.New[string](1)
	_ = tx.TrySend("zero")
	tx.Close()
	drain(stream.FromReceiver(rx))
	drain(stream.FromSlice([]int{3, 4}))
	drain(stream.FromSeq(slices.Values([]int{5, 6})))
	open := func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("one\ntwo\n")), nil
	}
	drain(stream.Lines(open, 1<<20))
	drain(stream.SSE(func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("data: hello\n\n")), nil
	}, 1<<20))
	batch := func(context.Context) ([]string, error) { return []string{"log"}, nil }
	drain(stream.Poll(time.Millisecond, batch).Take(2))
	fmt.Println(stream.Collect(context.Background(), stream.Fail[int](errSad)))
	// Output:
	// [1 2] <nil>
	// [zero] <nil>
	// [3 4] <nil>
	// [5 6] <nil>
	// [one two] <nil>
	// [{ message hello 0s}] <nil>
	// [log log] <nil>
	// [] sad
}

func Example_streamMap() {
	s := stream.Of(1, 2, 3, 4)
	text := func(_ context.Context, n int) (string, error) { return strconv.Itoa(n), nil }
	drain(stream.Map(s, 1, text))
	drain(stream.Map(s, 8, text))
	drain(stream.MapUnordered(stream.Of(7), 8, text))
	drain(s.Filter(isEven))
	drain(stream.FilterMap(s, func(_ context.Context, n int) (int, bool, error) { return n / 2, isEven(n), nil }))
	drain(stream.FlatMap(s, func(n int) stream.Stream[int] { return stream.Of(n, n) }))
	drain(stream.Scan(s, 0, func(sum, n int) int { return sum + n }))
	drain(s.Inspect(func(n int) { fmt.Print(n, " ") }))
	// Output:
	// [1 2 3 4] <nil>
	// [1 2 3 4] <nil>
	// [7] <nil>
	// [2 4] <nil>
	// [1 2] <nil>
	// [1 1 2 2 3 3 4 4] <nil>
	// [1 3 6 10] <nil>
	// 1 2 3 4 [1 2 3 4] <nil>
}

func Example_streamPart() {
	s := stream.Of(1, 2, 3, 4)
	small := func(n int) bool { return n < 3 }
	drain(s.Take(2))
	drain(s.Skip(2))
	drain(s.TakeWhile(small))
	drain(s.SkipWhile(small))
	drain(stream.Chunks(s, 3))
	drain(stream.Enumerate(s.Take(2)))
	stop := make(chan struct{})
	close(stop)
	drain(stream.TakeUntil(s, stop))
	b := stream.Of(7)
	drain(stream.ReadyChunks(b, 10))
	ctx := context.Background()
	first, ok, err := stream.First(ctx, s)
	fmt.Println(first, ok, err)
	found, err := stream.Any(ctx, s, small)
	fmt.Println(found, err)
	every, err := stream.All(ctx, s, small)
	fmt.Println(every, err)
	n, err := stream.Count(ctx, s)
	fmt.Println(n, err)
	// Output:
	// [1 2] <nil>
	// [3 4] <nil>
	// [1 2] <nil>
	// [3 4] <nil>
	// [[1 2 3] [4]] <nil>
	// [{0 1} {1 2}] <nil>
	// [] <nil>
	// [[7]] <nil>
	// 1 true <nil>
	// true <nil>
	// false <nil>
	// 4 <nil>
}

func Example_streamJoin() {
	a, b := stream.Of(1, 2), stream.Of(3)
	drain(a.Chain(b))
	drain(stream.Zip(a, b))
	merged, err := stream.Collect(context.Background(), stream.Merge(a, b))
	slices.Sort(merged)
	fmt.Println(merged, err)
	drain(stream.SelectAll(map[string]stream.Stream[int]{"b": b}))
	var clients stream.Sources[string, int]
	err = clients.Insert("b", b)
	clients.Close()
	fmt.Println(err)
	drain(clients.Stream())
	flattened, err := stream.Collect(context.Background(), stream.FlattenUnordered(stream.Of(a, b), 2))
	slices.Sort(flattened)
	fmt.Println(flattened, err)
	mapped, err := stream.Collect(context.Background(), stream.FlatMapUnordered(a, 2, func(n int) stream.Stream[int] { return stream.Of(n, n) }))
	slices.Sort(mapped)
	fmt.Println(mapped, err)
	// Output:
	// [1 2 3] <nil>
	// [{1 3}] <nil>
	// [1 2 3] <nil>
	// [{b 3}] <nil>
	// <nil>
	// [{b 3}] <nil>
	// [1 2 3] <nil>
	// [1 1 2 2] <nil>
}

func Example_streamTime() {
	s := stream.Of(1, 2)
	drain(stream.Timeout(s, time.Minute, nil))
	drain(stream.Throttle(s, time.Millisecond))
	drain(stream.ChunksTimeout(s, 10, time.Minute))
	drain(stream.Buffer(s, 16))
	ticks, err := stream.Collect(context.Background(), stream.Ticker(time.Millisecond).Take(1))
	fmt.Println(len(ticks), err)
	// Output:
	// [1 2] <nil>
	// [1 2] <nil>
	// [[1 2]] <nil>
	// [1 2] <nil>
	// 1 <nil>
}
