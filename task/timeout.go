package task

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Timeout calls f on the caller's goroutine, with a context that is canceled after d with
// [ErrTimeout] as the cause. f must return when its context is done: Timeout waits for it.
//
// Timeout returns the results of f, also if f succeeds after the time has passed. An error of f
// after that time also wraps ErrTimeout. If d is not positive, f is not called.
//
// The context ends when f returns, so the result must not need it. (The context of an attempt
// of package retry that succeeded does not end.)
//
//ferrous:blocks
func Timeout[T any](ctx context.Context, d time.Duration, f func(context.Context) (T, error)) (T, error) {
	return timeout(ctx, "Timeout", d, f)
}

func timeout[T any](
	ctx context.Context, name string, d time.Duration, f func(context.Context) (T, error),
) (T, error) {
	var zero T
	checkContext(ctx, name)
	checkFunc(f != nil, name)
	if ctx.Err() != nil {
		return zero, contextError(ctx)
	}
	if d <= 0 {
		return zero, ErrTimeout
	}
	ours := fmt.Errorf("%w after %v", ErrTimeout, d)
	limited, cancel := context.WithTimeoutCause(ctx, d, ours)
	defer cancel()
	v, err := f(limited)
	if err != nil && context.Cause(limited) == ours && !errors.Is(err, ErrTimeout) { //nolint:errorlint // not an inner Timeout's
		return v, fmt.Errorf("%w: %w", ours, err)
	}
	return v, err
}

// TimeoutErr is [Timeout] for a function that returns only an error.
//
//ferrous:blocks
func TimeoutErr(ctx context.Context, d time.Duration, f func(context.Context) error) error {
	_, err := timeout(ctx, "TimeoutErr", d, noValue[struct{}]("TimeoutErr", f))
	return err
}
