package task

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// errWon cancels the losers of a race.
var errWon = errors.New("task: another one won the race")

// Race runs all functions at once and returns the result of the first to end,
// be it an error. The context of the winner ends when it returns, so its result must
// not need it. The context of the losers is cancelled, they are waited for, and their
// results are dropped; a panic of any of them panics here. It panics without
// functions, and with a nil one before anything runs. After tokio's select!.
//
//ferrous:blocks
func Race[T any](ctx context.Context, fs ...func(context.Context) (T, error)) (T, error) {
	return race(ctx, "Race", fs, func(*failure) bool { return true })
}

// RaceOK is [Race] for the first to succeed. The context of the winner ends when it
// returns. When none succeeds, the error joins those of all, in the order of the
// functions. After futures' select_ok.
//
//ferrous:blocks
func RaceOK[T any](ctx context.Context, fs ...func(context.Context) (T, error)) (T, error) {
	return race(ctx, "RaceOK", fs, func(f *failure) bool { return f == nil })
}

func race[T any](
	ctx context.Context, name string, fs []func(context.Context) (T, error), wins func(*failure) bool,
) (T, error) {
	if len(fs) == 0 {
		panic(bug("%s: no functions", name))
	}
	mustCallAll(fs, name)
	var winner atomic.Pointer[core]
	s := newScope(ctx)
	s.settles = func(c *core) error {
		switch f := c.failure; {
		case f != nil && f.panicked:
			return f.err
		case wins(f):
			winner.CompareAndSwap(nil, c)
			return errWon
		default:
			return nil
		}
	}
	handles := make([]*Handle[T], len(fs))
	_ = s.run(ctx, func(s *Scope) error {
		for i, f := range fs {
			handles[i] = Spawn(s, f)
		}
		return nil
	})
	panics, _ := unseen(s.failures)
	resurface(panics)
	errs := make([]error, len(fs))
	for i, h := range handles {
		if h.base() == winner.Load() {
			return h.outcome()
		}
		errs[i] = h.see()
	}
	var zero T
	return zero, errors.Join(errs...)
}

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
	var zero T
	mustCall(f != nil, "Timeout")
	if ctx.Err() != nil {
		return zero, over(ctx)
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
