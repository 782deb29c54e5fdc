package stream_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/coderrange/ferrous/stream"
)

func TestMain(m *testing.M) {
	if how := os.Getenv(inputKind); how != "" { // a child of a test
		readInput(how)
		return
	}
	goleak.VerifyTestMain(m)
}

var errBoom = errors.New("boom")

// noLeak fails the test if goroutines are left at its end.
func noLeak(t *testing.T) {
	t.Helper()
	current := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, current) })
}

// count is an endless stream of 0, 1, ….
func count() stream.Stream[int] {
	return stream.FromSeq(func(yield func(int) bool) {
		for i := 0; yield(i); i++ {
		}
	})
}

// heedless is count as a source that heeds nothing but yield's answer.
func heedless() stream.Stream[int] {
	return stream.New(func(_ context.Context, yield func(int) bool) error {
		for i := 0; yield(i); i++ {
		}
		return nil
	})
}

// upTo is a stream of 0 … n-1 and then err.
func upTo(n int, err error) stream.Stream[int] {
	s := count().Take(n)
	if err != nil {
		s = s.Chain(stream.Fail[int](err))
	}
	return s
}

// stuck is a stream that never has an element.
func stuck[T any]() stream.Stream[T] { return stream.FromChan(make(chan T)) }

func collect[T any](t *testing.T, s stream.Stream[T]) []T {
	t.Helper()
	vs, err := stream.Collect(context.Background(), s)
	require.NoError(t, err)
	return vs
}

func ints(n int) []int {
	vs := make([]int, n)
	for i := range vs {
		vs[i] = i
	}
	return vs
}

func double(_ context.Context, v int) (int, error) { return 2 * v, nil }
