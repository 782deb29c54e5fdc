package task

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Timeout calls f with a context that ends after d, with [ErrTimeout] as its
// cause, or when f returns, so what f returns must not need it. A deadline that f
// copied out of it stays where it was copied to. (In package retry the context of an
// attempt that succeeded lives on.)
//
// It returns what f returned: a success also when it came late. An error of f after
// the time is over wraps ErrTimeout too. If d is not positive, f is not called.
//
// f runs on the caller's goroutine and is waited for, so it must heed its
// context.
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
