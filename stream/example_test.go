package stream_test

import (
	"context"
	"fmt"
	"io"
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
