package task_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if crash := crashes[os.Getenv("TASK_CRASH")]; crash != nil {
		crash()
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

var errBoom = errors.New("boom")

// value returns a task that succeeds at once.
func value[T any](v T) func(context.Context) (T, error) {
	return func(context.Context) (T, error) { return v, nil }
}

// failing returns a task that fails at once.
func failing(err error) func(context.Context) (int, error) {
	return func(context.Context) (int, error) { return 0, err }
}

// untilDone is a task that waits for the end of its context.
func untilDone(ctx context.Context) (int, error) {
	<-ctx.Done()
	return 0, context.Cause(ctx)
}

// ints returns 0 … n-1.
func ints(n int) []int {
	vs := make([]int, n)
	for i := range vs {
		vs[i] = i
	}
	return vs
}

// after returns a task that waits for a signal, whatever becomes of its context.
func after[T any](signal <-chan struct{}, v T) func(context.Context) (T, error) {
	return func(context.Context) (T, error) {
		<-signal
		return v, nil
	}
}
