package task

import "context"

// all runs f(ctx, 0) … f(ctx, n-1) at once, cancels the rest when one fails,
// waits for all, and returns the first failure. A panic panics here.
func all(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	s := newScope(ctx)
	s.settles = func(c *core) error {
		if c.failure == nil {
			return nil
		}
		return c.failure.err
	}
	err := s.run(ctx, func(s *Scope) error {
		for i := range n {
			Spawn(s, func(ctx context.Context) (struct{}, error) { return struct{}{}, f(ctx, i) })
		}
		return nil
	})
	panics, errs := unseen(s.failures)
	resurface(panics)
	if len(errs) > 0 {
		err = errs[0]
	}
	return err
}

// into returns f as a function that stores its result.
func into[T any](result *T, f func(context.Context) (T, error)) func(context.Context) error {
	if f == nil {
		panic(bug("nil function"))
	}
	return func(ctx context.Context) (err error) {
		*result, err = f(ctx)
		return err
	}
}

func allOf(ctx context.Context, fs ...func(context.Context) error) error {
	return all(ctx, len(fs), func(ctx context.Context, i int) error { return fs[i](ctx) })
}

// JoinAll runs all functions at once and returns their results in the order of
// the functions. The first error cancels the context of the others with itself
// as the cause; JoinAll waits for all of them and returns it. So does a panic,
// which then panics here. After tokio's try_join!.
//
//ferrous:blocks
func JoinAll[T any](ctx context.Context, fs ...func(context.Context) (T, error)) ([]T, error) {
	results := make([]T, len(fs))
	err := all(ctx, len(fs), func(ctx context.Context, i int) error {
		return into(&results[i], fs[i])(ctx)
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// Join2 is [JoinAll] for two functions of their own types.
//
//ferrous:blocks
func Join2[A, B any](
	ctx context.Context,
	fa func(context.Context) (A, error), fb func(context.Context) (B, error),
) (a A, b B, err error) {
	err = allOf(ctx, into(&a, fa), into(&b, fb))
	return a, b, err
}

// Join3 is [JoinAll] for three functions of their own types.
//
//ferrous:blocks
func Join3[A, B, C any](
	ctx context.Context,
	fa func(context.Context) (A, error), fb func(context.Context) (B, error),
	fc func(context.Context) (C, error),
) (a A, b B, c C, err error) {
	err = allOf(ctx, into(&a, fa), into(&b, fb), into(&c, fc))
	return a, b, c, err
}

// Join4 is [JoinAll] for four functions of their own types.
//
//ferrous:blocks
func Join4[A, B, C, D any](
	ctx context.Context,
	fa func(context.Context) (A, error), fb func(context.Context) (B, error),
	fc func(context.Context) (C, error), fd func(context.Context) (D, error),
) (a A, b B, c C, d D, err error) {
	err = allOf(ctx, into(&a, fa), into(&b, fb), into(&c, fc), into(&d, fd))
	return a, b, c, d, err
}

// Join5 is [JoinAll] for five functions of their own types.
//
//ferrous:blocks
func Join5[A, B, C, D, E any](
	ctx context.Context,
	fa func(context.Context) (A, error), fb func(context.Context) (B, error),
	fc func(context.Context) (C, error), fd func(context.Context) (D, error),
	fe func(context.Context) (E, error),
) (a A, b B, c C, d D, e E, err error) {
	err = allOf(ctx, into(&a, fa), into(&b, fb), into(&c, fc), into(&d, fd), into(&e, fe))
	return a, b, c, d, e, err
}

// Outcome is what became of one task.
type Outcome[T any] struct {
	Value T
	Err   error // a [*PanicError] if it panicked
}

// Settle runs all functions at once, waits for all, and returns what became of
// each, in the order of the functions. Nothing that one does cancels another.
//
//ferrous:blocks
func Settle[T any](ctx context.Context, fs ...func(context.Context) (T, error)) []Outcome[T] {
	outcomes := make([]Outcome[T], len(fs))
	s := newScope(ctx)
	handles := make([]*Handle[T], len(fs))
	_ = s.run(ctx, func(s *Scope) error {
		for i, f := range fs {
			handles[i] = Spawn(s, f)
		}
		return nil
	})
	for i, h := range handles {
		outcomes[i].Value, _, outcomes[i].Err = h.Poll()
	}
	return outcomes
}
