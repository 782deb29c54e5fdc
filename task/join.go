package task

import "context"

// allOf runs all functions at once, cancels the others when one fails, waits for all, and
// returns the first error. A panic panics here. name is the function that was called.
func allOf(ctx context.Context, name string, fs ...func(context.Context) error) error {
	checkContext(ctx, name)
	return WithGroup(ctx, Unlimited, func(s *Scope) error {
		for _, f := range fs {
			s.SpawnErr(f)
		}
		return nil
	})
}

// checkFuncs is checkFunc for each of fs.
func checkFuncs[T any](fs []func(context.Context) (T, error), name string) {
	for _, f := range fs {
		checkFunc(f != nil, name)
	}
}

// into returns a function that calls f and stores its result. It panics if f is nil; name is
// the function that f was passed to.
func into[T any](result *T, name string, f func(context.Context) (T, error)) func(context.Context) error {
	checkFunc(f != nil, name)
	return func(ctx context.Context) (err error) {
		*result, err = f(ctx)
		return err
	}
}

// JoinAll runs all functions at once and returns their results in the order of the functions.
// After tokio's try_join!.
//
// The context of a function ends when the function returns, so its result must not need it:
// read the body of an http.Response, or the rows of a query, in the function.
//
// The first error cancels the contexts of the other functions, with that error as the cause.
// JoinAll returns that error after all functions have returned. A panic does the same and then
// panics in JoinAll. A ctx that is already done is reported first, also without functions.
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

// Join2 is [JoinAll] for two functions with different types of results. For functions that
// return only an error, see [JoinAllErr].
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

// Join3 is [Join2] for three functions.
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

// Join4 is [Join2] for four functions.
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

// Join5 is [Join2] for five functions.
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

// Outcome is the result of one function of [Settle].
type Outcome[T any] struct {
	Value T
	Err   error // a [*PanicError] if it panicked
}

// Settle runs all functions at once, waits for all, and returns the result of each, in the
// order of the functions. A failure does not cancel the other functions. The context of a
// function ends when the function returns, so its value must not need it. After JavaScript's
// Promise.allSettled.
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
