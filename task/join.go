package task

import "context"

// allOf runs all functions at once, cancels the rest when one fails, waits for all,
// and returns the first failure. A panic panics here.
func allOf(ctx context.Context, name string, fs ...func(context.Context) error) error {
	checkContext(ctx, name)
	return WithGroup(ctx, Unlimited, func(s *Scope) error {
		for _, f := range fs {
			s.SpawnErr(f)
		}
		return nil
	})
}

// checkFuncs panics if one of the functions that were given to the named one is nil.
func checkFuncs[T any](fs []func(context.Context) (T, error), name string) {
	for _, f := range fs {
		checkFunc(f != nil, name)
	}
}

// into returns f, which was given to the named function, as a function that stores its
// result.
func into[T any](result *T, name string, f func(context.Context) (T, error)) func(context.Context) error {
	checkFunc(f != nil, name)
	return func(ctx context.Context) (err error) {
		*result, err = f(ctx)
		return err
	}
}

// JoinAll runs all functions at once and returns their results in the order of
// the functions. The context of each ends when that function returns, so a result
// must not need it: read the body of an http.Response, or the rows of a query, in the
// function. A deadline that a function copied out of its context stays where it was
// copied to. After tokio's try_join!.
//
// The first error cancels the context of the others with itself as the cause; JoinAll
// waits for all of them and returns it. So does a panic, which then panics here. A
// done context is noticed first, also without functions. A nil function panics before
// anything runs.
//
//ferrous:blocks
func JoinAll[T any](ctx context.Context, fs ...func(context.Context) (T, error)) ([]T, error) {
	return joinAll(ctx, "JoinAll", fs)
}

func joinAll[T any](ctx context.Context, name string, fs []func(context.Context) (T, error)) ([]T, error) {
	checkContext(ctx, name)
	if len(fs) == 0 && ctx.Err() != nil {
		return nil, contextError(ctx)
	}
	results := make([]T, len(fs))
	stored := make([]func(context.Context) error, len(fs))
	for i, f := range fs {
		stored[i] = into(&results[i], name, f)
	}
	if err := allOf(ctx, name, stored...); err != nil {
		return nil, err
	}
	return results, nil
}

// JoinAllErr is [JoinAll] for functions that return only an error.
//
//ferrous:blocks
func JoinAllErr(ctx context.Context, fs ...func(context.Context) error) error {
	_, err := joinAll(ctx, "JoinAllErr", noValues("JoinAllErr", fs))
	return err
}

// Join2 is [JoinAll] for two functions of their own types. Their contexts end as they
// return. Without values it is [JoinAllErr].
//
//ferrous:blocks
func Join2[A, B any](
	ctx context.Context,
	fa func(context.Context) (A, error), fb func(context.Context) (B, error),
) (a A, b B, err error) {
	const name = "Join2"
	err = allOf(ctx, name, into(&a, name, fa), into(&b, name, fb))
	return a, b, err
}

// Join3 is [JoinAll] for three functions of their own types. Their contexts end as they
// return. Without values it is [JoinAllErr].
//
//ferrous:blocks
func Join3[A, B, C any](
	ctx context.Context,
	fa func(context.Context) (A, error), fb func(context.Context) (B, error),
	fc func(context.Context) (C, error),
) (a A, b B, c C, err error) {
	const name = "Join3"
	err = allOf(ctx, name, into(&a, name, fa), into(&b, name, fb), into(&c, name, fc))
	return a, b, c, err
}

// Join4 is [JoinAll] for four functions of their own types. Their contexts end as they
// return. Without values it is [JoinAllErr].
//
//ferrous:blocks
func Join4[A, B, C, D any](
	ctx context.Context,
	fa func(context.Context) (A, error), fb func(context.Context) (B, error),
	fc func(context.Context) (C, error), fd func(context.Context) (D, error),
) (a A, b B, c C, d D, err error) {
	const name = "Join4"
	err = allOf(ctx, name, into(&a, name, fa), into(&b, name, fb), into(&c, name, fc), into(&d, name, fd))
	return a, b, c, d, err
}

// Join5 is [JoinAll] for five functions of their own types. Their contexts end as they
// return. Without values it is [JoinAllErr].
//
//ferrous:blocks
func Join5[A, B, C, D, E any](
	ctx context.Context,
	fa func(context.Context) (A, error), fb func(context.Context) (B, error),
	fc func(context.Context) (C, error), fd func(context.Context) (D, error),
	fe func(context.Context) (E, error),
) (a A, b B, c C, d D, e E, err error) {
	const name = "Join5"
	err = allOf(ctx, name, into(&a, name, fa), into(&b, name, fb), into(&c, name, fc), into(&d, name, fd), into(&e, name, fe))
	return a, b, c, d, e, err
}

// Outcome is what became of one task.
type Outcome[T any] struct {
	Value T
	Err   error // a [*PanicError] if it panicked
}

// Settle runs all functions at once, waits for all, and returns what became of
// each, in the order of the functions. The context of each ends when that function
// returns, so a value must not need it. Nothing that one does cancels another. A nil
// function panics before anything runs.
//
//ferrous:blocks
func Settle[T any](ctx context.Context, fs ...func(context.Context) (T, error)) []Outcome[T] {
	return settle(ctx, "Settle", fs)
}

func settle[T any](ctx context.Context, name string, fs []func(context.Context) (T, error)) []Outcome[T] {
	checkContext(ctx, name)
	checkFuncs(fs, name)
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

// SettleErr is [Settle] for functions that return only an error. It returns the error of
// each function, in the order of the functions; a [*PanicError] for a panic.
//
//ferrous:blocks
func SettleErr(ctx context.Context, fs ...func(context.Context) error) []error {
	errs := make([]error, len(fs))
	for i, o := range settle(ctx, "SettleErr", noValues("SettleErr", fs)) {
		errs[i] = o.Err
	}
	return errs
}
