package task

import (
	"context"
	"errors"
	"sync/atomic"
)

// errWon is the cause with which the losers of a race are canceled.
var errWon = errors.New("task: another one won the race")

// Race runs all functions at once and returns the result of the first that ends, also if it is
// an error. The contexts of the others are canceled, and Race waits for them and drops their
// results. A panic of any function panics in Race. The context of the winner ends when it
// returns, so its result must not need it. Race panics if there are no functions. After
// tokio's select!.
//
//ferrous:blocks
func Race[T any](ctx context.Context, fs ...func(context.Context) (T, error)) (T, error) {
	return race(ctx, "Race", fs, func(*failure) bool { return true })
}

// RaceOK is [Race] for the first function that succeeds. If none does, it returns the errors of
// all functions, combined by [errors.Join] in the order of the functions. After futures'
// select_ok.
//
//ferrous:blocks
func RaceOK[T any](ctx context.Context, fs ...func(context.Context) (T, error)) (T, error) {
	return race(ctx, "RaceOK", fs, func(f *failure) bool { return f == nil })
}

// RaceErr is [Race] for functions that return only an error.
//
//ferrous:blocks
func RaceErr(ctx context.Context, fs ...func(context.Context) error) error {
	_, err := race(ctx, "RaceErr", noValues("RaceErr", fs), func(*failure) bool { return true })
	return err
}

// RaceOKErr is [RaceOK] for functions that return only an error.
//
//ferrous:blocks
func RaceOKErr(ctx context.Context, fs ...func(context.Context) error) error {
	_, err := race(ctx, "RaceOKErr", noValues("RaceOKErr", fs), func(f *failure) bool { return f == nil })
	return err
}

func race[T any](
	ctx context.Context, name string, fs []func(context.Context) (T, error), wins func(*failure) bool,
) (T, error) {
	checkContext(ctx, name)
	if len(fs) == 0 {
		panic(bug("%s: no functions", name))
	}
	checkFuncs(fs, name)
	var winner atomic.Pointer[taskState]
	s := newScope(ctx)
	s.onEnd = func(t *taskState) error {
		switch f := t.failure; {
		case f != nil && f.panicked:
			return f.err
		case wins(f):
			winner.CompareAndSwap(nil, t)
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
	panics, _ := takeUnseen(s.failures)
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
